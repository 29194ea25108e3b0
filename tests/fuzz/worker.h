/*
 * A worker for fuzz targets: the skeleton of lib/web.c behind a real socket,
 * without a database and templates.  It starts by itself.  The target gives the
 * routes; talk() sends bytes as a web server would and gives what came back.
 */
#include <assert.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../lib/web.c"
#include "../lib/web-alone.h"
#include "fuzz.h"

#define ANSWER_MAX (256 * 1024)

static const struct conf fuzz_conf = {
	.url = "https://desk.example",
	.name = "Nightdesk",
	.secure = true,
};
static struct reply fuzz_reply;
static struct request fuzz_request;
static struct sockaddr_un fuzz_place;
static unsigned char fuzz_answer[ANSWER_MAX];

/*
 * What libfcgi 2.4.2 does with a request whose parameters break off, or claim
 * to be longer than the memory: the one loses 48 bytes, the other ends the
 * worker by an assertion, and the next one takes over.  Only a web server can
 * ask so; here the worker begins anew.
 */
static jmp_buf fuzz_gone;

const char *__lsan_default_suppressions(void);
const char *__asan_default_options(void);
_Noreturn void __assert_fail(
    const char *, const char *, unsigned, const char *);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libfcgi.so\n";
}

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1:max_allocation_size_mb=64";
}

_Noreturn void
__assert_fail(
    const char *what, const char *file, unsigned line, const char *function)
{
	(void)line;
	(void)function;
	if (strcmp(file, "fcgiapp.c") != 0 || strstr(what, "result") == NULL)
		abort();
	longjmp(fuzz_gone, 1);
}

/* What the skeleton needs of modules that are not here. */

void
log_open(const char *program)
{
	(void)program;
}

void
log_request(const char *id)
{
	(void)id;
}

void
log_info(const char *fmt, ...)
{
	(void)fmt;
}

void
log_warn(const char *fmt, ...)
{
	(void)fmt;
}

/* Nothing that a visitor sends may end a worker. */
void
log_fatal(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

const struct conf *
conf_read(void)
{
	return &fuzz_conf;
}

int
page_error(struct request *r, int status)
{
	return web_send(r, status, "text/html; charset=utf-8", "no", 2);
}

void
fence_start(void)
{
}

void
fence_close(enum fence_kind kind)
{
	(void)kind;
}

/* The listener takes the place of standard input, as a spawner does it. */
int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	char directory[] = "/tmp/nightdesk-fuzz.XXXXXX";

	(void)argc;
	(void)argv;
	insist(mkdtemp(directory) != NULL);
	fuzz_place.sun_family = AF_UNIX;
	snprintf(fuzz_place.sun_path, sizeof(fuzz_place.sun_path), "%s/socket",
	    directory);
	insist(listener >= 0 &&
	       bind(listener, (struct sockaddr *)&fuzz_place,
		   sizeof(fuzz_place)) == 0 &&
	       listen(listener, 8) == 0 && dup2(listener, LISTENER) == 0);
	close(listener);
	fuzz_request.reply = &fuzz_reply;
	fuzz_request.conf = &fuzz_conf;
	fuzz_request.arena = arena_new(4096);
	start_listening(&fuzz_reply);
	return 0;
}

static size_t
read_and_close(int fd)
{
	size_t size = 0;
	ssize_t n;

	while ((n = read(fd, fuzz_answer + size, ANSWER_MAX - size)) > 0)
		size += (size_t)n;
	insist(n == 0 && size < ANSWER_MAX);
	close(fd);
	return size;
}

/*
 * One connection from its beginning to its end.  Returns the bytes that came
 * back, 0 where the worker hung up; it must be there for the next one.
 */
static size_t
talk(const struct program *program, const void *bytes, size_t size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	insist(fd >= 0 && connect(fd, (struct sockaddr *)&fuzz_place,
			      sizeof(fuzz_place)) == 0);
	insist(
	    size == 0 || send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size);
	shutdown(fd, SHUT_WR);
	if (setjmp(fuzz_gone) != 0) {
		close(fuzz_reply.fcgi.ipcFd);
		start_listening(&fuzz_reply);
		return read_and_close(fd);
	}
	/* More than once where it shall keep the connection. */
	while (FCGX_Accept_r(&fuzz_reply.fcgi) == 0)
		serve(program, &fuzz_request);
	return read_and_close(fd);
}
