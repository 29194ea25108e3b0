# What has to go, and whose data it is: a secret taken out of a ticket, the
# report of a security hole withheld, a person's data handed out and forgotten.
use strict;
use warnings;
use utf8;
use Test::More;
use File::Temp;
use JSON::PP;
use lib 'tests/lib';
use Clerk;

my $ann = Clerk->signed_in(undef, 'Ann Private');
my $stranger = Clerk->new;
my $one = "s$$";

sub dump_has { my ($what) = @_; my $dump = `pg_dump --no-owner 2>/dev/null`; return scalar(() = $dump =~ /\Q$what\E/gi) }

# A report by the form, so that the holder of its link is there, too.
sub report {
	my ($mail, $body, %more) = @_;
	my $holder = Desk->new;
	my $n = $holder->report('bug', subject => "It fails $body", body => "My text: $body", tried => "With $body", name => "Jo $one", mail => $mail, %more);
	return ($holder, $n);
}

# The page is for a fresh proof ---------------------------------------------------

my ($jo, $n) = report("jo$one\@home.example", "Hunter-$one");
like($stranger->get("/tickets/$n")->{body}, qr/Hunter-$one/, 'a report has a secret in it');
is($stranger->get("/staff/tickets/$n/redact")->{headers}{location}, "/login?ticket=$n", 'who is not signed in is sent to sign in');
Desk::sql("UPDATE desk.session SET fresh_until = now() - interval '1 second' WHERE staff = $ann->{id}");
is($ann->get($_->[0])->{headers}{location}, $_->[1], "without a fresh proof $_->[0] asks for one")
	for [ "/staff/tickets/$n/redact", "/login/again?ticket=$n&to=redact" ], [ "/staff/tickets/$n/vulnerability", "/login/again?ticket=$n&to=vulnerability" ],
	[ '/staff/people', '/login/again?to=people' ];
sub fresh { Desk::sql("UPDATE desk.session SET fresh_until = now() + interval '10 minutes' WHERE staff = $ann->{id}") }
fresh();
my $page = $ann->get("/staff/tickets/$n/redact");
is($page->{status}, 200, 'with one the page opens');
is($page->{headers}{'cache-control'}, 'no-store', 'and nobody keeps a copy of it');
is($ann->get('/staff/tickets/99999999/redact')->{status}, 404, 'a ticket that is not there has none');
like($ann->get("/staff/tickets/$n")->{body}, qr{href="/staff/tickets/$n/redact".*href="/staff/tickets/$n/vulnerability"}s, 'the ticket leads there');

# Words -----------------------------------------------------------------------

sub redact {
	my (%typed) = @_;
	my %form = $ann->form($ann->get("/staff/tickets/$n/redact")->{body}, "/staff/tickets/$n/redact");
	delete @form{qw(file drop)};
	if (($typed{do} // '') eq 'remove') {
		my $seen = $ann->post("/staff/tickets/$n/redact", { %form, %typed, do => 'look' });
		$form{shown} = { $ann->form($seen->{body}, "/staff/tickets/$n/redact") }->{shown};
	}
	return $ann->post("/staff/tickets/$n/redact", { %form, %typed });
}

Desk::sql("INSERT INTO desk.note (ticket, staff, body) VALUES ($n, $ann->{id}, 'They sent Hunter-$one')");
my $look = redact(words => "Hunter-$one", do => 'look');
is($look->{status}, 200, 'looking takes nothing out');
like($look->{body}, qr/The subject.*What was tried.*Message.*Internal note.*Take out all \d+/s, 'it shows every place, and counts them');
like(redact(words => 'not in it at all', do => 'look')->{body}, qr/stand nowhere in this ticket/, 'words that are nowhere are said to be');
my $why = redact(words => "Hunter-$one", do => 'remove');
is($why->{status}, 422, 'a reason is asked for');
like($why->{body}, qr/Say why it has to go.*value="" aria-describedby|Say why it has to go/s, 'beside its field');
is({ $ann->form($why->{body}, "/staff/tickets/$n/redact") }->{words}, "Hunter-$one", 'and the words are kept');
is(redact(words => "Hunter-$one", why => "it was hunter-$one", do => 'remove')->{status}, 422, 'a reason that says it again is refused');
cmp_ok(dump_has("Hunter-$one"), '>', 5, 'all of it is still there');
# Enter presses the first button of a form, and words change after a look
like($look->{body}, qr/value="look".*value="remove"/s, 'the first button of the form takes nothing out');
my %seen = $ann->form($look->{body}, "/staff/tickets/$n/redact");
delete @seen{qw(file drop)};
my $unseen = $ann->post("/staff/tickets/$n/redact", { %seen, words => 'My text', why => 'x', do => 'remove' });
like($unseen->{body}, qr/<textarea id="words".*My text.*Take out all/s, 'words that were not looked at are shown first');
is(dump_has('My text') > 0, 1, 'and nothing of them is gone');
my $done = redact(words => "Hunter-$one", why => 'a password', do => 'remove');
is($done->{headers}{location}, "/staff/tickets/$n", 'then it is taken out');
is(dump_has("Hunter-$one"), 0, 'and stands nowhere in a dump of the whole database');
my $public = $stranger->get("/tickets/$n")->{body};
like($public, qr/My text: \[removed\]/, 'the public reads what is left');
like($public, qr/Taken out.*\d+ characters.*Ann Private/s, 'how much was taken out, and by whom');
unlike($stranger->get("/tickets?q=Hunter-$one")->{body}, qr{href="/tickets/$n"}, 'the search does not find it any more');
like($ann->get("/staff/tickets/$n/redact")->{body}, qr/Taken out before.*a password.*Ann Private/s, 'why is kept for staff');
unlike($public, qr/a password/, 'and for nobody else');
is(redact(words => "Hunter-$one", why => 'a password', do => 'remove')->{status}, 422, 'once more there is nothing to take out');

my %form = $ann->form($ann->get("/staff/tickets/$n/redact")->{body}, "/staff/tickets/$n/redact");
Desk::sql("UPDATE desk.session SET fresh_until = now() - interval '1 second' WHERE staff = $ann->{id}");
my $stale = $ann->post("/staff/tickets/$n/redact", { csrf => $form{csrf}, words => 'My text', why => 'x', do => 'remove' });
is($stale->{status}, 403, 'when the proof has grown old meanwhile nothing is done');
like($stale->{body}, qr{Nothing was done yet.*href="/login/again\?ticket=$n&amp;to=redact".*My text}s, 'and nothing typed is lost');
my $late = $ann->post("/staff/tickets/$n/vulnerability", { csrf => $form{csrf}, do => 'copy' });
is("$late->{status} " . Desk::sql("SELECT count(*) FROM desk.export WHERE ticket = $n"), '403 0', 'nor is anything handed out');
like($late->{body}, qr{href="/login/again\?ticket=$n&amp;to=vulnerability"}, 'before the proof is given');
fresh();
is($ann->post("/staff/tickets/$n/redact", { words => 'My text', why => 'x', do => 'remove' })->{status}, 403, 'a form without its token does nothing');
is($stranger->post("/staff/tickets/$n/redact", { csrf => $form{csrf}, words => 'My text', why => 'x', do => 'remove' })->{status}, 403, 'nor does one of somebody else');

# A file
my $message = Desk::sql("SELECT min(id) FROM desk.message WHERE ticket = $n");
my $file = Desk::sql("WITH b AS (INSERT INTO desk.blob (sha256, size, whole) VALUES (sha256('Schatz-$one'), length('Schatz-$one'), true) RETURNING sha256, size),
	c AS (INSERT INTO desk.blob_chunk SELECT sha256, 0, 'Schatz-$one' FROM b)
	INSERT INTO desk.attachment (ticket, message, place, name, type, size, sha256) SELECT $n, $message, 1, 'Schätze $one.txt', 'text/plain', size, sha256 FROM b RETURNING id");
($file) = $file =~ /(\d+)/;
# and another of the same name, of one of the staff
Desk::sql("WITH b AS (INSERT INTO desk.blob (sha256, size, whole) VALUES (sha256(''), 0, true) ON CONFLICT (sha256) DO UPDATE SET size = 0 RETURNING sha256),
	m AS (INSERT INTO desk.note (ticket, staff, body) VALUES ($n, $ann->{id}, 'Is it Schätze $one.txt?') RETURNING id)
	INSERT INTO desk.attachment (ticket, note, place, name, type, size, sha256) SELECT $n, m.id, 1, 'Schätze $one.txt', 'text/plain', 0, sha256 FROM b, m");
my $files = $ann->get("/staff/tickets/$n/redact")->{body};
like($files, qr/Whole files.*Schätze $one\.txt<\/a> <[^>]*>\d+ bytes, Jo $one, <time[^>]*>[^<]+<\/time>, message 1<.*Schätze $one\.txt<\/a> <[^>]*>0 bytes, Ann Private, <time[^>]*>[^<]+<\/time>, internal note</s,
	'files are listed so that two of one name can be told apart');
unlike($files, qr/name="drop"/, 'none goes by one press');
my $at = redact(file => $file, why => 'a key file');
is($at->{status}, 200, 'a look at one comes first');
like($at->{body}, qr{Take out this file\?.*href="/staff/tickets/$n/files/$file/file">Schätze $one\.txt</a>.*sent by Jo $one.*name="drop" value="$file"}s, 'it says which, leads to it, and offers to take it out');
is(Desk::sql("SELECT count(*) FROM desk.attachment WHERE id = $file"), 1, 'it is still there');
my $blank = redact(drop => $file);
is($blank->{status}, 422, 'a reason is asked for');
like($blank->{body}, qr/Say why it has to go.*name="drop" value="$file"/s, 'with the file still shown');
is(redact(drop => 'abc', words => 'My text', why => 'x')->{status}, 404, 'what is no file cannot be taken out');
cmp_ok(dump_has('My text'), '>', 0, 'nor can words along with it that nobody has looked at');
is(redact(drop => $file, why => 'a key file')->{status}, 303, 'then it is taken out');
like(redact(file => $file)->{body}, qr/This file is not here any more/, 'a file that is gone is said to be');
is(dump_has(unpack 'H*', "Schatz-$one"), 0, 'with its bytes');
my ($other) = Desk::sql("SELECT id FROM desk.attachment WHERE ticket = $n") =~ /(\d+)/;
like(redact(file => $other)->{body}, qr/Its name stands in the places below, too.*Internal note.*Is it Schätze $one\.txt\?/s, 'of the last of its name the places of the name are shown');
redact(drop => $other, why => 'a key file');
is(dump_has("Schätze $one"), 0, 'and then go with it');

# Reports of security holes ----------------------------------------------------------

my ($eve, $hole) = report("eve$one\@home.example", "Overflow-$one");
Desk::sql("INSERT INTO desk.note (ticket, staff, body) VALUES ($hole, $ann->{id}, 'Is Overflow-$one real?')");
Desk::sql("INSERT INTO desk.action (ticket, staff, what, why) VALUES ($hole, $ann->{id}, 'restart Overflow-$one', 'to be sure')");
Desk::sql("WITH b AS (INSERT INTO desk.blob (sha256, size, whole) VALUES (sha256('Poc-$one'), length('Poc-$one'), true) RETURNING sha256, size),
	c AS (INSERT INTO desk.blob_chunk SELECT sha256, 0, 'Poc-$one' FROM b)
	INSERT INTO desk.attachment (ticket, message, place, name, type, size, sha256) SELECT $hole, (SELECT min(id) FROM desk.message WHERE ticket = $hole), 1, 'Overflow-$one.txt', 'text/plain', size, sha256 FROM b");
my $ask = $ann->get("/staff/tickets/$hole/vulnerability");
like($ask->{body}, qr/Take it along first: afterwards it cannot be had.*value="copy".*cannot be undone/s, 'what will happen is said before');
like($ask->{body}, qr{<dt>Messages</dt><dd>1</dd><dt>Internal notes</dt><dd>1</dd><dt>Files</dt><dd>1 \(\d+ bytes\)</dd><dt>Production actions</dt><dd>1</dd>}, 'and how much goes');
unlike($ask->{body}, qr/Taken along by|left-out/, 'nobody has taken it along yet');
sub take_along {
	my ($ticket) = @_;
	my $at = "/staff/tickets/$ticket/vulnerability";
	return $ann->post($at, { $ann->form($ann->get($at)->{body}, $at), do => 'copy' });
}
my $copy = take_along($hole);
is("$copy->{headers}{'content-type'} $copy->{headers}{'content-disposition'} $copy->{headers}{'cache-control'}", "application/zip attachment; filename=\"ticket-$hole.zip\" no-store", 'there is a copy to take along');
my %copy = unpack_zip($copy->{bytes});
my ($poc) = grep { m{/files/} } keys %copy;
like($copy{"tickets/$hole/texts.txt"}, qr/It fails Overflow-$one.*With Overflow-$one.*My text: Overflow-$one.*Is Overflow-$one real\?.*restart Overflow-$one.*File $poc: Overflow-$one\.txt/s, 'with all texts');
is($copy{$poc}, "Poc-$one", 'and the files to the byte');
like($ann->get("/staff/tickets/$hole/vulnerability")->{body}, qr/Taken along by Ann Private on \d/, 'the page says by whom it was taken along, and when');
is(Desk::sql("SELECT count(*) FROM desk.export WHERE ticket = $hole AND staff = $ann->{id} AND role = 'desk_privacy'"), 1, 'that is noted for good');
like(log_of('privacy'), qr/all of ticket $hole was fetched/, 'and stands in the log');
my %open = map { $_->[0] => { $ann->form($ann->get("/staff/tickets/$hole$_->[1]")->{body}, "/staff/tickets/$hole/$_->[0]") } } [ note => '' ], [ actions => '/actions' ];
my %withhold = $ann->form($ask->{body}, "/staff/tickets/$hole/vulnerability");
my $unsure = $ann->post("/staff/tickets/$hole/vulnerability", { %withhold, kind => 'ours' });
is($unsure->{status}, 422, 'one has to be sure');
like($unsure->{body}, qr/Say whether you have passed it on.*Say that whatever is needed was taken along.*value="ours" checked/s, 'what is missing is said, and what was chosen is kept');
cmp_ok(dump_has("Overflow-$one"), '>', 5, 'nothing is withheld yet');
# what comes between the look and the press
my ($to_note, $to_actions, $to_reply) = ("/staff/tickets/$hole/note", "/staff/tickets/$hole/actions", "/my/$hole/reply");
for (
	[ 'a message', qr/Messages<\/dt><dd>2</, sub { $eve->post($to_reply, { $eve->fields($eve->get("/my/$hole"), $to_reply), body => "More of Overflow-$one", do => 'send' }) } ],
	[ 'a note', qr/notes<\/dt><dd>2</, sub { $ann->post($to_note, { $ann->fields($ann->get("/staff/tickets/$hole"), $to_note), note => "Overflow-$one, too", do => 'send' }) } ],
	[ 'a file', qr/Files<\/dt><dd>2 /, sub { $eve->post_files($to_reply, { $eve->fields($eve->get("/my/$hole"), $to_reply), body => '', do => 'send' }, [[file => 'more.txt', "Overflow-$one"]]) } ],
	[ 'a production action', qr/actions<\/dt><dd>2</, sub { $ann->post($to_actions, { $ann->form($ann->get($to_actions)->{body}, $to_actions), what => "stop Overflow-$one", why => 'to be safe' }) } ],
) {
	my ($what, $shown, $comes) = @$_;
	is($comes->()->{status}, 303, "$what comes after somebody has looked");
	my $again = $ann->post("/staff/tickets/$hole/vulnerability", { %withhold, kind => 'ours', passed_on => 'yes', sure => 'yes' });
	is("$again->{status} " . Desk::sql("SELECT count(*) FROM desk.redaction WHERE ticket = $hole"), '422 0', 'then nothing is withheld');
	like($again->{body}, qr/Something came meanwhile: look at it and take it along\..*$shown/s, 'it is said, and how much there is now');
	unlike($again->{body}, qr/value="yes" checked[^>]*> Whatever/, 'and to be sure is asked anew');
	%withhold = $ann->form($again->{body}, "/staff/tickets/$hole/vulnerability");
}
delete $withhold{version};
is($ann->post("/staff/tickets/$hole/vulnerability", { %withhold, kind => 'ours', passed_on => 'yes', sure => 'yes' })->{status}, 422, 'a form that does not say what it has shown withholds nothing');
%withhold = $ann->form($ann->get("/staff/tickets/$hole/vulnerability")->{body}, "/staff/tickets/$hole/vulnerability");
is($ann->post("/staff/tickets/$hole/vulnerability", { %withhold, kind => 'ours', passed_on => 'yes', sure => 'yes' })->{headers}{location}, "/staff/tickets/$hole", 'then it is withheld');
is(dump_has("Overflow-$one") + dump_has(unpack 'H*', "Poc-$one"), 0, 'the desk holds no word of it, as a dump of all shows');
like($ann->get($_)->{body}, qr/Ann Private<\/b> <b>Production action<\/b>.*Text withheld: security report/s, "on $_ the trace of the production action stays") for '/staff/actions', "/staff/tickets/$hole/actions";
is($stranger->get("/tickets/$hole")->{status}, 404, 'the public finds nothing there');
unlike($stranger->get($_)->{body}, qr/Overflow-$one|tickets\/$hole\b/, "$_ has nothing of it") for '/tickets', '/tickets.atom';
unlike($stranger->get("/tickets?q=Overflow-$one")->{body}, qr/tickets\/$hole\b/, 'the search does not find it');
my $mine = $eve->get("/my/$hole");
like($mine->{body}, qr{href="/\.well-known/security\.txt".*A matter for the security contact|A matter for the security contact.*href="/\.well-known/security\.txt"}s, 'the requester reads where to go');
like($mine->{body}, qr/we passed your report on to our .*so you need not send it again/, 'and that the security contact has it already');
unlike($mine->{body}, qr{action="/my/$hole/reply"}, 'and is offered no form for more of it');
like(Desk::sql("SELECT subject || body FROM desk.outbox WHERE ticket = $hole AND person IS NOT NULL AND sent_at IS NULL AND failed_at IS NULL ORDER BY id DESC LIMIT 1"),
	qr/security contact.*\{URL\}\/\.well-known\/security\.txt/s, 'a mail says so, too');
like($ann->get("/staff/tickets/$hole/vulnerability")->{body}, qr/Its text was withheld.*Ann Private.*Taken along by Ann Private.*no more messages from anybody but staff/s, 'who did it is kept, and who took it along');
is($ann->post("/staff/tickets/$hole/vulnerability", { %withhold, kind => 'ours', passed_on => 'yes', sure => 'yes' })->{status}, 303, 'a double click changes nothing');
unlike($ann->get("/staff/tickets/$hole/actions")->{body}, qr/id="action-form"/, 'no form asks for more of it');
for ([ note => note => "Overflow-$one again", do => 'send' ], [ actions => what => "Overflow-$one again", why => 'to see' ]) {
	my ($what, %typed) = @$_;
	like($ann->post("/staff/tickets/$hole/$what", { %{ $open{$what} }, %typed })->{body},
		qr/the report of a security hole: the desk takes no more words about it/, "by a form that lay open the desk takes no more words: $what");
}
is(Desk::sql("SELECT count(*) FROM desk.message WHERE ticket = $hole AND author = 'staff'"), 1, 'nor tells them twice');

# Files that an archive cannot hold, or that somebody takes out at this moment
sub attach {
	my ($ticket, $name, $said, $bytes) = @_;
	my ($id) = Desk::sql("WITH b AS (INSERT INTO desk.blob (sha256, size, whole) VALUES (sha256('$name $one'), $said, true) RETURNING sha256, size),
		c AS (INSERT INTO desk.blob_chunk SELECT sha256, 0, '$bytes' FROM b)
		INSERT INTO desk.attachment (ticket, message, place, name, type, size, sha256)
		SELECT $ticket, (SELECT min(id) FROM desk.message WHERE ticket = $ticket), 1, '$name.txt', 'text/plain', size, sha256 FROM b RETURNING id") =~ /(\d+)/;
	return $id;
}
sub plain {
	my ($name) = @_;
	my ($number) = Desk::sql("WITH t AS (INSERT INTO desk.ticket (subject, kind, severity, requester) SELECT '$name', 'bug', 3, desk.person_of('$name$one\@home.example') RETURNING number, filed_at)
		INSERT INTO desk.message (ticket, author, body, posted_at) SELECT number, 'requester', '$name', filed_at FROM t RETURNING ticket") =~ /(\d+)/;
	return $number;
}
my $large = plain('large');
my $left = attach($large, 'large', 49 * 1024 * 1024, 'x');
like($ann->get("/staff/tickets/$large/vulnerability")->{body}, qr{more than 48 MiB: <b>left-out\.txt</b>.*one by one from <a href="/staff/tickets/$large">}s, 'of more than fits into an archive the page says where the rest is named');
like({ unpack_zip(take_along($large)->{bytes}) }->{'left-out.txt'}, qr{tickets/$large/files/$left\.txt}, 'and there it is');
for ([ 'less', 9 ], [ 'more', 2 ]) {
	my ($what, $said) = @$_;
	my $cut = plain($what);
	attach($cut, $what, $said, 'Bytes');
	my $torn = take_along($cut);
	is("$torn->{status} $torn->{headers}{'content-type'}", '409 text/html; charset=utf-8', "a file that turns out to be $what than it was makes no archive");
	my $whose = Desk::sql("SELECT requester FROM desk.ticket WHERE number = $cut");
	is($ann->post("/staff/people/$whose/export", { csrf => { $ann->form($ann->get('/staff/people')->{body}, '/staff/people') }->{csrf} })->{status}, 409, 'nor one of their data');
}

# One that nobody has passed on
my ($kim, $second) = report("kim$one\@home.example", "Leak-$one");
my %again = $ann->form($ann->get("/staff/tickets/$second/vulnerability")->{body}, "/staff/tickets/$second/vulnerability");
$ann->post("/staff/tickets/$second/vulnerability", { %again, kind => 'unsure', passed_on => 'no', sure => 'yes' });
like($kim->get("/my/$second")->{body}, qr/We did not pass it on\. Please send it once more, to our <a href="\/\.well-known\/security\.txt"/, 'a requester whose report was not passed on is asked to send it again');
like($ann->get("/staff/tickets/$second/vulnerability")->{body}, qr/not passed on: the requester was asked to send it again/, 'and staff read that');

# A reply that reads like one
my $hint = 'I found an SQL injection and a remote code execution exploit';
my %reply = $jo->fields($jo->get("/my/$n"), "/my/$n/reply");
sub messages { Desk::sql("SELECT count(*) FROM desk.message WHERE ticket = $_[0]") }
my $before = messages($n);
my $question = $jo->post("/my/$n/reply", { token => $reply{token}, body => $hint, do => 'send' });
like($question->{body}, qr/Is this about a security hole\?.*Nothing of your message has been stored/s, 'a reply that reads like a report of a security hole asks first');
is(messages($n) + dump_has('remote code execution exploit'), $before, 'and stores nothing');
my %answer = $jo->fields($question, "/my/$n/reply");
my $yes = $jo->post("/my/$n/reply", { %answer, do => 'security' });
is($yes->{status}, 422, 'if it is one');
like($yes->{body}, qr/Please report it here.*\Q$hint\E/s, 'it says where to, and gives the text back');
is(messages($n) + dump_has('remote code execution exploit'), $before, 'still nothing is stored');
is($jo->post("/my/$n/reply", { %answer, do => 'not-security' })->{headers}{location}, "/my/$n", 'if it is none');
is(messages($n), $before + 1, 'it is sent');
my %more = (token => { $jo->fields($jo->get("/my/$n"), "/my/$n/reply") }->{token});
my $told = $eve->post("/my/$hole/reply", { %more, body => "More of Overflow-$one", do => 'not-security' });
is($told->{status}, 403, 'a form of another ticket does nothing');
is(dump_has("Overflow-$one"), 0, 'and what was withheld does not come back');

# People -----------------------------------------------------------------------------

my $address = "mia$one\@home.example";
my ($mia, $hers) = report($address, "harmless $one");
my $another = Desk::sql("INSERT INTO desk.ticket (subject, kind, severity) VALUES ('not hers $one', 'bug', 3) RETURNING number");
Desk::sql("INSERT INTO desk.note (ticket, staff, body) VALUES ($hers, $ann->{id}, 'Wrote from $address, a note of ours'), ($another, $ann->{id}, 'as " . uc($address) . " said')");
my $upload = Desk::sql("WITH b AS (INSERT INTO desk.blob (sha256, size, whole) SELECT sha256(x), length(x), true FROM (VALUES ('picture $one'::bytea)) v (x) RETURNING sha256, size),
	c AS (INSERT INTO desk.blob_chunk SELECT sha256, 0, 'picture $one' FROM b)
	INSERT INTO desk.attachment (ticket, message, place, name, type, size, sha256)
	SELECT $hers, (SELECT min(id) FROM desk.message WHERE ticket = $hers), 1, 'Bild ä.png', 'image/png', size, sha256 FROM b RETURNING id");
($upload) = $upload =~ /(\d+)/;
my $people = $ann->get('/staff/people');
is($people->{status}, 200, 'there is a page for people');
sub find { my ($what) = @_; return $ann->post('/staff/people', { $ann->form($people->{body}, '/staff/people'), address => $what }) }
like(find("nobody$one\@home.example")->{body}, qr/We store nothing under this address/, 'an address that we do not have is said so');
like(find("mia$one")->{body}, qr/We store nothing/, 'a part of one finds nobody');
my $found = find(uc $address);
my ($person) = $found->{body} =~ m{action="/staff/people/(\d+)/export"} or die "not found";
like($found->{body}, qr/\Q$address\E.*<dt>Reports<\/dt><dd>1<\/dd>/s, 'the exact one finds them');
my $zip = $ann->post("/staff/people/$person/export", { $ann->form($found->{body}, "/staff/people/$person/export") });
is("$zip->{status} $zip->{headers}{'content-type'} $zip->{headers}{'content-disposition'} $zip->{headers}{'cache-control'}",
	"200 application/zip attachment; filename=\"person-$person.zip\" no-store", 'their data come as one archive');
my %part = unpack_zip($zip->{bytes});
is_deeply([ sort keys %part ], [ sort 'README.txt', 'person.json', "tickets/$hers/thread.txt", "tickets/$hers/ticket.json", "tickets/$hers/files/$upload.png" ],
	'with what is theirs and nothing else');
is($part{"tickets/$hers/files/$upload.png"}, "picture $one", 'files to the byte');
my $ticket = decode_json($part{"tickets/$hers/ticket.json"});
is("$ticket->{subject} | $ticket->{messages}[0]{text} | $ticket->{files}[0]{name}", "It fails harmless $one | My text: harmless $one | Bild ä.png", 'what they wrote and what they called it');
is(decode_json($part{'person.json'})->{address}, $address, 'and who they are');
is(scalar(grep { /a note of ours/ } values %part), 0, 'notes of staff are not among it');
like(find($address)->{body}, qr/Handed out.*Ann Private/s, 'that it was fetched is kept');

like($found->{body}, qr/Get their data first.*So far nobody has/s, 'before they are forgotten the page says to fetch their data');
like(find($address)->{body}, qr/Get their data first.*Handed out: .*Ann Private/s, 'and then by whom they were fetched');
my %erase = $ann->form(find($address)->{body}, "/staff/people/$person/erase");
is($erase{with_files}, 'yes', 'files go along unless one says otherwise');
my $no = $ann->post("/staff/people/$person/erase", { %erase, why => "asked by $address", sure => 'yes' });
is($no->{status}, 422, 'a reason with the address in it is refused');
is($ann->post("/staff/people/$person/erase", { %erase, why => 'asked by mail' })->{status}, 422, 'one has to be sure');
my $figures = figures();
is($ann->post("/staff/people/$person/erase", { %erase, why => 'asked by mail', sure => 'yes' })->{headers}{location}, '/staff/people?gone=1', 'then they are forgotten');
like($ann->get('/staff/people?gone=1')->{body}, qr/The person is forgotten/, 'it is said so');
is(dump_has($address), 0, 'their address is nowhere');
is(Desk::sql("SELECT count(*) FROM desk.ticket WHERE number = $hers AND requester_name IS NULL"), 1, 'nor is their name in their report');
is(figures(), $figures, 'every figure is what it was');
like($stranger->get("/tickets/$hers")->{body}, qr/harmless $one/, 'their report is still there');
is($mia->get("/my/$hers")->{status}, 404, 'their link is not');
like(find($address)->{body}, qr/We store nothing/, 'we store nothing under their address');
is($ann->post("/staff/people/$person/erase", { %erase, why => 'asked by mail', sure => 'yes' })->{status}, 404, 'they cannot be forgotten twice');

# What a program has logged.
sub log_of {
	my ($program) = @_;
	open my $log, '<', "$ENV{DESK_LOG}/$program.log" or die "$program.log: $!";
	local $/;
	return <$log>;
}

# The members of a zip archive as bytes, read by another library than ours.
sub unpack_zip {
	my ($bytes) = @_;
	my $file = File::Temp->new(SUFFIX => '.zip');
	binmode $file;
	print $file $bytes;
	close $file;
	open my $out, '-|', 'python3', '-c', 'import json, sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; '
		. 'print(json.dumps({n: z.read(n).decode("latin-1") for n in z.namelist()}))', $file->filename or die "python3: $!";
	my $said = do { local $/; <$out> };
	close $out or die 'this is no zip archive';
	return %{ decode_json($said) };
}

# Those that do not say how long something has waited until now.
sub figures {
	my @views = grep { !/^(change|delivery|undelivered|unanswered|untriaged|clock|ticket)$/ } split /\n/,
		Desk::sql("SELECT relname FROM pg_class WHERE relnamespace = 'report'::regnamespace AND relkind = 'v' ORDER BY 1");
	return join "\n", map { "$_ " . Desk::sql("SELECT md5(coalesce(string_agg(x::text, '|' ORDER BY x::text), '')) FROM report.$_ x") } @views;
}

done_testing;
