/* SPDX-License-Identifier: ISC */
/*
 * Disk I/O by io_uring.
 *
 * io_uring runs outside seccomp's sight.  So the ring is made disabled, gets
 * its one file and its list of permitted operations, and is then enabled: from
 * there on no other file, operation or registration is possible, whoever has
 * taken this process over.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <unistd.h>

#include "dev/blk_engine.h"
#include "ipc/log.h"

struct uring {
	struct io_uring ring;
	struct blk_io_request *waiting; /* the submission queue was full */
};

static const uint8_t allowed_ops[] = {
	IORING_OP_READV,
	IORING_OP_WRITEV,
	IORING_OP_FSYNC,
	IORING_OP_FALLOCATE,
};
#define NOPS (sizeof(allowed_ops) / sizeof(allowed_ops[0]))

/* Debian's liburing 2.3 does not export its wrappers of these operations.
 * -errno on failure, as they have it. */
static int
uring_register(
    struct io_uring *ring, unsigned int op, void *arg, unsigned int n)
{
	long r = syscall(SYS_io_uring_register, ring->ring_fd, op, arg, n);

	return r == -1 ? -errno : (int)r;
}

static int
uring_restrict(struct io_uring *ring)
{
	struct io_uring_restriction r[NOPS + 2] = { 0 };

	for (unsigned int i = 0; i < NOPS; i++) {
		r[i].opcode = IORING_RESTRICTION_SQE_OP;
		r[i].sqe_op = allowed_ops[i];
	}
	r[NOPS].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	r[NOPS].sqe_flags = IOSQE_FIXED_FILE;
	r[NOPS + 1].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
	r[NOPS + 1].sqe_flags = IOSQE_FIXED_FILE;
	return uring_register(ring, IORING_REGISTER_RESTRICTIONS, r, NOPS + 2);
}

static void
uring_ready(void *arg)
{
	struct blk_io *io = arg;

	io->engine->poll(io);
}

static int
uring_open(struct blk_io *io, unsigned int depth)
{
	struct uring *u = calloc(1, sizeof(*u));
	int r;

	if (u == NULL)
		return -1;
	r = io_uring_queue_init(depth, &u->ring, IORING_SETUP_R_DISABLED);
	if (r < 0) {
		free(u);
		errno = -r;
		return -1;
	}
	if ((r = io_uring_register_files(&u->ring, &io->fd, 1)) < 0 ||
	    (r = uring_restrict(&u->ring)) < 0 ||
	    (r = uring_register(
		 &u->ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0)) < 0) {
		io_uring_queue_exit(&u->ring);
		free(u);
		errno = -r;
		return -1;
	}
	io->source = (struct loop_source) {
		.fd = u->ring.ring_fd, .ready = uring_ready, .arg = io
	};
	io->state = u;
	if (loop_add(io->loop, &io->source, LOOP_IN) == -1) {
		io->engine->close(io);
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

static void
uring_close(struct blk_io *io)
{
	struct uring *u = io->state;

	loop_remove(io->loop, &io->source);
	io_uring_queue_exit(&u->ring);
	free(u);
}

static bool
uring_prepare(struct uring *u, struct blk_io_request *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (sqe == NULL)
		return false;
	switch (r->op) {
	case BLK_IO_READ:
		io_uring_prep_readv(sqe, 0, r->iov, r->niov, r->off);
		break;
	case BLK_IO_WRITE:
		io_uring_prep_writev(sqe, 0, r->iov, r->niov, r->off);
		break;
	case BLK_IO_SYNC:
		io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
		break;
	case BLK_IO_ALLOCATE:
		io_uring_prep_fallocate(
		    sqe, 0, r->mode, (off_t)r->off, (off_t)r->len);
		break;
	}
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data(sqe, r);
	return true;
}

static void
uring_submit(struct blk_io *io, struct blk_io_request *r)
{
	struct uring *u = io->state;

	if (uring_prepare(u, r))
		return;
	r->next = u->waiting;
	u->waiting = r;
}

static void
uring_commit(struct blk_io *io)
{
	struct uring *u = io->state;

	/* EAGAIN and EBUSY leave the entries queued for the next time. */
	if (io_uring_sq_ready(&u->ring) != 0)
		io_uring_submit(&u->ring);
}

static bool
uring_poll(struct blk_io *io)
{
	struct uring *u = io->state;
	struct io_uring_cqe *cqe;
	bool work = false;

	while (io_uring_peek_cqe(&u->ring, &cqe) == 0 && cqe != NULL) {
		struct blk_io_request *r = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&u->ring, cqe);
		work = true;
		if (blk_io_advance(r, result))
			io->done(io->arg, r);
		else
			uring_submit(io, r);
	}
	while (u->waiting != NULL) {
		struct blk_io_request *r = u->waiting;

		if (!uring_prepare(u, r))
			break;
		u->waiting = r->next;
	}
	uring_commit(io);
	return work;
}

const struct blk_engine blk_uring = {
	.name = "io_uring",
	.open = uring_open,
	.close = uring_close,
	.submit = uring_submit,
	.commit = uring_commit,
	.poll = uring_poll,
};
