/* SPDX-License-Identifier: ISC */
/* virtio-rng: bytes, their limit, and requests that are none. */
#include "check.h"
#include "driver_rng.h"

static unsigned int
zeroes(uint32_t off, uint32_t len)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < len; i++)
		n += drv.mem[off + i] == 0;
	return n;
}

static void
gives_bytes(void)
{
	struct driver_buffer b[2] = { { DRIVER_DATA, 1000, true },
		{ DRIVER_DATA + 2000, 500, true } };
	uint32_t len;

	REQUIRE(rng_begin());
	CHECK_EQ(drv.virtio_id, 4);
	driver_add(0, b, 2);
	driver_kick(0);
	CHECK(driver_wait(loop, 0, &len) != -1);
	CHECK_EQ(len, 1500);
	CHECK(zeroes(DRIVER_DATA, 1000) < 50);
	CHECK_EQ(zeroes(DRIVER_DATA + 1000, 1000), 1000);
	CHECK(zeroes(DRIVER_DATA + 2000, 500) < 30);
	CHECK(driver_interrupts(0) > 0);
	rng_end();
}

static void
at_most_64_kib(void)
{
	struct driver_buffer b = { DRIVER_DATA, 100000, true };
	uint32_t len;

	REQUIRE(rng_begin());
	driver_add(0, &b, 1);
	driver_kick(0);
	CHECK(driver_wait(loop, 0, &len) != -1);
	CHECK_EQ(len, 65536);
	CHECK_EQ(zeroes(DRIVER_DATA + 65536, 100000 - 65536), 100000 - 65536);
	rng_end();
}

static void
more_than_a_batch(void)
{
	unsigned int got = 0;
	uint32_t len;

	REQUIRE(rng_begin());
	for (unsigned int i = 0; i < 60; i++) {
		struct driver_buffer b = { DRIVER_DATA + 64 * i, 64, true };

		driver_add(0, &b, 1);
	}
	driver_kick(0);
	while (driver_wait(loop, 0, &len) != -1 && ++got < 60)
		continue;
	CHECK_EQ(got, 60);
	rng_end();
}

static void
no_room_breaks_it(void)
{
	struct driver_buffer b = { DRIVER_DATA, 64, false };

	REQUIRE(rng_begin());
	driver_add(0, &b, 1);
	driver_kick(0);
	driver_pump(loop);
	CHECK_EQ(drv.broken, 1);
	rng_end();
}

int
main(void)
{
	TEST(gives_bytes);
	TEST(at_most_64_kib);
	TEST(more_than_a_batch);
	TEST(no_room_breaks_it);
	return CHECK_EXIT();
}
