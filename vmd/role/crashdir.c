/* SPDX-License-Identifier: ISC */
/*
 * The folder of a VM's crash dumps; see crashdir.h.  Runs in the parent.  Times
 * are UTC, so that names are in the order of the crashes.
 */
#include "role/crashdir.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipc/log.h"

/* More crashes than that in one second are none of a machine's. */
#define TRIES 10
#define SUFFIX ".core"
/* The folder may be of a user who fills it: the daemon does no more at once
 * than look at so many names and take so many for dumps of one VM. */
#define LOOK_MAX 100000

/* The folder, to read.  -1 with errno; EPERM: it is somebody else's. */
static int
crashdir_open(const char *dir, uid_t uid)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, dir, &how, sizeof(how));
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == uid))
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

static int
crashdir_file(int dir_fd, uid_t uid)
{
	int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int error;

	if (fd == -1)
		return -1;
	if (uid == geteuid() || fchown(fd, uid, (gid_t)-1) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

enum vm_error
crashdir_make(const char *dir, uid_t uid, int *fd)
{
	int dir_fd = crashdir_open(dir, uid), error;

	if (dir_fd == -1)
		return errno == EPERM ? VM_ERROR_FILE_OWNER
				      : VM_ERROR_FILE_OPEN;
	*fd = crashdir_file(dir_fd, uid);
	error = errno;
	close(dir_fd);
	errno = error;
	if (*fd != -1)
		return VM_ERROR_OK;
	return error == EOPNOTSUPP || error == EISDIR ? VM_ERROR_FILE_UNNAMED
						      : VM_ERROR_FILE_OPEN;
}

/* --- names -----------------------------------------------------------------
 */

/* Whether text is "20261121T081617", and behind it ".core" or "-1.core". */
static bool
crashdir_is_time(const char *text)
{
	for (int i = 0; i < 15; i++)
		if (i == 8 ? text[i] != 'T' : !isdigit((unsigned char)text[i]))
			return false;
	text += 15;
	if (text[0] == '-' && isdigit((unsigned char)text[1]))
		text += 2;
	return strcmp(text, SUFFIX) == 0;
}

static bool
crashdir_is_dump(const char *file, const char *vm)
{
	size_t len = strlen(vm);

	return strncmp(file, vm, len) == 0 && file[len] == '-' &&
	    crashdir_is_time(file + len + 1);
}

static int
crashdir_link(int dir_fd, int fd, const char *vm, char file[CRASHDIR_NAME])
{
	char self[64], stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", gmtime_r(&now, &tm));
	for (int i = 0; i < TRIES; i++) {
		char again[4] = "";

		if (i > 0)
			snprintf(again, sizeof(again), "-%d", i);
		snprintf(
		    file, CRASHDIR_NAME, "%s-%s%s" SUFFIX, vm, stamp, again);
		if (linkat(AT_FDCWD, self, dir_fd, file, AT_SYMLINK_FOLLOW) ==
		    0)
			return 0;
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

/* --- only so many ----------------------------------------------------------
 */

/* The dumps there are. */
struct crashdir_dumps {
	struct crashdir_dump {
		struct timespec time; /* of its last byte */
		char file[CRASHDIR_NAME];
	} * dump; /* owned */
	size_t count;
};

/* A name that was free again may be older than its file: not by name. */
static int
crashdir_compare(const void *a, const void *b)
{
	const struct crashdir_dump *x = a, *y = b;
	size_t nx = strlen(x->file), ny = strlen(y->file);
	int name;

	if (x->time.tv_sec != y->time.tv_sec)
		return x->time.tv_sec < y->time.tv_sec ? -1 : 1;
	if (x->time.tv_nsec != y->time.tv_nsec)
		return x->time.tv_nsec < y->time.tv_nsec ? -1 : 1;
	/* By the time in the name, then "-1" after the one without. */
	name = strncmp(x->file, y->file, (nx < ny ? nx : ny) - strlen(SUFFIX));
	return name != 0 ? name : (nx > ny) - (nx < ny);
}

static int
crashdir_add(
    struct crashdir_dumps *dumps, const char *file, const struct timespec *time)
{
	struct crashdir_dump *more =
	    reallocarray(dumps->dump, dumps->count + 1, sizeof(dumps->dump[0]));

	if (more == NULL)
		return -1;
	dumps->dump = more;
	more[dumps->count].time = *time;
	strlcpy(more[dumps->count].file, file, CRASHDIR_NAME);
	dumps->count++;
	return 0;
}

/* The dumps of vm that are uid's, but for the file newest, as far as there is
 * memory for them, and not more than CRASHDIR_DUMPS. */
static void
crashdir_list(int dir_fd, uid_t uid, const char *vm, const char *newest,
    struct crashdir_dumps *dumps)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	struct stat st;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	for (unsigned int looks = 0; looks < LOOK_MAX &&
	     dumps->count < CRASHDIR_DUMPS && (e = readdir(d)) != NULL;
	     looks++)
		if (crashdir_is_dump(e->d_name, vm) &&
		    strcmp(e->d_name, newest) != 0 &&
		    fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_uid == uid &&
		    crashdir_add(dumps, e->d_name, &st.st_mtim) == -1)
			break;
	closedir(d);
}

/* Leaves newest and max - 1 others. */
static void
crashdir_prune(
    int dir_fd, uid_t uid, const char *vm, const char *newest, unsigned int max)
{
	struct crashdir_dumps dumps = { .count = 0 };

	crashdir_list(dir_fd, uid, vm, newest, &dumps);
	if (dumps.count > 0)
		qsort(dumps.dump, dumps.count, sizeof(dumps.dump[0]),
		    crashdir_compare);
	for (size_t i = 0; i + max - 1 < dumps.count; i++)
		if (unlinkat(dir_fd, dumps.dump[i].file, 0) == -1)
			log_warn("vm", "%s", dumps.dump[i].file);
	free(dumps.dump);
}

int
crashdir_keep(const char *dir, uid_t uid, int fd, const char *vm,
    unsigned int max, char file[CRASHDIR_NAME])
{
	int dir_fd = crashdir_open(dir, uid), r, error;

	if (dir_fd == -1)
		return -1;
	r = crashdir_link(dir_fd, fd, vm, file);
	error = errno;
	if (r == 0)
		crashdir_prune(dir_fd, uid, vm, file, max);
	close(dir_fd);
	errno = error;
	return r;
}
