# Classes 4 and 6: what a program that was taken over could do.  psql as each
# program's role tries to read and write every table and view and to call every
# function of the schemas desk, api and report; what succeeds is exactly its
# part of tests/sql/grants.sql, and notes are in nobody's.  The fence: the
# grants at the end of each sql/api/<program>.sql.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Security;

# Its line of the table, as "SELECT api.x" and "EXECUTE api.f(int)".
my %line;
{
	my ($matrix) = slurp('tests/sql/grants.sql') =~ /\$matrix\$\n(.*?)\$matrix\$/s;
	my $role;
	for (split /\n/, $matrix) {
		if (/^(\w+)$/) { $role = $1 }
		elsif (/^\t((?:SELECT|INSERT|UPDATE|DELETE|EXECUTE) .*)/) { $line{$role}{$1} = 1 }
		elsif (!/^\t(CONNECT database|USAGE schema \w+|USAGE type .*)$/) { die "cannot read \"$_\"" }
	}
}

# Functions of schema desk stand there for views, which run them; by itself
# no role gets into that schema.
delete @{$_}{ grep { /^EXECUTE desk\./ } keys %$_ } for values %line;

# For real: a table is read and written where no row is, a function is called
# with nothing.  One that is called and refuses has been called; what it did is
# undone.
my $try = q{
SET client_min_messages = notice;
DO $try$
DECLARE
	x record;
BEGIN
	FOR x IN
		SELECT r.name || ' ' || n.nspname || '.' || c.relname AS door, false AS is_function, CASE r.name
			WHEN 'SELECT' THEN format('SELECT FROM %I.%I WHERE false', n.nspname, c.relname)
			WHEN 'INSERT' THEN format('INSERT INTO %I.%I SELECT * FROM %1$I.%2$I WHERE false', n.nspname, c.relname)
			WHEN 'UPDATE' THEN format('UPDATE %I.%I SET %I = NULL WHERE false', n.nspname, c.relname, a.attname)
			WHEN 'DELETE' THEN format('DELETE FROM %I.%I WHERE false', n.nspname, c.relname)
			ELSE format('TRUNCATE %I.%I', n.nspname, c.relname) END AS what
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN LATERAL (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = ''
			ORDER BY attnum LIMIT 1) a ON true,
		unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS r (name)
		WHERE n.nspname IN ('desk', 'api', 'report') AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT (c.relkind = 'v' AND r.name = 'TRUNCATE')
		UNION ALL
		SELECT 'EXECUTE ' || n.nspname || '.' || p.proname || '(' || oidvectortypes(p.proargtypes) || ')', true,
			format('%s %I.%I(%s)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, n.nspname, p.proname,
				(SELECT string_agg(format('(SELECT NULL::%s OFFSET 0)', format_type(t, NULL)), ', ' ORDER BY place) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS u (t, place)))
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname IN ('desk', 'api', 'report') AND p.prokind IN ('f', 'p')
	LOOP
		BEGIN
			EXECUTE x.what;
			RAISE 'it did' USING ERRCODE = 'XXD1D';
		EXCEPTION
			WHEN SQLSTATE 'XXD1D' THEN
				RAISE NOTICE 'did % from here', x.door;
			WHEN insufficient_privilege THEN
				IF x.is_function AND SQLERRM NOT LIKE 'permission denied for function%' AND SQLERRM NOT LIKE 'permission denied for schema%'
					AND SQLERRM NOT LIKE 'permission denied for type%' THEN
					RAISE NOTICE 'did % from here', x.door;
				END IF;
			WHEN OTHERS THEN
				-- a view that nobody can write to is not written to
				IF x.is_function AND SQLSTATE <> '3F000' THEN
					RAISE NOTICE 'did % from here', x.door;
				END IF;
		END;
	END LOOP;
	RAISE NOTICE 'tried all as %', session_user;
END
$try$;
};

sub faults_of {
	my ($role) = @_;
	my $said = psql_as($role, $try);
	my %did = map { $_ => 1 } $said =~ /^.*did (.*) from here$/mg;
	return ("$role could not try: $said") unless $said =~ /tried all as $role/;
	return ((map { "$role can $_" } grep { !$line{$role}{$_} } sort keys %did),
	    (map { "$role cannot $_" } grep { !$did{$_} } sort keys %{ $line{$role} }));
}

my @roles = split /\n/, sql(q{SELECT rolname FROM pg_roles WHERE rolname LIKE 'desk\_%' AND rolname <> 'desk_owner' ORDER BY 1});
cmp_ok(scalar @roles, '>', 10, 'there is a role for each program');
is_deeply([faults_of($_)], [], "$_ can do what its lines say, and fails at everything else") for @roles;
is_deeply([grep { /^(?!EXECUTE).* desk\./ } map { keys %$_ } values %line], [], 'no program reads a table of schema desk');

bites('notes are out of reach of who writes to requesters', sub { faults_of('desk_notify') },
	'the absence of a grant on desk.note' => sub {
		Security::without('GRANT USAGE ON SCHEMA desk TO desk_notify; GRANT SELECT ON desk.note TO desk_notify',
		    'REVOKE SELECT ON desk.note FROM desk_notify; REVOKE USAGE ON SCHEMA desk FROM desk_notify');
	},
	'the absence of a grant on api.staff_thread()' => sub {
		Security::without('GRANT EXECUTE ON FUNCTION api.staff_thread(text, int, text) TO desk_notify', 'REVOKE EXECUTE ON FUNCTION api.staff_thread(text, int, text) FROM desk_notify');
	});

# What the functions for requesters and the public are made of names no note.
sub mentions {
	return split /\n/, sql(q{SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname = 'api' AND p.prosrc ~ 'desk\.note\M' AND EXISTS (SELECT FROM unnest(ARRAY['desk_submit', 'desk_list', 'desk_ticket', 'desk_notify',
			'desk_promise', 'desk_duty', 'desk_login', 'desk_slacheck', 'desk_calendar', 'desk_report']) r (name) WHERE has_function_privilege(r.name, p.oid, 'EXECUTE'))});
}
bites('no function of a program but those of the staff reads desk.note', \&mentions,
	'the notes\' own table, its text in the requester\'s thread instead,' => sub {
		weaken('api.ticket_mine_thread(text,integer)', qr/FROM desk\.message m WHERE m\.ticket = l\.ticket/,
		    q{FROM desk.message m WHERE m.ticket = l.ticket AND m.id NOT IN (SELECT -id FROM desk.note)});
	});

done_testing;
