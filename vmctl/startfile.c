/* SPDX-License-Identifier: ISC */
/*
 * Opening the files of a VM; see startfile.h.  The type is looked at before
 * the open, so that a FIFO cannot block and a device not be disturbed, and
 * again after it, because the path may have changed in between.
 */
#include "startfile.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm_error.h"

static bool
type_fits(uint32_t kind, const struct stat *st)
{
	return S_ISREG(st->st_mode) ||
	    (kind == VM_FILE_DISK && S_ISBLK(st->st_mode));
}

static int
say_type(uint32_t kind, const char *path, const struct stat *st)
{
	warnx("%s %s: is %s, not a regular file%s", vm_file_text(kind), path,
	    S_ISDIR(st->st_mode)			       ? "a directory"
		: S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode) ? "a device"
							       : "special",
	    kind == VM_FILE_DISK ? " or block device" : "");
	return -1;
}

static int
say_errno(uint32_t kind, const char *path)
{
	if (errno == EACCES && kind == VM_FILE_DISK)
		warn("%s %s: you may not read and write it", vm_file_text(kind),
		    path);
	else
		warn("%s %s", vm_file_text(kind), path);
	return -1;
}

int
startfile_open(
    struct startfile *file, uint32_t kind, uint32_t index, const char *path)
{
	int mode = kind == VM_FILE_DISK && !file->readonly ? O_RDWR : O_RDONLY;
	struct stat st;
	int fd;

	if (stat(path, &st) == -1)
		return say_errno(kind, path);
	if (!type_fits(kind, &st))
		return say_type(kind, path, &st);
	fd = open(path, mode | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return say_errno(kind, path);
	if (fstat(fd, &st) == -1 || fcntl(fd, F_SETFL, 0) == -1) {
		say_errno(kind, path);
		close(fd);
		return -1;
	}
	if (!type_fits(kind, &st)) {
		close(fd);
		return say_type(kind, path, &st);
	}
	file->kind = kind;
	file->index = index;
	file->path = path;
	file->fd = fd;
	return 0;
}

int
startfile_take(struct startfile *file)
{
	int fd = file->fd;

	file->fd = -1;
	return fd;
}

void
startfile_close(struct startfile *file)
{
	if (file->fd != -1)
		close(file->fd);
	file->fd = -1;
}
