# Class 20, reading files by a path of one's own, and running what was uploaded.
# Fences: files are served from one directory of assets and nothing else;
# attachments live in the database under a number; and behind landlock and
# seccomp a program can open no file at all.
use strict;
use warnings;
use utf8;
use IO::Socket::INET;
use Test::More;
use lib 'tests/lib';
use Desk;
use Security;
use Worker;

Desk::start_anew();
sql("INSERT INTO desk.ticket (subject, kind, severity) VALUES ('One', 'bug', 3)");

# As it stands: no library may tidy the path up before.
sub raw {
	my ($path) = @_;
	my ($where) = $ENV{DESK_HTTP} =~ m{//(.*)};
	my $to = IO::Socket::INET->new(PeerAddr => $where, Timeout => 10) or die $!;
	print $to "GET $path HTTP/1.1\r\nHost: desk.example\r\nConnection: close\r\n\r\n";
	local $/;
	return <$to> // '';
}

my @up = ('../', '..%2f', '%2e%2e/', '%2e%2e%2f', '..%5c', '..\\', '%252e%252e%252f', '..%c0%af', '..;/', '....//', '%2e%2e%00/', '/..');
my @bases = ('/', '/static/', '/static', '/error/', '/static/x/', '/tickets/1/files/1/', '/my/1/files/1/', '/staff/tickets/1/files/1/', '/.well-known/', '/report/');
my @wanted = ('etc/passwd', 'keyring', 'templates/head.html', 'build/list', 'static/style.css', 'htdocs/error/down.html', 'proc/self/environ');
# What each of those holds.
my $held = qr/root:x:0|^\d\d:[0-9a-f]{64}|AUTOESCAPE|\x7fELF|NIGHTDESK_KEYRING|PGHOST=|<!--#/m;
my ($style) = ask('GET', '/')->{body} =~ m{/static/(style[^"]+)};

sub read_up {
	my @faults;
	my $n = 0;
	for my $base (@bases) {
		for my $up (@up) {
			# each way up, four times, for another file each time
			my $path = $base . $up x 4 . $wanted[ $n++ % @wanted ];
			my $said = raw($path);
			push @faults, "$path is a file" if $said =~ $held;
		}
	}
	push @faults, 'the directory above the assets is open' if raw("/static../static/$style") =~ /^HTTP\S+ 200/;
	for my $path ('/.git/config', '/.env', '/static/', '/error/', '/error/down.html', '/templates/head.html', '/keyring', '/static/desk.c', '/cgi-bin/list', '/static/../../keyring') {
		push @faults, "$path is there" if raw($path) =~ /^HTTP\S+ 200/;
	}
	return @faults;
}
if ($ENV{DESK_SERVER} eq 'nginx') {
	bites('no path leads out of the directory of assets', \&read_up,
		'the slash at the end of a location' => sub { without_config(qr{location /static/ \{}, 'location /static {') });
} else {
	is_deeply([ read_up() ], [], 'no path leads out of the directory of assets');
}

# A program that was taken over.
my $list = Worker->run('list', NIGHTDESK_TEMPLATES => "$ENV{PWD}/templates");
my $open = (sanitizer() ? 'int fd = -1;' : 'int fd = open("/etc/passwd", O_RDONLY);') . ' int other = open("/tmp", O_TMPFILE | O_RDWR, 0600); said = fd >= 0 ? "read" : other >= 0 ? "written" : "refused";';
sub opened {
	my $answer = $list->ask(REQUEST_URI => '/');
	return ($answer->{body} // 'gone') eq 'refused' ? () : 'a file was ' . ($answer->{body} // 'gone');
}
{
	my $guard = $list->intruder($open);
	is_deeply([ opened() ], [], 'who gets into a program can open no file');
}
{
	my $guard = $list->intruder($open, 'lib/web.c', 'fence_close(FENCE_WEB);', '');
	isnt(scalar opened(), 0, '... and without the fence a file is open');
}

# No path of the file system is made of what a visitor sends.
my @named = map { my $file = $_; slurp($file) =~ /\b(?:f?open|openat|unlink|rename|stat|opendir)\s*\(\s*(?:web_part|form_text|r->path|r->query|web_param)/ ? $file : () } glob 'cgi-bin/*.c lib/*.c';
is_deeply(\@named, [], 'no file is named by a visitor');
done_testing;
