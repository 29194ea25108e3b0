# privacy --sweep, --rewrite: what redactions leave on the disk, and that it goes.
use strict;
use warnings;
use Test::More;
use lib 'tests/lib';
use Command;
use Database 'sql';

my $program = Command::built('privacy');
Database::make('privacy');

my $home = sql('SHOW data_directory');
my $base = "$home/base/" . sql('SELECT oid FROM pg_database WHERE datname = current_database()');
plan skip_all => 'the data directory cannot be read' unless -r $base;

# Files of this database that hold a text.
sub files_with {
	my ($text) = @_;
	sql('CHECKPOINT');
	return grep { /\S/ } split /\n/, `grep -rlai -- '$text' '$base'`;
}

sub sweep {
	my (@options) = @_;
	system($program, @options ? @options : '--sweep');
	return $? >> 8;
}

is(sweep(), 0, 'with nothing taken out a sweep succeeds');
is(sql('SELECT count(*) FROM desk.sweep'), 0, 'and does nothing');
is(sweep('--swoop'), 64, 'another option is wrong usage');

my $secret = 'kanarienvogel77';
sql("INSERT INTO desk.staff (login, name) VALUES ('ann', 'Ann')");
my $n = sql("WITH t AS (INSERT INTO desk.ticket (subject, kind, severity, filed_at) VALUES ('$secret in it', 'bug', 3, now() - interval '1 hour') RETURNING number, filed_at),
	m AS (INSERT INTO desk.message (ticket, author, name, body, posted_at) SELECT number, 'requester', 'Jo', 'My key: $secret ' || repeat('and more ', 400), filed_at FROM t)
	SELECT number FROM t");
sql("INSERT INTO desk.note (ticket, staff, body) SELECT $n, id, '$secret again' FROM desk.staff");
# more of them, so that pages are full and the words are in the statistics
sql("WITH t AS (INSERT INTO desk.ticket (subject, kind, severity) SELECT 'other ' || i, 'bug', 3 FROM generate_series(1, 200) i RETURNING number)
	INSERT INTO desk.message (ticket, author, body) SELECT number, 'requester', 'a zebra' FROM t");
sql('ANALYZE');
cmp_ok(scalar files_with($secret), '>=', 4, 'a secret is on the disk');
sql("SELECT desk.redact($n, '$secret', 'a key')");
is(sql("SELECT count(*) FROM desk.message WHERE body ~ '$secret'"), 0, 'no query finds it once it is taken out');
cmp_ok(scalar files_with($secret), '>', 0, 'but dead rows and the keys of indexes are still there');
my $index = "$home/" . sql("SELECT pg_relation_filepath('desk.public_search_words')");
is(sweep(), 0, 'a sweep');
is(sql('SELECT count(*) FROM desk.sweep'), 1, 'is noted');
isnt("$home/" . sql("SELECT pg_relation_filepath('desk.public_search_words')"), $index, 'and makes the indexes of words anew');
is(sweep(), 0, 'the next one');
is(sql('SELECT count(*) FROM desk.sweep'), 1, 'has nothing to do');
diag('files with it after --sweep: ', scalar files_with($secret)) if $ENV{VERBOSE};
is(sweep('--rewrite'), 0, 'a rewrite');
is_deeply([ files_with($secret) ], [], 'leaves not a byte of it in any file of the database');
is(sql("SELECT count(*) FROM desk.public_search WHERE words @@ desk.search_query('zebra')"), 200, 'the search finds what it found');
is(sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), 0, 'and no index is broken');
diag('write-ahead log with the secret in it: ', scalar(grep { /\S/ } split /\n/, `grep -lai '$secret' '$home'/pg_wal/0* 2>/dev/null`), ' segments') if $ENV{VERBOSE};

done_testing;
