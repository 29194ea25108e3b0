/* Holidays out of iCalendar files: the dates, and the line of each fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "ical.h"

#define CALENDAR(events)                                                       \
	"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" events "END:VCALENDAR\r\n"
#define EVENT(lines) "BEGIN:VEVENT\r\n" lines "END:VEVENT\r\n"

static int
set_up(void **state)
{
	*state = arena_new(4096);
	return 0;
}

static int
tear_down(void **state)
{
	arena_free(*state);
	return 0;
}

static const struct ical *
read_text(void **state, const char *text)
{
	return ical_days(
	    *state, text, strlen(text), "2020-01-01", "2031-01-01");
}

/* "date name, date name" or "line: fault". */
static const char *
shown(void **state, const char *text)
{
	const struct ical *all = read_text(state, text);
	const char *s = "";
	size_t i;

	if (all->fault != NULL)
		return arena_printf(*state, "%d: %s", all->line, all->fault);
	for (i = 0; i < all->count; i++)
		s = arena_printf(*state, "%s%s%s %s", s, i > 0 ? ", " : "",
		    all->days[i].date, all->days[i].name);
	return s;
}

static void
a_day_is_a_day(void **state)
{
	assert_string_equal(
	    shown(state,
		CALENDAR(EVENT(
		    "DTSTART;VALUE=DATE:20261225\r\nSUMMARY:Christmas\r\n"))),
	    "2026-12-25 Christmas");
	assert_string_equal(
	    shown(state, CALENDAR(EVENT("DTSTART;VALUE=DATE:20261225\r\n"
					"DTEND;VALUE=DATE:20261226\r\n"))),
	    "2026-12-25 ");
	assert_string_equal(
	    shown(state, CALENDAR(EVENT("DTSTART;VALUE=DATE:20261225\r\n"
					"DTEND;VALUE=DATE:20261225\r\n"))),
	    "2026-12-25 ");
}

static void
several_days_end_before_their_end(void **state)
{
	assert_string_equal(
	    shown(state,
		CALENDAR(EVENT(
		    "SUMMARY:Year's end\r\nDTSTART;VALUE=DATE:20261231\r\n"
		    "DTEND;VALUE=DATE:20270103\r\n"))),
	    "2026-12-31 Year's end, 2027-01-01 Year's end, "
	    "2027-01-02 Year's end");
	assert_string_equal(
	    shown(state,
		CALENDAR(
		    EVENT("DTSTART;VALUE=DATE:20240228\r\nDURATION:P3D\r\n"))),
	    "2024-02-28 , 2024-02-29 , 2024-03-01 ");
	assert_int_equal(
	    read_text(state,
		CALENDAR(
		    EVENT("DTSTART;VALUE=DATE:20240101\r\nDURATION:P1W\r\n")))
		->count,
	    7);
}

static void
yearly_is_repeated_within_the_bounds(void **state)
{
	const struct ical *all = read_text(state,
	    CALENDAR(
		EVENT("DTSTART;VALUE=DATE:20010101\r\nRRULE:FREQ=YEARLY\r\n")));

	assert_int_equal(all->count, 11);
	assert_string_equal(all->days[0].date, "2020-01-01");
	assert_string_equal(all->days[10].date, "2030-01-01");
	assert_string_equal(
	    shown(state,
		CALENDAR(EVENT(
		    "DTSTART;VALUE=DATE:20261126\r\n"
		    "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=3\r\n"))),
	    "2026-11-26 , 2027-11-25 , 2028-11-23 ");
	assert_string_equal(
	    shown(state,
		CALENDAR(EVENT(
		    "DTSTART;VALUE=DATE:20240229\r\nRRULE:FREQ=YEARLY\r\n"))),
	    "2024-02-29 , 2028-02-29 ");
	assert_string_equal(
	    shown(state,
		CALENDAR(EVENT(
		    "DTSTART;VALUE=DATE:20251231\r\nDTEND;VALUE=DATE:20260102\r\n"
		    "RRULE:FREQ=YEARLY;UNTIL=20261231\r\n"))),
	    "2025-12-31 , 2026-01-01 , 2026-12-31 , 2027-01-01 ");
}

static void
texts_are_unfolded_and_unescaped(void **state)
{
	assert_string_equal(
	    shown(state,
		CALENDAR(EVENT(
		    "DTSTART;VALUE=DATE:20261225\r\n"
		    "SUMMARY;LANGUAGE=de:Weih\r\n nachten\\, 1. Feier\r\n\ttag\r\n"))),
	    "2026-12-25 Weihnachten, 1. Feiertag");
	/* folded inside a character, as octet counters do */
	assert_string_equal(
	    shown(state,
		CALENDAR(EVENT(
		    "DTSTART;VALUE=DATE:20261225\r\nSUMMARY:No\xc3\r\n \xabl\r\n"))),
	    "2026-12-25 No\xc3\xabl");
	assert_string_equal(
	    shown(state,
		"\xef\xbb\xbf"
		"BEGIN:VCALENDAR\nBEGIN:VEVENT\n"
		"DTSTART;VALUE=DATE:20261225\nEND:VEVENT\nEND:VCALENDAR\n"),
	    "2026-12-25 ");
}

static void
what_is_no_holiday_is_passed_over(void **state)
{
	assert_string_equal(
	    shown(state,
		CALENDAR(
		    "BEGIN:VTIMEZONE\r\nTZID:X\r\nBEGIN:STANDARD\r\n"
		    "DTSTART:19701025T030000\r\nRRULE:FREQ=DAILY\r\n"
		    "END:STANDARD\r\nEND:VTIMEZONE\r\n" EVENT(
			"DTSTART;VALUE=DATE:20261225\r\nSTATUS:CANCELLED\r\n")
			EVENT(
			    "DTSTART;VALUE=DATE:20261226\r\nBEGIN:VALARM\r\n"
			    "TRIGGER:-PT15M\r\nDURATION:PT1H\r\nEND:VALARM\r\n"
			    "CLASS:PUBLIC\r\nX-NOTHING:1\r\n"))),
	    "2026-12-26 ");
	assert_string_equal(shown(state, CALENDAR("")), "");
}

static void
a_fault_names_its_line(void **state)
{
	static const struct {
		const char *text, *says;
	} all[] = {
		{ "", "1: is not iCalendar" },
		{ "a,b\r\n2026-12-25,Christmas\r\n", "1: is not iCalendar" },
		{ CALENDAR(EVENT("DTSTART:20261225T100000Z\r\n")),
		    "4: DTSTART is not a whole day, such as "
		    "DTSTART;VALUE=DATE:20261225" },
		{ CALENDAR(EVENT("SUMMARY:a\r\n b\r\n c\r\n"
				 "DTSTART;VALUE=DATE:2026-12-25\r\n")),
		    "7: DTSTART is not a whole day, such as "
		    "DTSTART;VALUE=DATE:20261225" },
		{ CALENDAR(EVENT("SUMMARY:nothing\r\n")),
		    "3: is an event without DTSTART" },
		{ CALENDAR(EVENT("DTSTART;VALUE=DATE:20261225\r\n"
				 "DTEND;VALUE=DATE:20261224\r\n")),
		    "3: ends before it begins" },
		{ CALENDAR(EVENT("DTSTART;VALUE=DATE:20260101\r\n"
				 "DTEND;VALUE=DATE:20280101\r\n")),
		    "3: lasts for more than a year" },
		{ CALENDAR(EVENT("DTSTART;VALUE=DATE:20260101\r\n"
				 "DURATION:PT24H\r\n")),
		    "5: DURATION is not in whole days" },
		{ CALENDAR(EVENT("DTSTART;VALUE=DATE:20260101\r\n"
				 "RRULE:FREQ=WEEKLY\r\n")),
		    "5: RRULE is not yearly, which a holiday's is" },
		{ CALENDAR(EVENT("DTSTART;VALUE=DATE:20260101\r\n"
				 "RDATE;VALUE=DATE:20260102\r\n")),
		    "5: is a way to repeat that is not understood here" },
		{ CALENDAR(EVENT("SUMMARY:caf\xe9\r\n")),
		    "4: is not UTF-8 text" },
		{ CALENDAR(EVENT("nonsense\r\n")), "4: has no colon" },
		{ CALENDAR("END:VEVENT\r\n"), "3: ends what did not begin" },
		{ CALENDAR("BEGIN:VEVENT\r\n"), "4: ends what did not begin" },
		{ "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n",
		    "2: is the end, but something is open" },
		{ "BEGIN:VEVENT\r\nEND:VEVENT\r\n",
		    "1: comes before BEGIN:VCALENDAR" },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++)
		assert_string_equal(shown(state, all[i].text), all[i].says);
	/* a date that does not exist, in whatever words libical has for it */
	assert_int_equal(
	    read_text(state, CALENDAR(EVENT("DTSTART;VALUE=DATE:20260231\r\n")))
		->line,
	    4);
}

static void
a_fault_at_the_end_leaves_nothing(void **state)
{
	const struct ical *all = read_text(state,
	    CALENDAR(
		EVENT("DTSTART;VALUE=DATE:20261225\r\n") "END:VEVENT\r\n"));

	assert_int_equal(all->line, 6);
	assert_int_equal(all->count, 0);
}

static void
a_file_has_bounds(void **state)
{
	static char text[ICAL_SIZE_MAX + 1];
	const struct ical *all;
	size_t i, n = 0;

	memset(text, 'x', sizeof(text));
	all = ical_days(*state, text, sizeof(text), "2020-01-01", "2031-01-01");
	assert_string_equal(all->fault, "is too large a file");
	memset(text, '\n', sizeof(text));
	n = (size_t)snprintf(text, sizeof(text), "BEGIN:VCALENDAR\n");
	for (i = 0; i < 60; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20200101\n"
		    "DTEND;VALUE=DATE:20210101\nEND:VEVENT\n");
	all = ical_days(*state, text, n, "2020-01-01", "2031-01-01");
	assert_string_equal(all->fault, "is one date too many");
	n = (size_t)snprintf(text, sizeof(text), "BEGIN:VCALENDAR\n");
	for (i = 0; i < 200; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "BEGIN:VEVENT\nDTSTART;VALUE=DATE:15830101\n"
		    "RRULE:FREQ=YEARLY\nEND:VEVENT\n");
	all = ical_days(*state, text, n, "2020-01-01", "2031-01-01");
	assert_string_equal(all->fault, "repeats too often");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_day_is_a_day, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    several_days_end_before_their_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    yearly_is_repeated_within_the_bounds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    texts_are_unfolded_and_unescaped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_is_no_holiday_is_passed_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_fault_names_its_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_fault_at_the_end_leaves_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_file_has_bounds, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("ical", tests, NULL, NULL);
}
