/* SPDX-License-Identifier: ISC */
/*
 * The sandbox.  Every role is a fresh exec of the same binary made by
 * jail_spawn(), which gives it its namespaces, and closes its own jail with
 * jail_enter() before it reads its first message.  The rules are tables:
 * rules_*.c for system calls, paths.c for files, roles.c for the rest.
 *
 * A role that has set itself up calls jail_seal(), which takes the rows of
 * the set-up away.
 */
#ifndef JAIL_H
#define JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "jail/role_id.h"

/* Descriptors a spawned role finds at fixed numbers. */
#define JAIL_FD_SOCKET 3 /* the socket to its spawner */
#define JAIL_FD_ROOT 4 /* the empty directory that becomes its root */
#define JAIL_FD_EXE 5 /* the binary: roles that spawn others, else closed */
#define JAIL_FD_EXTRA 6 /* the first of js_fds */

/* The hidden option: argv is { "vmd", JAIL_OPTION, role name, NULL }. */
#define JAIL_OPTION "-R"

#define JAIL_SAME_UID ((uid_t)-1) /* keep the user and group */

/* jp_flags, js_flags: how the jail is closed. */
#define JAIL_DEBUG 0x1 /* a denied call is named on stderr before the end */
#define JAIL_KEEP_ROOT 0x2 /* CAP_SYS_CHROOT stays, see jail_probe() */
#define JAIL_KEEP_NS 0x4 /* CAP_SYS_ADMIN of its own user namespace, too */

/* The parts of a jail that a host can lack. */
enum jail_part {
	JAIL_PART_USERNS,
	JAIL_PART_PIDNS,
	JAIL_PART_MNTNS,
	JAIL_PART_IPCNS,
	JAIL_PART_UTSNS,
	JAIL_PART_NETNS,
	JAIL_PART_ROOT,
	JAIL_PART_LANDLOCK,
	JAIL_PART_SCOPE, /* Landlock's limits on signals, abstract sockets */
	JAIL_PART__MAX
};

/* What could not be applied.  Zeroed means: all of it holds. */
struct jail_report {
	uint32_t jr_missing; /* bit per enum jail_part */
	int jr_errno[JAIL_PART__MAX]; /* why, for each bit */
};

struct jail_params {
	uid_t jp_uid; /* JAIL_SAME_UID, or whom to become */
	gid_t jp_gid;
	int jp_root_fd; /* borrowed, closed by jail_enter; -1: none */
	int jp_exe_fd; /* borrowed; needed by roles that spawn, else -1 */
	unsigned int jp_flags;
	struct jail_report jp_spawned; /* what the spawner could not give */
};

struct jail_spawn {
	enum role js_role;
	int js_sock; /* borrowed; the child's JAIL_FD_SOCKET */
	int js_root_fd; /* borrowed; the child's JAIL_FD_ROOT, -1: none */
	int js_exe_fd; /* borrowed; the binary, from jail_open_self() */
	const int *js_fds; /* borrowed; JAIL_FD_EXTRA and up */
	size_t js_nfds; /* at most JAIL_FDS_MAX */
	uid_t js_uid; /* whom jail_enter() becomes, JAIL_SAME_UID */
	gid_t js_gid;
	unsigned int js_flags;
};
#define JAIL_FDS_MAX 16

/*
 * Starts `role` as a child: namespaces as its row in roles.c says and the
 * host permits, descriptors 0-2 as they are, js_* at their fixed numbers and
 * no other, an environment of one variable, argv { "vmd", JAIL_OPTION, name }.
 * The child is killed by SIGKILL if something fails between clone and exec.
 * Single-threaded callers only (parent, supervisor).
 * Returns the pid and in *pidfd an owned close-on-exec descriptor of the
 * child; -1 with errno of the step that failed (exec included).
 */
pid_t jail_spawn(const struct jail_spawn *spawn, int *pidfd);

/*
 * Reads what jail_spawn() told this process (and removes it from the
 * environment).  A process that jail_spawn() did not start gets EINVAL.
 */
int jail_params_get(struct jail_params *params);

/*
 * Closes the jail of `role`: privileges, root, user, capabilities, limits,
 * Landlock, seccomp with the rows of set-up and run.  Call right after the
 * exec, single-threaded.  `report` (may be NULL) gets what this host does
 * not permit, jp_spawned included.  -1 with errno when a part that must hold
 * (user, capabilities, limits, seccomp) does not: the role then must end.
 */
int jail_enter(enum role role, const struct jail_params *params,
    struct jail_report *report);

/*
 * Ends the set-up: from now on only the rows of phase "run", for all threads
 * of the process.  Once, by any thread.  -1 with errno: the role must end.
 */
int jail_seal(enum role role);

/*
 * Called by root's daemon before its own jail_enter(): whether children of a
 * process of `uid` can make namespaces.  Returns the js_flags with which the
 * supervisor must be spawned: 0, or JAIL_KEEP_*.
 */
unsigned int jail_probe(uid_t uid, gid_t gid);

/*
 * An O_PATH descriptor of an empty directory that no longer has a name, made
 * below `dir` (NULL: /run, $XDG_RUNTIME_DIR, /tmp in turn).  Owned; -1.
 */
int jail_empty_dir(const char *dir);

/* An owned O_PATH descriptor of the running binary, or -1 with errno. */
int jail_open_self(void);

/*
 * One sentence per missing part, separated by "; ", into buf: "user
 * namespaces are not available here (Operation not permitted)".  Returns buf.
 */
char *jail_report_text(
    const struct jail_report *report, char *buf, size_t size);

/* Adds what `from` lacks to `to`, so that the parent can say it once. */
void jail_report_merge(struct jail_report *to, const struct jail_report *from);

/* Prints the rows, limits and paths of a role, one per line. */
void jail_print(FILE *out, enum role role);

#endif /* JAIL_H */
