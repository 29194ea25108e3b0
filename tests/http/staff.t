# The queue and the protected ticket page, through the web server.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Clerk;

# A ticket with its report, filed `age` ago.
sub ticket {
	my ($subject, %with) = @_;
	my $age = delete $with{age} // '1 minute';
	my $body = delete $with{body} // "The report of $subject.";
	my @names = sort keys %with;
	return Desk::sql("WITH t AS (INSERT INTO desk.ticket (" . join(', ', qw(subject kind severity filed_at), @names)
		. ") VALUES (" . join(', ', "\$q\$$subject\$q\$", $with{kind} ? () : (), map { "$_" } "'bug'", '3', "now() - interval '$age'",
			map { "'$with{$_}'" } @names) . ") RETURNING number, filed_at), "
		. "m AS (INSERT INTO desk.message (ticket, author, body, posted_at) SELECT number, 'requester', \$q\$$body\$q\$, filed_at FROM t) "
		. "SELECT number FROM t");
}

sub column { Desk::sql("SELECT $_[1] FROM desk.ticket WHERE number = $_[0]") }
sub notes { Desk::sql("SELECT count(*) FROM desk.note WHERE ticket = $_[0]") }
sub messages { Desk::sql("SELECT count(*) FROM desk.message WHERE ticket = $_[0] AND author = 'staff'") }

# Press a button of a ticket's form.
sub press {
	my ($who, $n, $form, %typed) = @_;
	my $page = $typed{page} // $who->get("/staff/tickets/$n");
	delete $typed{page};
	my %fields = $who->form($page->{body}, "/staff/tickets/$n/$form");
	return $who->post("/staff/tickets/$n/$form", { %fields, %typed });
}

my $ann = Clerk->signed_in(undef, 'Ann Clerk');
my $bob = Clerk->signed_in(undef, 'Bob Clerk');
my $stranger = Clerk->new;

# The queue ------------------------------------------------------------------

my $tag = "zq$$";	# found by nothing else
Desk::sql("INSERT INTO desk.product (name, label) VALUES ('$tag', 'Test product') ON CONFLICT DO NOTHING");
# severity 2 and 3 have the same first promise: a day on the web
my $low = ticket("$tag low and free", product => $tag);
my $around = ticket("$tag has a way around", product => $tag, blocked => 'workaround');
my $stuck = ticket("$tag is stuck", product => $tag, blocked => 'blocked');
my $major = Desk::sql("WITH t AS (INSERT INTO desk.ticket (subject, kind, severity, product, filed_at) SELECT '$tag major', 'bug', 2, product, filed_at FROM desk.ticket WHERE number = $low RETURNING number) SELECT number FROM t");
Desk::sql("INSERT INTO desk.message (ticket, author, body) VALUES ($major, 'requester', 'x')");
Desk::sql("UPDATE desk.ticket SET severity = severity WHERE number = $low");
my $soon = ticket("$tag soon", product => $tag, age => '20 hours');
my $late = ticket("$tag late", product => $tag, age => '25 hours');
my $queue = $ann->get("/staff?product=$tag");
is($queue->{status}, 200, 'the queue opens');
is($queue->{headers}{'cache-control'}, 'no-store', 'nobody keeps a copy of it');
is_deeply([ $queue->{body} =~ m{href="/staff/tickets/(\d+)"}g ], [ $late, $soon, $major, $stuck, $around, $low ],
	'the next promise comes first, then the severity, then who is blocked');
my %row = map { m{href="/staff/tickets/(\d+)"} ? ($1 => $_) : () } split /(?=<tr)/, $queue->{body};
like($row{$late}, qr/^<tr class="late">/, 'an overdue row stands out');
like($row{$late}, qr/st-late is-bad.*Late by 60 min/s, 'by shape, colour and words');
like($row{$soon}, qr/st-soon is-warn.*in 3 h 59 min/s, 'one that is due soon says when');
like($row{$soon}, qr/first answer/, 'and what is promised');
like($row{$low}, qr/st-open is-ok.*in 23 h 5\d min/s, 'one with time is calm');
like($row{$stuck}, qr/>Blocked</, 'who is blocked is marked');
like($row{$low}, qr/S3 Minor/, 'the severity is a word, too');

my $private = ticket("$tag secret", product => $tag, visibility => 'private', age => '2 minutes', body => "only ${tag}hidden here");
like($ann->get("/staff?product=$tag")->{body}, qr/>Private</, 'a private ticket is marked');
my %take = $ann->form($queue->{body}, "/staff/tickets/$low/take");
is($ann->post("/staff/tickets/$low/take", \%take)->{headers}{location}, "/staff/tickets/$low", 'a ticket can be taken from the queue');
is(column($low, 'assignee'), $ann->{id}, 'and is one\'s own');
like($ann->get('/staff?view=mine')->{body}, qr/$tag low and free/, 'it stands in one\'s own view');
unlike($bob->get('/staff?view=mine')->{body}, qr/$tag low and free/, 'and in nobody else\'s');
unlike($ann->get('/staff?view=unassigned')->{body}, qr/$tag low and free/, 'nor among the unassigned');
like($ann->get("/staff?product=$tag&severity=2")->{body}, qr/$tag major/, 'the queue can be narrowed');
unlike($ann->get("/staff?product=$tag&severity=2")->{body}, qr/$tag low/, 'to what one asks for');
like($ann->get("/staff?product=$tag&severity=1")->{body}, qr/Nothing here with these filters/, 'an empty one says why');
is($ann->get("/staff?severity=9&kind=%27%3B--&view=x&after=1_1_1_1%27")->{status}, 200, 'a filter that is none narrows nothing and breaks nothing');

like($ann->get("/staff?q=${tag}hidden")->{body}, qr/$tag secret/, 'staff find private tickets by their words');
like($ann->get("/staff?q=%23$private")->{body}, qr/$tag secret/, 'and any ticket by its number');
is(() = $ann->get("/staff?q=$tag")->{body} =~ m{<th scope="row">}g, 7, 'the words of a subject find all that have them');
like($ann->get("/staff?q=${tag}nothing")->{body}, qr/Nothing found/, 'nothing found is said so');
is($ann->get('/staff?q=%22%27%29+%26+%7C+%21%3A%2A+%5C')->{status}, 200, 'odd characters in a search break nothing');

Desk::sql("INSERT INTO desk.ticket (subject, kind, severity, product, filed_at) SELECT '$tag many ' || i, 'bug', 3, '$tag', now() - interval '1 hour' FROM generate_series(1, 60) i");
my (@walk, $next);
for ($next = "/staff?product=$tag"; $next; ) {
	my $page = $ann->get($next)->{body};
	push @walk, $page =~ m{<th scope="row"><a href="/staff/tickets/(\d+)"}g;
	($next) = $page =~ m{rel="next" href="([^"]*)"};
	$next = Desk::unescape($next) if $next;
}
is(scalar @walk, 67, 'page by page one meets all of them');
is(scalar keys %{ { map { $_ => 1 } @walk } }, 67, 'each once');

# One ticket, and a reply ----------------------------------------------------

my $n = ticket('Invoice <b>empty</b>', tried => "Turned it off.\nAnd on <i>again</i>.");
my $page = $ann->get("/staff/tickets/$n");
is($page->{status}, 200, 'a ticket opens');
like($page->{body}, qr/Invoice &lt;b&gt;empty&lt;\/b&gt;/, 'its subject is text');
like($page->{body}, qr/already tried.*Turned it off\.\nAnd on &lt;i&gt;again.*id="reply-form"/s, 'what the requester tried stands above the reply');
like($page->{body}, qr/First answer by .*in 23 h/s, 'the promise is on top');
like($page->{body}, qr/Send to requester.*Add internal note/s, 'two forms, each with its own words');
is($ann->get('/staff/tickets/99999999')->{status}, 404, 'a ticket that is not there is not found');
is($ann->get('/staff/tickets/one')->{status}, 400, 'a number that is none is a bad request');

my $before = Desk::sql("SELECT md5(string_agg(t::text, '' ORDER BY number)) FROM desk.ticket t");
$ann->get($_) for "/staff/tickets/$n", '/staff', '/staff?q=x', "/staff/tickets/$n?do=take";
is(Desk::sql("SELECT md5(string_agg(t::text, '' ORDER BY number)) FROM desk.ticket t"), $before, 'looking changes nothing');

my $text = "Hello **you**,\n\nplease try `this`  \n<script>alert(1)</script> — Grüße & \"quotes\"\n";
my $preview = press($ann, $n, 'reply', reply => $text, do => 'preview', follow => 'pending', attempt => 'yes');
is($preview->{status}, 200, 'a preview needs no script');
like($preview->{body}, qr/<strong>you<\/strong>/, 'it shows the text as it will look');
like($preview->{body}, qr/&lt;script&gt;/, 'safely');
my %again = $ann->form($preview->{body}, "/staff/tickets/$n/reply");
is($again{reply}, $text, 'and keeps the text to the byte');
is("$again{follow} $again{attempt}", 'pending yes', 'with the other choices');
is(messages($n), 0, 'nothing is sent yet');

is($ann->post("/staff/tickets/$n/reply", { %again, do => 'send' })->{headers}{location}, "/staff/tickets/$n", 'a reply is sent');
is(Desk::sql("SELECT body FROM desk.message WHERE ticket = $n AND author = 'staff'"), $text, 'it is stored as it was typed');
is(column($n, 'state'), 'pending', 'the ticket waits for the requester');
like(column($n, 'answered_at'), qr/^2/, 'the first answer is given');
is(Desk::sql("SELECT attempt FROM desk.message WHERE ticket = $n AND author = 'staff'"), 't', 'it is marked as an attempt');
like($stranger->get("/tickets/$n")->{body}, qr/<strong>you<\/strong>/, 'the public reads it');
is(Desk::sql("SELECT string_agg(DISTINCT actor || ' ' || staff || ' ' || program, ',') FROM desk.change WHERE ticket = $n"),
	"staff $ann->{id} desk_staff", 'the history says who, and through which program');
is($ann->post("/staff/tickets/$n/reply", { %again, do => 'send' })->{status}, 303, 'sent twice');
is(messages($n), 1, 'it is one reply');
like($ann->post("/staff/tickets/$n/reply", { %again, do => 'send', reply => 'something else' })->{body}, qr/something else/,
	'the same form with another text is another, and is not lost');
is(messages($n), 1, 'nor sent over what is newer');

my $blank = press($ann, $n, 'reply', reply => "  \n ", do => 'send');
is($blank->{status}, 422, 'an empty reply is refused');
like($blank->{body}, qr/<title>Error: .*There is a problem.*href="#reply".*Write what you want to say/s, 'with the error on top and a link to the field');
like(press($ann, $n, 'reply', reply => 'x' x 60001, do => 'send')->{body}, qr/at most 60,000 characters/, 'a very long one is told so');
my $past = press($ann, $n, 'reply', reply => 'soon', until => '2020-01-01T10:00', do => 'send');
is($past->{status}, 422, 'an update cannot be promised for the past');
like($past->{body}, qr/still to come/, 'it says so');
is({ $ann->form($past->{body}, "/staff/tickets/$n/reply") }->{reply}, 'soon', 'and keeps the text');
is(messages($n), 1, 'nothing was sent');
press($ann, $n, 'reply', reply => 'We look into it.', until => '2099-01-01T10:00', do => 'send');
is(column($n, "to_char(next_update_by AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"), '2099-01-01 10:00', 'an update can be promised');
press($ann, $n, 'reply', reply => 'Here it is.', follow => 'answered', solution => 'yes', do => 'send');
is(column($n, "state || ' ' || resolution || ' ' || (next_update_by IS NULL)"), 'resolved answered true', 'a reply can be the solution, and keeps the promise of an update');

# A double click by 12 impatient fingers
my $fast = ticket('Sent at once');
my %same = $ann->form($ann->get("/staff/tickets/$fast")->{body}, "/staff/tickets/$fast/reply");
my @fingers = map {
	my $pid = open(my $out, '-|') // die;
	if ($pid == 0) {
		print $ann->post("/staff/tickets/$fast/reply", { %same, reply => 'once', do => 'send' })->{status};
		require POSIX;
		close STDOUT;
		POSIX::_exit(0);
	}
	$out;
} 1 .. 12;
is(join(' ', map { scalar readline $_ } @fingers), join(' ', (303) x 12), 'twelve presses at once all succeed');
is(messages($fast), 1, 'and are one reply');

# Notes ----------------------------------------------------------------------

my $secret = "canary$$";
my $m = ticket('About notes');
my %note = $ann->form($ann->get("/staff/tickets/$m")->{body}, "/staff/tickets/$m/note");
like($ann->post("/staff/tickets/$m/note", { %note, note => "*$secret*", do => 'preview' })->{body}, qr/<em>$secret<\/em>/, 'a note has a preview, too');
is(press($ann, $m, 'note', note => "**$secret**", do => 'send')->{status}, 303, 'a note is added');
is(column($m, 'answered_at'), '', 'it is no answer');
is(column($m, 'state'), 'new', 'and moves nothing');
my $shown = $bob->get("/staff/tickets/$m")->{body};
like($shown, qr/<article class="msg private"><header><b>Ann Clerk<\/b> <b>Internal note<\/b>.*<strong>$secret/s, 'staff see it, framed and named');
unlike($stranger->get($_)->{body}, qr/$secret/, "it is not on $_") for "/tickets/$m", '/tickets', '/tickets.atom', '/tickets.csv';
unlike($stranger->get($_)->{body}, qr/About notes/, "nor found by $_") for "/tickets?q=$secret", "/tickets.json?q=$secret";
is(Desk::sql("SELECT count(*) FROM desk.public_entry WHERE body_html LIKE '%$secret%'")
	+ Desk::sql("SELECT count(*) FROM desk.public_search WHERE words::text LIKE '%$secret%'")
	+ Desk::sql("SELECT count(*) FROM desk.outbox WHERE body LIKE '%$secret%' OR subject LIKE '%$secret%'"), 0,
	'nor in a copy, an index or a mail');
my $empty_note = press($ann, $m, 'note', note => ' ', do => 'send');
is($empty_note->{status}, 422, 'an empty note is refused');

# Two at once ----------------------------------------------------------------

my $old = $ann->get("/staff/tickets/$m");
press($bob, $m, 'reply', reply => 'Bob was first', do => 'send');
press($bob, $m, 'change', severity => 2, state => 'open');
my $conflict = press($ann, $m, 'reply', page => $old, reply => "Ann's text\n\nstays", follow => 'pending', do => 'send');
is($conflict->{status}, 409, 'a ticket that moved on takes no reply made before');
like($conflict->{body}, qr/Bob was first.*S2 Major.*Ann(&#39;|')s text\n\nstays/s, 'the page shows what happened and what was typed');
is(messages($m), 1, 'nothing was stored');
my %anyway = $ann->form($conflict->{body}, "/staff/tickets/$m/reply");
is($anyway{reply}, "Ann's text\n\nstays", 'the text is in a form');
is($anyway{follow}, 'pending', 'with what was chosen');
isnt($anyway{version}, { $ann->form($old->{body}, "/staff/tickets/$m/reply") }->{version}, 'and the new version');
is($ann->post("/staff/tickets/$m/reply", { %anyway, do => 'send' })->{status}, 303, 'it can be sent anyway');
is(messages($m), 2, 'and is stored then');
$old = $ann->get("/staff/tickets/$m");
press($bob, $m, 'note', note => 'wait for legal', do => 'send');
like(press($ann, $m, 'reply', page => $old, reply => 'too fast', do => 'send')->{body}, qr/wait for legal/, 'a colleague\'s note comes before a reply, too');
$old = $ann->get("/staff/tickets/$m");
press($bob, $m, 'take');
my $taken = press($ann, $m, 'take', page => $old);
is($taken->{status}, 409, 'what somebody has taken meanwhile is not taken from them unseen');
like($taken->{body}, qr/Bob Clerk.*Take it anyway/s, 'one sees who, and can still');
is(column($m, 'assignee'), $bob->{id}, 'it stays theirs until then');
is($ann->post("/staff/tickets/$m/take", { $ann->form($taken->{body}, "/staff/tickets/$m/take") })->{status} . column($m, 'assignee'),
	"303$ann->{id}", 'and is taken then');
my $calm = ticket('Taken from an old page');
$old = $ann->get("/staff/tickets/$calm");
Desk::sql("INSERT INTO desk.message (ticket, author, body) VALUES ($calm, 'requester', 'one more thing')");
is(press($ann, $calm, 'take', page => $old)->{status}, 303, 'what is nobody\'s can be taken whatever came in');

# Changes --------------------------------------------------------------------

my $c = ticket('To be changed');
is(press($ann, $c, 'assign', assignee => $bob->{id})->{status}, 303, 'a ticket can be given to somebody');
is(Desk::sql("SELECT count(*) FROM desk.outbox WHERE ticket = $c AND staff = $bob->{id} AND subject LIKE '%yours%'"), 1, 'who gets a mail');
is(press($ann, $c, 'assign', assignee => '')->{status} . column($c, 'assignee'), '303', 'or to nobody');
is(press($ann, $c, 'assign', assignee => 'x')->{status}, 400, 'what is no choice of ours is refused');
press($ann, $c, 'change', severity => 1, kind => 'outage', product => $tag);
is(column($c, "severity || ' ' || kind || ' ' || product"), "1 outage $tag", 'severity, kind and product can be set');
is(column($c, 'answer_due_at - filed_at'), '01:00:00', 'another severity brings another promise');
is(press($ann, $c, 'change', severity => 9)->{status}, 422, 'a severity there is not is refused');
is(press($ann, $c, 'change', state => 'resolved')->{status}, 422, 'solved is not a state to be picked');
my $rude = $ann->post("/staff/tickets/$c/change", { $ann->form($ann->get("/staff/tickets/$c")->{body}, "/staff/tickets/$c/change"), number => 1 });
is($rude->{status}, 400, 'a field that no form has is refused');

# Refusals of the database ---------------------------------------------------

my $r = ticket('To be refused', product => $tag);
my $early = press($ann, $r, 'resolve', resolution => 'answered');
is($early->{status}, 422, 'nobody answered: it cannot be solved');
like($early->{body}, qr/Cannot resolve ticket $r: nobody has answered it yet\./, 'in words');
press($ann, $r, 'reply', reply => 'Hello', do => 'send');
my $no = press($ann, $r, 'resolve', resolution => 'declined', reason => "It would\nbreak <things>");
is($no->{status}, 422, 'a no without an alternative is refused');
like($no->{body}, qr/<a href="#alternative">Cannot resolve ticket $r as &quot;declined&quot; without an alternative\.<\/a>/, 'on top, with a link to the field');
like($no->{body}, qr/id="alternative-e".*aria-invalid="true"/s, 'and beside the field');
my %typed = $ann->form($no->{body}, "/staff/tickets/$r/resolve");
is("$typed{resolution}|$typed{reason}", "declined|It would\nbreak <things>", 'what was typed is still there');
like(press($ann, $r, 'resolve', resolution => 'works-as-intended')->{body}, qr/href="#reason">Cannot.*without a reason/, 'a reason is asked for');
like(press($ann, $r, 'resolve', resolution => 'no-further-action', reason => 'so')->{body}, qr/before a real attempt to help/, 'an attempt is asked for');
like(press($ann, $r, 'resolve', resolution => 'duplicate')->{body}, qr/href="#duplicate_of">Cannot.*naming the other ticket/, 'the other ticket is asked for');
like(press($ann, $r, 'resolve', resolution => 'duplicate', duplicate_of => '99999999')->{body}, qr/There is no ticket with this number/, 'and must be there');
like(press($ann, $r, 'resolve', resolution => 'duplicate', duplicate_of => $r)->{body}, qr/cannot go on in itself/, 'and be another');
like(press($ann, $r, 'resolve', resolution => 'duplicate', duplicate_of => 'that one')->{body}, qr/such as 4213/, 'and be a number');
like(press($ann, $r, 'resolve', resolution => 'fixed')->{body}, qr/href="#release">Cannot.*before the release.*Set it to &quot;fixed&quot;/, 'a fix is asked for its release');
is(press($ann, $r, 'resolve', resolution => '')->{status}, 422, 'how it ends must be chosen');
is(press($ann, $r, 'resolve', resolution => 'magic')->{status}, 422, 'from what there is');
is(column($r, 'state'), 'open', 'all of that changed nothing');

my $planned = Desk::sql("INSERT INTO desk.release (product, version) VALUES ('$tag', '9.1') RETURNING id");
like(press($ann, $r, 'resolve', resolution => 'fixed', release => $planned)->{body}, qr/before the release/, 'a planned release is not out');
is(press($ann, $r, 'resolve', resolution => 'when-released', release => $planned)->{status}, 303, 'a fix can wait for its release');
is(column($r, 'state'), 'fixed', 'and does');
like($ann->get('/staff?view=fixed')->{body}, qr/To be refused/, 'in a view of its own');
Desk::sql("UPDATE desk.release SET released_at = now() WHERE id = $planned");
is(column($r, "state || ' ' || resolution"), 'resolved fixed', 'the release solves it');
is(press($ann, $r, 'change', state => 'open')->{status} . column($r, 'state'), '303open', 'it can be opened again');
like(press($ann, $r, 'resolve', resolution => 'when-released', release => $planned)->{body}, qr/out already/, 'what is out is not waited for');
is(press($ann, $r, 'resolve', resolution => 'declined', reason => 'No.', alternative => 'Do this.')->{status}, 303, 'a no with an alternative is a no');
like($stranger->get("/tickets/$r")->{body}, qr/Do this\./, 'that everybody can read');
my $d = ticket('The other');
is(press($ann, $d, 'reply', reply => 'See there', do => 'send')->{status}, 303, 'a reply');
is(press($ann, $d, 'resolve', resolution => 'duplicate', duplicate_of => " #$r ")->{status} . column($d, 'duplicate_of'), "303$r", 'a duplicate names the other, with or without #');

# Hold -----------------------------------------------------------------------

my $h = ticket('To be held');
my $dateless = press($ann, $h, 'hold', hold => 'cannot-yet', hold_until => '');
is($dateless->{status}, 422, '"not yet" without a date is refused');
like($dateless->{body}, qr/href="#hold_until">Say when the next update comes/, 'at the field of the date');
is({ $ann->form($dateless->{body}, "/staff/tickets/$h/hold") }->{hold}, 'cannot-yet', 'what was chosen stays');
is(press($ann, $h, 'hold', hold => 'cannot-yet', hold_until => '2099-02-31T10:00')->{status}, 422, 'a date that is none is refused');
is(press($ann, $h, 'hold', hold => 'third-party', hold_until => '2099-03-01T10:00')->{status} . column($h, 'hold'), '303third-party', 'with one it holds');
like($ann->get('/staff?view=waiting')->{body}, qr/To be held/, 'and is among those that wait');
is(press($ann, $h, 'hold', hold => '', hold_until => '')->{status} . column($h, 'hold') . column($h, 'next_update_by'), '303', 'and goes on again');

# Public and private ---------------------------------------------------------

my $v = ticket("$tag was private", visibility => 'private');
is($stranger->get("/tickets/$v")->{status}, 404, 'a private ticket is not there for the public');
my $vis = $ann->get("/staff/tickets/$v");
like($vis->{body}, qr/has not agreed/, 'without consent the page says so');
unlike($vis->{body}, qr/Make it public/, 'and offers no button');
my %ask = $ann->form($vis->{body}, "/staff/tickets/$v/visibility");
like($ask{ask}, qr/^May we make this ticket public\?.*\n\nIf you agree/s, 'but a question to the requester');
my $forced = $ann->post("/staff/tickets/$v/visibility", { %ask, ask => '', visibility => 'public' });
is($forced->{status}, 422, 'forcing it is refused');
like($forced->{body}, qr/Cannot make ticket $v public: the requester has not agreed\./, 'in words');
is($ann->post("/staff/tickets/$v/visibility", { %ask, do => 'ask' })->{status}, 303, 'the question is sent');
is(Desk::sql("SELECT count(*) FROM desk.message WHERE ticket = $v AND body LIKE 'May we make%'"), 1, 'as a message');
Desk::sql("UPDATE desk.ticket SET consented_at = now(), changed_by = 'requester' WHERE number = $v");
is(press($ann, $v, 'visibility')->{status}, 303, 'with consent it can be made public');
is($stranger->get("/tickets/$v")->{status}, 200, 'and is');
is(press($ann, $v, 'visibility')->{status} . $stranger->get("/tickets/$v")->{status}, '303404', 'and private again at once');
like($ann->get("/staff?q=$tag+was")->{body}, qr/$tag was private/, 'staff find it all the same');

# Who may --------------------------------------------------------------------

my %bobs = $bob->form($bob->get("/staff/tickets/$c")->{body}, "/staff/tickets/$c/change");
my $sev = column($c, 'severity');
for my $case (
	[ 'without a token', { csrf => '' } ],
	[ 'with a token of somebody else', { csrf => $bobs{csrf} } ],
	[ 'with a token for something else', { csrf => { $ann->form($ann->get('/staff')->{body}, '/logout') }->{csrf} } ],
) {
	my %fields = $ann->form($ann->get("/staff/tickets/$c")->{body}, "/staff/tickets/$c/change");
	my $answer = $ann->post("/staff/tickets/$c/change", { %fields, severity => 4, %{ $case->[1] } });
	is($answer->{status} . column($c, 'severity'), "403$sev", "a form $case->[0] changes nothing");
	my %back = $ann->form($answer->{body}, "/staff/tickets/$c/change");
	is($back{severity}, 4, 'and what was chosen is shown again');
}
my %take_c = $ann->form($ann->get("/staff/tickets/$c")->{body}, "/staff/tickets/$c/take");
is($ann->post("/staff/tickets/$c/take", \%take_c, 'Sec-Fetch-Site' => 'cross-site')->{status}, 403, 'another site cannot press our buttons');
is($ann->post("/staff/tickets/$c/take", \%take_c, Origin => 'https://evil.example')->{status}, 403, 'whatever its browser sends');
is($ann->get("/staff/tickets/$c/take")->{status}, 405, 'no link can');
is($ann->post("/staff/tickets/$c/reply", 'x=1', 'Content-Type' => 'text/plain')->{status}, 415, 'nor a body that is no form');
is($ann->post("/staff/tickets/$c/reply", 'reply=%ff')->{status}, 400, 'bytes that are no text are refused');
is($ann->post("/staff/tickets/$c/reply", 'reply=' . 'x' x 1_100_000)->{status}, 413, 'more than a megabyte is too much');
my %noversion = $ann->form($ann->get("/staff/tickets/$c")->{body}, "/staff/tickets/$c/change");
is($ann->post("/staff/tickets/$c/change", { %noversion, severity => 4, version => '' })->{status}, 409, 'a form without a version is never the newest');

for my $path ('/staff', "/staff/tickets/$c") {
	is($stranger->get($path)->{status}, 303, "strangers are sent away from $path");
	is($stranger->get($path, Cookie => '__Host-session=' . 'A' x 43)->{status}, 303, 'with a made-up session, too');
}

# What is not kept here, and who was forgotten ------------------------------------

my $holder = Desk->new;
my $hole = $holder->report('bug', subject => 'It can be broken into', body => 'Like this.', mail => "hole$$\@home.example");
like($ann->get("/staff/tickets/$hole")->{body}, qr/id="note-form".*Who may read it/s, 'a ticket has all its forms');
Desk::sql("SELECT desk.withhold($hole, 'ours', $ann->{id})");
my $held_back = $ann->get("/staff/tickets/$hole")->{body};
like($held_back, qr/Not kept here.*It was the report of a security hole\. Ann Clerk on /s, 'one that was withheld says so, and who did it');
like($held_back, qr/id="reply-form".*Say nothing about the hole here/s, 'its requester can still be written to');
unlike($held_back, qr/id="note-form"|opens it again|name="solution"|by the database administrator|\(as desk_/, 'and nothing is offered that would be refused');
is(press($ann, $hole, 'reply', reply => 'The security contact has it as case 12.', do => 'send')->{status}, 303, 'an answer goes out');
my $hers = $holder->get("/my/$hole")->{body};
like($hers, qr/Not kept here.*case 12/s, 'the requester reads it');
unlike($hers, qr/Is it solved\?|by the database administrator/, 'and is not asked whether that was the solution');

my $gone = Desk->new->report('bug', subject => 'From somebody', body => 'x', mail => "gone$$\@home.example", name => 'Somebody Known');
like($ann->get("/staff/tickets/$gone")->{body}, qr/gone$$\@home/, 'staff see the address of a requester');
Desk::sql("SELECT desk.person_erase(requester, 'asked for it', $ann->{id}, true) FROM desk.ticket WHERE number = $gone");
my $nobody = $ann->get("/staff/tickets/$gone")->{body};
like($nobody, qr/forgotten, as they wished.*none any more/s, 'until they are forgotten');
like($nobody, qr/The requester was forgotten, as they wished\. Nobody gets it by mail\./, 'who writes an answer knows who gets it');
unlike($nobody, qr/removed\.invalid|Somebody Known/, 'and no address is made up');

# Signed out while writing ---------------------------------------------------

my $w = ticket('A long answer');
my $writer = Clerk->signed_in(undef, 'Writer');
my %long = $writer->form($writer->get("/staff/tickets/$w")->{body}, "/staff/tickets/$w/reply");
Desk::sql("DELETE FROM desk.session WHERE staff = $writer->{id}");
my $out = $writer->post("/staff/tickets/$w/reply", { %long, reply => "forty minutes\nof work", follow => 'pending', do => 'send' });
is($out->{status}, 403, 'a session that ended while somebody wrote');
like($out->{body}, qr/You are signed out.*forty minutes\nof work/s, 'gives the text back');
unlike($out->{body}, qr/A long answer|Sign out/, 'and nothing of the ticket');
my %held = $writer->form($out->{body}, "/staff/tickets/$w/reply");
$writer->sign_in($writer->{login}, $writer->{password});
my $confirm = $writer->post("/staff/tickets/$w/reply", { %held, do => 'send' });
is($confirm->{status}, 403, 'after signing in, the old form is shown once more');
my %fresh = $writer->form($confirm->{body}, "/staff/tickets/$w/reply");
is("$fresh{reply} $fresh{follow}", "forty minutes\nof work pending", 'with all that was typed');
is($writer->post("/staff/tickets/$w/reply", { %fresh, do => 'send' })->{status} . messages($w), '3031', 'and can be sent');

# One worker, two people -----------------------------------------------------

for (1 .. 20) {
	my $hers = $ann->get('/staff')->{body};
	my $none = $stranger->get('/staff');
	fail('a page of somebody else') unless $hers =~ /You are Ann Clerk/ && $none->{status} == 303;
}
pass('nothing is left over from one request for the next');

done_testing;
