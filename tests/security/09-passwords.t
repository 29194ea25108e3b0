# Class 9: what is stored of a password is no password.  The fences: argon2id in
# the program (lib/token.c), SHA-256 of its tag in the database, and refusal of
# what is no password before anything is computed.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Clerk;
use Security;

Desk::start_anew();
no_limits();
my ($login, $password) = Clerk::add();
my $id = sql("SELECT id FROM desk.staff WHERE login = '$login'");

sub stored {
	return map { split /\|/ } sql(qq{SELECT encode(tag_sha256, 'hex'), encode(tag_sha256, 'base64'), upper(encode(tag_sha256, 'hex')), encode(salt, 'hex'),
		rtrim(translate(encode(tag_sha256, 'base64'), '+/', '-_'), '=') FROM desk.credential WHERE staff = $id});
}
sub ways_in { return map { Clerk->new->sign_in($login, $_)->{status} == 303 ? "\"$_\" opens the account" : () } stored() }

is(Clerk->new->sign_in($login, $password)->{status}, 303, 'the password opens the account');
is(scalar(stored()), 5, 'what is stored is written in five ways');
bites('what is stored does not', \&ways_in,
	'argon2id in lib/token.c' => sub {
		rebuilt('login', 'lib/token.c', sub { s/(if \(\*password == '\\0'\)\n\t\treturn NULL;\n)/$1\tif (strlen(password) == 64)\n\t\treturn arena_copy(a, password);\n/ });
	});

no_limits();
for my $wrong (['an empty one', ''], ['one of blanks', '   '], ['the right one and a blank', "$password "], ['its first half', substr $password, 0, 10], ['the right one in capitals', uc $password]) {
	my ($words, $typed) = @$wrong;
	like(Clerk->new->sign_in($login, $typed)->{status}, qr/^(403|422)$/, "$words does not open it");
}
my %form = %{ ask_form(ask('GET', '/login'), '/login') };
sub raw { my ($bytes) = @_; return ask('POST', '/login', body => Desk::encode_form(%{ { %form, login => $login, password => 'HERE' } }) =~ s/=HERE/=$bytes/r)->{status} }
is(raw('x'), 403, 'a wrong one is wrong');
is(raw('%00'), 400, 'a NUL is a bad request');
is(raw(Desk::escape($password) . '%00x'), 400, '... also after the right password');
like(raw('x' x 1_000_000), qr/^(413|422)$/, 'a password of a megabyte is not computed');
is(raw('x' x 1001), 422, 'nor one of 1,001 characters');
is(raw('%ff%fe'), 400, 'nor one that is no text');

# what the table may hold at all
sub weak { return grep { eval { sql("BEGIN; UPDATE desk.credential SET $_ WHERE staff = $id; ROLLBACK"); 1 } } 'memory_kib = 1024', 'passes = 1', q{salt = 'short'}, q{tag_sha256 = 'password'} }
bites('the database takes no weaker parameters than OWASP\'s floor', \&weak,
	'the CHECK of desk.credential.memory_kib' => sub {
		Security::without('ALTER TABLE desk.credential DROP CONSTRAINT credential_memory_kib_check', 'ALTER TABLE desk.credential ADD CHECK (memory_kib >= 19456)');
	});

done_testing;
