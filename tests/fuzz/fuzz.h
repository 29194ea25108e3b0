#ifndef FUZZ_H
#define FUZZ_H

/* What every fuzz target has: two entries for libFuzzer, and how it fails. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void
insist(bool truth)
{
	if (!truth)
		abort();
}

#endif
