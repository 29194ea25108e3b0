# What nginx.conf.example and apache.conf.example promise.  It is tried on
# desks of its own, since programs are stopped here: behind the web server of
# the desk we are in, or behind both of them, one after the other.
use strict;
use warnings;
use Cwd 'getcwd';
use File::Temp 'tempdir';
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Test::More;
use Time::HiRes 'time';

if (!$ENV{FRONT}) {
	my @servers = $ENV{DESK_SERVER} // qw(nginx apache);
	for my $server (@servers) {
		valid_as_it_is($server);
		local $ENV{FRONT} = $server;
		local $ENV{WORKERS} = 2;
		local $ENV{NIGHTDESK_URL} = 'https://desk.example';
		open my $inside, '-|', 'tests/private-desk', '--server', $server,
		    '--cache', 'on', '--with', '-', $^X, $0 or die $!;
		print "    $_" while <$inside>;
		close $inside;
		is($?, 0, "the desk behind $server");
	}
	done_testing;
	exit;
}

# Bytes to the server; all that it answers, head and body.
sub say_to_it {
	my ($bytes, %how) = @_;
	my ($where) = $ENV{DESK_HTTP} =~ m{//(.*)};
	my $to = IO::Socket::INET->new($where) or die "no answer at $where";
	local $SIG{PIPE} = 'IGNORE';
	print $to $bytes;
	return $to if $how{keep};
	local $/;
	my $answer = <$to> // '';
	my ($head, $body) = split /\r\n\r\n/, $answer, 2;
	return { status => $answer =~ m{^HTTP/1\.1 (\d+)} ? $1 : 0,
		head => $head // '', body => $body // '' };
}

sub ask {
	my ($method, $path, %headers) = @_;
	my $body = delete $headers{body} // '';
	%headers = (Host => '127.0.0.1', Connection => 'close', %headers);
	$headers{'Content-Length'} //= length $body if $method eq 'POST';
	return say_to_it(join '', "$method $path HTTP/1.1\r\n",
	    (map { "$_: $headers{$_}\r\n" } sort keys %headers), "\r\n", $body);
}

sub get { return ask('GET', @_) }

sub logs {
	my $text = '';
	for my $name (@_) {
		open my $log, '<', "$ENV{DESK_LOG}/$name" or die "$name: $!";
		local $/;
		$text .= <$log>;
	}
	return $text;
}

# The watcher of a program, or the web server.
sub process {
	my ($name) = @_;
	open my $file, '<', "$ENV{DESK_DIR}/pid/$name" or die "$name: $!";
	return 0 + <$file>;
}

my $nginx = $ENV{FRONT} eq 'nginx';
my $answer;

# Names and methods.
is(get('/', Host => 'evil.example')->{body} =~ /Nightdesk/, '',
    'a name that is not ours gets nothing of ours');
for my $method (qw(TRACE DELETE PUT OPTIONS PROPFIND FOO)) {
	$answer = ask($method, '/');
	is($answer->{status}, 405, "$method is refused");
}
like($answer->{head}, qr/^Allow: GET, HEAD, POST\r?$/m, '... saying what is not');
like($answer->{body}, qr/<h1>That cannot be done here/, '... in words');
unlike($answer->{head}, qr/^Server: .*\d/m, 'the server does not say its version');

# Sizes.
$answer = ask('POST', '/tickets/1/follow', body => 'x' x 1_100_000);
is($answer->{status}, 413, 'more than a megabyte is too large');
like($answer->{body}, qr/<h1>That was too large.*<code>[0-9a-f]{32}</s,
    '... said in words, with the number of the request');
is(get('/' . 'x' x 20_000)->{status}, 414, 'so is a path of 20,000 bytes');
ok(get('/', map { ("X-$_" => 'x') } 1 .. 1500)->{status} =~ /^(400|431)$/,
    'so are 1,500 headers');
is(ask('POST', '/report/bug', 'Content-Length' => '-1')->{status}, 400,
    'a negative length is a bad request');

if ($nginx) {
	my $send = "POST /report/bug HTTP/1.1\r\nHost: 127.0.0.1\r\n";
	my @large = map { say_to_it("$send$_\r\n\r\nx", keep => 1) } ('Content-Length: 1000000', 'Transfer-Encoding: chunked') x 6;
	my @held = (@large, map { say_to_it("${send}Content-Length: 999999\r\n\r\nx", keep => 1) } 1 .. 12);
	my $file = 'x' x 1_000_000;
	# until the server has read what these have said; then, that they are gone
	for (1 .. 50) {
		$answer = ask('POST', '/report/bug', body => $file);
		last if $answer->{status} == 429;
		select undef, undef, undef, 0.1;
	}
	is($answer->{status}, 429, 'who is sending eight uploads sends no more of them');
	isnt(ask('POST', '/report/bug', body => 'x')->{status}, 429, '... but forms, which are small');
	is(get('/report/bug')->{status}, 200, '... and reads on');
	close $_ for @held;
	for (1 .. 50) {
		last if ask('POST', '/report/bug', body => $file)->{status} != 429;
		select undef, undef, undef, 0.1;
	}
}

# Requests that mean two things, or nothing.
my $line = "POST /report/bug HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n";
for (['two lengths', $line . "Content-Length: 3\r\nContent-Length: 5\r\n\r\na=b&c"],
    ['the same length twice', $line . "Content-Length: 3\r\nContent-Length: 3\r\n\r\na=b"],
    ['a length and chunks', $line . "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ['chunks within chunks', $line . "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"],
    ['a length that is none', $line . "Content-Length: 3x\r\n\r\na=b"],
    ['two names of the host', "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"],
    ['no name of the host', "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"],
    ['a NUL in the path', "GET /\0 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"],
    ['a NUL in a header', "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: \0\r\nConnection: close\r\n\r\n"],
    ['an escaped NUL in the path', "GET /%00 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"],
    ['a path that is no text', "GET /%ff%fe HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"]) {
	my ($name, $bytes) = @$_;
	like(say_to_it($bytes)->{status}, qr/^(?:4\d\d|501)$/, "$name: refused");
}
unlike(say_to_it("GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")->{body},
    qr/evil/, 'another host in the line of the request is not believed');

# Secret links stay out of every log, also when the program is away.
my $ticket = process('ticket');
get($_) for '/r/SECRET-1', '/%72/SECRET-2', '//r/SECRET-3', '/follow/SECRET-4',
    '/unfollow/SECRET-5?SECRET-6';
kill 'TERM', $ticket;
my $until = time + 10;
select undef, undef, undef, 0.1		# a process that has ended runs no file
    while time < $until && defined readlink "/proc/$ticket/exe";
get($_) for '/r/SECRET-7', '/%72/SECRET-8';

# ... which the rest of the desk outlives.
$answer = get('/tickets/1');
like($answer->{status}, qr/^50[23]$/, 'a program that is away is told of');
like($answer->{body}, qr/<h1>This part of the desk is not answering/, '... in words');
my ($id) = $answer->{body} =~ /<code>([0-9a-f]{32})</;
like($answer->{head}, qr/^X-Request-Id: $id\r?$/mi, '... with the number of the request');
like(logs('access.log'), qr/ $id$/m, '... which is in the log');
is(get('/report')->{status}, 200, 'the other programs answer');
unlike(logs(qw(access.log web.log)), qr/SECRET/,
    'no secret link is in a log of the web server');

# In the place of that program, something that tells what it is told.
my @claims = map { ($_ => 'mallory') } qw(Forwarded X-Forwarded X-Forwarded-For X-Forwarded-Host
    X-Forwarded-Server X-Forwarded-Proto X-Forwarded-Port X-Forwarded-User X-Forwarded-Email
    X-Forwarded-Preferred-Username X-Forwarded-Groups X-Real-IP X_Real_IP X-Client-IP X-Cluster-Client-IP
    Client-IP True-Client-IP CF-Connecting-IP Remote-User REMOTE_USER X-Remote-User X-Auth-User
    X-Auth-Request-User X-Authenticated-User X-WebAuth-User X-User X-On-Behalf-Of X-Original-URL
    X-Original-Host X-Rewrite-URL X-Host X-HTTP-Method-Override Authorization Proxy-Authorization
    Proxy HTTP_PROXY);
my $listener = tell_what_it_is_told("$ENV{DESK_RUN}/ticket.sock");
my %told = map { /^(\S+?)=(.*)/ ? ($1, $2) : () }
    split /\n/, get('/my/1', @claims, Cookie => 'a=b')->{body};
waitpid $listener, 0;
is($told{REQUEST_METHOD}, 'GET', 'a program is told of the method');
is($told{REQUEST_URI}, '/my/1', '... of the path as it came');
is($told{REMOTE_ADDR}, '127.0.0.1', '... of the address that it came from');
is($told{HTTP_COOKIE}, 'a=b', '... and of its own cookies');
is_deeply([grep { $told{$_} =~ /mallory/ } sort keys %told], [],
    (@claims / 2) . ' headers by which somebody claims to be another are not handed on');
is($told{HTTP_PROXY} // '', '', 'nor is a proxy for what the program asks');
if ($nginx) {
	open my $example, '<', 'nginx.conf.example' or die $!;
	my %listed = map { /^\s*fastcgi_param\s+(\w+)\s+[^"\s]/ ? ($1, 1) : () } <$example>;
	is_deeply([sort keys %told], [sort keys %listed], 'what is on the list is handed on and nothing else');
}

# A worker that is killed.
my $list = process('list');
chomp(my @workers = `ps -o pid= --ppid $list`);
is(scalar @workers, 2, 'two workers of list');
kill 'KILL', @workers;
$until = time + 10;
my $back;
until ($back || time > $until) {
	$back = get('/nowhere' . time)->{status} == 404;
	select undef, undef, undef, 0.05 if !$back;
}
ok($back, 'killed workers are replaced');

# Files.
my $home = get('/');
my ($style) = $home->{body} =~ m{(/static/style-[0-9a-f]{12}\.css)};
$answer = get($style);
is($answer->{status}, 200, 'the style is there');
like($answer->{head}, qr/^Content-Type: text\/css/mi, '... as CSS');
like($answer->{head}, qr/^Cache-Control: public, max-age=31536000, immutable/mi, '... for ever');
like($answer->{head}, qr/^X-Content-Type-Options: nosniff/mi, '... and nothing else');
$answer = get($style, 'Accept-Encoding' => 'gzip');
like($answer->{head}, qr/^Content-Encoding: gzip/mi, '... compressed');
like(get('/favicon.ico')->{head}, qr/^Content-Type: image\/svg\+xml/mi, 'the icon is an SVG');
like(get('/robots.txt')->{head}, qr/^Content-Type: text\/plain/mi, 'robots.txt is there');
unlike(get($_)->{status}, qr/^200$/, "$_ shows nothing") for '/static/', '/error/',
    '/error/down.html', '/static/../../lib/web.c', '/static/%2e%2e/%2e%2e/lib/web.c',
    '/static/..%2f..%2f..%2flib/web.c', '/.git/config', '/style.css', '/htdocs/style.css';

# The theme and the other cookies.
for (['', ''], ['theme=dark', 'dark'], ['a=b; theme=light; c=d', 'light'],
    ['__Host-theme=dark', 'dark'], ['theme=%22onload', ''], ['xtheme=dark', '']) {
	my ($cookie, $theme) = @$_;
	my ($seen) = get('/tickets', Cookie => $cookie)->{body} =~ /data-theme="([^"]*)"/;
	is($seen // '', $theme, "cookie \"$cookie\" shows theme \"$theme\"");
}

# What is compressed: public pages; what could be a secret is not.
like(get('/tickets', 'Accept-Encoding' => 'gzip')->{head},
    qr/^Content-Encoding: gzip/mi, 'a public page is compressed');
unlike(get('/login', 'Accept-Encoding' => 'gzip')->{head},
    qr/^Content-Encoding: gzip/mi, 'the sign-in page is not');

# The cache of nginx.
if ($nginx) {
	get('/tickets?q=same', Cookie => $_) for 'session=1', 'session=2',
	    'theme=light', 'theme=light; session=1', 'theme=pink';
	my @kept = logs('access.log') =~ m{"GET /tickets\?q=same .* (\w+) \w+$}mg;
	is("@kept", 'MISS HIT MISS HIT HIT',
	    'a public page is kept once for each theme, whatever else the cookies say');
	$answer = get('/tickets?q=same');
	($id) = $answer->{head} =~ /^X-Request-Id: (\w+)/mi;
	like(logs('access.log'), qr/ HIT $id$/m, '... and its request is in the log');
	my ($tag) = get('/tickets.json')->{head} =~ /^ETag: (\S+)/mi;
	is(get('/tickets.json', 'If-None-Match' => $tag)->{status}, 304,
	    '... and not sent twice');
	isnt(get('/login')->{body}, get('/login')->{body}, 'a private one is not kept');
}

# Eight visitors who stop in the middle of a form.  Apache hands bodies on
# while they arrive, as its example admits.
if ($nginx) {
	my @slow = map { say_to_it("POST /report/bug HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    . "Content-Type: application/x-www-form-urlencoded\r\n"
	    . "Content-Length: 60000\r\n\r\n" . 'x' x 30_000, keep => 1) } 1 .. 8;
	my $start = time;
	is(get('/report')->{status}, 200, 'eight half-sent forms hold no worker');
	cmp_ok(time - $start, '<', 5, '... not for a moment');
	my $head = say_to_it("GET / HTTP/1.1\r\nHost:", keep => 1);
	local $SIG{ALRM} = sub { die "still open\n" };
	alarm 30;
	ok(eval { my $end = <$head>; 1 }, 'half a head is not waited for');
	alarm 0;
}

done_testing;

# One answer of a FastCGI program: its parameters, a line for each.
sub tell_what_it_is_told {
	my ($path) = @_;
	unlink $path;
	my $socket = IO::Socket::UNIX->new(Local => $path, Listen => 5) or die "$path: $!";
	chmod 0666, $path;
	my $pid = fork // die "fork: $!";
	return $pid if $pid;
	alarm 20;
	my $visitor = $socket->accept or POSIX::_exit(1);
	my ($text, $type, $body) = ("", 0, "");
	while ($type != 5) {	# FCGI_STDIN: the parameters are over
		read($visitor, my $head, 8) == 8 or POSIX::_exit(1);
		(undef, $type, undef, my $size, my $padding) = unpack 'CCnnC', $head;
		read $visitor, $body, $size + $padding if $size + $padding;
		$text .= substr $body, 0, $size if $type == 4;
	}
	my ($told, @size) = ('');
	while ($text ne '') {
		@size = map {
			my ($n) = unpack 'C', $text;
			($n) = unpack 'N', $text if $n > 127;
			substr $text, 0, $n > 127 ? 4 : 1, '';
			$n & 0x7fffffff;
		} 1, 2;
		$told .= substr($text, 0, $size[0], '') . '=';
		$told .= substr($text, 0, $size[1], '') . "\n";
	}
	$told = "Status: 200\r\nContent-Type: text/plain\r\n\r\n$told";
	print $visitor pack('CCnnCC', 1, 6, 1, length $told, 0, 0), $told,
	    pack('CCnnCC', 1, 6, 1, 0, 0, 0), pack('CCnnCCNCx3', 1, 3, 1, 8, 0, 0, 0, 0);
	close $visitor;
	POSIX::_exit(0);
}

# The example with another port and certificate, as its server checks it.
sub valid_as_it_is {
	my ($server) = @_;
	my $dir = tempdir(CLEANUP => 1);
	my @ports = map { $_->sockport } my @held = map {
		IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') } 1, 2;
	undef @held;
	system("openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=desk.example "
	    . "-keyout $dir/key -out $dir/certificate 2>$dir/said") == 0 or die 'openssl';
	open my $example, '<', "$server.conf.example" or die $!;
	local $/;
	my $text = <$example>;
	for ($text) {
		s{/etc/letsencrypt/live/desk.example/fullchain.pem}{$dir/certificate}g;
		s{/etc/letsencrypt/live/desk.example/privkey.pem}{$dir/key}g;
		s{/(?:var/(?:log|cache)|usr/share|run)/(?:nginx/|apache2/)?nightdesk}{$dir}g;
		s{^\tlisten \[::\].*\n}{}mg;
		s{listen 443}{listen 127.0.0.1:$ports[0]}g;
		s{listen 80}{listen 127.0.0.1:$ports[1]}g;
		s{VirtualHost \*:443}{VirtualHost 127.0.0.1:$ports[0]}g;
		s{VirtualHost \*:80}{VirtualHost 127.0.0.1:$ports[1]}g;
	}
	mkdir "$dir/htdocs";
	open my $site, '>', "$dir/site.conf" or die $!;
	print $site $text;
	close $site;
	open my $outer, '>', "$dir/outer.conf" or die $!;
	my ($modules) = $text =~ /^#\ta2enmod ((?:.*\\\n)*.*)/m;
	print $outer $server eq 'nginx'
	    ? join '', "pid $dir/pid;\nevents { }\nhttp {\n",
		(map { "${_}_temp_path $dir/$_;\n" }
		    qw(client_body proxy fastcgi uwsgi scgi)),
		"include $dir/site.conf;\n}\n"
	    : join '', (map { "LoadModule ${_}_module /usr/lib/apache2/modules/mod_$_.so\n" }
		qw(mpm_event authz_core socache_shmcb), $modules =~ /\w+/g),
		"ServerName localhost\nListen 127.0.0.1:$ports[0]\n",
		"Listen 127.0.0.1:$ports[1]\nPidFile $dir/pid\nErrorLog $dir/error\n",
		"Include $dir/site.conf\n";
	close $outer;
	local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";
	my $said = $server eq 'nginx'
	    ? `nginx -t -e $dir/error -p $dir -c $dir/outer.conf 2>&1`
	    : `apache2 -t -d $dir -f $dir/outer.conf 2>&1`;
	is($?, 0, "$server.conf.example is valid as it is, TLS included") or diag($said);
	unlike($said, qr/warn/i, '... without a warning');
}
