/* SPDX-License-Identifier: ISC */
/*
 * Disks that are written back, as the VM process has it done: with processes
 * that answer late, die, fail, or make answers up; and waiting for all of them.
 */
#include "pci/virtio_flush.h"

#include <errno.h>
#include <unistd.h>

#include "check.h"
#include "fake_device.h"
#include "role/board.h"

static int
answer(uint32_t error)
{
	const struct msg_dev_flushed m = { .error = error };
	int r = MSG_SEND(&proc.link, MSG_DEV_FLUSHED, 0, &m);

	pump();
	return r;
}

static void
ask(void)
{
	virtio_flush(dev);
	pump();
}

static void
asks_and_hears(void)
{
	REQUIRE(setup());
	ask();
	CHECK_EQ(proc.flush, 1);
	CHECK(virtio_is_flushing(dev));
	CHECK_EQ(seen.flushed, 0);
	answer(0);
	CHECK(!virtio_is_flushing(dev));
	CHECK_EQ(virtio_flush_error(dev), 0);
	CHECK_EQ(seen.flushed, 1);
	ask();
	answer(ENOSPC);
	CHECK_EQ(virtio_flush_error(dev), ENOSPC);
	ask();
	CHECK_EQ(virtio_flush_error(dev), 0);
	answer(UINT32_MAX);
	CHECK_EQ(virtio_flush_error(dev), EIO);
	CHECK_EQ(proc.flush, 3);
	CHECK(!proc.gone);
	teardown();
}

/* The answer to the first says nothing of what was written before the second.
 */
static void
asked_again_meanwhile(void)
{
	REQUIRE(setup());
	ask();
	ask();
	ask();
	CHECK_EQ(proc.flush, 1);
	answer(EIO);
	CHECK_EQ(proc.flush, 2);
	CHECK(virtio_is_flushing(dev));
	CHECK_EQ(seen.flushed, 0);
	answer(0);
	CHECK_EQ(proc.flush, 2);
	CHECK(!virtio_is_flushing(dev));
	CHECK_EQ(virtio_flush_error(dev), 0);
	CHECK_EQ(seen.flushed, 1);
	teardown();
}

static void
made_up(void)
{
	REQUIRE(setup());
	answer(0);
	CHECK(proc.gone);
	CHECK_EQ(seen.gone, 1);
	CHECK_STR(seen.why, "was not asked to flush");
	CHECK_EQ(seen.flushed, 0);
	teardown();
}

static void
processes_come_and_go(void)
{
	REQUIRE(setup());
	ask();
	ask();
	REQUIRE(spawn());
	CHECK(!virtio_is_flushing(dev));
	CHECK_EQ(virtio_flush_error(dev), ENOTCONN);
	CHECK_EQ(seen.flushed, 1);
	/* It has not said hello. */
	ask();
	CHECK_EQ(proc.flush, 0);
	CHECK_EQ(virtio_flush_error(dev), ENOTCONN);
	hello(V1 | 1ULL << 28 | 0x244);
	CHECK_EQ(proc.flush, 0);
	ask();
	CHECK_EQ(proc.flush, 1);
	answer(0);
	CHECK_EQ(virtio_flush_error(dev), 0);
	CHECK_EQ(seen.flushed, 2);
	teardown();
}

static void
no_disk(void)
{
	REQUIRE(setup_kind(DEVICE_NET));
	ask();
	CHECK_EQ(proc.flush, 0);
	CHECK(!virtio_is_flushing(dev));
	CHECK_EQ(virtio_flush_error(dev), 0);
	teardown();
}

/* --- waiting for all of them -----------------------------------------------
 */

static struct board board;
static unsigned int ticks;
static unsigned int ticks_max; /* and then it is enough */
static char bad[16];
static int result, result_errno;

static int
on_tick(void *arg)
{
	(void)arg;
	errno = ECANCELED;
	return ++ticks == ticks_max ? -1 : 0;
}

static void *
waiter(void *arg)
{
	const char *name;

	result = board_flush(&board, *(const int *)arg, on_tick, NULL, &name);
	result_errno = errno;
	strlcpy(bad, name != NULL ? name : "none", sizeof(bad));
	return NULL;
}

static void
say_done(void)
{
	answer(0);
}

static void
say_bad(void)
{
	answer(EIO);
}

static void
say_again(void)
{
	answer(EAGAIN);
}

static void
die(void)
{
	msg_link_fini(&proc.link);
	proc.link.handlers = NULL;
	fake_poll(0);
	CHECK_EQ(seen.gone, 1);
}

/* The process does what once it was asked, as in the main thread. */
static void
wait_while(void (*what)(void), int ms, unsigned int most)
{
	pthread_t thread;
	bool asked = false;

	memset(&board, 0, sizeof(board));
	pthread_mutex_init(&board.lock, NULL);
	board_flush_init(&board);
	REQUIRE(setup());
	board.device[board.devices++] = dev;
	ticks = 0;
	ticks_max = most;
	REQUIRE(pthread_create(&thread, NULL, waiter, &ms) == 0);
	while (!asked) {
		pthread_mutex_lock(&board.lock);
		asked = virtio_is_flushing(dev);
		if (asked && what != NULL) {
			pump();
			what();
			board_flush_changed(&board);
		}
		pthread_mutex_unlock(&board.lock);
		usleep(1000);
	}
	pthread_join(thread, NULL);
	teardown();
}

static void
waits(void)
{
	wait_while(say_done, -1, 100);
	CHECK_EQ(result, 0);
	CHECK_STR(bad, "none");
	CHECK(ticks < 100);
	wait_while(say_bad, 10000, 100);
	CHECK_EQ(result, -1);
	CHECK_EQ(result_errno, EIO);
	CHECK_STR(bad, "blk0");
	/* It is no answer that has yet to come. */
	wait_while(say_again, -1, 100);
	CHECK_EQ(result, -1);
	CHECK_EQ(result_errno, EAGAIN);
	wait_while(die, -1, 100);
	CHECK_EQ(result, -1);
	CHECK_EQ(result_errno, ENOTCONN);
	CHECK_STR(bad, "blk0");
	wait_while(NULL, 150, 100);
	CHECK_EQ(result, -1);
	CHECK_EQ(result_errno, ETIMEDOUT);
	CHECK_STR(bad, "blk0");
	CHECK(ticks > 0);
	wait_while(NULL, -1, 2);
	CHECK_EQ(result, -1);
	CHECK_EQ(result_errno, ECANCELED);
	CHECK_EQ(ticks, 2);
}

int
main(void)
{
	TEST(asks_and_hears);
	TEST(asked_again_meanwhile);
	TEST(made_up);
	TEST(processes_come_and_go);
	TEST(no_disk);
	TEST(waits);
	return CHECK_EXIT();
}
