/* SPDX-License-Identifier: ISC */
/*
 * The board's log of written memory: bits by parts of the RAM, a copier beside
 * writers, and waiting for devices.
 */
#include "role/board_log.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "check.h"
#include "fake_device.h"
#include "role/board.h"

#define PAGE 4096ULL
#define HIGH (4ULL << 30)
/* In the memfd, the second part begins inside a word of bits. */
#define LOW_PAGES 1000U
#define HIGH_PAGES 300U

static struct board board;

static bool
begin(void)
{
	struct msg_dev_memory *map = &board.memory.map;

	memset(&board, 0, sizeof(board));
	pthread_mutex_init(&board.lock, NULL);
	map->count = 2;
	map->region[0].len = LOW_PAGES * PAGE;
	map->region[1].gpa = HIGH;
	map->region[1].len = HIGH_PAGES * PAGE;
	map->region[1].offset = LOW_PAGES * PAGE;
	return board_log_init(&board) == 0;
}

static void
end(void)
{
	munmap(board.log.bits, (LOW_PAGES + HIGH_PAGES + 63) / 64 * 8);
	close(board.log.shared.fd);
}

static void
set(unsigned int page)
{
	__atomic_fetch_or(
	    &board.log.bits[page / 64], 1ULL << page % 64, __ATOMIC_SEQ_CST);
}

static unsigned int
count(const uint64_t *bitmap, unsigned int words)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < words; i++)
		n += (unsigned int)__builtin_popcountll(bitmap[i]);
	return n;
}

static void
is_sealed(void)
{
	struct virtio_log *log = &board.log.shared;

	REQUIRE(begin());
	CHECK_EQ(log->pages, LOW_PAGES + HIGH_PAGES);
	CHECK_EQ(fcntl(log->fd, F_GET_SEALS),
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	CHECK_EQ(ftruncate(log->fd, 0), -1);
	end();
}

/* Each page of each part is found where it is, alone. */
static void
takes_parts(void)
{
	unsigned int wrong = 0;

	REQUIRE(begin());
	for (unsigned int page = 0; page < LOW_PAGES + HIGH_PAGES; page++) {
		uint64_t low[16] = { 0 }, high[5] = { 0 };
		unsigned int at = page < LOW_PAGES ? page : page - LOW_PAGES;
		const uint64_t *is = page < LOW_PAGES ? low : high;

		set(page);
		board_log_take(&board, 0, low, 16);
		board_log_take(&board, HIGH, high, 5);
		wrong += count(low, 16) + count(high, 5) != 1;
		wrong += (is[at / 64] >> at % 64 & 1) == 0;
		wrong += count(board.log.bits, 21) != 0;
	}
	CHECK_EQ(wrong, 0);
	end();
}

static void
takes_all(void)
{
	uint64_t low[16] = { 0 }, high[7] = { 0 }, none[4] = { 0 };

	REQUIRE(begin());
	for (unsigned int page = 0; page < LOW_PAGES + HIGH_PAGES; page++)
		set(page);
	/* There is no such part; and one that is cut short. */
	board_log_take(&board, PAGE, low, 16);
	CHECK_EQ(count(low, 16), 0);
	board_log_take(&board, HIGH, none, 0);
	CHECK_EQ(count(board.log.bits, 21), LOW_PAGES + HIGH_PAGES);
	board_log_take(&board, 0, none, 2);
	CHECK_EQ(count(none, 4), 128);
	CHECK_EQ(count(board.log.bits, 21), LOW_PAGES + HIGH_PAGES - 128);
	/* What is there already stays. */
	low[0] = high[6] = 1;
	board_log_take(&board, 0, low, 16);
	CHECK_EQ(low[0], 1);
	CHECK_EQ(count(low, 16), LOW_PAGES - 128 + 1);
	board_log_take(&board, HIGH, high, 7);
	CHECK_EQ(count(high, 5), HIGH_PAGES);
	CHECK_EQ(high[5], 0);
	CHECK_EQ(high[6], 1);
	CHECK_EQ(count(board.log.bits, 21), 0);
	end();
}

static void
own_writes(void)
{
	uint64_t low[16] = { 0 }, high[5] = { 0 };

	REQUIRE(begin());
	board_log_wrote(&board, 0, PAGE);
	CHECK_EQ(count(board.log.bits, 21), 0);
	set(5);
	board_log_start(&board);
	/* What was there before belongs to nobody. */
	CHECK_EQ(count(board.log.bits, 21), 0);
	board_log_wrote(&board, 63 * PAGE + 4095, 2);
	board_log_wrote(&board, HIGH + 7 * PAGE, 0);
	board_log_wrote(&board, LOW_PAGES * PAGE, 1);
	CHECK_EQ(count(board.log.bits, 21), 2);
	/* To the end of the part, and no further. */
	board_log_wrote(&board, HIGH + (HIGH_PAGES - 70) * PAGE, UINT64_MAX);
	board_log_take(&board, 0, low, 16);
	board_log_take(&board, HIGH, high, 5);
	CHECK_EQ(low[0], 1ULL << 63);
	CHECK_EQ(low[1], 1);
	CHECK_EQ(count(low, 16), 2);
	CHECK_EQ(count(high, 5), 70);
	CHECK_EQ(high[4], (1ULL << HIGH_PAGES % 64) - 1);
	board_log_wrote(&board, 0, 1);
	board_log_stop(&board);
	/* The bits take no memory any more. */
	CHECK_EQ(count(board.log.bits, 21), 0);
	board_log_wrote(&board, 0, 1);
	CHECK_EQ(count(board.log.bits, 21), 0);
	end();
}

/* --- waiting ------------------------------------------------------------- */

static int wait_result, wait_error;

static void *
waiter(void *arg)
{
	pthread_mutex_lock(&board.lock);
	wait_result = board_log_wait(&board, *(const unsigned int *)arg);
	wait_error = errno;
	pthread_mutex_unlock(&board.lock);
	return NULL;
}

/* What the main thread does meanwhile: as board.c when a device speaks. */
static void
main_thread(void (*what)(void))
{
	usleep(20000);
	pthread_mutex_lock(&board.lock);
	what();
	pthread_mutex_unlock(&board.lock);
}

static void
device_answers(void)
{
	MSG_SEND_EMPTY(&proc.link, MSG_DEV_LOG_ON, 0);
	pump();
	CHECK_EQ(seen.logging, 1);
	board_log_changed(&board);
}

static void
device_dies(void)
{
	msg_link_fini(&proc.link);
	proc.link.handlers = NULL;
	fake_poll(0);
	CHECK_EQ(seen.gone, 1);
	board_log_changed(&board);
}

static void
log_stops(void)
{
	board_log_stop(&board);
}

static void
nothing(void)
{
}

static void
wait_for(void (*what)(void), unsigned int ms)
{
	pthread_t thread;

	REQUIRE(begin() && setup());
	board.device[0] = dev;
	board.devices = 1;
	board_log_start(&board);
	pump();
	CHECK_EQ(proc.log, 1);
	CHECK_STR(board_log_missing(&board), "blk0");
	REQUIRE(pthread_create(&thread, NULL, waiter, &ms) == 0);
	main_thread(what);
	pthread_join(thread, NULL);
	board_log_stop(&board);
	teardown();
	end();
}

static void
waits_for_devices(void)
{
	wait_for(device_answers, 10000);
	CHECK_EQ(wait_result, 0);
	wait_for(device_dies, 10000);
	CHECK_EQ(wait_result, 0);
	wait_for(log_stops, 10000);
	CHECK_EQ(wait_result, -1);
	CHECK_EQ(wait_error, ECANCELED);
	wait_for(nothing, 100);
	CHECK_EQ(wait_result, -1);
	CHECK_EQ(wait_error, ETIMEDOUT);
}

int
main(void)
{
	TEST(is_sealed);
	TEST(takes_parts);
	TEST(takes_all);
	TEST(own_writes);
	TEST(waits_for_devices);
	return CHECK_EXIT();
}
