# A database of the release before upgrades in place: what it holds is what
# the new functions make of it.  The rows of then are written without the
# triggers of now.
use strict;
use warnings;
use Cwd 'abs_path';
use File::Basename qw(basename dirname);
use File::Copy 'copy';
use File::Temp 'tempdir';
use Test::More;

my $project = abs_path(dirname(__FILE__) . '/../..');
my $dir = tempdir(CLEANUP => 1);
$ENV{PGDATABASE} = "upgrade_$$";
system("createdb -T template0 $ENV{PGDATABASE}") == 0 or die 'createdb';
END {
	my $status = $?;
	system("dropdb --if-exists upgrade_$$");
	$? = $status;
}

sub ask {
	open my $psql, '-|', 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-c', $_[0] or die "psql: $!";
	my $answer = join '', <$psql>;
	close $psql or die "psql failed\n";
	chomp $answer;
	return $answer;
}

# The release of 060, the last before clocks were replays.
mkdir "$dir/$_" or die $! for qw(schema desk api report);
copy("$project/sql/$_", "$dir/$_") or die $! for qw(migrate roles.sql);
chmod 0755, "$dir/migrate";
for my $file (glob "$project/sql/schema/0[1-6]0-*.sql") {
	copy($file, "$dir/schema/" . basename($file)) or die $!;
}
is(system("$dir/migrate >/dev/null"), 0, 'the release before can be made');

# The same clocks as people had: one that runs, paused and resumed, one that
# is paused, one stopped in time, one late, one fallen away, a promised date.
ask(<<'SQL');
SET session_replication_role = replica;
INSERT INTO desk.severity VALUES (3, 'Minor', 'x');
INSERT INTO desk.kind VALUES ('bug', 'Bug', 1);
INSERT INTO desk.channel VALUES ('web', 'Web form');
INSERT INTO desk.state VALUES ('new', 'New', true, 1), ('open', 'In work', true, 2), ('pending', 'Waiting', true, 3), ('resolved', 'Solved', false, 5);
INSERT INTO desk.policy (severity, channel, answer_seconds, solve_seconds, warn_percent) VALUES (NULL, NULL, 86400, 1209600, 75);
INSERT INTO desk.staff (login, name) VALUES ('old', 'Old Hand');
INSERT INTO desk.ticket (subject, kind, severity, visibility, state, filed_at, answer_due_at, solve_due_at, next_update_by, answered_at, hold)
SELECT s, 'bug', 3, 'private', st, '2026-03-02 08:00Z', a, b, u, CASE WHEN st <> 'new' THEN '2026-03-02 09:00Z'::timestamptz END, CASE WHEN u IS NOT NULL THEN 'cannot-yet' END FROM (VALUES
	('runs', 'new', timestamptz '2026-03-03 08:00Z', timestamptz '2026-03-16 08:00Z', NULL::timestamptz),
	('resumed', 'open', NULL, '2026-03-16 18:00Z', NULL), ('paused', 'pending', NULL, NULL, NULL),
	('dated', 'open', NULL, '2026-03-16 08:00Z', '2036-03-05 12:00Z')) v (s, st, a, b, u);
INSERT INTO desk.message (ticket, author, staff, body, body_html, posted_at)
SELECT number, 'requester', NULL, 'x', '<p>x</p>', filed_at FROM desk.ticket
UNION ALL SELECT number, 'staff', 1, 'x', '<p>x</p>', answered_at FROM desk.ticket WHERE answered_at IS NOT NULL;
INSERT INTO desk.clock (ticket, metric, policy, state, started_at, since, used_seconds, target_seconds, warn_percent, due_at, warn_at, next_at, warned_at, breached_at, stopped_at)
SELECT t.number, v.m, 1, v.st, t.filed_at, v.since, v.used, v.target, 75, v.due, v.due, v.due, NULL, NULL, v.stopped
FROM desk.ticket t JOIN (VALUES
	('runs', 'first response', 'running', timestamptz '2026-03-02 08:00Z', 0, 86400, timestamptz '2026-03-03 08:00Z', NULL::timestamptz),
	('runs', 'resolution', 'running', '2026-03-02 08:00Z', 0, 1209600, '2026-03-16 08:00Z', NULL),
	('resumed', 'first response', 'stopped', '2026-03-02 08:00Z', 3600, 86400, NULL, '2026-03-02 09:00Z'),
	('resumed', 'resolution', 'running', '2026-03-02 20:00Z', 7200, 1209600, '2026-03-16 18:00Z', NULL),
	('paused', 'first response', 'stopped', '2026-03-02 08:00Z', 3600, 86400, NULL, '2026-03-02 09:00Z'),
	('paused', 'resolution', 'paused', '2026-03-02 08:00Z', 9000.5, 1209600, NULL, NULL),
	('dated', 'first response', 'cancelled', '2026-03-02 08:00Z', 60, 86400, NULL, NULL),
	('dated', 'resolution', 'running', '2026-03-02 08:00Z', 0, 1209600, '2026-03-16 08:00Z', NULL)) v (s, m, st, since, used, target, due, stopped) ON v.s = t.subject;
INSERT INTO desk.change (ticket, field, new, actor, program, changed_at)
SELECT number, 'next_update_by', '2036-03-05 12:00Z', 'sql', 'psql', '2026-03-02 10:00Z' FROM desk.ticket WHERE subject = 'dated';
INSERT INTO desk.outbox (kind, ticket, staff, subject, body) SELECT 'message', number, 1, 'Ticket 1', 'waits still' FROM desk.ticket WHERE subject = 'runs';
SQL
my $before = ask('SELECT string_agg(concat_ws(\' \', ticket, metric, state, used_seconds, due_at, stopped_at), \'; \' ORDER BY ticket, metric) FROM desk.clock');

is(system("$project/sql/migrate >/dev/null"), 0, 'it upgrades in place');
is(ask("SELECT string_agg(concat_ws(' ', ticket, metric, state, used_seconds, due_at, stopped_at), '; ' ORDER BY ticket, metric) FROM desk.clock WHERE metric <> 'next update'"),
	$before, 'every clock shows what it showed');
is(ask("SELECT count(*) FROM desk.clock c, LATERAL (SELECT (l.face).* FROM desk.clock_ledger(desk.clock_events(c.id)) l ORDER BY l.line DESC LIMIT 1) f "
	. "WHERE (c.state, c.used_seconds, c.due_at, c.stopped_at, c.target_seconds) IS DISTINCT FROM (f.state, f.used_seconds, f.due_at, f.stopped_at, f.target_seconds)"),
	0, 'and is the replay of its events');
is(ask("SELECT count(*) FROM desk.clock WHERE warn_percents <> '{75}' AND metric <> 'next update'"), 0, 'the percentage of its warning came along');
is(ask("SELECT c.state || ' ' || (c.due_at = '2036-03-05 12:00Z') || ' ' || (c.started_at = '2026-03-02 10:00Z') FROM desk.clock c WHERE metric = 'next update'"),
	'running true true', 'a promised date has become a clock');
is(ask("SELECT count(*) FROM desk.outbox WHERE body = 'waits still'"), 1, 'mail that was not sent waits still');
is(ask("SELECT answer_seconds || ' ' || next_seconds FROM desk.policy WHERE severity IS NULL AND channel IS NULL AND plan IS NULL"), '86400 86400', 'what was promised holds');
ask("INSERT INTO desk.message (ticket, author, body) SELECT number, 'requester', 'x' FROM desk.ticket WHERE subject = 'paused'");
is(ask("SELECT c.state || ' ' || trim_scale(used_seconds) FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket WHERE subject = 'paused' AND metric = 'resolution'"),
	'running 9000.5', 'and they go on as if nothing had been');
is(ask("SELECT c.state FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket WHERE subject = 'paused' AND metric = 'next response'"), 'running', 'with what is new');
is(system("$project/sql/migrate >/dev/null"), 0, 'again, it is no change');

done_testing();
