#ifndef KEYS_H
#define KEYS_H

/* A keyring for targets that make tokens or look at them. */
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "fuzz.h"
#include "token.h"

static inline void
start_keys(void)
{
	static const char key[] = "01:000102030405060708090a0b0c0d0e0f"
				  "101112131415161718191a1b1c1d1e1f\n";
	char file[] = "/tmp/nightdesk-fuzz.XXXXXX";
	struct conf conf = { .keyring = file };
	int fd = mkstemp(file);

	insist(fd >= 0 && write(fd, key, strlen(key)) == (long)strlen(key));
	close(fd);
	token_start(&conf);
	unlink(file);
}

#endif
