#include "ical.h"

#include <libical/ical.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "arena.h"
#include "form.h"

#define NESTED_MAX 16   /* components in components */
#define EVENT_MAX 366   /* days that one event may last */
#define STEPS_MAX 50000 /* repetitions looked at, of all events together */
#define YEAR_FIRST 1583 /* of the Gregorian calendar, and of libical's sums */
#define YEAR_LAST 2200

struct line {
	const char *text; /* unfolded, NUL-terminated */
	int number;       /* of its first piece */
};

struct event {
	struct icaltimetype start, end; /* end: the first date after it */
	struct icalrecurrencetype rule;
	const char *name;
	int line; /* where it begins */
	int days; /* by DURATION, 0 without */
	bool has_start, has_end, has_rule, is_cancelled;
};

struct reader {
	struct arena *arena;
	const char *next, *stop;
	int line; /* the number of the line at `next` */
	const char *open[NESTED_MAX];
	int depth;
	struct event event;
	const char *from, *until;
	struct ical_day *days;
	size_t size; /* of `days`, counted in days */
	int steps;
	struct ical *result;
};

/* The first fault counts; false, for the caller to return. */
static bool
fault(struct reader *r, int line, const char *words)
{
	if (r->result->fault == NULL) {
		r->result->fault = words;
		r->result->line = line;
	}
	return false;
}

/* Copy a piece without its line end; the reader moves to the next line. */
static size_t
take_piece(struct reader *r, char *to)
{
	const char *end = memchr(r->next, '\n', (size_t)(r->stop - r->next));
	size_t length = (size_t)((end != NULL ? end : r->stop) - r->next);

	memcpy(to, r->next, length);
	r->next = end != NULL ? end + 1 : r->stop;
	r->line++;
	if (length > 0 && to[length - 1] == '\r')
		length--;
	return length;
}

/* False at the end of the file. */
static bool
next_line(struct reader *r, struct line *line)
{
	const char *end;
	char *text;
	size_t length;

	if (r->next == r->stop)
		return false;
	line->number = r->line;
	/* A first look for the size: to the line that continues none. */
	end = r->next;
	do {
		end = memchr(end, '\n', (size_t)(r->stop - end));
		end = end != NULL ? end + 1 : r->stop;
	} while (end < r->stop && (*end == ' ' || *end == '\t'));
	text = arena_alloc(r->arena, (size_t)(end - r->next) + 1);
	length = take_piece(r, text);
	while (r->next < end) {
		r->next++; /* the blank that marks the continuation */
		length += take_piece(r, text + length);
	}
	text[length] = '\0';
	line->text = text;
	if (strlen(text) != length || !form_utf8(text, length))
		fault(r, line->number, "is not UTF-8 text");
	return r->result->fault == NULL;
}

static bool
is_named(const char *line, const char *name)
{
	size_t n = strlen(name);

	return strncasecmp(line, name, n) == 0 &&
	       (line[n] == ':' || line[n] == ';');
}

/*
 * A whole date that exists, written as it should be: libical reads much else
 * as a date, and not always the one that was meant.
 */
static bool
is_date(struct icaltimetype t, const struct line *line)
{
	const char *value = strrchr(line->text, ':') + 1;

	return strlen(value) == 8 && strspn(value, "0123456789") == 8 &&
	       t.is_date && t.year >= YEAR_FIRST && t.year <= YEAR_LAST &&
	       t.month >= 1 && t.month <= 12 && t.day >= 1 &&
	       t.day <= icaltime_days_in_month(t.month, t.year);
}

static bool
take_start(struct reader *r, const struct line *line, icalproperty *p)
{
	r->event.start = icalproperty_get_dtstart(p);
	if (!is_date(r->event.start, line))
		return fault(r, line->number,
		    "DTSTART is not a whole day, such as "
		    "DTSTART;VALUE=DATE:20261225");
	r->event.has_start = true;
	return true;
}

static bool
take_end(struct reader *r, const struct line *line, icalproperty *p)
{
	r->event.end = icalproperty_get_dtend(p);
	if (!is_date(r->event.end, line))
		return fault(r, line->number, "DTEND is not a whole day");
	r->event.has_end = true;
	return true;
}

static bool
take_duration(struct reader *r, const struct line *line, icalproperty *p)
{
	struct icaldurationtype d = icalproperty_get_duration(p);

	if (d.is_neg || d.hours != 0 || d.minutes != 0 || d.seconds != 0 ||
	    d.weeks > EVENT_MAX || d.days > EVENT_MAX ||
	    d.weeks * 7 + d.days == 0)
		return fault(r, line->number, "DURATION is not in whole days");
	r->event.days = (int)(d.weeks * 7 + d.days);
	return true;
}

static bool
take_rule(struct reader *r, const struct line *line, icalproperty *p)
{
	r->event.rule = icalproperty_get_rrule(p);
	if (r->event.rule.freq != ICAL_YEARLY_RECURRENCE ||
	    r->event.rule.interval < 1)
		return fault(r, line->number,
		    "RRULE is not yearly, which a holiday's is");
	if (r->event.rule.rscale != NULL)
		return fault(r, line->number,
		    "RRULE counts the years of another calendar");
	r->event.has_rule = true;
	return true;
}

static bool
take_name(struct reader *r, const struct line *line, icalproperty *p)
{
	const char *name = icalproperty_get_summary(p);
	size_t n = name != NULL ? strlen(name) : 0;

	(void)line;
	/* One name may stand beside many dates. */
	if (n > ICAL_NAME_MAX)
		for (n = ICAL_NAME_MAX; (name[n] & 0xc0) == 0x80; n--)
			;
	r->event.name =
	    arena_printf(r->arena, "%.*s", (int)n, n > 0 ? name : "");
	return true;
}

static bool
take_status(struct reader *r, const struct line *line, icalproperty *p)
{
	(void)line;
	r->event.is_cancelled =
	    icalproperty_get_status(p) == ICAL_STATUS_CANCELLED;
	return true;
}

/* What libical must read, and what would change the dates if it were left. */
static const struct {
	const char *name;
	icalproperty_kind kind;
	bool (*take)(struct reader *, const struct line *, icalproperty *);
} known[] = {
	{ "DTSTART", ICAL_DTSTART_PROPERTY, take_start },
	{ "DTEND", ICAL_DTEND_PROPERTY, take_end },
	{ "DURATION", ICAL_DURATION_PROPERTY, take_duration },
	{ "RRULE", ICAL_RRULE_PROPERTY, take_rule },
	{ "SUMMARY", ICAL_SUMMARY_PROPERTY, take_name },
	{ "STATUS", ICAL_STATUS_PROPERTY, take_status },
	{ "RDATE", ICAL_NO_PROPERTY, NULL },
	{ "EXDATE", ICAL_NO_PROPERTY, NULL },
	{ "EXRULE", ICAL_NO_PROPERTY, NULL },
	{ "RECURRENCE-ID", ICAL_NO_PROPERTY, NULL },
};

static bool
take_property(struct reader *r, const struct line *line)
{
	icalproperty *p;
	size_t i;
	bool done;

	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (is_named(line->text, known[i].name))
			break;
	if (i == sizeof(known) / sizeof(*known))
		return true;
	if (known[i].take == NULL)
		return fault(r, line->number,
		    "is a way to repeat that is not understood here");
	p = icalproperty_new_from_string(line->text);
	if (p == NULL)
		return fault(r, line->number, "cannot be read");
	done = icalproperty_isa(p) == known[i].kind
	           ? known[i].take(r, line, p)
	           : fault(r, line->number, "cannot be read");
	icalproperty_free(p);
	return done;
}

static bool
add_day(struct reader *r, struct icaltimetype day)
{
	struct ical *all = r->result;
	struct ical_day *d, *more;
	char date[32];

	snprintf(
	    date, sizeof(date), "%04d-%02d-%02d", day.year, day.month, day.day);
	if (strcmp(date, r->from) < 0 || strcmp(date, r->until) >= 0)
		return true;
	if (all->count == ICAL_DAYS_MAX)
		return fault(r, r->event.line, "is one date too many");
	if (all->count == r->size) {
		r->size = r->size == 0 ? 64 : r->size * 2;
		more = arena_alloc(r->arena, r->size * sizeof(*more));
		if (all->count > 0)
			memcpy(more, r->days, all->count * sizeof(*more));
		all->days = r->days = more;
	}
	d = &r->days[all->count++];
	memcpy(d->date, date, sizeof(d->date) - 1);
	d->name = r->event.name;
	return true;
}

static bool
add_event(struct reader *r, struct icaltimetype day)
{
	int i;

	for (i = 0; i < r->event.days; i++) {
		if (!add_day(r, day))
			return false;
		icaltime_adjust(&day, 1, 0, 0, 0);
	}
	return true;
}

static bool
repeat_event(struct reader *r)
{
	icalrecur_iterator *each =
	    icalrecur_iterator_new(r->event.rule, r->event.start);
	struct icaltimetype day;
	bool done = true;
	int last = atoi(r->until);

	if (each == NULL)
		return fault(r, r->event.line, "repeats in no way known");
	for (day = icalrecur_iterator_next(each);
	     done && !icaltime_is_null_time(day) && day.year <= last;
	     day = icalrecur_iterator_next(each)) {
		if (r->steps++ == STEPS_MAX)
			done = fault(r, r->event.line, "repeats too often");
		else
			done = add_event(r, day);
	}
	icalrecur_iterator_free(each);
	return done;
}

/* How long it lasts: by DTEND, by DURATION, or one day. */
static bool
measure_event(struct reader *r)
{
	struct event *e = &r->event;
	struct icaltimetype day = e->start;

	if (!e->has_end) {
		if (e->days == 0)
			e->days = 1;
		return e->days <= EVENT_MAX ||
		       fault(r, e->line, "lasts for more than a year");
	}
	if (icaltime_compare_date_only(e->end, e->start) < 0)
		return fault(r, e->line, "ends before it begins");
	e->days = 0;
	while (icaltime_compare_date_only(day, e->end) < 0) {
		if (e->days++ == EVENT_MAX)
			return fault(r, e->line, "lasts for more than a year");
		icaltime_adjust(&day, 1, 0, 0, 0);
	}
	if (e->days == 0) /* many programs write the last day itself */
		e->days = 1;
	return true;
}

static bool
end_event(struct reader *r)
{
	if (r->event.is_cancelled)
		return true;
	if (!r->event.has_start)
		return fault(r, r->event.line, "is an event without DTSTART");
	if (!measure_event(r))
		return false;
	return r->event.has_rule ? repeat_event(r)
	                         : add_event(r, r->event.start);
}

static bool
in_event(const struct reader *r)
{
	return r->depth == 2 && strcasecmp(r->open[1], "VEVENT") == 0;
}

static bool
begin(struct reader *r, const struct line *line)
{
	const char *name = line->text + strlen("BEGIN:");

	if (r->depth == NESTED_MAX)
		return fault(r, line->number, "is nested too deeply");
	if ((r->depth == 0) != (strcasecmp(name, "VCALENDAR") == 0))
		return fault(r, line->number,
		    r->depth == 0 ? "comes before BEGIN:VCALENDAR"
				  : "begins a calendar within a calendar");
	r->open[r->depth++] = name;
	if (in_event(r)) {
		memset(&r->event, 0, sizeof(r->event));
		r->event.name = "";
		r->event.line = line->number;
	}
	return true;
}

static bool
end(struct reader *r, const struct line *line)
{
	const char *name = line->text + strlen("END:");

	if (r->depth == 0 || strcasecmp(r->open[r->depth - 1], name) != 0)
		return fault(r, line->number, "ends what did not begin");
	if (in_event(r) && !end_event(r))
		return false;
	r->depth--;
	return true;
}

static bool
take_line(struct reader *r, const struct line *line)
{
	if (is_named(line->text, "BEGIN"))
		return begin(r, line);
	if (is_named(line->text, "END"))
		return end(r, line);
	if (*line->text == '\0')
		return true;
	if (r->depth == 0)
		return fault(r, line->number, "is not iCalendar");
	if (strchr(line->text, ':') == NULL)
		return fault(r, line->number, "has no colon");
	return !in_event(r) || take_property(r, line);
}

static void
read_all(struct reader *r)
{
	struct line line;
	bool any = false;

	while (next_line(r, &line)) {
		any = any || is_named(line.text, "BEGIN");
		if (!take_line(r, &line))
			return;
	}
	if (r->result->fault != NULL)
		return;
	if (!any)
		fault(r, 1, "is not iCalendar");
	else if (r->depth > 0)
		fault(r, r->line - 1, "is the end, but something is open");
}

const struct ical *
ical_days(struct arena *a, const char *text, size_t size, const char *from,
    const char *until)
{
	static const char mark[] = "\xef\xbb\xbf"; /* U+FEFF, of some editors */
	struct reader r = {
		.arena = a,
		.next = text,
		.stop = text + size,
		.line = 1,
		.from = from,
		.until = until,
		.result = arena_alloc(a, sizeof(*r.result)),
	};

	icalerror_set_errors_are_fatal(false);
	if (size > ICAL_SIZE_MAX)
		fault(&r, 1, "is too large a file");
	else {
		if (size >= 3 && memcmp(text, mark, 3) == 0)
			r.next += 3;
		read_all(&r);
	}
	icalmemory_free_ring();
	if (r.result->fault != NULL) {
		r.result->days = NULL;
		r.result->count = 0;
	}
	return r.result;
}
