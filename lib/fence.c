#define _GNU_SOURCE /* O_PATH, syscall() */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fence.h"
#include "log.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZER true
#else
#define SANITIZER false
#endif

#define DESCRIPTORS 256 /* PostgreSQL, a visitor, the log, and some */

/* Any kind of fence, as bits. */
#define WEB (1U << FENCE_WEB)
#define COMMAND (1U << FENCE_COMMAND)
#define NETWORK (1U << FENCE_NETWORK)
#define ALL (WEB | COMMAND | NETWORK)
#define REPORTS (1U << 8) /* of the address sanitizer */
#define PLACE (1U << 9)   /* a directory is left open */

/* System calls ------------------------------------------------------------- */

/* What is left, whatever its arguments are.  All else fails with EPERM. */
static const struct left {
	int call;
	unsigned who;
} left[] = {
	/* what was opened before */
	{ SCMP_SYS(read), ALL },
	{ SCMP_SYS(readv), ALL },
	{ SCMP_SYS(write), ALL },
	{ SCMP_SYS(writev), ALL },
	{ SCMP_SYS(lseek), ALL },
	{ SCMP_SYS(_llseek), ALL },
	{ SCMP_SYS(close), ALL },
	{ SCMP_SYS(fcntl), ALL },
	{ SCMP_SYS(fcntl64), ALL },
	{ SCMP_SYS(fstat), ALL },
	{ SCMP_SYS(fstat64), ALL },
	{ SCMP_SYS(recv), ALL },
	{ SCMP_SYS(recvfrom), ALL },
	{ SCMP_SYS(send), ALL },
	{ SCMP_SYS(sendto), ALL },
	{ SCMP_SYS(shutdown), ALL },
	{ SCMP_SYS(getsockopt), ALL },
	{ SCMP_SYS(getsockname), ALL },
	{ SCMP_SYS(getpeername), ALL },
	{ SCMP_SYS(poll), ALL },
	{ SCMP_SYS(ppoll), ALL },
	{ SCMP_SYS(ppoll_time64), ALL },
	{ SCMP_SYS(select), ALL },
	{ SCMP_SYS(_newselect), ALL },
	{ SCMP_SYS(pselect6), ALL },
	{ SCMP_SYS(pselect6_time64), ALL },

	/* memory, signals, the clock */
	{ SCMP_SYS(brk), ALL },
	{ SCMP_SYS(munmap), ALL },
	{ SCMP_SYS(mremap), ALL },
	{ SCMP_SYS(madvise), ALL },
	{ SCMP_SYS(futex), ALL },
	{ SCMP_SYS(futex_time64), ALL },
	{ SCMP_SYS(rt_sigaction), ALL },
	{ SCMP_SYS(rt_sigpending), ALL },
	{ SCMP_SYS(rt_sigprocmask), ALL },
	{ SCMP_SYS(rt_sigreturn), ALL },
	{ SCMP_SYS(rt_sigtimedwait), ALL },
	{ SCMP_SYS(rt_sigtimedwait_time64), ALL },
	{ SCMP_SYS(sigreturn), ALL },
	{ SCMP_SYS(clock_getres), ALL },
	{ SCMP_SYS(clock_getres_time64), ALL },
	{ SCMP_SYS(clock_gettime), ALL },
	{ SCMP_SYS(clock_gettime64), ALL },
	{ SCMP_SYS(clock_nanosleep), ALL },
	{ SCMP_SYS(clock_nanosleep_time64), ALL },
	{ SCMP_SYS(gettimeofday), ALL },
	{ SCMP_SYS(nanosleep), ALL },
	{ SCMP_SYS(time), ALL },
	{ SCMP_SYS(getrandom), ALL },
	{ SCMP_SYS(getrusage), ALL }, /* libgcrypt stirs with it */
	{ SCMP_SYS(getpid), ALL },
	{ SCMP_SYS(gettid), ALL },
	{ SCMP_SYS(restart_syscall), ALL },
	{ SCMP_SYS(exit), ALL },
	{ SCMP_SYS(exit_group), ALL },

	{ SCMP_SYS(accept), WEB },
	{ SCMP_SYS(accept4), WEB },

	{ SCMP_SYS(rename), PLACE },
	{ SCMP_SYS(renameat), PLACE },
	{ SCMP_SYS(renameat2), PLACE },
	{ SCMP_SYS(unlink), PLACE },
	{ SCMP_SYS(unlinkat), PLACE },

	/* of files landlock says which; to the network there are no limits
	 * but those of the families below and of hook.h */
	{ SCMP_SYS(access), NETWORK },
	{ SCMP_SYS(connect), NETWORK },
	{ SCMP_SYS(eventfd2), NETWORK },
	{ SCMP_SYS(faccessat), NETWORK },
	{ SCMP_SYS(faccessat2), NETWORK },
	{ SCMP_SYS(getdents64), NETWORK | REPORTS },
	{ SCMP_SYS(getegid), NETWORK },
	{ SCMP_SYS(geteuid), NETWORK },
	{ SCMP_SYS(getgid), NETWORK },
	{ SCMP_SYS(getuid), NETWORK },
	{ SCMP_SYS(lstat), NETWORK | REPORTS },
	{ SCMP_SYS(lstat64), NETWORK | REPORTS },
	{ SCMP_SYS(newfstatat), NETWORK | REPORTS },
	{ SCMP_SYS(fstatat64), NETWORK | REPORTS },
	{ SCMP_SYS(pipe), NETWORK | REPORTS },
	{ SCMP_SYS(pipe2), NETWORK | REPORTS },
	{ SCMP_SYS(pread64), NETWORK | REPORTS },
	{ SCMP_SYS(readlink), NETWORK | REPORTS },
	{ SCMP_SYS(readlinkat), NETWORK | REPORTS },
	{ SCMP_SYS(recvmmsg), NETWORK },
	{ SCMP_SYS(recvmsg), NETWORK },
	{ SCMP_SYS(rseq), NETWORK | REPORTS },
	{ SCMP_SYS(sched_getaffinity), NETWORK | REPORTS },
	{ SCMP_SYS(sched_yield), NETWORK | REPORTS },
	{ SCMP_SYS(sendmmsg), NETWORK },
	{ SCMP_SYS(sendmsg), NETWORK },
	{ SCMP_SYS(set_robust_list), NETWORK | REPORTS },
	{ SCMP_SYS(setsockopt), NETWORK },
	{ SCMP_SYS(sigaltstack), NETWORK | REPORTS },
	{ SCMP_SYS(stat), NETWORK | REPORTS },
	{ SCMP_SYS(stat64), NETWORK | REPORTS },
	{ SCMP_SYS(statx), NETWORK | REPORTS },
	{ SCMP_SYS(sysinfo), NETWORK | REPORTS },
	{ SCMP_SYS(uname), NETWORK | REPORTS },

	{ SCMP_SYS(getdents), REPORTS },
	{ SCMP_SYS(getppid), REPORTS },
	{ SCMP_SYS(getrlimit), REPORTS },
	{ SCMP_SYS(prctl), REPORTS },
	{ SCMP_SYS(prlimit64), REPORTS },
	{ SCMP_SYS(process_vm_readv), REPORTS },
	{ SCMP_SYS(ptrace), REPORTS },
	{ SCMP_SYS(tgkill), REPORTS },
	{ SCMP_SYS(wait4), REPORTS },
};

/* What is left if its arguments are right; all conditions must hold. */
static const struct {
	int call;
	unsigned who;
	unsigned count;
	struct scmp_arg_cmp if_so[2];
} left_if[] = {
#define IF(n, mask, value)                                                     \
	{                                                                      \
		n, SCMP_CMP_MASKED_EQ, mask, value                             \
	}
	{ SCMP_SYS(mmap), ALL, 1, { IF(2, PROT_EXEC, 0) } },
	{ SCMP_SYS(mmap2), ALL, 1, { IF(2, PROT_EXEC, 0) } },
	{ SCMP_SYS(mprotect), ALL, 1, { IF(2, PROT_EXEC, 0) } },

	/* how stdio finds out what it writes to; a path can be named with it,
	 * so that it tells of files whether they are there, and no more */
	{ SCMP_SYS(newfstatat), WEB | COMMAND, 1,
	    { IF(3, AT_EMPTY_PATH, AT_EMPTY_PATH) } },
	{ SCMP_SYS(ioctl), ALL, 1, { IF(1, UINT32_MAX, TCGETS) } },
	{ SCMP_SYS(ioctl), NETWORK, 1, { IF(1, UINT32_MAX, FIONBIO) } },
	{ SCMP_SYS(ioctl), NETWORK, 1, { IF(1, UINT32_MAX, FIONREAD) } },

	{ SCMP_SYS(open), NETWORK | REPORTS, 1,
	    { IF(1, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY) } },
	{ SCMP_SYS(openat), NETWORK | REPORTS, 1,
	    { IF(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY) } },
	/* a library that a look-up of names loads when it is first needed:
	 * bytes of a file that nobody can write to meanwhile */
	{ SCMP_SYS(mmap), NETWORK, 2,
	    { IF(2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
		IF(3, MAP_ANONYMOUS | MAP_PRIVATE, MAP_PRIVATE) } },
	{ SCMP_SYS(mmap2), NETWORK, 2,
	    { IF(2, PROT_EXEC | PROT_WRITE, PROT_EXEC),
		IF(3, MAP_ANONYMOUS | MAP_PRIVATE, MAP_PRIVATE) } },
	{ SCMP_SYS(socket), NETWORK, 1, { IF(0, UINT32_MAX, AF_UNIX) } },
	{ SCMP_SYS(socket), NETWORK, 1, { IF(0, UINT32_MAX, AF_INET) } },
	{ SCMP_SYS(socket), NETWORK, 1, { IF(0, UINT32_MAX, AF_INET6) } },
	/* which addresses we have, for the order of those to try */
	{ SCMP_SYS(socket), NETWORK, 2,
	    { IF(0, UINT32_MAX, AF_NETLINK), IF(2, UINT32_MAX, 0) } },
	{ SCMP_SYS(bind), NETWORK, 1,
	    { IF(2, UINT32_MAX, sizeof(struct sockaddr_nl)) } },
	{ SCMP_SYS(socketpair), NETWORK, 1, { IF(0, UINT32_MAX, AF_UNIX) } },
	{ SCMP_SYS(clone), NETWORK, 1, { IF(0, CLONE_THREAD, CLONE_THREAD) } },
	/* the one that stops the others while it looks for leaks */
	{ SCMP_SYS(clone), REPORTS, 1, { IF(0, CLONE_VM, CLONE_VM) } },
};

/* What no part of us ever asks for: the process ends at once. */
static const int deadly[] = {
	SCMP_SYS(bpf),
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(finit_module),
	SCMP_SYS(init_module),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(kcmp),
	SCMP_SYS(kexec_load),
	SCMP_SYS(memfd_create),
	SCMP_SYS(mount),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(personality),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(pkey_mprotect),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(ptrace),
	SCMP_SYS(setns),
	SCMP_SYS(unshare),
	SCMP_SYS(userfaultfd),
};

/* The filter as libseccomp builds it; each step keeps the first failure. */
struct filter {
	scmp_filter_ctx all;
	unsigned who; /* bits of what is closed here */
	int failed;   /* an errno, negated */
};

static void
rule(struct filter *f, uint32_t action, int call, unsigned count,
    const struct scmp_arg_cmp *if_so)
{
	int result;

	if (f->failed != 0)
		return;
	result = seccomp_rule_add_array(f->all, action, call, count, if_so);
	if (result < 0)
		f->failed = result;
}

static void
set(struct filter *f, enum scmp_filter_attr what, uint32_t value)
{
	int result = seccomp_attr_set(f->all, what, value);

	if (result < 0 && f->failed == 0)
		f->failed = result;
}

static void
leave(struct filter *f)
{
	const struct scmp_arg_cmp of_ours =
	    IF(0, UINT32_MAX, (scmp_datum_t)getpid());
	size_t i;

	for (i = 0; i < sizeof(left) / sizeof(*left); i++)
		if ((left[i].who & f->who) != 0)
			rule(f, SCMP_ACT_ALLOW, left[i].call, 0, NULL);
	for (i = 0; i < sizeof(left_if) / sizeof(*left_if); i++)
		if ((left_if[i].who & f->who) != 0)
			rule(f, SCMP_ACT_ALLOW, left_if[i].call,
			    left_if[i].count, left_if[i].if_so);
	/* for abort(3), by which what is hardened ends us */
	rule(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &of_ours);
	/* Its flags cannot be seen from here; without it threads are made by
	 * clone(2), whose flags can. */
	rule(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL);
}

static bool
is_left(const struct filter *f, int call)
{
	size_t i;

	for (i = 0; i < sizeof(left) / sizeof(*left); i++)
		if (left[i].call == call && (left[i].who & f->who) != 0)
			return true;
	return false;
}

/* None of these overlaps with what leave() lets through. */
static void
kill_for(struct filter *f)
{
	const scmp_datum_t protections =
	    f->who & NETWORK ? PROT_WRITE | PROT_EXEC : PROT_EXEC;
	const struct scmp_arg_cmp maps = IF(2, protections, protections);
	const struct scmp_arg_cmp changes = IF(2, PROT_EXEC, PROT_EXEC);
	size_t i;

	rule(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(mmap), 1, &maps);
	rule(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(mmap2), 1, &maps);
	rule(f, SCMP_ACT_KILL_PROCESS, SCMP_SYS(mprotect), 1, &changes);
	for (i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
		if (!is_left(f, deadly[i]))
			rule(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0, NULL);
}

static void
close_calls(unsigned who)
{
	struct filter f = { .who = who };

	if ((f.all = seccomp_init(SCMP_ACT_ERRNO(EPERM))) == NULL)
		log_fatal("cannot make a filter of system calls");
	/* of another architecture, by whose numbers ours could be bypassed */
	set(&f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* a tree, not a list to walk through at each call */
	set(&f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	leave(&f);
	kill_for(&f);
	if (f.failed == 0)
		f.failed = seccomp_load(f.all);
	seccomp_release(f.all);
	if (f.failed != 0)
		log_fatal(
		    "cannot filter system calls: %s", strerror(-f.failed));
}

/* Files -------------------------------------------------------------------- */

/*
 * The kernel's numbers, from its documentation of the interface: the headers
 * of a distribution know fewer of them than its kernel does.
 */
#define FILE_WRITE (1ULL << 1)
#define FILE_READ (1ULL << 2)
#define DIRECTORY_READ (1ULL << 3)
#define DIRECTORY_REMOVE_FILE (1ULL << 5)
#define DIRECTORY_MAKE_FILE (1ULL << 8)
#define TCP_BIND (1ULL << 0)
#define TCP_CONNECT (1ULL << 1)
#define RULE_PATH_BENEATH 1
#define ASK_VERSION 1U

struct ruleset {
	uint64_t files, network, scope; /* what is forbidden but for rules */
};

struct beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

/* What each version of landlock can forbid, the first one first. */
static const struct ruleset versions[] = {
	{ 0x1fff, 0, 0 },
	{ 0x3fff, 0, 0 }, /* to move between directories */
	{ 0x7fff, 0, 0 }, /* to truncate */
	{ 0x7fff, TCP_BIND | TCP_CONNECT, 0 },
	{ 0xffff, TCP_BIND | TCP_CONNECT, 0 }, /* ioctl of devices */
	/* sockets and signals of processes outside */
	{ 0xffff, TCP_BIND | TCP_CONNECT, 3 },
};

/* Where a look-up of names and a check of certificates read. */
static const char *const network_places[] = { "/etc", "/usr", "/lib", "/lib64",
	"/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
	"/run/nscd", NULL };

/* A place that is not there, NULL too, needs no permission. */
static void
allow(int rules, const char *place, uint64_t rights)
{
	struct beneath below = { .allowed = rights };
	int fd = place == NULL ? -1 : open(place, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return;
	below.parent = fd;
	if (syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &below,
		0) != 0)
		log_fatal(
		    "cannot leave \"%s\" open: %s", place, strerror(errno));
	close(fd);
}

static void
allow_places(int rules, unsigned who, const char *place)
{
	const uint64_t look = FILE_READ | DIRECTORY_READ;
	const char *const *p;

	if ((who & REPORTS) != 0)
		allow(rules, "/", look);
	if ((who & NETWORK) != 0)
		for (p = network_places; *p != NULL; p++)
			allow(rules, *p, look);
	if ((who & NETWORK) != 0)
		allow(rules, place, FILE_READ);
	if ((who & PLACE) != 0)
		allow(
		    rules, place, DIRECTORY_REMOVE_FILE | DIRECTORY_MAKE_FILE);
}

static void
close_files(unsigned who, const char *place)
{
	const long known = sizeof(versions) / sizeof(*versions);
	long version =
	    syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, ASK_VERSION);
	struct ruleset forbidden;
	int rules;

	if (version < 1) {
		log_warn("this kernel has no landlock: %s", strerror(errno));
		return;
	}
	forbidden = versions[(version < known ? version : known) - 1];
	if ((who & NETWORK) != 0)
		forbidden.network &= TCP_BIND;
	rules = (int)syscall(
	    SYS_landlock_create_ruleset, &forbidden, sizeof(forbidden), 0);
	if (rules < 0)
		log_fatal("cannot close the files: %s", strerror(errno));
	allow_places(rules, who, place);
	if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		log_fatal("cannot close the files: %s", strerror(errno));
	close(rules);
}

/* Both --------------------------------------------------------------------- */

/* Never more than we were given. */
static void
limit(__rlimit_resource_t what, rlim_t most)
{
	struct rlimit limits;

	if (getrlimit(what, &limits) == 0 && limits.rlim_max < most)
		most = limits.rlim_max;
	limits.rlim_cur = limits.rlim_max = most;
	if (setrlimit(what, &limits) != 0)
		log_fatal("cannot limit ourselves: %s", strerror(errno));
}

void
fence_start(void)
{
	limit(RLIMIT_CORE, 0);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		log_fatal("cannot give up rights: %s", strerror(errno));
}

void
fence_close_but(enum fence_kind kind, const char *place)
{
	unsigned who = 1U << kind;

	if (SANITIZER)
		who |= REPORTS;
	if (kind == FENCE_COMMAND && place != NULL)
		who |= PLACE;
	tzset(); /* reads /etc/localtime, once and for all */
	limit(RLIMIT_NOFILE, DESCRIPTORS);
	close_files(who, place);
	close_calls(who);
}

void
fence_close(enum fence_kind kind)
{
	fence_close_but(kind, NULL);
}
