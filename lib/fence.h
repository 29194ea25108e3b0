#ifndef FENCE_H
#define FENCE_H

/*
 * What a program that was taken over can still do: nothing but what it does
 * anyway.  Two steps: fence_start() before anything else, fence_close() when
 * all is open that will ever be used, the database above all.
 *
 * Behind a closed fence there is no file, no new socket, no process and no
 * new code (seccomp: a list of the system calls that are left; landlock: no
 * path of the file system).  Most of what is not on the list fails with
 * EPERM, as a lack of rights would.  What only an intruder asks for ends the
 * process at once, by SIGSYS: to run a program, to look into another process,
 * to make memory executable.
 *
 * So whatever reads a file does it before: templates, keys, time zones,
 * character sets, certificates, tables of a library that are read at its
 * first use.  A connection that is lost cannot be made again; the process
 * ends and a fresh one takes over.
 *
 * A kernel without seccomp is refused.  One without landlock (before Linux
 * 5.13, or not switched on) is warned of in one line of the log; seccomp
 * keeps files away from all kinds but FENCE_NETWORK without its help.
 *
 * A build with the address sanitizer can read every file and look into itself,
 * as its reports need; it is not for production.
 */
enum fence_kind {
	FENCE_WEB,     /* serves visitors */
	FENCE_COMMAND, /* asks its database, prints, ends */
	FENCE_NETWORK, /* notify: sockets and threads; reads /etc and /usr */
};

/*
 * No core dump, no debugger of the same user, no rights from set-user-id
 * programs.  Ends the program if that cannot be had.
 */
void fence_start(void);

/*
 * Close it, for good and for all that comes after.  Ends the program if the
 * kernel refuses.  The process must have one thread.
 */
void fence_close(enum fence_kind);

/*
 * The same with one place left open, unless it is NULL: for FENCE_COMMAND a
 * directory in which files may be renamed and removed, but not opened; for
 * FENCE_NETWORK a file that may be read.
 */
void fence_close_but(enum fence_kind, const char *place);

#endif
