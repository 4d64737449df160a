/* SPDX-License-Identifier: ISC */
/* The books of guest memory: overlap, order, slots, limits, coverage. */
#include "../../libvmm/memmap.h"

#include <errno.h>

#include "check.h"

static struct memmap m;

static int
add(uint64_t gpa, uint64_t len, bool host_write)
{
	struct memmap_region r = {
		.gpa = gpa, .len = len, .host_write = host_write
	};
	int err = memmap_check(&m, gpa, len);

	if (err == 0) {
		r.slot = memmap_free_slot(&m);
		memmap_add(&m, &r);
	}
	return err;
}

static void
test_overlap(void)
{
	memset(&m, 0, sizeof(m));
	CHECK_EQ(add(0x10000, 0x4000, true), 0);
	CHECK_EQ(add(0x10000, 0x4000, true), EEXIST);
	CHECK_EQ(add(0xf000, 0x2000, true), EEXIST);
	CHECK_EQ(add(0x13000, 0x1000, true), EEXIST);
	CHECK_EQ(add(0x12000, 0x1000, true), EEXIST);
	CHECK_EQ(add(0x0, 0x100000, true), EEXIST);
	CHECK_EQ(add(0x14000, 0x1000, true), 0);
	CHECK_EQ(add(0xf000, 0x1000, true), 0);
	CHECK_EQ(m.count, 3);
	CHECK_EQ(m.region[0].gpa, 0xf000);
	CHECK_EQ(m.region[2].gpa, 0x14000);
}

static void
test_alignment(void)
{
	memset(&m, 0, sizeof(m));
	CHECK_EQ(add(0x10, 0x1000, true), EINVAL);
	CHECK_EQ(add(0x1000, 0x10, true), EINVAL);
	CHECK_EQ(add(0x1000, 0, true), EINVAL);
	CHECK_EQ(add(MEMMAP_TOP, 0x1000, true), EINVAL);
	CHECK_EQ(add(MEMMAP_TOP - 0x1000, 0x2000, true), EINVAL);
	CHECK_EQ(add(0x1000, UINT64_MAX & ~0xfffULL, true), EINVAL);
	CHECK_EQ(add(MEMMAP_TOP - 0x1000, 0x1000, true), 0);
}

static void
test_find(void)
{
	memset(&m, 0, sizeof(m));
	REQUIRE(add(0x1000, 0x1000, true) == 0);
	REQUIRE(add(0x5000, 0x2000, true) == 0);
	CHECK(memmap_find(&m, 0) == NULL);
	CHECK(memmap_find(&m, 0xfff) == NULL);
	CHECK(memmap_find(&m, 0x1000) == &m.region[0]);
	CHECK(memmap_find(&m, 0x1fff) == &m.region[0]);
	CHECK(memmap_find(&m, 0x2000) == NULL);
	CHECK(memmap_find(&m, 0x6fff) == &m.region[1]);
	CHECK(memmap_find(&m, 0x7000) == NULL);
	CHECK(memmap_find(&m, UINT64_MAX) == NULL);
}

static void
test_slots(void)
{
	int i;

	memset(&m, 0, sizeof(m));
	for (i = 0; i < MEMMAP_MAX; i++)
		REQUIRE(add((uint64_t)i * 0x1000, 0x1000, true) == 0);
	CHECK_EQ(m.region[MEMMAP_MAX - 1].slot, MEMMAP_MAX - 1);
	CHECK_EQ(add(0x10000000, 0x1000, true), ENOSPC);
	memmap_remove(&m, memmap_find(&m, 0x46000));
	memmap_remove(&m, memmap_find(&m, 0x3000));
	CHECK_EQ(m.count, MEMMAP_MAX - 2);
	CHECK(memmap_find(&m, 0x46000) == NULL);
	CHECK(memmap_find(&m, 0x47000) != NULL);
	CHECK_EQ(memmap_free_slot(&m), 3);
	CHECK_EQ(add(0x10000000, 0x1000, true), 0);
	CHECK_EQ(memmap_free_slot(&m), 0x46);
	CHECK_EQ(memmap_find(&m, 0x10000000)->slot, 3);
}

static void
test_covers(void)
{
	memset(&m, 0, sizeof(m));
	REQUIRE(add(0x1000, 0x1000, true) == 0);
	REQUIRE(add(0x2000, 0x1000, false) == 0);
	REQUIRE(add(0x4000, 0x1000, true) == 0);
	CHECK_EQ(memmap_covers(&m, 0x1000, 0x1000, true), 0);
	CHECK_EQ(memmap_covers(&m, 0x1800, 0x1800, false), 0);
	CHECK_EQ(memmap_covers(&m, 0x1800, 0x801, true), EACCES);
	CHECK_EQ(memmap_covers(&m, 0x1800, 0x1801, false), EFAULT);
	CHECK_EQ(memmap_covers(&m, 0xfff, 2, false), EFAULT);
	CHECK_EQ(memmap_covers(&m, UINT64_MAX, 2, false), EFAULT);
	CHECK_EQ(memmap_covers(&m, 0x4fff, UINT64_MAX, false), EFAULT);
	CHECK_EQ(memmap_covers(&m, 0x9000, 0, false), 0);
}

int
main(void)
{
	TEST(test_overlap);
	TEST(test_alignment);
	TEST(test_find);
	TEST(test_slots);
	TEST(test_covers);
	return CHECK_EXIT();
}
