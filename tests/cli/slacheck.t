# The command: what it says, how it exits, and that neither company nor a
# violent death makes it tell something twice or never.  Needs a cluster
# (PGHOST, PGUSER its superuser) and makes a database of its own there.
use strict;
use warnings;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

my $build = $ENV{NIGHTDESK_BUILD} // 'build';
my $program = "$build/slacheck";
plan skip_all => "$program is not built" unless -x $program;

$ENV{PGDATABASE} = "slacheck_test_$$";
system('createdb', '-T', 'template0', $ENV{PGDATABASE}) == 0 or BAIL_OUT('cannot make a database');
END {
	my $status = $?;
	system('dropdb', '--if-exists', '--force', $ENV{PGDATABASE}) if ($ENV{PGDATABASE} // '') =~ /^slacheck_test_/;
	$? = $status;
}
system('sql/migrate >/dev/null') == 0 or BAIL_OUT('cannot load the schema');

sub sql {
	my ($text) = @_;
	open(my $psql, '-|', 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-c', $text) or die "psql: $!";
	my @lines = <$psql>;
	close($psql) or die "psql failed: $text";
	chomp @lines;
	return wantarray ? @lines : $lines[0];
}

# Start it as cron would: under its own role, not as the superuser.
sub start {
	my (@options) = @_;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	delete $ENV{PGUSER};
	open(STDOUT, '>', "/tmp/slacheck-out-$ENV{PGDATABASE}");
	open(STDERR, '>', "/tmp/slacheck-err-$ENV{PGDATABASE}");
	exec($program, @options) or POSIX::_exit(127);
}

sub slurp {
	my ($name) = @_;
	my $path = "/tmp/slacheck-$name-$ENV{PGDATABASE}";
	open(my $file, '<', $path) or return '';
	local $/;
	my $text = <$file> // '';
	unlink $path;
	return $text;
}

sub run {
	my (@options) = @_;
	waitpid(start(@options), 0);
	return { exit => $? >> 8, out => slurp('out'), err => slurp('err') };
}

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
    for ['--nonsense'], ['now'], ['--report=xml'], ['--since', 'yesterday'], ['--report', '--status'], ['--report', '--since'];

sleep(1.2);
ok(unchanged(sub {
	$r = run();
	is($r->{exit}, 0, 'a desk without tickets is checked');
	is($r->{out} . $r->{err}, '', 'in silence');
}), 'and nothing is written');
is(run('--status')->{exit}, 0, 'a desk without tickets is well');
like(run('--report')->{out}, qr/^All\s+0\s+0\s+-/m, 'nothing decided is "-", not 100 %');

file(1, '1 hour');
is(run('--status')->{exit}, 0, 'a young ticket is no risk');
file(1, '20 hours');
$r = run('--status');
is($r->{exit}, 1, 'a promise that is near its end is a warning');
like($r->{out}, qr/^SLA WARNING: 0 late, 1 at risk.*\| late=0 at_risk=1 /, 'with figures that a machine can read');
file(3, '30 hours');
$r = run('--status');
is($r->{exit}, 2, 'a broken one is critical');
is(sql('SELECT count(*) FROM desk.sla_event'), 0, '--status notes nothing');
$r = run();
is($r->{exit}, 0, 'to find broken promises is success');
is($r->{out} . $r->{err}, '', 'and no reason to send mail from cron');
is(sql("SELECT count(*) FROM desk.sla_event WHERE kind = 'breached'"), 3, 'each breach is noted');
is(sql("SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind) FROM (SELECT kind, count(*) n FROM desk.outbox GROUP BY 1) x"),
    'breached 3, warned 1', 'and told once');
sleep(1.2);
ok(unchanged(sub { run() }), 'a second run writes nothing');

# The report.
$r = run('--report');
is($r->{exit}, 0, 'a report is made');
is((grep { length > 72 } split /\n/, $r->{out}), 0, 'no line is longer than 72 columns');
like($r->{out}, qr/^Open, and nobody has answered yet: 5$/m, 'open tickets without an answer are counted');
is(() = $r->{out} =~ /^\s+#\d+  S3  (?:late|due)/mg, 5, 'and listed, every one');
$r = run('--report=csv', '--since', '-infinity');
my @csv = split /\r\n/, $r->{out};
is($csv[0], '"metric","channel","severity","met","breached","met_percent","met_after_change","cancelled",'
    . '"p50_seconds","p90_seconds","p95_seconds","open","at_risk","late","paused","unanswered"', 'CSV has a header');
like($csv[1], qr/^"first response","all","all","0","3","0",/, 'and whole numbers');
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

{
	local $ENV{PGHOST} = '/nowhere';
	is(run($_)->{exit}, $_ eq '--status' ? 3 : 69, "without a database \"$_\" says so") for '--report', '--status';
	is(run()->{exit}, 69, 'and so does a check');
	like(run()->{err}, qr/could not connect/, 'on stderr');
}
file(2000, '40 hours');
{
	local $ENV{PGOPTIONS} = '-c statement_timeout=1';
	is(run()->{exit}, 70, 'a check that the database breaks off has failed');
}

# Four at once, and four more that die.
file(6000, '40 hours');
my $breaches = "SELECT count(*) FROM desk.sla_event WHERE kind = 'breached'";
my @doomed = map { start() } 1 .. 4;
for (1 .. 200) {
	last if sql($breaches) > 3;
	sleep(0.02);
}
kill('KILL', @doomed);
waitpid($_, 0) for @doomed;
note('killed after ' . sql($breaches) . ' of 8003 breaches');
my @all = map { start() } 1 .. 4;
my $failed = 0;
for my $pid (@all) {
	waitpid($pid, 0);
	$failed++ if $?;
}
is($failed, 0, 'four at once all succeed');
run();
is(sql($breaches), 8003, 'no breach is lost');
is(sql("SELECT count(*) FROM desk.outbox WHERE kind = 'breached'"), 8003, 'none is untold');
is(sql("SELECT count(*) FROM (SELECT ticket FROM desk.outbox WHERE kind = 'breached' GROUP BY 1 HAVING count(*) > 1) x"), 0,
    'none is told twice');
is(sql('SELECT count(*) FROM desk.clock WHERE next_at < now()'), 0, 'and nothing is left to do');
is(sql("SELECT count(*) FROM desk.public_ticket WHERE answer_missed"), 8003, 'the public is told of each');

done_testing;
