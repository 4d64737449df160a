/* SPDX-License-Identifier: ISC */
/*
 * Rows every role needs: memory, time, events, its socket, its end.  What
 * stands here is within reach of a guest that has taken over a device, so
 * each row is a call that names no file, no process and no network.
 */
#include "jail/table.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define NOT_EXEC(i) ARG_BITS(i, PROT_EXEC, 0)
#define FSTAT_ONLY(i) ARG_INT(i, AT_EMPTY_PATH)
#define THREADED (V | B | C)
/* As glibc's pthread_create() says it. */
#define THREAD                                                              \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | \
	    CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |            \
	    CLONE_CHILD_CLEARTID)

static const struct jail_row rows[] = {
	/* The socket to the peers, the event loop, the descriptors passed. */
	ROW(ALL, RUN, read, "eventfds, timers, images, ptys, taps"),
	ROW(ALL, RUN, write, "the same, and stderr"),
	ROW(ALL, RUN, readv, "frames and buffers in pieces"),
	ROW(ALL, RUN, writev, "frames and buffers in pieces"),
	ROW(ALL, RUN, recvmsg, "messages with descriptors"),
	ROW(ALL, RUN, sendmsg, "messages with descriptors"),
	ROW(ALL, RUN, close, "descriptors it holds"),
	ROW(ALL, RUN, shutdown, "says the end of a stream to a peer"),
	ROW(ALL, RUN, epoll_wait, "event loop"),
	ROW(ALL, RUN, epoll_pwait, "event loop, glibc's form"),
	ROW(ALL, RUN, epoll_ctl, "event loop"),
	ROW(ALL, SETUP, epoll_create1, "the event loop is made once"),
	ROW(ALL, SETUP, timerfd_create, "libevent's precise timer"),
	ROW(ALL, RUN, timerfd_settime, "libevent's precise timer"),
	ROW(ALL, SETUP, eventfd2, "libevent's wake-up of other threads"),
	ROW(ALL, SETUP, pipe2, "libevent's signals"),
	ROW(ALL, SETUP, socketpair, "libevent's signals"),
	ROW(ALL, RUN, poll, "waits for one descriptor"),
	ROW(ALL, RUN, ppoll, "waits for one descriptor"),
	ROW_IF(ALL, RUN, fcntl, "descriptor flags", ARG_INT(1, F_GETFD)),
	ROW_IF(ALL, RUN, fcntl, "descriptor flags", ARG_INT(1, F_SETFD)),
	ROW_IF(ALL, RUN, fcntl, "non-blocking", ARG_INT(1, F_GETFL)),
	ROW_IF(ALL, RUN, fcntl, "non-blocking", ARG_INT(1, F_SETFL)),
	ROW_IF(ALL, RUN, fcntl, "dup", ARG_INT(1, F_DUPFD_CLOEXEC)),
	ROW(ALL, RUN, fstat, "kind and size of a descriptor"),
	ROW_IF(ALL, RUN, newfstatat, "glibc's fstat", FSTAT_ONLY(3)),
	ROW_IF(ALL & ~P, RUN, statx, "its kind, without asking a file system",
	    ARG_INT(2, AT_EMPTY_PATH | AT_STATX_DONT_SYNC)),
	ROW_IF(
	    ALL, RUN, ioctl, "stdio: is this a terminal", ARG_INT(1, TCGETS)),

	/* Memory: nothing becomes executable after the loader is done. */
	ROW_IF(ALL, RUN, mmap, "malloc, shared memory", NOT_EXEC(2)),
	ROW_IF(ALL, RUN, mprotect, "malloc arenas, thread stacks", NOT_EXEC(2)),
	ROW(ALL, RUN, munmap, "malloc, shared memory"),
	ROW(ALL, RUN, mremap, "realloc"),
	ROW(ALL, RUN, brk, "malloc"),
	ROW(ALL, RUN, madvise, "free, MADV_DONTDUMP"),

	/* Time, chance, identity. */
	ROW(ALL, RUN, clock_gettime, "where the vDSO cannot"),
	ROW(ALL, RUN, clock_getres, "where the vDSO cannot"),
	ROW(ALL, RUN, gettimeofday, "where the vDSO cannot"),
	ROW(ALL, RUN, time, "where the vDSO cannot"),
	ROW(ALL, RUN, clock_nanosleep, "short waits"),
	ROW(ALL, RUN, nanosleep, "short waits"),
	ROW(ALL, RUN, getrandom, "arc4random, libevent, malloc"),
	ROW(ALL, RUN, getpid, "tgkill to itself, log lines"),
	ROW(ALL, RUN, gettid, "tgkill to itself"),
	ROW(ALL, RUN, getppid, "glib's seed"),
	ROW(ALL, RUN, getuid, "who am I"),
	ROW(ALL, RUN, geteuid, "who am I"),
	ROW(ALL, RUN, getgid, "who am I"),
	ROW(ALL, RUN, getegid, "who am I"),
	ROW(ALL, RUN, sysinfo, "qsort asks for the size of memory"),
	ROW(ALL, RUN, sched_getaffinity, "number of processors"),
	ROW(ALL, RUN, getcpu, "malloc, where rseq is missing"),
	ROW_IF(ALL, RUN, prlimit64, "sysconf reads its own limits",
	    ARG_LONG(2, 0)),
	ROW_IF(ALL, RUN, prctl, "name of the process or thread",
	    ARG_INT(0, PR_SET_NAME)),

	/* Threads, locks, signals to itself. */
	ROW(ALL, RUN, futex, "locks"),
	ROW(ALL, RUN, sched_yield, "locks"),
	ROW(ALL, RUN, rseq, "glibc, per thread"),
	ROW(ALL, RUN, set_robust_list, "glibc, per thread"),
	ROW(ALL, RUN, rt_sigaction, "handlers"),
	ROW(ALL, RUN, rt_sigprocmask, "handlers"),
	ROW(ALL, RUN, rt_sigreturn, "the end of a handler"),
	ROW(ALL, RUN, restart_syscall, "the kernel, after a stop"),
	ROW_IF(ALL & ~SPAWNERS, RUN, tgkill, "abort, kick of a vCPU thread",
	    ARG_SELF(0)),
	/* Their filter is their children's, too, whose pids are others. */
	ROW(SPAWNERS, RUN, tgkill, "abort; a vm kicks its vCPU threads"),
	ROW_IF(THREADED & ~V, SETUP, clone, "threads, never a process",
	    ARG_LONG(0, THREAD)),
	ROW_IF(V, RUN, clone, "threads, never a process: those of a send",
	    ARG_LONG(0, THREAD)),
	ROW_FAIL(ALL, RUN, clone3, ENOSYS,
	    "glibc falls back to clone, whose flags can be tested"),
	ROW(THREADED, SETUP, membarrier, "process-wide barrier"),
	ROW(ALL, RUN, exit, "the end of a thread"),
	ROW(ALL, RUN, exit_group, "the end"),

	/* jail_seal() and what precedes it. */
	ROW(ALL & ~SPAWNERS, SETUP, seccomp, "takes the set-up away"),

	/* glibc and glib look for files behind our back: time zones, locale. */
	ROW_FAIL(ALL & ~(P | U), RUN, openat, EACCES, "no files here"),
	ROW_FAIL(ALL & ~P, RUN, readlink, EACCES, "no files here"),
	ROW_FAIL(ALL & ~P, RUN, access, EACCES, "no files here"),

#ifdef JAIL_SANITIZED
	ROW(ALL, RUN, sigaltstack, "sanitizer"),
	ROW(ALL, RUN, prctl, "sanitizer"),
	ROW(ALL, RUN, getrlimit, "sanitizer"),
	ROW(ALL, RUN, mincore, "sanitizer"),
	ROW(ALL, RUN, process_vm_readv, "sanitizer"),
#endif
};

const struct jail_rules jail_rules_base = { rows,
	sizeof(rows) / sizeof(rows[0]) };
