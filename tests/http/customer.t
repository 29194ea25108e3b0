# Customers and teams on the pages of staff, and the load report.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Clerk;

sub press {
	my ($who, $n, $form, %typed) = @_;
	my %fields = $who->form($who->get("/staff/tickets/$n")->{body}, "/staff/tickets/$n/$form");
	return $who->post("/staff/tickets/$n/$form", { %fields, %typed });
}

sub column { Desk::sql("SELECT $_[1] FROM desk.ticket WHERE number = $_[0]") }

my $ann = Clerk->signed_in(undef, 'Ann Engineer');
my $stranger = Clerk->new;
my $tag = "zc$$";
Desk::sql("INSERT INTO desk.team (name, label) VALUES ('$tag', 'Team <$tag>')");
Desk::sql("INSERT INTO desk.customer (name, plan, account_engineer) VALUES ('Finch & <$tag>', 'enterprise', $ann->{id})");
my $n = Desk::sql("WITH t AS (INSERT INTO desk.ticket (subject, kind, severity, filed_at) VALUES ('$tag printer', 'bug', 3, now() - interval '9 days') RETURNING number, filed_at), "
	. "m AS (INSERT INTO desk.message (ticket, author, body, posted_at) SELECT number, 'requester', 'It jams.', filed_at FROM t) SELECT number FROM t");

# Not triaged ----------------------------------------------------------------

my $triage = $ann->get('/staff?view=untriaged')->{body};
like($triage, qr/$tag printer.*Not triaged for 9 days/s, 'what nobody has looked at for more than seven days is flagged');
like($triage, qr/aria-current="page">Not triaged <span class="num">\d+/, 'in a view of its own');

# The lists, asked for by twelve at once: each goes out once, in whatever
# order they come.
Desk::sql("UPDATE desk.list_rule SET from_minute = 0");
my $before = Desk::sql('SELECT count(*) FROM desk.list_sent');
my @asking = map { open(my $psql, '-|', 'psql', '-XqAt', '-c', 'SELECT desk.daily()') or die; $psql } 1 .. 12;
my $made = 0;
$made += readline $_ for @asking;
is($made, 2 - $before, 'twelve checkers at once make each list once');
is(Desk::sql("SELECT count(*) || ' ' || count(DISTINCT subject) FROM desk.outbox WHERE kind = 'list'"), '2 2', 'and write each mail once');
Desk::sql("UPDATE desk.list_rule SET from_minute = 480");

# Team and customer ----------------------------------------------------------

my $page = $ann->get("/staff/tickets/$n")->{body};
like($page, qr/<option value="$tag">Team &lt;$tag&gt;/, 'a ticket can be given to a team');
like($page, qr/<option value="Finch &amp; &lt;$tag&gt;">Finch &amp; &lt;$tag&gt;, Enterprise/, 'the customers are offered with their plans');
unlike($page, qr/<dt>Customer/, 'it has none yet');
is(press($ann, $n, 'route', team => $tag, customer => "finch & <$tag>")->{headers}{location}, "/staff/tickets/$n", 'both can be set');
$page = $ann->get("/staff/tickets/$n")->{body};
like($page, qr/<dt>Customer<\/dt><dd>Finch &amp; &lt;$tag&gt;<br><span class="small">Enterprise/, 'the page shows the customer and the plan');
like($page, qr/<dt>Team<\/dt><dd>Team &lt;$tag&gt;/, 'and the team');
like($page, qr/The customer: <b>Finch &amp; &lt;$tag&gt;<\/b> by Ann Engineer/, 'so does the history');
like($page, qr/Ann Engineer \(you\)/, 'the account engineer has it');
my %form = $ann->form($page, "/staff/tickets/$n/route");
is("$form{team} $form{customer}", "$tag Finch & <$tag>", 'the form holds what is set');
like($ann->get("/staff?team=$tag")->{body}, qr/$tag printer.*Team &lt;$tag&gt;/s, 'the queue can be narrowed to a team');
like($ann->get('/staff?team=nobody')->{body}, qr/Nothing here with these filters/, 'one without tickets says so');
like($ann->get("/staff?team=$tag&view=untriaged")->{body}, qr/Nothing here with these filters/, 'what somebody has is triaged');

my $wrong = press($ann, $n, 'route', customer => 'Nobody <b> & Co');
is($wrong->{status}, 422, 'a customer must be there');
like($wrong->{body}, qr/<title>Error: .*href="#customer".*There is no customer of this name/s, 'the error names the field');
like($wrong->{body}, qr/<details class="card noprint" open><summary>Change team and customer/, 'which is open');
is({ $ann->form($wrong->{body}, "/staff/tickets/$n/route") }->{customer}, 'Nobody <b> & Co', 'and keeps what was typed');
is(press($ann, $n, 'route', team => "x'; --")->{status}, 422, 'so must a team');
is(press($ann, $n, 'route', customer => 'x' x 81)->{status}, 422, 'a name has an end');
is($stranger->post("/staff/tickets/$n/route", { team => $tag })->{status}, 403, 'nobody else changes it');
my %old = $ann->form($page, "/staff/tickets/$n/route");
press($ann, $n, 'route', team => '', customer => '');
is(column($n, "coalesce(team, '-') || coalesce(customer::text, '-')"), '--', 'both can be taken away');
my $moved = $ann->post("/staff/tickets/$n/route", { %old, team => $tag });
is($moved->{status}, 409, 'an old form is not carried out');
like($moved->{body}, qr/<dt>Customer<\/dt><dd>Finch &amp; &lt;$tag&gt;/, 'and shows what was chosen');
press($ann, $n, 'route', team => $tag, customer => "Finch & <$tag>");
unlike($stranger->get($_)->{body}, qr/Finch|Team &lt;$tag|Enterprise/, "the public sees nothing of it on $_") for "/tickets/$n", "/tickets/$n.json", '/tickets', '/tickets.atom', "/tickets?q=$tag";

# Load -----------------------------------------------------------------------

my $load = $ann->get('/staff/load');
is($load->{status}, 200, 'the load report opens');
is($load->{headers}{'cache-control'}, 'no-store', 'nobody keeps a copy of it');
like($load->{body}, qr/until now.*data-l="New">\d+.*data-l="Open then">[\d,]+/s, 'it has the present week');
like($load->{body}, qr/We aim at 2 h/, 'and says what we aim at');
is(scalar(() = $load->{body} =~ /<tr class="late">/g), Desk::sql('SELECT count(*) FROM report.load_week WHERE is_short'), 'a week with too few people is red');
like($load->{body}, qr/too few/, 'and says so') if $load->{body} =~ /<tr class="late">/;
like($ann->get('/staff')->{body}, qr{href="/staff/load"}, 'the queue leads there');
my $csv = $ann->get('/staff/load.csv');
is($csv->{headers}{'content-type'}, 'text/csv; charset=utf-8; header=present', 'it is there for a spreadsheet');
my @lines = split /\r\n/, $csv->{body};
like($lines[0], qr/^"?week"?,"?new"?,"?solved"?,"?reopened"?,"?backlog"?,"?people"?,"?minimum"?/, 'with names of columns');
is(scalar @lines, Desk::sql('SELECT count(*) FROM report.load_week') + 1, 'and every week');
my ($week, $new, $solved, $reopened, $backlog) = $lines[1] =~ /"?([\d-]+)"?,"?(\d+)"?,"?(\d+)"?,"?(\d+)"?,"?(\d+)"?/;
is("$week $new $backlog", Desk::sql('SELECT week || $$ $$ || new || $$ $$ || backlog FROM report.load_week ORDER BY week DESC LIMIT 1'), 'the numbers of the view');
my ($words) = $load->{body} =~ /data-l="Open then">([\d,]+)/;
$words =~ tr/,//d;
is($words, $backlog, 'and of the page');
is($stranger->get('/staff/load')->{headers}{location}, '/login', 'who is not signed in is asked to');
is($stranger->get('/staff/load.csv')->{status}, 401, 'and gets no numbers');

done_testing;
