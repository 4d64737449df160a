/* SPDX-License-Identifier: ISC */
/*
 * The service manager; see notify.h.  Runs in the parent, which cannot make
 * sockets once its jail is closed: the connected one is kept.
 */
#include "role/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"

#define NOTIFY_ENV "NOTIFY_SOCKET"

int
notify_open(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const char *name = getenv(NOTIFY_ENV);
	size_t len = name != NULL ? strlen(name) : 0;
	socklen_t size =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	int fd = -1;

	if (len == 0)
		return -1;
	/* A path, or '@' and an abstract name (unix(7)). */
	if ((name[0] != '/' && name[0] != '@') || len >= sizeof(sun.sun_path)) {
		log_warnx("vmd", "%s: \"%s\" is no address", NOTIFY_ENV, name);
		goto out;
	}
	memcpy(sun.sun_path, name, len);
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, size) == -1) {
		log_warn("vmd", "%s: %s", NOTIFY_ENV, name);
		if (fd != -1)
			close(fd);
		fd = -1;
	}
out:
	unsetenv(NOTIFY_ENV);
	return fd;
}

static void
notify_send(int fd, const char *line)
{
	if (fd != -1 && write(fd, line, strlen(line)) == -1)
		log_warn("vmd", "cannot tell the service manager \"%s\"", line);
}

void
notify_ready(int fd)
{
	notify_send(fd, "READY=1");
}

void
notify_stopping(int fd)
{
	notify_send(fd, "STOPPING=1");
}
