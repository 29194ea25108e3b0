# Class 10: time that tells a secret.  It is not measured by a clock, which
# shared machines make noisy, but by what is done: secrets are looked up by
# their SHA-256, what is compared is compared whole, and an unknown login costs
# the same work as a known one, as the process table counts it.  The fences: the
# hashes of schema desk, token_verify() of lib/token.c, and the salt that
# api.login_params() makes up.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Clerk;
use Security;

Desk::start_anew();
no_limits();

# -- looked up by hash -------------------------------------------------------------

sub by_text {
	# a function that takes a token or link hashes it before it looks
	return split /\n/, sql(q{SELECT p.oid::regprocedure || ' compares a secret as it is' FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,
		unnest(p.proargnames) a (name) WHERE n.nspname IN ('api', 'desk') AND a.name IN ('token', 'link', 'key', 'code', 'half')
		AND regexp_replace(p.prosrc, 'sha256\(convert_to\([^()]*(\([^()]*(\([^()]*\))?[^()]*\))*[^()]*\)\)', 'hashed', 'g') ~ ('(=|IN \()\s*(' || p.proname || '\.)?' || a.name || '\M')
		ORDER BY 1});
}
bites('functions that take a secret look it up by its hash', \&by_text,
	'the hash in desk.link_open()' => sub {
		weaken('desk.link_open(text,integer,text)', qr/x\.token_sha256 = sha256\(convert_to\(token, 'UTF8'\)\)/, 'encode(x.token_sha256, $$hex$$) = token');
	});
is(sql(q{SELECT string_agg(c.table_name || '.' || c.column_name, ' ') FROM information_schema.columns c WHERE c.table_schema = 'desk'
	AND c.column_name ~ '(token|key|code|tag)_sha256$' AND c.data_type <> 'bytea'}), '', 'every such column holds bytes');

# -- compared whole ------------------------------------------------------------------

sub compares {
	my ($file) = @_;
	my $text = slurp($file) =~ s{/\*.*?\*/}{}gsr;
	return map { "$file: $_" } $text =~ /\b((?:mem|str|strn|strcase)cmp\s*\((?=[^;"]*\b(?:mac|secret|digest|token|password|code)\b)[^;"]*\)\s*[;=!])/g;
}
is(join("\n", map { compares($_) } glob 'lib/*.c cgi-bin/*.c'), '', 'no MAC, tag or hash is compared with memcmp() or strcmp() in any source');
like(slurp('lib/token.c'), qr/\w+ \|= .*\w+\[\w+\] \^ \w+\[\w+\]/, 'lib/token.c compares all of a MAC');

# -- the same work -------------------------------------------------------------------

my ($login, $password) = Clerk::add();
# ticks of the processor that the workers of login have used
sub ticks {
	my $sum = 0;
	for my $pid (Security::workers_of('login')) {
		open my $stat, '<', "/proc/$pid/stat" or next;
		my @fields = split ' ', (<$stat> =~ s/^.*\) //r);
		$sum += $fields[11] + $fields[12];
	}
	return $sum;
}
sub work {
	my ($who) = @_;
	my $before = ticks();
	Clerk->new->sign_in($who, 'a wrong password') for 1 .. 2;
	return ticks() - $before;
}
sub cheaper {
	my ($known, $unknown) = (work($login), work('nobody-of-that-name'));
	return "the unknown login cost $unknown ticks, the known one $known" if $unknown * 2 < $known || $known * 2 < $unknown;
	return;
}
sql('UPDATE desk.credential SET memory_kib = 65536, passes = 3');
cmp_ok(work($login), '>', 8, 'a sign-in costs work that can be counted');
my ($params) = split /\n/, sql(q{SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace AND p.proname = 'login_params'});
bites('an unknown login costs the work of a known one', \&cheaper,
	'the parameters that api.login_params() makes up' => sub { weaken($params, sub { s/coalesce\(c\.memory_kib, \d+\)/coalesce(c.memory_kib, 64)/; s/coalesce\(c\.passes, \d+\)/coalesce(c.passes, 1)/ }) });
isnt(sql(qq{SELECT salt FROM $params('nobody', 'x')} =~ s/\(text,text\)\(/(/r), '', 'its salt is one');
is(sql(qq{SELECT salt FROM api.login_params('nobody', 'x')}), sql(qq{SELECT salt FROM api.login_params('nobody', 'y')}), '... and always the same');

done_testing;
