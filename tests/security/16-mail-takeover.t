# Class 16: a mail address is no proof.  Anybody can type any address and write
# any From: line; so no address opens anything.  What opens is a token, each for
# one ticket and one purpose, that was mailed to who reads the address.  The
# fences: desk.link_open(), and the absence of any program that reads mail.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Security;
use World;

my $world = World->make;
my %number = %{ $world->{object} };
my %link = (%{ $world->{link} }, a => $world->{link}{A}{private});

# -- somebody types the address of A ---------------------------------------------------

sql("UPDATE desk.person SET proven_at = now() WHERE mail = 'a\@example.org'");
my %form = %{ ask_form(ask('GET', '/report/bug'), '/report/bug') };
my %follow = %{ ask_form(ask('GET', "/tickets/$number{public}"), "/tickets/$number{public}/follow") };
Desk::take_your_time();
my $filed = ask('POST', '/report/bug', body => { %form, subject => 'As A', body => 'As A', mail => 'a@example.org', not_similar => 1, do => 'send' });
is($filed->{status}, 303, 'somebody files a report in the name of A');
my ($mine) = $filed->{headers}{location} =~ m{/my/(\d+)};
my ($got) = $filed->{headers}{'set-cookie'} =~ /=([^;]+)/;
sub opened { my ($token) = @_; return map { my $n = $_; ask('GET', "/my/$number{$n}", cookie => cookie('link', $token))->{status} == 200 ? "it opens $n" : () } qw(private other public merged) }
bites('what they get opens that report and no other of A\'s', sub { return opened($got) },
	'the number in desk.link_open()' => sub { weaken('desk.link_open(text,integer,text)', qr/AND \(wanted IS NULL OR x\.ticket = wanted\)/, '') });
is(ask('GET', "/my/$mine", cookie => cookie('link', $got))->{status}, 200, '... which it does open');
is(sql("SELECT count(*) FROM desk.follower WHERE ticket = $mine AND confirmed_at IS NOT NULL"), 0, 'A is not made to follow it');
unlike(sql("SELECT string_agg(concat_ws(' ', subject, body), ' ') FROM desk.outbox WHERE ticket = $mine AND person = desk.person_of('a\@example.org')"), qr/As A/, 'the mail that A gets has no word of it');

# -- tokens of one in the thread of another -----------------------------------------------

my %reply = %{ ask_form(ask('GET', "/my/$number{other}", cookie => $world->jar('B', 'other')), "/my/$number{other}/reply") };
my $said = sql('SELECT count(*) FROM desk.message');
is(ask('POST', "/my/$number{private}/reply", cookie => $world->jar('B', 'private'), body => { %reply, body => 'From B', do => 'send' })->{status}, 404, 'the link of B posts nothing into the thread of A');
is(ask('POST', "/my/$number{private}/reply", cookie => cookie('link', $link{follower}), body => { %reply, body => 'From a follower', do => 'send' })->{status}, 404, 'nor does the link of a follower');
is(ask('POST', "/my/$number{private}/reply", body => { %reply, body => 'From nobody', do => 'send' })->{status}, 404, 'nor the number of the ticket alone');
is(sql('SELECT count(*) FROM desk.message'), $said, 'nothing was said');
sub by_purpose { return ((ask('GET', "/r/$link{follower}")->{status} != 404 ? 'the link of a follower opens the ticket' : ()), (ask('GET', "/r/$link{page}")->{status} != 404 ? 'the link of a page opens it' : ()),
	(ask('GET', "/follow/$link{a}")->{status} != 404 ? 'the link of a requester shows a follower' : ())) }
bites('a link is for one purpose', \&by_purpose, 'the purpose in desk.link_open()' => sub { weaken('desk.link_open(text,integer,text)', qr/AND x\.purpose = what/, '') });

# -- who is told, is told -------------------------------------------------------------------

my $before = sql('SELECT coalesce(max(id), 0) FROM desk.outbox');
ask('POST', "/tickets/$number{public}/follow", body => { %follow, mail => 'stranger@example.org' });
sub told {
	my $from = sql('SELECT coalesce(max(id), 0) FROM desk.outbox');
	sql("INSERT INTO desk.message (ticket, author, staff, name, body) SELECT n, 'staff', id, name, 'An answer' FROM desk.staff, (VALUES ($number{public}), ($number{private})) v (n) WHERE login = 'staff'");
	return map { "a mail to $_" } split /\n/, sql("SELECT DISTINCT p.mail FROM desk.outbox o JOIN desk.person p ON p.id = o.person WHERE o.id > $from AND p.mail IN ('stranger\@example.org', 'b\@example.org')");
}
is(sql("SELECT string_agg(kind, ' ') FROM desk.outbox o JOIN desk.person p ON p.id = o.person WHERE o.id > $before AND p.mail = 'stranger\@example.org'"), 'confirm', 'an address that was typed gets one mail, which asks');
bites('until it agrees it is told nothing', \&told,
	'the agreement of a follower' => sub { Security::without("UPDATE desk.follower SET confirmed_at = now() WHERE person = desk.person_of('stranger\@example.org'); UPDATE desk.person SET proven_at = now()",
		"UPDATE desk.follower SET confirmed_at = NULL WHERE person = desk.person_of('stranger\@example.org')") });
is(sql("SELECT count(*) FROM desk.follower f JOIN desk.ticket t ON t.number = f.ticket WHERE t.visibility = 'private' AND f.person <> t.requester"), 0, 'nobody follows the private ticket of another');

# -- mail comes from us alone ---------------------------------------------------------------

my @reads = grep { slurp($_) =~ /\b(?:imap|pop3|g_mime_parser_construct_message)/i } glob 'cgi-bin/*.c';
is("@reads", '', 'no program reads mail: a From: line is seen by nobody');
is(sql(q{SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'api' AND 'mail' = ANY (p.proargnames[1:p.pronargs]) AND p.proname !~ '^(submit|submit_same|ticket_follow|login_contact_set|privacy_\w+)$'}), 0,
	'no function takes an address for who somebody is');

done_testing;
