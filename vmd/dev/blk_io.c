/* SPDX-License-Identifier: ISC */
/*
 * Disk I/O without waiting: see blk_io.h.
 *
 * A request that is done in part (a short read, an interrupted write) is sent
 * again for the rest; what cannot go on is an error.  The two engines are
 * tables of operations; what they share is here.
 */
#include "dev/blk_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "dev/blk_engine.h"
#include "dev/virtq.h"
#include "ipc/log.h"

static struct blk_io *
blk_io_create(const struct blk_engine *engine, int fd, unsigned int depth,
    struct loop *loop)
{
	struct blk_io *io = calloc(1, sizeof(*io));

	if (io == NULL)
		return NULL;
	io->engine = engine;
	io->fd = fd;
	io->loop = loop;
	io->try_read = io->try_write = true;
	if (engine->open(io, depth) == -1) {
		int error = errno;

		free(io);
		errno = error;
		return NULL;
	}
	return io;
}

struct blk_io *
blk_io_new(int fd, unsigned int depth, struct loop *loop,
    void (*done)(void *arg, struct blk_io_request *), void *arg)
{
	struct blk_io *io = blk_io_create(&blk_uring, fd, depth, loop);

	if (io == NULL) {
		log_debug("blk", "no io_uring here, using threads");
		return blk_io_new_threads(fd, depth, loop, done, arg);
	}
	io->done = done;
	io->arg = arg;
	return io;
}

struct blk_io *
blk_io_new_threads(int fd, unsigned int depth, struct loop *loop,
    void (*done)(void *arg, struct blk_io_request *), void *arg)
{
	struct blk_io *io = blk_io_create(&blk_threads, fd, depth, loop);

	if (io == NULL)
		return NULL;
	io->done = done;
	io->arg = arg;
	return io;
}

void
blk_io_free(struct blk_io *io)
{
	if (io == NULL)
		return;
	io->engine->close(io);
	free(io);
}

const char *
blk_io_name(const struct blk_io *io)
{
	return io->engine->name;
}

/* Makes the first entry whole again. */
static void
blk_io_uncut(struct blk_io_request *r)
{
	if (r->cut == 0)
		return;
	r->iov->iov_base = (uint8_t *)r->iov->iov_base - r->cut;
	r->iov->iov_len += r->cut;
	r->cut = 0;
}

/* Drops len bytes from the front. */
static void
blk_io_skip(struct blk_io_request *r, size_t len)
{
	while (r->niov > 0 && len >= r->iov->iov_len) {
		len -= r->iov->iov_len;
		blk_io_uncut(r);
		r->iov++;
		r->niov--;
	}
	if (r->niov > 0) {
		r->iov->iov_base = (uint8_t *)r->iov->iov_base + len;
		r->iov->iov_len -= len;
		r->cut += len;
	}
}

static bool
blk_io_failed(struct blk_io_request *r, int error)
{
	blk_io_uncut(r);
	r->error = error;
	return true;
}

bool
blk_io_advance(struct blk_io_request *r, int64_t result)
{
	if (result == -EINTR)
		return false;
	if (result < 0)
		return blk_io_failed(r, (int)-result);
	if (r->op != BLK_IO_READ && r->op != BLK_IO_WRITE)
		return true;
	/* Inside the image, nothing moved means that the file has shrunk. */
	if (result == 0 || (uint64_t)result > r->len)
		return blk_io_failed(r, EIO);
	r->off += (uint64_t)result;
	r->len -= (uint64_t)result;
	blk_io_skip(r, (size_t)result);
	return r->len == 0;
}

int64_t
blk_io_run(int fd, const struct blk_io_request *r, int flags)
{
	int64_t n;

	switch (r->op) {
	case BLK_IO_READ:
		n = preadv2(fd, r->iov, (int)r->niov, (off_t)r->off, flags);
		break;
	case BLK_IO_WRITE:
		n = pwritev2(fd, r->iov, (int)r->niov, (off_t)r->off, flags);
		break;
	case BLK_IO_SYNC:
		n = fdatasync(fd);
		break;
	case BLK_IO_ALLOCATE:
		n = fallocate(fd, r->mode, (off_t)r->off, (off_t)r->len);
		break;
	default:
		return -EINVAL;
	}
	return n == -1 ? -errno : n;
}

/* Whether the file system knows RWF_NOWAIT for this operation; NULL when the
 * question makes no sense. */
static bool *
blk_io_able(struct blk_io *io, const struct blk_io_request *r)
{
	if (r->op == BLK_IO_READ)
		return &io->try_read;
	return r->op == BLK_IO_WRITE ? &io->try_write : NULL;
}

bool
blk_io_try(struct blk_io *io, struct blk_io_request *r)
{
	bool *able = blk_io_able(io, r);
	int64_t n;

	if (able == NULL || !*able)
		return false;
	n = blk_io_run(io->fd, r, RWF_NOWAIT);
	/* A file system that cannot do this will not learn it. */
	if (n == -EOPNOTSUPP || n == -ENOSYS) {
		*able = false;
		return false;
	}
	return n != -EAGAIN && blk_io_advance(r, n);
}

bool
blk_io_now(struct blk_io *io, struct blk_io_request *r)
{
	const bool *able = blk_io_able(io, r);

	if (able == NULL || *able)
		return false;
	while (!blk_io_advance(r, blk_io_run(io->fd, r, 0)))
		continue;
	return true;
}

void
blk_io_submit(struct blk_io *io, struct blk_io_request *r)
{
	io->engine->submit(io, r);
}

void
blk_io_commit(struct blk_io *io)
{
	io->engine->commit(io);
}

bool
blk_io_poll(struct blk_io *io)
{
	return io->engine->poll(io);
}
