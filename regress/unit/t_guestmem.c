/* SPDX-License-Identifier: ISC */
/*
 * The log of written guest memory: its bits, and that nothing is lost between
 * who writes and who copies.
 */
#include "dev/guestmem.h"

#include <pthread.h>
#include <stdlib.h>

#include "check.h"

#define PAGE 4096U

/* --- bits ----------------------------------------------------------------- */

static void
marks_pages(void)
{
	static uint8_t low[PAGE * 200], high[PAGE * 3];
	uint64_t log[8] = { 0 };
	struct guestmem gm = { .count = 2,
		.region = { { .gpa = 0, .len = sizeof(low), .base = low },
		    { .gpa = 1ULL << 32,
			.len = sizeof(high),
			.offset = sizeof(low),
			.base = high } } };

	/* Without a log, nothing. */
	guestmem_wrote(&gm, low, sizeof(low));
	gm.log = log;
	guestmem_wrote(&gm, low, 0);
	guestmem_wrote(&gm, log, 8);
	CHECK_EQ(log[0] | log[1] | log[2] | log[3], 0);
	guestmem_wrote(&gm, low + PAGE - 1, 1);
	CHECK_EQ(log[0], 1);
	guestmem_wrote(&gm, low + PAGE - 1, 2);
	CHECK_EQ(log[0], 3);
	guestmem_wrote(&gm, low + 63 * PAGE, PAGE);
	CHECK_EQ(log[0], 3 | 1ULL << 63);
	CHECK_EQ(log[1], 0);
	guestmem_wrote(&gm, low + 63 * PAGE + 5, PAGE);
	CHECK_EQ(log[1], 1);
	log[0] = log[1] = 0;
	guestmem_wrote(&gm, low + 62 * PAGE, 68 * PAGE);
	CHECK_EQ(log[0], 3ULL << 62);
	CHECK_EQ(log[1], ~0ULL);
	CHECK_EQ(log[2], 3);
	CHECK_EQ(log[3], 0);
	/* By offset in the file, not by address. */
	guestmem_wrote(&gm, high + PAGE, PAGE + 1);
	CHECK_EQ(log[3], 3ULL << (201 - 192));
	CHECK_EQ(log[4], 0);
}

/* --- writer and copier ---------------------------------------------------- */

#define RACE_PAGES 128U
#define RACE_WORDS (PAGE / 8)
#define RACE_DEVICES 2U
/* Many, for only the last write to a page can get lost. */
#define RACE_BURSTS 1000U
#define RACE_WRITES 2000U

static uint64_t race_memory[RACE_PAGES * RACE_WORDS]
    __attribute__((aligned(4096)));
static uint64_t race_copy[RACE_PAGES];
static uint64_t race_log[RACE_PAGES / 64];
static const struct guestmem race_gm = { .count = 1,
	.region = { { .len = sizeof(race_memory),
	    .base = (uint8_t *)race_memory } },
	.log = race_log };
static pthread_barrier_t race_begin;
static unsigned int race_writing; /* devices that have not done their burst */

/* Only the first word of a page is looked at. */
static uint64_t *
race_word(unsigned int page)
{
	return &race_memory[page * RACE_WORDS];
}

static void *
race_device(void *arg)
{
	unsigned int seed = *(const unsigned int *)arg;

	for (uint64_t burst = 0; burst < RACE_BURSTS; burst++) {
		pthread_barrier_wait(&race_begin);
		for (uint64_t i = 0; i < RACE_WRITES; i++) {
			uint64_t *at =
			    race_word((unsigned int)rand_r(&seed) % RACE_PAGES);

			__atomic_store_n(
			    at, burst * RACE_WRITES + i, __ATOMIC_RELAXED);
			guestmem_wrote(&race_gm, at, 8);
		}
		__atomic_fetch_sub(&race_writing, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* One round of who sends a guest: takes the bits, then copies. */
static void
race_round(void)
{
	for (unsigned int w = 0; w < RACE_PAGES / 64; w++) {
		uint64_t taken =
		    __atomic_exchange_n(&race_log[w], 0, __ATOMIC_SEQ_CST);

		for (unsigned int i = 0; i < 64; i++)
			if (taken >> i & 1)
				race_copy[w * 64 + i] = __atomic_load_n(
				    race_word(w * 64 + i), __ATOMIC_RELAXED);
	}
}

/* Pages that are not as they were when the devices had stopped. */
static unsigned int
race_burst(unsigned int devices)
{
	unsigned int missing = 0;

	__atomic_store_n(&race_writing, devices, __ATOMIC_RELAXED);
	pthread_barrier_wait(&race_begin);
	while (__atomic_load_n(&race_writing, __ATOMIC_ACQUIRE) != 0)
		race_round();
	race_round();
	for (unsigned int i = 0; i < RACE_PAGES; i++)
		missing += race_copy[i] != *race_word(i);
	return missing;
}

static void
race(unsigned int devices)
{
	static unsigned int seeds[RACE_DEVICES] = { 1, 2 };
	pthread_t device[RACE_DEVICES];
	unsigned int missing = 0;

	pthread_barrier_init(&race_begin, NULL, devices + 1);
	for (unsigned int i = 0; i < devices; i++)
		REQUIRE(pthread_create(
			    &device[i], NULL, race_device, &seeds[i]) == 0);
	for (unsigned int i = 0; i < RACE_BURSTS; i++)
		missing += race_burst(devices);
	for (unsigned int i = 0; i < devices; i++)
		pthread_join(device[i], NULL);
	pthread_barrier_destroy(&race_begin);
	CHECK_EQ(missing, 0);
}

static void
nothing_is_lost(void)
{
	race(1);
	race(RACE_DEVICES);
}

int
main(void)
{
	TEST(marks_pages);
	TEST(nothing_is_lost);
	return CHECK_EXIT();
}
