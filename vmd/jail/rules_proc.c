/* SPDX-License-Identifier: ISC */
/*
 * Rows for making, closing and ending processes: what a spawner does, and
 * what each child does between its exec and the end of jail_enter(), which
 * its spawner's filter must let by.
 */
#include "jail/table.h"

#include <signal.h>

static const struct jail_row rows[] = {
	/* jail_spawn(), in the spawner and between clone and exec. */
	ROW(SPAWNERS, RUN, clone, "new roles, with their namespaces"),
	ROW(SPAWNERS, RUN, execveat, "its own binary; Landlock says which"),
	ROW(SPAWNERS, RUN, dup2, "descriptors at fixed numbers"),
	ROW(SPAWNERS, RUN, dup3, "descriptors at fixed numbers"),
	ROW(SPAWNERS, RUN, close_range, "no other descriptor passes"),
	ROW(SPAWNERS, RUN, fcntl, "dup above the fixed numbers"),
	ROW(SPAWNERS, RUN, capget, "may I make namespaces"),
	ROW(SPAWNERS, RUN, socketpair, "the socket to the new role"),
	ROW(SPAWNERS, RUN, wait4, "reaps"),
	ROW(SPAWNERS, RUN, waitid, "reaps by pidfd"),
	ROW(SPAWNERS, RUN, pidfd_send_signal, "ends exactly its own child"),
	ROW(P, RUN, kill, "ends its children"),
	ROW_IF(S, RUN, kill, "ends its children", ARG_INT(1, SIGTERM)),
	ROW_IF(S, RUN, kill, "ends its children", ARG_INT(1, SIGKILL)),

	/* The loader, before the jail is closed. */
	ROW(SPAWNED, START, mmap, "loader: code of the libraries"),
	ROW(SPAWNED, START, mprotect, "loader: relocated data"),
	ROW(SPAWNED, START, openat, "loader: libraries"),
	ROW(SPAWNED, START, pread64, "loader: program headers"),
	ROW(SPAWNED, START, newfstatat, "loader: libraries"),
	ROW(SPAWNED, START, access, "loader: ld.so.preload"),
	ROW(SPAWNED, START, readlink, "loader: its own path"),
	ROW(SPAWNED, START, arch_prctl, "loader: thread pointer"),
	ROW(SPAWNED, START, set_tid_address, "loader: thread"),
	ROW(SPAWNED, START, statfs, "constructors of libraries"),
	ROW(SPAWNED, START, lseek, "constructors of libraries"),
	ROW(SPAWNED, START, getrlimit, "constructors of libraries"),
	ROW(SPAWNED, START, uname, "constructors of libraries"),

	/* jail_enter(). */
	ROW(SPAWNED, START, prlimit64, "resource limits"),
	ROW(SPAWNED, START, prctl, "privileges, bounding set, death signal"),
	ROW(SPAWNED, START, fchdir, "the empty root"),
	ROW(SPAWNED, START, chroot, "the empty root"),
	ROW(SPAWNED, START, chdir, "the empty root"),
	ROW(SPAWNED, START, setgroups, "the user"),
	ROW(SPAWNED, START, setresgid, "the user"),
	ROW(SPAWNED, START, setresuid, "the user"),
	ROW(SPAWNED, START, capget, "capabilities"),
	ROW(SPAWNED, START, capset, "capabilities"),
	ROW(SPAWNED, START, landlock_create_ruleset, "Landlock"),
	ROW(SPAWNED, START, landlock_add_rule, "Landlock"),
	ROW(SPAWNED, START, landlock_restrict_self, "Landlock"),
	ROW(SPAWNED, START, seccomp, "its own filter"),

#ifdef JAIL_SANITIZED
	ROW(SPAWNED, START, open, "sanitizer"),
	ROW(SPAWNED, START, stat, "sanitizer"),
	ROW(SPAWNED, START, dup, "sanitizer"),
	ROW(SPAWNED, START, pipe, "sanitizer"),
	ROW(SPAWNED, START, sigaltstack, "sanitizer"),
	ROW(SPAWNED, START, personality, "sanitizer"),
	ROW(SPAWNED, START, readlinkat, "sanitizer"),
	ROW(SPAWNED, START, getcwd, "sanitizer"),
	ROW(SPAWNED, START, unlink, "sanitizer"),
#endif
};

const struct jail_rules jail_rules_proc = { rows,
	sizeof(rows) / sizeof(rows[0]) };
