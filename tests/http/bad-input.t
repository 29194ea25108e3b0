# What bad input gets: a clear page with the right status, a request id that
# is also in the log, and nothing half done.
use strict;
use warnings;
use utf8;
use IO::Socket::INET;
use Test::More;
use Time::HiRes 'time';
use lib 'tests/lib';
use Desk;

Desk::start_anew();
my $me = Desk->new;
my %typed = $me->fields($me->get('/report/bug'), '/report/bug');
Desk::take_your_time();
my %good = (%typed, subject => 'x', do => 'send');

# A page for people, its request found in the program's log.
sub refused {
	my ($answer, $status, $program, $what) = @_;
	is($answer->{status}, $status, "$what gets $status");
	my $id = $answer->{headers}{'x-request-id'} // '';
	like($answer->{body}, qr{<h1>[^<]+</h1>}, 'a page that says so');
	return if !$program;
	open my $log, '<', "$ENV{DESK_LOG}/$program.log" or die;
	like(join('', <$log>), qr{\Q$id\E}, 'and whose request is in the log') if $id;
}

# -- forms ----------------------------------------------------------------
my @bodies = (
	[ 'a field that we do not have' => 'subject=x&is_admin=1' ],
	[ 'a field given twice' => 'subject=x&subject=y' ],
	[ 'a broken escape' => 'subject=%zz' ], [ 'a cut escape' => 'subject=%4' ],
	[ 'a NUL byte' => 'subject=a%00b' ],
	[ 'bytes that are not UTF-8' => 'subject=%ff%fe' ], [ 'an overlong form' => 'subject=%c0%af' ], [ 'a lone surrogate' => 'subject=%ed%a0%80' ],
	[ 'an array-like name' => 'subject[]=x' ],
);
refused($me->post('/report/bug', $_->[1]), 400, 'submit', $_->[0]) for @bodies;
refused($me->post('/report/bug', 'subject=x', 'Content-Type' => $_), 415, 'submit', "a body of type $_")
	for 'text/plain', 'application/json', 'multipart/mixed; boundary=x';
refused($me->post('/report/bug', $_, 'Content-Type' => 'multipart/form-data; boundary=x'), 400, 'submit', 'a broken body with files')
	for 'subject=x', "--x\r\nContent-Disposition: form-data; name=subject\r\n\r\nx";
refused($me->post('/tickets/1/me-too', "--x--", 'Content-Type' => 'multipart/form-data; boundary=x'), 415, 'ticket', 'a body with files where none belong');
refused($me->post('/report/bug', 'subject=' . 'x' x 1_500_000), 413, '', 'a body that is too large');
is($me->post('/report/bug', { %good, body => 'x' x 131073 })->{status}, 422, 'a text of one character too many is complained about');
is(length { $me->fields($me->post('/report/bug', { %good, body => 'x' x 131073 }), '/report/bug') }->{body}, 131073, 'and kept');
is(Desk::sql('SELECT count(*) FROM desk.ticket'), 0, 'nothing was stored');
is($me->post('/report/bug', { %good, body => "\x{1F525}\x{0301}\x01\x1b[31m\t\x{202e}", not_similar => 1 })->{status}, 303, 'odd characters are welcome');
is(Desk::sql('SELECT body FROM desk.message'), "\x{1F525}\x{0301}\x01\x1b[31m\t\x{202e}", 'and kept');

# -- where it comes from --------------------------------------------------
for my $from ([ 'Sec-Fetch-Site' => 'cross-site' ], [ 'Sec-Fetch-Site' => 'same-site' ], [ Origin => 'https://evil.example' ], [ Origin => 'null' ]) {
	refused($me->post('/report/bug', \%good, @$from), 403, 'submit', "a form from elsewhere (@$from)");
}
isnt($me->post('/report/bug', \%good, Origin => $ENV{NIGHTDESK_URL}, 'Sec-Fetch-Site' => 'same-origin')->{status}, 403, 'one of ours is read');

# -- methods and paths ----------------------------------------------------
for my $case ([ POST => '/tickets', 'list' ], [ POST => '/', 'list' ], [ GET => '/prefs', 'list' ], [ GET => '/logout', 'login' ], [ GET => '/tickets/1/me-too', 'ticket' ]) {
	my $answer = $me->request($case->[0], $case->[1], $case->[0] eq 'POST' ? '' : undef);
	is($answer->{status}, 405, "$case->[0] $case->[1] is not allowed");
	ok($answer->{headers}{allow}, 'and it is said what is');
}
for my $method (qw(PUT DELETE PATCH TRACE FOO)) {
	like($me->request($method, '/tickets')->{status}, qr{^(400|405|501)$}, "$method is refused");
}
for my $path ('/tickets/%ff', '/tickets/%00', '/tickets/a%0d%0ab', '/tickets/%zz', '/report/%c0%ae', '/tickets/..%2f..%2fetc') {
	like($me->get($path)->{status}, qr{^40[04]$}, "$path is refused");
}
for my $path ('/nowhere', '/tickets/', '/report/bug/x', '/tickets/1/2', '/staff/nowhere', '//tickets', '/.git/config', '/static/', '/static/../keyring') {
	like($me->get($path)->{status}, qr{^(40[0345]|30[13])$}, "$path leads nowhere");
}
my $get = $me->get('/tickets');
my $head = $me->head('/tickets');
is($head->{status}, 200, 'HEAD is answered');
is($head->{bytes}, '', 'without a body');
is($head->{headers}{'content-type'}, $get->{headers}{'content-type'}, 'with the headers of GET');

# -- what nobody may claim ------------------------------------------------
my $plain = $me->get('/tickets');
my $claims = $me->get('/tickets', 'X-Forwarded-For' => '1.2.3.4', 'X-Real-IP' => '1.2.3.4', 'Remote-User' => 'root', 'X-Forwarded-Host' => 'evil.example',
	Proxy => 'http://evil.example', 'X-Original-URL' => '/staff', 'X-HTTP-Method-Override' => 'DELETE');
s/server-time" content="[^"]*"// for $plain->{body}, $claims->{body};
is($claims->{body}, $plain->{body}, 'headers of proxies change nothing');
is($claims->{headers}{'access-control-allow-origin'}, undef, 'no other site may read');

# -- linear time ----------------------------------------------------------
sub took { my ($body) = @_; my $t = time; $me->post('/report/bug', $body); return time - $t }
my $few = join '&', ('a=') x 25_000;
my $many = join '&', ('a=') x 200_000;
took($few);
cmp_ok(took($many), '<', 60 * (took($few) + 0.01), '200,000 fields take no more than their share');

# -- raw ------------------------------------------------------------------
my ($port) = $ENV{DESK_HTTP} =~ /:(\d+)/;
sub raw {
	my ($text) = @_;
	my $to = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 5) or die $!;
	print $to $text;
	$to->shutdown(1);
	return do { local $/; <$to> } // '';
}
like(raw("POST /report/bug HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"), qr{^HTTP/1.1 400}, 'a negative length');
like(raw("POST /report/bug HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), qr{^HTTP/1.1 400}, 'two lengths');
like(raw("GET /tickets HTTP/1.1\r\nHost: x\r\nX: " . 'y' x 70_000 . "\r\n\r\n"), qr{^HTTP/1.1 4(00|31)}, 'a header that is too long');
is($me->get('/tickets')->{status}, 200, 'the desk is well after all that');
is(Desk::sql("SELECT count(*) FROM desk.ticket"), 1, 'and nothing was half done');

done_testing;
