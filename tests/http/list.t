# The public list, its filters, pages and feeds.
use strict;
use warnings;
use utf8;
use Test::More;
use JSON::PP;
use XML::LibXML;
use lib 'tests/lib';
use Desk;

Desk::start_anew();

my $me = Desk->new;
my $empty = $me->get('/tickets');
is($empty->{status}, 200, 'an empty desk has a list');
like($empty->{body}, qr{Nothing found.*<a href="/report">Report it</a>}s, 'which says what to do');
is($me->get('/')->{status}, 200, 'and a home page');

Desk::sql(<<'SQL');
INSERT INTO desk.product (name, label) VALUES ('shop', 'Shop');
INSERT INTO desk.staff (login, name) VALUES ('clerk', 'Night clerk');
INSERT INTO desk.ticket (subject, kind, severity, product, filed_at)
SELECT 'Ticket ' || n, CASE n % 3 WHEN 0 THEN 'bug' ELSE 'question' END, 1 + n % 4, CASE WHEN n % 5 = 0 THEN 'shop' END,
	now() - (61 - n) * interval '1 minute'
FROM generate_series(1, 60) n;
INSERT INTO desk.message (ticket, author, body, posted_at) SELECT number, 'requester', 'Text of ' || subject, filed_at FROM desk.ticket ORDER BY number;
INSERT INTO desk.ticket (subject, kind, severity, visibility) VALUES ('Secret canary-title', 'bug', 2, 'private');
INSERT INTO desk.message (ticket, author, body) SELECT max(number), 'requester', 'canary-body' FROM desk.ticket;
INSERT INTO desk.message (ticket, author, staff, name, body, solution)
SELECT 7, 'staff', id, name, 'Press the frobnicator in src/main/Printer.java, then update to 2.10.3.', true FROM desk.staff WHERE login = 'clerk';
UPDATE desk.ticket SET state = 'resolved', resolution = 'answered' WHERE number = 7;
SQL

sub numbers { return [ $_[0]{body} =~ m{<h3><a href="/tickets/(\d+)">}g ] }

# -- pages ----------------------------------------------------------------
my $first = $me->get('/tickets');
is_deeply(numbers($first), [ reverse 36 .. 60 ], 'the newest 25 come first');
like($first->{body}, qr{<h2[^>]*>60 tickets}, 'the public ones are counted, the private one is not');
my ($older) = $first->{body} =~ m{href="(/tickets\?older=[^"]+)"};
my $second = $me->get(Desk::unescape($older));
is_deeply(numbers($second), [ reverse 11 .. 35 ], 'the next page goes on where it ended');
my ($third) = $second->{body} =~ m{href="(/tickets\?older=[^"]+)"};
my $last = $me->get(Desk::unescape($third));
is_deeply(numbers($last), [ reverse 1 .. 10 ], 'the last page has the rest');
unlike($last->{body}, qr{rel="next"}, 'and leads nowhere');
my ($back) = $last->{body} =~ m{href="(/tickets\?newer=[^"]+)"};
is_deeply(numbers($me->get(Desk::unescape($back))), [ reverse 11 .. 35 ], 'the way back leads to the page before');

# -- filters --------------------------------------------------------------
is_deeply(numbers($me->get('/tickets?state=solved')), [7], 'solved ones');
is(scalar @{ numbers($me->get('/tickets?state=open&severity=1')) }, 15, 'open ones of one severity');
is_deeply(numbers($me->get('/tickets?kind=bug&product=shop')), [ 60, 45, 30, 15 ], 'of a kind and a product');
like($me->get('/tickets?kind=bug&product=shop&q=ticket')->{body}, qr{href="/tickets\?state=open&amp;q=ticket&amp;kind=bug&amp;product=shop"}, 'a tab keeps the other filters');
is_deeply(numbers($me->get('/tickets?state=nonsense&utm_source=x')), numbers($first), 'a filter that does not exist narrows nothing');
is($me->get('/tickets?q=%ff')->{status}, 400, 'what is not UTF-8 is a bad request');
is($me->get('/tickets?q=a&q=b')->{status}, 400, 'so is a field given twice');

# -- search ---------------------------------------------------------------
my %finds = ('the words of the solution' => 'frobnicator', 'a path' => 'src/main/Printer.java', 'a file in a path' => 'Printer.java',
	'a version' => '2.10.3', 'the beginning of a word' => 'frobn', 'a phrase' => '%22update+to%22', 'words in any order' => 'update+press');
for my $what (sort keys %finds) {
	is_deeply(numbers($me->get("/tickets?q=$finds{$what}")), [7], "$what finds it");
}
is_deeply(numbers($me->get('/tickets?q=frobnicator+-update')), [], 'a word with - must not be there');
is_deeply(numbers($me->get("/tickets?q=frobnicator&sort=best")), [7], 'best match first');
is_deeply(numbers($me->get('/tickets?q=canary')), [], 'nothing private is found');
is($me->get('/tickets?q=' . Desk::escape($_))->{status}, 200, "a search for $_ does no harm")
	for q{'}, q{';--}, q{a & | ! b}, q{:*}, q{"}, q{\\}, q{((}, q{<script>}, q{the}, "\x{1F525}", 'x' x 290;
unlike($me->get('/tickets?q=' . Desk::escape('"><script>alert(1)</script>'))->{body}, qr{<script>alert}, 'what was searched for is text');
my $best = $me->get('/tickets?q=ticket&sort=best');
my ($on) = $best->{body} =~ m{href="(/tickets\?older=[^"]+)" rel="next"};
my %seen = map { $_ => 1 } @{ numbers($best) }, @{ numbers($me->get(Desk::unescape($on))) };
is(scalar keys %seen, 50, 'pages of best matches do not overlap');

# -- feeds ----------------------------------------------------------------
my $atom = $me->get('/tickets.atom?kind=bug&product=shop');
is($atom->{headers}{'content-type'}, 'application/atom+xml; charset=utf-8', 'an Atom feed');
my $xml = XML::LibXML->load_xml(string => $atom->{bytes});
my $xpath = XML::LibXML::XPathContext->new($xml);
$xpath->registerNs(a => 'http://www.w3.org/2005/Atom');
is_deeply([ map { $_->textContent } $xpath->findnodes('/a:feed/a:entry/a:id') ],
	[ map { "$ENV{NIGHTDESK_URL}/tickets/$_" } 60, 45, 30, 15 ], 'of the same query');
ok($xpath->findvalue("/a:feed/a:$_"), "with $_") for qw(id title updated);
is($atom->{headers}{'content-security-policy'}, "default-src 'none'; sandbox", 'and no rights in a browser');
my $json = decode_json($me->get('/tickets.json?kind=bug&product=shop')->{bytes});
is_deeply([ map { $_->{number} } @{ $json->{tickets} } ], [ 60, 45, 30, 15 ], 'the same as JSON');
my $csv = $me->get('/tickets.csv?kind=bug&product=shop');
is_deeply([ $csv->{body} =~ m{^"[^"]*","?(\d+)"?,}mg ], [ 60, 45, 30, 15 ], 'the same as CSV');
like($csv->{body}, qr{\A"place","number","subject"[^\n]*\r\n}, 'with a header line');
for my $path ('/tickets.atom', '/tickets.json', '/tickets.csv') {
	my $tag = $me->get($path)->{headers}{etag};
	like($tag, qr{^"[\w-]+"$}, "$path has an ETag");
	my $known = $me->get($path, 'If-None-Match' => $tag);
	is($known->{status}, 304, 'which saves sending it again');
	is($known->{bytes}, '', 'without a body');
	is($me->get($path, 'If-None-Match' => '"other"')->{status}, 200, 'but not when it has changed');
}

# -- hostile content ------------------------------------------------------
Desk::sql(q{INSERT INTO desk.ticket (subject, kind, severity) VALUES (E'=cmd() <b>&"\b\x1b[31m]]> \u202egnp.exe', 'bug', 3)});
my $odd = XML::LibXML->load_xml(string => $me->get('/tickets.atom')->{bytes});
like($odd->findvalue('string(//*[local-name()="entry"][1]/*[local-name()="title"])'), qr{<b>&"␈␛\[31m\]\]> gnp\.exe}, 'control characters do not break the feed');
like($me->get('/tickets.csv')->{body}, qr{"'=cmd\(\) <b>&""}, 'no cell is a formula');
like(decode_json($me->get('/tickets.json')->{bytes})->{tickets}[0]{subject}, qr{^=cmd}, 'JSON holds it as it is');
like($me->get('/tickets')->{body}, qr{=cmd\(\) &lt;b&gt;&amp;}, 'on the page it is text');

# -- cookies and the cache ------------------------------------------------
is($me->get('/tickets')->{headers}{'cache-control'}, 'public, max-age=30, stale-if-error=86400', 'public pages may be kept');
my $with = $me->get('/tickets', Cookie => '__Host-session=x; __Secure-link=y');
(my $a = $with->{body}) =~ s/server-time" content="[^"]*"//;
(my $b = $me->get('/tickets')->{body}) =~ s/server-time" content="[^"]*"//;
is($a, $b, 'they are the same for whoever asks');

# -- the theme ------------------------------------------------------------
my $theme = $me->post('/prefs', { theme => 'dark' }, Referer => "$ENV{NIGHTDESK_URL}/tickets?q=x");
is($theme->{status}, 303, 'a theme can be chosen');
is($theme->{headers}{location}, '/tickets?q=x', 'and one stays where one was');
like($me->get('/tickets')->{body}, qr{<html lang="en" data-theme="dark">}, 'it holds');
for my $evil ('https://evil.example/', "$ENV{NIGHTDESK_URL}//evil.example/", "$ENV{NIGHTDESK_URL}.evil.example/", "$ENV{NIGHTDESK_URL}/\\evil") {
	is($me->post('/prefs', { theme => '' }, Referer => $evil)->{headers}{location}, '/', "$evil leads home");
}
unlike($me->get('/tickets')->{body}, qr{data-theme}, 'and it can be taken back');

done_testing;
