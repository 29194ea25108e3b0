# The command: what it says, how it exits, and that neither company nor a
# violent death makes it tell something twice or never.
use strict;
use warnings;
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);
use lib 'tests/lib';
use Command;
use Database 'sql';

my $program = Command::built('slacheck');
Database::make('slacheck');
my $dir = tempdir(CLEANUP => 1);

sub start { return Command::start($program, @_) }
sub run { return Command::run($program, @_) }

# Late tickets, without the work of filing them one by one.
sub file {
	my ($count, $age) = @_;
	sql("INSERT INTO desk.ticket (subject, kind, severity, filed_at)
	    SELECT 'Ticket ' || n, 'bug', 3, now() - interval '$age' FROM generate_series(1, $count) n");
}

sub unchanged {
	my ($doing) = @_;
	sql('CHECKPOINT');
	my $before = sql("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = 'desk'");
	$doing->();
	sleep(1.2); # the server's counters come late
	return $before == sql("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables WHERE schemaname = 'desk'");
}

my $r = run('--help');
is($r->{exit}, 0, '--help is no mistake');
like($r->{out}, qr/^\s+69  the database could not be reached$/m, '--help lists the exit status');
is(run(@$_)->{exit}, 64, "\"@$_\" is not how it is called")
    for ['--nonsense'], ['now'], ['--report=xml'], ['--since', 'yesterday'], ['--report', '--status'], ['--report', '--since'],
    ['--format', 'csv'], ['--mail', 'on-duty'], ['--max-age', '5'], ['--report', '--metrics', "$dir/m"], ['--status', '--max-age', '0'],
    ['--status', '--max-age', 'soon'], ['--report', '--mail', 'nobody@example.org'], ['--metrics', '/' . 'x' x 5000];

$r = run('--status');
is($r->{exit}, 3, 'before the first run nobody knows how things stand');
like($r->{out}, qr/^SLA UNKNOWN: .*slacheck has never run.*last_run_age=Us$/m, 'and it says so');

$r = run();
is($r->{exit}, 0, 'a desk without tickets is checked');
is($r->{out} . $r->{err}, '', 'in silence');
is(sql("SELECT count(*) FROM desk.last_run WHERE failed = 0 AND ran_at > now() - interval '1 minute'"), 1, 'and leaves its pulse');
sleep(1.2); # the server's counters come late

# Of what a run writes the pulse alone is left, once a minute: put it into
# the present minute, so that there is none of it either.
sub pulse_is_fresh {
	sleep(0.5) while sql("SELECT extract(second FROM now()) > 50") eq 't';
	sql("UPDATE desk.last_run SET ran_at = now()");
	sleep(1.2);
}
pulse_is_fresh();
ok(unchanged(sub { run() }), 'a second one in the same minute writes nothing');
sql("UPDATE desk.last_run SET ran_at = now() - interval '1 minute'");
sleep(1.2);
my $rows = sub { sql("SELECT string_agg(relname || n_tup_ins + n_tup_upd + n_tup_del, ' ' ORDER BY relname) FROM pg_stat_user_tables WHERE schemaname = 'desk' AND relname <> 'last_run'") };
my $was = $rows->();
run();
sleep(1.2);
is($rows->(), $was, 'one a minute later nothing but its pulse');
# Nobody has set up a rotation yet; that is another test's matter.
is(run('--status')->{exit}, 0, 'a desk without tickets is well');
like(run('--report')->{out}, qr/^All\s+0\s+0\s+-/m, 'nothing decided is "-", not 100 %');

file(1, '1 hour');
is(run('--status')->{exit}, 0, 'a young ticket is no risk');
file(1, '20 hours');
$r = run('--status');
is($r->{exit}, 1, 'a promise that is near its end is a warning');
like($r->{out}, qr/^SLA WARNING: 0 late, 1 at risk.*\| late=0 at_risk=1 /, 'with figures that a machine can read');
sql("DELETE FROM desk.outbox");
file(3, '30 hours');
$r = run('--status');
is($r->{exit}, 2, 'a broken one is critical');
is(sql('SELECT count(*) FROM desk.sla_event'), 0, '--status notes nothing');
$r = run();
is($r->{exit}, 0, 'to find broken promises is success');
is($r->{out} . $r->{err}, '', 'and no reason to send mail from cron');
is(sql("SELECT count(*) FROM desk.sla_event WHERE kind = 'breached'"), 3, 'each breach is noted');
is(sql("SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind) FROM (SELECT kind, count(*) n FROM desk.outbox WHERE kind IN ('warned', 'breached') GROUP BY 1) x"),
    'breached 3, warned 1', 'and told once');
pulse_is_fresh();
ok(unchanged(sub { run() }), 'a second run writes nothing');

# The report.
$r = run('--report');
is($r->{exit}, 0, 'a report is made');
is((grep { length > 72 } split /\n/, $r->{out}), 0, 'no line is longer than 72 columns');
like($r->{out}, qr/^Open, and nobody has answered yet: 5$/m, 'open tickets without an answer are counted');
is(() = $r->{out} =~ /^\s+#\d+  S3  (?:late|due)/mg, 5, 'and listed, every one');
$r = run('--report=csv', '--since', '-infinity');
my @csv = split /\r\n/, $r->{out};
like($csv[0], qr/^"metric","channel","severity","plan","calendar","met","breached","met_percent",/, 'CSV has a header');
is((grep { () = /","/g; (() = /","/g) != (() = $csv[0] =~ /","/g) } @csv), 0, 'each line has as many cells');
like($csv[1], qr/^"first response","all","all","all","all","0","3","0",/, 'and whole numbers');
my $json = decode_json(run('--report=json')->{out});
is($json->{groups}[0]{breached}, 3, 'the JSON says the same');
like($json->{since}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'with times in UTC');
is(scalar @{ $json->{unanswered} }, 5, 'and all who wait');
is(decode_json(run('--report=json', '--since', '2001-01-01', '--until', '2001-02-01')->{out})->{groups}[0]{breached}, 0,
    'another period has its own figures');
$r = run('--report', '--since', '2001-02-30');
is($r->{exit}, 64, 'a date that is none is a mistake');
like($r->{err}, qr/^slacheck\[\d+\]: warning: .*2001-02-30/, 'and is named');
is(run('--report', '--since', '2001-01-01', '--until', '2000-01-01')->{exit}, 64, 'so is a period that ends before it begins');

# The week, as mail.
$r = run('--report=weekly');
is($r->{exit}, 0, 'the report of the last whole week');
my ($from) = $r->{out} =~ /^Promises from (.*)$/m;
my ($to) = $r->{out} =~ /^\s+to\s+(.*)$/m;
is(sql("SELECT extract(isodow FROM timestamptz '$from') || ' ' || extract(isodow FROM timestamptz '$to') || ' ' || (timestamptz '$to' - timestamptz '$from')"),
    '1 1 7 days', 'goes from Monday to Monday');
is(run('--report=weekly', '--format', $_)->{exit}, 0, "and comes as $_") for qw(text csv json html prometheus);
$r = run('--report=weekly', '--format=html');
like($r->{out}, qr/^<!doctype html>\n<html lang="en">.*<\/html>\n\z/s, 'HTML is a whole page');
is(run('--report=weekly', '--mail', 'on-duty')->{exit}, 0, 'it can be mailed');
$r = run('--report=weekly', '--mail=on-duty');
is($r->{exit} . $r->{out}, '0', 'again and again');
is(sql("SELECT count(*) FROM desk.outbox WHERE kind = 'report'"), 1, 'but goes out once');
like(sql("SELECT body FROM desk.outbox WHERE kind = 'report'") // '', qr/Promises from/, 'with the text in it');

# For Prometheus.
is(run('--metrics', "$dir/desk.prom")->{exit}, 0, 'a textfile for Prometheus');
my $prom = Command::slurp("$dir/desk.prom");
like($prom, qr/^nightdesk_unanswered 5$/m, 'has the figures');
is((stat "$dir/desk.prom")[2] & 0777, 0644, 'may be read by its collector');
is_deeply([glob "$dir/*"], ["$dir/desk.prom"], 'and leaves nothing beside it');
mkdir "$dir/taken.prom";
is(run('--metrics', "$dir/taken.prom")->{exit}, 74, 'a file that cannot be replaced is an error');
is(run('--metrics', "$dir/absent/desk.prom")->{exit}, 74, 'so is a directory that is not there');
is_deeply([sort glob "$dir/*"], ["$dir/desk.prom", "$dir/taken.prom"], 'and there too nothing is left');

# Who watches the watchman.
sql("UPDATE desk.last_run SET ran_at = now() - interval '7 minutes'");
$r = run('--status');
is($r->{exit}, 2, 'a run that is overdue is critical');
like($r->{out}, qr/slacheck ran last 7 min ago/, 'and it says since when');
unlike(run('--status', '--max-age', '10')->{out}, qr/ran last/, 'unless more is allowed');
run();
is(sql('SELECT minutes FROM desk.missed_run'), 6, 'the next run counts what was missed');
like(run('--status')->{out}, qr/6 min of the last day unwatched/, 'and it is shown');

# A step that fails does not keep the others from being done.
sql("CREATE OR REPLACE FUNCTION desk.daily() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE ''the list is torn''; END'");
file(1, '31 hours');
$r = run();
is($r->{exit}, 70, 'a step that fails is a failure');
like($r->{err}, qr/the list is torn.*\n.*step 3 of this run was not done/, 'that is named');
is(sql("SELECT count(*) FROM desk.sla_event WHERE kind = 'breached'"), 4, 'the clocks were looked at all the same');
is(sql('SELECT failed FROM desk.last_run'), 1, 'and the pulse tells of it');
like(run('--status')->{out}, qr/1 steps of its last run failed/, 'so that it is seen');
Database::load();
is(run()->{exit}, 0, 'when it is mended all is done');
is(sql('SELECT failed FROM desk.last_run'), 0, 'at once');

{
	local $ENV{PGHOST} = '/nowhere';
	is(run($_)->{exit}, $_ eq '--status' ? 3 : 69, "without a database \"$_\" says so") for '--report', '--status';
	is(run()->{exit}, 69, 'and so does a check');
	like(run()->{err}, qr/could not connect/, 'on stderr');
}
file(500, '40 hours');
{
	local $ENV{PGOPTIONS} = '-c statement_timeout=1';
	is(run()->{exit}, 70, 'a check that the database breaks off has failed');
}

# Four at once, and others that die at any point of their work.
file(2000, '40 hours');
my $breaches = "SELECT count(*) FROM desk.sla_event WHERE kind = 'breached'";
my @left;
for my $round (1 .. 6) {
	my @doomed = map { start() } 1 .. 3;
	my $before = sql($breaches);
	for (1 .. 100) {
		last if $round % 2 || sql($breaches) > $before;
		sleep(0.02);
	}
	sleep(rand 0.2);
	kill('KILL', @doomed);
	waitpid($_, 0) for @doomed;
	push @left, sql($breaches);
}
note("killed after @left of 2504 breaches");
my @all = map { start() } 1 .. 4;
my $failed = 0;
for my $pid (@all) {
	waitpid($pid, 0);
	$failed++ if $?;
}
is($failed, 0, 'four at once all succeed');
run();
is(sql($breaches), 2504, 'no breach is lost');
is(sql("SELECT count(*) FROM desk.outbox WHERE kind = 'breached'"), 2504, 'none is untold');
is(sql("SELECT count(*) FROM (SELECT ticket FROM desk.outbox WHERE kind = 'breached' GROUP BY 1 HAVING count(*) > 1) x"), 0,
    'none is told twice');
is(sql('SELECT count(*) FROM desk.clock WHERE next_at < now()'), 0, 'and nothing is left to do');
is(sql("SELECT count(*) FROM desk.public_ticket WHERE answer_missed"), 2504, 'the public is told of each');

done_testing;
