/* SPDX-License-Identifier: ISC */
/*
 * The connection to the daemon; see client.h.  Requests are written at once,
 * answers are read one by one; every answer passes reply_decode() before
 * anything looks at it.
 */
#include "client.h"

#include <err.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int
path_copy(char *path, size_t len, const char *dir, const char *name)
{
	int n = snprintf(path, len, "%s%s%s", dir, *dir ? "/" : "", name);

	if (n < 0 || (size_t)n >= len) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

int
client_path(const char *given, char *path, size_t len)
{
	const char *env = getenv(VMD_SOCKET_ENV);
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (given != NULL)
		return path_copy(path, len, "", given);
	if (env != NULL && *env != '\0')
		return path_copy(path, len, "", env);
	if (geteuid() != 0 && dir != NULL && *dir == '/' &&
	    path_copy(path, len, dir, VMD_SOCKET_NAME) == 0 &&
	    access(path, F_OK) == 0)
		return 0;
	return path_copy(path, len, "", VMD_SOCKET);
}

/* What somebody who was refused has to do: join the socket's group. */
static void
say_group(const char *path)
{
	const struct group *gr;
	struct stat st;

	if (stat(path, &st) == -1 || (st.st_mode & S_IWGRP) == 0) {
		warnx("only its owner may use this socket");
		return;
	}
	if ((gr = getgrgid(st.st_gid)) != NULL)
		warnx("members of the group %s may use this socket: "
		      "\"adduser %s %s\" as root, then log in again",
		    gr->gr_name, getenv("USER") ? getenv("USER") : "NAME",
		    gr->gr_name);
	else
		warnx("members of the group %u may use this socket",
		    (unsigned int)st.st_gid);
}

static void
say_connect_error(const char *path, int error)
{
	errno = error;
	warn("connect: %s", path);
	if (error == EACCES || error == EPERM)
		say_group(path);
	else if (error == ENOENT || error == ECONNREFUSED)
		warnx("is vmd running?  Start it with \"systemctl start vmd\", "
		      "or \"vmd\" for yourself; name another socket with -S");
}

int
client_open(struct client *client, const char *path, bool verbose)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	client->verbose = verbose;
	client->fd = -1;
	if (strlen(path) >= sizeof(sun.sun_path)) {
		say_connect_error(path, ENAMETOOLONG);
		return -1;
	}
	strcpy(sun.sun_path, path);
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd == -1) {
		warn("socket");
		return -1;
	}
	if (connect(client->fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		say_connect_error(path, errno);
		close(client->fd);
		client->fd = -1;
		return -1;
	}
	if (imsgbuf_init(&client->ibuf, client->fd) == -1)
		err(1, "imsgbuf_init");
	imsgbuf_allow_fdpass(&client->ibuf);
	if (verbose)
		warnx("connected to %s", path);
	return 0;
}

void
client_close(struct client *client)
{
	if (client->fd == -1)
		return;
	imsgbuf_clear(&client->ibuf);
	close(client->fd);
	client->fd = -1;
}

int
client_send(
    struct client *client, uint32_t type, int fd, const void *data, size_t len)
{
	if (client->verbose)
		warnx("sending %s, %zu bytes%s", reply_type_name(type), len,
		    fd == -1 ? "" : " and a descriptor");
	if (imsg_compose(&client->ibuf, type, VMD_PROTOCOL, 0, fd, data, len) ==
	    -1) {
		warn("message %s", reply_type_name(type));
		if (fd != -1)
			close(fd);
		return -1;
	}
	if (imsgbuf_flush(&client->ibuf) == -1 && errno != EPIPE &&
	    errno != ECONNRESET) {
		warn("write to vmd");
		return -1;
	}
	return 0;
}

/* Checks a message as a whole; 0 or -1 having said why. */
static int
take_reply(struct client *client, struct imsg *imsg, struct reply *reply)
{
	const char *reason;
	int fd = imsg_get_fd(imsg);

	if (client->verbose)
		warnx("received %s, %zu bytes",
		    reply_type_name(imsg_get_type(imsg)), imsg_get_len(imsg));
	if (fd != -1)
		close(fd);
	if (imsg_get_id(imsg) != VMD_PROTOCOL) {
		warnx("vmd speaks version %u of the protocol, this vmctl %u: "
		      "install both from one release and restart vmd",
		    imsg_get_id(imsg), VMD_PROTOCOL);
		return -1;
	}
	if (reply_decode(reply, imsg_get_type(imsg), imsg->data,
		imsg_get_len(imsg), &reason) == -1) {
		warnx("bad answer from vmd: %s (%s, %zu bytes)", reason,
		    reply_type_name(imsg_get_type(imsg)), imsg_get_len(imsg));
		return -1;
	}
	if (fd != -1) {
		warnx("bad answer from vmd: unexpected descriptor (%s)",
		    reply_type_name(reply->type));
		return -1;
	}
	return 0;
}

int
client_recv(struct client *client, struct reply *reply)
{
	struct imsg imsg;
	ssize_t n;
	int r;

	for (;;) {
		if ((n = imsg_get(&client->ibuf, &imsg)) > 0) {
			r = take_reply(client, &imsg, reply);
			imsg_free(&imsg);
			return r;
		}
		if (n == -1 || (r = imsgbuf_read(&client->ibuf)) == -1) {
			if (errno == EINTR)
				continue;
			if (errno == ECONNRESET)
				warnx("pipe closed: vmd dropped the "
				      "connection");
			else if (errno == ERANGE)
				warnx("bad answer from vmd: not a message");
			else
				warn("read from vmd");
			return -1;
		}
		if (r == 0) {
			warnx("pipe closed: vmd dropped the connection");
			return -1;
		}
	}
}

int
client_result(struct client *client, struct reply *reply)
{
	if (client_recv(client, reply) == -1)
		return -1;
	if (reply->type != MSG_RESULT) {
		warnx("bad answer from vmd: %s where a RESULT was due",
		    reply_type_name(reply->type));
		return -1;
	}
	return 0;
}
