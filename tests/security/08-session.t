# Class 8: sessions and links that are fixed, stolen, or stand in an address.
# The fences: a new random token at each sign-in, which ends the old one; the
# __Host- cookie; of each token only SHA-256 is stored (desk.session, desk.link).
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

# -- fixation ------------------------------------------------------------------

my $planted = 'planted' . 'x' x 36;
my $name = cookie('session', '') =~ s/=$//r;
my $victim = Clerk->new;
$victim->{cookies}{'/'}{$name} = $planted;
my $answer = $victim->sign_in($login, $password);
is($answer->{status}, 303, 'somebody signs in in whose browser a cookie was planted');
my $token = $victim->cookie('session');
isnt($token, $planted, 'the session is another');
like($token, qr/^[A-Za-z0-9_-]{43}$/, '... of 256 random bits');
like($answer->{headers}{'set-cookie'}, qr/^__Host-session=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Secure$/, '... in a cookie that no neighbour can set and no script can read');
is(ask('GET', '/staff', cookie => cookie('session', $planted))->{status}, 303, 'the planted one opens nothing');
is(ask('GET', '/staff', cookie => "session=$token")->{status}, 303, 'nor does the right one by a name that a neighbour could have set');
is(ask('GET', '/staff?session=' . session('somebody'))->{status}, 303, 'nor in an address');

sub left_over {
	my $clerk = Clerk->new;
	$clerk->sign_in($login, $password);
	my $first = $clerk->cookie('session');
	$clerk->sign_in($login, $password);
	my $second = $clerk->cookie('session');
	my @faults = map { ask('GET', '/staff', cookie => cookie('session', $_->[1]))->{status} == 200 ? "the session from before $_->[0] is still open" : () } ['the next sign-in', $first];
	push @faults, 'two sign-ins gave one token' if $first eq $second;
	my %form = $clerk->form($clerk->get('/staff')->{body}, '/logout');
	$clerk->post('/logout', \%form);
	push @faults, 'the session from before the sign-out is still open' if ask('GET', '/staff', cookie => cookie('session', $second))->{status} == 200;
	return @faults;
}
my ($maker) = split /\n/, sql(q{SELECT p.oid::regprocedure FROM pg_proc p WHERE p.prosrc ~ 'DELETE FROM desk\.session [^;]*old_token' LIMIT 1});
bites('a sign-in ends the session that the browser had, a sign-out its own', \&left_over,
	"the end of the old session in $maker" => sub { weaken($maker, qr/DELETE FROM desk\.session [^;\n]*old_token[^;\n]*;/, '') },
	'the deletion in api.login_end()' => sub { weaken('api.login_end(text)', qr/DELETE FROM desk\.session[^;]*;/, 'NULL;') });

# -- where a token may be found ----------------------------------------------------

my $number = sql(q{INSERT INTO desk.ticket (subject, kind, severity, visibility, requester) VALUES ('One', 'bug', 3, 'private', desk.person_of('a@example.org')) RETURNING number});
my $link = link_of($number, 'a@example.org');
my $page = ask('GET', "/r/$link");
is($page->{headers}{location}, "/my/$number", 'the first visit by a secret link goes on to an address without it');
like($page->{headers}{'set-cookie'}, qr{^__Secure-link=\Q$link\E; Path=/my/$number; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure$}, '... with a cookie for that ticket alone');
is($page->{headers}{'referrer-policy'}, 'no-referrer', '... and tells nobody where it came from');
unlike(ask('GET', "/my/$number", cookie => cookie('link', $link))->{body}, qr/\Q$link\E/, 'the page does not hold it');
sub stored {
	my @found;
	for my $one (['session', $token], ['link', $link]) {
		my ($what, $secret) = @$one;
		push @found, map { "$what in $_" } split /\n/, sql(qq{WITH c AS MATERIALIZED (SELECT table_name, column_name FROM information_schema.columns
				WHERE table_schema = 'desk' AND data_type IN ('text', 'bytea', 'jsonb', 'ARRAY'))
			SELECT format('%s.%s', c.table_name, c.column_name) FROM c
			WHERE (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM desk.%I WHERE position(%L in %I::text) > 0 OR position(%L in %I::text) > 0',
				c.table_name, '$secret', c.column_name, '${\ unpack 'H*', $secret}', c.column_name), false, true, '')))[1]::text <> '0'});
	}
	return @found;
}
bites('neither is stored', \&stored,
	'the hash in the place of the token in desk.link_make()' => sub {
		my $guard = weaken('desk.link_make(integer,integer,text)', qr/VALUES \(sha256\(convert_to\(token, 'UTF8'\)\), wanted, whose, what\)/,
		    q{VALUES (rpad(token, 32, '=')::bytea, wanted, whose, what)});
		my $kept = $link;
		$link = link_of($number, 'a@example.org');
		return Security::Guard->new(sub { undef $guard; sql("DELETE FROM desk.link WHERE token_sha256 = rpad('$link', 32, '=')::bytea"); $link = $kept });
	});
my %logs = logs();
is(join(' ', grep { my $log = $_; grep { index($logs{$log}, $_) >= 0 } $token, $link } sort keys %logs), '', 'no log holds one of them');
unlike(ask('GET', $_)->{bytes}, qr/\Q$token\E|\Q$link\E/, "$_ is for everybody and names no secret") for '/tickets.atom', '/tickets.json', '/record.atom';

done_testing;
