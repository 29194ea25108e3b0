# Who is on duty: the public pages, the staff's page, swaps, and the calendar
# feeds, read by a parser of our own that knows nothing of the program's
# library.
use strict;
use warnings;
use utf8;
use Test::More;
use lib 'tests/lib';
use Clerk;

Desk::start_anew();
my $visitor = Desk->new;

# The parts of a page that say something, as one line.
sub text_of {
	my ($page) = @_;
	my $text = $page->{body};
	utf8::decode($text);
	$text =~ s/<[^>]*>/ /g;
	$text =~ s/&#39;/'/g;
	$text =~ s/\s+/ /g;
	return $text;
}

# iCalendar (RFC 5545, 3.1): lines of at most 75 octets, CR LF, unfolded;
# returns the calendar's own properties and its events by their UID.
sub calendar {
	my ($body) = @_;
	my (%calendar, %events, $event, @open, @faults);
	utf8::encode($body);	# Desk.pm has decoded it
	push @faults, 'a line feed without its carriage return' if $body =~ /(?<!\r)\n/;
	push @faults, 'no line end at the end' unless $body =~ /\r\n\z/;
	push @faults, "a line of more than 75 octets: $_" for grep { length > 75 } split /\r\n/, $body;
	$body =~ s/\r\n[ \t]//g;
	push @faults, 'not UTF-8' unless utf8::decode($body);
	for (split /\r\n/, $body) {
		my ($name, $parameters, $value) = /^([A-Z0-9-]+)((?:;[A-Z0-9-]+=[^;:]*)*):(.*)$/s or push(@faults, "no property: $_"), next;
		if ($name eq 'BEGIN') {
			push @open, $value;
			$event = {} if $value eq 'VEVENT';
			next;
		}
		if ($name eq 'END') {
			push @faults, "$value ends" unless @open && pop(@open) eq $value;
			next unless $value eq 'VEVENT';
			push @faults, 'an event twice' if $events{ $event->{UID} };
			$events{ $event->{UID} } = $event;
			next;
		}
		$value =~ s/\\([\\,;nN])/$1 eq 'n' || $1 eq 'N' ? "\n" : $1/ge
			if $name =~ /^(?:SUMMARY|DESCRIPTION|NAME|X-WR-CALNAME)$/;
		my $of = @open > 1 ? $event : \%calendar;
		push @faults, "$name twice" if exists $of->{$name};
		$of->{$name} = $value;
	}
	push @faults, 'something is left open' if @open;
	for my $e (values %events) {
		push @faults, "an event without $_" for grep { !defined $e->{$_} } qw(UID DTSTAMP DTSTART DTEND SUMMARY SEQUENCE STATUS);
		push @faults, "$_ is no time in UTC: $e->{$_}" for grep { ($e->{$_} // '') !~ /^\d{8}T\d{6}Z$/ } qw(DTSTAMP DTSTART DTEND);
	}
	return (\%calendar, \%events, \@faults);
}

# Nobody -----------------------------------------------------------------------

my $page = $visitor->get('/duty');
is($page->{status}, 200, 'everybody can ask who is on duty');
like($page->{headers}{'cache-control'}, qr/public/, 'and a cache can answer');
like(text_of($page), qr/There is no rota for this yet, so nobody is on duty/, 'a new desk is honest about it');
like(text_of($visitor->get('/duty/weeks')), qr/no week is planned/, 'and has no weeks');
is($visitor->get('/staff/duty')->{headers}{location}, '/login', 'the staff page sends to the sign-in');
is($visitor->post('/staff/duty/join', { rotation => 'engineering' })->{headers}{location}, '/login', 'and a form');

# A roster -------------------------------------------------------------------------

my $ann = Clerk->signed_in(undef, 'Ann Ångström, the "first"; really');
my $bob = Clerk->signed_in(undef, 'Bob');
my $cy = Clerk->signed_in(undef, 'Cy <b>');
# on a Monday morning, too, those who join today are on duty now
Desk::sql("UPDATE desk.rotation SET seats = 1, zone = 'Europe/Berlin', handover = '00:00', lead = $cy->{id}");

# Fill in the form of this action and send it.
sub act {
	my ($who, $what, %typed) = @_;
	my %form = $who->form($who->get('/staff/duty')->{body}, "/staff/duty/$what");
	return $who->post("/staff/duty/$what", { %form, %typed });
}

$page = $ann->get('/staff/duty');
is($page->{status}, 200, 'the staff page opens');
like(text_of($page), qr/Nobody is on the roster yet/, 'and says what to do first');
is(act($ann, 'join', rotation => 'engineering', join => $ann->{id}, experienced => 'yes', join_reason => 'I know.')->{status}, 422, 'nobody vouches for themselves');
$page = act($ann, 'join', rotation => 'engineering', join => $bob->{id}, experienced => 'yes', join_reason => '');
is($page->{status}, 422, 'nor for somebody else without a reason');
like(text_of($page), qr/Say why/, 'and is told so');
is(Desk::sql('SELECT count(*) FROM desk.roster'), 0, 'nothing of that was stored');
is(act($ann, 'join', rotation => 'engineering', join => $bob->{id}, experienced => 'yes', join_reason => 'Wrote most of it.')->{status}, 303, 'with one it is done');
is(act($bob, 'join', rotation => 'engineering', join => $ann->{id}, experienced => 'yes', join_reason => 'Long here.')->{status}, 303, 'the other way, too');
is(act($bob, 'join', rotation => 'engineering', join => $cy->{id})->{status}, 303, 'and somebody new');
is($ann->post('/staff/duty/join', { rotation => 'engineering', join => $cy->{id} })->{status}, 403, 'not without a form of ours');
is($ann->post('/staff/duty/nothing', {})->{status}, 404, 'what is no form is not there');

Desk::sql('SELECT desk.duty_watch()');
my $weeks = $visitor->get('/duty/weeks');
my $rows = () = $weeks->{body} =~ /<th scope="row">/g;
cmp_ok($rows, '>=', 7, 'this week and six more are published');
like(text_of($weeks), qr/Ann Ångström.*Bob|Bob.*Ann Ångström/, 'with names');
like(text_of($visitor->get('/duty')), qr/On duty now (?:Ann|Bob).*Riding shotgun Cy.*Next (?:Ann|Bob).*Asked after them Cy &lt;b&gt; \(lead\)/, 'who is on duty now, next, and asked after them');
unlike($visitor->get('/duty')->{body}, qr/Cy <b>/, 'a name is only a name');
unlike($weeks->{body} . $visitor->get('/duty')->{body}, qr/\Q$ann->{login}\E/, 'a login is not shown');
like(text_of($bob->get('/staff/duty')), qr/Your weeks/, 'one sees one\'s own weeks');

# Swaps ----------------------------------------------------------------------------

sub weeks_of { Desk::sql("SELECT coalesce(string_agg(rotation || '/' || monday || '/' || seat, ' ' ORDER BY monday), '') FROM desk.duty_seat WHERE staff = $_[0]{id} AND NOT is_shadow") }
my ($give) = (split ' ', weeks_of($ann))[-1];
my ($return) = (split ' ', weeks_of($bob))[-1];
is(act($ann, 'ask', place => $return, taker => $bob->{id})->{status}, 422, 'nobody gives away a week of somebody else');
$page = act($ann, 'ask', place => $give, taker => $cy->{id}, ask_reason => 'A wedding.');
is($page->{status}, 422, 'nobody gives one to who has not ridden shotgun');
like(text_of($page), qr/Cy &lt;b&gt; cannot be on duty without a completed shadow week\./, 'in words');
like($page->{body}, qr/>\nA wedding\.<\/textarea>/, 'what was typed stays');
is(act($ann, 'ask', place => $give, taker => "$bob->{id} $return", ask_reason => 'A wedding.')->{status}, 303, 'one asks');
like(Desk::sql("SELECT subject || body FROM desk.outbox WHERE staff = $bob->{id} ORDER BY id DESC LIMIT 1"), qr/asks you to take the week of.*A wedding\./s, 'the other one gets a mail');
$page = $bob->get('/staff/duty');
like(text_of($page), qr/Ann Ångström, the &quot;first&quot;; really asks you to take the week of .* and would take your week of/, 'and sees it');
is(Clerk->signed_in->post('/staff/duty/answer', { csrf => 'x', swap => 1, answer => 'accepted' })->{status}, 403, 'a third one cannot answer without a form');
my %answer = $bob->form($page->{body}, '/staff/duty/answer');
{
	my $third = Clerk->signed_in;
	my %form = $third->form($third->get('/staff/duty')->{body}, '/staff/duty/join');
	is($third->post('/staff/duty/answer', { csrf => $form{csrf}, swap => $answer{swap}, answer => 'accepted' })->{status}, 404, 'nor with one: it is not theirs');
}
is(act($ann, 'answer', swap => $answer{swap}, answer => 'accepted')->{status}, 422, 'who asked cannot accept');

# Feeds, before and after ------------------------------------------------------------

sub feed_of {
	my ($who, $what) = @_;
	my $made = act($who, 'feed', feed => $what);
	my ($path) = $made->{body} =~ m{(/duty/feed/[A-Za-z0-9_-]{22}\.ics)};
	return $path;
}
my $anns = feed_of($ann, '');
my $all = feed_of($bob, 'engineering');
ok($anns && $all, 'a link is made and shown');
unlike($ann->get('/staff/duty')->{body}, qr{/duty/feed/[A-Za-z0-9_-]{22}\.ics}, 'once');
my ($token) = $anns =~ m{feed/(.*)\.ics};
is(Desk::sql("SELECT count(*) FROM desk.duty_feed WHERE token_sha256 = sha256('$token')"), 1, 'the database knows its hash');
$page = $visitor->get($anns);
is($page->{status}, 200, 'a calendar program gets it without a cookie');
like($page->{headers}{'content-type'}, qr{^text/calendar; charset=utf-8}i, 'as a calendar');
like($page->{headers}{'cache-control'}, qr/no-store/, 'nobody in between keeps it');
is($visitor->get($anns, 'If-None-Match' => $page->{headers}{etag})->{status}, 304, 'unless it has that one already');
my ($calendar, $before, $faults) = calendar($page->{body});
is_deeply($faults, [], 'it is what RFC 5545 says');
is($calendar->{VERSION} . $calendar->{METHOD}, '2.0PUBLISH', 'in the version there is');
is($calendar->{'X-WR-CALNAME'}, 'On duty: Ann Ångström, the "first"; really', 'and has a name, whatever stands in it');
is(scalar keys %$before, scalar(split ' ', weeks_of($ann)), 'with all of her weeks');
is_deeply([sort map { "$_->{UID} $_->{DTSTART} $_->{DTEND}" } values %$before],
	[split /\n/, Desk::sql("SELECT uid || ' ' || to_char(lower(span) AT TIME ZONE 'UTC', 'YYYYMMDD\"T\"HH24MISS\"Z\"') || ' ' || to_char(upper(span) AT TIME ZONE 'UTC', 'YYYYMMDD\"T\"HH24MISS\"Z\"')
		FROM desk.duty_seat WHERE staff = $ann->{id} ORDER BY 1")], 'from hand-over to hand-over');
is((grep { $_->{TRANSP} ne 'OPAQUE' } values %$before), 0, 'in which she is taken');
like((values %$before)[0]{DESCRIPTION}, qr/nothing else is planned/, 'and nothing else is planned');
my (undef, $team, $team_faults) = calendar($visitor->get($all)->{body});
is_deeply($team_faults, [], 'the calendar of all is sound, too');
is(scalar keys %$team, Desk::sql('SELECT count(*) FROM desk.duty_seat'), 'and has everybody, shadows included');
ok((grep { $_->{SUMMARY} eq 'Cy <b> rides shotgun' } values %$team), 'by name');

is(act($bob, 'answer', swap => $answer{swap}, answer => 'accepted')->{status}, 303, 'who was asked accepts');
like(weeks_of($bob), qr/\Q$give\E/, 'and has the week');
like(weeks_of($ann), qr/\Q$return\E/, 'in return for another');
my (undef, $after, $after_faults) = calendar($visitor->get($anns)->{body});
is_deeply($after_faults, [], 'the feed is sound afterwards');
my $uid = Desk::sql("SELECT uid FROM desk.duty_seat WHERE rotation || '/' || monday || '/' || seat = '$give' AND NOT is_shadow");
is("$before->{$uid}{STATUS} $before->{$uid}{SEQUENCE}", 'CONFIRMED 0', 'the week she gave away');
is("$after->{$uid}{STATUS} $after->{$uid}{SEQUENCE}", 'CANCELLED 1', 'is cancelled under its name, with a higher sequence');
my $got = Desk::sql("SELECT uid FROM desk.duty_seat WHERE rotation || '/' || monday || '/' || seat = '$return' AND NOT is_shadow");
is("$after->{$got}{STATUS} $after->{$got}{SEQUENCE}", 'CONFIRMED 1', 'the one she got is there');
my (undef, $team_after) = calendar($visitor->get($all)->{body});
is($team_after->{$uid}{SUMMARY}, 'Bob is on duty', 'everybody\'s calendar has the new name');
is("$team_after->{$uid}{STATUS} $team_after->{$uid}{SEQUENCE}", 'CONFIRMED 1', 'under the same name, with a higher sequence');
is_deeply([sort keys %$team], [sort keys %$team_after], 'and no other event came or went');
like(text_of($ann->get('/staff/duty')), qr/from Ann Ångström.* to Bob \(both agreed\)/, 'the change is on the page, with both names');

# the weeks in which the clocks change
Desk::sql("SELECT desk.duty_fill('engineering', 52)");
my (undef, $year) = calendar($visitor->get($all)->{body});
my %hours;
$hours{ substr($_->{DTSTART}, 9, 4) }++ for values %$year;
is(join(' ', sort keys %hours), '2200 2300', 'midnight in Berlin is ten or eleven at night in UTC');
is_deeply([sort map { $_->{DTSTART} } values %$year], [sort
	split /\n/, Desk::sql("SELECT to_char((monday + time '00:00') AT TIME ZONE 'Europe/Berlin' AT TIME ZONE 'UTC', 'YYYYMMDD\"T\"HH24MISS\"Z\"') FROM desk.duty_seat")], 'always by the clocks of the place');

# Revoked --------------------------------------------------------------------------

my $other = Clerk->signed_in;
my %form = $ann->form($ann->get('/staff/duty')->{body}, '/staff/duty/revoke');
my %others = $other->form($other->get('/staff/duty')->{body}, '/staff/duty/feed');
$other->post('/staff/duty/revoke', { csrf => $others{csrf}, revoke => $form{revoke} });
is($visitor->get($anns)->{status}, 200, 'nobody revokes the link of somebody else');
is($ann->post('/staff/duty/revoke', \%form)->{status}, 303, 'one\'s own is revoked');
is($visitor->get($anns)->{status}, 404, 'and opens nothing any more');
is($visitor->get('/duty/feed/' . 'A' x 22 . '.ics')->{status}, 404, 'nor does a made-up one');
is($visitor->get($all =~ s/\.ics$//r)->{status}, 404, 'nor one without its end');
is(feed_of($ann, '') ? 1 : 0, 1, 'another one is made') for 1 .. 5;
is(act($ann, 'feed', feed => '')->{status}, 422, 'but no more than five');
Desk::sql("UPDATE desk.staff SET active = false WHERE id = $bob->{id}");
is($visitor->get($all)->{status}, 404, 'a link ends with whoever made it');
Desk::sql("UPDATE desk.staff SET active = true WHERE id = $bob->{id}");
{
	open my $log, '<', "$ENV{DESK_LOG}/access.log" or die "access.log: $!";
	local $/;
	unlike(<$log>, qr/\Q$token\E/, 'the log does not hold the key');
}

# Exemptions, free seats, shadow weeks --------------------------------------------------

is(act($ann, 'exempt', exempt => $bob->{id}, from => '2031-01-01', until => '2031-02-01')->{status}, 422, 'an exemption needs a reason');
is(act($ann, 'exempt', exempt => $bob->{id}, from => '2031-01-01', exempt_reason => 'x')->{status}, 422, 'and an end');
is(act($ann, 'exempt', exempt => $bob->{id}, from => '2031-02-01', until => '2031-01-01', exempt_reason => 'x')->{status}, 422, 'after its beginning');
$page = act($ann, 'exempt', exempt => $bob->{id}, from => '2031-02-31', until => '2031-03-01', exempt_reason => 'Far & away');
is($page->{status}, 422, 'on a day that exists');
like($page->{body}, qr/Far &amp; away/, 'nothing typed is lost');
is(act($ann, 'exempt', exempt => $bob->{id}, from => '2031-01-01', until => '2031-02-01', exempt_reason => 'Far away')->{status}, 303, 'then it is entered');
like(text_of($bob->get('/staff/duty')), qr/1 Jan 2031 1 Feb 2031 Far away Ann/, 'and shown, with who says so');

my ($now) = split ' ', Desk::sql("SELECT rotation || '/' || monday || '/' || seat || ' ' || staff FROM desk.duty_seat WHERE span @> now() AND NOT is_shadow");
my $on = Desk::sql("SELECT staff FROM desk.duty_seat WHERE span @> now() AND NOT is_shadow") == $ann->{id} ? $ann : $bob;
my $off = $on == $ann ? $bob : $ann;
Desk::sql("INSERT INTO desk.duty_exemption (staff, from_day, until_day, reason) VALUES ($on->{id}, current_date - 1, current_date + 1, 'Ill.')");
like(text_of($visitor->get('/duty')), qr/Nobody is on duty now\./, 'an empty duty is said in public');
like(text_of($off->get('/staff/duty')), qr/Too few people on duty Engineering: nobody on duty now/, 'in red for staff');
is(act($off, 'take', free => $now)->{status}, 422, 'stepping in has a reason');
is(act($cy, 'take', free => $now, take_reason => 'Somebody must.')->{status}, 422, 'and a completed shadow week');
is(act($off, 'take', free => $now, take_reason => 'Somebody must.')->{status}, 303, 'then it is done');
unlike(text_of($visitor->get('/duty')), qr/Nobody is on duty now/, 'and somebody is on duty');
like(text_of($off->get('/staff/duty')), qr/\(stepped in: Somebody must\.\)/, 'which stays on record');

Desk::sql("SET session_replication_role = replica; UPDATE desk.duty_week SET starts_at = starts_at - interval '70 days', ends_at = ends_at - interval '70 days', monday = monday - 70 WHERE monday = (SELECT min(monday) FROM desk.duty_week);
	UPDATE desk.duty_seat SET monday = monday - 70, span = tstzrange(lower(span) - interval '70 days', upper(span) - interval '70 days') WHERE monday = (SELECT min(monday) FROM desk.duty_seat)");
my $shadow = Desk::sql("SELECT staff || ' ' || rotation || '/' || monday || '/' || seat FROM desk.duty_seat WHERE is_shadow AND upper(span) < now()");
like($ann->get('/staff/duty')->{body}, qr/\Q$shadow\E/, 'a shadow week that is over waits for a word');
unlike($cy->get('/staff/duty')->{body}, qr/name="shadow"/, 'not of the one who had it');
is(act($ann, 'verdict', shadow => $shadow, verdict => 'completed')->{status}, 303, 'it is completed');
is(Desk::sql("SELECT said_by FROM desk.duty_ready WHERE kind = 'shadow'"), "staff:$ann->{id}", 'by somebody with a name');

my ($ill) = $off->get('/staff/duty')->{body} =~ /Ill\..*?name="back" value="(\d+)"/s;
is(act($off, 'back', back => $ill)->{status}, 303, 'who is back before time is back');
is(Desk::sql("SELECT until_day < current_date AND ended_by = 'staff:$off->{id}' FROM desk.duty_exemption WHERE id = $ill"), 't', 'from today on, on somebody\'s word');

my $eve = Clerk->signed_in(undef, 'Eve');
my ($week) = $eve->get('/staff/duty')->{body} =~ /<select id="ride".*?<option value="([^"]+)"/s;
is(act($eve, 'ride', ride => $week)->{status}, 303, 'anybody of the staff can ride shotgun');
like(text_of($eve->get('/staff/duty')), qr/You are Eve.*riding shotgun/, 'and sees it');
is(act($cy, 'ride', ride => $week)->{status}, 422, 'one at a time');

# The queue's subtitle -------------------------------------------------------

like(text_of($ann->get('/staff')), qr{On duty: .* / riding shotgun: .* / next: }, 'the queue says who is on duty, riding shotgun, and next');

# Several checkers at once ------------------------------------------------------------------

my $dee = Clerk->signed_in(undef, 'Dee');
Desk::sql("INSERT INTO desk.rotation (name, label, zone, handover, seats, minimum, lead) VALUES ('night', 'Night', 'UTC', '00:00', 2, 2, $cy->{id});
	INSERT INTO desk.roster (rotation, staff) VALUES ('night', $dee->{id});
	INSERT INTO desk.duty_ready (rotation, staff, kind, since, reason) VALUES ('night', $dee->{id}, 'experienced', '2020-01-01', 'Knows it.')");
my @checkers = map { open(my $psql, '-|', 'psql', '-XqAt', '-c', 'SELECT desk.duty_watch()') or die "psql: $!"; $psql } 1 .. 4;
my @told = map { chomp(my $said = <$_> // 'nothing'); close $_; $said } @checkers;
is(join(' ', sort @told), '0 0 0 1', 'of four checkers at once one tells of it');
is(Desk::sql("SELECT count(*) FROM desk.outbox WHERE subject = 'Too few people on duty: Night'"), 1, 'in one mail');
is(Desk::sql("SELECT count(*) = count(DISTINCT monday) AND count(*) = 9 FROM desk.duty_week WHERE rotation = 'night'"), 't', 'and the weeks are planned once');

done_testing;
