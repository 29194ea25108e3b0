# sql/migrate with small files of its own, in databases of its own: what it
# applies once, what it makes anew, what it refuses, and that it may be run
# by any number at once.
use strict;
use warnings;
use Cwd 'abs_path';
use File::Basename 'dirname';
use File::Copy 'copy';
use File::Path 'remove_tree';
use File::Temp 'tempdir';
use Test::More;

my $project = abs_path(dirname(__FILE__) . '/../..');
my $dir = tempdir(CLEANUP => 1);
my $count = 0;

sub put {
	my ($name, $text) = @_;
	open my $fh, '>', "$dir/$name" or die "$name: $!";
	print $fh $text;
	close $fh or die "$name: $!";
}

# A fresh database, and a directory of SQL with one migration.
sub start {
	remove_tree($dir, { keep_root => 1 });
	mkdir "$dir/$_" or die $! for qw(schema desk api report);
	copy("$project/sql/$_", "$dir/$_") or die $! for qw(migrate roles.sql);
	chmod 0755, "$dir/migrate";
	put('schema/010-first.sql', "CREATE TABLE desk.thing (a int);\n");
	put('api/one.sql', "CREATE VIEW api.one AS SELECT 1 AS a;\n");
	put('report/one.sql', "CREATE VIEW report.one AS SELECT 1 AS a;\n");
	put('seed.sql', "INSERT INTO desk.thing SELECT 1 "
	    . "WHERE NOT EXISTS (SELECT FROM desk.thing);\n");
	$ENV{PGDATABASE} = 'migrate_' . ++$count . "_$$";
	system("createdb -T template0 $ENV{PGDATABASE}") == 0 or die 'createdb';
}

END {
	my $status = $?;
	system("dropdb --if-exists migrate_${_}_$$ 2>/dev/null") for 1 .. $count;
	$? = $status;
}

sub migrate {
	my $said = `$dir/migrate 2>&1`;
	return ($? >> 8, $said);
}

sub ask {
	my $answer = `psql -XqAt -c "$_[0]" 2>&1`;
	chomp $answer;
	return $answer;
}

sub refuses {
	my ($why, $name) = @_;
	my ($status, $said) = migrate();
	isnt($status, 0, $name);
	like($said, $why, '... and says why');
}

start();
my ($status, $said) = migrate();
is($status, 0, 'an empty database becomes a desk');
is($said, "applied 010-first.sql\n", 'it names the migration it applied');
is(ask("SELECT name, sha256 ~ '^[0-9a-f]{64}\$' FROM desk.migration"),
    '010-first.sql|t', 'the migration is recorded with its sum');
is(ask("SELECT tableowner FROM pg_tables WHERE tablename = 'thing'"),
    'desk_owner', 'what a file makes belongs to desk_owner');

($status, $said) = migrate();
is("$status$said", '0', 'again, there is nothing to do and nothing to say');
is(ask('SELECT count(*) FROM desk.thing'), '1', 'the seed is sown once');

put('schema/020-second.sql', "CREATE TABLE desk.more (a int);\n");
($status, $said) = migrate();
is($said, "applied 020-second.sql\n", 'a new migration is applied alone');

unlink "$dir/api/one.sql";
put('api/two.sql', "CREATE VIEW api.two AS SELECT 2 AS a;\n");
migrate();
is(ask("SELECT string_agg(table_name, ' ') FROM information_schema.views "
    . "WHERE table_schema = 'api'"), 'two',
    'what is no longer in the files is gone from api');

put('schema/030-broken.sql', "CREATE TABLE desk.half (a int);\nSELECT 1/0;\n");
refuses(qr/030-broken\.sql:2: ERROR:  division by zero/,
    'a broken migration fails');
is(ask("SELECT count(*) FROM pg_tables WHERE tablename = 'half'"), '0',
    'nothing of it is kept');
unlink "$dir/schema/030-broken.sql";

put('api/broken.sql', "CREATE VIEW api.three AS SELECT 1/0 AS a;\nnonsense;\n");
refuses(qr/api\/broken\.sql:2: ERROR:  syntax error/, 'a broken api file fails');
is(ask("SELECT string_agg(table_name, ' ') FROM information_schema.views "
    . "WHERE table_schema = 'api'"), 'two', 'the old api stays');
unlink "$dir/api/broken.sql";

put('api/table.sql', "CREATE TABLE api.data (a int);\n");
migrate();
refuses(qr/cannot hold data: api\.data/, 'a table in api is not dropped');
ask('DROP TABLE api.data');
unlink "$dir/api/table.sql";

put('schema/015-late.sql', "SELECT 1;\n");
refuses(qr/numbered below one that was applied: 015-late\.sql/,
    'a new migration between old ones is refused');
unlink "$dir/schema/015-late.sql";

put('schema/010-first.sql', "CREATE TABLE desk.thing (b int);\n");
refuses(qr/edited since then: 010-first\.sql/,
    'a migration that was edited is refused');

start();
migrate();
ask("INSERT INTO desk.migration VALUES ('099-future.sql', repeat('0', 64))");
refuses(qr/newer than these files, it has: 099-future\.sql/,
    'a database newer than the files is refused');

start();
ask('CREATE SCHEMA desk; CREATE TABLE desk.foreign_thing (a int)');
refuses(qr/schema desk is there but desk\.migration is not/,
    'a schema desk of somebody else is refused');
is(ask("SELECT string_agg(tablename, ' ') FROM pg_tables "
    . "WHERE schemaname = 'desk'"), 'foreign_thing', '... and left alone');

start();
put('schema/020-other.sql', "BEGIN;\nSELECT 1;\nCOMMIT;\n");
refuses(qr/must leave the transaction/,
    'a migration with a transaction of its own is refused');
unlink "$dir/schema/020-other.sql";
put('schema/2-other.sql', '');
refuses(qr/not a name like 010-topic\.sql/, 'an odd name is refused');
unlink "$dir/schema/2-other.sql";
put('schema/010-again.sql', '');
refuses(qr/two migrations have the number 010/, 'a number given twice is refused');
unlink "$dir/schema/010-again.sql";

mkdir "$dir/bin";
put('bin/psql', "#!/bin/sh\ncase \$* in *_num*) echo 150003 ;; *) echo 15.3 ;; esac\n");
chmod 0755, "$dir/bin/psql";
{
	local $ENV{PATH} = "$dir/bin:$ENV{PATH}";
	refuses(qr/15\.14 or newer is needed, the server runs 15\.3/,
	    'an old server is refused');
}
{
	local $ENV{PGHOST} = "$dir/nowhere";
	refuses(qr/could not reach the database/, 'a server that is away is named');
}

# Eight at once, on a desk that none of them has made yet.
start();
put('schema/020-slow.sql', "SELECT pg_sleep(0.3);\nCREATE TABLE desk.more (a int);\n");
my @children;
for my $n (1 .. 8) {
	my $pid = fork() // die 'fork';
	if ($pid == 0) {
		exec "$dir/migrate >$dir/said$n 2>&1";
	}
	push @children, $pid;
}
my $failed = 0;
for (@children) {
	waitpid $_, 0;
	$failed++ if $?;
}
is($failed, 0, 'eight at once do no harm') or diag(`cat $dir/said*`);
is(`cat $dir/said* | sort`, "applied 010-first.sql\napplied 020-slow.sql\n",
    'each migration is applied by one of them');

# A program's prepared statement lives through a reload.
my $answer = `psql -XqAt 2>&1 <<END
PREPARE one AS SELECT * FROM api.one;
EXECUTE one;
\\! $dir/migrate
EXECUTE one;
END
`;
is($answer, "1\n1\n", 'a prepared statement lives through a reload');

done_testing;
