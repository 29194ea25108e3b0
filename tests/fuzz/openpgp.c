/*
 * OpenPGP messages made of anything: whatever is accepted is binary packets
 * that are accepted again as they are, and as armour of ours.
 */
#include <string.h>

#include "arena.h"
#include "fuzz.h"
#include "openpgp.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* those that the seeds are encrypted for */
	static const uint64_t keys[] = { 0xfae5f63119d381e6,
		0x2fbac6fdbdf0f505 };
	struct arena *a = arena_new(4096);
	const unsigned char *packets = NULL, *again = NULL;
	size_t length = 0, n = 0;
	const char *armor;
	enum openpgp verdict;

	verdict = openpgp_check(a, data, size, keys, 2, &packets, &length);
	insist((verdict == OPENPGP_SEALED) == (packets != NULL));
	insist((verdict == OPENPGP_SEALED) == (openpgp_words(verdict) == NULL));
	if (verdict == OPENPGP_SEALED) {
		insist(length > 0 && length <= size);
		verdict =
		    openpgp_check(a, packets, length, keys, 2, &again, &n);
		insist(verdict == OPENPGP_SEALED && n == length);
		armor = openpgp_armor(a, "MESSAGE", packets, length);
		verdict =
		    openpgp_check(a, armor, strlen(armor), keys, 2, &again, &n);
		insist(verdict == OPENPGP_SEALED && n == length);
		insist(memcmp(again, packets, n) == 0);
		insist(openpgp_check(a, armor, strlen(armor), NULL, 0, &again,
			   &n) == OPENPGP_STRANGER);
	}
	arena_free(a);
	return 0;
}
