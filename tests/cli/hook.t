# Webhooks and PagerDuty events from the outbox to a real HTTP server, which
# checks the signatures itself: what arrives, what is tried again, and where
# notify refuses to go.
use strict;
use warnings;
use utf8;
use lib 'tests/lib';
use Hooks;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64;
use Post;
use Test::More;

my $hooks = Hooks->start($Post::place);
my $file = "$Post::place/hooks";
$ENV{NIGHTDESK_HOOKS} = $file;
$ENV{NIGHTDESK_HOOKS_ALLOW} = 'http private';
sub configure {
	open my $to, '>', $file or die;
	print $to "# name url secret [secret]\n\n", map { "$_\n" } @_;
	close $to;
	chmod 0600, $file;
}
sub log_of { return Post::sql("SELECT string_agg(outcome || coalesce(' ' || code, ''), ', ' ORDER BY id) FROM desk.delivery WHERE outbox = (SELECT max(id) FROM desk.outbox WHERE hook = '$_[0]')") }
sub body { return decode_json($_[0]{body}) }
sub hook_send { my ($event, $ticket, $payload, $dedup) = @_; Post::sql("SELECT desk.hook_send('$event', " . ($ticket // 'NULL') . ", '$payload', " . ($dedup ? "'$dedup'" : 'NULL') . ', true)') }

my $base64 = 'whsec_' . encode_base64("\x01binary\x00secret", '');
configure('one ' . $hooks->url('/one') . ' secret-one', 'two ' . $hooks->url('/two') . " secret-old $base64", 'pager ' . $hooks->url('/v2/enqueue') . ' R0UT1NG');
Post::sql("INSERT INTO desk.hook (name, kind, events) VALUES ('one', 'webhook', '{ticket.filed,ticket.answered,ticket.resolved}'),
	('two', 'webhook', '{sla.breached}'), ('pager', 'pagerduty', '{page.trigger,page.acknowledge,page.resolve}')");

# Tickets --------------------------------------------------------------------

my $t = Post::ticket('Größe "x" </script>');
is(Post::notify('--once')->{exit}, 0, 'a hook is called');
my ($got) = $hooks->got;
is($got->{path}, '/one', 'at its URL');
is($got->{headers}{'content-type'}, 'application/json', 'with JSON');
ok(Hooks::signed($got, 'secret-one'), 'signed so that another HMAC agrees');
ok(!Hooks::signed({ %$got, body => $got->{body} . ' ' }, 'secret-one'), '... to the byte');
ok(!Hooks::signed($got, 'secret-two'), '... and the secret');
like($got->{headers}{'webhook-id'}, qr/^o\d+-[0-9a-f]{20}$/, 'it has an id');
cmp_ok(abs($got->{headers}{'webhook-timestamp'} - time), '<', 10, 'the time of the attempt is in it');
my $told = body($got);
is($told->{type}, 'ticket.filed', 'the event has a name');
is($told->{data}{subject}, 'Größe "x" </script>', 'and says what a stranger may know');
is($told->{data}{url}, "https://desk.example/tickets/$t", 'and where to read it');
$hooks->forget;
my $private = Post::ticket('canarysubject', { visibility => 'private' });
Post::notify('--once');
unlike(($hooks->got)[0]{body}, qr/canary/, 'of a private ticket it says no subject');
is(body(($hooks->got)[0])->{data}{number}, $private, 'but its number');
$hooks->forget;
my $ann = Post::staff('ann');
Post::sql("INSERT INTO desk.message (ticket, author, staff, name, body) VALUES ($t, 'staff', $ann, 'Ann', 'canaryanswer')");
Post::sql("UPDATE desk.ticket SET state = 'resolved', resolution = 'answered' WHERE number = $t");
Post::notify('--once');
is(join(',', sort map { body($_)->{type} } $hooks->got), 'ticket.answered,ticket.resolved', 'answered and resolved are events, too');

# Two secrets ----------------------------------------------------------------

$hooks->forget;
hook_send('sla.breached', $t, '{"metric": "first response"}');
Post::notify('--once');
($got) = $hooks->got;
is(scalar(split / /, $got->{headers}{'webhook-signature'}), 2, 'two secrets make two signatures');
ok(Hooks::signed($got, $_), 'each of which is right') for 'secret-old', "\x01binary\x00secret";
is_deeply(body($got)->{data}, { metric => 'first response', ticket => $t }, 'the payload is as it was given');

# PagerDuty ------------------------------------------------------------------

$hooks->forget;
hook_send('page.trigger', $t, '{"summary": "Production is down: ticket ' . $t . '", "component": "shop"}', 'desk-7-1');
hook_send('page.acknowledge', $t, '{}', 'desk-7-1');
hook_send('page.resolve', $t, '{}', 'desk-7-1');
$hooks->answer('/v2/enqueue', 202, 202, 202);
Post::notify('--once');
my @events = map { body($_) } $hooks->got;
is(join(',', map { $_->{event_action} } @events), 'trigger,acknowledge,resolve', 'PagerDuty is told in order');
is_deeply({ map { $_->{dedup_key} => 1 } @events }, { 'desk-7-1' => 1 }, 'of one incident');
is_deeply({ map { $_->{routing_key} => 1 } @events }, { R0UT1NG => 1 }, 'with the routing key of the file');
is($events[0]{payload}{summary}, "Production is down: ticket $t", 'a trigger says what');
is($events[0]{payload}{severity}, 'critical', 'how bad');
is($events[0]{payload}{source}, 'https://desk.example', 'where');
like($events[0]{payload}{timestamp}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'and when');
is($events[0]{payload}{component}, 'shop', 'and of what');
is($events[0]{links}[0]{href}, "https://desk.example/staff/tickets/$t", 'and where to go');
is($events[0]{client}, 'Nightdesk', 'and who says it');
ok(!exists $events[$_]{payload}, 'the others need no payload') for 1, 2;
is(Post::sql("SELECT count(*) FROM desk.outbox WHERE payload::text LIKE '%R0UT%'"), 0, 'the key is in no row');

$hooks->forget;
Post::sql("UPDATE desk.hook SET events = events || '{sla.breached,sla.stopped}' WHERE name = 'pager'");
hook_send('sla.breached', $t, '{}', 'desk-3-2');
hook_send('sla.stopped', $t, '{}', 'desk-3-2');
Post::notify('--once');
is(join(',', map { "$_->{event_action} $_->{dedup_key}" } map { body($_) } grep { $_->{path} eq '/v2/enqueue' } $hooks->got), 'trigger desk-3-2,resolve desk-3-2', 'a late promise that was kept ends its incident');
Post::sql("UPDATE desk.hook SET events = '{page.trigger,page.acknowledge,page.resolve}' WHERE name = 'pager'; DELETE FROM desk.outbox");

$hooks->forget;
$hooks->answer('/v2/enqueue', 500);
hook_send('page.trigger', $t, '{}', 'desk-8-1');
hook_send('page.resolve', $t, '{}', 'desk-8-1');
is(Post::notify('--once')->{exit}, 75, 'when it fails');
is(scalar($hooks->got), 1, '... what belongs to the same incident waits');
$hooks->answer('/v2/enqueue', 429);
Post::make_due();
Post::notify('--once');
Post::make_due();
Post::notify('--once');
is(join(',', map { body($_)->{event_action} } $hooks->got), 'trigger,trigger,trigger,resolve', '429 and 500 are tried again, in order');
is(join(',', map { body($_)->{dedup_key} } $hooks->got), 'desk-8-1,desk-8-1,desk-8-1,desk-8-1', 'under the same key');

# Answers --------------------------------------------------------------------

my %ends = (200 => 'sent 200', 202 => 'sent 202', 204 => 'sent 204', 302 => 'later 302', 307 => 'later 307', 401 => 'later 401', 404 => 'later 404', 408 => 'later 408',
	429 => 'later 429', 500 => 'later 500', 503 => 'later 503', 400 => 'refused 400', 410 => 'refused 410', 413 => 'refused 413', 422 => 'refused 422', die => 'later');
for my $status (sort keys %ends) {
	Post::sql('DELETE FROM desk.outbox; DELETE FROM desk.delivery_pause');
	$hooks->forget;
	$hooks->answer('/two', $status);
	hook_send('sla.breached', $t, '{}');
	Post::notify('--once');
	is(log_of('two'), $ends{$status}, "$status is \"$ends{$status}\"");
	is(scalar(grep { $_->{path} eq '/elsewhere' } $hooks->got), 0, '... and leads nowhere else') if $status =~ /^30/;
	is(Post::sql("SELECT count(*) FROM desk.outbox WHERE kind = 'alarm' AND subject LIKE 'The hook two refused%'"), $ends{$status} =~ /refused/ ? 1 : 0, '... which is told by mail or not')
		if $status =~ /^(400|500)$/;
}

Post::sql('DELETE FROM desk.outbox; DELETE FROM desk.delivery_pause');
$hooks->forget;
$hooks->answer('/two', 500);
hook_send('sla.breached', $t, '{}');
Post::notify('--once');
sleep(1.1);
Post::make_due();
Post::notify('--once');
my @tries = $hooks->got;
is($tries[0]{headers}{'webhook-id'}, $tries[1]{headers}{'webhook-id'}, 'each attempt bears the same id');
isnt($tries[0]{headers}{'webhook-timestamp'}, $tries[1]{headers}{'webhook-timestamp'}, 'its own time');
ok(Hooks::signed($tries[1], 'secret-old'), 'and its own signature');
my $id = Post::sql("SELECT max(id) FROM desk.outbox WHERE hook = 'two'");
is(Post::notify('--replay', $id)->{exit}, 0, 'a delivery can be replayed');
Post::notify('--once');
is(($hooks->got)[2]{headers}{'webhook-id'}, $tries[0]{headers}{'webhook-id'}, '... under the same id');
is(($hooks->got)[2]{body}, $tries[0]{body}, '... to the byte');
is(log_of('two'), 'later 500, sent 200, sent 200', 'and all of it is in the log');

# Down: one does not hold up another -----------------------------------------

Post::sql('DELETE FROM desk.outbox; DELETE FROM desk.delivery_pause');
$hooks->forget;
configure('one ' . $hooks->url('/one') . ' secret-one', 'two http://127.0.0.1:1/ secret', 'pager ' . $hooks->url('/v2/enqueue') . ' R0UT1NG');
hook_send('sla.breached', $t, '{}') for 1 .. 5;
hook_send('page.trigger', $t, '{}', 'desk-9-1');
is(Post::notify('--once')->{exit}, 75, 'a hook whose server is down waits');
is(log_of('pager'), 'sent 200', 'the others are called');
is(Post::sql("SELECT count(*) FROM desk.delivery WHERE outcome = 'down' AND outbox IN (SELECT id FROM desk.outbox WHERE hook = 'two')"), 1, 'one attempt tells of all');
is(Post::sql("SELECT count(*) FROM desk.outbox WHERE hook = 'two' AND tries = 0 AND sent_at IS NULL"), 5, 'and wears none out');
Post::sql("UPDATE desk.delivery_pause SET until = now(), tried_at = tried_at - interval '31 seconds', since = now() - interval '2 hours'");
Post::notify('--once');
is(Post::sql("SELECT count(*) FROM desk.outbox WHERE kind = 'alarm' AND urgent AND subject LIKE 'The hook two has been down since%'"), 1, 'after an hour there is an alarm by mail');
my $deaf = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => 0) or die "listen: $!";
Post::sql('DELETE FROM desk.outbox; DELETE FROM desk.delivery_pause');
$hooks->forget;
configure('one ' . $hooks->url('/one') . ' secret-one', 'two http://127.0.0.1:' . $deaf->sockport . '/ secret', 'pager ' . $hooks->url('/v2/enqueue') . ' R0UT1NG');
hook_send('sla.breached', $t, '{}');
hook_send('page.trigger', $t, '{}', 'desk-10-1');
is(Post::notify('--once')->{exit}, 75, 'a hook that takes an event and never answers');
is(log_of('two'), 'later', '... was tried');
is(Post::sql("SELECT tries FROM desk.outbox WHERE hook = 'two'"), 1, '... which counts');
is(Post::sql('SELECT count(*) FROM desk.delivery_pause'), 0, '... and is not down: the fault may be with this event');
is(log_of('pager'), 'sent 200', 'the others are called');
close $deaf;
Post::sql('DELETE FROM desk.outbox; DELETE FROM desk.delivery_pause');
configure('two ' . $hooks->url('/two') =~ s/^http:/https:/r . ' secret');
hook_send('sla.breached', $t, '{}') for 1 .. 5;
Post::notify('--once');
is(Post::sql("SELECT count(*) FROM desk.delivery d JOIN desk.outbox o ON o.id = d.outbox WHERE d.outcome = 'down'"), 1, 'a server without TLS where TLS is wanted is as good as down');
Post::sql("UPDATE desk.hook SET active = false WHERE name = 'two'");
Post::make_due();
Post::notify('--once');
is(Post::sql("SELECT count(*) FROM desk.outbox WHERE hook = 'two' AND said = 'the hook was switched off'"), 5, 'a hook that is switched off is not called any more');
Post::sql("UPDATE desk.hook SET active = true WHERE name = 'two'");

# Where it does not go -------------------------------------------------------

my %closed = map { $_ => 1 } qw(http://127.0.0.1:1/ http://127.1:1/ http://2130706433:1/ http://0x7f000001:1/ http://0177.0.0.1:1/ http://localhost:1/ http://[::1]:1/
	http://[::ffff:127.0.0.1]:1/ http://[::]:1/ http://0.0.0.0:1/ http://10.1.2.3:1/ http://172.16.0.1:1/ http://192.168.1.1:1/ http://169.254.169.254:1/
	http://100.64.0.1:1/ http://[fe80::1]:1/ http://[fd00::1]:1/ http://[64:ff9b::7f00:1]:1/ http://[2002:7f00:1::]:1/ http://224.0.0.1:1/ http://255.255.255.255:1/);
$ENV{NIGHTDESK_HOOKS_ALLOW} = 'http';
for my $url (sort keys %closed) {
	configure("two $url secret");
	my $r = Post::notify('--test', 'hook', 'two');
	like($r->{out}, qr/^(refused: 0 its address is one of a private network|down: 0 Couldn't resolve|down: 0 URL)/i, "$url is not connected to") or diag $r->{out};
}
is(scalar(grep { $_->{path} eq '/private' } $hooks->got), 0, 'and nothing got there');
configure('two ' . $hooks->url('/private') . ' secret');
hook_send('sla.breached', $t, '{}');
is(Post::notify('--once')->{exit}, 0, 'a row for such a place');
is(log_of('two'), 'refused', '... is refused');
is(scalar(grep { $_->{path} eq '/private' } $hooks->got), 0, '... and never arrives');
# a name with two addresses, one of a private network and one that refuses
SKIP: {
	open my $c, '>', "$Post::place/names.c" or die;
	print $c <<'END';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
int getaddrinfo(const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **to)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	struct addrinfo *last;
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (name == NULL || strcmp(name, "both.example") != 0)
		return real(name, port, hints, to);
	if (real("10.1.2.3", port, hints, to) != 0)
		return EAI_FAIL;
	for (last = *to; last->ai_next != NULL; last = last->ai_next)
		;
	return real("9.9.9.9", port, hints, &last->ai_next);
}
int connect(int fd, const struct sockaddr *to, socklen_t size)
{
	int (*real)(int, const struct sockaddr *, socklen_t);
	*(void **)&real = dlsym(RTLD_NEXT, "connect");
	if (to->sa_family != AF_INET && to->sa_family != AF_INET6)
		return real(fd, to, size);
	errno = ECONNREFUSED;
	return -1;
}
END
	close $c;
	system("cc -shared -fPIC -o $Post::place/names.so $Post::place/names.c -ldl") == 0 or die "cc failed\n";
	local $ENV{LD_PRELOAD} = "$Post::place/names.so";
	skip('the address sanitizer must be loaded before all others', 4) if Post::notify('--help')->{err} =~ /ASan runtime does not come first/;
	configure('two http://both.example:1/ secret');
	Post::sql('DELETE FROM desk.outbox; DELETE FROM desk.delivery_pause');
	hook_send('sla.breached', $t, '{}');
	is(Post::notify('--once')->{exit}, 75, 'a name of which one address is private');
	is(log_of('two'), 'later', '... is tried again');
	is(Post::sql("SELECT count(*) FROM desk.outbox WHERE hook = 'two' AND failed_at IS NULL AND tries = 1"), 1, '... and nothing is given up for good');
	like(Post::notify('--test', 'hook', 'two')->{out}, qr/^later: 0 one of its addresses is one of a private network .*, and of the others: Couldn't connect/i, 'a test says it plainly');
	Post::sql('DELETE FROM desk.outbox; DELETE FROM desk.delivery_pause');
	configure('two ' . $hooks->url('/private') . ' secret');
}
$ENV{NIGHTDESK_HOOKS_ALLOW} = 'private';
like(Post::notify('--test', 'hook', 'two')->{out}, qr/^down: 0 .*protocol/i, 'without TLS only when that is allowed');
{
	local $ENV{NIGHTDESK_HOOKS_ALLOW} = 'http private';
	local @ENV{qw(http_proxy HTTP_PROXY all_proxy)} = ('http://127.0.0.1:1') x 3;
	is(Post::notify('--test', 'hook', 'two')->{exit}, 0, 'no proxy of the environment is in between');
}

# The file, and tests --------------------------------------------------------

$ENV{NIGHTDESK_HOOKS_ALLOW} = 'http private';
for my $line ('two', 'two https://a.example', 'two https://a.example whsec_*', "one https://a.example s\none https://b.example s", 'two ftp://a.example x', 'two https://a.example a b c', 'two https://a.example ' . 'x' x 300) {
	configure('# fine', $line);
	my $r = Post::notify('--once');
	is($r->{exit}, 1, 'a line that is wrong ends it');
	like($r->{err}, $line =~ /\n/ ? qr/hooks", line 5: / : qr/hooks", line 4: /, '... and is named');
	unlike($r->{err}, qr/xxx/, '... without its secret');
}
configure('two ' . $hooks->url('/two') . ' secret', 'pager ' . $hooks->url('/v2/enqueue') . ' R0UT1NG');
$hooks->forget;
my $r = Post::notify('--test', 'hook', 'two');
is($r->{exit}, 0, 'a hook can be tested');
is(body(($hooks->got)[0])->{type}, 'test', '... with an event that says so');
ok(Hooks::signed(($hooks->got)[0], 'secret'), '... signed');
$hooks->forget;
is(Post::notify('--test', 'hook', 'pager')->{exit}, 0, 'so can PagerDuty');
is(join(',', map { body($_)->{event_action} . ' ' . (body($_)->{payload}{severity} // '') } $hooks->got), 'trigger info,resolve info', '... which is woken gently, and told that it is over');
is(Post::notify('--test', 'hook', 'three')->{exit}, 69, 'a hook that is not there cannot');
Post::sql("INSERT INTO desk.hook (name, kind, events) VALUES ('three', 'webhook', '{*}')");
like(Post::notify('--test', 'hook', 'three')->{out}, qr/no line for it/, 'nor one that the file does not have');
is(Post::sql("SELECT count(*) FROM desk.delivery WHERE outbox IS NULL AND way LIKE 'hook:%' AND outcome = 'sent'"), 3, 'tests are in the log');

done_testing;
