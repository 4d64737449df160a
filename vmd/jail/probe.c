/* SPDX-License-Identifier: ISC */
/*
 * Asks the host, once, by trying: can a process without privileges make
 * namespaces?  Runs in root's parent before it closes its jail.  Settings
 * that forbid it differ per distribution; the attempt does not.
 */
#include "jail/internal.h"

#include <sys/wait.h>

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <unistd.h>

static bool
try_as(uid_t uid, gid_t gid)
{
	int status;
	pid_t pid = fork();

	if (pid == -1)
		return false;
	if (pid == 0) {
		if (uid != JAIL_SAME_UID &&
		    (setgroups(0, NULL) == -1 ||
			setresgid(gid, gid, gid) == -1 ||
			setresuid(uid, uid, uid) == -1))
			_exit(1);
		/* A host can allow the first and void what comes with it. */
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWUTS) == -1 ||
		    chroot("/") == -1);
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return false;
	return status == 0;
}

unsigned int
jail_probe(uid_t uid, gid_t gid)
{
	if (uid == JAIL_SAME_UID || uid == geteuid() || try_as(uid, gid))
		return 0;
	if (caps_has(CAP_SYS_ADMIN) && try_as(JAIL_SAME_UID, 0))
		return JAIL_KEEP_ROOT | JAIL_KEEP_NS;
	return caps_has(CAP_SYS_CHROOT) ? JAIL_KEEP_ROOT : 0;
}
