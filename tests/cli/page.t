# Paging under load: however many look for pages that are due and wherever
# they are killed, every step is told exactly once; reports, answers and
# acknowledgements at the same moment do not get in each other's way.
use strict;
use warnings;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);
use lib 'tests/lib';
use Database 'sql';

Database::make('page');

# The statements one after the other, each a transaction, in a process of
# their own; its output goes nowhere, its exit status tells.
sub start {
	my (@statements) = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	open(STDOUT, '>', '/dev/null');
	open(STDERR, '>', '/dev/null') unless $ENV{TEST_VERBOSE};
	exec('psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', map { ('-c', $_) } @statements) or POSIX::_exit(127);
}

sub failed {
	my $n = 0;
	for my $pid (@_) {
		waitpid($pid, 0);
		$n++ if $?;
	}
	return $n;
}

my $many = $ENV{PAGES} // 120;
sql(qq{
	INSERT INTO desk.staff (login, name) SELECT 'p' || n, 'Person ' || n FROM generate_series(1, 3) n;
	UPDATE desk.rotation SET lead = (SELECT id FROM desk.staff WHERE login = 'p2'), manager = (SELECT id FROM desk.staff WHERE login = 'p3');
	SET session_replication_role = replica;
	INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason) SELECT 'engineering', id, 'experienced', current_date, 'x' FROM desk.staff WHERE login = 'p1';
	INSERT INTO desk.duty_seat (rotation, monday, seat, staff, span, ready)
	SELECT rotation, date_trunc('week', now())::date, 1, staff, tstzrange(now() - interval '1 day', now() + interval '1 day'), id FROM desk.duty_ready;
	RESET session_replication_role;
	INSERT INTO desk.product (name, label) SELECT 'p' || n, 'Product ' || n FROM generate_series(1, $many) n;
	INSERT INTO desk.ticket (subject, kind, product, severity, production_down) SELECT 'Down', 'outage', 'p' || n, 1, true FROM generate_series(1, $many) n});
is(sql('SELECT count(*) FROM desk.page'), $many, 'every product has a page of its own');

my $xact = sql('SELECT pg_current_xact_id()');
is(sql('SELECT desk.page_advance()'), 0, 'nothing is due yet');
is(sql('SELECT pg_current_xact_id()') - $xact, 1, 'and such a run writes nothing');

# Four that are killed somewhere, then four that are not.
my $due = q{UPDATE desk.page SET next_at = now() - interval '1 second'};
sql($due);
my @doomed = map { start(('SELECT desk.page_advance()') x 20) } 1 .. 4;
for (1 .. 8) {
	sleep(rand(0.03));
	sql(q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND query ~ '^SELECT desk.page_advance' AND pid <> pg_backend_pid()});
	push @doomed, start(('SELECT desk.page_advance()') x 20);
}
sql(q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
	WHERE datname = current_database() AND query ~ '^SELECT desk.page_advance' AND pid <> pg_backend_pid()});
note(failed(@doomed) . ' of ' . @doomed . ' were killed');
is(failed(map { start(('SELECT desk.page_advance()') x 5) } 1 .. 4), 0, 'four at once all succeed');

sub told_once {
	my ($steps) = @_;
	is(sql("SELECT count(*) FROM desk.page_event WHERE kind = 'told'"), $many * $steps, "every page has made $steps steps");
	is(sql("SELECT count(*) FROM desk.page_event WHERE kind = 'overtaken'"), 0, 'none was passed over');
	is(sql("SELECT count(*) FROM desk.outbox WHERE kind = 'page' AND via = 'mail'"), $many * $steps, 'each is one mail');
	is(sql("SELECT count(*) FROM (SELECT FROM desk.outbox WHERE kind = 'page' AND via = 'mail' GROUP BY ticket, staff HAVING count(*) > 1) x"), 0, 'and nobody got two');
	is(sql('SELECT count(*) FROM desk.page_link'), $many * $steps, 'with a link of its own');
}
told_once(2);
sql($due);
is(failed(map { start('SELECT desk.page_advance()', 'SELECT desk.page_advance()') } 1 .. 4), 0, 'the next step, four at once');
told_once(3);

# Reports at the same moment.
sql("INSERT INTO desk.product (name, label) VALUES ('same', 'Same')");
is(failed(map { start("BEGIN; INSERT INTO desk.ticket (subject, kind, product, severity, production_down) VALUES ('Down', 'outage', 'same', 1, true); SELECT pg_sleep(0.2); COMMIT") } 1 .. 8), 0,
	'eight reports of one incident at the same moment');
is(sql("SELECT count(*) || ' ' || (SELECT count(*) FROM desk.page_report JOIN desk.ticket t ON t.number = ticket WHERE t.product = 'same') FROM desk.page WHERE product = 'same'"), '1 8', 'are one page');
is(sql("SELECT count(*) FROM desk.outbox o JOIN desk.ticket t ON t.number = o.ticket WHERE t.product = 'same' AND o.kind = 'page' AND via = 'mail'"), 1, 'that wakes one person');

# Two answers, an acknowledgement and a step of the same page at the same
# moment, again and again.
my @tickets = sql("SELECT number FROM desk.ticket WHERE product = 'same' ORDER BY number");
my $same = sql("SELECT id FROM desk.page WHERE product = 'same'");
my $staff = sql("SELECT id FROM desk.staff WHERE login = 'p1'");
my $broken = 0;
for my $round (1 .. 6) {
	sql("UPDATE desk.page SET next_at = now() - interval '1 second' WHERE id = $same AND acknowledged_at IS NULL");
	my ($one, $two) = @tickets[$round - 1, ($round + 1) % 8];
	$broken += failed(
		start("INSERT INTO desk.message (ticket, author, staff, name, body) VALUES ($one, 'staff', $staff, 'P', 'x')"),
		start("INSERT INTO desk.message (ticket, author, staff, name, body) VALUES ($two, 'staff', $staff, 'P', 'x')"),
		start("SELECT desk.page_take($same, $staff)"),
		start('SELECT desk.page_advance()'),
		start("UPDATE desk.ticket SET production_down = false WHERE number = $tickets[7]"));
}
is($broken, 0, 'answers, acknowledgements, steps and changes at once do not lock each other out');
is(sql("SELECT count(*) FROM desk.page_event WHERE page = $same AND kind = 'acknowledged'"), 1, 'one of them acknowledged the page');
sql("INSERT INTO desk.message (ticket, author, staff, name, body) SELECT number, 'staff', $staff, 'P', 'x' FROM desk.ticket WHERE product = 'same' AND answered_at IS NULL");
is(sql("SELECT string_agg(DISTINCT resolved_why, ' ') FROM desk.page WHERE id = $same"), 'answered', 'and it is over when all have an answer');
is(sql("SELECT count(*) FROM desk.page_event WHERE page = $same AND kind = 'resolved'"), 1, 'once');

done_testing;
