# The command: what it says, how it exits, that a bad file changes nothing and
# a good one nothing the second time; and that two edits at once are both
# kept.
use strict;
use warnings;
use utf8;
use File::Temp 'tempdir';
use Test::More;
use lib 'tests/lib';
use Command;
use Database 'sql';

my $program = Command::built('calendar');
Database::make('calendar');
my $scratch = tempdir(CLEANUP => 1);

sub run { return Command::run($program, @_) }
sub feed { return Command::feed($program, @_) }

sub calendar {
	my (@events) = @_;
	return join("\r\n", 'BEGIN:VCALENDAR', 'VERSION:2.0', (map { ('BEGIN:VEVENT', @$_, 'END:VEVENT') } @events), 'END:VCALENDAR', '');
}

my $r = run('--help');
is($r->{exit}, 0, '--help is no mistake');
like($r->{out}, qr/^\s+69  the database could not be reached$/m, '--help lists the exit status');
is(run(@$_)->{exit}, 64, "\"@$_\" is not how it is called")
    for [], ['--nonsense'], ['now'], ['--check', '--renew'], ['--show'], ['--holidays', 'office'], ['--holidays', 'office', '-', 'more'],
    ['--check', '--from', '2026-01-01'], ['--show', 'office', '--from', 'some day'], ['--show', 'nowhere'];
is(feed(calendar(), '--holidays', 'nowhere', '-')->{exit}, 64, 'nor is a calendar that is none');

$r = run('--check');
is($r->{exit}, 0, 'a new desk has two calendars that are well');
like($r->{out}, qr/\Acalendar "always": \S+, 24x7; laid out until \d{4}-.*\ncalendar "office": \S+, Mon-Fri 09:00-17:00; laid out until .*\n\z/, 'and says how they are');

sql(q{SELECT desk.calendar_set('lyon', 'Europe/Paris', 'Mon-Fri 09:00-12:00 13:00-18:00; Fri 22:00-02:00', NULL, 'The office in Lyon')});
my $file = calendar(
	['DTSTART;VALUE=DATE:20101225', 'RRULE:FREQ=YEARLY', 'SUMMARY:Noël'],
	['DTSTART;VALUE=DATE:20260714', 'SUMMARY:"Fête" \\\\ {nationale}'],
	['DTSTART;VALUE=DATE:20261231', 'DTEND;VALUE=DATE:20270102', 'SUMMARY:New Year']);
utf8::encode($file);
my $year = (gmtime)[5] + 1900;
my $count = $year + 10 - 2010 + 1 + 3;
$r = feed($file, '--holidays', 'lyon', '-');
is($r->{err}, '', 'a file of holidays is read');
is($r->{out}, "$count added, 0 known already\n", 'yearly ones up to ten years ahead');
is($r->{exit}, 0, 'and that is success');
is(sql("SELECT name FROM desk.holiday WHERE day = '2026-07-14'"), '"Fête" \\ {nationale}' =~ s/ê/\xc3\xaa/r, 'names arrive as they are');
my $before = sql('SELECT laid_at FROM desk.calendar WHERE name = \'lyon\'');
open(my $copy, '>', "$scratch/holidays.ics") or die $!;
print $copy $file;
close $copy;
is(run('--holidays', 'lyon', "$scratch/holidays.ics")->{out}, "0 added, $count known already\n", 'the same file again adds nothing');
is(sql('SELECT laid_at FROM desk.calendar WHERE name = \'lyon\''), $before, 'and changes nothing');
is(sql("SELECT api.next_open('lyon', '2026-07-14 10:00Z') AT TIME ZONE 'Europe/Paris'"), '2026-07-15 09:00:00', 'holidays are closed');

$r = run('--show', 'lyon', '--from', '2026-12-24');
is($r->{exit}, 0, 'a calendar is shown');
like($r->{out}, qr/\AThe office in Lyon, in Europe\/Paris: Mon-Thu 09:00-12:00 13:00-18:00; Fri 09:00-12:00 13:00-18:00 22:00-02:00\n\n/, 'with its hours');
like($r->{out}, qr/^Thu 2026-12-24 13:00 to 18:00  5 h\nSat 2026-12-26 00:00 to 02:00  2 h\n/m, 'its openings in local time, without the holiday');
like($r->{out}, qr/^Fri 2026-12-25  closed: Noël\nThu 2026-12-31  closed: New Year\n/m, 'and its holidays');

my @bad = (
	['no iCalendar', "2026-12-25;Christmas\n", 1, 'is not iCalendar'],
	['a time of day', calendar(['DTSTART:20261225T090000Z']), 4, 'DTSTART is not a whole day, such as DTSTART;VALUE=DATE:20261225'],
	['a fault behind good events', calendar(['DTSTART;VALUE=DATE:20280101'], ['SUMMARY:x']), 6, 'is an event without DTSTART'],
	['a file too large', 'x' x (1024 * 1024 + 1), 1, 'is too large a file'],
	['no file at all', '', 1, 'is not iCalendar'],
);
for my $case (@bad) {
	my ($what, $text, $line, $words) = @$case;
	$r = feed($text, '--holidays', 'office', '-');
	is($r->{exit}, 65, "$what is refused");
	like($r->{err}, qr/line $line of "-" \Q$words\E$/m, '... naming the line');
}
is(sql("SELECT count(*) FROM desk.holiday h JOIN desk.calendar c ON c.id = h.calendar WHERE c.name = 'office'"), 0, 'and nothing of them is kept');
is(run('--holidays', 'office', "$scratch/none.ics")->{exit}, 66, 'a file that is not there');
my $never = calendar(map { [sprintf('DTSTART;VALUE=DATE:%d0101', $_), sprintf('DTEND;VALUE=DATE:%d0101', $_ + 1)] } $year + 1 .. $year + 4);
$r = feed($never, '--holidays', 'office', '-');
is($r->{exit}, 65, 'holidays for ever are refused');
like($r->{err}, qr/calendar "office" never opens after /, 'in words');
is(sql("SELECT count(*) FROM desk.holiday h JOIN desk.calendar c ON c.id = h.calendar WHERE c.name = 'office'"), 0, 'and none is kept');

# What a check finds.
feed(calendar(['DTSTART;VALUE=DATE:20200101']), '--holidays', 'office', '-');
$r = run('--check');
is($r->{exit}, 1, 'holidays that come to an end are a warning');
like($r->{out}, qr/^calendar "office" knows no holiday after 2020-01-01$/m, 'with their name');
sql("UPDATE desk.calendar_span SET closes = closes - interval '1 minute' WHERE calendar = (SELECT id FROM desk.calendar WHERE name = 'lyon') AND opens > now() + interval '100 days'");
$r = run('--check');
is($r->{exit}, 2, 'a layout that does not fit is critical');
like($r->{out}, qr/^calendar "lyon" is not what its hours/m, 'and named');
$r = run('--renew');
is($r->{exit}, 0, 'it can be laid out anew');
is($r->{out}, "calendar \"lyon\" has changed\n", 'which is told');
is(run('--renew')->{out}, '', 'and is done once');
is(run('--check')->{exit}, 1, 'then it is well');
{
	local $ENV{PGHOST} = "$scratch/nowhere";
	is(run('--check')->{exit}, 3, 'without a database nothing is known');
	is(run('--show', 'lyon')->{exit}, 69, 'and nothing can be shown');
}

# Two at once: both edits count, however they meet.
for my $n (1 .. 10) {
	my @busy = map {
		open(my $psql, '|-', 'psql', '-Xqo', '/dev/null', '-v', 'ON_ERROR_STOP=1') or die $!;
		print $psql "INSERT INTO desk.holiday SELECT id, date '2027-03-01' + $n * 7 + $_ FROM desk.calendar WHERE name = 'lyon';\nSELECT desk.calendar_renew();\n";
		$psql;
	} 0 .. 3;
	close $_ or fail('an edit failed') for @busy;
}
is(sql("SELECT count(*) FROM desk.holiday h JOIN desk.calendar c ON c.id = h.calendar WHERE c.name = 'lyon' AND day >= '2027-03-08' AND day < '2027-05-20'"), 40, 'edits at once are all kept');
is(sql("SELECT coalesce(desk.calendar_differs(id)::text, 'none') FROM desk.calendar WHERE name = 'lyon'"), 'none', 'and the spans know all of them');

# Whatever goes wrong in a check, nobody gave it a value that could be wrong.
sql("CREATE OR REPLACE FUNCTION api.calendar_check() RETURNS TABLE (status int, line text) LANGUAGE plpgsql AS 'BEGIN RAISE ''the zone is gone'' USING ERRCODE = ''22023''; END'");
$r = run('--check');
is($r->{exit}, 3, 'a check that fails knows nothing, either');
like($r->{err}, qr/the zone is gone/, 'and says why');

done_testing;
