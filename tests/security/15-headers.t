# Class 15: who one is, claimed in a header.  The thirty that proxies use are
# sent; no page changes, nobody is let in, and the address that limits count and
# sessions remember is that of the connection.  The fence: the parameters that
# the web server hands on, one by one, in its example configuration.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Clerk;
use Security;

Desk::start_anew();
no_limits();
my %claims = ((map { $_ => '203.0.113.7' } qw(X-Forwarded-For X-Real-IP X-Client-IP Client-IP True-Client-IP CF-Connecting-IP X-Cluster-Client-IP X-Remote-IP X-Remote-Addr X-Originating-IP X-Host-IP X_Real_IP Fastly-Client-IP)),
	Forwarded => 'for=203.0.113.7;host=evil.example;proto=http', (map { $_ => 'evil.example' } qw(X-Forwarded-Host X-Host X-Forwarded-Server X-HTTP-Host-Override X-Original-Host)),
	(map { $_ => 'demo' } qw(Remote-User X-Remote-User X-Forwarded-User X-Auth-User X-On-Behalf-Of X-Webauth-User Auth-User SSO-User)), (map { $_ => '/staff' } qw(X-Original-URL X-Rewrite-URL)),
	'X-HTTP-Method-Override' => 'DELETE', 'X-Forwarded-Proto' => 'http', 'X-Forwarded-Port' => '1', Proxy => 'http://evil.example', Authorization => 'Basic ZGVtbzpkZW1v', 'X-Request-Id' => 'a' x 32);
cmp_ok(scalar keys %claims, '>=', 30, keys(%claims) . ' headers');
sub page { my ($path, @headers) = @_; my $answer = ask('GET', $path, @headers); return "$answer->{status} " . $answer->{body} =~ s/server-time" content="[^"]*"//r =~ s/(name="(?:csrf|token|challenge)" value=")[^"]*/$1/gr =~ s/<code>[0-9a-f]{32}//gr =~ s/challenge[^"]*"[^"]*"//gr }
for my $path ('/', '/tickets', '/report/bug', '/promises', '/tickets/1', '/staff', '/login', '/.well-known/security.txt', '/tickets.atom') {
	is(page($path, %claims), page($path), "$path is the same for whoever claims to be somebody");
}
is(ask('GET', '/staff', %claims)->{headers}{location}, '/login', 'nobody gets in by a header');
isnt(ask('GET', '/tickets', %claims)->{headers}{'x-request-id'}, 'a' x 32, 'the number of a request is ours');

my ($login, $password) = Clerk::add();
sub believed {
	my @faults;
	sql('DELETE FROM desk.limit_count; DELETE FROM desk.session');
	my $clerk = Clerk->new(headers => \%claims);
	$clerk->sign_in($login, $password);
	push @faults, map { "a session from $_" } grep { $_ ne '127.0.0.1' } split /\n/, sql('SELECT network FROM desk.session');
	push @faults, 'nobody signed in' if sql('SELECT count(*) FROM desk.session') eq '0';
	Clerk->new(headers => { %claims, 'X-Forwarded-For' => "203.0.113.$_" })->sign_in('nobody', 'wrong') for 1 .. 3;
	my $counted = sql(q{SELECT count(DISTINCT subject) FROM desk.limit_count WHERE limiter = 'login-network'});
	push @faults, "three visitors of one network are counted as $counted" if $counted ne '1';
	return @faults;
}
bites('sessions and limits know the address of the connection', \&believed, $ENV{DESK_SERVER} eq 'nginx' ?
	('the whitelist of parameters' => sub { without_config(qr/(fastcgi_param\s+REMOTE_ADDR\s+)\$remote_addr/, 'fastcgi_param REMOTE_ADDR $http_x_forwarded_for') }) : ());

done_testing;
