/* SPDX-License-Identifier: ISC */
/*
 * The control socket's name and its owner; control serves it.  Runs in the
 * parent, which alone may make and remove it.
 */
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
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

/* Which process has the lock, as far as it has said so. */
static void __attribute__((noreturn))
parent_locked_out(const struct parent *p, int fd)
{
	char text[16];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strspn(text, "0123456789")] = '\0';
	fatalx("vmd", "%s: another vmd is running%s%s", p->socket_path,
	    text[0] != '\0' ? ", process " : "", text);
}

/* A file that has another name, too, or is somebody else's, is none that a
 * daemon made here, and not to be written to. */
static void
parent_lock_check(const struct parent *p, const struct stat *st)
{
	if (!S_ISREG(st->st_mode) || st->st_nlink > 1 || st->st_uid != p->uid)
		fatalx(
		    "vmd", "%s: is not a lock of vmd: remove it", p->lock_path);
}

/*
 * Of two daemons that begin at the same time only one may take a socket that
 * is left over.  Whoever has the lock removes its file at the end: a lock on a
 * file that is no longer the one of that name is none.
 */
static void
parent_lock(struct parent *p)
{
	struct stat ours, named;

	if (asprintf(&p->lock_path, "%s.lock", p->socket_path) == -1)
		fatal("vmd", "socket path");
	for (;;) {
		p->lock_fd = open(p->lock_path,
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		    0600);
		if (p->lock_fd == -1)
			fatal("vmd", "%s", p->lock_path);
		if (flock(p->lock_fd, LOCK_EX | LOCK_NB) == -1)
			parent_locked_out(p, p->lock_fd);
		if (fstat(p->lock_fd, &ours) == 0 &&
		    lstat(p->lock_path, &named) == 0 &&
		    ours.st_dev == named.st_dev && ours.st_ino == named.st_ino)
			break;
		close(p->lock_fd);
	}
	parent_lock_check(p, &ours);
	if (ftruncate(p->lock_fd, 0) == -1 ||
	    dprintf(p->lock_fd, "%d\n", (int)getpid()) < 0)
		log_warn("vmd", "%s", p->lock_path);
}

void
parent_socket_remove(struct parent *p)
{
	unlink(p->socket_path);
	unlink(p->lock_path);
	close(p->lock_fd);
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
	if (lstat(p->socket_path, &sb) == 0 && !S_ISSOCK(sb.st_mode))
		fatalx("vmd", "%s: is not a socket", p->socket_path);
	parent_lock(p);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		fatal("vmd", "socket");
	/* A socket that answers, or has no room for us, belongs to somebody all
	 * the same; one that refuses is left over. */
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ||
	    errno == EAGAIN)
		fatalx("vmd", "%s: another vmd is running", p->socket_path);
	if (errno == ECONNREFUSED && unlink(p->socket_path) == -1)
		fatal("vmd", "%s", p->socket_path);
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
