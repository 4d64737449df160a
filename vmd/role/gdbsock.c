/* SPDX-License-Identifier: ISC */
/*
 * The sockets on which VMs wait for a debugger; see gdbsock.h.  Runs in the
 * parent, which alone may make and remove them.
 *
 * No other user may change the folder, so what is made and removed in it by
 * name is the daemon's.
 */
#include "role/gdbsock.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"

/* One debugger, and one that is told that there is one. */
#define GDBSOCK_BACKLOG 2

_Static_assert(VMD_GDB_MAX + 1 == sizeof(((struct sockaddr_un *)0)->sun_path),
    "a path is what a socket's address can hold");

char *
gdbsock_folder(const char *socket_path)
{
	size_t len = strlen(socket_path);
	char *folder;

	if (len > 5 && strcmp(socket_path + len - 5, ".sock") == 0)
		len -= 5;
	if (asprintf(&folder, "%.*s.gdb", (int)len, socket_path) == -1)
		fatal("vmd", "asprintf");
	return folder;
}

/*
 * The folder as it is, which must be ours: one that another user made first,
 * or a link, is not touched.
 */
static int
gdbsock_folder_open(const char *folder)
{
	struct stat sb;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1) {
		if (errno == ENOTDIR || errno == ELOOP)
			errno = EPERM;
		return -1;
	}
	if (fstat(fd, &sb) == -1 || sb.st_uid != geteuid() ||
	    (sb.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

/* Owners of VMs pass through root's folder to their own socket, and see no
 * others. */
static int
gdbsock_folder_make(const char *folder)
{
	int fd;

	if (mkdir(folder, 0700) == -1 && errno != EEXIST)
		return -1;
	if ((fd = gdbsock_folder_open(folder)) == -1)
		return -1;
	if (geteuid() == 0 && fchmod(fd, 0711) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool
gdbsock_is_socket(int folder_fd, const char *name)
{
	struct stat sb;

	return fstatat(folder_fd, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISSOCK(sb.st_mode);
}

void
gdbsock_sweep(const char *folder)
{
	int fd = gdbsock_folder_open(folder);
	const struct dirent *e;
	DIR *dir;

	if (fd == -1)
		return;
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return;
	}
	while ((e = readdir(dir)) != NULL)
		if (gdbsock_is_socket(fd, e->d_name) &&
		    unlinkat(fd, e->d_name, 0) == -1)
			log_warn("vmd", "%s/%s", folder, e->d_name);
	closedir(dir);
	rmdir(folder);
}

static int
gdbsock_bind(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t old;
	int r, saved;

	if (fd == -1)
		return -1;
	/* An entry of this name is of a VM that has ended. */
	unlink(sun->sun_path);
	old = umask(0177);
	r = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	umask(old);
	if (r == 0 && listen(fd, GDBSOCK_BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* An ordinary user's daemon has no VMs of others. */
static int
gdbsock_give(int folder_fd, const char *name, int fd, uid_t uid)
{
	if (geteuid() != 0)
		return 0;
	if (fchownat(folder_fd, name, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) ==
	    -1)
		return -1;
	return fchown(fd, uid, (gid_t)-1);
}

int
gdbsock_open(
    const char *folder, const char *name, uid_t uid, char path[VMD_GDB_MAX + 1])
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int n = snprintf(path, VMD_GDB_MAX + 1, "%s/%s", folder, name);
	int folder_fd, fd, saved;

	if (n < 0 || n > VMD_GDB_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sun.sun_path, path, (size_t)n + 1);
	if ((folder_fd = gdbsock_folder_make(folder)) == -1)
		return -1;
	fd = gdbsock_bind(&sun);
	if (fd != -1 && gdbsock_give(folder_fd, name, fd, uid) == -1) {
		saved = errno;
		unlinkat(folder_fd, name, 0);
		close(fd);
		errno = saved;
		fd = -1;
	}
	saved = errno;
	close(folder_fd);
	if (fd == -1)
		rmdir(folder);
	errno = saved;
	return fd;
}

void
gdbsock_remove(const char *folder, char path[VMD_GDB_MAX + 1])
{
	if (path[0] == '\0')
		return;
	if (unlink(path) == -1 && errno != ENOENT)
		log_warn("vmd", "%s", path);
	rmdir(folder);
	path[0] = '\0';
}
