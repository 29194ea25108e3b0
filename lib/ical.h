#ifndef ICAL_H
#define ICAL_H

#include <stddef.h>

/*
 * Holidays out of an iCalendar file (RFC 5545), as calendar programs export
 * them: the dates of its VEVENTs, whole days only, also those that RRULE with
 * FREQ=YEARLY repeats.  libical reads the values; the lines are counted here,
 * because a fault that names no line helps nobody.
 *
 * Nothing is guessed: an event with a time of day, a rule that is not
 * yearly, a text that is not UTF-8, an end without its beginning are faults,
 * and then there are no dates at all.  What a calendar has besides events
 * (zones, tasks, alarms) is passed over, and so are events that were
 * cancelled.  Everything belongs to the arena.
 */
struct arena;

#define ICAL_SIZE_MAX (1024 * 1024) /* bytes of a file */
#define ICAL_DAYS_MAX 20000         /* dates of a file */
#define ICAL_NAME_MAX 800           /* bytes of a name, cut behind it */

struct ical_day {
	char date[sizeof("2026-12-25")];
	const char *name; /* UTF-8, "" without any */
};

struct ical {
	const struct ical_day *days;
	size_t count;
	const char *fault; /* NULL, or what is wrong, in words */
	int line;          /* where that is, from 1 */
};

/*
 * The dates from `from` up to but not including `until` (both YYYY-MM-DD),
 * event by event in the order of the file; one date may come twice.
 */
const struct ical *ical_days(struct arena *, const char *text, size_t size,
    const char *from, const char *until);

#endif
