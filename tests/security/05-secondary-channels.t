# Classes 5, 6 and 30: what a page hides, no other way may tell.  A word of its
# own stands in every column that is not for everybody, found by the classes of
# the columns (tests/lib/canary.sql), so a new column without one fails.  Then
# everybody reads everything: pages, feeds, files, error pages, headers, mails,
# hooks; and so do we with the logs.  The fences: the public copies, the
# desk.is_shown() of the history, and the mails of private tickets without text.
use strict;
use warnings;
use utf8;
use File::Temp 'tempdir';
use IPC::Open2;
use MIME::Base64 qw(encode_base64 encode_base64url);
use Test::More;
use lib 'tests/lib';
use Hooks;
use Security;
use World;

my $world = World->make(feed => 1, words => sub {
	my ($object, $what) = @_;
	my $whose = { private => 'a', other => 'b' }->{$object};
	return "canarys$what$object word" if $what eq 'note';
	return $whose ? "canaryp$whose$what word" : "Open $what";
});
my %number = %{ $world->{object} };
my %logged = map { $_ => -s "$ENV{DESK_LOG}/$_" } keys %{ { logs() } };

# -- a lived-in desk -----------------------------------------------------------

my $dir = tempdir(CLEANUP => 1);
my $hooks = Hooks->start($dir);
sql(qq{
	UPDATE desk.rotation SET seats = 1 WHERE name = 'engineering';
	INSERT INTO desk.roster (rotation, staff) SELECT 'engineering', id FROM desk.staff WHERE active;
	INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason) SELECT 'engineering', id, 'experienced', current_date, 'x' FROM desk.staff WHERE active;
	SELECT desk.duty_fill('engineering', 4);
	INSERT INTO desk.answer (ticket, position, question, answer) SELECT number, 1, 'x', 'x' FROM desk.ticket;
	INSERT INTO desk.plan (name, label) VALUES ('care', 'Care');
	INSERT INTO desk.customer (name, plan) VALUES ('x', 'care');
	INSERT INTO desk.customer_domain (domain, customer) SELECT 'traders.example', id FROM desk.customer;
	UPDATE desk.ticket SET customer = (SELECT max(id) FROM desk.customer) WHERE number = $number{private};
	UPDATE desk.staff_contact SET asked_mail = 'x\@example.org', asked_sha256 = sha256('x') WHERE staff = (SELECT min(staff) FROM desk.staff_contact);
	INSERT INTO desk.hook (name, kind, events) VALUES ('all', 'webhook', '{*}');
	INSERT INTO desk.factor_app (staff, sealed, last_step) SELECT min(id), decode(repeat('5ea1ed', 16) || '00', 'hex'), 0 FROM desk.staff;
	INSERT INTO desk.passkey (staff, credential, algorithm, key, sign_count, name) SELECT min(id), sha256('credential'), -7, sha256('key'), 0, 'x' FROM desk.staff;
	INSERT INTO desk.upload (key_sha256, field, place, name, type, size, sha256) SELECT sha256('upload'), 'file', 1, 'x', 'text/plain', size, sha256 FROM desk.blob LIMIT 1;
	INSERT INTO desk.confidential_key (fingerprint, key_ids, name, algorithm, packets) VALUES (repeat('A', 40), ARRAY[repeat('B', 16)], 'x', 'x', 'x');
	INSERT INTO desk.private_reason (ticket, reason, words) VALUES ($number{private}, 'other', 'x');
	INSERT INTO desk.action (ticket, staff, what, why, key_sha256) SELECT $number{private}, min(id), 'x', 'x', sha256('action') FROM desk.staff;
	INSERT INTO desk.redaction (kind, ticket, role, reason) VALUES ('words', $number{private}, 'x', 'x');
	INSERT INTO desk.export (ticket, role) VALUES ($number{private}, 'x');
	INSERT INTO desk.missed_run (program, from_at, until_at, minutes) VALUES ('slacheck', now() - interval '9 minutes', now(), 9);
	UPDATE desk.page SET justified = true, verdict = 'x', judged_by = (SELECT min(id) FROM desk.staff);
	UPDATE desk.outbox SET sent_at = now() WHERE failed_at IS NULL AND sent_at IS NULL;
	SET session_replication_role = replica;
	UPDATE desk.roster SET left_on = current_date, left_reason = 'x' WHERE staff = (SELECT max(staff) FROM desk.roster);
	INSERT INTO desk.duty_swap (rotation, monday, seat, giver, taker, kind, reason, answer)
	SELECT rotation, monday, seat, staff, staff + 1, 'cover', 'x', NULL FROM desk.duty_seat LIMIT 1});
my @said = split /\n/, sql("BEGIN; SET LOCAL canary.a = $number{private}; SET LOCAL canary.b = $number{other}; SET LOCAL canary.code = '@Security::code';"
    . slurp('tests/lib/canary.sql') . "SELECT 'unfilled ' || f FROM pg_temp.fill() f; SELECT what || ' ' || place FROM pg_temp.plant(); COMMIT");
my %columns;
/^(\S+(?: bytes \w+)?) (.*)/ and push @{ $columns{$1} }, $2 for @said;
is(join("\n", @{ $columns{unfilled} // [] }), '', 'every table has a row');
is(join(' ', @{ $columns{empty} // [] }, @{ $columns{fixed} // [] }), '', 'every column that is not for everybody holds a word of its own');
cmp_ok(scalar @{ $columns{planted} }, '>', 30, '... which are ' . @{ $columns{planted} });

# What is stored as bytes, and the tokens that are not stored at all: no letter
# of them, in any way to write bytes.
sub bytes_written { my ($bytes) = @_; return (unpack('H*', $bytes), encode_base64($bytes, '') =~ s/=+$//r, encode_base64url($bytes)) }
my %secret;
for my $place (@{ $columns{secret} }) {
	my ($table, $column) = split /\./, $place;
	my @rows = split /\n/, sql("SELECT encode($column, 'hex') FROM desk.$table WHERE length($column) >= 16 LIMIT 20");
	ok(scalar(@rows), "there is a secret in $place");
	$secret{$_} = $place for map { bytes_written(pack 'H*', $_) } @rows;
}
my %tokens = (%{ $world->{session} }, (map { $_ => $world->{link}{$_} } grep { !ref $world->{link}{$_} } keys %{ $world->{link} }),
	map { ("A's $_" => $world->{link}{A}{$_}) } keys %{ $world->{link}{A} });

# -- things happen ---------------------------------------------------------------

# Mail, to a real server, and hooks.
my %env = (NIGHTDESK_MAIL_FROM => 'desk@desk.example', NIGHTDESK_MAIL_WAIT => 0, NIGHTDESK_SMTP_TLS => 'off', NIGHTDESK_HOOKS => "$dir/hooks",
	NIGHTDESK_HOOKS_ALLOW => 'http private');
open my $configured, '>', "$dir/hooks" or die;
print $configured 'all ' . $hooks->url('/all') . " secret-of-the-hook\n";
close $configured;
chmod 0600, "$dir/hooks";
my $smtp = open2(my $port_from, my $until, '/usr/bin/python3', 'tests/lib/smtpd.py', 0, "$dir/mail");
chomp($env{NIGHTDESK_SMTP} = 'smtp://127.0.0.1:' . <$port_from>);
sub run_program {
	my ($program, @options) = @_;
	local %ENV = (%ENV, %env);
	delete $ENV{PGUSER};
	return scalar `$ENV{NIGHTDESK_BUILD}/$program @options 2>&1`;
}

sub happen {
	sql(qq{UPDATE desk.staff_contact SET quiet_from = NULL, quiet_until = NULL, zone = 'UTC', digest = 'at once';
		INSERT INTO desk.message (ticket, author, staff, name, body, body_html, renderer)
		SELECT n, 'staff', s.id, s.name, 'canaryp' || w || 'answer word', '<p>canaryp' || w || 'answer word</p>', 1
		FROM desk.staff s, (VALUES ($number{private}, 'a'), ($number{other}, 'b')) v (n, w) WHERE s.name = 'Staff Staff';
		INSERT INTO desk.message (ticket, author, name, body, body_html, renderer)
		SELECT n, 'requester', 'canaryp' || w || 'name', 'canaryp' || w || 'reply word', '<p>canaryp' || w || 'reply word</p>', 1
		FROM (VALUES ($number{private}, 'a'), ($number{other}, 'b')) v (n, w);
		INSERT INTO desk.message (ticket, author, staff, name, body, body_html, renderer)
		SELECT $number{public}, 'staff', s.id, s.name, 'An open answer', '<p>An open answer</p>', 1 FROM desk.staff s WHERE s.name = 'Staff Staff';
		UPDATE desk.ticket SET assignee = (SELECT id FROM desk.staff WHERE name = 'Staff Staff'), severity = 2;
		UPDATE desk.ticket SET subject = subject || ' more', tried = tried || ' more', requester_name = requester_name || ' more' WHERE visibility = 'private';
		UPDATE desk.ticket SET tried = 'canarypotried', customer = (SELECT max(id) FROM desk.customer) WHERE number = $number{public};
		UPDATE desk.ticket SET state = 'resolved', resolution = 'declined', reason = 'canaryp' || CASE number WHEN $number{private} THEN 'a' ELSE 'b' END || 'reason word',
			alternative = 'canaryp' || CASE number WHEN $number{private} THEN 'a' ELSE 'b' END || 'alternative word' WHERE visibility = 'private';
		UPDATE desk.clock SET next_at = now() - interval '1 minute', warn_at = now() - interval '2 hours', due_at = now() - interval '1 hour' WHERE state = 'running';
	});
	my $out = run_program('slacheck') . run_program('slacheck', '--report', '--since', '2020-01-01') . run_program('slacheck', '--status');
	$out .= run_program('notify', '--once') for 1 .. 2;
	sql("UPDATE desk.outbox SET not_before = now() WHERE sent_at IS NULL AND failed_at IS NULL; DELETE FROM desk.delivery_pause");
	return $out . run_program('notify', '--once');
}
my $output = happen();

# -- everybody reads everything --------------------------------------------------

# Who may read which words: pa and pb of A's and B's tickets, po of neither, s
# of the staff, x of nobody.
my %owner = (link => 'A', follow => 'follower', page => 'staff', feed => 'staff');
my $follower = sql("SELECT split_part(p.mail, '\@', 1) FROM desk.link l JOIN desk.person p ON p.id = l.person WHERE l.token_sha256 = sha256('$world->{link}{follower}')");
my %may = (follower => qr/^$follower$/, staff => qr/^canary[ps]/, A => qr/^canarypa/, B => qr/^canarypb/);

sub all_of {
	my ($answer) = @_;
	return join "\n", (map { "$_: " . (ref $answer->{headers}{$_} ? "@{ $answer->{headers}{$_} }" : $answer->{headers}{$_}) } sort keys %{ $answer->{headers} }), $answer->{bytes};
}

sub found {
	my ($where, $text, $may) = @_;
	my %seen;
	my @found = grep { !$seen{$_}++ && !($may && $_ =~ $may) } $text =~ /(canary[psx]\w*)/gi;
	# words of secrets are too many for one pattern each time
	my @secrets = grep { length $_ >= 20 && exists $secret{$_} } $text =~ m{([A-Za-z0-9+/_-]{20,})}g;
	return ((map { "$where: $_" . (/(\d{3})x/ ? '' : '') } @found), map { "$where: $secret{$_}" } @secrets);
}

my %read;
my $passkey = sql(q{SELECT name FROM desk.passkey WHERE staff = (SELECT id FROM desk.staff WHERE name = 'Staff Staff')});
sub crawl {
	my ($viewer) = @_;
	my (@todo, %done, @faults);
	for my $route (routes()) {
		# what is mailed to one is not for the others
		push @todo, map { [@$_[1, 2], $route->{method}] } grep { ($owner{ $_->[0] } // $viewer) eq $viewer } $world->targets($route);
	}
	while (my $next = shift @todo) {
		my ($path, $object, $method) = @$next;
		next if $done{"$method $path"}++ || keys %done > 600 || $path eq '/logout';
		my $answer = ask($method, $path, cookie => $world->jar($viewer, $object), $method eq 'POST' ? (body => '') : ());
		$read{$viewer}++;
		# one's own link is on one's own receipt
		# the name and the number of a passkey are for its owner's own browser
		push @faults, grep { !($viewer eq 'staff' && $path =~ m{^/login/} && /: (passkey\.credential|$passkey)$/) } found("$viewer $method $path", all_of($answer), $may{$viewer});
		push @faults, "$viewer $method $path: Server-Timing" if $answer->{headers}{'server-timing'};
		push @todo, map { [$_, $object, 'GET'] } grep { !m{^/static/|\?.*\?} } map { Desk::unescape($_) } $answer->{body} =~ m{(?:href|src)="(/[^"#]*)}g
		    if $method eq 'GET' && ($answer->{headers}{'content-type'} // '') =~ /html/;
	}
	return @faults;
}

sub mails {
	open my $read, '-|', '/usr/bin/python3', 'tests/lib/mails.py', "$dir/mail" or die;
	local $/;
	return @{ JSON::PP->new->utf8->decode(<$read> || '[]') };
}

sub mail_faults {
	my @faults;
	for my $mail (mails()) {
		my ($to) = "@{ $mail->{headers}{'x-recipient'} // [] }";
		my $may = $to =~ /^(canaryp[ab])/ ? qr/^$1/ : $to =~ /^(canary\w+)/ ? qr/^$1/ : undef;
		my $text = join "\n", $mail->{text}, map { "$_: @{ $mail->{headers}{$_} }" } sort keys %{ $mail->{headers} };
		$text =~ s/\Q$to\E//g;
		push @faults, found("mail to $to", $text, $may);
	}
	return @faults;
}

for my $viewer (@World::viewers) {
	my @faults = crawl($viewer);
	is(scalar @faults, 0, "$viewer finds no word that is not for them on $read{$viewer} pages, in feeds, files, headers and errors")
	    or diag(join "\n", @faults[0 .. ($#faults > 14 ? 14 : $#faults)]);
}
cmp_ok(scalar(mails()), '>', 3, 'mail went out: ' . scalar(mails()));
my @mail_faults = mail_faults();
is("@mail_faults", '', 'no mail says what its reader may not know; to staff and followers a private ticket is a number');
my @got = $hooks->got;
cmp_ok(scalar @got, '>', 2, 'hooks were called: ' . scalar @got);
is(join("\n", map { found('hook', "$_->{body}", undef) } @got), '', 'and told of a private ticket no more than its number');
is(join("\n", found('output', $output, undef)), '', 'what the commands print says nothing either');

# -- search, counts, suggestions ---------------------------------------------------

sub words_of_private { return ('canarypasubject', 'canarypabody', 'canarypaname', 'canarypatried', 'canarysnoteprivate', 'canarysnotepublic', 'canarypareply') }
sub search_faults {
	my @faults;
	for my $word (words_of_private()) {
		my $other = $word =~ s/^canary/zzzzzz/r;
		for my $path ('/tickets', '/tickets.json', '/tickets.csv', '/tickets.atom') {
			my ($real, $control) = map { ask('GET', "$path?q=$_")->{body} =~ s/server-time" content="[^"]*"//r =~ s/<updated>[^<]*//gr } $word, $other;
			$control =~ s/\Q$other\E/$word/g;
			push @faults, "$path knows \"$word\"" if $real ne $control;
		}
	}
	return @faults;
}
bites('searching for a private word finds what any unknown word finds, in all four formats', \&search_faults,
	'the visibility of a ticket as desk.publish_thread() needs it' => sub {
		my $n = $number{private};
		return Security::without("SELECT desk.publish_ticket(t) FROM desk.ticket t WHERE number = $n; SELECT desk.publish_thread($n)",
		    "DELETE FROM desk.public_search WHERE number = $n; DELETE FROM desk.public_entry WHERE ticket = $n; DELETE FROM desk.public_ticket WHERE number = $n");
	});
sub public_pages { return map { ask('GET', $_)->{body} =~ s/server-time" content="[^"]*"//r } qw(/ /tickets /tickets?q=open /tickets.json /tickets.csv /report) }
my @before = public_pages();
sql(q{INSERT INTO desk.ticket (subject, kind, severity, visibility) SELECT 'canarypoopen open', 'bug', 3, 'private' FROM generate_series(1, 5)});
is_deeply([public_pages()], \@before, 'five more private tickets change no count, no list and no page for everybody');

# A report that says the same as a private one is not told of it.
my %form = %{ ask_form(ask('GET', '/report/bug'), '/report/bug') };
my %open = %{ ask_form(ask('GET', '/report/bug'), '/report/bug') };
Desk::take_your_time();
my $similar = ask('POST', '/report/bug', body => { %form, subject => 'canarypasubject canarypabody word more', body => 'canarypabody canarypareply word', do => 'send' });
unlike($similar->{body}, qr{/tickets/($number{private}|$number{other})\b}, 'a report in the words of a private ticket is not shown it as similar');
my $known = ask('POST', '/report/bug', body => { %open, subject => 'Open subject', body => 'Open body', do => 'send' });
like($known->{body} . ($known->{headers}{location} // ''), qr{/tickets/\d+|/my/}, '... while one in the words of a public ticket is');

# -- logs --------------------------------------------------------------------------

sub log_faults {
	my %logs = logs();
	my @faults;
	for my $name (sort keys %logs) {
		my $new = substr $logs{$name}, $logged{$name} // 0;
		push @faults, found("the log $name", $new, qr/^canarypa(subject|body|reply|tried|name)$|^canarys(note)/);
		push @faults, "the log $name: the token of $_" for grep { index($new, $tokens{$_}) >= 0 } sort keys %tokens;
	}
	return @faults;
}
# what was searched for stands in the log of the web server: the one who asked knew it
is(join("\n", log_faults()), '', 'nothing of it is in a log: of the programs, the web server, the database');

# -- without the fences --------------------------------------------------------------

bites('the history shows everybody no field of the staff', sub { my ($n) = $number{public}; return found('public', join('', map { ask('GET', "/tickets/$n$_")->{body} } '', '/why')) },
	'the fields that desk.is_shown() keeps back' => sub {
		my $guard = weaken('desk.is_shown(desk.change)', sub { s/(AS \$\w*\$|RETURN\b|BEGIN ATOMIC).*\z/RETURN true/s });
		sql("INSERT INTO desk.change (ticket, field, old, new, actor, program) VALUES ($number{public}, 'requester_name', 'x', 'canaryshistory', 'sql', 'x')");
		return Security::Guard->new(sub { undef $guard; sql("SELECT desk.publish_thread($number{public})") });
	});

close $until;
waitpid $smtp, 0;
done_testing;
