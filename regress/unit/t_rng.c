/* SPDX-License-Identifier: ISC */
/* virtio-rng: bytes, their limit, and requests that are none. */
#include "dev/rng.h"

#include "check.h"
#include "driver.h"

static struct loop *loop;
static struct rng rng;

static void
on_gone(void *arg)
{
	(void)arg;
}

static bool
setup(void)
{
	struct msg_device_start start = { .kind = DEVICE_RNG };
	int link = driver_open();

	if (link == -1 || (loop = loop_new(NULL)) == NULL ||
	    rng_init(&rng, loop, link, &start, on_gone, NULL) == -1)
		return false;
	driver_start(loop, 0, 64);
	return drv.hello;
}

static void
teardown(void)
{
	rng_fini(&rng);
	loop_free(loop);
	driver_close();
}

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

	REQUIRE(setup());
	CHECK_EQ(drv.virtio_id, 4);
	driver_add(0, b, 2);
	driver_kick(0);
	CHECK(driver_wait(loop, 0, &len) != -1);
	CHECK_EQ(len, 1500);
	CHECK(zeroes(DRIVER_DATA, 1000) < 50);
	CHECK_EQ(zeroes(DRIVER_DATA + 1000, 1000), 1000);
	CHECK(zeroes(DRIVER_DATA + 2000, 500) < 30);
	CHECK(driver_interrupts(0) > 0);
	teardown();
}

static void
at_most_64_kib(void)
{
	struct driver_buffer b = { DRIVER_DATA, 100000, true };
	uint32_t len;

	REQUIRE(setup());
	driver_add(0, &b, 1);
	driver_kick(0);
	CHECK(driver_wait(loop, 0, &len) != -1);
	CHECK_EQ(len, 65536);
	CHECK_EQ(zeroes(DRIVER_DATA + 65536, 100000 - 65536), 100000 - 65536);
	teardown();
}

static void
more_than_a_batch(void)
{
	unsigned int got = 0;
	uint32_t len;

	REQUIRE(setup());
	for (unsigned int i = 0; i < 60; i++) {
		struct driver_buffer b = { DRIVER_DATA + 64 * i, 64, true };

		driver_add(0, &b, 1);
	}
	driver_kick(0);
	while (driver_wait(loop, 0, &len) != -1 && ++got < 60)
		continue;
	CHECK_EQ(got, 60);
	teardown();
}

static void
no_room_breaks_it(void)
{
	struct driver_buffer b = { DRIVER_DATA, 64, false };

	REQUIRE(setup());
	driver_add(0, &b, 1);
	driver_kick(0);
	driver_pump(loop);
	CHECK_EQ(drv.broken, 1);
	teardown();
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
