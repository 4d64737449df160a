/* SPDX-License-Identifier: ISC */
/*
 * A disk that is written back because the VM process wants it: beside requests
 * of the driver, while the device is stopped, and when the process leaves.
 */
#include <errno.h>
#include <linux/virtio_blk.h>

#include "check.h"
#include "dev/blk_engine.h"
#include "driver_blk.h"
#include "quiet.h"

#define HDR DRIVER_DATA
#define STATUS (DRIVER_DATA + 0x40)
#define DATA (DRIVER_DATA + 0x1000)

/* An engine that does what it is given when it is told to. */
static struct {
	struct blk_io_request *request[4];
	unsigned int count, syncs;
} held;

static int
held_open(struct blk_io *io, unsigned int depth)
{
	(void)depth;
	memset(&held, 0, sizeof(held));
	/* Nothing without waiting. */
	io->try_read = io->try_write = false;
	return 0;
}

static void
held_close(struct blk_io *io)
{
	(void)io;
}

static void
held_submit(struct blk_io *io, struct blk_io_request *r)
{
	(void)io;
	held.syncs += r->op == BLK_IO_SYNC;
	held.request[held.count++ % 4] = r;
}

static void
held_commit(struct blk_io *io)
{
	(void)io;
}

static bool
held_poll(struct blk_io *io)
{
	(void)io;
	return false;
}

static const struct blk_engine held_engine = {
	.name = "held",
	.open = held_open,
	.close = held_close,
	.submit = held_submit,
	.commit = held_commit,
	.poll = held_poll,
};
static struct blk_io *held_io;

static struct blk_io *
held_new(int fd, unsigned int depth, struct loop *l,
    void (*done)(void *, struct blk_io_request *), void *arg)
{
	held_io = calloc(1, sizeof(*held_io));
	if (held_io == NULL)
		return NULL;
	held_io->engine = &held_engine;
	held_io->fd = fd;
	held_io->loop = l;
	held_io->done = done;
	held_io->arg = arg;
	held_open(held_io, depth);
	return held_io;
}

/* The oldest one ends. */
static void
let_go(int error)
{
	struct blk_io_request *r = held.request[0];

	REQUIRE(held.count > 0);
	memmove(held.request, held.request + 1, sizeof(held.request) / 4 * 3);
	held.count--;
	r->error = error;
	held_io->done(held_io->arg, r);
	driver_pump(loop);
}

static bool
setup(bool readonly)
{
	return blk_begin(1 << 20, readonly, held_new, 128);
}

static void
flush(void)
{
	driver_send(MSG_DEV_FLUSH);
	driver_pump(loop);
}

static void
answered_when_it_is_done(void)
{
	REQUIRE(setup(false));
	flush();
	CHECK_EQ(held.syncs, 1);
	CHECK_EQ(drv.flushed, 0);
	let_go(0);
	CHECK_EQ(drv.flushed, 1);
	CHECK_EQ(drv.flush_error, 0);
	flush();
	let_go(ENOSPC);
	CHECK_EQ(drv.flushed, 2);
	CHECK_EQ(drv.flush_error, ENOSPC);
	CHECK_EQ(drv.broken, 0);
	blk_end();
}

static void
stopped_or_not(void)
{
	struct driver_buffer b[] = { { HDR, 16, false }, { DATA, 512, true },
		{ STATUS, 1, true } };
	uint32_t len;

	REQUIRE(setup(false));
	driver_send(MSG_DEV_STOP);
	driver_pump(loop);
	CHECK_EQ(drv.stopped, 1);
	flush();
	CHECK_EQ(held.syncs, 1);
	/* It goes on meanwhile, and requests come and go. */
	driver_send(MSG_DEV_START);
	driver_add(0, b, 3);
	driver_kick(0);
	driver_pump(loop);
	CHECK_EQ(held.count, 2);
	let_go(0);
	CHECK_EQ(drv.flushed, 1);
	CHECK_EQ(driver_used(0, &len), -1);
	let_go(0);
	CHECK(driver_used(0, &len) != -1);
	CHECK_EQ(drv.mem[STATUS], 0);
	blk_end();
}

static void
of_a_disk_that_is_only_read(void)
{
	REQUIRE(setup(true));
	flush();
	CHECK_EQ(held.syncs, 0);
	CHECK_EQ(drv.flushed, 1);
	CHECK_EQ(drv.flush_error, 0);
	blk_end();
}

static void
two_at_a_time(void)
{
	quiet_log();
	REQUIRE(setup(false));
	flush();
	flush();
	CHECK(drv.gone);
	CHECK_EQ(held.syncs, 1);
	/* The process leaves once nothing is under way any more. */
	CHECK(!blk_is_gone);
	let_go(0);
	CHECK(blk_is_gone);
	CHECK_EQ(drv.flushed, 0);
	blk_end();
}

int
main(void)
{
	TEST(answered_when_it_is_done);
	TEST(stopped_or_not);
	TEST(of_a_disk_that_is_only_read);
	TEST(two_at_a_time);
	return CHECK_EXIT();
}
