# Production is down: the form asks, somebody is woken, says "I am on it",
# and afterwards staff say whether it was right.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Clerk;

Desk::start_anew();

my $ann = Clerk->signed_in(undef, 'Ann Clerk');
my $bob = Clerk->signed_in(undef, 'Bob Clerk');
my $visitor = Clerk->new;
# nobody is on duty, so the lead and the manager are told at once
Desk::sql("UPDATE desk.rotation SET lead = $ann->{id}, manager = $bob->{id} WHERE name = 'engineering';
	INSERT INTO desk.product (name, label) VALUES ('shop', 'Shop'), ('till', 'Till')");

sub link_of {
	my ($who, $page) = @_;
	return Desk::sql("SELECT substring(body FROM '/page/([A-Za-z0-9_-]{22})') FROM desk.outbox
		WHERE kind = 'page' AND via = 'mail' AND staff = $who->{id} AND subject LIKE 'PAGE $page:%' ORDER BY id DESC LIMIT 1");
}

sub pages { Desk::sql('SELECT count(*) FROM desk.page') }

# The form -------------------------------------------------------------------

my %typed = $visitor->fields($visitor->get('/report/outage'), '/report/outage');
is($typed{severity}, 1, 'an outage is critical unless somebody says otherwise');
my %report = (%typed, do => 'send', subject => 'The shop is "down"', body => "Error 503\n & <nothing>", product => 'shop',
	name => 'Ada', tried => 'Turned it off');
Desk::take_your_time();
my $asked = $visitor->post('/report/outage', \%report);
is($asked->{status}, 200, 'a critical report asks one question');
like($asked->{body}, qr{<h1>Is production down right now\?</h1>}, 'is production down');
is(Desk::sql('SELECT count(*) FROM desk.ticket'), 0, 'nothing is stored before the answer');
my %kept = $visitor->fields($asked, '/report/outage');
is($kept{$_}, $report{$_}, "$_ is kept") for qw(subject body product name tried severity token);
like($asked->{body}, qr{<button [^>]*name="production_down" value="yes">Yes, wake the engineer on duty<}, 'one press wakes somebody');
my $done = $visitor->post('/report/outage', { %kept, production_down => 'yes' });
is($done->{status}, 303, '"yes" files it');
like($done->{headers}{location}, qr{/my/1/receipt$}, 'and leads to the receipt');
like($visitor->get($done->{headers}{location})->{body}, qr{people on duty are being called now}, 'the receipt says that they are called');
like(Desk::sql("SELECT body FROM desk.outbox WHERE kind = 'page' AND via = 'mail' LIMIT 1"), qr{/page/[\w-]{22}.*The report:.*\Q@{[ substr $report{body}, 0, 10 ]}\E}s, 'who is woken reads what was reported, below the link');
is(Desk::sql('SELECT ticket || production_down::text FROM desk.page JOIN desk.ticket t ON t.number = ticket'), '1true', 'and somebody is woken for it');
is(Desk::sql("SELECT string_agg(kind, ' ' ORDER BY id) FROM desk.page_event"), 'opened duty empty told told', 'both who are named, since nobody is on duty');
is($visitor->post('/report/outage', { %kept, production_down => 'yes' })->{status}, 303, 'a double click');
is(pages(), 1, 'wakes nobody twice');

my %other = $visitor->fields($visitor->get('/report/outage'), '/report/outage');
Desk::take_your_time();
%kept = $visitor->fields($visitor->post('/report/outage', { %other, do => 'send', subject => 'The till hangs', product => 'till' }), '/report/outage');
my $second = $visitor->post('/report/outage', { %kept, production_down => 'no' });
is($second->{status}, 303, '"no" files it as well');
is(pages(), 1, 'and wakes nobody');
is(Desk::sql('SELECT severity FROM desk.ticket WHERE number = 2'), 1, 'but it is as critical');
$second = $visitor->post('/report/outage', { %kept, production_down => 'yes' });
is($second->{headers}{location}, $visitor->post('/report/outage', { %kept, production_down => 'yes' })->{headers}{location}, 'who goes back and says "yes" gets the same receipt');
is(pages(), 2, 'and somebody is woken');
# a word that makes us ask for security comes first, and its answer stays
%other = $visitor->fields($visitor->get('/report/outage'), '/report/outage');
Desk::take_your_time();
my $hole = $visitor->post('/report/outage', { %other, do => 'send', subject => 'SQL injection took the shop down', product => 'shop' });
like($hole->{body}, qr/Is this a security hole/, 'a security hole is asked for first');
my $then = $visitor->post('/report/outage', { $visitor->fields($hole, '/report/outage'), do => 'not-security' });
like($then->{body}, qr/Is production down right now/, 'then production');
is($visitor->post('/report/outage', { $visitor->fields($then, '/report/outage'), production_down => 'yes' })->{status}, 303, 'and both answers count');
is(pages(), 2, 'it is the same incident');

# One visitor cannot keep everybody awake, and loses nothing by it.
Desk::sql("UPDATE desk.limit_count SET taken = 5 WHERE limiter = 'page'; INSERT INTO desk.product (name, label) VALUES ('lamp', 'Lamp')");
%other = $visitor->fields($visitor->get('/report/outage'), '/report/outage');
Desk::take_your_time();
my $woken = $visitor->post('/report/outage', { %other, do => 'send', subject => 'The lamp is out', product => 'lamp', production_down => 'yes' });
is($woken->{status}, 429, 'who has woken people five times today is asked to wait');
my %still = $visitor->fields($woken, '/report/outage');
is($still{subject}, 'The lamp is out', 'with everything that was typed');
is($visitor->post('/report/outage', { %still, do => 'send', production_down => 'no' })->{status}, 303, 'and can still file it');
is(pages(), 2, 'which wakes nobody');

# By the link ----------------------------------------------------------------

my $link = link_of($ann, 1);
my $shown = $visitor->get("/page/$link");
is($shown->{status}, 200, 'the link needs no sign-in');
is($shown->{headers}{'cache-control'}, 'no-store', 'nobody keeps a copy of it');
is($shown->{headers}{'referrer-policy'}, 'no-referrer', 'or tells where it came from');
like($shown->{body}, qr/Production is down: Shop/, 'it says what is down');
like($shown->{body}, qr/The shop is &quot;down&quot;/, 'a public report by its subject');
like($shown->{body}, qr/2 reports are about it/, 'and how many there are');
like($shown->{body}, qr{<button type="submit" class="go">I am on it</button>}, 'with one button');
$visitor->get("/page/$link") for 1 .. 3;
is(Desk::sql('SELECT acknowledged_at IS NULL FROM desk.page WHERE id = 1'), 't', 'a program that follows links changes nothing');
is($visitor->post("/page/$link", {}, 'Sec-Fetch-Site' => 'cross-site')->{status}, 403, 'nor does a form on another site');
is($visitor->get('/page/' . 'x' x 22)->{status}, 404, 'an unknown link is not found');
is($visitor->post('/page/' . 'x' x 22, {})->{status}, 404, 'nor can it be pressed');
my $taken = $visitor->post("/page/$link", {});
is($taken->{status}, 303, 'the button answers');
like($visitor->get("/page/$link")->{body}, qr/Thank you, Ann Clerk\. You are on it/, 'Ann is on it');
my ($paged) = $done->{headers}{location} =~ m{^(/my/\d+)};
like($visitor->get($paged)->{body}, qr{The person on duty is on it since}, 'and the requester is told so');
like($visitor->get('/page/' . link_of($bob, 1))->{body}, qr/Ann Clerk is on it/, 'Bob learns that he can sleep');
is($visitor->post('/page/' . link_of($bob, 1), {})->{status}, 303, 'if he presses too');
is(Desk::sql('SELECT acknowledged_by FROM desk.page WHERE id = 1'), $ann->{id}, 'Ann stays on it');

# A private one shows no text.
Desk::sql("INSERT INTO desk.ticket (subject, kind, severity, production_down, visibility) VALUES ('canarysubject', 'outage', 1, true, 'private')");
my $private = $visitor->get('/page/' . link_of($ann, 3));
is($private->{status}, 200, 'the page of a private report');
unlike($private->{body}, qr/canarysubject/, 'does not hold its subject');

# The log of the web server: a link is a key.
my $log = do { local (@ARGV, $/) = "$ENV{DESK_LOG}/access.log"; <> };
like($log, qr{/page/\*\*\*}, 'the web server notes that a page was read');
unlike($log, qr/\Q$link\E/, 'and not its link');

# For staff ------------------------------------------------------------------

is($visitor->get('/staff/pages')->{status}, 303, 'the list asks to sign in');
my $list = $bob->get('/staff/pages');
is($list->{status}, 200, 'and opens for staff');
is(() = $list->{body} =~ /<section class="card[^>]* id="page\d+"/g, 3, 'with every page');
like($list->{body}, qr/Ann Clerk, after less than a minute\./, 'who was on it and after how long');
like($list->{body}, qr/Nobody was on duty/, 'and that nobody was on duty');
like($list->{body}, qr/Ann Clerk was told \(lead\)/, 'and every step');
like($list->{body}, qr/canarysubject/, 'staff may read a private subject');
my %take = $bob->form($list->{body}, '/staff/pages/2/take');
is($visitor->post('/staff/pages/2/take', \%take)->{status}, 303, 'who is not signed in is sent to the list, which asks to sign in');
is(Desk::sql('SELECT acknowledged_at IS NULL FROM desk.page WHERE id = 2'), 't', 'and takes nothing');
is($bob->post('/staff/pages/2/take', \%take)->{status}, 303, 'Bob presses "I am on it"');
is(Desk::sql('SELECT acknowledged_by FROM desk.page WHERE id = 2'), $bob->{id}, 'and is');
is($bob->post('/staff/pages/99/take', \%take)->{status}, 404, 'a page that is not there');

my %verdict = $bob->form($list->{body}, '/staff/pages/1/verdict');
my $again = $bob->post('/staff/pages/1/verdict', { csrf => $verdict{csrf}, verdict => "Only a test,\nby <me>" });
is($again->{status}, 422, 'a verdict is yes or no');
is({ $bob->form($again->{body}, '/staff/pages/1/verdict') }->{verdict}, "Only a test,\nby <me>", 'its words are kept');
$again = $bob->post('/staff/pages/1/verdict', { csrf => 'old', justified => 'no', verdict => 'Only a test' });
is($again->{status}, 403, 'an old form is not carried out');
my %fresh = $bob->form($again->{body}, '/staff/pages/1/verdict');
is($fresh{verdict}, 'Only a test', 'and comes back with its words');
is($bob->post('/staff/pages/1/verdict', { %fresh, justified => 'no' })->{status}, 303, 'to be sent again');
$again = $visitor->post('/staff/pages/1/verdict', { csrf => 'x', justified => 'no', verdict => 'Typed long' });
is($again->{status}, 403, 'signed out');
like($again->{body}, qr/You are signed out.*Typed long/s, 'the words are kept, too');
$again = $bob->post('/staff/pages/1/verdict', { csrf => $verdict{csrf}, justified => 'no', verdict => 'x' x 2001 });
is($again->{status}, 422, 'one of 2,001 characters');
is({ $bob->form($again->{body}, '/staff/pages/1/verdict') }->{verdict}, 'x' x 2001, 'is kept');
$list = $bob->get('/staff/pages');
like($list->{body}, qr/It was not right to wake somebody<\/b>, says Bob Clerk,.*Only a test/s, 'the verdict stands on the page with a name');
like($list->{body}, qr/<td class="num">0 of 1</, 'and in the month');

# The queue and the ticket's page.
like($ann->get('/staff')->{body}, qr{Production is down: it is not known yet what\..*Nobody is on it yet.*/staff/pages#page3}s, 'the queue says when nobody is on it');
my $ticket = $ann->get('/staff/tickets/2');
like($ticket->{body}, qr/Somebody is on it<\/span> Bob Clerk, since/, 'the ticket says who is on it');
is($ann->post('/staff/tickets/2/down', { $ann->form($ticket->{body}, '/staff/tickets/2/down'), down => 'no' })->{status}, 303, 'staff say that it is not down');
is(Desk::sql('SELECT resolved_why FROM desk.page WHERE id = 2'), 'not down', 'which ends the page');
$ticket = $ann->get('/staff/tickets/2');
like($ticket->{body}, qr{Production down: <del>yes</del> <b>no</b> by Ann Clerk}, 'and is in the history');
is($ann->post('/staff/tickets/2/down', { $ann->form($ticket->{body}, '/staff/tickets/2/down'), down => 'yes' })->{status}, 303, 'and that it is, after all');
is(pages(), 4, 'which is a new page');
is($ann->post('/staff/tickets/2/down', { $ann->form($ticket->{body}, '/staff/tickets/2/down'), down => 'no' })->{status}, 409, 'a form of before does nothing');

done_testing;
