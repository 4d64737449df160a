/* SPDX-License-Identifier: ISC */
/*
 * The file that a dump goes to; see dumpfile.h.  Runs with the user's rights:
 * the file is the user's, and a full quota is, too.
 *
 * On most file systems the file has no name (O_TMPFILE) and is linked into its
 * folder at the end, which leaves nothing even after a SIGKILL.  On others it
 * has another name until then, which is removed on every end but that one.
 */
#include "dumpfile.h"

#include <sys/stat.h>
#include <sys/types.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEMP_TRIES 16

/* The file whose temporary name a signal has to remove. */
static const struct dumpfile *volatile on_signal;

static void
dumpfile_signal(int sig)
{
	const struct dumpfile *file = on_signal;

	if (file != NULL)
		unlinkat(file->dir_fd, file->temp, 0);
	signal(sig, SIG_DFL);
	raise(sig);
}

/* A signal that is ignored stays so: nohup(1). */
static void
dumpfile_signals(const struct dumpfile *file)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	struct sigaction is,
	    sa = { .sa_handler = dumpfile_signal,
		    .sa_flags = (int)SA_RESETHAND };

	on_signal = file;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &is) == 0 &&
		    is.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
}

static int
dumpfile_say(const struct dumpfile *file)
{
	warn("%s", file->path);
	return -1;
}

/* The folder and the name in it. */
static int
dumpfile_folder(struct dumpfile *file)
{
	const char *slash = strrchr(file->path, '/');
	char *dir;

	file->name = slash != NULL ? slash + 1 : file->path;
	if (*file->name == '\0' || strcmp(file->name, ".") == 0 ||
	    strcmp(file->name, "..") == 0) {
		warnx("\"%s\" is not the name of a file", file->path);
		return -1;
	}
	if (strlen(file->name) > NAME_MAX) {
		errno = ENAMETOOLONG;
		return dumpfile_say(file);
	}
	dir = slash == NULL ? strdup(".")
	    : slash == file->path
	    ? strdup("/")
	    : strndup(file->path, (size_t)(slash - file->path));
	if (dir == NULL)
		err(1, NULL);
	file->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (file->dir_fd == -1)
		warn("%s", dir);
	free(dir);
	return file->dir_fd == -1 ? -1 : 0;
}

/* Whether the name may be taken. */
static int
dumpfile_check(const struct dumpfile *file)
{
	struct stat st;

	if (fstatat(file->dir_fd, file->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : dumpfile_say(file);
	if (!S_ISREG(st.st_mode)) {
		warnx("%s: is there, and is not a regular file", file->path);
		return -1;
	}
	if (!file->replace) {
		warnx("%s: is there already; -f replaces it", file->path);
		return -1;
	}
	return 0;
}

static void
dumpfile_temp_name(struct dumpfile *file)
{
	uint32_t random;

	arc4random_buf(&random, sizeof(random));
	snprintf(file->temp, sizeof(file->temp), ".%.*s.%08x", NAME_MAX - 16,
	    file->name, random);
}

static int
dumpfile_make_temp(struct dumpfile *file)
{
	for (int i = 0; i < TEMP_TRIES; i++) {
		dumpfile_temp_name(file);
		file->fd = openat(file->dir_fd, file->temp,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (file->fd != -1) {
			dumpfile_signals(file);
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	file->temp[0] = '\0';
	return -1;
}

/* EISDIR is how a kernel from before O_TMPFILE answers; without /proc a file
 * that has no name cannot be given one. */
static int
dumpfile_make(struct dumpfile *file)
{
	if (access("/proc/self/fd", X_OK) == 0) {
		file->fd = openat(
		    file->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (file->fd != -1)
			return 0;
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
			return -1;
	}
	return dumpfile_make_temp(file);
}

int
dumpfile_open(struct dumpfile *file, const char *path, bool replace)
{
	memset(file, 0, sizeof(*file));
	file->path = path;
	file->replace = replace;
	file->dir_fd = file->fd = -1;
	if (dumpfile_folder(file) == -1)
		return -1;
	if (dumpfile_check(file) == -1 ||
	    (dumpfile_make(file) == -1 && dumpfile_say(file) == -1)) {
		dumpfile_close(file);
		return -1;
	}
	return 0;
}

/* Gives a file without a name one. */
static int
dumpfile_link(const struct dumpfile *file, const char *name)
{
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
	return linkat(AT_FDCWD, self, file->dir_fd, name, AT_SYMLINK_FOLLOW);
}

/* From its temporary name to one that must be free. */
static int
dumpfile_move(struct dumpfile *file)
{
	if (renameat2(file->dir_fd, file->temp, file->dir_fd, file->name,
		RENAME_NOREPLACE) == 0) {
		file->temp[0] = '\0';
		return 0;
	}
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* dumpfile_close() removes the other name. */
	return linkat(file->dir_fd, file->temp, file->dir_fd, file->name, 0);
}

/* In the place of what may be there. */
static int
dumpfile_replace(struct dumpfile *file)
{
	if (file->temp[0] == '\0') {
		dumpfile_temp_name(file);
		if (dumpfile_link(file, file->temp) == -1) {
			file->temp[0] = '\0';
			return -1;
		}
	}
	if (renameat(file->dir_fd, file->temp, file->dir_fd, file->name) == -1)
		return -1;
	file->temp[0] = '\0';
	return 0;
}

int
dumpfile_finish(struct dumpfile *file)
{
	int r;

	if (fsync(file->fd) == -1)
		return dumpfile_say(file);
	if (file->replace)
		r = dumpfile_replace(file);
	else if (file->temp[0] != '\0')
		r = dumpfile_move(file);
	else
		r = dumpfile_link(file, file->name);
	return r == -1 ? dumpfile_say(file) : 0;
}

void
dumpfile_close(struct dumpfile *file)
{
	if (file->temp[0] != '\0')
		unlinkat(file->dir_fd, file->temp, 0);
	on_signal = NULL;
	file->temp[0] = '\0';
	if (file->fd != -1)
		close(file->fd);
	if (file->dir_fd != -1)
		close(file->dir_fd);
	file->fd = file->dir_fd = -1;
}
