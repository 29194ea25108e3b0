# Why is this due then?  The ledger of a ticket's clocks, for everybody, for
# its requester, for staff and in psql; and the reason for a broken promise.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Clerk;

my $ann = Clerk->signed_in(undef, 'Ann Why');
my $guest = Clerk->new;

sub ticket {
	my ($subject, $visibility, $age) = @_;
	return Desk::sql("WITH t AS (INSERT INTO desk.ticket (subject, kind, severity, visibility, filed_at) "
		. "VALUES ('$subject', 'bug', 3, '$visibility', now() - interval '$age') RETURNING number, filed_at), "
		. "m AS (INSERT INTO desk.message (ticket, author, body, posted_at) SELECT number, 'requester', 'x', filed_at FROM t) "
		. "SELECT number FROM t");
}

my $n = ticket('why public', 'public', '3 hours');
my $page = $guest->get("/tickets/$n");
like($page->{body}, qr{href="/tickets/$n/why"}, 'the promise on a public page leads to its reason');
my $why = $guest->get("/tickets/$n/why");
is($why->{status}, 200, 'which everybody may read');
like($why->{body}, qr{First answer.*It began: the report came in.*Now: it runs.*Promised within 24:00:00, round the clock}s, 'line by line');

# the page, the ticket's row and psql say the same
my ($shown) = $why->{body} =~ m{First answer.*?Now: it runs.*?<time datetime="([^"]+)">}s;
my $due = Desk::sql_as('desk_report', "SELECT to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
	. "FROM api.sla_explain($n) WHERE metric = 'first response' AND event = 'now'");
is($shown, $due, 'a DBA gets the same due time from psql as the page shows');
like($page->{body}, qr{<time datetime="\Q$due\E">}, 'and as the ticket shows');
is(Desk::sql("SELECT desk.utc(answer_due_at) FROM desk.ticket WHERE number = $n"), $due, 'and as its row says');
is(Desk::sql_as('desk_report', "SELECT bool_and(is_stored) FROM api.sla_explain($n)"), 't', 'the ledger proves it');

Desk::sql("INSERT INTO desk.message (ticket, author, staff, name, body, posted_at) SELECT $n, 'staff', $ann->{id}, 'Ann', 'x', now() - interval '1 hour'");
$why = $guest->get("/tickets/$n/why");
like($why->{body}, qr{It stopped: a person answered.*2:00:\d\d.*Kept}s, 'what was kept says so, to the second');
like($guest->get("/tickets/$n")->{body}, qr{Why then\?}, 'the resolution has its reason, too');

# private ones
my $secret = ticket('why private', 'private', '30 hours');
is($guest->get("/tickets/$secret/why")->{status}, 404, 'a private ticket explains nothing in public');
my ($none, $private) = map { $guest->get("/tickets/$_/why")->{body} =~ s/server-time" content="[^"]*"//r } 999999, $secret;
is($private, $none, 'just like one that is not there');
is($guest->get("/my/$secret/why")->{status}, 404, 'nor without its link');
is($guest->get("/staff/tickets/$secret/why")->{status}, 303, 'nor to somebody who is not signed in');
my $token = 'wHyWhYwHyWhYwHyWhYwHy1';
Desk::sql("INSERT INTO desk.link (token_sha256, ticket, purpose) VALUES (sha256('$token'), $secret, 'requester')");
my $owner = Desk->new;
is($owner->get("/r/$token")->{status}, 303, 'its link opens it');
like($owner->get("/my/$secret")->{body}, qr{href="/my/$secret/why"}, 'the requester is led to the reason');
like($owner->get("/my/$secret/why")->{body}, qr{First answer.*Late: that is our fault}s, 'and reads it');

# staff, and the reason for what was broken
my $view = $ann->get("/staff/tickets/$secret");
like($view->{body}, qr{href="/staff/tickets/$secret/why"}, 'staff are led to it');
like($ann->get("/staff/tickets/$secret/why")->{body}, qr{Late: that is our fault.*sla_explain\($secret\)}s, 'and read it');
like($view->{body}, qr{Why was a promise broken\?.*no reason given yet}s, 'a broken promise asks for its reason');
my %form = $ann->form($view->{body}, "/staff/tickets/$secret/reason");
my ($clock) = $view->{body} =~ m{<select id="promise".*?<option value="(\d+)"}s;
is($ann->post("/staff/tickets/$secret/reason", { %form, promise => $clock, breach_reason => "  " })->{status}, 422, 'no words are no reason');
is($ann->post("/staff/tickets/$secret/reason", { %form, promise => 1 + $clock * 1000, breach_reason => 'x' })->{status}, 422, 'nor are they for another ticket\'s promise');
is($ann->post("/staff/tickets/$secret/reason", { %form, promise => $clock, breach_reason => 'Two of us were ill; <b>a third</b> is on duty now.' })->{status}, 303, 'words are taken');
is(Desk::sql("SELECT reason || ' ' || (staff = $ann->{id}) FROM desk.breach_reason WHERE clock = $clock"), 'Two of us were ill; <b>a third</b> is on duty now. true', 'and kept');
like($ann->get("/staff/tickets/$secret")->{body}, qr{Two of us were ill; &lt;b&gt;a third}, 'and shown');
my %later = $ann->form($ann->get("/staff/tickets/$secret")->{body}, "/staff/tickets/$secret/reason");
is($ann->post("/staff/tickets/$secret/reason", { %later, promise => $clock, breach_reason => 'Better words.' })->{status}, 303, 'better words');
is(Desk::sql("SELECT reason FROM desk.breach_reason WHERE clock = $clock"), 'Better words.', 'take their place');
is(Clerk->new->post("/staff/tickets/$secret/reason", { %later, promise => $clock, breach_reason => 'x' })->{status}, 403, 'not from somebody who is not signed in');

# hold: a date without which it is not taken, and what the message then asks
my $held = ticket('why held', 'public', '1 hour');
my %hold = $ann->form($ann->get("/staff/tickets/$held")->{body}, "/staff/tickets/$held/hold");
is($ann->post("/staff/tickets/$held/hold", { %hold, hold => 'cannot-yet', hold_until => '' })->{status}, 422, '"we cannot yet" needs the date of the next update');
is($ann->post("/staff/tickets/$held/hold", { %hold, hold => 'cannot-yet', hold_until => '2099-01-01T10:00' })->{status}, 303, 'with one it is promised');
like($guest->get("/tickets/$held/why")->{body}, qr{Next update.*we promised an update for a date.*Promised for 1 Jan 2099}s, 'and that date is a clock');

done_testing();
