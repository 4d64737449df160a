/* SPDX-License-Identifier: ISC */
/*
 * A program that plays any role: it enters the role's jail as the daemon
 * would, and then makes the system calls it is told to over its socket.  The
 * other half of the file is the test's: start a player, ask it, end it.
 */
#ifndef PLAYER_H
#define PLAYER_H

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "jail/jail.h"

enum player_op {
	PLAYER_CALL, /* system call nr with args */
	PLAYER_OPEN, /* openat of path, read-only */
	PLAYER_SEAL, /* jail_seal() */
	PLAYER_SPAWN, /* jail_spawn() of the role nr; answers with its socket */
	PLAYER_END,
};

struct player_ask {
	enum player_op op;
	long nr;
	long args[6];
	char path[128];
};

struct player_answer {
	long value;
	int error;
	pid_t pid;
	struct jail_report report;
};

/* One role at work, seen from the test. */
struct player {
	pid_t pid;
	int pidfd; /* -1: not our own child */
	int sock;
	struct player_answer hello;
};

static inline int
player_send(int sock, const void *data, size_t size, int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(&iov.iov_base, &data, sizeof(data));
	if (fd != -1) {
		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

/* *fd: a descriptor that came along, or -1. */
static inline int
player_receive(int sock, void *data, size_t size, int *fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };

	if (fd != NULL)
		*fd = -1;
	if (recvmsg(sock, &msg, MSG_WAITALL) != (ssize_t)size)
		return -1;
	if (fd != NULL && CMSG_FIRSTHDR(&msg) != NULL)
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(*fd));
	return 0;
}

/* --- in the jail -------------------------------------------------------- */

static inline int
player_spawn_below(const struct player_ask *ask, struct player_answer *answer)
{
	int sv[2], pidfd;
	struct jail_spawn spawn = {
		.js_role = (enum role)ask->nr,
		.js_root_fd = JAIL_FD_ROOT,
		.js_exe_fd = JAIL_FD_EXE,
		.js_uid = JAIL_SAME_UID,
		.js_gid = (gid_t)-1,
		.js_flags = (unsigned int)ask->args[0],
	};

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return -1;
	spawn.js_sock = sv[1];
	answer->pid = jail_spawn(&spawn, &pidfd);
	answer->error = errno;
	answer->value = answer->pid;
	close(sv[1]);
	if (answer->pid == -1) {
		close(sv[0]);
		return -1;
	}
	return sv[0];
}

static inline void
player_obey(enum role role, const struct player_ask *ask)
{
	struct player_answer answer = { 0 };
	const long *a = ask->args;
	int fd = -1;

	switch (ask->op) {
	case PLAYER_CALL:
		answer.value =
		    syscall(ask->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		answer.error = errno;
		break;
	case PLAYER_OPEN:
		answer.value = syscall(SYS_openat, -100, ask->path, 0, 0);
		answer.error = errno;
		break;
	case PLAYER_SEAL:
		answer.value = jail_seal(role);
		answer.error = errno;
		break;
	case PLAYER_SPAWN:
		fd = player_spawn_below(ask, &answer);
		break;
	case PLAYER_END:
		_exit(0);
	}
	if (player_send(JAIL_FD_SOCKET, &answer, sizeof(answer), fd) == -1)
		_exit(1);
	if (fd != -1)
		close(fd);
}

/* main() of a started role; does not return. */
static inline void
player_main(const char *name)
{
	struct player_answer hello = { 0 };
	struct jail_params params;
	struct player_ask ask;
	int role = role_find(name);

	if (role == -1 || jail_params_get(&params) == -1)
		_exit(2);
	hello.value = jail_enter((enum role)role, &params, &hello.report);
	hello.error = errno;
	hello.pid = getpid();
	if (player_send(JAIL_FD_SOCKET, &hello, sizeof(hello), -1) == -1)
		_exit(3);
	while (player_receive(JAIL_FD_SOCKET, &ask, sizeof(ask), NULL) == 0)
		player_obey((enum role)role, &ask);
	_exit(0);
}

/* --- in the test -------------------------------------------------------- */

/* Starts a direct child; root_fd and exe_fd are borrowed. */
static inline int
player_start(struct player *player, struct jail_spawn *spawn)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		return -1;
	spawn->js_sock = sv[1];
	player->sock = sv[0];
	player->pid = jail_spawn(spawn, &player->pidfd);
	close(sv[1]);
	if (player->pid != -1 &&
	    player_receive(
		player->sock, &player->hello, sizeof(player->hello), NULL) == 0)
		return 0;
	close(player->sock);
	return -1;
}

/* The answer, or -1 when the player did not live to give it. */
static inline int
player_ask(struct player *player, const struct player_ask *ask,
    struct player_answer *answer, int *fd)
{
	if (player_send(player->sock, ask, sizeof(*ask), -1) == -1)
		return -1;
	return player_receive(player->sock, answer, sizeof(*answer), fd);
}

/* Starts a role below a player that plays the supervisor. */
static inline int
player_start_below(struct player *supervisor, enum role role,
    unsigned int flags, struct player *player)
{
	struct player_ask ask = {
		.op = PLAYER_SPAWN, .nr = (long)role, .args = { flags }
	};
	struct player_answer answer;

	player->pidfd = -1;
	if (player_ask(supervisor, &ask, &answer, &player->sock) == -1 ||
	    answer.value == -1 || player->sock == -1)
		return -1;
	player->pid = answer.pid;
	return player_receive(
	    player->sock, &player->hello, sizeof(player->hello), NULL);
}

/* Ends a player; the wait status of a direct child, else 0. */
static inline int
player_stop(struct player *player)
{
	const struct player_ask ask = { .op = PLAYER_END };
	int status = 0;

	player_send(player->sock, &ask, sizeof(ask), -1);
	close(player->sock);
	if (player->pidfd != -1) {
		close(player->pidfd);
		while (waitpid(player->pid, &status, 0) == -1 && errno == EINTR)
			;
	}
	return status;
}

#endif /* PLAYER_H */
