/*
 * FastCGI records, fed with anything: whatever stands on the socket, the
 * worker hangs up or answers, in records that are whole, and is there for the
 * next visitor.
 */
#include "worker.h"

static int
say(struct request *r)
{
	return web_send(r, 200, "text/plain", r->body, r->body_size);
}

static const struct route routes[] = {
	{ "GET", "/", say, WEB_PUBLIC },
	{ "POST", "/a/:part", say, WEB_PRIVATE },
	{ NULL, NULL, NULL, WEB_PRIVATE },
};

static const struct program program = {
	.name = "fuzz",
	.routes = routes,
	.body_max = 4096,
};

/* GET /, as a web server sends it. */
static const unsigned char sound[] = "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0"
				     "\1\4\0\1\0\43\0\0"
				     "\16\3REQUEST_METHODGET"
				     "\13\1REQUEST_URI/"
				     "\0\0\1\4\0\1\0\0\0\0\1\5\0\1\0\0\0\0";

/* Records of version 1, each with all its content, up to the last byte. */
static void
check_records(const unsigned char *p, size_t size)
{
	while (size > 0) {
		size_t whole;

		insist(size >= 8 && p[0] == 1);
		whole = 8 + (size_t)(p[4] << 8 | p[5]) + p[6];
		insist(size >= whole);
		p += whole;
		size -= whole;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_records(fuzz_answer, talk(&program, data, size));
	insist(talk(&program, sound, sizeof(sound) - 1) > 0);
	insist(memcmp(fuzz_answer + 8, "Status: 200\r\n", 13) == 0);
	return 0;
}
