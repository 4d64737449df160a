/* SPDX-License-Identifier: ISC */
/* The bus: what overlaps, what is found, what changes at run time. */
#include "pci/bus.h"

#include <errno.h>
#include <stdint.h>

#include "check.h"

struct seen {
	uint64_t offset, value;
	unsigned int len, reads, writes;
};

static uint64_t
seen_read(void *arg, uint64_t offset, unsigned int len)
{
	struct seen *seen = arg;

	seen->offset = offset;
	seen->len = len;
	seen->reads++;
	return 0x1122334455667788ULL;
}

static void
seen_write(void *arg, uint64_t offset, unsigned int len, uint64_t value)
{
	struct seen *seen = arg;

	seen->offset = offset;
	seen->len = len;
	seen->value = value;
	seen->writes++;
}

static const struct bus_ops seen_ops = { seen_read, seen_write };

static void
test_access(void)
{
	struct bus *bus = bus_new();
	struct seen seen = { 0 };

	REQUIRE(bus != NULL);
	CHECK_EQ(bus_add(bus, BUS_PIO, 0x70, 2, "x", &seen_ops, &seen), 0);
	CHECK_EQ(bus_read(bus, BUS_PIO, 0x71, 1), 0x88);
	CHECK_EQ(seen.offset, 1);
	CHECK_EQ(seen.len, 1);
	bus_write(bus, BUS_PIO, 0x70, 2, 0xabcdef);
	CHECK_EQ(seen.value, 0xcdef);
	/* What no range holds whole reads as ones and is not delivered. */
	CHECK_EQ(bus_read(bus, BUS_PIO, 0x71, 2), 0xffff);
	CHECK_EQ(bus_read(bus, BUS_PIO, 0x6f, 2), 0xffff);
	CHECK_EQ(bus_read(bus, BUS_PIO, 0x72, 4), 0xffffffff);
	CHECK_EQ(bus_read(bus, BUS_MMIO, 0x70, 8), -1LL);
	bus_write(bus, BUS_PIO, 0x71, 2, 1);
	CHECK_EQ(seen.reads, 1);
	CHECK_EQ(seen.writes, 1);
	bus_free(bus);
}

static void
test_overlap(void)
{
	struct bus *bus = bus_new();
	struct seen seen = { 0 };

	REQUIRE(bus != NULL);
	CHECK_EQ(
	    bus_add(bus, BUS_MMIO, 0x1000, 0x1000, "a", &seen_ops, &seen), 0);
	CHECK_EQ(
	    bus_add(bus, BUS_MMIO, 0x3000, 0x1000, "b", &seen_ops, &seen), 0);
	CHECK_EQ(
	    bus_add(bus, BUS_MMIO, 0x2000, 0x1000, "c", &seen_ops, &seen), 0);
	CHECK_EQ(bus_add(bus, BUS_MMIO, 0x1fff, 1, "d", &seen_ops, &seen), -1);
	CHECK_EQ(errno, EEXIST);
	CHECK_EQ(bus_add(bus, BUS_MMIO, 0, 0x1001, "d", &seen_ops, &seen), -1);
	CHECK_EQ(bus_add(bus, BUS_MMIO, 0, 0x10000, "d", &seen_ops, &seen), -1);
	CHECK_EQ(errno, EEXIST);
	CHECK_EQ(bus_add(bus, BUS_MMIO, 0, 0x1000, "e", &seen_ops, &seen), 0);
	CHECK_EQ(bus_add(bus, BUS_MMIO, 5, 0, "f", &seen_ops, &seen), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(
	    bus_add(bus, BUS_MMIO, UINT64_MAX, 2, "f", &seen_ops, &seen), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(bus_add(bus, BUS_PIO, 0xffff, 2, "f", &seen_ops, &seen), -1);
	CHECK_EQ(errno, EINVAL);
	/* The very top of the space can be had and used. */
	CHECK_EQ(
	    bus_add(bus, BUS_MMIO, UINT64_MAX, 1, "g", &seen_ops, &seen), 0);
	CHECK_EQ(bus_read(bus, BUS_MMIO, UINT64_MAX, 1), 0x88);
	CHECK_EQ(bus_read(bus, BUS_MMIO, UINT64_MAX, 2), 0xffff);
	bus_free(bus);
}

static void
test_move(void)
{
	struct bus *bus = bus_new();
	struct seen seen[256] = { 0 };
	int i;

	REQUIRE(bus != NULL);
	/* Added from the top down, so that each insertion moves the rest. */
	for (i = 255; i >= 0; i--)
		CHECK_EQ(bus_add(bus, BUS_MMIO, (uint64_t)i * 16, 8, "r",
			     &seen_ops, &seen[i]),
		    0);
	CHECK_EQ(
	    bus_add(bus, BUS_MMIO, 0x10000, 8, "r", &seen_ops, &seen[0]), -1);
	CHECK_EQ(errno, ENOSPC);
	for (i = 0; i < 256; i += 2)
		CHECK_EQ(bus_remove(bus, BUS_MMIO, (uint64_t)i * 16), 0);
	CHECK_EQ(bus_remove(bus, BUS_MMIO, 0), -1);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(bus_remove(bus, BUS_MMIO, 17), -1);
	for (i = 0; i < 256; i++)
		bus_write(bus, BUS_MMIO, (uint64_t)i * 16 + 4, 4, 1);
	for (i = 0; i < 256; i++)
		CHECK_EQ(seen[i].writes, i % 2);
	bus_free(bus);
}

static void
test_hostile_length(void)
{
	struct bus *bus = bus_new();
	struct seen seen = { 0 };

	REQUIRE(bus != NULL);
	CHECK_EQ(bus_add(bus, BUS_MMIO, 0, 64, "x", &seen_ops, &seen), 0);
	bus_read(bus, BUS_MMIO, 0, 0);
	bus_read(bus, BUS_MMIO, 0, 9);
	bus_write(bus, BUS_MMIO, 0, 9, 1);
	CHECK_EQ(seen.reads + seen.writes, 0);
	CHECK_EQ(bus_read(bus, BUS_MMIO, 56, 8), 0x1122334455667788LL);
	CHECK_EQ(bus_read(bus, BUS_MMIO, 57, 8), -1LL);
	bus_free(bus);
}

int
main(void)
{
	TEST(test_access);
	TEST(test_overlap);
	TEST(test_move);
	TEST(test_hostile_length);
	return CHECK_EXIT();
}
