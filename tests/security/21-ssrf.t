# Class 21, being made to ask other servers.  Fences: no program asks any but
# notify, which makes no socket to an address of an inner network, follows no
# redirect and knows the URLs of one file alone; the others can make no socket.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Hooks;
use Post;
use Security;
use Worker;

my $hooks = Hooks->start($Post::place);
$ENV{NIGHTDESK_HOOKS} = "$Post::place/hooks";
my $port = $hooks->{port};
my @inner = ("127.0.0.1:$port", "localhost:$port", "127.1:$port", "2130706433:$port", "0x7f000001:$port", "0.0.0.0:$port", "[::1]:$port", "[::ffff:127.0.0.1]:$port", '169.254.169.254', '10.0.0.1', '192.168.1.1', '[fe80::1]', '[fc00::1]');

# Each as a hook, called once: what came, and what is said of it.
sub called {
	my ($allow, @urls) = @_;
	local $ENV{NIGHTDESK_HOOKS_ALLOW} = $allow;
	open my $file, '>', $ENV{NIGHTDESK_HOOKS} or die;
	print $file map { "h$_ $urls[$_] secret\n" } 0 .. $#urls;
	close $file;
	chmod 0600, $ENV{NIGHTDESK_HOOKS};
	$hooks->forget;
	Post::sql("DELETE FROM desk.delivery; DELETE FROM desk.outbox; DELETE FROM desk.delivery_pause; DELETE FROM desk.hook;
		INSERT INTO desk.hook (name, kind, events) SELECT 'h' || n, 'webhook', '{sla.breached}' FROM generate_series(0, $#urls) n;
		SELECT desk.hook_send('sla.breached', NULL, '{}', NULL, true)");
	my $ran = Post::notify('--once');
	return ($ran->{exit} == 1 && $ran->{err} =~ /fatal/ ? $ran->{err} : (), map { "$_->{path} was asked" } $hooks->got);
}
my $as_it_is = $Post::program;
sub notify_without {
	$Post::program = Worker::build('notify', @_);
	return Security::Guard->new(sub { $Post::program = $as_it_is });
}
Post::sql('ALTER TABLE desk.delivery DISABLE TRIGGER USER; ALTER TABLE desk.outbox DISABLE TRIGGER USER');
bites('no address of an inner network is asked', sub { called('http', map { "http://$_/inner" } @inner) },
	'the look at the address before the socket' => sub { notify_without('lib/send.c', '!s->set->private_targets && hook_private(&to->addr)', 's->set->private_targets && 0') });
bites('no redirect is followed', sub { $hooks->answer('/away', 307); return grep { !/away/ } called('http private', $hooks->url('/away')) },
	'the refusal to follow' => sub { notify_without('lib/send.c', 'CURLOPT_FOLLOWLOCATION, 0L', 'CURLOPT_FOLLOWLOCATION, 1L') });
for my $url ("gopher://127.0.0.1:$port/_POST%20/x%20HTTP/1.0", "ftp://127.0.0.1:$port/x", "file:///etc/passwd") {
	my ($said, @asked) = called('http private', $url);
	like($said, qr/the URL does not begin with/, 'no other protocol is spoken: ' . $url =~ s/:.*//r);
	is(scalar @asked, 0, '... nor tried');
}

# All the other programs.
my $list = Worker->run('list', NIGHTDESK_TEMPLATES => "$ENV{PWD}/templates", PGDATABASE => 'nightdesk');
my $connect = 'int s = socket(AF_INET, SOCK_STREAM, 0), t = socket(AF_UNIX, SOCK_STREAM, 0), u = socket(AF_INET6, SOCK_DGRAM, 0); said = s >= 0 || t >= 0 || u >= 0 ? "made" : "refused";';
sub sockets { my $answer = $list->ask(REQUEST_URI => '/'); return ($answer->{body} // 'gone') eq 'refused' ? () : 'a socket was ' . ($answer->{body} // 'gone') }
{
	my $guard = $list->intruder($connect);
	is_deeply([ sockets() ], [], 'who gets into a web program can make no socket');
}
{
	my $guard = $list->intruder($connect, 'lib/web.c', 'fence_close(FENCE_WEB);', '');
	isnt(scalar sockets(), 0, '... and without the fence there is one');
}
done_testing;
