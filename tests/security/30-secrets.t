# Class 30, secrets in pages and pages for other sites.  Fences: no role of a
# program can read a column that is marked as secret; no answer allows another
# site to read it.  (That none of it is shown: 05-secondary-channels.t.)
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Desk;
use Security;

Desk::start_anew();
my $columns = sql(q{SELECT count(*) FROM pg_description d JOIN pg_class c ON c.oid = d.objoid WHERE d.classoid = 'pg_class'::regclass AND d.objsubid > 0
	AND c.relnamespace = 'desk'::regnamespace AND d.description LIKE 'secret:%'});
cmp_ok($columns, '>', 5, "there are secrets: $columns columns");

sub readable {
	return split /\n/, sql(q{SELECT format('%s reads %s.%s', r.rolname, c.relname, a.attname)
		FROM pg_description d JOIN pg_class c ON c.oid = d.objoid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid, pg_roles r
		WHERE d.classoid = 'pg_class'::regclass AND d.objsubid > 0 AND c.relnamespace = 'desk'::regnamespace AND d.description ~ '^(secret|private|staff):'
		AND r.rolname ~ '^desk_' AND r.rolname <> 'desk_owner'
		AND (has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT') OR has_column_privilege(r.oid, c.oid, a.attnum, 'UPDATE') OR has_column_privilege(r.oid, c.oid, a.attnum, 'INSERT'))});
}
bites('no program can read or write a column that is not public', \&readable,
	'the lack of a grant' => sub { Security::without('GRANT SELECT (token_sha256) ON desk.session TO desk_list', 'REVOKE SELECT (token_sha256) ON desk.session FROM desk_list') });

# And when it tries.
sub tried {
	my @faults;
	for my $role (split /\n/, sql("SELECT rolname FROM pg_roles WHERE rolname ~ '^desk_' AND rolname <> 'desk_owner'")) {
		for my $table (qw(session credential link secret)) {
			next if sql("SELECT to_regclass('desk.$table') IS NULL") eq 't';
			my $said = psql_as($role, "SELECT * FROM desk.$table");
			push @faults, "$role: $table: $said" if $said !~ /permission denied/;
		}
	}
	return @faults;
}
bites('each fails when it tries', \&tried,
	'the closed schema' => sub { Security::without('GRANT USAGE ON SCHEMA desk TO desk_list; GRANT SELECT ON desk.session TO desk_list', 'REVOKE SELECT ON desk.session FROM desk_list; REVOKE USAGE ON SCHEMA desk FROM desk_list') });

# Cross-origin reading: no header of CORS on any route, for nobody.
my $staff = cookie(session => session('cors'));
sub shared {
	my @faults;
	for my $route (routes()) {
		my $path = $route->{path} =~ s/:template/bug/r =~ s/:\w+/1/gr;
		for my $origin ('https://evil.example', 'null', $ENV{NIGHTDESK_URL}) {
			my $answer = ask($route->{method}, $path, cookie => $route->{method} eq 'GET' ? $staff : '', Origin => $origin, $route->{method} eq 'POST' ? (body => 'a=b') : ());
			push @faults, map { "$path: $_" } grep { /^access-control|^timing-allow|^x-permitted/ } sort keys %{ $answer->{headers} };
		}
		last if @faults;
	}
	for my $path ('/tickets', '/staff', '/static/style.css') {
		my $answer = Desk->new->request('OPTIONS', $path, undef, Origin => 'https://evil.example', 'Access-Control-Request-Method' => 'POST');
		push @faults, "a preflight of $path gives $answer->{status}" if $answer->{status} != 405;
	}
	return @faults;
}
bites('no other site may read an answer', \&shared, 'the lack of a header' => sub {
	$ENV{DESK_SERVER} eq 'nginx' ? without_config(qr/add_header X-Request-Id \$request_id always;/, 'add_header X-Request-Id $request_id always; add_header Access-Control-Allow-Origin *;')
	: without_config(qr/ProxyAddHeaders Off/, "ProxyAddHeaders Off\nHeader set Access-Control-Allow-Origin *") });

# What an error shows: no path, name of ours, statement or version.
my @shown;
for my $path ('/tickets/99999999999', '/tickets/%ff', '/nowhere', '/staff/tickets/x', '/report/%00', '/my/1', '/tickets?older=x') {
	my $answer = ask('GET', $path);
	push @shown, "$path: $1" if $answer->{body} =~ m{(/usr/\S+|/tmp/\S+|\.[ch]:\d+|SELECT \w+|PostgreSQL|ERROR:|desk_\w+|PT\d{3}|\bapi\.\w+|libpq)};
}
is_deeply(\@shown, [], 'an error shows nothing of how it is made');
done_testing;
