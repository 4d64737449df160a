/* SPDX-License-Identifier: ISC */
/*
 * Starts a role.  Runs in the parent and the supervisor, which have one
 * thread.  The child shares the spawner's memory until its exec (as with
 * vfork, but with namespaces), so that it allocates nothing and leaves
 * nothing behind: its stack and its error go into pages of their own.
 *
 * Namespaces, in this order of preference: with CAP_SYS_ADMIN directly; else
 * below a new user namespace; else none, and the child is told.
 */
#include "jail/internal.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif

#define STACK_BYTES 65536
#define FD_SOURCES (JAIL_FD_EXTRA + JAIL_FDS_MAX) /* above all targets */
#define CAPS_PASSED ((1ULL << CAP_SYS_CHROOT) | (1ULL << CAP_SETPCAP))
#define USER_MAPPED JAIL_KEEP_NS /* the spawner maps the child's user */
/* Sanitizers keep their own books of the stack: no sharing there. */
#ifdef JAIL_SANITIZED
#define CLONE_LIKE_VFORK CLONE_VFORK
#else
#define CLONE_LIKE_VFORK (CLONE_VFORK | CLONE_VM)
#endif

/* What the child works with; lives in pages that both always share. */
struct child {
	const struct jail_spawn *spawn;
	int namespaces; /* with CLONE_NEWUSER or without */
	int ready[2]; /* socket pair, child's end first, or -1 */
	sigset_t signals; /* the mask to restore */
	int error; /* of the step that failed */
	char env[JAIL_ENV_MAX];
	char *sanitizer; /* its options, in such a build */
	char uid_map[48], gid_map[48];
};

static int
file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == -1 ? -1 : 0;
}

/*
 * Maps the own user into the new namespace, so that peers of the same user
 * show as such.  Not possible below Landlock, and not needed there.
 */
static void
child_map_self(const struct child *child)
{
	int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

	/* /proc/self belongs to root as long as this is 0. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (file_write("/proc/self/uid_map", child->uid_map) == 0 &&
	    file_write("/proc/self/setgroups", "deny") == 0)
		file_write("/proc/self/gid_map", child->gid_map);
	prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0);
}

/*
 * The spawner maps js_uid into the namespace; the child becomes it.  The
 * child's end stays open, out of the way, until the exec closes it.
 */
static int
child_await_map(const struct child *child)
{
	const struct jail_spawn *spawn = child->spawn;
	int ready;
	char byte;

	close(child->ready[1]);
	ready = fcntl(child->ready[0], F_DUPFD_CLOEXEC, FD_SOURCES);
	close(child->ready[0]);
	if (read(ready, &byte, 1) != 1)
		return -1;
	if (syscall(SYS_setgroups, 0, NULL) == -1 ||
	    syscall(SYS_setresgid, spawn->js_gid, spawn->js_gid,
		spawn->js_gid) == -1)
		return -1;
	return (int)syscall(
	    SYS_setresuid, spawn->js_uid, spawn->js_uid, spawn->js_uid);
}

/* Capabilities of root pass an exec; those of others must be ambient. */
static int
child_pass_caps(const struct child *child)
{
	uint64_t mask = CAPS_PASSED;

	if (syscall(SYS_geteuid) == 0)
		return 0;
	if (child->spawn->js_flags & JAIL_KEEP_NS)
		mask |= 1ULL << CAP_SYS_ADMIN;
	return caps_pass(mask);
}

/* Sources may stand where targets belong: they move up first. */
static int
child_place_fds(const struct jail_spawn *spawn)
{
	int fds[JAIL_FD_EXTRA - JAIL_FD_SOCKET + JAIL_FDS_MAX];
	size_t count = 0;

	fds[count++] = spawn->js_sock;
	fds[count++] = spawn->js_root_fd;
	fds[count++] = spawn->js_exe_fd;
	for (size_t i = 0; i < spawn->js_nfds; i++)
		fds[count++] = spawn->js_fds[i];
	for (size_t i = 0; i < count; i++)
		if (fds[i] != -1 &&
		    (fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_SOURCES)) == -1)
			return -1;
	for (size_t i = 0; i < count; i++) {
		int target = JAIL_FD_SOCKET + (int)i;

		if (fds[i] == -1)
			close(target);
		else if (dup2(fds[i], target) == -1)
			return -1;
	}
	return (int)syscall(
	    SYS_close_range, JAIL_FD_SOCKET + count, ~0U, CLOSE_RANGE_CLOEXEC);
}

static void
child_reset_signals(const struct child *child)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			sigaction(sig, &action, NULL);
	sigprocmask(SIG_SETMASK, &child->signals, NULL);
}

static int
child_main(void *arg)
{
	struct child *child = arg;
	const struct jail_spawn *spawn = child->spawn;
	char name[16] = "vmd", option[] = JAIL_OPTION, role[16];
	char *argv[] = { name, option, role, NULL };
	char *envp[] = { child->env, child->sanitizer, NULL };

	snprintf(role, sizeof(role), "%s", role_name(spawn->js_role));
	child_reset_signals(child);
	if (spawn->js_flags & USER_MAPPED) {
		if (child_await_map(child) == -1)
			goto fail;
	} else if (child->namespaces & CLONE_NEWUSER)
		child_map_self(child);
	if (child_pass_caps(child) == -1 || child_place_fds(spawn) == -1)
		goto fail;
	syscall(SYS_execveat, JAIL_FD_EXE, "", argv, envp, AT_EMPTY_PATH);
fail:
	child->error = errno;
	syscall(SYS_exit_group, 127);
	return 127;
}

/* The id maps of a child that js_uid is to own, from outside. */
static int
child_map(const struct child *child, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	if (file_write(path, child->uid_map) == -1)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	if (file_write(path, child->gid_map) == -1)
		return -1;
	return write(child->ready[1], "", 1) == 1 ? 0 : -1;
}

static pid_t
child_clone(struct child *child, char *stack, int *pidfd)
{
	int flags = child->namespaces | CLONE_PIDFD | SIGCHLD;

	return clone(child_main, stack + STACK_BYTES, flags | CLONE_LIKE_VFORK,
	    child, pidfd);
}

/* The same for a child that waits for its map: it cannot suspend us. */
static pid_t
child_clone_mapped(struct child *child, char *stack, int *pidfd)
{
	int flags = child->namespaces | CLONE_PIDFD | SIGCHLD;
	char byte;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, child->ready) ==
	    -1)
		return -1;
	pid = clone(child_main, stack + STACK_BYTES, flags, child, pidfd);
	close(child->ready[0]);
	/* The end of file is the exec, or the child's end. */
	if (pid != -1 &&
	    (child_map(child, pid) == -1 ||
		read(child->ready[1], &byte, 1) == -1))
		child->error = errno;
	close(child->ready[1]);
	return pid;
}

static const struct {
	int flag;
	enum jail_part part;
} namespace_parts[] = {
	{ CLONE_NEWPID, JAIL_PART_PIDNS },
	{ CLONE_NEWNS, JAIL_PART_MNTNS },
	{ CLONE_NEWIPC, JAIL_PART_IPCNS },
	{ CLONE_NEWUTS, JAIL_PART_UTSNS },
	{ CLONE_NEWNET, JAIL_PART_NETNS },
};

static void
report_namespaces(struct jail_report *report, int wanted, int error)
{
	report_missing(report, JAIL_PART_USERNS, error);
	for (size_t i = 0;
	     i < sizeof(namespace_parts) / sizeof(namespace_parts[0]); i++)
		if (wanted & namespace_parts[i].flag)
			report_missing(report, namespace_parts[i].part, error);
}

/* Tries one choice of namespaces; the exec's own error counts as ours. */
static pid_t
spawn_try(
    struct child *child, struct jail_params *params, char *stack, int *pidfd)
{
	pid_t pid;

	child->error = 0;
	jail_env_format(child->env, sizeof(child->env), params);
	if (child->spawn->js_flags & USER_MAPPED)
		pid = child_clone_mapped(child, stack, pidfd);
	else
		pid = child_clone(child, stack, pidfd);
	if (pid == -1 || child->error == 0)
		return pid;
	/* It ends by itself, unless the maps are what failed. */
	syscall(SYS_pidfd_send_signal, *pidfd, SIGKILL, NULL, 0);
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	close(*pidfd);
	errno = child->error;
	return -1;
}

/*
 * A user namespace of its own maps one user: no place for a role that is
 * still to become another, and none for one that holds the host's network.
 */
static bool
userns_fits(const struct child *child)
{
	const struct jail_spawn *spawn = child->spawn;
	const struct jail_role *role = &jail_roles[spawn->js_role];

	if (spawn->js_flags & USER_MAPPED)
		return true;
	if (role->drop_user && spawn->js_uid != JAIL_SAME_UID &&
	    spawn->js_uid != geteuid())
		return false;
	return role->caps == 0 || geteuid() != 0;
}

static pid_t
spawn_any(
    struct child *child, struct jail_params *params, char *stack, int *pidfd)
{
	int wanted = jail_roles[child->spawn->js_role].namespaces;
	bool mapped = child->spawn->js_flags & USER_MAPPED;
	pid_t pid;

	errno = EPERM;
	if (!mapped && caps_has(CAP_SYS_ADMIN)) {
		child->namespaces = wanted;
		pid = spawn_try(child, params, stack, pidfd);
		if (pid != -1 || child->error != 0 ||
		    !report_is_host_limit(errno))
			return pid;
	}
	if (userns_fits(child)) {
		child->namespaces = wanted | CLONE_NEWUSER;
		pid = spawn_try(child, params, stack, pidfd);
		if (pid != -1 || child->error != 0 || mapped ||
		    !report_is_host_limit(errno))
			return pid;
	}
	child->namespaces = 0;
	report_namespaces(&params->jp_spawned, wanted, errno);
	return spawn_try(child, params, stack, pidfd);
}

static void
child_init(struct child *child, const struct jail_spawn *spawn)
{
	bool mapped = spawn->js_flags & USER_MAPPED;
	uid_t uid = mapped ? spawn->js_uid : geteuid();
	gid_t gid = mapped ? spawn->js_gid : getegid();

	*child = (struct child) { .spawn = spawn };
	snprintf(child->uid_map, sizeof(child->uid_map), "%u %u 1", uid, uid);
	snprintf(child->gid_map, sizeof(child->gid_map), "%u %u 1", gid, gid);
#ifdef JAIL_SANITIZED
	static char options[] = "ASAN_OPTIONS=detect_leaks=0";

	child->sanitizer = options;
#endif
}

pid_t
jail_spawn(const struct jail_spawn *spawn, int *pidfd)
{
	struct jail_params params = {
		.jp_uid = spawn->js_uid,
		.jp_gid = spawn->js_gid,
		.jp_root_fd = spawn->js_root_fd,
		.jp_flags = spawn->js_flags,
	};
	struct child *child;
	sigset_t all;
	pid_t pid = -1;
	char *pages;
	int error;

	if (spawn->js_nfds > JAIL_FDS_MAX ||
	    jail_roles[spawn->js_role].namespaces == 0) {
		errno = EINVAL;
		return -1;
	}
	pages = mmap(NULL, STACK_BYTES + sizeof(*child), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return -1;
	child = (struct child *)(void *)(pages + STACK_BYTES);
	child_init(child, spawn);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &child->signals);
	pid = spawn_any(child, &params, pages, pidfd);
	error = errno;
	sigprocmask(SIG_SETMASK, &child->signals, NULL);
	munmap(pages, STACK_BYTES + sizeof(*child));
	errno = error;
	return pid;
}
