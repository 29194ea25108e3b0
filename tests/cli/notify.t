# Mail from the outbox to a real SMTP server and back out of it, read by
# another parser: what is in it, when it goes, and that neither a server that
# misbehaves nor a violent death loses one.
use strict;
use warnings;
use utf8;
use lib 'tests/lib';
use Post;
use Test::More;
use Time::HiRes qw(sleep time);

sub count { return Post::sql("SELECT count(*) FROM desk.outbox WHERE $_[0]") }
sub log_of { return Post::sql("SELECT string_agg(outcome || coalesce(' ' || code, ''), ', ' ORDER BY id) FROM desk.delivery WHERE outbox = $_[0]") }
sub mail_staff { my ($t, $who, $title, $words) = @_; return Post::sql("SELECT desk.mail_to_staff('message', $t, $who, '$title', '$words', false)") }

# The command ----------------------------------------------------------------

my $r = Post::notify('--help');
is($r->{exit}, 0, '--help is no mistake');
is(Post::notify(@$_)->{exit}, 64, "\"@$_\" is not how it is called")
	for ['--nonsense'], ['now'], ['--once', '--status'], ['--test'], ['--test', 'mail'], ['--test', 'pigeon', 'x'], ['--replay'];
is(Post::notify('--once')->{exit}, 0, 'with nothing to do it does nothing');
is(Post::notify('--status')->{exit}, 0, 'and all is well');
{
	local $ENV{PGHOST} = '/nowhere';
	$r = Post::notify('--once');
	is($r->{exit}, 1, 'without a database it ends');
	like($r->{err}, qr/could not connect/, 'and says why');
}
for (['NIGHTDESK_URL', ''], ['NIGHTDESK_NAME', "a\nb"], ['NIGHTDESK_KEYRING', '/nowhere'], ['NIGHTDESK_MAIL_WAIT', 'soon'],
	['NIGHTDESK_HOOKS', '/nowhere'], ['NIGHTDESK_HOOKS_ALLOW', 'https'], ['NIGHTDESK_HOOKS_ALLOW', 'http,private'], ['NIGHTDESK_SMTP', 'http://x', 1], ['NIGHTDESK_SMTP_TLS', 'maybe', 1], ['NIGHTDESK_MAIL_FROM', 'a b', 1], ['NIGHTDESK_MAIL_DOMAIN', 'x>y', 1],
	['NIGHTDESK_SMTP_LOGIN', '/nowhere', 1]) {
	my ($name, $value, $with) = @$_;
	local $ENV{NIGHTDESK_SMTP} = 'smtp://127.0.0.1:1' if $with;
	local $ENV{$name} = $value;
	$r = Post::notify('--once');
	is($r->{exit}, 1, "$name=" . ($value =~ s/\n/\\n/r) . ' ends it');
	like($r->{err}, $name =~ /KEYRING|HOOKS$|LOGIN/ ? qr/nowhere/ : qr/$name/, '... and is named');
}

# One mail -------------------------------------------------------------------

my $port = Post::smtp_start();
my $ann = Post::staff('ann', "Ännchen \"the, one\" <x\@y.z> 日本 O''Hara");
my $bob = Post::staff('bob');
my $t = Post::ticket('The lid sticks');
my $eve = Post::follower($t, 'eve@example.com');
my $subject = "Größe — 日本語\r\nBcc: victim\@example.com\x{2028}\x{85}X-Evil: 1 " . 'sehr ' x 40;
Post::sql("SELECT desk.mail_to_staff('message', $t, $ann, E'" . $subject =~ s/\r/\\r/r =~ s/\n/\\n/r . "', E'.dot\nFrom here\n\n.\nwörter 🎉 \\u0085 {URL} ' || repeat('x', 2000), false)");
like(Post::notify('--dry-run')->{out}, qr/mail to ann\@desk\.example  message  Größe/, 'a dry run lists what waits');
is(scalar(Post::mails()), 0, '... and sends nothing');
is(count('tries > 0'), 0, '... nor takes it');
$r = Post::notify('--once');
is($r->{exit}, 0, 'it is delivered');
is($r->{err}, '', 'in silence');
my ($m) = Post::mails();
is_deeply($m->{defects}, [], 'another parser finds nothing wrong with it');
ok($m->{is_ascii}, 'it is 7 bits');
cmp_ok($m->{longest}, '<=', 998, 'and no line is too long');
is($m->{type}, 'text/plain', 'plain text');
is($m->{raw}{'content-type'}[0], 'text/plain; charset=utf-8', 'in UTF-8');
is_deeply($m->{from}, [['Nightdesk', 'desk@desk.example']], 'from the desk');
is_deeply($m->{to}, [["Ännchen \"the, one\" <x\@y.z> 日本 O'Hara", 'ann@desk.example']], 'to one reader, whatever the name is');
is($m->{raw}{'x-sender'}[0], '<>', 'nothing can bounce');
is($m->{raw}{'x-helo'}[0], 'desk.example', 'and our machine stays unnamed');
like($m->{headers}{subject}[0], qr/^Größe — 日本語\s+Bcc: victim\@example\.com\s+X-Evil: 1 sehr/, 'a subject is one line');
ok(!exists $m->{headers}{$_}, "and adds no $_") for qw(bcc x-evil);
like($m->{text}, qr/^\.dot\nFrom here\n\n\.\nwörter 🎉 \x{85} https:\/\/desk\.example x{2000}/, 'the text arrives as it was, with our address put in');
like($m->{text}, qr/\n-- \nThis mail was sent automatically by Nightdesk/, 'and says that it is automatic');
is($m->{headers}{'auto-submitted'}[0], 'auto-generated', 'for machines, too');
is($m->{headers}{'list-id'}[0], '<tickets.desk.example>', 'it has a List-Id');
like($m->{headers}{'message-id'}[0], qr/^<o\d+\.[0-9a-f]{20}\@desk\.example>$/, 'a Message-ID');
like($m->{headers}{references}[0], qr/^<t$t\.[0-9a-f]{20}\@desk\.example>$/, 'and a thread');
is($m->{headers}{'in-reply-to'}[0], $m->{headers}{references}[0], '... in both headers');
like($m->{headers}{'reply-to'}[0], qr/^Nightdesk <reply\+$t\.s$ann\.[a-z2-7]{28}\@desk\.example>$/, 'an answer goes to an address that nobody can guess');
ok(!exists $m->{headers}{'list-unsubscribe'}, 'staff do not unsubscribe');
is(log_of(1), 'sent 250', 'the attempt is in the log');
is(count('sent_at IS NOT NULL AND owner IS NULL'), 1, 'and the row is done');

Post::sql("SELECT desk.mail_followers('message', $t, 'Ticket $t: an answer from Bob', 'It opens now.')");
Post::notify('--once');
my $f = (Post::mails())[-1];
my ($stop) = $f->{text} =~ m{https://desk\.example(/unfollow/\S+)};
is($f->{headers}{'list-unsubscribe'}[0], "<https://desk.example$stop>", 'a follower can leave');
is($f->{headers}{'list-unsubscribe-post'}[0], 'List-Unsubscribe=One-Click', 'by one click');
is($f->{headers}{references}[0], $m->{headers}{references}[0], 'mails about one ticket are one thread');
isnt($f->{headers}{'message-id'}[0], $m->{headers}{'message-id'}[0], 'with a Message-ID each');
isnt(($f->{headers}{'reply-to'}[0] =~ /([a-z2-7]{28})\@/)[0], ($m->{headers}{'reply-to'}[0] =~ /([a-z2-7]{28})\@/)[0], 'and a reply address each');

# Who gets none --------------------------------------------------------------

Post::forget_mails();
my $private = Post::ticket('canarysubject', { visibility => 'private' });
Post::sql("UPDATE desk.ticket SET requester = desk.person_of('req\@example.com') WHERE number = $private");
Post::sql("SELECT desk.mail_unproven('receipt', $private, desk.person_of('req\@example.com')) FROM generate_series(1, 100)");
Post::notify('--once');
my @receipts = Post::mails();
is(scalar(@receipts), 3, 'an address that nobody proved gets three receipts a day at most');
is(scalar(grep { "$_->{text}@{[ %{ $_->{raw} } ]}" =~ /canary/ } @receipts), 0, 'with nothing in it that the sender wrote');
is(scalar(grep { exists $_->{headers}{'reply-to'} } @receipts), 0, 'and no address to answer to');
Post::forget_mails();
Post::sql("INSERT INTO desk.outbox (kind, ticket, person, subject, body) SELECT 'message', $private, id, 'x', 'x' FROM desk.person WHERE mail = 'req\@example.com'");
Post::notify('--once');
is(scalar(Post::mails()), 0, 'it never gets anything else');
is(Post::sql('SELECT said FROM desk.outbox ORDER BY id DESC LIMIT 1'), 'nobody has proven the address', 'and the outbox says why');
Post::sql("SELECT desk.mail_followers('message', $t, 'a', 'b')");
Post::sql("UPDATE desk.follower SET stopped_at = now() WHERE person = $eve");
Post::notify('--once');
is(scalar(Post::mails()), 0, 'who left in the meantime gets no mail');
Post::sql("UPDATE desk.follower SET stopped_at = NULL WHERE person = $eve; SELECT desk.mail_followers('message', $t, 'a', 'b');
	UPDATE desk.ticket SET visibility = 'private' WHERE number = $t");
Post::notify('--once');
is(scalar(Post::mails()), 0, 'nor is a stranger told of what has become private');
Post::sql("UPDATE desk.ticket SET visibility = 'public', consented_at = now() WHERE number = $t");
my $told = mail_staff($t, $ann, "Ticket $t: the requester wrote", "canary words\nin two lines");
Post::sql("UPDATE desk.ticket SET visibility = 'private' WHERE number = $t");
Post::notify('--once');
my ($hushed) = Post::mails();
like($hushed->{text}, qr{^It is private now: read it there\.\n\nhttps://desk\.example/staff/tickets/$t\n\n-- }, 'staff get the link, and none of the words');
Post::sql("UPDATE desk.ticket SET visibility = 'public' WHERE number = $t");
Post::sql("UPDATE desk.outbox SET body = 'canary' WHERE id = $told; UPDATE desk.ticket SET visibility = 'private' WHERE number = $t");
Post::notify('--replay', $told);
Post::notify('--once');
is(scalar(grep { $_->{text} =~ /canary/ } Post::mails()), 0, 'nor in a replay of what was delivered before');
Post::sql("UPDATE desk.ticket SET visibility = 'public' WHERE number = $t");

# Servers --------------------------------------------------------------------

Post::forget_mails();
Post::orders('refuse bob@desk.example');
my $to_bob = mail_staff($t, $bob, 'To Bob', 'x');
my $to_ann = mail_staff($t, $ann, 'To Ann', 'x');
$r = Post::notify('--once');
is($r->{exit}, 0, 'a recipient who is refused is an outcome');
like($r->{err}, qr/outbox $to_bob: refused: RCPT.*550 5\.1\.1 no such user/, 'and is logged');
is(scalar(Post::mails()), 1, 'the others get theirs');
is(log_of($to_bob), 'refused 550', 'it is not tried again');
$r = Post::notify('--status');
is($r->{exit}, 1, 'the status warns');
like($r->{out}, qr/^DELIVERY WARNING: 0 waiting, 1 refused in a day \| waiting=0 refused=1 oldest=0s\n$to_bob .*no such user/, 'and names it');
Post::orders();
is(Post::notify('--replay', $to_bob)->{exit}, 0, 'when it is mended it can be sent again');
Post::notify('--once');
is((Post::mails())[-1]{to}[0][1], 'bob@desk.example', 'and arrives');
Post::orders('echo bob@desk.example');
my $echo = mail_staff($t, $bob, 'To Bob', 'x');
$r = Post::notify('--once');
like($r->{err}, qr/outbox $echo: refused: RCPT.*550 5\.1\.1 <>: Recipient address rejected: \* unknown/, 'what a server said is logged');
unlike($r->{err} . Post::sql("SELECT string_agg(o.said || d.said, ' ') FROM desk.outbox o JOIN desk.delivery d ON d.outbox = o.id WHERE o.id = $echo"), qr/bob|desk\.example/i, '... without the address that it repeats');
Post::sql("DELETE FROM desk.outbox WHERE id = $echo");
Post::orders();
is(Post::notify('--replay', 999999)->{exit}, 65, 'what is not there cannot');
is(Post::notify('--replay', 'x')->{exit}, 64, 'nor what is no number');

Post::forget_mails();
Post::orders('later bob@desk.example');
my $later = mail_staff($t, $bob, 'Later', 'x');
is(Post::notify('--once')->{exit}, 75, 'a server that wants it later');
is(Post::notify('--once')->{exit}, 0, '... is left alone for now');
my $wait = Post::sql("SELECT extract(epoch FROM not_before - now()) FROM desk.outbox WHERE id = $later");
cmp_ok($wait, '<=', 30, 'half a minute at first');
cmp_ok($wait, '>', 20, '... or a little less');
Post::sql("UPDATE desk.outbox SET tries = 20, not_before = now() WHERE id = $later");
Post::notify('--once');
$wait = Post::sql("SELECT extract(epoch FROM not_before - now()) FROM desk.outbox WHERE id = $later");
cmp_ok($wait, '<=', 4 * 3600, 'four hours at most');
cmp_ok($wait, '>', 3 * 3600, '... in the end');
Post::orders();
Post::make_due();
Post::notify('--once');
is(log_of($later), 'later 451, later 451, sent 250', 'then it is delivered');
is(scalar(Post::mails()), 1, 'once');

Post::forget_mails();
Post::orders('data 554');
my $spam = mail_staff($t, $ann, 'Lottery', 'x');
Post::notify('--once');
is(log_of($spam), 'refused 554', 'a text that is refused is refused');
Post::orders('sender');
my $sender = mail_staff($t, $ann, 'Sender', 'x');
my $next = mail_staff($private, $ann, 'Next', 'x');
is(Post::notify('--once')->{exit}, 75, 'a server that refuses our sender is no reason to give up a mail');
is(count("id IN ($sender, $next) AND failed_at IS NULL AND sent_at IS NULL AND tries = 0"), 2, 'all wait');
is(Post::sql("SELECT count(*) FROM desk.delivery WHERE outbox IN ($sender, $next)"), 1, 'and one attempt told us');
Post::orders('die 1');
Post::make_due();
$r = Post::notify('--once');
is($r->{exit}, 75, 'a connection that ends after DATA');
is(count("id = $sender AND tries = 1 AND sent_at IS NULL"), 1, '... leaves its mail to be sent again');
is(count("id = $next AND sent_at IS NOT NULL"), 1, '... and the next one goes');
Post::orders('swallow 1');
Post::make_due();
Post::notify('--once');
Post::orders();
Post::make_due();
Post::notify('--once');
my @twice = grep { $_->{headers}{subject}[0] eq 'Sender' } Post::mails();
is(scalar(@twice), 2, 'if the server had kept it, there are two copies');
is($twice[0]{headers}{'message-id'}[0], $twice[1]{headers}{'message-id'}[0], 'with one Message-ID');
is($twice[0]{headers}{$_}[0], $twice[1]{headers}{$_}[0], "and the same $_") for qw(subject references reply-to);

# Down for hours -------------------------------------------------------------

Post::forget_mails();
Post::smtp_stop();
Post::sql("SELECT desk.mail_to_staff('message', NULL, $ann, 'Waits ' || n, 'x', true) FROM generate_series(1, 30) n");
is(Post::notify('--once')->{exit}, 75, 'a server that is down');
is(Post::sql("SELECT count(*) FROM desk.delivery WHERE outcome = 'down' AND code IS NULL OR outcome = 'down' AND code = 0"), 1, 'costs one attempt');
is(Post::notify('--once')->{exit}, 0, 'and then none for a while');
is(Post::notify('--status')->{exit}, 1, 'the status warns');
for my $n (1 .. 12) {
	Post::sql("UPDATE desk.delivery_pause SET until = now(), tried_at = tried_at - interval '31 seconds'");
	Post::notify('--once');
}
is(Post::sql('SELECT tries FROM desk.delivery_pause'), 13, 'what is urgent is tried each half minute');
is(count('sent_at IS NULL AND failed_at IS NULL AND tries = 0'), 30, 'no row is worn out by it');
cmp_ok(Post::sql('SELECT extract(epoch FROM until - now()) FROM desk.delivery_pause'), '<=', 300, 'a server that is back is found within five minutes');
cmp_ok(Post::sql('SELECT extract(epoch FROM until - now()) FROM desk.delivery_pause'), '>', 200, '... and not asked more often');
Post::sql("INSERT INTO desk.hook (name, kind, events) VALUES ('watch', 'webhook', '{delivery.stuck}')");
Post::sql("UPDATE desk.delivery_pause SET until = now(), tried_at = tried_at - interval '31 seconds', since = now() - interval '61 minutes'");
Post::notify('--once');
Post::sql("UPDATE desk.delivery_pause SET until = now(), tried_at = tried_at - interval '31 seconds'");
Post::notify('--once');
is(count("event = 'delivery.stuck'"), 1, 'after an hour the hooks are told, once');
$r = Post::notify('--status');
is($r->{exit}, 2, 'and the status is critical');
like($r->{out}, qr/^DELIVERY CRITICAL: 31 waiting.*mail down for 61 min \(Couldn't connect/i, '... and says since when');
Post::sql("DELETE FROM desk.outbox WHERE via = 'hook'; DELETE FROM desk.hook");
Post::smtp_start(port => $port);
Post::make_due();
is(Post::notify('--once')->{exit}, 0, 'when it is back');
is(scalar(Post::mails()), 30, '... all arrive');
is(Post::sql('SELECT count(*) FROM desk.delivery_pause'), 0, 'and the outage is over');

# One mail of several --------------------------------------------------------

Post::forget_mails();
$ENV{NIGHTDESK_MAIL_WAIT} = 60;
mail_staff($t, $ann, 'One', 'first words');
mail_staff($t, $ann, 'Two', 'second words');
mail_staff($private, $ann, 'Other', 'other words');
mail_staff($t, $bob, 'For Bob', 'his words');
Post::notify('--once');
is(scalar(Post::mails()), 0, 'mail waits a little for more about the same ticket');
Post::sql("SELECT desk.mail_urgent('page', $t, $ann, 'Wake up', 'now')");
Post::notify('--once');
is(join(',', map { $_->{headers}{subject}[0] } Post::mails()), 'Wake up', 'what is urgent does not');
Post::sql("UPDATE desk.outbox SET not_before = now() - interval '61 seconds' WHERE sent_at IS NULL");
Post::notify('--once');
my %got = map { $_->{to}[0][1] . ' ' . $_->{headers}{subject}[0] => $_->{text} } Post::mails();
is_deeply([sort keys %got], [sort 'ann@desk.example Wake up', "ann\@desk.example Ticket $t: 2 messages", 'ann@desk.example Other', 'bob@desk.example For Bob'],
	'then what is about one ticket for one reader is one mail');
like($got{"ann\@desk.example Ticket $t: 2 messages"}, qr{^One\n---\n\nfirst words\n\nTwo\n---\n\nsecond words\n\nhttps://desk\.example/staff/tickets/$t\n\n-- }, 'in order, with the link once');
$ENV{NIGHTDESK_MAIL_WAIT} = 0;

# a mail that was tried is not added to: a copy may have arrived
Post::forget_mails();
Post::orders('swallow 1');
mail_staff($t, $ann, 'Early', 'early words');
Post::notify('--once');
mail_staff($t, $ann, 'Late', 'late words');
Post::orders();
Post::make_due();
Post::notify('--once');
is(join(',', sort map { $_->{headers}{subject}[0] } Post::mails()), 'Early,Early,Late', 'what comes later is a mail of its own');

# Digest, quiet hours, so many a day -----------------------------------------

Post::forget_mails();
Post::sql("UPDATE desk.staff_contact SET digest = 'hourly' WHERE staff = $ann");
mail_staff($_, $ann, "About $_", "words $_") for $t, $t, $private;
Post::sql("SELECT desk.mail_urgent('page', $t, $ann, 'Wake up', 'now')");
Post::notify('--once');
is(join(',', map { $_->{headers}{subject}[0] } Post::mails()), 'Wake up', 'who wants a digest gets at once what is urgent');
is(count("digest AND not_before = date_trunc('hour', made_at) + interval '1 hour'"), 3, 'the rest waits for the hour');
Post::sql("UPDATE desk.outbox SET made_at = made_at - interval '1 hour', not_before = now() WHERE digest AND sent_at IS NULL");
Post::notify('--once');
is((Post::mails())[-1]{headers}{subject}[0], '3 messages about 2 tickets', 'and is one mail');
ok(!exists((Post::mails())[-1]{headers}{$_}), "... which has no $_: it is about none of them alone") for qw(reply-to in-reply-to references);
is(scalar(Post::mails()), 2, '... only one');
Post::sql("UPDATE desk.staff_contact SET digest = 'at once', quiet_from = x, quiet_until = (x + 60) % 1440
	FROM (SELECT extract(hour FROM now() AT TIME ZONE 'UTC')::int * 60 + extract(minute FROM now() AT TIME ZONE 'UTC')::int AS x) y WHERE staff = $ann");
Post::forget_mails();
mail_staff($t, $ann, 'Quiet', 'x');
Post::sql("SELECT desk.mail_urgent('page', $t, $ann, 'Loud', 'now')");
Post::notify('--once');
is(join(',', map { $_->{headers}{subject}[0] } Post::mails()), 'Loud', 'in quiet hours only what is urgent comes');
Post::sql("UPDATE desk.staff_contact SET quiet_from = NULL, quiet_until = NULL WHERE staff = $ann");
Post::make_due();
Post::notify('--once');
is((Post::mails())[-1]{headers}{subject}[0], 'Quiet', 'the rest after them');

Post::forget_mails();
Post::sql("DELETE FROM desk.limit_count; UPDATE desk.limiter SET most = 5 WHERE name = 'mail-day'");
my @many = map { Post::ticket("Many $_") } 1 .. 12;
mail_staff($many[$_ - 1], $ann, "Many $_", 'x') for 1 .. 12;
Post::sql("SELECT desk.mail_urgent('page', $t, $ann, 'Loud', 'now')");
Post::notify('--once') for 1 .. 3;
is(scalar(Post::mails()), 6, 'an address gets so many mails a day, and what is urgent');
is(count("digest AND sent_at IS NULL AND not_before > now() + interval '23 hours'"), 7, 'the rest waits for tomorrow');
Post::sql("UPDATE desk.limit_count SET window_at = now() - interval '25 hours'");
Post::make_due();
Post::notify('--once');
is((Post::mails())[-1]{headers}{subject}[0], '7 messages about 7 tickets', '... as one mail');
is(scalar(Post::mails()), 7, '... only one');
Post::sql("DELETE FROM desk.limit_count; UPDATE desk.limiter SET most = 1000000 WHERE name = 'mail-day'");

# A report -------------------------------------------------------------------

Post::forget_mails();
Post::sql("SELECT desk.mail_to_staff('report', NULL, $ann, 'The week', 'text', false)");
Post::sql(q{UPDATE desk.outbox SET payload = jsonb_build_object('html', '<p>wörter {URL}</p>', 'csv', E'a,b\n1,ü\n', 'csv_name', E'Wöche "47"\r\nX: y 日本.csv') WHERE kind = 'report'});
Post::notify('--once');
my ($report) = Post::mails();
is_deeply($report->{defects}, [], 'a report is a mail');
is_deeply($report->{kinds}, [qw(multipart/mixed multipart/alternative text/plain text/html text/csv)], 'of text first, then HTML, and a table to keep');
like($report->{text}, qr/^text\n/, 'the text is there');
is((keys %{ $report->{files} })[0], 'Wöche "47"  X: y 日本.csv', 'whatever the file is called');
is((values %{ $report->{files} })[0] =~ s/\r//gr, "a,b\n1,ü\n", 'and whatever is in it');

# On duty --------------------------------------------------------------------

Post::forget_mails();
Post::sql("SELECT desk.mail_staff('breached', $t, NULL, 'Late', 'x')");
Post::notify('--once');
is(join(',', sort map { $_->{to}[0][1] } Post::mails()), 'ann@desk.example,bob@desk.example', 'without anybody on duty everybody with an address is told');
Post::forget_mails();
Post::sql("INSERT INTO desk.staff (login, name) VALUES ('mute', 'Mute')");
my $mute = Post::sql("SELECT id FROM desk.staff WHERE login = 'mute'");
my $dropped = mail_staff($t, $mute, 'For Mute', 'x');
Post::sql("SELECT desk.mail_staff('breached', $t, $mute, 'Late', 'x')");
Post::notify('--once');
is(Post::sql("SELECT said FROM desk.outbox WHERE id = $dropped"), 'the reader has no address', 'who has no address gets no mail');
is(scalar(Post::mails()), 2, 'but a promise that is broken is told to the others');
Post::forget_mails();
Post::sql("UPDATE desk.rotation SET lead = $mute WHERE name = 'engineering'; INSERT INTO desk.page (ticket) VALUES ($t)");
is(count("kind = 'page' AND staff = $mute AND sent_at IS NULL"), 1, 'somebody without an address is paged');
Post::sql("UPDATE desk.page SET next_at = now() + interval '5 minutes'");
Post::notify('--once');
is(scalar(grep { $_->{text} =~ m{/page/} } Post::mails()), 0, '... and nobody else gets their link');
is(count("kind = 'page' AND staff = $mute AND said = 'the reader has no address'"), 1, '... which is noted');
is(Post::sql('SELECT count(*) FROM desk.page WHERE next_at <= now()'), 1, '... and the next person is to be told at once');
Post::sql("UPDATE desk.page SET resolved_at = now(); UPDATE desk.rotation SET lead = NULL");
Post::forget_mails();
Post::sql('UPDATE desk.staff_contact SET mail = NULL');
Post::sql("SELECT desk.mail_urgent('alarm', NULL, NULL, 'Nobody', 'x')");
Post::notify('--once');
is(count("subject = 'Nobody' AND sent_at IS NULL AND failed_at IS NULL"), 1, 'with no address at all it waits');
Post::sql("UPDATE desk.staff_contact c SET mail = s.login || '\@desk.example' FROM desk.staff s WHERE s.id = c.staff");
Post::make_due();
Post::notify('--once');
is(scalar(grep { $_->{headers}{subject}[0] eq 'Nobody' } Post::mails()), 2, 'for the first who has one');

# A test ---------------------------------------------------------------------

Post::forget_mails();
$r = Post::notify('--test', 'mail', 'me@example.com');
is($r->{exit}, 0, 'a test is sent');
like($r->{out}, qr/^sent: 250 /, '... and says so');
is((Post::mails())[0]{headers}{subject}[0], 'A test of Nightdesk', '... and arrives');
is(Post::sql('SELECT way FROM desk.delivery ORDER BY id DESC LIMIT 1'), 'mail', 'it is in the log');
is(Post::notify('--test', 'mail', "me\@example.com>\r\nRCPT TO:<x\@y.z")->{exit}, 69, 'an address with a line end in it is none');
Post::orders('refuse me@example.com');
is(Post::notify('--test', 'mail', 'me@example.com')->{exit}, 69, 'a test that is refused has failed');
Post::orders();

# TLS and a password ---------------------------------------------------------

Post::forget_mails();
{
	local $ENV{NIGHTDESK_SMTP_TLS} = 'required';
	is(Post::notify('--test', 'mail', 'me@example.com')->{exit}, 75, 'where TLS is required a server without it gets nothing');
	local $ENV{NIGHTDESK_SMTP_TLS} = 'optional';
	is(Post::notify('--test', 'mail', 'me@example.com')->{exit}, 0, 'where it is optional it does');
	is((Post::mails())[-1]{raw}{'x-tls'}[0], 'no', '... in the clear');
}
Post::smtp_stop();
my ($key, $certificate) = ("$Post::place/key.pem", "$Post::place/certificate.pem");
is(system("openssl req -x509 -newkey rsa:2048 -nodes -keyout $key -out $certificate -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>/dev/null"), 0, 'a certificate');
my $words = "$Post::place/login";  # a user and a password
sub login { open my $to, '>', $words or die; print $to map { "$_\n" } @_; close $to; return $words }
{
	Post::smtp_start(more => ['--tls', $certificate, $key, '--login', 'desk', 'correct horse']);
	local $ENV{NIGHTDESK_SMTP_TLS} = 'required';
	local $ENV{NIGHTDESK_SMTP_LOGIN} = login('desk', 'correct horse');
	$r = Post::notify('--test', 'mail', 'me@example.com');
	is($r->{exit}, 75, 'a certificate that nobody vouches for');
	like($r->{out}, qr/^down: .*(?:SSL|certificate)/i, '... is said to be one');
	local $ENV{NIGHTDESK_SMTP_CA} = $certificate;
	$r = Post::notify('--test', 'mail', 'me@example.com');
	is($r->{exit}, 0, 'with one that we trust') or diag $r->{out};
	is((Post::mails())[-1]{raw}{'x-tls'}[0], 'yes', '... it goes encrypted, and signed in');
	login('desk', 'wrong horse');
	my $locked = mail_staff($t, $ann, 'Locked', 'x');
	$r = Post::notify('--once');
	is($r->{exit}, 75, 'a password that is wrong');
	like($r->{err}, qr/down: AUTH.*535/, '... is said to be wrong');
	unlike($r->{err}, qr/horse|d3Jvbmc/, '... not which');
	is(count("id = $locked AND failed_at IS NULL AND tries = 0"), 1, '... and is the reason to give up no mail');
	login('desk', 'correct horse');
	Post::make_due();
	Post::notify('--once');
	is((Post::mails())[-1]{headers}{subject}[0], 'Locked', 'mended, it goes out');
	login('desk');
	is(Post::notify('--once')->{exit}, 1, 'a file without a password ends it');
	Post::smtp_stop();
}
Post::smtp_start();

# The daemon -----------------------------------------------------------------

Post::forget_mails();
my $daemon = Post::start();
sleep(0.5);
my $from = time;
Post::sql("SELECT desk.mail_urgent('page', NULL, $ann, 'Wake up', 'now')");
for (1 .. 100) { last if Post::mails(); sleep(0.05) }
cmp_ok(time - $from, '<', 2.5, 'what is urgent wakes the daemon');
mail_staff($t, $ann, 'Later', 'x');
for (1 .. 100) { last if Post::mails() == 2; sleep(0.1) }
is(scalar(Post::mails()), 2, 'it looks for the rest every few seconds');
my ($rss) = Command::slurp("/proc/$daemon/status") =~ /^RssAnon:\s+(\d+) kB/m;
note("daemon: $rss kB of its own") if $rss;
Post::orders('slow 1');
Post::sql("SELECT desk.mail_urgent('page', NULL, $ann, 'In hand ' || n, 'now') FROM generate_series(1, 5) n");
sleep(0.5);
kill 'TERM', $daemon;
$r = Post::ended($daemon);
is($r->{exit}, 0, 'SIGTERM ends it well');
is(scalar(Post::mails()), 3, 'after what it had in hand');
is(count('owner IS NOT NULL'), 0, 'and it gives the others back');
is(count("subject LIKE 'In hand%' AND sent_at IS NULL AND tries = 0"), 4, '... as they were');
Post::orders();
Post::notify('--once');

# Two at once that die -------------------------------------------------------

Post::forget_mails();
my $rows = $ENV{NOTIFY_ROWS} // 300;
Post::sql("INSERT INTO desk.outbox (kind, staff, subject, body, urgent) SELECT 'page', $ann, 'Row ' || n, 'x', n % 2 = 0 FROM generate_series(1, $rows) n");
my $first = Post::sql("SELECT min(id) FROM desk.outbox WHERE subject LIKE 'Row %'");
Post::orders('slow 0.02');
my ($killed, $since) = (0, time);
my @running = map { Post::start() } 1, 2;
srand($ENV{NOTIFY_SEED} // $$);
while (count("id >= $first AND sent_at IS NULL") > 0 && time - $since < 300) {
	sleep(0.03 + rand 0.25);
	my $i = int rand 2;
	if ($killed < 12) {
		kill 'KILL', $running[$i];
		Post::ended($running[$i]);
		$running[$i] = Post::start();
		$killed++;
	}
}
my $took = time - $since;
kill 'TERM', @running;
Post::ended($_) for @running;
my %copies;
$copies{ $_->{headers}{subject}[0] }{ $_->{headers}{'message-id'}[0] }++ for Post::mails();
note(sprintf('%d rows in %.1f s, %d killed, %d mails', $rows, $took, $killed, scalar(Post::mails())));
is(scalar(keys %copies), $rows, 'however often they are killed, every mail arrives');
is(scalar(grep { keys %$_ > 1 } values %copies), 0, 'and copies bear the same Message-ID');
cmp_ok(scalar(Post::mails()) - $rows, '<=', $killed, 'no more copies than deaths');
is(Post::sql("SELECT count(*) FROM (SELECT outbox FROM desk.delivery WHERE outbox >= $first AND outcome = 'sent' GROUP BY 1 HAVING count(*) > 1) x"), 0,
	'and each is reported once');

done_testing;
