/* SPDX-License-Identifier: ISC */
/*
 * Closes the jail of the calling process, step by step; each step takes away
 * what the ones before it needed.  Runs in every role right after its exec,
 * with the rights its spawner has left it.
 *
 * What must hold: user, capabilities, limits, no_new_privs, seccomp.  What a
 * host may lack: namespaces, the empty root, Landlock; that is reported.
 */
#include "jail/internal.h"

#include <sys/prctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t
caps_kept(enum role role, const struct jail_params *params)
{
	uint64_t keep = jail_roles[role].caps;

	if (role == ROLE_SUPERVISOR && (params->jp_flags & JAIL_KEEP_ROOT))
		keep |= 1ULL << CAP_SYS_CHROOT;
	if (role == ROLE_SUPERVISOR && (params->jp_flags & JAIL_KEEP_NS))
		keep |= 1ULL << CAP_SYS_ADMIN;
	return keep;
}

static int
enter_root(enum role role, const struct jail_params *params,
    struct jail_report *report)
{
	bool landlock = !(report->jr_missing & (1U << JAIL_PART_LANDLOCK));

	if (role == ROLE_PARENT || role == ROLE_SUPERVISOR)
		return 0;
	if (!jail_roles[role].empty_root && landlock)
		return 0;
	if (params->jp_root_fd == -1)
		report_missing(report, JAIL_PART_ROOT, ENOENT);
	else if (fchdir(params->jp_root_fd) == -1 || chroot(".") == -1) {
		report_missing(report, JAIL_PART_ROOT, errno);
		if (!report_is_host_limit(errno))
			return -1;
	}
	return chdir("/");
}

static int
enter_user(enum role role, const struct jail_params *params)
{
	uid_t uid = params->jp_uid;
	gid_t gid = params->jp_gid;

	if (!jail_roles[role].drop_user || uid == JAIL_SAME_UID ||
	    (getuid() == uid && geteuid() == uid && getgid() == gid))
		return 0;
	/* The parent's own effective set ends with the user otherwise. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1 ||
	    setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		return -1;
	return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
}

static int
enter_limits(enum role role)
{
	for (size_t i = 0; i < jail_limits_count; i++) {
		const struct jail_limit *limit = &jail_limits[i];
		struct rlimit value;

		if (!(limit->roles & ROLE_BIT(role)))
			continue;
		if (getrlimit(limit->resource, &value) == -1)
			return -1;
		if (value.rlim_max > limit->value)
			value.rlim_max = limit->value;
		value.rlim_cur = value.rlim_max;
		if (setrlimit(limit->resource, &value) == -1)
			return -1;
	}
	return 0;
}

/* A change of user clears both of these: they come after it. */
static int
enter_process(enum role role)
{
	if (jail_roles[role].dies_with_parent &&
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
		return -1;
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int
enter_descriptors(enum role role, const struct jail_params *params)
{
	if (jail_roles[role].spawns != 0)
		return 0;
	if (params->jp_root_fd != -1 && close(params->jp_root_fd) == -1)
		return -1;
	return params->jp_exe_fd != -1 ? close(params->jp_exe_fd) : 0;
}

int
jail_enter(enum role role, const struct jail_params *params,
    struct jail_report *report)
{
	struct jail_report unwanted;

	if (report == NULL)
		report = &unwanted;
	*report = params->jp_spawned;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_NAME, "vmd", 0, 0, 0) == -1)
		return -1;
	/* Landlock denies changes of mounts, not chroot: either order. */
	if (jail_roles[role].landlock &&
	    landlock_enter(role, params, report) == -1)
		return -1;
	if (enter_root(role, params, report) == -1)
		return -1;
	caps_bound(caps_kept(role, params));
	if (enter_user(role, params) == -1 ||
	    caps_reduce(caps_kept(role, params)) == -1 ||
	    enter_limits(role) == -1 || enter_process(role) == -1 ||
	    enter_descriptors(role, params) == -1)
		return -1;
	return filter_load(role, PHASE_SETUP, getpid(), params->jp_flags);
}

int
jail_seal(enum role role)
{
	return filter_load(role, PHASE_RUN, getpid(), 0);
}

int
jail_open_self(void)
{
	return open("/proc/self/exe", O_PATH | O_CLOEXEC);
}

int
jail_empty_dir(const char *dir)
{
	const char *places[] = { dir, "/run", getenv("XDG_RUNTIME_DIR"),
		"/tmp" };
	int fd = -1;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && fd == -1;
	     i++) {
		char path[PATH_MAX];

		if (places[i] == NULL || strlen(places[i]) > PATH_MAX - 32)
			continue;
		strlcpy(path, places[i], sizeof(path));
		strlcat(path, "/vmd.XXXXXXXXXX", sizeof(path));
		if (mkdtemp(path) == NULL)
			continue;
		/* _vmd must be able to enter it, nobody to change it. */
		if (chmod(path, 0555) == 0)
			fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		rmdir(path);
	}
	return fd;
}
