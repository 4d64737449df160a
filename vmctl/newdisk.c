/* SPDX-License-Identifier: ISC */
/*
 * Files for disks; see newdisk.h.
 */
#include "newdisk.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "size.h"

#define SECTOR 512

/* The folder of a path; *name is what is behind it. */
static int
newdisk_folder(const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	int fd;

	*name = slash != NULL ? slash + 1 : path;
	folder = slash == NULL ? strdup(".")
	    : slash == path    ? strdup("/")
			       : strndup(path, (size_t)(slash - path));
	if (folder == NULL)
		err(1, NULL);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	return fd;
}

int
newdisk_make(struct newdisk *d, const char *path, uint64_t size)
{
	struct stat st;
	int fd;

	if ((d->dir_fd = newdisk_folder(path, &d->name)) == -1) {
		warn("disk %s", path);
		return -1;
	}
	fd = openat(d->dir_fd, d->name,
	    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd == -1 || fstat(fd, &st) == -1) {
		warn("disk %s", path);
		close(d->dir_fd);
		if (fd != -1)
			close(fd);
		return -1;
	}
	d->dev = st.st_dev;
	d->ino = st.st_ino;
	if (ftruncate(fd, (off_t)size) == 0)
		return fd;
	warn("disk %s", path);
	newdisk_remove(d);
	newdisk_close(d);
	close(fd);
	return -1;
}

void
newdisk_remove(struct newdisk *d)
{
	struct stat st;

	if (fstatat(d->dir_fd, d->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == d->dev && st.st_ino == d->ino &&
	    unlinkat(d->dir_fd, d->name, 0) == -1)
		warn("disk %s cannot be removed", d->name);
}

void
newdisk_close(struct newdisk *d)
{
	close(d->dir_fd);
	d->dir_fd = -1;
}

int
newdisk_check(int fd, const char *path, uint64_t size)
{
	char has[SIZE_TEXT], wants[SIZE_TEXT];
	off_t end = lseek(fd, 0, SEEK_END);

	if (end == -1) {
		warn("disk %s", path);
		return -1;
	}
	if ((uint64_t)(end - end % SECTOR) == size)
		return 0;
	warnx("disk %s: has %s, and what comes for it has %s", path,
	    size_format((uint64_t)end, has), size_format(size, wants));
	return -1;
}
