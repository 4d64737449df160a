/* SPDX-License-Identifier: ISC */
/*
 * The control socket's name and its owner; control serves it.  Runs in the
 * parent, which alone may make and remove it.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "role/parent.h"

#define SOCKET_BACKLOG 64

char *
parent_absolute(const char *path)
{
	char *cwd, *full;

	if (path[0] == '/')
		full = strdup(path);
	else if ((cwd = getcwd(NULL, 0)) == NULL)
		full = NULL;
	else {
		if (asprintf(&full, "%s/%s", cwd, path) == -1)
			full = NULL;
		free(cwd);
	}
	if (full == NULL)
		fatal("vmd", "%s", path);
	return full;
}

char *
parent_socket_path(const struct parent_options *o)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	const char *named = getenv(VMD_SOCKET_ENV);
	char *path;

	if (o->socket_path != NULL)
		path = parent_absolute(o->socket_path);
	else if (named != NULL && named[0] != '\0')
		path = parent_absolute(named);
	else if (geteuid() == 0)
		path = strdup(VMD_SOCKET);
	else if (dir == NULL || dir[0] != '/')
		fatalx("vmd",
		    "XDG_RUNTIME_DIR is not set: name a socket "
		    "with -S");
	else if (asprintf(&path, "%s/%s", dir, VMD_SOCKET_NAME) == -1)
		path = NULL;
	if (path == NULL)
		fatal("vmd", "socket path");
	return path;
}

void
parent_listen(struct parent *p)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct stat sb;
	mode_t old;
	int fd;

	if (strlcpy(sun.sun_path, p->socket_path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		fatalx("vmd", "%s: socket path too long", p->socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		fatal("vmd", "socket");
	/* A socket that answers, or has no room for us, belongs to another
	 * daemon; one that refuses is left over.  So do other files, which are
	 * none of ours. */
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ||
	    errno == EAGAIN)
		fatalx("vmd", "%s: another vmd is running", p->socket_path);
	if (errno == ECONNREFUSED && lstat(p->socket_path, &sb) == 0) {
		if (!S_ISSOCK(sb.st_mode))
			fatalx("vmd", "%s: is not a socket", p->socket_path);
		if (unlink(p->socket_path) == -1)
			fatal("vmd", "%s", p->socket_path);
	}
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	old = umask(p->is_root ? 0117 : 0177);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, SOCKET_BACKLOG) == -1)
		fatal("vmd", "%s", p->socket_path);
	umask(old);
	p->listen_fd = fd;
}

void
parent_socket_owner(struct parent *p, bool given, uid_t uid, int64_t gid)
{
	if (!p->is_root) {
		if (given)
			log_warnx("conf", "socket owner: needs root's daemon");
		return;
	}
	if (chown(p->socket_path, given ? uid : 0,
		given && gid != -1 ? (gid_t)gid : 0) == -1)
		log_warn("vmd", "%s: cannot change its owner", p->socket_path);
}
