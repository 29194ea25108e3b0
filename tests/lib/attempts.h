/*
 * What somebody would try who has taken a program over: each attempt returns
 * 0 when it worked, or errno.  For tests/unit/fence.c, which knows what should
 * come of each, and for tests/lib/probe.c, which makes them inside the real
 * programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* The memory of a page, made while it is still allowed to try with it. */
#define PAGE_BYTES 4096

/* A directory with a file "here" and a directory "inner" with one. */
static const char *attempt_place = "/nowhere";

static const char *
attempt_path(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", attempt_place, name);
	return path;
}

static int
errno_of(long result)
{
	return result < 0 ? errno : 0;
}

static int
open_it(const char *path, int flags)
{
	int fd = open(path, flags, 0600), result = errno_of(fd);

	if (fd >= 0)
		close(fd);
	return result;
}

static int
read_system(void)
{
	return open_it("/etc/passwd", O_RDONLY);
}

static int
read_file(void)
{
	return open_it(attempt_path("here"), O_RDONLY);
}

static int
list_directory(void)
{
	return open_it("/", O_RDONLY | O_DIRECTORY);
}

static int
write_file(void)
{
	return open_it(attempt_path("here"), O_WRONLY);
}

static int
make_file(void)
{
	return open_it(attempt_path("new"), O_WRONLY | O_CREAT | O_EXCL);
}

static int
open_by_another_call(void)
{
	const struct {
		unsigned long long flags, mode, resolve;
	} how = { O_WRONLY, 0, 0 };

	return errno_of(syscall(
	    SYS_openat2, AT_FDCWD, attempt_path("here"), &how, sizeof(how)));
}

static int
rename_file(void)
{
	char from[256];

	snprintf(from, sizeof(from), "%s", attempt_path("here"));
	return errno_of(rename(from, attempt_path("here-2")));
}

static int
remove_file(void)
{
	return errno_of(unlink(attempt_path("here-2")));
}

static int
remove_directory(void)
{
	return errno_of(rmdir(attempt_path("empty")));
}

static int
change_mode(void)
{
	return errno_of(chmod(attempt_path("here"), 0640));
}

static int
socket_of(int family, int type)
{
	int fd = socket(family, type, 0), result = errno_of(fd);

	if (fd >= 0)
		close(fd);
	return result;
}

static int
socket_inet(void)
{
	return socket_of(AF_INET, SOCK_STREAM);
}

static int
socket_unix(void)
{
	return socket_of(AF_UNIX, SOCK_STREAM);
}

static int
socket_routes(void)
{
	return socket_of(AF_NETLINK, SOCK_RAW);
}

/* Of the kernel's other interfaces, where most of its holes were. */
static int
socket_audit(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
	int result = errno_of(fd);

	if (fd >= 0)
		close(fd);
	return result;
}

static int
socket_crypto(void)
{
	return socket_of(AF_ALG, SOCK_SEQPACKET);
}

/* On a socket from before, as a worker has them. */
static int
connect_inherited(int fd)
{
	const struct sockaddr_un nobody = { .sun_family = AF_UNIX };

	return errno_of(
	    connect(fd, (const struct sockaddr *)&nobody, sizeof(nobody)));
}

static int
connect_standard_input(void)
{
	int result = connect_inherited(STDIN_FILENO);

	return result == EPERM || result == EACCES ? result : 0;
}

static int
serve_others(void)
{
	const struct sockaddr_in here = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), result = errno_of(fd);

	if (fd < 0)
		return result;
	result =
	    errno_of(bind(fd, (const struct sockaddr *)&here, sizeof(here)));
	if (result == 0)
		result = errno_of(listen(fd, 1));
	close(fd);
	return result;
}

static int
make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return errno;
	waitpid(pid, NULL, 0);
	return 0;
}

static void *
nothing(void *unused)
{
	return unused;
}

static int
make_thread(void)
{
	pthread_t thread;
	int result = pthread_create(&thread, NULL, nothing, NULL);

	if (result == 0)
		pthread_join(thread, NULL);
	/* what glibc makes of a refusal */
	return result == EAGAIN ? EPERM : result;
}

static int
signal_parent(void)
{
	return errno_of(kill(getppid(), 0));
}

static int
raise_limits(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	return errno_of(setrlimit(RLIMIT_CORE, &limit));
}

static int
change_user(void)
{
	return errno_of(setuid(getuid()));
}

static int
run_program(void)
{
	static char name[] = "true";
	char *const argv[] = { name, NULL };
	static char *const environment[] = { NULL };

	execve("/bin/true", argv, environment);
	return errno;
}

static int
run_descriptor(void)
{
	static char *const none[] = { NULL };

	return errno_of(
	    syscall(SYS_execveat, STDIN_FILENO, "", none, none, AT_EMPTY_PATH));
}

static int
map(int protection)
{
	void *p = mmap(
	    NULL, PAGE_BYTES, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return errno;
	munmap(p, PAGE_BYTES);
	return 0;
}

static int
map_code(void)
{
	return map(PROT_READ | PROT_EXEC);
}

static int
map_code_to_write(void)
{
	return map(PROT_READ | PROT_WRITE | PROT_EXEC);
}

static int
make_code(void)
{
	void *p = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int result;

	if (p == MAP_FAILED)
		return errno;
	result = errno_of(mprotect(p, PAGE_BYTES, PROT_READ | PROT_EXEC));
	munmap(p, PAGE_BYTES);
	return result;
}

static int
make_hidden_file(void)
{
	return errno_of(syscall(SYS_memfd_create, "x", 0));
}

static int
trace_somebody(void)
{
	return errno_of(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
read_memory(void)
{
	char to[1], from[1] = { 'x' };
	const struct iovec a = { to, 1 }, b = { from, 1 };

	return errno_of(process_vm_readv(getpid(), &a, 1, &b, 1, 0));
}

static int
write_memory(void)
{
	char to[1], from[1] = { 'x' };
	const struct iovec a = { from, 1 }, b = { to, 1 };

	return errno_of(process_vm_writev(getpid(), &a, 1, &b, 1, 0));
}

static int
leave_namespace(void)
{
	return errno_of(unshare(CLONE_FILES));
}

/* Each of these gives an error of its own for such arguments. */
static int
load_bpf(void)
{
	syscall(SYS_bpf, -1, NULL, 0);
	return 0;
}

static int
use_ring(void)
{
	syscall(SYS_io_uring_setup, 0, NULL);
	return 0;
}

static int
catch_faults(void)
{
	syscall(SYS_userfaultfd, -1);
	return 0;
}

/* What must go on. */
static int
work(void)
{
	struct timespec t;
	char *much = malloc(64 * 1024 * 1024), byte;
	int result = 0;

	if (much == NULL)
		return ENOMEM;
	memset(much, 1, 64 * 1024 * 1024);
	if ((much = realloc(much, 1024)) == NULL)
		return ENOMEM;
	free(much);
	if (clock_gettime(CLOCK_REALTIME, &t) != 0 ||
	    syscall(SYS_getrandom, &byte, 1, 0) != 1 ||
	    write(STDERR_FILENO, "", 0) != 0)
		result = errno;
	return result;
}

static const struct attempt {
	const char *name;
	int (*try)(void);
	bool deadly; /* behind a fence, at least one of them */
} attempts[] = {
	{ "work", work, false },
	{ "read /etc/passwd", read_system, false },
	{ "read a file", read_file, false },
	{ "list a directory", list_directory, false },
	{ "write to a file", write_file, false },
	{ "make a file", make_file, false },
	{ "open by another call", open_by_another_call, false },
	{ "change a mode", change_mode, false },
	{ "rename a file", rename_file, false },
	{ "remove a file", remove_file, false },
	{ "remove a directory", remove_directory, false },
	{ "make a socket for the network", socket_inet, false },
	{ "make a local socket", socket_unix, false },
	{ "ask for routes", socket_routes, false },
	{ "make a socket of the kernel's audit", socket_audit, false },
	{ "make a socket of the kernel's ciphers", socket_crypto, false },
	{ "connect a socket from before", connect_standard_input, false },
	{ "serve others", serve_others, false },
	{ "make a process", make_process, false },
	{ "make a thread", make_thread, false },
	{ "signal the parent", signal_parent, false },
	{ "set limits", raise_limits, false },
	{ "change the user", change_user, false },
	{ "run a program", run_program, true },
	{ "run a descriptor", run_descriptor, true },
	{ "map code", map_code, true },
	{ "map code to write", map_code_to_write, true },
	{ "make code of data", make_code, true },
	{ "make a hidden file", make_hidden_file, true },
	{ "be traced", trace_somebody, true },
	{ "read memory of a process", read_memory, true },
	{ "write memory of a process", write_memory, true },
	{ "leave a namespace", leave_namespace, true },
	{ "load a program into the kernel", load_bpf, true },
	{ "use a ring of calls", use_ring, true },
	{ "catch page faults", catch_faults, true },
};

#define ATTEMPTS (sizeof(attempts) / sizeof(*attempts))
