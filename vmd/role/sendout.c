/* SPDX-License-Identifier: ISC */
/*
 * Where a VM that is sent goes; see sendout.h.
 */
#include "role/sendout.h"

#include <sys/ioctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "image/state_io.h"

#define LOOK_MS 1

static int
sendout_why(struct sendout *o, int error, const char *why)
{
	if (o->why == NULL)
		o->why = why;
	errno = error;
	return -1;
}

int
sendout_open(struct sendout *o, int fd, int stop_fd)
{
	struct stat st;
	int flags;

	if (fstat(fd, &st) == -1 || (flags = fcntl(fd, F_GETFL)) == -1)
		return -1;
	*o = (struct sendout) {
		.fd = fd, .stop_fd = stop_fd, .wait_ms = -1, .kind = st.st_mode
	};
	o->waits = !S_ISREG(o->kind) && (flags & O_NONBLOCK) == 0;
	if (o->waits)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return 0;
}

void
sendout_close(const struct sendout *o)
{
	int flags;

	if (o->waits && (flags = fcntl(o->fd, F_GETFL)) != -1)
		fcntl(o->fd, F_SETFL, flags & ~O_NONBLOCK);
}

/* For the events of the descriptor: how many poll(2) found, without an end. */
static int
sendout_poll(const struct sendout *o, struct pollfd *fd, int ms)
{
	struct pollfd pfd[2] = { *fd, { .fd = o->stop_fd, .events = POLLIN } };
	int n = poll(pfd, 2, ms);

	if (n == -1)
		return errno == EINTR ? 1 : -1;
	*fd = pfd[0];
	if (pfd[1].revents == 0)
		return n;
	errno = ECANCELED;
	return -1;
}

static int
sendout_wait(struct sendout *o)
{
	struct pollfd pfd = { .fd = o->fd, .events = POLLOUT };
	int n = sendout_poll(o, &pfd, o->wait_ms);

	if (n == 0)
		return sendout_why(o, ETIMEDOUT, "nobody takes the state");
	return n == -1 ? -1 : 0;
}

/* All of the parts, by writev(2) or what is like it. */
static int
sendout_all(struct sendout *o, struct iovec *iov, int count,
    ssize_t (*out)(int fd, const struct iovec *iov, int count))
{
	ssize_t n;

	state_io_advance(&iov, &count, 0);
	while (count > 0) {
		n = out(o->fd, iov, count);
		if (n == -1 && errno == EAGAIN) {
			if (sendout_wait(o) == -1)
				return -1;
			continue;
		}
		if (n == -1 && errno != EINTR)
			return sendout_why(o, errno, "writing the state");
		if (n <= 0)
			continue;
		o->bytes += (uint64_t)n;
		state_io_advance(&iov, &count, (size_t)n);
	}
	return 0;
}

int
sendout_put(void *arg, struct iovec *iov, int count)
{
	return sendout_all(arg, iov, count, writev);
}

/* It waits on a pipe that does not, if it is not told. */
static ssize_t
give_pages(int fd, const struct iovec *iov, int count)
{
	return vmsplice(fd, iov, (size_t)count, SPLICE_F_NONBLOCK);
}

int
sendout_give(void *arg, void *pages, size_t len)
{
	struct iovec iov = { pages, len };

	return sendout_all(arg, &iov, 1, give_pages);
}

/* How much the reader has not taken, or -1. */
static int
sendout_left(const struct sendout *o)
{
	int left = 0;

	return ioctl(o->fd, S_ISFIFO(o->kind) ? FIONREAD : TIOCOUTQ, &left) ==
		-1
	    ? -1
	    : left;
}

/* Whose reader has all is gone, whatever is wanted by now. */
static int
sendout_drain(struct sendout *o)
{
	struct pollfd pfd = { .fd = o->fd, .events = 0 };
	int ms = 0, left, found, error;

	for (;; ms = LOOK_MS) {
		pfd.revents = 0;
		found = sendout_poll(o, &pfd, ms);
		error = errno;
		left = sendout_left(o);
		if (left <= 0)
			return left;
		if ((pfd.revents & (POLLERR | POLLHUP)) != 0)
			return sendout_why(
			    o, EPIPE, "the reader has not taken all");
		if (found == -1) {
			errno = error;
			return -1;
		}
	}
}

int
sendout_end(struct sendout *o)
{
	if (!S_ISREG(o->kind))
		return sendout_drain(o);
	if (fsync(o->fd) == 0)
		return 0;
	return sendout_why(o, errno, "writing the state to the disk");
}
