/* SPDX-License-Identifier: ISC */
/*
 * The descriptions of KVM's binary statistics: good ones, and such as no kernel
 * writes.
 */
#include "../../libvmm/stats.h"

#include <errno.h>
#include <linux/kvm.h>

#include "../../libvmm/kvm/kvm.h"
#include "check.h"

#define NAME 48
#define DESCS 3

struct block {
	struct kvm_stats_header h;
	struct {
		struct kvm_stats_desc d;
		char name[NAME];
	} desc[DESCS];
};
_Static_assert(sizeof(((struct block *)0)->desc[0]) ==
	sizeof(struct kvm_stats_desc) + NAME,
    "no padding");

static struct block block;
static struct stats_table table;

static void
good(void)
{
	memset(&block, 0, sizeof(block));
	block.h.name_size = NAME;
	block.h.num_desc = DESCS;
	strcpy(block.desc[0].name, "exits");
	block.desc[0].d.size = 1;
	strcpy(block.desc[1].name, "halt_wait_hist");
	block.desc[1].d.flags = KVM_STATS_TYPE_LOG_HIST |
	    KVM_STATS_UNIT_SECONDS | KVM_STATS_BASE_POW10;
	block.desc[1].d.exponent = -9;
	block.desc[1].d.size = 32;
	block.desc[1].d.offset = 16;
	strcpy(block.desc[2].name, "pages");
	block.desc[2].d.flags =
	    KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_BYTES | KVM_STATS_BASE_POW2;
	block.desc[2].d.exponent = 12;
	block.desc[2].d.size = 1;
	block.desc[2].d.offset = 8;
}

static int
parse_len(size_t len)
{
	free(table.desc);
	memset(&table, 0, sizeof(table));
	table.values = 5; /* those of libvmm */
	return kvm_stats_parse(&block.h, block.desc, len, &table);
}

static int
parse(void)
{
	return parse_len(sizeof(block.desc));
}

static void
what_kvm_writes(void)
{
	const struct vm_stat_desc *d;

	good();
	REQUIRE(parse() == 0);
	CHECK_EQ(table.count, DESCS);
	CHECK_EQ(table.values, 5 + 2 + 32);
	d = table.desc;
	CHECK_STR(d[0].name, "exits");
	CHECK_EQ(d[0].kind, VM_STAT_CUMULATIVE);
	CHECK_EQ(d[0].unit, VM_STAT_COUNT);
	CHECK_EQ(d[0].first, 5);
	CHECK_STR(d[1].name, "halt_wait_hist");
	CHECK_EQ(d[1].kind, VM_STAT_LOG_HIST);
	CHECK_EQ(d[1].unit, VM_STAT_SECONDS);
	CHECK_EQ(d[1].base, 10);
	CHECK_EQ(d[1].exponent, -9);
	CHECK_EQ(d[1].first, 7);
	CHECK_EQ(d[1].values, 32);
	CHECK_EQ(d[2].kind, VM_STAT_INSTANT);
	CHECK_EQ(d[2].unit, VM_STAT_BYTES);
	CHECK_EQ(d[2].base, 2);
	CHECK_EQ(d[2].exponent, 12);
	CHECK_EQ(d[2].first, 6);
}

/* What comes after this library is left out. */
static void
what_is_newer(void)
{
	good();
	block.desc[0].d.flags = 9 << KVM_STATS_TYPE_SHIFT;
	block.desc[1].d.flags = 7 << KVM_STATS_UNIT_SHIFT;
	REQUIRE(parse() == 0);
	CHECK_EQ(table.count, 1);
	CHECK_STR(table.desc[0].name, "pages");
	CHECK_EQ(table.desc[0].first, 6);
	CHECK_EQ(table.values, 7);
	good();
	block.desc[0].d.flags = 5 << KVM_STATS_BASE_SHIFT;
	REQUIRE(parse() == 0);
	CHECK_EQ(table.count, 2);
}

static void
refused(const char *what)
{
	errno = 0;
	if (!CHECK(parse() == -1) || !CHECK_EQ(errno, EPROTO))
		printf("# %s\n", what);
	good();
}

static void
what_no_kernel_writes(void)
{
	good();
	CHECK_EQ(parse_len(sizeof(block.desc) - 1), -1);
	CHECK_EQ(parse_len(sizeof(block.desc) + 1), -1);
	block.h.name_size = 0;
	refused("no names");
	block.h.name_size = UINT32_MAX;
	refused("names without end");
	block.h.num_desc = UINT32_MAX;
	refused("descriptions without end");
	block.h.num_desc = 0x10000000;
	refused("descriptions whose length wraps");
	memset(block.desc[1].name, 'x', NAME);
	refused("a name without an end");
	block.desc[1].name[0] = '\0';
	refused("an empty name");
	block.desc[1].d.size = 0;
	refused("a counter without a value");
	block.desc[1].d.size = UINT16_MAX;
	refused("a counter with too many");
	block.desc[1].d.offset = 12;
	refused("an offset between values");
	block.desc[1].d.offset = 0xfffffff8;
	refused("an offset beyond everything");
	block.desc[1].d.offset = (STATS_VALUES_MAX - 5) * 8;
	refused("a value behind the last");
	block.desc[1].d.offset = (STATS_VALUES_MAX - 5 - 32) * 8;
	CHECK_EQ(parse(), 0);
	CHECK_EQ(table.values, STATS_VALUES_MAX);
}

static void
a_table_is_bounded(void)
{
	struct vm_stat_desc d = { .values = 1 };

	free(table.desc);
	memset(&table, 0, sizeof(table));
	CHECK_EQ(stats_table_reserve(&table, STATS_DESCS_MAX + 1), -1);
	CHECK_EQ(errno, EPROTO);
	CHECK_EQ(stats_table_add(&table, &d), -1);
	REQUIRE(stats_table_reserve(&table, 1) == 0);
	CHECK_EQ(stats_table_add(&table, &d), 0);
	REQUIRE(stats_table_reserve(&table, STATS_DESCS_MAX - 1) == 0);
	for (d.first = 1; d.first < STATS_DESCS_MAX; d.first++)
		if (stats_table_add(&table, &d) == -1)
			break;
	CHECK_EQ(table.count, STATS_DESCS_MAX);
	CHECK_EQ(table.desc[777].first, 777);
	CHECK_EQ(stats_table_add(&table, &d), -1);
	CHECK_EQ(errno, EPROTO);
	CHECK_EQ(stats_table_reserve(&table, 1), -1);
	free(table.desc);
	memset(&table, 0, sizeof(table));
	stats_table_free(NULL);
}

int
main(void)
{
	TEST(what_kvm_writes);
	TEST(what_is_newer);
	TEST(what_no_kernel_writes);
	TEST(a_table_is_bounded);
	return CHECK_EXIT();
}
