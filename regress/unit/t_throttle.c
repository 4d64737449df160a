/* SPDX-License-Identifier: ISC */
/* When a vCPU that is slowed down may run, by a clock of the test's. */
#include "role/throttle.h"

#include "check.h"

#define MS 1000000ULL
#define BEGIN (1000000 * MS) /* of a turn, whatever its length */
#define TURNS 1000

/* All that is on time run and stand together. */
static void
together(void)
{
	static const struct {
		unsigned int percent;
		uint64_t run_us, turn_us;
	} rows[] = { { 0, 20000, 20000 }, { 30, 14000, 20000 },
		{ 95, 1000, 20000 }, { 96, 1000, 25000 },
		{ 99, 1000, 100000 } };

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t stop = BEGIN + rows[i].run_us * 1000, until;
		uint64_t next = BEGIN + rows[i].turn_us * 1000;
		struct throttle t = { 0 };

		CHECK(throttle_may_run(&t, rows[i].percent, BEGIN, &until));
		CHECK_EQ(until, stop);
		CHECK(throttle_may_run(&t, rows[i].percent, stop - 1, &until));
		CHECK_EQ(until, stop);
		if (stop < next) {
			CHECK(!throttle_may_run(
			    &t, rows[i].percent, stop, &until));
			CHECK_EQ(until, next);
			CHECK(!throttle_may_run(
			    &t, rows[i].percent, next - 1, &until));
		}
		CHECK(throttle_may_run(&t, rows[i].percent, next, &until));
		CHECK_EQ(until, next + rows[i].run_us * 1000);
	}
}

/* Whoever is always late runs in each turn all the same, and once. */
static void
late(void)
{
	struct throttle t = { 0 };
	uint64_t now = BEGIN, until, ran = 0;

	for (unsigned int i = 0; i < TURNS; i++) {
		now += 5 * MS;
		if (!CHECK(throttle_may_run(&t, 99, now, &until)))
			break;
		CHECK_EQ(until - now, MS);
		ran += until - now;
		CHECK(!throttle_may_run(&t, 99, until, &now));
		CHECK_EQ(now, BEGIN + (i + 1) * 100 * MS);
	}
	CHECK_EQ(ran, TURNS * MS);
}

/* However late, it has no more than one run in a turn. */
static void
late_at_random(void)
{
	struct throttle t = { 0 };
	uint64_t now = BEGIN, until, ran = 0;
	uint32_t seed = 1;

	while (now < BEGIN + TURNS * 100 * MS) {
		seed = seed * 1664525 + 1013904223;
		now += seed % (unsigned int)(110 * MS);
		if (throttle_may_run(&t, 99, now, &until))
			ran += until - now;
		now = until;
	}
	CHECK(ran > TURNS / 3 * MS);
	CHECK(ran <= TURNS * MS);
}

/* Another percentage counts at once. */
static void
changes(void)
{
	struct throttle t = { 0 };
	uint64_t until;

	CHECK(throttle_may_run(&t, 30, BEGIN, &until));
	CHECK_EQ(until, BEGIN + 14 * MS);
	CHECK(throttle_may_run(&t, 60, BEGIN + 2 * MS, &until));
	CHECK_EQ(until, BEGIN + 8 * MS);
	CHECK(!throttle_may_run(&t, 60, BEGIN + 9 * MS, &until));
	CHECK(throttle_may_run(&t, 30, BEGIN + 9 * MS, &until));
	CHECK_EQ(until, BEGIN + 14 * MS);
}

int
main(void)
{
	TEST(together);
	TEST(late);
	TEST(late_at_random);
	TEST(changes);
	return CHECK_EXIT();
}
