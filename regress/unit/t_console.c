/* SPDX-License-Identifier: ISC */
/* The console ring: order, loss of the oldest, strange headers, a reboot. */
#include "chip/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"

#define RING VMD_CONSOLE_RING

static _Alignas(8) uint8_t memory[CONSOLE_MAPPING + 64];

static uint8_t
pattern(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 8));
}

static void
put(struct console *console, size_t from, size_t len)
{
	uint8_t bytes[1000];
	size_t i;

	while (len > 0) {
		size_t n = len < sizeof(bytes) ? len : sizeof(bytes);

		for (i = 0; i < n; i++)
			bytes[i] = pattern(from + i);
		console_output(console, bytes, n);
		from += n;
		len -= n;
	}
}

/* Empties the ring through a pipe and compares with pattern(from...). */
static bool
drained(struct console *console, size_t from, size_t len)
{
	uint8_t bytes[RING];
	size_t i, n = 0;
	ssize_t got;
	int fds[2], rc;

	if (pipe2(fds, O_NONBLOCK) == -1)
		return false;
	do {
		rc = console_flush(console, fds[1]);
		while ((got = read(fds[0], bytes + n, sizeof(bytes) - n)) > 0)
			n += (size_t)got;
	} while (rc == 1);
	close(fds[0]);
	close(fds[1]);
	if (rc != 0 || n != len || console_pending(console) != 0)
		return false;
	for (i = 0; i < n; i++)
		if (bytes[i] != pattern(from + i))
			return false;
	return true;
}

static void
test_order(void)
{
	struct console *console;
	size_t round;

	memset(memory, 0, sizeof(memory));
	console = console_new(memory);
	REQUIRE(console != NULL);
	CHECK(drained(console, 0, 0));
	for (round = 0; round < 300; round++) {
		put(console, round, 777);
		CHECK_EQ(console_pending(console), 777);
		CHECK(drained(console, round, 777));
	}
	console_free(console);
}

static void
test_oldest_dropped(void)
{
	struct console *console;
	uint8_t *large = malloc(3 * RING);
	size_t i;

	memset(memory, 0, sizeof(memory));
	memory[CONSOLE_MAPPING] = 0xa5;
	console = console_new(memory);
	REQUIRE(console != NULL && large != NULL);
	put(console, 0, RING + 12345);
	CHECK_EQ(console_pending(console), RING);
	CHECK(drained(console, 12345, RING));
	for (i = 0; i < 3 * RING; i++)
		large[i] = pattern(i);
	console_output(console, large, 3 * RING);
	CHECK(drained(console, 2 * RING, RING));
	CHECK_EQ(memory[CONSOLE_MAPPING], 0xa5);
	free(large);
	console_free(console);
}

static void
test_reboot_keeps(void)
{
	struct console *console;

	memset(memory, 0, sizeof(memory));
	console = console_new(memory);
	REQUIRE(console != NULL);
	put(console, 0, RING + 5);
	console_free(console);
	console = console_new(memory);
	REQUIRE(console != NULL);
	CHECK(drained(console, 5, RING));
	console_free(console);
	console = console_new(memory);
	REQUIRE(console != NULL);
	CHECK_EQ(console_pending(console), 0);
	console_free(console);
}

static void
test_hostile_header(void)
{
	struct console *console;
	uint64_t *header = (uint64_t *)(void *)memory;

	memset(memory, 0, sizeof(memory));
	console_free(console_new(memory));
	CHECK(header[0] != 0);
	header[1] = 5; /* head before tail */
	header[2] = 6;
	console = console_new(memory);
	CHECK_EQ(console_pending(console), 0);
	console_free(console);
	header[1] = RING + 1; /* more than fits */
	header[2] = 0;
	console = console_new(memory);
	CHECK_EQ(console_pending(console), 0);
	console_free(console);
	header[1] = 3; /* positions about to wrap are fine */
	header[2] = (uint64_t)-4;
	console = console_new(memory);
	REQUIRE(console != NULL);
	CHECK_EQ(console_pending(console), 7);
	/* Changes behind its back do not move it. */
	header[1] = 0x123456789;
	put(console, 0, 9);
	CHECK_EQ(console_pending(console), 16);
	CHECK_EQ(header[1], 12);
	console_free(console);
	memset(memory, 0xff, sizeof(memory)); /* no ring at all */
	console = console_new(memory);
	CHECK_EQ(console_pending(console), 0);
	console_free(console);
}

static void
test_descriptor_states(void)
{
	struct console *console;
	int fds[2];

	memset(memory, 0, sizeof(memory));
	console = console_new(memory);
	REQUIRE(console != NULL && pipe2(fds, O_NONBLOCK) == 0);
	CHECK_EQ(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
	put(console, 0, 10000);
	/* Full: what was not taken waits. */
	CHECK_EQ(console_flush(console, fds[1]), 1);
	CHECK_EQ(console_pending(console), 10000 - 4096);
	CHECK_EQ(console_flush(console, fds[1]), 1);
	close(fds[1]);
	CHECK_EQ(console_flush(console, fds[0]), -1); /* not for writing */
	CHECK_EQ(errno, EBADF);
	CHECK(drained(console, 4096, 10000 - 4096));
	close(fds[0]);
	console_free(console);
}

int
main(void)
{
	TEST(test_order);
	TEST(test_oldest_dropped);
	TEST(test_reboot_keeps);
	TEST(test_hostile_header);
	TEST(test_descriptor_states);
	return CHECK_EXIT();
}
