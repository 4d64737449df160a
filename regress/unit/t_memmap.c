/* SPDX-License-Identifier: ISC */
/* The memory map for every size of machine. */
#include "boot/memmap.h"

#include "boot/layout.h"
#include "check.h"

static void
check_map(uint64_t memory)
{
	uint64_t low = memory < LAYOUT_LOWMEM_END ? memory : LAYOUT_LOWMEM_END;
	struct memmap_entry map[MEMMAP_MAX];
	unsigned int i, n = memmap_fill(map, memory, low);
	uint64_t ram = 0, last = 0;

	REQUIRE(n > 0 && n <= MEMMAP_MAX);
	for (i = 0; i < n; i++) {
		CHECK(map[i].size > 0);
		CHECK(map[i].base >= last); /* sorted, no overlap */
		last = map[i].base + map[i].size;
		if (map[i].type != MEMMAP_RAM)
			continue;
		ram += map[i].size;
		/* RAM is where the machine has it, and nothing else is. */
		CHECK(last <= low ||
		    (map[i].base >= LAYOUT_HIGHMEM_START &&
			last <= LAYOUT_HIGHMEM_START + memory - low));
		CHECK(last <= LAYOUT_EBDA || map[i].base >= LAYOUT_HIGH);
	}
	/* All of it but the 641 KiB hole below 1 MiB less RAM there. */
	CHECK_EQ(ram, memory - (LAYOUT_HIGH - LAYOUT_EBDA));
}

static void
test_sizes(void)
{
	uint64_t memory;

	for (memory = 64ULL << 20; memory <= 128ULL << 30; memory *= 2)
		check_map(memory);
	check_map(3ULL << 30);
	check_map((3ULL << 30) + 4096);
	check_map((3ULL << 30) - 4096);
	check_map(1ULL << 20);
	check_map(17ULL << 20);
}

static void
test_known(void)
{
	struct memmap_entry map[MEMMAP_MAX];

	CHECK_EQ(memmap_fill(map, 4ULL << 30, 3ULL << 30), 6);
	CHECK_EQ(map[0].base, 0);
	CHECK_EQ(map[0].size, 0x9fc00);
	CHECK_EQ(map[1].type, MEMMAP_RESERVED);
	CHECK_EQ(map[3].base, 0x100000);
	CHECK_EQ(map[3].size, 0xbff00000);
	CHECK_EQ(map[4].base, 0xfec00000);
	CHECK_EQ(map[5].base, 0x100000000);
	CHECK_EQ(map[5].size, 1 << 30);
}

int
main(void)
{
	TEST(test_sizes);
	TEST(test_known);
	return CHECK_EXIT();
}
