# What we promise, and how we do: public pages, from the same rows that the
# clocks and the staff's reports follow.
use strict;
use warnings;
use utf8;
use Test::More;
use XML::LibXML;
use lib 'tests/lib';
use Desk;

Desk::start_anew();

my $me = Desk->new;

sub slacheck {
	local %ENV = %ENV;
	delete $ENV{PGUSER};
	return system("$ENV{NIGHTDESK_BUILD}/slacheck");
}

# -- an empty desk ----------------------------------------------------------
my $page = $me->get('/record');
is($page->{status}, 200, 'a desk on its first day has a record');
like($page->{body}, qr{<b>–</b><span class="small">0 kept, 0 broken}, 'nothing decided is not 100 %');
like($page->{body}, qr{None in these weeks}, 'and nothing was broken');
is($me->get($_)->{status}, 200, "$_ is there too") for '/record.csv', '/record-groups.csv', '/record-broken.csv', '/record.atom';

# -- what we promise --------------------------------------------------------
my $promises = $me->get('/promises');
is($promises->{status}, 200, 'what we promise is a page');
my ($web) = $promises->{body} =~ m{(<tr><th scope="row">Web form</th>(?:(?!</tr>).)*S1 Critical.*?</tr>)}s;
like($web, qr{<td data-l="First answer">1 h .*<td data-l="Solution">24 h }s, 'with the first answer and the solution of each channel and severity');
like($promises->{body}, qr{<td data-l="First answer">the same day, or 2 h if that is later }, '"same day" in words');
unlike($promises->{body}, qr{<h2>Versions}, 'one version needs no list of them');
Desk::sql(<<'SQL');
INSERT INTO desk.plan (name, label) VALUES ('gold', 'Gold <plan>') ON CONFLICT DO NOTHING;
INSERT INTO desk.policy (severity, channel, plan, answer_seconds, solve_seconds, answer_calendar)
SELECT 2, 'web', 'gold', 90 * 60, 3 * 86400, id FROM desk.calendar WHERE name = 'office';
INSERT INTO desk.policy (severity, channel, answer_seconds, solve_seconds, valid_from) VALUES (3, 'web', 3 * 3600, 86400, '2099-01-01T00:00:00Z');
SQL
$promises = $me->get('/promises');
like($promises->{body}, qr{<h2[^>]*>Gold &lt;plan&gt;</h2>.*<td data-l="First answer">1 h 30 min <span class="muted small">[^<]+</span>}s, 'a plan has its own table, with the hours that count');
like($promises->{body}, qr{<h2>Hours that count</h2>.*Mon-Fri 09:00-17:00}s, 'which stand there in words');
my ($first) = $promises->{body} =~ m{Everybody.*?(<tr><th scope="row">Web form</th>(?:(?!</tr>).)*S3 Minor.*?</tr>)}s;
like($first, qr{<td data-l="First answer">24 h }, 'a promise for later is not one of now');
my ($later) = $promises->{body} =~ m{href="(/promises\?from=2099[^"]+)">from 1 Jan 2099, 00:00 UTC</a> \(to come\)};
ok($later, 'but a version to come');
my $then = $me->get(Desk::unescape($later));
like($then->{body}, qr{another version than the one in force}, 'whose page says what it is');
like($then->{body}, qr{<tr><th scope="row">Web form</th>(?:(?!</tr>).)*S3 Minor(?:(?!</tr>).)*<td data-l="First answer">3 h }s, 'and shows it');
is($me->get('/promises?from=' . Desk::escape($_))->{status}, 404, "there is no version \"$_\"") for 'nonsense', '2001-01-01T00:00:00Z', q{';--}, '-infinity';

# -- how we do --------------------------------------------------------------
Desk::sql(<<'SQL');
INSERT INTO desk.staff (login, name) VALUES ('clerk', 'Night clerk');
INSERT INTO desk.ticket (subject, kind, severity, visibility, filed_at)
SELECT v.subject, 'bug', 3, v.seen, now() - v.age FROM (VALUES
	('In time <b>', 'public', interval '3 days'), ('Late & open', 'public', '2 days'), ('canary-private', 'private', '4 days'), ('Young', 'public', '1 hour')) v (subject, seen, age);
INSERT INTO desk.message (ticket, author, staff, name, body, posted_at)
SELECT t.number, 'staff', s.id, s.name, 'Here', t.filed_at + interval '2 hours' FROM desk.ticket t, desk.staff s WHERE t.subject = 'In time <b>' AND s.login = 'clerk';
SQL
is(slacheck(), 0, 'slacheck reckons the figures');
$page = $me->get('/record');
is($page->{headers}{'cache-control'}, 'public, max-age=30, stale-if-error=86400', 'the page may be kept');
like($page->{body}, qr{<b>33\.3 %</b><span class="small">1 kept, 2 broken}, 'promises kept and broken, rounded down');
like($page->{body}, qr{now</span><b>3</b><span class="small">all of them, private ones too}, 'who waits for an answer, all of them');
my ($late) = $page->{body} =~ m{(<tr><th scope="row"><a href="/tickets/\d+">#\d+ Late &amp; open</a>.*?</tr>)}s;
like($late, qr{First response within 24 h.*and still open.*No reason given yet}s, 'each broken promise, that nobody has explained too');
like($page->{body}, qr{<th scope="row">A private ticket</th>}, 'that of a private ticket without its number');
unlike($page->{body}, qr{canary}, 'and without its subject');
Desk::sql(q{INSERT INTO desk.breach_reason (clock, reason)
	SELECT c.id, E'Half of us were ill.\n<script>alert(1)</script>' FROM desk.clock c JOIN desk.ticket t ON t.number = c.ticket WHERE t.subject = 'Late & open' AND c.breached_at IS NOT NULL});
like($me->get('/record')->{body}, qr{Half of us were ill\.\n&lt;script&gt;alert}, 'a reason that is given stands there at once, as text');

# charts: drawn here, each with a table and a spreadsheet
my $charts = () = $page->{body} =~ m{<svg class="chart" role="img" aria-labelledby="c-\w+"}g;
is($charts, 3, 'three charts');
my $html = XML::LibXML->load_html(string => $page->{bytes}, recover => 2, suppress_errors => 1);
is(scalar(grep { $_->getAttribute('style') } $html->findnodes('//*')), 0, 'without a style in the page');
my @titles = map { $_->textContent } $html->findnodes('//*[local-name()="rect"]/*[local-name()="title"]');
my $reported = 0;
/^W\d\d: (\d+) reported$/ and $reported += $1 for @titles;
is($reported, 4, 'whose bars say what they are');
is(scalar(grep { !/^W\d\d: \d+ (?:reported|solved|kept|broken)$/ } @titles), 0, 'all of them');
is($html->findvalue('count(//table[contains(@class, "figures")]/tbody/tr)'), 8, 'the table has eight weeks at least');
like($page->{body}, qr{<a href="/record\.csv">}, 'and leads to the spreadsheet');

my $csv = $me->get('/record.csv');
like($csv->{headers}{'content-type'}, qr{^text/csv}, 'the weeks as CSV');
my @lines = split /\r\n/, $csv->{body};
like($lines[0], qr{^"week","filed","solved","promises_met","promises_breached",}, 'with names');
is((grep { !/^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"(?:,"\d*"){11}$/ } @lines[1 .. $#lines]), 0, 'times in UTC and whole numbers');
my @sum = (0) x 4;
for my $line (@lines[1 .. $#lines]) {
	my (undef, @cells) = $line =~ /"([^"]*)"/g;
	$sum[$_] += $cells[$_] for 0 .. 3;
}
is("@sum", '4 0 1 2', 'that sum to what there is');
my $groups = $me->get('/record-groups.csv')->{body};
like($groups, qr{"first response","all","all","1","\d","0","1","7200","7200","7200","7200","7200","7200","7200"}, 'the groups with percentiles');
my $broken = $me->get('/record-broken.csv')->{body};
like($broken, qr{^"[^"]+Z","","first response","3","web","within 24 h",}m, 'the broken ones, a private one without its number');
unlike($broken, qr{canary}, 'nor more');
my $again = $me->get('/record.csv', 'If-None-Match' => $csv->{headers}{etag});
is($again->{status}, 304, 'what one has already is not sent again');

my $atom = $me->get('/record.atom');
is($atom->{headers}{'content-type'}, 'application/atom+xml; charset=utf-8', 'the weeks as a feed');
my $xpath = XML::LibXML::XPathContext->new(XML::LibXML->load_xml(string => $atom->{bytes}));
$xpath->registerNs(a => 'http://www.w3.org/2005/Atom');
is($xpath->findvalue('count(/a:feed/a:entry)'), 7, 'those that are over');
ok($xpath->findvalue("/a:feed/a:$_"), "with $_") for qw(id title updated);

# -- the edges --------------------------------------------------------------
is($me->get($_)->{status}, 404, "$_ is nothing") for '/record-x.csv', '/promises/1', '/recordings';
is($me->post('/record', {})->{status}, 405, 'there is nothing to send');
like($me->get('/')->{body}, qr{<a href="/promises">What we promise</a>.*<a href="/record">How we do</a>}s, 'every page leads here');
is($me->get('/record', Cookie => '__Host-session=x')->{status}, 200, 'cookies are not looked at');
is(scalar(grep { /warning|fatal/ } split /\n/, do { open my $log, '<', "$ENV{DESK_LOG}/promise.log" or die; local $/; <$log> }), 0, 'the log has no complaint');

done_testing;
