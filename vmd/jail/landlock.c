/* SPDX-License-Identifier: ISC */
/*
 * Landlock: takes away every file, TCP port, foreign signal and abstract
 * socket the kernel can take away, and gives back what paths.c lists.  Runs
 * in the role, after its root and before its filter.  The structures are
 * those of the newest interface used here (6); the kernel is asked which it
 * has, and older headers do not matter.
 */
#include "jail/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <link.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define ACCESS_FS_V1 ((1ULL << 13) - 1)
#define ACCESS_FS_REFER (1ULL << 13)
#define ACCESS_FS_TRUNCATE (1ULL << 14)
#define ACCESS_FS_IOCTL_DEV (1ULL << 15)
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)

/* struct landlock_ruleset_attr as of interface 6. */
struct ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

/* What each version of the interface added. */
static const struct ruleset versions[] = {
	[1] = { .handled_access_fs = ACCESS_FS_V1 },
	[2] = { .handled_access_fs = ACCESS_FS_REFER },
	[3] = { .handled_access_fs = ACCESS_FS_TRUNCATE },
	[4] = { .handled_access_net = ~0ULL },
	[5] = { .handled_access_fs = ACCESS_FS_IOCTL_DEV },
	[6] = { .scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL },
};
#define VERSIONS (int)(sizeof(versions) / sizeof(versions[0]))
#define VERSION_NET 4
#define VERSION_SCOPE 6

struct rules {
	int fd;
	int error;
};

static void
rule_add(struct rules *rules, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr attr = {
		.allowed_access = access,
		.parent_fd = fd,
	};

	if (rules->error == 0 &&
	    syscall(SYS_landlock_add_rule, rules->fd,
		LANDLOCK_RULE_PATH_BENEATH, &attr, 0) == -1)
		rules->error = errno;
}

/* What does not exist needs no rule. */
static void
rule_add_path(struct rules *rules, const char *path, uint64_t access)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd == -1)
		return;
	rule_add(rules, fd, access);
	close(fd);
}

/* The folder an object was loaded from: an upgrade puts new files there. */
static void
rule_add_folder(struct rules *rules, const char *object)
{
	char path[PATH_MAX];

	if (realpath(object, path) != NULL)
		rule_add_path(rules, dirname(path),
		    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE);
}

static int
library_cb(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	if (info->dlpi_name != NULL && info->dlpi_name[0] == '/')
		rule_add_folder(arg, info->dlpi_name);
	/* The loader, by the name the kernel looks it up. */
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			rule_add_folder(arg,
			    (const char *)(info->dlpi_addr +
				info->dlpi_phdr[i].p_vaddr));
	return 0;
}

static void
rules_fill(
    struct rules *rules, enum role role, const struct jail_params *params)
{
	for (size_t i = 0; i < jail_paths_count; i++) {
		const struct jail_path *path = &jail_paths[i];

		if (!(path->roles & ROLE_BIT(role)))
			continue;
		if (strcmp(path->path, PATH_EXE) == 0)
			rule_add(rules, params->jp_exe_fd, path->access);
		else if (strcmp(path->path, PATH_LIBRARIES) == 0)
			dl_iterate_phdr(library_cb, rules);
		else
			rule_add_path(rules, path->path, path->access);
	}
}

static struct ruleset
ruleset_of(enum role role, int version)
{
	struct ruleset set = { 0 };

	for (int i = 1; i <= version && i < VERSIONS; i++) {
		set.handled_access_fs |= versions[i].handled_access_fs;
		set.handled_access_net |= versions[i].handled_access_net;
		set.scoped |= versions[i].scoped;
	}
	set.handled_access_net &= jail_roles[role].landlock_net;
	return set;
}

static size_t
ruleset_size(int version)
{
	return version >= VERSION_SCOPE ? sizeof(struct ruleset)
	    : version >= VERSION_NET
	    ? offsetof(struct ruleset, scoped)
	    : offsetof(struct ruleset, handled_access_net);
}

int
landlock_enter(enum role role, const struct jail_params *params,
    struct jail_report *report)
{
	struct rules rules = { 0 };
	struct ruleset set;
	int version;

	version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 1) {
		report_missing(report, JAIL_PART_LANDLOCK, errno);
		report_missing(report, JAIL_PART_SCOPE, errno);
		return report_is_host_limit(errno) ? 0 : -1;
	}
	if (version < VERSION_SCOPE)
		report_missing(report, JAIL_PART_SCOPE, EOPNOTSUPP);
	set = ruleset_of(role, version);
	rules.fd = (int)syscall(
	    SYS_landlock_create_ruleset, &set, ruleset_size(version), 0);
	if (rules.fd == -1)
		return -1;
	rules_fill(&rules, role, params);
	if (rules.error == 0 &&
	    syscall(SYS_landlock_restrict_self, rules.fd, 0) == -1)
		rules.error = errno;
	close(rules.fd);
	errno = rules.error;
	return rules.error == 0 ? 0 : -1;
}
