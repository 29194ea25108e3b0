# Class 32, faults of the database's own isolation.  Fences: a program refuses a
# server that is older than the last of these faults; its role owns nothing, is
# member of nothing, and can make nothing, not even a temporary table that would
# shadow a name; what runs with the owner's rights has its own search_path.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Desk;
use Security;
use Worker;

# A server of the release before the mended one: row level security and cached
# plans (CVE-2024-10976, CVE-2025-8713).
my $gate = 'lib/db.c';
my $old = "#include <libpq-fe.h>";
sub pretend { my ($version) = @_; return ($gate, $old, "$old\n#define PQserverVersion(pg) ((void)(pg), $version)") }
sub served_by {
	my (@more) = @_;
	my @faults;
	for my $version (150013, 170005) {
		my $worker = Worker->run('list', NIGHTDESK_TEMPLATES => "$ENV{PWD}/templates");
		my $guard = $worker->weaker(pretend($version), @more);
		my $answer = eval { $worker->ask(REQUEST_URI => '/') } // {};
		push @faults, "a server of version $version is taken" if ($answer->{status} // 0) == 200;
		push @faults, "version $version: " . $worker->logged if !@more && $worker->logged !~ /too old/;
		last if @more;
	}
	return @faults;
}
is_deeply([ served_by() ], [], 'a program refuses a server with known faults');
isnt(scalar served_by($gate, '!is_mended(PQserverVersion(db->pg))', 'false'), 0, '... and without the look at its version it does not');

# What a role could do that is no call of one of its functions.
sub loose {
	return split /\n/, sql(q{
	SELECT format('%s is more than a role that signs in', rolname) FROM pg_roles WHERE rolname ~ '^desk_'
		AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls OR rolcanlogin = (rolname = 'desk_owner'))
	UNION ALL SELECT format('%s can become %s', m.rolname, r.rolname) FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles r ON r.oid = a.roleid
		WHERE m.rolname ~ '^desk_' OR r.rolname ~ '^desk_'
	UNION ALL SELECT format('%s may %s in the database', rolname, p) FROM pg_roles, unnest(ARRAY['TEMP', 'CREATE']) p
		WHERE rolname ~ '^desk_' AND rolname <> 'desk_owner' AND has_database_privilege(rolname, current_database(), p)
	UNION ALL SELECT format('%s may create in %s', rolname, nspname) FROM pg_roles, pg_namespace
		WHERE rolname ~ '^desk_' AND rolname <> 'desk_owner' AND nspname !~ '^pg_toast|^pg_temp' AND has_schema_privilege(rolname, pg_namespace.oid, 'CREATE')
	UNION ALL SELECT format('%s is owned by %s', c.oid::regclass, r.rolname) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
		WHERE r.rolname ~ '^desk_' AND r.rolname <> 'desk_owner'
	UNION ALL SELECT format('anybody may call %s', p.oid::regprocedure) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname IN ('desk', 'api', 'report') AND has_function_privilege('public', p.oid, 'EXECUTE')
	UNION ALL SELECT format('%s has the search_path of its caller', p.oid::regprocedure) FROM pg_proc p
		WHERE p.prosecdef AND p.pronamespace <> 'pg_catalog'::regnamespace AND coalesce(array_to_string(p.proconfig, ','), '') !~ 'search_path=pg_catalog, pg_temp'
	UNION ALL SELECT format('%s leaks to a condition', c.oid::regclass) FROM pg_class c
		WHERE c.relkind = 'v' AND c.relnamespace = 'api'::regnamespace AND pg_get_viewdef(c.oid) ~ 'desk\.(ticket|message|note|person|staff)[ ;]'
		AND coalesce(array_to_string(c.reloptions, ','), '') !~ 'security_(barrier|invoker)=true'});
}
bites('a role can call its functions and nothing else', \&loose,
	'roles that are members of nothing' => sub { Security::without('GRANT desk_staff TO desk_list', 'REVOKE desk_staff FROM desk_list') },
	'the refusal of temporary tables' => sub { Security::without('GRANT TEMP ON DATABASE nightdesk TO desk_list', 'REVOKE TEMP ON DATABASE nightdesk FROM desk_list') },
	'the search_path of a function' => sub { Security::without('ALTER FUNCTION api.staff_ticket(text, int) RESET search_path',
		'ALTER FUNCTION api.staff_ticket(text, int) SET search_path = pg_catalog, pg_temp') },
	'functions that are closed to everybody' => sub { Security::without('GRANT EXECUTE ON FUNCTION desk.session_staff(text) TO PUBLIC',
		'REVOKE EXECUTE ON FUNCTION desk.session_staff(text) FROM PUBLIC') });

# For real: a temporary table in the way of a name that the function uses.
sub shadowed {
	my $said = psql_as('desk_promise', "CREATE TEMP TABLE policy (valid_from timestamptz); SET search_path = pg_temp, desk, api; SELECT count(*) FROM api.promise_versions()");
	my ($count) = $said =~ /^(\d+)$/m;
	return ($said !~ /permission denied to create temporary tables/ ? 'a temporary table can be made' : (), ($count // 1) == 0 ? 'and it hides the true one' : ());
}
bites('no table of a role stands in the way of ours', \&shadowed,
	'the refusal of temporary tables' => sub { Security::without('GRANT TEMP ON DATABASE nightdesk TO desk_promise', 'REVOKE TEMP ON DATABASE nightdesk FROM desk_promise') });

# A program is one role for all its life: nothing in C or SQL changes it.
sub changes_role {
	return map { my $file = $_; slurp($file) =~ /\bSET\s+(?:LOCAL\s+|SESSION\s+)?(?:ROLE|SESSION\s+AUTHORIZATION)\b|set_config\(\s*'role'/i ? $file : () } @_;
}
is_deeply([ changes_role(glob('cgi-bin/*.c lib/*.c sql/api/*.sql sql/desk/*.sql')) ], [], 'no program changes its role');
done_testing;
