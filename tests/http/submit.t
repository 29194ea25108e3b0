# Reporting a problem, as a browser without JavaScript would do it.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Desk;

Desk::start_anew();

my $me = Desk->new;
my $forms = $me->get('/report');
is($forms->{status}, 200, 'the choice of forms is there');
is(() = $forms->{body} =~ m{href="/report/(outage|bug|how-to|access|config-change|feature)"><b>}g, 6,
	'six forms are offered');

Desk::sql(q{INSERT INTO desk.intake_template (name, label, hint, kind) VALUES ('printer', 'A printer', 'Paper and ink', 'bug');
	INSERT INTO desk.intake_field (template, position, label, required) VALUES ('printer', 1, 'Which floor?', true);
	INSERT INTO desk.intake_field (template, position, label, choices) VALUES ('printer', 2, 'Colour?', ARRAY['yes', 'no'])});
like($me->get('/report')->{body}, qr{href="/report/printer"><b>A printer<}, 'a form that a DBA inserts appears (002k)');
is($me->get('/report/nothing')->{status}, 404, 'an unknown form is not found');

# -- complaints -----------------------------------------------------------
my $form = $me->get('/report/printer');
my %typed = $me->fields($form, '/report/printer');
is($typed{severity}, 3, 'the template\'s severity is marked');
is($typed{visibility}, 'public', 'a report is public unless somebody chooses otherwise (004m)');
Desk::take_your_time();
my %wrong = (%typed, do => 'send', subject => '  ', body => "1 < 2 & \"3\"\n\n  kept", mail => 'nobody', name => 'Ada',
	tried => 'the manual', severity => 9, product => 'nonsense', answer2 => 'perhaps', blocked => 'workaround');
my $again = $me->post('/report/printer', \%wrong);
is($again->{status}, 422, 'a report with faults is not taken');
like($again->{body}, qr{<title>Error: }, 'the title says so first');
for my $field (qw(subject mail severity product answer1 answer2)) {
	like($again->{body}, qr{<li><a href="#$field">}, "the summary links to $field");
}
my %kept = $me->fields($again, '/report/printer');
is($kept{$_}, $wrong{$_}, "$_ is kept") for qw(body mail name tried blocked token);
is(Desk::sql('SELECT count(*) FROM desk.ticket'), 0, 'nothing was stored');
my $long = $me->post('/report/printer', { %typed, do => 'send', subject => 'x' x 201, answer1 => 2 });
is($long->{status}, 422, 'a subject of 201 characters is complained about');
is({ $me->fields($long, '/report/printer') }->{subject}, 'x' x 201, 'and kept');

# -- the form token -------------------------------------------------------
for my $lost (undef, 'x', substr($typed{token}, 0, -1)) {
	my %sent = (%typed, do => 'send', subject => 'My text', answer1 => 2);
	defined $lost ? ($sent{token} = $lost) : delete $sent{token};
	my $page = $me->post('/report/printer', \%sent);
	is($page->{status}, 403, 'a form with ' . (defined $lost ? 'a broken' : 'no') . ' token comes back');
	is({ $me->fields($page, '/report/printer') }->{subject}, 'My text', 'with everything that was typed');
}
my $fresh = $me->get('/report/printer');
my %fast = (%{ { $me->fields($fresh, '/report/printer') } }, subject => 'Fast', answer1 => 1, do => 'send');
my $early = $me->post('/report/printer', \%fast);
is($early->{status}, 422, 'a form that is sent within two seconds is asked about');
like($early->{body}, qr/faster than people type/, 'in words');
is($me->post('/report/printer', { %typed, do => 'send', subject => 'Robot', answer1 => 2, website => 'x' })->{status}, 422,
	'a robot that fills the hidden field is not taken');
is(Desk::sql('SELECT count(*) FROM desk.ticket'), 0, 'still nothing was stored');

# -- preview --------------------------------------------------------------
my $preview = $me->post('/report/printer', { %typed, do => 'preview', body => '**so** <b>not</b> [x](javascript:alert)' });
is($preview->{status}, 200, 'a preview needs no complete form');
like($preview->{body}, qr{<strong>so</strong> &lt;b&gt;not&lt;/b&gt;}, 'it shows Markdown, and HTML as typed');
unlike($preview->{body}, qr{href="javascript}, 'no link to a script');

# -- filing ---------------------------------------------------------------
my %good = (%typed, do => 'send', subject => 'Printer on floor two prints green', body => "It is **green**.\r\nSince Monday.",
	severity => 2, answer1 => 'two', answer2 => 'no', name => 'Ada', mail => 'ada@example.com', tried => 'turned it off');
my $filed = $me->post('/report/printer', \%good);
is($filed->{status}, 303, 'a good report is taken');
my ($number) = $filed->{headers}{location} =~ m{^/my/(\d+)/receipt$};
ok($number, 'it leads to a receipt');
like($filed->{headers}{'set-cookie'}, qr{^__Secure-link=[\w-]{22}; Path=/my/$number; .*HttpOnly; SameSite=Lax; Secure$},
	'the link cookie goes to this ticket alone');
my $receipt = $me->get($filed->{headers}{location});
is($receipt->{status}, 200, 'the receipt is there');
like($receipt->{body}, qr{Your report is number <span class="num">$number</span>}, 'with the number');
like($receipt->{body}, qr{A person will answer by <time datetime="\d{4}-}, 'and by when somebody answers');
my ($link) = $receipt->{body} =~ m{href="(/r/[\w-]{22})"};
ok($link, 'and the secret link');
is($receipt->{headers}{'referrer-policy'}, 'no-referrer', 'which no other site hears of');
is(Desk::sql("SELECT body FROM desk.message WHERE ticket = $number"), "It is **green**.\nSince Monday.", 'the text is stored as typed');
is(Desk::sql("SELECT string_agg(question || '=' || answer, ',' ORDER BY position) FROM desk.answer WHERE ticket = $number"),
	'Which floor?=two,Colour?=no', 'and the answers with their questions');
is(Desk::sql("SELECT severity, tried, requester_name, channel, template FROM desk.ticket WHERE number = $number"),
	'2|turned it off|Ada|web|printer', 'and the facts');
is(Desk::sql("SELECT count(*) FROM desk.link WHERE encode(token_sha256, 'hex') = encode(sha256('" . substr($link, 3) . "'), 'hex')"), 1,
	'of the link only the hash is stored');
my $mail = Desk::sql("SELECT subject || body FROM desk.outbox WHERE ticket = $number");
like($mail, qr/number $number.*\{URL\}\/r\/[\w-]{22}/s, 'one mail goes to the address');
unlike($mail, qr/green|Printer|Ada/, 'with no word of what was typed');

# -- sent twice -----------------------------------------------------------
my $twice = $me->post('/report/printer', \%good);
is($twice->{headers}{location}, "/my/$number/receipt", 'sent again, it is the same receipt');
is($twice->{headers}{'set-cookie'}, $filed->{headers}{'set-cookie'}, 'and the same link');
my $other = $me->post('/report/printer', { %good, body => 'something else' });
is($other->{status}, 409, 'the same form with another text is not a second ticket');
like($other->{body}, qr{href="/my/$number"}, 'it leads to the first');
like($other->{body}, qr{something else}, 'and shows what was sent');
is(Desk::sql('SELECT count(*) FROM desk.ticket'), 1, 'one ticket is there');

my $form24 = Desk->new->get('/report/how-to');
my %all24 = (%{ { $me->fields($form24, '/report/how-to') } }, subject => 'Twenty-four presses', do => 'send', not_similar => 1);
Desk::take_your_time();
my @children;
for (1 .. 24) {
	my $pid = open my $from, '-|';
	die 'fork' unless defined $pid;
	if ($pid == 0) {
		my $answer = Desk->new->post('/report/how-to', \%all24);
		print $answer->{status}, ' ', $answer->{headers}{location} // '', ' ', $answer->{headers}{'set-cookie'} // '';
		close STDOUT;
		require POSIX;
		POSIX::_exit(0);
	}
	push @children, $from;
}
my %answers = map { my $from = $_; (do { local $/; <$from> } => 1) } @children;
is(scalar(keys %answers), 1, '24 presses at once get one and the same answer');
like((keys %answers)[0], qr{^303 /my/\d+/receipt __Secure-link}, 'which is the receipt');
is(Desk::sql(q{SELECT count(*) FROM desk.ticket WHERE subject = 'Twenty-four presses'}), 1, 'of one ticket');

# -- similar tickets ------------------------------------------------------
my %like = (%{ { $me->fields($me->get('/report/bug'), '/report/bug') } }, subject => 'The printer prints all green', do => 'send',
	body => "A text\nwith lines", mail => 'bob@example.com');
Desk::take_your_time();
my $similar = $me->post('/report/bug', \%like);
is($similar->{status}, 200, 'a report like another one is asked about first');
like($similar->{body}, qr{Is it one of these\?}, 'in words');
like($similar->{body}, qr{href="/tickets/$number"}, 'with a link to the other one');
like($similar->{body}, qr{class="go" name="do" value="confirm">No, send mine}, 'the main button sends it');
my %carried = $me->fields($similar, '/report/bug');
is($carried{body}, $like{body}, 'the step carries the text');
my $same = $me->post('/report/bug', { %carried, same => $number });
like($same->{body}, qr{You are one more with ticket}, '"same problem" counts');
is(Desk::sql("SELECT me_toos FROM desk.ticket WHERE number = $number"), 1, 'one voice');
$me->post('/report/bug', { %carried, same => $number });
is(Desk::sql("SELECT me_toos FROM desk.ticket WHERE number = $number"), 1, 'and only one');
is(Desk::sql("SELECT kind FROM desk.outbox WHERE subject ~ 'Do you want'"), 'confirm', 'the address is asked before it follows');
is($me->post('/report/bug', { %carried, do => 'confirm' })->{status}, 303, '"No, send mine" sends it');

# -- security holes (002h) ------------------------------------------------
my %hole = (%{ { $me->fields($me->get('/report/bug'), '/report/bug') } }, subject => 'A hole', body => 'There is an SQL injection in the login', do => 'send');
Desk::take_your_time();
my $before = Desk::sql('SELECT count(*) FROM desk.ticket');
my $asked = $me->post('/report/bug', \%hole);
like($asked->{body}, qr{Is this a security hole\?}, 'what reads like a security hole is asked about');
my %step = $me->fields($asked, '/report/bug');
my $yes = $me->post('/report/bug', { %step, do => 'security' });
is($yes->{status}, 422, 'one that is one is turned away');
like($yes->{body}, qr{href="/\.well-known/security\.txt"}, 'with the pointer to where it belongs');
like($yes->{body}, qr{SQL injection in the login}, 'and its text to copy');
is(Desk::sql('SELECT count(*) FROM desk.ticket'), $before, 'nothing of it was stored');
is(Desk::sql(q{SELECT count(*) FROM desk.submission}), $before, 'not even that it was sent');
is($me->post('/report/bug', { %step, do => 'not-security', not_similar => 1 })->{status}, 303, 'one that is none is taken');
is($me->get('/report/security')->{status}, 422, 'there is no form for security holes');
like($me->get('/.well-known/security.txt')->{body}, qr{^Contact: \S+\nExpires: \d{4}-\d\d-\d\dT\S+Z\n}, 'security.txt is served (RFC 9116)');
unlike($forms->{body}, qr{report/security}, 'and none is offered');

# -- private forms, limits ------------------------------------------------
my $private = $me->report('access', subject => 'I cannot sign in', body => 'canary-private');
is(Desk::sql("SELECT visibility FROM desk.ticket WHERE number = $private"), 'private', 'access is private by default (002j)');
is(Desk::sql("SELECT count(*) FROM desk.public_ticket WHERE number = $private"), 0, 'and has no public copy');
Desk::sql(q{UPDATE desk.limiter SET most = 1 WHERE name = 'submit'});
my %many = (%{ { $me->fields($me->get('/report/how-to'), '/report/how-to') } }, subject => 'One too many', do => 'send', not_similar => 1);
Desk::take_your_time();
my $limited = $me->post('/report/how-to', \%many);
is($limited->{status}, 429, 'a network that sends too many reports has to wait');
is({ $me->fields($limited, '/report/how-to') }->{subject}, 'One too many', 'and loses nothing');
ok($limited->{headers}{'retry-after'}, 'it hears for how long');

done_testing;
