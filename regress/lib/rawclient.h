/* SPDX-License-Identifier: ISC */
/*
 * A client of the control socket that makes its messages by hand, for the
 * programs that break its rules.  Nothing of vmd is in it but the table of
 * messages.
 */
#ifndef RAWCLIENT_H
#define RAWCLIENT_H

#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vm_error.h"
#include "vmd_msg.h"

#define MARK 0x80000000U /* a descriptor comes along */
#define ANSWER_MS 10000
#define FDS_MAX 20
#define BODY_MAX 20000

struct header {
	uint32_t type;
	uint32_t len;
	uint32_t peerid;
	uint32_t pid;
};

static const char *socket_path;
static inline int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline int
dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", socket_path);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		err(2, "connect: %s", socket_path);
	return fd;
}

static int sent_fd = -1; /* what goes along; /dev/null unless set */

/* Bytes with nfds descriptors. */
static inline int
send_bytes(int fd, const void *bytes, size_t len, unsigned int nfds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	int list[FDS_MAX];

	if (sent_fd == -1)
		sent_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	memset(&control, 0, sizeof(control));
	if (nfds > 0) {
		for (unsigned int i = 0; i < nfds; i++)
			list[i] = sent_fd;
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), list, nfds * sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

static inline int
send_msg(int fd, uint32_t type, const void *body, size_t len, unsigned int nfds)
{
	static char buf[sizeof(struct header) + BODY_MAX];
	const struct header h = { .type = type,
		.len = (uint32_t)(sizeof(h) + len) | (nfds > 0 ? MARK : 0),
		.peerid = VMD_PROTOCOL,
		.pid = (uint32_t)getpid() };

	memcpy(buf, &h, sizeof(h));
	if (len > 0)
		memcpy(buf + sizeof(h), body, len);
	return send_bytes(fd, buf, sizeof(h) + len, nfds);
}

/* --- what the daemon does with it ----------------------------------------- */

static inline int
read_exactly(int fd, void *buf, size_t len, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char *at = buf;
	ssize_t n;

	while (len > 0) {
		int64_t left = until - now_ms();

		if (left < 0 || poll(&p, 1, (int)left) != 1)
			return -1;
		if ((n = read(fd, at, len)) <= 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The next answer's type, its body in buf; 0: dropped or silent. */
static inline uint32_t
answer(int fd, void *buf)
{
	int64_t until = now_ms() + ANSWER_MS;
	struct header h;

	if (read_exactly(fd, &h, sizeof(h), until) == -1)
		return 0;
	h.len &= ~MARK;
	if (h.len < sizeof(h) || h.len - sizeof(h) > BODY_MAX ||
	    read_exactly(fd, buf, h.len - sizeof(h), until) == -1)
		return 0;
	return h.type;
}

/* Whether the daemon ends the connection; what it says before is skipped. */
static inline bool
is_dropped(int fd, int ms)
{
	int64_t until = now_ms() + ms;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];
	int64_t left;
	ssize_t n;

	while ((left = until - now_ms()) >= 0) {
		if (poll(&p, 1, (int)left) != 1)
			return false;
		n = read(fd, buf, sizeof(buf));
		if (n == 0 || (n == -1 && errno == ECONNRESET))
			return true;
		if (n == -1)
			return false;
	}
	return false;
}

/* The error of the RESULT, VM_ERROR__COUNT when there is none. */
static inline uint32_t
error_of(int fd)
{
	static char buf[BODY_MAX];
	struct msg_result r;

	if (answer(fd, buf) != MSG_RESULT)
		return VM_ERROR__COUNT;
	memcpy(&r, buf, sizeof(r));
	return r.error;
}

#endif /* RAWCLIENT_H */
