/*
 * iCalendar files, fed with anything: either a fault that names a line of the
 * file and no date, or dates that exist, within the bounds asked for, with
 * names that are UTF-8.
 */
#include <string.h>

#include "arena.h"
#include "form.h"
#include "fuzz.h"
#include "ical.h"

static void
check_day(const struct ical_day *day)
{
	insist(strlen(day->date) == 10);
	insist(strspn(day->date, "0123456789-") == 10);
	insist(strcmp(day->date, "2000-01-01") >= 0);
	insist(strcmp(day->date, "2037-01-01") < 0);
	insist(form_utf8(day->name, strlen(day->name)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(4096);
	const struct ical *all =
	    ical_days(a, (const char *)data, size, "2000-01-01", "2037-01-01");
	size_t i;

	insist(all->count <= ICAL_DAYS_MAX);
	if (all->fault != NULL) {
		insist(all->count == 0);
		insist(all->line >= 1 && (size_t)all->line <= size + 1);
	}
	for (i = 0; i < all->count; i++)
		check_day(&all->days[i]);
	arena_free(a);
	return 0;
}
