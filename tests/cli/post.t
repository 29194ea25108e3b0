# What "make run" has beside the pages: mail goes out to a server that keeps
# it, slacheck looks at the clocks as cron would have it do, and all of it
# ends with the desk.
use strict;
use warnings;
use Test::More;

my $build = $ENV{NIGHTDESK_BUILD} // 'build';
die "$build/notify, slacheck or login is not built\n" unless -x "$build/notify" && -x "$build/slacheck" && -x "$build/login";

my $script = <<'SH';
set -eu
echo "dir $DESK_DIR"
psql -XqAt <<'SQL'
INSERT INTO desk.staff_contact (staff, mail) SELECT id, 'demo@desk.example' FROM desk.staff WHERE login = 'demo';
SELECT desk.mail_urgent('alarm', NULL, NULL, 'It works', 'words');
SQL
for try in $(seq 100); do
	[ -z "$(ls "$DESK_DIR/mail/new")" ] || break
	sleep 0.1
done
cat "$DESK_DIR"/mail/new/* | sed -n 's/^Subject: /subject /p'
echo "slacheck $(wc -c <"$DESK_DIR/log/slacheck.log")"
for name in smtp notify cron; do
	echo "running $(head -n 1 "$DESK_DIR/pid/$name")"
done
SH
open(my $desk, '-|', 'tests/private-desk', '--post', 'yes', '--with', '-', 'sh', '-c', $script) or die "private-desk: $!";
my @said = <$desk>;
ok(close $desk, 'a desk with all of it starts and stops') or diag @said;
chomp @said;
is((grep { /^subject/ } @said)[0], 'subject It works', 'mail arrives');
is((grep { /^slacheck/ } @said)[0], 'slacheck 0', 'slacheck has nothing to complain of');
my @pids = map { /^running (\d+)/ ? $1 : () } @said;
is(scalar(@pids), 3, 'a server, notify and cron ran');
is_deeply([grep { -d "/proc/$_" } @pids], [], 'and ended with it');
my ($dir) = map { /^dir (.*)/ ? $1 : () } @said;
ok(!-e $dir, 'nothing is left');
done_testing;
