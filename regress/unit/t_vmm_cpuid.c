/* SPDX-License-Identifier: ISC */
/*
 * The CPUID policy, on a host that offers every bit of every leaf: what must
 * be gone is gone, what must be there is there, and topology and frequencies
 * are those of the vCPU.
 */
#include "../../libvmm/cpuid.h"

#include "check.h"

#define BIT(n) (1U << (n))

static struct cpuid_set set;

static void
offer(uint32_t leaf, uint32_t subleaf, bool has_subleaf)
{
	struct cpuid_leaf *l = &set.leaf[set.count++];

	l->leaf = leaf;
	l->subleaf = subleaf;
	l->has_subleaf = has_subleaf;
	memset(l->reg, 0xff, sizeof(l->reg));
}

/* A cache of a level, in the layout that leaves 4 and 0x8000001d share. */
static void
offer_cache(uint32_t leaf, uint32_t subleaf, uint32_t level)
{
	offer(leaf, subleaf, true);
	set.leaf[set.count - 1].reg[CPUID_EAX] =
	    level == 0 ? 0 : 0xffffc000 | level << 5 | 1;
}

static void
policy_of(const struct cpuid_context *ctx)
{
	static const uint32_t plain[] = { 0, 1, 2, 5, 6, 0xa, 0x12, 0x15, 0x1a,
		0x1f, 0x40000000, 0x40000001, 0x80000000, 0x80000001,
		0x80000007, 0x80000008, 0x8000000a, 0x8000001b, 0x8000001e,
		0x8000001f, 0x80000022, 0x80000026 };
	size_t i;

	memset(&set, 0, sizeof(set));
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		offer(plain[i], 0, false);
	offer(7, 0, true);
	offer(7, 1, true);
	offer(0xb, 0, true);
	offer(0xb, 1, true);
	offer_cache(4, 0, 1);
	offer_cache(4, 1, 3);
	offer_cache(4, 2, 0);
	offer_cache(0x8000001d, 0, 2);
	offer_cache(0x8000001d, 1, 3);
	cpuid_apply(&set, ctx);
}

static void
policy(uint32_t id, uint32_t ncpus, bool irqchip, uint32_t khz)
{
	struct cpuid_context ctx = { id, ncpus, khz, irqchip, false, ncpus, 1 };

	policy_of(&ctx);
}

static uint32_t
reg(uint32_t leaf, uint32_t subleaf, enum cpuid_reg r)
{
	struct cpuid_leaf *l = cpuid_find(&set, leaf, subleaf);

	return l == NULL ? 0 : l->reg[r];
}

static void
test_taken_away(void)
{
	policy(0, 1, true, 0);
	CHECK_EQ(reg(1, 0, CPUID_ECX) & (BIT(5) | BIT(6)), 0); /* VMX, SMX */
	CHECK_EQ(reg(1, 0, CPUID_ECX) & BIT(3), 0); /* MONITOR */
	CHECK_EQ(reg(1, 0, CPUID_ECX) & BIT(27), 0); /* OSXSAVE */
	CHECK_EQ(reg(1, 0, CPUID_EDX) & (BIT(22) | BIT(29)), 0);
	CHECK_EQ(reg(0x80000001, 0, CPUID_ECX) & (BIT(2) | BIT(29)), 0);
	CHECK_EQ(reg(5, 0, CPUID_EAX), 0);
	CHECK_EQ(reg(6, 0, CPUID_EAX), BIT(2));
	CHECK_EQ(reg(6, 0, CPUID_ECX), 0);
	CHECK_EQ(reg(0xa, 0, CPUID_EAX), 0);
	CHECK_EQ(reg(7, 0, CPUID_EBX) & BIT(2), 0);
	CHECK_EQ(reg(7, 1, CPUID_EBX) & BIT(2), BIT(2)); /* another leaf's */
	CHECK_EQ(reg(0x80000007, 0, CPUID_EDX), BIT(8));
	CHECK(cpuid_find(&set, 0x12, 0) == NULL);
	CHECK(cpuid_find(&set, 0x1f, 0) == NULL);
	CHECK(cpuid_find(&set, 0x8000000a, 0) == NULL);
	CHECK(cpuid_find(&set, 0x8000001f, 0) == NULL);
}

static void
test_hypervisor(void)
{
	struct cpuid_leaf *l;

	policy(0, 1, true, 0);
	CHECK(reg(1, 0, CPUID_ECX) & BIT(31));
	l = cpuid_find(&set, 0x40000000, 0);
	REQUIRE(l != NULL);
	CHECK_EQ(l->reg[CPUID_EAX], 0x40000001);
	CHECK(memcmp(&l->reg[CPUID_EBX], "KVMKVMKVM\0\0\0", 12) == 0);
	CHECK(reg(0x40000001, 0, CPUID_EAX) & BIT(3)); /* clocksource2 */
}

static void
test_lapic_features(void)
{
	policy(0, 1, true, 0);
	CHECK_EQ(reg(1, 0, CPUID_ECX) & (BIT(21) | BIT(24)), BIT(21) | BIT(24));
	policy(0, 1, false, 0);
	CHECK_EQ(reg(1, 0, CPUID_ECX) & (BIT(21) | BIT(24)), 0);
}

static void
test_one_cpu(void)
{
	policy(0, 1, true, 0);
	CHECK_EQ(reg(1, 0, CPUID_EBX) >> 24, 0);
	CHECK_EQ((reg(1, 0, CPUID_EBX) >> 16) & 0xff, 1);
	CHECK_EQ(reg(1, 0, CPUID_EDX) & BIT(28), 0);
	CHECK_EQ(reg(0xb, 1, CPUID_EBX), 1);
	CHECK_EQ(reg(0xb, 1, CPUID_EAX), 0);
	CHECK_EQ(reg(0x80000008, 0, CPUID_ECX) & 0xff, 0);
}

static void
test_topology(void)
{
	policy(5, 6, true, 0);
	CHECK_EQ(reg(1, 0, CPUID_EBX) >> 24, 5);
	CHECK_EQ((reg(1, 0, CPUID_EBX) >> 16) & 0xff, 8);
	CHECK(reg(1, 0, CPUID_EDX) & BIT(28));
	CHECK_EQ(reg(0xb, 0, CPUID_EAX), 0);
	CHECK_EQ(reg(0xb, 0, CPUID_EBX), 1);
	CHECK_EQ(reg(0xb, 0, CPUID_ECX), 0x100);
	CHECK_EQ(reg(0xb, 1, CPUID_EAX), 3);
	CHECK_EQ(reg(0xb, 1, CPUID_EBX), 6);
	CHECK_EQ(reg(0xb, 1, CPUID_ECX), 0x201);
	CHECK_EQ(reg(0xb, 1, CPUID_EDX), 5);
	CHECK_EQ(reg(0xb, 2, CPUID_EBX), 0);
	CHECK_EQ(reg(0x80000008, 0, CPUID_ECX) & 0xf0ff, 0x3005);
	CHECK_EQ(reg(0x8000001e, 0, CPUID_EAX), 5);
	CHECK_EQ(reg(0x8000001e, 0, CPUID_EBX), 5);
	CHECK(reg(0x80000001, 0, CPUID_ECX) & BIT(1));
}

/* vCPU 13 of 2 sockets of 4 cores of 2 threads: socket 1, core 2, thread 1. */
static void
test_sockets_and_threads(void)
{
	static const struct cpuid_context ctx = { 13, 16, 0, true, false, 4,
		2 };

	policy_of(&ctx);
	CHECK_EQ((reg(1, 0, CPUID_EBX) >> 16) & 0xff, 8);
	CHECK_EQ(reg(0xb, 0, CPUID_EAX), 1);
	CHECK_EQ(reg(0xb, 0, CPUID_EBX), 2);
	CHECK_EQ(reg(0xb, 1, CPUID_EAX), 3);
	CHECK_EQ(reg(0xb, 1, CPUID_EBX), 8);
	CHECK_EQ(reg(0xb, 1, CPUID_EDX), 13);
	CHECK_EQ(reg(0x80000008, 0, CPUID_ECX) & 0xf0ff, 0x3007);
	CHECK_EQ(reg(0x8000001e, 0, CPUID_EAX), 13);
	CHECK_EQ(reg(0x8000001e, 0, CPUID_EBX), 0x102);
	CHECK_EQ(reg(0x8000001e, 0, CPUID_ECX), 1);
	CHECK_EQ((reg(4, 0, CPUID_EAX) >> 14) & 0xfff, 1); /* L1: a core's */
	CHECK_EQ((reg(4, 1, CPUID_EAX) >> 14) & 0xfff, 7);
	CHECK_EQ(reg(4, 1, CPUID_EAX) >> 26, 3);
}

static void
test_x2apic_hidden(void)
{
	static const struct cpuid_context ctx = { 0, 1, 0, true, true, 1, 1 };

	policy_of(&ctx);
	CHECK_EQ(reg(1, 0, CPUID_ECX) & (BIT(21) | BIT(24)), BIT(24));
}

static void
test_caches(void)
{
	policy(0, 6, true, 0);
	CHECK_EQ((reg(4, 0, CPUID_EAX) >> 14) & 0xfff, 0); /* L1: own */
	CHECK_EQ((reg(4, 1, CPUID_EAX) >> 14) & 0xfff, 7); /* L3: all */
	CHECK_EQ(reg(4, 1, CPUID_EAX) >> 26, 7);
	CHECK_EQ(reg(4, 2, CPUID_EAX), 0);
	CHECK_EQ((reg(0x8000001d, 0, CPUID_EAX) >> 14) & 0xfff, 0);
	CHECK_EQ((reg(0x8000001d, 1, CPUID_EAX) >> 14) & 0xfff, 7);
}

static void
test_frequencies(void)
{
	policy(0, 1, true, 2500000);
	CHECK_EQ(reg(0x40000000, 0, CPUID_EAX), 0x40000010);
	CHECK_EQ(reg(0x40000010, 0, CPUID_EAX), 2500000);
	CHECK_EQ(reg(0x40000010, 0, CPUID_EBX), 1000000);
	CHECK_EQ(reg(0x15, 0, CPUID_ECX) / reg(0x15, 0, CPUID_EAX) *
		reg(0x15, 0, CPUID_EBX),
	    2500000000U);
	policy(0, 1, true, 0);
	CHECK(cpuid_find(&set, 0x40000010, 0) == NULL);
}

/* A host that offers nothing, and one that offers too much. */
static void
test_extremes(void)
{
	struct cpuid_context ctx = { 0, 1, 1000, true, false, 1, 1 };
	uint32_t i;

	memset(&set, 0, sizeof(set));
	cpuid_apply(&set, &ctx);
	CHECK(cpuid_find(&set, 0x40000000, 0) != NULL);
	memset(&set, 0, sizeof(set));
	for (i = 0; i < CPUID_MAX; i++)
		offer(0x1000 + i, 0, false);
	cpuid_apply(&set, &ctx);
	CHECK_EQ(set.count, CPUID_MAX);
}

int
main(void)
{
	TEST(test_taken_away);
	TEST(test_hypervisor);
	TEST(test_lapic_features);
	TEST(test_one_cpu);
	TEST(test_topology);
	TEST(test_sockets_and_threads);
	TEST(test_x2apic_hidden);
	TEST(test_caches);
	TEST(test_frequencies);
	TEST(test_extremes);
	return CHECK_EXIT();
}
