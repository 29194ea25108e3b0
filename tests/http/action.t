# Production actions: written down on a ticket, read by staff, approved by
# another pair of eyes.
use strict;
use warnings;
use utf8;
use Test::More;
use Text::CSV;
use lib 'tests/lib';
use Clerk;

my $ann = Clerk->signed_in(undef, 'Ann Actor');
my $bob = Clerk->signed_in(undef, 'Bob Approver');
my $stranger = Clerk->new;
my $n = Desk::sql("INSERT INTO desk.ticket (subject, kind, severity) VALUES ('Restart <b>needed</b>', 'bug', 3) RETURNING number");
Desk::sql("INSERT INTO desk.message (ticket, author, body) VALUES ($n, 'requester', 'It hangs')");

sub count { Desk::sql("SELECT count(*) FROM desk.action WHERE ticket = $n") }

sub write_down {
	my ($who, %typed) = @_;
	my %form = $who->form($who->get("/staff/tickets/$n/actions")->{body}, "/staff/tickets/$n/actions");
	return $who->post("/staff/tickets/$n/actions", { %form, %typed });
}

my $page = $ann->get("/staff/tickets/$n/actions");
is($page->{status}, 200, 'a ticket has a page for production actions');
is($page->{headers}{'cache-control'}, 'no-store', 'nobody keeps a copy of it');
like($page->{body}, qr/Restart &lt;b&gt;needed.*None yet/s, 'at first there are none');
is($stranger->get("/staff/tickets/$n/actions")->{headers}{location}, "/login?ticket=$n", 'who is not signed in is sent to sign in');
is($ann->get('/staff/tickets/99999999/actions')->{status}, 404, 'a ticket that is not there has none');
like($ann->get("/staff/tickets/$n")->{body}, qr{href="/staff/tickets/$n/actions"}, 'the ticket leads there');

my $blank = write_down($ann, what => ' ', why => '', done_at => '2099-01-01T10:00', approval => 'Eve, by phone');
is($blank->{status}, 422, 'blanks are refused');
like($blank->{body}, qr/<title>Error: .*Write the command.*Write why.*is over/s, 'each with its words');
like($blank->{body}, qr/value="Eve, by phone"/, 'and what was typed is kept');
is(count(), 0, 'nothing was stored');

my $what = "systemctl restart shop # <script>\n=cmd()";
my %form = $ann->form($ann->get("/staff/tickets/$n/actions")->{body}, "/staff/tickets/$n/actions");
my $answer = $ann->post("/staff/tickets/$n/actions", { %form, what => $what, why => 'It hung' });
is($answer->{headers}{location}, "/staff/tickets/$n/actions", 'an action is written down');
$ann->post("/staff/tickets/$n/actions", { %form, what => $what, why => 'It hung' });
is(count(), 1, 'a double click writes it once');
is(Desk::sql("SELECT what FROM desk.action WHERE ticket = $n"), $what, 'as it was typed');
my $listed = $ann->get("/staff/tickets/$n/actions")->{body};
like($listed, qr/Ann Actor.*systemctl restart shop # &lt;script&gt;\n=cmd\(\).*Nobody has approved it/s, 'it stands there with who, what and why');
unlike($listed, qr{action="/staff/actions/}, 'nobody approves their own');
like($ann->get("/staff/tickets/$n")->{body}, qr/Production action: <b>systemctl restart shop # &lt;script&gt;<\/b>.*Ann Actor/s, 'the thread of staff shows it');
unlike($stranger->get("/tickets/$n")->{body}, qr/systemctl/, 'the public does not');

my ($id) = Desk::sql("SELECT id FROM desk.action WHERE ticket = $n") =~ /(\d+)/;
my %press = $bob->form($bob->get('/staff/actions')->{body}, "/staff/actions/$id/approve");
is($ann->post("/staff/actions/$id/approve", { csrf => { $ann->form($ann->get("/staff/tickets/$n/actions")->{body}, "/staff/tickets/$n/actions") }->{csrf} })->{status},
	409, 'not even by a form of their own making');
is(Desk::sql('SELECT count(*) FROM desk.action_approval'), 0, 'it is not approved');
is($bob->post("/staff/actions/$id/approve", { %press })->{headers}{location}, '/staff/actions', 'somebody else presses the button');
like($ann->get("/staff/tickets/$n/actions")->{body}, qr/Approved by Bob Approver/, 'and stands for it by name');
is($bob->post("/staff/actions/$id/approve", { %press })->{status}, 303, 'pressed twice');
is(Desk::sql("SELECT count(*) FROM desk.action_approval WHERE action = $id"), 1, 'it is one approval');
is($bob->post('/staff/actions/99999999/approve', { %press })->{status}, 404, 'an action that is not there cannot be approved');
is($stranger->post("/staff/actions/$id/approve", { %press })->{status}, 303, 'a stranger\'s press does nothing');

write_down($bob, what => 'psql: UPDATE x', why => 'wrong price', done_at => '2026-01-05T10:30', approval => 'by phone, the manager');
like($bob->get("/staff/tickets/$n/actions")->{body}, qr/written down .*Approved elsewhere.*by phone, the manager/s, 'one that was approved elsewhere says where, and that it was noted later');
like($bob->get("/staff/actions?who=$bob->{id}")->{body}, qr/UPDATE x/, 'the list can be narrowed to one of the staff');
unlike($bob->get("/staff/actions?who=$bob->{id}")->{body}, qr/systemctl/, 'and shows nobody else\'s then');
like($bob->get('/staff/actions?from=2026-01-05&until=2026-01-05')->{body}, qr/UPDATE x/, 'or to days');
unlike($bob->get('/staff/actions?from=2026-01-06')->{body}, qr/UPDATE x/, 'from one on');
like($bob->get('/staff/actions?from=2024-99-99&until=2026-02-31&who=%27&after=-1')->{body}, qr/UPDATE x/, 'a day that is none narrows nothing');
my $csv = $bob->get('/staff/actions.csv');
my $reader = Text::CSV->new({ binary => 1 });
open my $lines, '<:encoding(UTF-8)', \$csv->{bytes};
is_deeply($reader->getline($lines), [qw(action ticket done_at written_at done_by what why approved_by approved_at approved_in)], 'the table has a head');
my @rows = @{ $reader->getline_all($lines) };
is(scalar(grep { $_->[5] eq $what && $_->[7] eq 'Bob Approver' } @rows), 1, 'and every action whole');
is($stranger->get('/staff/actions.csv')->{status}, 401, 'for staff alone');
Desk::sql("UPDATE desk.session SET fresh_until = now() WHERE staff = $bob->{id}");
is($bob->get('/staff/actions.csv')->{headers}{location}, '/login/again?to=actions', 'who has not shown lately who they are does so first');

my $late = Clerk->signed_in(undef, 'Lee Late');
my %old = $late->form($late->get("/staff/tickets/$n/actions")->{body}, "/staff/tickets/$n/actions");
Desk::sql("DELETE FROM desk.session WHERE staff = $late->{id}");
my $out = $late->post("/staff/tickets/$n/actions", { %old, what => 'a long command', why => 'because' });
is($out->{status}, 403, 'after the session has ended nothing is stored');
like($out->{body}, qr/a long command.*because/s, 'and nothing typed is lost');

done_testing;
