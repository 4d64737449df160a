/* SPDX-License-Identifier: ISC */
/*
 * Landlock for vmctl; see confine.h.  An answer of the daemon is the only
 * hostile thing vmctl reads: what slipped through reply_decode() could then
 * still do no more than this.  Structures and numbers are those of Landlock 6;
 * the kernel says what it has, and older headers do not matter.
 */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE LANDLOCK_ACCESS_FS_WRITE_FILE
#define IOCTL_DEVICE (1ULL << 15)
/* A regular file gets a name in the folder, or another one. */
#define MAKE (LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define REMOVE LANDLOCK_ACCESS_FS_REMOVE_FILE

struct ruleset {
	uint64_t files;
	uint64_t net;
	uint64_t scoped;
};

/* What there is to give up, by version: each has what those before it had. */
static const struct ruleset versions[] = {
	[1] = { .files = (1ULL << 13) - 1 },
	[2] = { .files = (1ULL << 14) - 1 },
	[3] = { .files = (1ULL << 15) - 1 },
	[4] = { .files = (1ULL << 15) - 1, .net = 3 },
	[5] = { .files = (1ULL << 16) - 1, .net = 3 },
	[6] = { .files = (1ULL << 16) - 1, .net = 3, .scoped = 3 },
};
#define NEWEST (int)(sizeof(versions) / sizeof(versions[0]) - 1)

/* The size a kernel of this version knows; more must not be passed. */
static size_t
ruleset_size(int version)
{
	return version >= 6 ? sizeof(struct ruleset)
	    : version >= 4  ? offsetof(struct ruleset, scoped)
			    : offsetof(struct ruleset, net);
}

static const struct {
	enum confine_files files;
	const char *path;
	uint64_t access;
} rules[] = {
	{ CONFINE_TERMINALS, "/dev/pts", READ | WRITE | IOCTL_DEVICE },
	{ CONFINE_READ, "/", READ },
#ifdef __SANITIZE_ADDRESS__
	/* The leak check reads what it looks for from here. */
	{ CONFINE_NOTHING, "/proc", READ },
	{ CONFINE_TERMINALS, "/proc", READ },
	{ CONFINE_MAKE, "/proc", READ },
	{ CONFINE_REMOVE, "/proc", READ },
#endif
};

static int
rule_add(int ruleset, int fd, uint64_t access)
{
	const struct landlock_path_beneath_attr attr = {
		.allowed_access = access, .parent_fd = fd
	};

	return (int)syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &attr, 0);
}

static int
rule_add_path(int ruleset, const char *path, uint64_t access)
{
	int fd = open(path, O_PATH | O_CLOEXEC), r, error;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	r = rule_add(ruleset, fd, access);
	error = errno;
	close(fd);
	errno = error;
	return r;
}

static int
rules_apply(int ruleset, int version, enum confine_files files,
    const int *dir_fds, unsigned int count)
{
	uint64_t access = files == CONFINE_MAKE ? MAKE
	    : files == CONFINE_REMOVE		? REMOVE
						: 0;
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].files == files &&
		    rule_add_path(ruleset, rules[i].path,
			rules[i].access & versions[version].files) == -1)
			return -1;
	for (i = 0; i < count && access != 0; i++)
		if (rule_add(ruleset, dir_fds[i], access) == -1)
			return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}

int
confine_enter(enum confine_files files, int dir_fd)
{
	return confine_enter_folders(files, &dir_fd, 1);
}

int
confine_enter_folders(
    enum confine_files files, const int *dir_fds, unsigned int count)
{
	int version, ruleset, r, error;

	version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 1)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -1;
	if (version > NEWEST)
		version = NEWEST;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &versions[version],
	    ruleset_size(version), 0);
	if (ruleset == -1)
		return -1;
	r = rules_apply(ruleset, version, files, dir_fds, count);
	error = errno;
	close(ruleset);
	errno = error;
	return r == -1 ? -1 : version;
}
