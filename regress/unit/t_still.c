/* SPDX-License-Identifier: ISC */
/*
 * A VM that stands as a whole, without vCPUs: a device whose process the test
 * plays, which a driver has started, and two that have nothing to stop.
 */
#include "role/still.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <unistd.h>

#include "fake_device.h"
#include "fake_vm.h"
#include "quiet.h"
#include "role/board.h"
#include "role/hold.h"
#include "role/vcpus.h"

static struct board board;
static struct vcpus vcpus;
static struct hold hold;
static struct still still;

/* What each has been told. */
static struct {
	unsigned int stands;
	unsigned int fails;
	void (*then)(void); /* done in the midst of that; NULL: nothing */
} told[STILL__COUNT];

static void
done(void *arg, bool stands)
{
	enum still_who who = *(enum still_who *)arg;
	void (*then)(void) = told[who].then;

	told[who].stands += stands;
	told[who].fails += !stands;
	told[who].then = NULL;
	if (then != NULL)
		then();
}

static void
take(enum still_who who)
{
	static enum still_who arg[STILL__COUNT] = { STILL_PAUSE, STILL_SEND,
		STILL_RECEIVE };

	still_take(&still, who, done, &arg[who]);
}

static void
drop(enum still_who who)
{
	still_drop(&still, who);
}

static void
device_stopped(void)
{
	still_device_stopped(&still);
}

static void
vcpus_run(bool run)
{
	vcpus.count = run ? 1 : 0;
}

/* What the event loop does when vCPUs have stopped. */
static void
vcpus_stop(void)
{
	vcpus_run(false);
	hold_check(&hold);
	pump();
}

/* ms until the limit; 0: there is none. */
static long
limit_ms(void)
{
	struct itimerspec its;

	CHECK_EQ(timerfd_gettime(still.limit_fd, &its), 0);
	return its.it_value.tv_sec * 1000 + its.it_value.tv_nsec / 1000000;
}

/* It has come. */
static void
limit_comes(void)
{
	const struct itimerspec its = { .it_value.tv_nsec = 1 };

	CHECK(limit_ms() > 1000 && limit_ms() <= 10000);
	CHECK_EQ(timerfd_settime(still.limit_fd, 0, &its, NULL), 0);
	watches_wait(board.watches);
	pump();
}

/* blk0, which is driven, and two that are not: before it and behind. */
static bool
begin(void)
{
	static const struct boot_cpu cpu = { .mode = BOOT_RESET };
	static struct watches *watches; /* one for all: a VM's never ends */

	if (watches == NULL)
		watches = watches_new(&board.lock);
	memset(&board, 0, sizeof(board));
	memset(told, 0, sizeof(told));
	if (!setup())
		return false;
	seen.on_stopped = device_stopped;
	drive();
	board.device[0] =
	    virtio_new(pci, virtio_class_get(DEVICE_RNG), 0, &memory, &events);
	board.device[1] = dev;
	board.device[2] =
	    virtio_new(pci, virtio_class_get(DEVICE_RNG), 1, &memory, &events);
	board.devices = 3;
	pthread_mutex_init(&board.lock, NULL);
	board.watches = watches;
	board.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	board.vm = fake_vm_make(&fake_vm_backend, 1, 0);
	if (board.vm == NULL || board.device[0] == NULL ||
	    board.device[2] == NULL ||
	    vcpus_init(&vcpus, &board, 0, &cpu) == -1)
		return false;
	vcpus_run(true);
	hold_init(&hold, &board, &vcpus);
	hold_drop(&hold, HOLD_START);
	return still_init(&still, &board, &hold) == 0;
}

static void
end(void)
{
	virtio_free(board.device[0]);
	virtio_free(board.device[2]);
	close(still.limit_fd);
	close(board.timer_fd);
	close(vcpus.event_fd);
	vm_destroy(board.vm);
	teardown();
}

/* Neither it nor anything of it stands. */
static void
goes_on(void)
{
	CHECK(!hold_is_taken(&hold, HOLD_PAUSE));
	CHECK(!board.clock_stopped);
	CHECK(!still.stands);
	CHECK_EQ(still.takers, 0);
	CHECK_EQ(limit_ms(), 0);
	vcpus_run(true);
}

/* vCPUs, then devices, then who asked. */
static void
in_that_order(void)
{
	REQUIRE(begin());
	CHECK_EQ(proc.start, 1);
	take(STILL_PAUSE);
	pump();
	CHECK(hold_is_taken(&hold, HOLD_PAUSE));
	CHECK_EQ(proc.stop, 0);
	CHECK(limit_ms() > 0);
	vcpus_stop();
	CHECK_EQ(proc.stop, 1);
	CHECK_EQ(seen.stopped, 2);
	CHECK_EQ(told[STILL_PAUSE].stands, 0);
	CHECK(limit_ms() > 0);
	CHECK_EQ(say_stopped(7), 0);
	pump();
	CHECK_EQ(told[STILL_PAUSE].stands, 1);
	CHECK(still_is_taken(&still, STILL_PAUSE));
	CHECK(board.clock_stopped);
	CHECK_EQ(limit_ms(), 0);
	CHECK_EQ(proc.start, 1);
	drop(STILL_PAUSE);
	pump();
	CHECK_EQ(proc.start, 2);
	CHECK_EQ(told[STILL_PAUSE].stands + told[STILL_PAUSE].fails, 1);
	goes_on();
	end();
}

/* Each is told once, whether it came before that or after it. */
static void
taken_by_several(void)
{
	REQUIRE(begin());
	take(STILL_PAUSE);
	CHECK(!still_has_others(&still, STILL_PAUSE));
	CHECK(still_has_others(&still, STILL_SEND));
	vcpus_stop();
	take(STILL_SEND);
	CHECK(still_has_others(&still, STILL_PAUSE));
	CHECK_EQ(proc.stop, 1);
	CHECK_EQ(told[STILL_PAUSE].stands + told[STILL_SEND].stands, 0);
	say_stopped(0);
	pump();
	CHECK_EQ(told[STILL_PAUSE].stands, 1);
	CHECK_EQ(told[STILL_SEND].stands, 1);
	take(STILL_RECEIVE);
	CHECK_EQ(told[STILL_RECEIVE].stands, 1);
	CHECK_EQ(told[STILL_PAUSE].stands, 1);
	/* The last one lets go. */
	drop(STILL_PAUSE);
	drop(STILL_RECEIVE);
	drop(STILL_RECEIVE);
	pump();
	CHECK(still.stands);
	CHECK_EQ(proc.start, 1);
	CHECK(hold_is_taken(&hold, HOLD_PAUSE));
	drop(STILL_SEND);
	pump();
	CHECK_EQ(proc.start, 2);
	goes_on();
	end();
}

/* Before the vCPUs stand, and before the devices do. */
static void
dropped_early(void)
{
	REQUIRE(begin());
	take(STILL_SEND);
	drop(STILL_SEND);
	vcpus_stop();
	CHECK_EQ(proc.stop, 0);
	goes_on();
	take(STILL_SEND);
	vcpus_stop();
	drop(STILL_SEND);
	pump();
	goes_on();
	/* Its answer is for nobody, and it starts again. */
	CHECK_EQ(proc.start, 1);
	say_stopped(3);
	pump();
	CHECK_EQ(proc.start, 2);
	CHECK_EQ(told[STILL_SEND].stands + told[STILL_SEND].fails, 0);
	CHECK(!still.stands);
	/* One of two. */
	take(STILL_SEND);
	take(STILL_PAUSE);
	vcpus_stop();
	drop(STILL_SEND);
	say_stopped(3);
	pump();
	CHECK_EQ(told[STILL_SEND].stands, 0);
	CHECK_EQ(told[STILL_PAUSE].stands, 1);
	drop(STILL_PAUSE);
	goes_on();
	end();
}

/* The answer to the first stop is the one to the second. */
static void
taken_again_meanwhile(void)
{
	REQUIRE(begin());
	take(STILL_PAUSE);
	vcpus_stop();
	drop(STILL_PAUSE);
	vcpus_run(true);
	take(STILL_PAUSE);
	vcpus_stop();
	CHECK_EQ(proc.stop, 1);
	CHECK_EQ(told[STILL_PAUSE].stands, 0);
	say_stopped(1);
	pump();
	CHECK_EQ(told[STILL_PAUSE].stands, 1);
	CHECK_EQ(seen.gone, 0);
	drop(STILL_PAUSE);
	goes_on();
	end();
}

static void
does_not_stop(void)
{
	REQUIRE(begin());
	take(STILL_PAUSE);
	take(STILL_SEND);
	limit_comes();
	CHECK_EQ(told[STILL_PAUSE].fails, 1);
	CHECK_EQ(told[STILL_SEND].fails, 1);
	goes_on();
	take(STILL_SEND);
	vcpus_stop();
	limit_comes();
	CHECK_EQ(told[STILL_SEND].fails, 2);
	CHECK_EQ(told[STILL_PAUSE].fails, 1);
	CHECK(!still_is_taken(&still, STILL_SEND));
	goes_on();
	/* It may yet be of use. */
	say_stopped(1);
	pump();
	take(STILL_SEND);
	vcpus_stop();
	CHECK_EQ(proc.stop, 2);
	say_stopped(1);
	pump();
	CHECK_EQ(told[STILL_SEND].stands, 1);
	drop(STILL_SEND);
	goes_on();
	end();
}

/* A process that has ended has nothing in flight. */
static void
dies_meanwhile(void)
{
	REQUIRE(begin());
	take(STILL_PAUSE);
	vcpus_stop();
	CHECK_EQ(told[STILL_PAUSE].stands, 0);
	msg_link_fini(&proc.link);
	pump();
	CHECK_EQ(seen.gone, 1);
	CHECK_EQ(told[STILL_PAUSE].stands, 1);
	/* A new one is not told to do anything. */
	CHECK(spawn());
	hello(V1 | 1ULL << 28 | 0x244);
	CHECK_EQ(proc.start, 0);
	CHECK_EQ(told[STILL_PAUSE].stands, 1);
	drop(STILL_PAUSE);
	goes_on();
	/* Dead before it is asked. */
	msg_link_fini(&proc.link);
	pump();
	take(STILL_SEND);
	vcpus_stop();
	CHECK_EQ(told[STILL_SEND].stands, 1);
	drop(STILL_SEND);
	goes_on();
	end();
}

/* Devices that have nothing to stop answer before they all were asked. */
static void
answer_at_once(void)
{
	REQUIRE(begin());
	SET_STATUS(0);
	pump();
	MSG_SEND_EMPTY(&proc.link, MSG_DEV_RESET_DONE, 0);
	pump();
	take(STILL_PAUSE);
	CHECK_EQ(told[STILL_PAUSE].stands, 0);
	vcpus_stop();
	CHECK_EQ(seen.stopped, 3);
	CHECK_EQ(proc.stop, 0);
	CHECK_EQ(told[STILL_PAUSE].stands, 1);
	drop(STILL_PAUSE);
	goes_on();
	/* And a board without any. */
	board.devices = 0;
	take(STILL_PAUSE);
	vcpus_stop();
	CHECK_EQ(told[STILL_PAUSE].stands, 2);
	drop(STILL_PAUSE);
	goes_on();
	end();
}

static void
pause_again(void)
{
	drop(STILL_PAUSE);
	take(STILL_PAUSE);
}

static void
pause_gives_to_send(void)
{
	drop(STILL_PAUSE);
	vcpus_run(true);
	take(STILL_SEND);
}

static void
send_takes(void)
{
	take(STILL_SEND);
}

static void
send_drops(void)
{
	drop(STILL_SEND);
}

/* From within the call that tells. */
static void
taken_in_the_call(void)
{
	REQUIRE(begin());
	told[STILL_PAUSE].then = pause_again;
	take(STILL_PAUSE);
	vcpus_stop();
	say_stopped(0);
	pump();
	CHECK_EQ(told[STILL_PAUSE].stands, 1);
	CHECK(still_is_taken(&still, STILL_PAUSE));
	CHECK(!still.stands);
	vcpus_stop();
	say_stopped(0);
	pump();
	CHECK_EQ(told[STILL_PAUSE].stands, 2);
	/* Another joins while it stands. */
	told[STILL_RECEIVE].then = send_takes;
	take(STILL_RECEIVE);
	CHECK_EQ(told[STILL_SEND].stands, 1);
	drop(STILL_RECEIVE);
	drop(STILL_SEND);
	drop(STILL_PAUSE);
	goes_on();
	/* One lets go for another who has not been told. */
	told[STILL_PAUSE].then = send_drops;
	take(STILL_PAUSE);
	take(STILL_SEND);
	vcpus_stop();
	say_stopped(0);
	pump();
	CHECK_EQ(told[STILL_PAUSE].stands, 3);
	CHECK_EQ(told[STILL_SEND].stands, 1);
	drop(STILL_PAUSE);
	goes_on();
	end();
}

/* Who comes in the midst of it, and it does not stand (any more), waits. */
static void
taken_by_another_in_the_call(void)
{
	REQUIRE(begin());
	told[STILL_PAUSE].then = pause_gives_to_send;
	take(STILL_PAUSE);
	vcpus_stop();
	say_stopped(0);
	pump();
	CHECK_EQ(told[STILL_PAUSE].stands, 1);
	CHECK_EQ(told[STILL_SEND].stands, 0);
	CHECK(still_is_taken(&still, STILL_SEND));
	vcpus_stop();
	say_stopped(0);
	pump();
	CHECK_EQ(told[STILL_SEND].stands, 1);
	drop(STILL_SEND);
	goes_on();
	told[STILL_PAUSE].then = send_takes;
	take(STILL_PAUSE);
	limit_comes();
	CHECK_EQ(told[STILL_PAUSE].fails, 1);
	CHECK_EQ(told[STILL_SEND].fails, 0);
	CHECK(still_is_taken(&still, STILL_SEND));
	vcpus_stop();
	say_stopped(0);
	pump();
	CHECK_EQ(told[STILL_SEND].stands, 2);
	drop(STILL_SEND);
	goes_on();
	end();
}

int
main(void)
{
	quiet_log();
	TEST(in_that_order);
	TEST(taken_by_several);
	TEST(dropped_early);
	TEST(taken_again_meanwhile);
	TEST(does_not_stop);
	TEST(dies_meanwhile);
	TEST(answer_at_once);
	TEST(taken_in_the_call);
	TEST(taken_by_another_in_the_call);
	return CHECK_EXIT();
}
