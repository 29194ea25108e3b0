# The headers of every answer, exactly: of each route that a program has, of
# files, of what the web server says itself; good answers, redirects,
# refusals, "not changed".  The routes are read from the programs' tables, so a
# new one is looked at by itself.
use strict;
use warnings;
use utf8;
use IO::Socket::INET;
use Test::More;
use lib 'tests/lib';
use Desk;
use Security;

my $nginx = $ENV{DESK_SERVER} eq 'nginx';
my $policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    . "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'; upgrade-insecure-requests";
my $permissions = join ', ', map { "$_=()" } qw(accelerometer camera geolocation gyroscope magnetometer microphone payment usb browsing-topics);
my %common = (
	'x-content-type-options' => 'nosniff', 'x-frame-options' => 'DENY', 'permissions-policy' => $permissions,
	'cross-origin-opener-policy' => 'same-origin', 'cross-origin-embedder-policy' => 'require-corp',
	'cross-origin-resource-policy' => 'same-origin', 'origin-agent-cluster' => '?1',
);
my %program = (%common, 'strict-transport-security' => 'max-age=63072000; includeSubDomains; preload');
my $inert = "default-src 'none'; sandbox";
my %cache = (WEB_PUBLIC => 'public, max-age=30, stale-if-error=86400', WEB_CHECKED => 'no-cache');

# What an answer may have beside those, and what it must look like.
my %also = (
	date => qr/GMT$/, server => qr/^(?:nginx|Apache)$/, connection => qr/^close$/, 'keep-alive' => qr/./, 'content-length' => qr/^\d+$/,
	'transfer-encoding' => qr/^chunked$/, etag => qr/^(?:W\/)?"[\w-]+"$/, 'x-request-id' => qr/^[0-9a-f]{32}$/,
	'set-cookie' => qr/^(?:__Host-\w+=[^;]*; Path=\/|__Secure-\w+=[^;]*; Path=\/\w[^;]*)(?:; Max-Age=\d+)?; HttpOnly; SameSite=(?:Lax|Strict); Secure$/,
	location => qr{^/(?:[^/\\]|$)}, allow => qr/^[A-Z]+(?:, [A-Z]+)*$/, 'last-modified' => qr/GMT$/, 'accept-ranges' => qr/^bytes$/,
	vary => qr/^(?:Cookie|Accept-Encoding|Cookie,Accept-Encoding|Cookie, Accept-Encoding|Accept-Encoding, ?Cookie)$/,
	'content-disposition' => qr/^(?:inline|attachment)(?:; filename="[ !#-\[\]-~]+")?(?:; filename\*=UTF-8''[!#-~]+)?$/, 'retry-after' => qr/^\d+$/,
	'clear-site-data' => qr/^"cache", "storage"|"cache"$/,
);

# A request as bytes, the answer's head as pairs: nothing is folded or merged.
sub ask_raw {
	my ($method, $path, $body, %headers) = @_;
	my ($where) = $ENV{DESK_HTTP} =~ m{//(.*)};
	my $to = IO::Socket::INET->new(PeerAddr => $where, Timeout => 20) or die "no answer at $where";
	%headers = (Host => 'desk.example', Connection => 'close', %headers);
	@headers{qw(Content-Length Content-Type)} = (length $body, 'application/x-www-form-urlencoded') if defined $body;
	print $to "$method $path HTTP/1.1\r\n", (map { "$_: $headers{$_}\r\n" } sort keys %headers), "\r\n", $body // '';
	local $/;
	my ($head, $content) = split /\r\n\r\n/, <$to> // '', 2;
	my ($line, @lines) = split /\r\n/, $head // '';
	return { status => ($line // '') =~ /^HTTP\/1\.1 (\d+)/ ? $1 : 0, body => $content // '',
		head => [ map { [ /^([^:]+): *(.*)$/ ? (lc $1, $2) : ('not a header', $_) ] } @lines ] };
}

sub one { my ($answer, $name) = @_; return (map { $_->[1] } grep { $_->[0] eq $name } @{ $answer->{head} })[0] // '' }

# What is wrong with an answer: a header too many, too few, twice or other.
sub faults {
	my ($what, $answer, %wanted) = @_;
	my (@faults, %seen);
	return "$what: no answer" if !$answer->{status};
	$what .= " ($answer->{status})";
	for (@{ $answer->{head} }) {
		my ($name, $value) = @$_;
		# of several cookies each has its own line, and so has what a page varies by
		push @faults, "$what: $name twice" if $seen{ $name =~ /^(?:set-cookie|vary)$/ ? "$name $value" : $name }++;
		if (exists $wanted{$name}) {
			push @faults, "$what: $name is \"$value\", not \"$wanted{$name}\"" if $value ne $wanted{$name};
		} else {
			push @faults, "$what: a header $name: $value" if !$also{$name} || $value !~ $also{$name};
		}
	}
	push @faults, map { "$what: no $_" } grep { !$seen{$_} } sort keys %wanted;
	return @faults;
}

# -- something to see --------------------------------------------------------------
Desk::start_anew();
no_limits();
sql(q{
INSERT INTO desk.ticket (subject, kind, severity) VALUES ('Seen by all', 'bug', 3);
INSERT INTO desk.ticket (subject, kind, severity, visibility) VALUES ('Seen by few', 'bug', 3, 'private');
INSERT INTO desk.message (ticket, author, body) SELECT number, 'requester', 'Text' FROM desk.ticket;
});
my %token = ('/r/:token' => link_of(2), '/follow/:token' => link_of(1, 'a@desk.example', 'follow'), '/unfollow/:token' => link_of(1, 'b@desk.example', 'follow'));
my $session = session('headers');
my $mine = cookie(link => link_of(2));
my $staff = cookie(session => $session);

# The routes with something in the place of their ":parts": what is there, and
# what is not.
sub filled {
	my ($route) = @_;
	my $path = $route->{path};
	my $there = exists $token{$path} ? $path =~ s/:token/$token{$path}/r : $path =~ s/:template/bug/r =~ s/:number/$path =~ m{^\/my} ? 2 : 1/re =~ s/:\w+/1/gr;
	my $absent = $path =~ s/:\w+/99/gr;
	return $there eq $absent ? $there : ($there, $absent);
}

sub wanted {
	my ($route, $answer) = @_;
	my $cache = $route->{cache};
	my $page = $answer->{status} == 304 || one($answer, 'content-type') =~ m{^text/html};
	my %w = (%program, 'content-security-policy' => $page ? $policy : $inert,
		'referrer-policy' => $cache =~ /SECRET|ONE_CLICK/ ? 'no-referrer' : 'same-origin',
		'cache-control' => $answer->{status} =~ /^(?:200|304)$/ && $cache{$cache} || 'no-store');
# passkeys: used where one signs in, made where one is added, and nowhere else
	my ($may) = one($answer, 'permissions-policy') =~ /, (publickey-credentials-\w+=\(self\))$/;
	$w{'permissions-policy'} .= ", $may" if $may && $route->{path} =~ ($may =~ /create/ ? qr{^/login/factor/passkey} : qr{^/login});
	$w{'content-type'} = $page ? 'text/html; charset=utf-8' : one($answer, 'content-type') if $answer->{status} != 304;
	return %w;
}

my %kinds = map { $_ => 1 } 'text/html; charset=utf-8', 'application/atom+xml; charset=utf-8', 'application/json', 'text/csv; charset=utf-8; header=present',
    'text/plain; charset=utf-8', 'text/calendar; charset=utf-8', 'application/octet-stream', 'image/png', 'image/svg+xml', 'application/pgp-keys',
    'application/pgp-encrypted', 'application/zip', 'application/x-tar', 'application/gzip';

sub of_routes {
	my ($only) = @_;
	my (@faults, %statuses, $count);
	for my $route (grep { !$only || $_->{path} =~ $only } routes()) {
		for my $path (filled($route)) {
			my @as = ('', $path =~ m{^/(?:staff|login|logout)} ? $staff : $path =~ m{^/my} ? $mine : ());
			for my $cookie (@as) {
				my @answers = $route->{method} eq 'GET'
				    ? (ask_raw('GET', $path, undef, Cookie => $cookie), ask_raw('HEAD', $path, undef, Cookie => $cookie))
				    : (ask_raw('POST', $path, 'a=b', Cookie => $cookie), ask_raw('POST', $path, '', Cookie => $cookie, Origin => 'https://evil.example'));
				my $tag = one($answers[0], 'etag');
				push @answers, ask_raw('GET', $path, undef, Cookie => $cookie, 'If-None-Match' => $tag) if $tag && $route->{method} eq 'GET';
				for my $answer (@answers) {
					my $type = one($answer, 'content-type');
					$statuses{ $answer->{status} }++;
					$count++;
					push @faults, "$route->{method} $path: of type \"$type\"" if $answer->{status} != 304 && !$kinds{$type};
					push @faults, "$route->{method} $path: $answer->{status}" if $answer->{status} >= 500;
					push @faults, faults("$route->{method} $path", $answer, wanted($route, $answer));
				}
			}
		}
	}
	return (\@faults, \%statuses, $count);
}

my ($faults, $statuses, $count) = of_routes();
is_deeply([ @$faults[ 0 .. ($#$faults > 19 ? 19 : $#$faults) ] ], [], "of every route, $count answers");
ok($statuses->{$_}, "among them with status $_") for 200, 303, 304, 400, 403, 404;

# One that a program redirects, one that sets a cookie, one of a wrong method.
my %private = (cache => 'WEB_PRIVATE', path => '');
for (['a redirect with a cookie', ask_raw('POST', '/prefs', 'theme=dark'), 303], ['a form that is not one', ask_raw('POST', '/prefs', 'x' x 30), 400],
	['a page that is not there', ask_raw('GET', '/nowhere', undef), 404], ['a method that a page has not', ask_raw('POST', '/tickets', ''), 405],
	['a path that is not text', ask_raw('GET', '/tickets/%ff', undef), 400], ['too much for this form', ask_raw('POST', '/prefs', 'x' x 5000), 413]) {
	my ($what, $answer, $status) = @$_;
	is($answer->{status}, $status, "$what gives $status");
	is_deeply([ faults($what, $answer, wanted(\%private, $answer)) ], [], '... with the same headers');
}

# -- what the web server says itself ----------------------------------------------
my $bare = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
my %error = (%common, 'content-security-policy' => $bare, 'referrer-policy' => 'no-referrer', 'cache-control' => 'no-store',
	'content-type' => 'text/html; charset=utf-8');
my $none = ask_raw('GET', '/', undef, 'Content-Length' => '-1');
for (['a method that nobody has', ask_raw('DELETE', '/', undef), 405], ['a body that is too large', ask_raw('POST', '/prefs', 'x' x 2_000_000), 413],
	['a file that is not there', ask_raw('GET', '/static/nothing.css', undef), 404], $nginx ? ['a request that is none', $none, 400] : ()) {
	my ($what, $answer, $status) = @$_;
	is($answer->{status}, $status, "$what gives $status");
	is_deeply([ faults($what, $answer, %error) ], [], '... from the web server, as strict as a page');
}
# Refused before it is known for whom it is: by no site of ours.
for (['a path that is too long', ask_raw('GET', '/' . 'marquee' x 3000, undef), 414], $nginx ? () : ['a request that is none', $none, 400]) {
	my ($what, $answer, $status) = @$_;
	is($answer->{status}, $status, "$what gives $status");
	unlike($answer->{body}, qr/marquee|<script|nightdesk|\d\.\d+\.\d/i, '... in which nothing of it is said again');
}

# -- files ------------------------------------------------------------------------------
my %file = ('x-content-type-options' => 'nosniff', 'cross-origin-resource-policy' => 'same-origin', 'referrer-policy' => 'no-referrer');
my $home = ask_raw('GET', '/', undef)->{body};
my $icon = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
my %style = ('cache-control' => 'public, max-age=31536000, immutable', 'content-security-policy' => "default-src 'none'; style-src 'self'; sandbox");
my %files = map { $_ => \%style } $home =~ m{"(/static/[^"]+)"}g;
cmp_ok(scalar keys %files, '>=', 3, 'the home page has assets');
$files{'/error.css'} = $files{'/robots.txt'} = { 'cache-control' => 'public, max-age=86400', 'content-security-policy' => $inert };
$files{'/favicon.ico'} = { 'cache-control' => 'public, max-age=86400', 'content-security-policy' => $icon };
for my $path (sort keys %files) {
	my $answer = ask_raw('GET', $path, undef);
	my $type = one($answer, 'content-type');
	is($answer->{status}, 200, "$path is there");
	like($type, qr{^(?:text/css|text/plain|image/svg\+xml|(?:text|application)/javascript)(?:; charset=utf-8)?$}, '... with its type');
	my $tag = one($answer, 'etag');
	my $same = ask_raw('GET', $path, undef, 'If-None-Match' => $tag);
	my $packed = ask_raw('GET', $path, undef, 'Accept-Encoding' => 'gzip');
	local $also{'content-encoding'} = qr/^gzip$/;
	is($same->{status}, 304, '... and not sent twice');
	is_deeply([ faults($path, $answer, %file, %{ $files{$path} }, 'content-type' => $type), faults("$path compressed", $packed, %file, %{ $files{$path} }, 'content-type' => $type),
		faults("$path again", $same, %file, %{ $files{$path} }) ], [], '... its headers exactly');
}

# -- would we notice? -------------------------------------------------------------------
my $answer = ask_raw('GET', '/login', undef);
my %right = wanted({ cache => 'WEB_PRIVATE', path => '/login' }, $answer);
my @head = @{ $answer->{head} };
my $deaf = '';
for my $name (sort keys %right) {
	my %less = (%$answer, head => [ grep { $_->[0] ne $name } @head ]);
	my %other = (%$answer, head => [ map { $_->[0] eq $name ? [ $name, "$_->[1] x" ] : $_ } @head ]);
	my %twice = (%$answer, head => [ @head, grep { $_->[0] eq $name } @head ]);
	$deaf .= " $name" if grep { !faults('planted', $_, %right) } \%less, \%other, \%twice;
}
is($deaf, '', 'each header that is missing, other or twice would be noticed');
for my $planted ([ 'access-control-allow-origin', '*' ], [ 'x-powered-by', 'x' ], [ 'server', 'nginx/1.22.1' ], [ 'location', '//evil.example' ],
	[ 'set-cookie', 'session=x; Path=/' ], [ 'vary', '*' ]) {
	my %more = (%$answer, head => [ (grep { $_->[0] ne $planted->[0] } @head), $planted ]);
	isnt(scalar(my @found = faults('planted', \%more, %right)), 0, "... and so would $planted->[0]: $planted->[1]");
}
done_testing;
