# Two slacheck and two notify at a time, killed at random points, with many
# steps due: each is noted once and told once.  A mail that was handed over
# when its program was killed may arrive again, then with the same
# Message-ID.
#
#	STEPS=2000 SEED=7 prove tests/cli/exactly-once.t
use strict;
use warnings;
use lib 'tests/lib';
use Command;
use Post;
use Test::More;
use Time::HiRes qw(sleep time);

my $steps = $ENV{STEPS} // 2000;
my $seed = $ENV{SEED} // int(rand 1e6);
srand $seed;
my $killed = 0;

# Two at a time, each ended after a moment of at most `longest` seconds,
# until nothing is left or a minute and a half is over.  The moments grow:
# who is killed again and again before its first transaction gets nowhere.
sub storm {
	my ($start, $longest, $left) = @_;
	my $until = time + 90;
	my $rounds = 0;
	while (time < $until) {
		my @pids = map { $start->() } 1, 2;
		for my $pid (@pids) {
			sleep(rand($longest * (1 + $rounds / 10)));
			kill KILL => $pid;
			waitpid $pid, 0;
			$killed++ if ($? & 127) == 9;
		}
		$rounds++;
		last unless $left->();
	}
	return $rounds;
}

Post::smtp_start();
my @staff = map { Post::staff("hand$_") } 1 .. 10;
Post::sql("INSERT INTO desk.ticket (subject, kind, severity, filed_at, assignee)
	SELECT 'step ' || n, 'bug', 3, now() - interval '20 hours', (ARRAY[" . join(',', @staff) . "])[1 + n % 10] FROM generate_series(1, $steps) n");
Post::sql("UPDATE desk.limiter SET most = 1000000 WHERE name LIKE 'mail%'");
is(Post::sql('SELECT count(*) FROM desk.clock WHERE next_at < now()'), $steps, "$steps warnings are due (SEED=$seed)");

my $rounds = storm(sub { Command::start("$Post::build/slacheck") }, 0.5, sub { Post::sql('SELECT count(*) FROM desk.clock WHERE next_at < now()') });
my $killed_then = $killed;
cmp_ok($killed, '>', 1, "slacheck was killed, $killed times");
is(system("$Post::build/slacheck"), 0, 'and once it was left alone');
is(Post::sql('SELECT count(*) FROM desk.clock WHERE next_at < now()'), 0, 'nothing is due any more');
is(Post::sql("SELECT count(*) FROM desk.sla_event WHERE kind = 'warned'"), $steps, 'each step is noted once');
is(Post::sql("SELECT count(*) || ' ' || count(DISTINCT ticket) FROM desk.outbox WHERE kind = 'warned' AND via = 'mail'"), "$steps $steps", 'and told once, to one');
is(Post::sql("SELECT count(*) FROM desk.clock WHERE warned_at IS NOT NULL"), $steps, 'the clocks know');

$killed = 0;
# urgent rows wait for nothing, others for more about the same ticket
Post::make_due();
storm(sub { Post::start('--once') }, 1.0, sub { Post::sql('SELECT count(*) FROM desk.outbox WHERE sent_at IS NULL') });
cmp_ok($killed, '>', 1, "notify was killed, $killed times");
is(Post::notify('--once')->{exit}, 0, 'and once it was left alone');
is(Post::sql("SELECT count(*) FROM desk.outbox WHERE sent_at IS NULL OR failed_at IS NOT NULL"), 0, 'nothing is left');
my %seen;
# beside the daily list
$seen{$_->{headers}{'message-id'}[0]}{$_->{headers}{subject}[0]}++ for grep { $_->{headers}{subject}[0] =~ /^Ticket \d+: the first answer is due/ } Post::mails();
is(scalar keys %seen, $steps, "every one of $steps mails arrived");
is(scalar(grep { keys %$_ > 1 } values %seen), 0, 'one Message-ID is one mail');
my $copies = 0;
$copies += $_ - 1 for map { values %$_ } values %seen;
cmp_ok($copies, '<=', $killed, "copies, $copies, are of those that were in hand when notify was killed");

done_testing();
