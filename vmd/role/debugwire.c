/* SPDX-License-Identifier: ISC */
/*
 * The connection with a debugger; see debugwire.h.  Runs in the VM process.
 */
#include "role/debugwire.h"

#include <sys/epoll.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "role/watch.h"

/* So much is taken at a time: the loop has others to serve. */
#define DEBUGWIRE_READ 4096

void
debugwire_init(struct debugwire *w, struct watches *watches)
{
	w->watches = watches;
	w->fd = -1;
}

bool
debugwire_is_open(const struct debugwire *w)
{
	return w->fd != -1;
}

bool
debugwire_is_alive(const struct debugwire *w)
{
	struct pollfd p = { .fd = w->fd };

	return w->fd != -1 && !w->broken &&
	    (poll(&p, 1, 0) != 1 || (p.revents & (POLLHUP | POLLERR)) == 0);
}

static void
debugwire_want(struct debugwire *w, bool full)
{
	if (full == w->full)
		return;
	w->full = full;
	watch_change(w->watches, w->watch, EPOLLIN | (full ? EPOLLOUT : 0U));
}

/* How much of it the socket took; 0 when it is full or broken. */
static size_t
debugwire_write(struct debugwire *w, const char *buf, size_t len)
{
	ssize_t n;

	if (len == 0 || w->broken)
		return 0;
	n = write(w->fd, buf, len);
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		w->broken = true;
	return n > 0 ? (size_t)n : 0;
}

void
debugwire_send(struct debugwire *w, const void *buf, size_t len)
{
	const char *p = buf;
	size_t n;

	if (w->fd == -1 || w->broken)
		return;
	n = w->len == 0 ? debugwire_write(w, p, len) : 0;
	p += n;
	len -= n;
	if (len > sizeof(w->out) - w->len) {
		log_info("vm", "the debugger does not read: dropped");
		w->broken = true;
	}
	if (w->broken)
		return;
	memcpy(w->out + w->len, p, len);
	w->len += len;
	debugwire_want(w, w->len > 0);
}

static void
debugwire_flush(struct debugwire *w)
{
	size_t n = debugwire_write(w, w->out, w->len);

	memmove(w->out, w->out + n, w->len - n);
	w->len -= n;
	debugwire_want(w, w->len > 0);
}

static void
debugwire_read(struct debugwire *w)
{
	char buf[DEBUGWIRE_READ];
	ssize_t n = read(w->fd, buf, sizeof(buf));

	if (n > 0)
		w->input(w->arg, buf, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		w->broken = true;
}

static void
debugwire_ready(void *arg, uint32_t events)
{
	struct debugwire *w = arg;

	if ((events & EPOLLOUT) != 0)
		debugwire_flush(w);
	/* An end that hung up may have said something before. */
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !w->broken)
		debugwire_read(w);
	debugwire_check(w);
}

void
debugwire_check(struct debugwire *w)
{
	if (w->fd != -1 && w->broken)
		w->gone(w->arg);
}

int
debugwire_open(struct debugwire *w, int fd)
{
	w->fd = fd;
	w->broken = w->full = false;
	w->len = 0;
	w->watch = watch_add(w->watches, fd, EPOLLIN, debugwire_ready, w);
	if (w->watch != NULL)
		return 0;
	close(fd);
	w->fd = -1;
	return -1;
}

void
debugwire_close(struct debugwire *w)
{
	if (w->fd == -1)
		return;
	watch_remove(w->watches, w->watch);
	w->watch = NULL;
	close(w->fd);
	w->fd = -1;
}
