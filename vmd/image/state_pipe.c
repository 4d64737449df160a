/* SPDX-License-Identifier: ISC */
/*
 * State streams that go through pipes; see state_pipe.h.
 */
#include "image/state_pipe.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "image/state.h"
#include "image/state_io.h"

/* Less is copied straight away. */
#define MUCH (64U << 10)
#define SIZE (1U << 20)
#define ROOM ((size_t)2 << 20) /* a large page */

int
state_pipe_open(struct state_pipe *p, int fd)
{
	struct stat st;

	p->own[0] = p->own[1] = -1;
	if (fstat(fd, &st) == -1 || !S_ISFIFO(st.st_mode))
		return 0;
	if (pipe2(p->own, O_CLOEXEC) == -1)
		return -1;
	/* Not every user may have a large one. */
	(void)fcntl(p->own[1], F_SETPIPE_SZ, SIZE);
	return 0;
}

void
state_pipe_close(struct state_pipe *p)
{
	for (int i = 0; i < 2; i++) {
		if (p->own[i] != -1)
			close(p->own[i]);
		p->own[i] = -1;
	}
}

static size_t
parts_len(const struct iovec *iov, int count)
{
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	return len;
}

/* What was moved into our own pipe, all of it. */
static ssize_t
own_readv(const struct state_pipe *p, struct iovec *iov, int count, size_t len)
{
	size_t left = len;
	ssize_t n;

	while (left > 0) {
		n = readv(p->own[0], iov, count);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		left -= (size_t)n;
		state_io_advance(&iov, &count, (size_t)n);
	}
	return (ssize_t)len;
}

ssize_t
state_pipe_readv(
    const struct state_pipe *p, int fd, struct iovec *iov, int count)
{
	size_t len = p->own[0] != -1 ? parts_len(iov, count) : 0;
	struct iovec copy[STATE_IO_PARTS];
	ssize_t n;

	if (len < MUCH || count > STATE_IO_PARTS)
		return readv(fd, iov, count);
	n = splice(fd, NULL, p->own[1], NULL, len, 0);
	if (n <= 0)
		return n;
	for (int i = 0; i < count; i++)
		copy[i] = iov[i];
	return own_readv(p, copy, count, (size_t)n);
}

int
state_gift_init(struct state_gift *g)
{
	void *map = mmap(NULL, 2 * ROOM, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return -1;
	g->map = map;
	g->room = g->map + (-(uintptr_t)map & (ROOM - 1));
	g->used = 0;
	/* It works as well with small ones. */
	(void)madvise(g->room, ROOM, MADV_HUGEPAGE);
	return 0;
}

void
state_gift_fini(struct state_gift *g)
{
	if (g->map != NULL)
		munmap(g->map, 2 * ROOM);
	g->map = g->room = NULL;
}

uint8_t *
state_gift_pages(struct state_gift *g, size_t len)
{
	if (len > STATE_GIFT_MAX) {
		errno = EINVAL;
		return NULL;
	}
	if (len > ROOM - g->used) {
		/* Who has the pages keeps them; there will be others here. */
		if (madvise(g->room, ROOM, MADV_DONTNEED) == -1)
			return NULL;
		g->used = 0;
	}
	return g->room + g->used;
}

void
state_gift_give(struct state_gift *g, size_t len)
{
	g->used += (len + STATE_PAGE - 1) / STATE_PAGE * STATE_PAGE;
}
