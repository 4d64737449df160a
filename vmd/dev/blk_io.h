/* SPDX-License-Identifier: ISC */
/*
 * Disk I/O of a blk process that does not wait: io_uring, or, where the host
 * forbids that, a few threads.
 *
 * Made while the process may still create rings and threads; the ring is
 * restricted to reads, writes, syncs and fallocate on the one image.  What the
 * page cache can answer at once is not even sent there (blk_io_try).
 */
#ifndef BLK_IO_H
#define BLK_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "dev/loop.h"

enum blk_io_op {
	BLK_IO_READ,
	BLK_IO_WRITE,
	BLK_IO_SYNC,
	BLK_IO_ALLOCATE, /* fallocate(2) */
};

/* In the owner's memory until done; what iov points to is changed on the way
 * and is at the end as it was. */
struct blk_io_request {
	enum blk_io_op op;
	int mode; /* of fallocate(2) */
	unsigned int niov;
	struct iovec *iov;
	size_t cut; /* bytes dropped from the front of iov[0] */
	uint64_t off;
	uint64_t len;
	int error; /* result: 0 or an errno */
	struct blk_io_request *next; /* of blk_io.c's own lists */
};

struct blk_io;

/*
 * For at most depth requests at a time on fd (borrowed).  done(arg, request) is
 * called from the loop or from blk_io_poll, in the thread of the loop.
 * Returns owned; NULL with errno.
 */
struct blk_io *blk_io_new(int fd, unsigned int depth, struct loop *,
    void (*done)(void *arg, struct blk_io_request *), void *arg);
/* Nothing may be under way. */
void blk_io_free(struct blk_io *);
/* "io_uring" or "threads". */
const char *blk_io_name(const struct blk_io *);

/* Reads or writes what needs no waiting; true when all of the request is done
 * and error set.  What is left otherwise goes to blk_io_submit. */
bool blk_io_try(struct blk_io *, struct blk_io_request *);
/* For a read or write that is alone: does it here and now, if the file system
 * gives no other way than a thread.  As blk_io_try, but it may wait. */
bool blk_io_now(struct blk_io *, struct blk_io_request *);
/* Queues a request; blk_io_commit begins what is queued. */
void blk_io_submit(struct blk_io *, struct blk_io_request *);
void blk_io_commit(struct blk_io *);
/* Calls done for what has finished; true when there was something. */
bool blk_io_poll(struct blk_io *);

/* For tests: the threads although the host has io_uring. */
struct blk_io *blk_io_new_threads(int fd, unsigned int depth, struct loop *,
    void (*done)(void *arg, struct blk_io_request *), void *arg);

#endif /* BLK_IO_H */
