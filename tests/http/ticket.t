# One ticket: as everybody sees it, and as its requester does.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Desk;

Desk::start_anew();
Desk::sql(q{INSERT INTO desk.staff (login, name) VALUES ('clerk', 'Night clerk')});

sub answer {
	my ($number, $body, $solution) = @_;
	Desk::sql("INSERT INTO desk.message (ticket, author, staff, name, body, solution)
		SELECT $number, 'staff', id, name, '$body', " . ($solution ? 'true' : 'false') . " FROM desk.staff WHERE login = 'clerk'");
}

my $me = Desk->new;
my $stranger = Desk->new;
my $public = $me->report('bug', subject => 'Invoice <i>download</i> is "empty" & slow', body => "Since **Monday**.\n\n<script>alert(1)</script>", severity => 2);
my $private = $me->report('access', subject => 'canary-subject', body => 'canary-body', name => 'canary-name', mail => 'canary@example.com');

# -- for everybody --------------------------------------------------------
my $page = $stranger->get("/tickets/$public");
is($page->{status}, 200, 'a public ticket has a page');
like($page->{body}, qr{<h1>Invoice &lt;i&gt;download&lt;/i&gt; is &quot;empty&quot; &amp; slow }, 'its subject is text, never markup');
like($page->{body}, qr{<strong>Monday</strong>}, 'its text is Markdown');
like($page->{body}, qr{&lt;script&gt;alert\(1\)&lt;/script&gt;}, 'HTML in it shows as it was typed');
like($page->{body}, qr{</h1>.*?<section class="note[^>]*aria-label="What we promised"><h2>A person will answer by <time}s, 'what we promised stands on top');
like($page->{body}, qr{First answer promised within 24 h}, 'with the time in words');
answer($public, 'We are **on** it.');
Desk::sql("UPDATE desk.ticket SET severity = 1, assignee = (SELECT id FROM desk.staff WHERE login = 'clerk'), changed_by = 'staff:' || (SELECT id FROM desk.staff WHERE login = 'clerk') WHERE number = $public");
$page = $stranger->get("/tickets/$public");
like($page->{body}, qr{<b>Night clerk</b> <span class="tag">Staff</span>}, 'an answer bears a human name (004f)');
like($page->{body}, qr{The severity: <b>S1 Critical</b> by Night clerk · <time}, 'a change says what, who and when (002d)');
like($page->{body}, qr{First answer came after less than a minute \(promised: within 24 h\)}, 'how the promise was kept is told');

# -- what does not exist --------------------------------------------------
my $absent = $stranger->get('/tickets/999999');
is($absent->{status}, 404, 'a ticket that was never filed is not found');
for my $path ("/tickets/$private", "/my/$private", '/my/999999', '/tickets/0', '/tickets/-1', '/tickets/1x', '/tickets/99999999999',
	"/r/" . 'x' x 22, '/r/x', '/follow/' . 'x' x 22, "/my/$private/receipt") {
	my $got = $stranger->get($path);
	is($got->{status}, 404, "$path is not found");
	is($got->{bytes} =~ s/server-time" content="[^"]*"//r, $absent->{bytes} =~ s/server-time" content="[^"]*"//r, 'with the very same bytes');
	next unless $path =~ m{^/tickets/};	# pages with a secret are not compressed
	is_deeply([ sort grep { !/date|x-request-id/ } keys %{ $got->{headers} } ], [ sort grep { !/date|x-request-id/ } keys %{ $absent->{headers} } ], 'and headers');
}
like($absent->{headers}{'x-request-id'}, qr{^[0-9a-f]{32}$}, 'the request can be found in the log by its header');

# -- me too, follow -------------------------------------------------------
my %too = $stranger->fields($stranger->get("/tickets/$public"), "/tickets/$public/me-too");
my %follow = $stranger->fields($stranger->get("/tickets/$public"), "/tickets/$public/follow");
is($stranger->post("/tickets/$public/me-too", {})->{status}, 403, '"me too" without a form of ours does not count');
Desk::take_your_time();
$stranger->post("/tickets/$public/me-too", \%too) for 1 .. 3;
is(Desk::sql("SELECT me_toos FROM desk.public_ticket WHERE number = $public"), 1, '"me too" counts one visitor once');
like($stranger->get("/tickets/$public")->{body}, qr{affects 2 people}, 'the page says how many');
is($stranger->post("/tickets/$private/me-too", \%too)->{status}, 404, 'not for a private ticket');
is($stranger->post("/tickets/$public/follow", { %follow, mail => 'nobody' })->{status}, 422, 'an address that is none is complained about');
is($stranger->post("/tickets/$public/follow", { %follow, mail => 'eve@example.com' })->{status}, 200, 'an address is asked');
answer($public, 'Not yet for eve.');
is(Desk::sql(q{SELECT count(*) FROM desk.outbox o JOIN desk.person p ON p.id = o.person WHERE mail = 'eve@example.com'}), 1, 'before it agrees it gets one mail');
my ($confirm) = Desk::sql(q{SELECT body FROM desk.outbox o JOIN desk.person p ON p.id = o.person WHERE mail = 'eve@example.com'}) =~ m{\{URL\}(/follow/[\w-]+)};
my $before = Desk::sql('SELECT count(*) FROM desk.follower WHERE confirmed_at IS NOT NULL');
is($stranger->get($confirm)->{status}, 200, 'the link in it opens a page');
is(Desk::sql('SELECT count(*) FROM desk.follower WHERE confirmed_at IS NOT NULL'), $before, 'which alone changes nothing: mail scanners open links');
is($stranger->post($confirm, {})->{status}, 200, 'its button agrees');
answer($public, 'News for eve.');
my $news = Desk::sql(q{SELECT body FROM desk.outbox o JOIN desk.person p ON p.id = o.person WHERE mail = 'eve@example.com' ORDER BY o.id DESC LIMIT 1});
like($news, qr{News for eve.*/tickets/$public.*\{URL\}/unfollow/}s, 'from then on it hears of answers');
my ($stop) = $news =~ m{\{URL\}(/unfollow/[\w-]+)};
my $part = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
my $pressed = HTTP::Tiny->new->post("$ENV{DESK_HTTP}$stop", { headers => { 'content-type' => 'multipart/form-data; boundary=b' }, content => $part });
is($pressed->{status}, 200, 'one press stops it, as a mail program presses (RFC 8058)');
is($stranger->post($stop, 'List-Unsubscribe=One-Click')->{status}, 200, 'or as a browser does');
answer($public, 'Not for eve any more.');
unlike(Desk::sql(q{SELECT string_agg(body, '') FROM desk.outbox o JOIN desk.person p ON p.id = o.person WHERE mail = 'eve@example.com'}), qr{any more}, 'and it hears no more');

# -- the requester --------------------------------------------------------
my $mine = $me->get("/my/$private");
is($mine->{status}, 200, 'the requester reads a private ticket');
like($mine->{body}, qr{canary-body}, 'all of it');
is($mine->{headers}{'cache-control'}, 'no-store', 'which nobody may keep');
is($me->get("/my/$public")->{status}, 200, 'and a public one');
my ($link) = $me->get("/my/$private/receipt")->{body} =~ m{href="(/r/[\w-]{22})"};
my $phone = Desk->new;
my $opened = $phone->get($link);
is($opened->{status}, 303, 'the secret link opens it elsewhere');
is($opened->{headers}{location}, "/my/$private", 'under a path without the secret');
is($phone->get("/my/$private")->{status}, 200, 'by a cookie');
is($phone->get("/my/$public")->{status}, 404, 'for this ticket alone');
open my $log, '<', "$ENV{DESK_LOG}/access.log" or die;
unlike(join('', <$log>), qr{\Q@{[ substr $link, 3 ]}\E}, 'the secret is in no log');

my %reply = $me->fields($mine, "/my/$private/reply");
Desk::take_your_time();
my $empty = $me->post("/my/$private/reply", { %reply, do => 'send', body => " \n" });
is($empty->{status}, 422, 'an empty answer is complained about');
my $preview = $me->post("/my/$private/reply", { %reply, do => 'preview', body => '*so*' });
like($preview->{body}, qr{Nothing has been sent yet.*<em>so</em>}s, 'an answer can be previewed');
is($me->post("/my/$private/reply", { %reply, token => 'x', do => 'send', body => 'kept text' })->{status}, 403, 'a lost token');
is($phone->post("/my/$public/reply", { %reply, do => 'send', body => 'x' })->{status}, 404, 'a link answers its own ticket only');
answer($private, 'What does it say?');
Desk::sql("UPDATE desk.ticket SET state = 'pending' WHERE number = $private");
like($me->get("/my/$private")->{body}, qr{The clock is paused: we are waiting}, 'a paused clock is told');
$me->post("/my/$private/reply", { %reply, do => 'send', body => "It says\r\nno." }) for 1, 2;
is(Desk::sql("SELECT string_agg(body, '|') FROM desk.message WHERE ticket = $private AND author = 'requester' AND body ~ 'says'"), "It says\nno.", 'an answer sent twice is one');
is(Desk::sql("SELECT state FROM desk.ticket WHERE number = $private"), 'open', 'and the ticket goes on');

answer($private, 'Try **this**.', 1);
Desk::sql("UPDATE desk.ticket SET state = 'resolved', resolution = 'answered' WHERE number = $private");
my $solved = $me->get("/my/$private");
like($solved->{body}, qr{aria-label="The solution"><h2>Answered.*Try \*\*this\*\*.*<ol class="thread">}s, 'the solution stands on top');
my %not = $me->fields($solved, "/my/$private/reply");
Desk::take_your_time();
is($me->post("/my/$private/reply", { %not, do => 'not-solved', body => '' })->{status}, 303, '"it is not solved" needs no words');
is(Desk::sql("SELECT state, coalesce(resolution, '-') FROM desk.ticket WHERE number = $private"), 'open|-', 'and opens it again');
my %thanks = $me->fields($me->get("/my/$private"), "/my/$private/solved");
Desk::take_your_time();
is($me->post("/my/$private/solved", \%thanks)->{status}, 303, '"solved, thank you"');
is(Desk::sql("SELECT state, resolution, confirmed_at IS NOT NULL FROM desk.ticket WHERE number = $private"), 'resolved|answered|t', 'solves and confirms it');
is(Desk::sql("SELECT string_agg(actor || '/' || program, ',' ORDER BY id) FROM desk.change WHERE ticket = $private AND field = 'confirmed_at'"), 'requester/desk_ticket', 'the history knows by whom and through what');

# -- mail to the requester, consent ---------------------------------------
my ($mailed) = Desk::sql("SELECT body FROM desk.outbox WHERE ticket = $private AND kind = 'receipt'") =~ m{\{URL\}(/r/[\w-]+)};
my $inbox = Desk->new;
$inbox->get($mailed);
my $asks = $inbox->get("/my/$private");
like($asks->{body}, qr{Do you want our answers by mail\?}, 'the link from the mail asks whether mail is wanted');
unlike($me->get("/my/$private")->{body}, qr{Do you want our answers by mail\?}, 'the one from the receipt does not: it proves no address');
my %yes = $inbox->fields($asks, "/my/$private/follow");
Desk::take_your_time();
$inbox->post("/my/$private/follow", { %yes, do => 'start' });
is(Desk::sql(q{SELECT proven_at IS NOT NULL FROM desk.person WHERE mail = 'canary@example.com'}), 't', 'which proves the address');
answer($private, 'canary-answer');
my $told = Desk::sql("SELECT subject || body FROM desk.outbox WHERE ticket = $private AND kind = 'message' ORDER BY id DESC LIMIT 1");
like($told, qr{/r/[\w-]{22}}, 'then a mail tells of an answer');
unlike($told, qr{canary}, 'but holds no word of a private ticket');
my %consent = $me->fields($me->get("/my/$private"), "/my/$private/consent");
Desk::take_your_time();
$me->post("/my/$private/consent", \%consent);
is(Desk::sql("SELECT visibility, consented_at IS NOT NULL FROM desk.ticket WHERE number = $private"), 'private|t', 'consent is recorded, and alone makes nothing public (002j)');

# -- canaries -------------------------------------------------------------
for my $path ('/', '/tickets', '/tickets?q=canary', '/tickets.atom', '/tickets.json', '/tickets.csv', "/tickets/$public", '/report') {
	my $seen = $stranger->get($path);
	unlike($seen->{body} . join(' ', %{ $seen->{headers} }), qr{canary-|canary@}, "nothing private on $path");
}

# -- the same from the database's side ------------------------------------
for my $role (qw(desk_list desk_ticket desk_submit desk_slacheck desk_report)) {
	for my $table (qw(ticket message note person link session credential outbox answer)) {
		eval { Desk::sql_as($role, "SELECT * FROM desk.$table") };
		like($@, qr{permission denied}, "$role cannot read desk.$table");
	}
}
done_testing;
