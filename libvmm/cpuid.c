/* SPDX-License-Identifier: ISC */
/*
 * The CPUID policy.  The backend says what host and hypervisor can give
 * together; the rows of cpuid_rules take away what a guest of ours must not
 * see and add what it must, each with its reason; the functions after it
 * write the leaves that depend on the vCPU (APIC ids, topology, frequencies).
 * Leaf and bit numbers: SDM 2A "CPUID", APM 3 appendix E.
 */
#include "cpuid.h"

#include <stddef.h>
#include <string.h>

#define ALL 0xffffffffU
#define BIT(n) (1U << (n))
#define HV_BASE 0x40000000U
#define HV_FREQ 0x40000010U
#define APIC_BUS_KHZ 1000000U /* KVM's LAPIC timer counts nanoseconds */

struct cpuid_rule {
	uint32_t leaf;
	uint32_t subleaf; /* ALL: every one */
	enum cpuid_reg reg;
	uint32_t clear;
	uint32_t set;
	const char *reason;
};

static const struct cpuid_rule cpuid_rules[] = {
	{ 0x1, ALL, CPUID_ECX, BIT(5) | BIT(6), 0,
	    "VMX, SMX: no nested virtualisation" },
	{ 0x1, ALL, CPUID_ECX, BIT(3), 0,
	    "MONITOR: MWAIT is not given to guests" },
	{ 0x1, ALL, CPUID_ECX, BIT(2) | BIT(4) | BIT(15), 0,
	    "DTES64, DS-CPL, PDCM: no PMU" },
	{ 0x1, ALL, CPUID_ECX, BIT(7) | BIT(8), 0,
	    "EIST, TM2: power and heat are the host's" },
	{ 0x1, ALL, CPUID_ECX, BIT(27), 0, "OSXSAVE follows the guest's CR4" },
	{ 0x1, ALL, CPUID_ECX, 0, BIT(31),
	    "hypervisor present: guests look for kvm-clock only then" },
	{ 0x1, ALL, CPUID_EDX, BIT(21) | BIT(22) | BIT(29) | BIT(31), 0,
	    "DS, ACPI thermal, TM, PBE: no PMU, no heat" },
	{ 0x5, ALL, CPUID_EAX, ALL, 0, "no MONITOR/MWAIT" },
	{ 0x5, ALL, CPUID_EBX, ALL, 0, "no MONITOR/MWAIT" },
	{ 0x5, ALL, CPUID_ECX, ALL, 0, "no MONITOR/MWAIT" },
	{ 0x5, ALL, CPUID_EDX, ALL, 0, "no MONITOR/MWAIT" },
	{ 0x6, ALL, CPUID_EAX, ~BIT(2), 0,
	    "of power and heat only that the APIC timer never stops" },
	{ 0x6, ALL, CPUID_EBX, ALL, 0, "no thermal sensor" },
	{ 0x6, ALL, CPUID_ECX, ALL, 0, "no APERF/MPERF, no energy bias" },
	{ 0x6, ALL, CPUID_EDX, ALL, 0, "no hardware feedback" },
	{ 0x7, 0, CPUID_EBX, BIT(2) | BIT(25), 0,
	    "SGX and processor trace need state that is not kept" },
	{ 0x7, 0, CPUID_EBX, BIT(12) | BIT(15), 0,
	    "cache monitoring and allocation are the host's" },
	{ 0x7, 0, CPUID_ECX, BIT(5) | BIT(30), 0,
	    "UMWAIT: as MWAIT; SGX launch control: no SGX" },
	{ 0x7, 0, CPUID_EDX, BIT(15) | BIT(19), 0,
	    "hybrid parts and their branch records depend on the core" },
	{ 0xa, ALL, CPUID_EAX, ALL, 0, "no PMU" },
	{ 0xa, ALL, CPUID_EBX, ALL, 0, "no PMU" },
	{ 0xa, ALL, CPUID_ECX, ALL, 0, "no PMU" },
	{ 0xa, ALL, CPUID_EDX, ALL, 0, "no PMU" },
	{ 0x80000001, ALL, CPUID_ECX, BIT(2) | BIT(12), 0,
	    "SVM, SKINIT: no nested virtualisation" },
	{ 0x80000001, ALL, CPUID_ECX,
	    BIT(10) | BIT(15) | BIT(23) | BIT(24) | BIT(27) | BIT(28), 0,
	    "IBS, LWP and performance counters: no PMU" },
	{ 0x80000001, ALL, CPUID_ECX, BIT(13) | BIT(29), 0,
	    "watchdog timer MSRs; MWAITX: as MWAIT" },
	{ 0x80000007, ALL, CPUID_EDX, ~BIT(8), 0,
	    "of power management only that the TSC is invariant" },
};

/* Leaves that are taken away whole: their feature bit is gone above. */
static const struct {
	uint32_t leaf;
	const char *reason;
} cpuid_dropped[] = {
	{ 0x12, "no SGX" },
	{ 0x14, "no processor trace" },
	{ 0x1a, "no hybrid parts" },
	{ 0x1c, "no branch records" },
	{ 0x1f, "topology is said once, in leaf 0xb" },
	{ 0x23, "no PMU" },
	{ 0x8000000a, "no SVM" },
	{ 0x8000001b, "no IBS" },
	{ 0x8000001f, "no memory encryption" },
	{ 0x80000020, "cache allocation is the host's" },
	{ 0x80000022, "no PMU" },
	{ 0x80000026, "topology is said once, in leaf 0xb" },
};

struct cpuid_leaf *
cpuid_find(struct cpuid_set *set, uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_leaf *l;
	uint32_t i;

	for (i = 0; i < set->count; i++) {
		l = &set->leaf[i];
		if (l->leaf == leaf &&
		    (!l->has_subleaf || l->subleaf == subleaf))
			return l;
	}
	return NULL;
}

static void
cpuid_rule_apply(struct cpuid_set *set, const struct cpuid_rule *rule)
{
	struct cpuid_leaf *l;
	uint32_t i;

	for (i = 0; i < set->count; i++) {
		l = &set->leaf[i];
		if (l->leaf != rule->leaf)
			continue;
		if (rule->subleaf != ALL && l->has_subleaf &&
		    l->subleaf != rule->subleaf)
			continue;
		l->reg[rule->reg] &= ~rule->clear;
		l->reg[rule->reg] |= rule->set;
	}
}

static void
cpuid_drop(struct cpuid_set *set, uint32_t leaf)
{
	uint32_t i, kept = 0;

	for (i = 0; i < set->count; i++)
		if (set->leaf[i].leaf != leaf)
			set->leaf[kept++] = set->leaf[i];
	set->count = kept;
}

/* Adds or replaces; a full set is left as it is. */
static void
cpuid_put(struct cpuid_set *set, const struct cpuid_leaf *leaf)
{
	struct cpuid_leaf *l = cpuid_find(set, leaf->leaf, leaf->subleaf);

	if (l != NULL)
		*l = *leaf;
	else if (set->count < CPUID_MAX)
		set->leaf[set->count++] = *leaf;
}

/* How many bits of an APIC id n of something take. */
static uint32_t
cpuid_bits(uint32_t n)
{
	uint32_t bits = 0;

	while ((1U << bits) < n)
		bits++;
	return bits;
}

/* vCPUs of a socket. */
static uint32_t
cpuid_per_socket(const struct cpuid_context *ctx)
{
	return ctx->cores * ctx->threads;
}

/* Replaces the bits [hi:lo] of *reg. */
static void
cpuid_field(uint32_t *reg, int hi, int lo, uint32_t value)
{
	uint32_t mask = (ALL >> (31 - hi)) & (ALL << lo);

	*reg = (*reg & ~mask) | ((value << lo) & mask);
}

static void
cpuid_basic(struct cpuid_set *set, const struct cpuid_context *ctx)
{
	struct cpuid_leaf *l = cpuid_find(set, 0x1, 0);

	if (l == NULL)
		return;
	cpuid_field(&l->reg[CPUID_EBX], 31, 24, ctx->id);
	cpuid_field(&l->reg[CPUID_EBX], 23, 16,
	    1U << cpuid_bits(cpuid_per_socket(ctx)));
	cpuid_field(&l->reg[CPUID_EDX], 28, 28, cpuid_per_socket(ctx) > 1);
	/* Both are done by the LAPIC in the kernel, or by nobody. */
	cpuid_field(
	    &l->reg[CPUID_ECX], 21, 21, ctx->irqchip && !ctx->no_x2apic);
	cpuid_field(&l->reg[CPUID_ECX], 24, 24, ctx->irqchip);
}

/* Caches: level 3 and up is shared by a socket, the others by a core. */
static void
cpuid_caches(struct cpuid_set *set, const struct cpuid_context *ctx)
{
	struct cpuid_leaf *l;
	uint32_t i, ids = 1U << cpuid_bits(cpuid_per_socket(ctx)), level;

	for (i = 0; i < set->count; i++) {
		l = &set->leaf[i];
		if (l->leaf != 0x4 && l->leaf != 0x8000001d)
			continue;
		if ((l->reg[CPUID_EAX] & 0x1f) == 0)
			continue; /* no more caches */
		level = (l->reg[CPUID_EAX] >> 5) & 7;
		cpuid_field(&l->reg[CPUID_EAX], 25, 14,
		    level >= 3 ? ids - 1 : ctx->threads - 1);
		if (l->leaf == 0x4)
			cpuid_field(&l->reg[CPUID_EAX], 31, 26,
			    (1U << cpuid_bits(ctx->cores)) - 1);
	}
}

/* Leaf 0xb: how many bits of the x2APIC id name thread and core. */
static void
cpuid_topology(struct cpuid_set *set, const struct cpuid_context *ctx)
{
	struct cpuid_leaf *l = cpuid_find(set, 0x0, 0);
	struct cpuid_leaf level[] = {
		{ 0xb, 0, true,
		    { cpuid_bits(ctx->threads), ctx->threads, 0x100,
			ctx->id } },
		{ 0xb, 1, true,
		    { cpuid_bits(cpuid_per_socket(ctx)), cpuid_per_socket(ctx),
			0x201, ctx->id } },
		{ 0xb, 2, true, { 0, 0, 2, ctx->id } },
	};
	size_t i;

	cpuid_drop(set, 0xb);
	if (l == NULL || l->reg[CPUID_EAX] < 0xb)
		return;
	for (i = 0; i < sizeof(level) / sizeof(level[0]); i++)
		cpuid_put(set, &level[i]);
}

/* AMD's own: core count, and extended APIC id; a socket is a node. */
static void
cpuid_amd(struct cpuid_set *set, const struct cpuid_context *ctx)
{
	uint32_t in_socket = ctx->id % cpuid_per_socket(ctx);
	struct cpuid_leaf *l;

	l = cpuid_find(set, 0x80000008, 0);
	if (l != NULL) {
		cpuid_field(&l->reg[CPUID_ECX], 15, 12,
		    cpuid_bits(cpuid_per_socket(ctx)));
		cpuid_field(
		    &l->reg[CPUID_ECX], 7, 0, cpuid_per_socket(ctx) - 1);
	}
	l = cpuid_find(set, 0x8000001e, 0);
	if (l != NULL) {
		l->reg[CPUID_EAX] = ctx->id;
		l->reg[CPUID_EBX] =
		    in_socket / ctx->threads | (ctx->threads - 1) << 8;
		l->reg[CPUID_ECX] = ctx->id / cpuid_per_socket(ctx);
		l->reg[CPUID_EDX] = 0;
	}
	l = cpuid_find(set, 0x80000001, 0);
	if (l != NULL) /* CmpLegacy: HTT means cores, not threads */
		cpuid_field(&l->reg[CPUID_ECX], 1, 1,
		    cpuid_per_socket(ctx) > 1 &&
			cpuid_find(set, 0x8000001e, 0) != NULL);
}

/*
 * Frequencies, so that a guest need not measure them: 0x40000010 as several
 * hypervisors have it, and 0x15 where the CPU has that leaf, with the LAPIC
 * timer's 1 GHz as the crystal because guests take it for both.
 */
static void
cpuid_frequencies(struct cpuid_set *set, const struct cpuid_context *ctx)
{
	struct cpuid_leaf *l;
	uint32_t i;

	if (ctx->tsc_khz == 0)
		return;
	l = cpuid_find(set, 0x15, 0);
	if (l != NULL) {
		l->reg[CPUID_EAX] = APIC_BUS_KHZ;
		l->reg[CPUID_EBX] = ctx->tsc_khz;
		l->reg[CPUID_ECX] = APIC_BUS_KHZ * 1000;
	}
	for (i = HV_BASE + 2; i < HV_FREQ; i++)
		cpuid_put(set, &(struct cpuid_leaf) { .leaf = i });
	cpuid_put(set,
	    &(struct cpuid_leaf) {
		.leaf = HV_FREQ, .reg = { ctx->tsc_khz, APIC_BUS_KHZ, 0, 0 } });
}

/* The signature by which guests find KVM's paravirtual features. */
static void
cpuid_signature(struct cpuid_set *set, const struct cpuid_context *ctx)
{
	struct cpuid_leaf l = { .leaf = HV_BASE,
		.reg = { ctx->tsc_khz != 0 ? HV_FREQ : HV_BASE + 1 } };

	memcpy(&l.reg[CPUID_EBX], "KVMKVMKVM\0\0\0", 12);
	cpuid_put(set, &l);
}

void
cpuid_rename(struct cpuid_set *set, uint32_t id)
{
	struct cpuid_leaf *l = cpuid_find(set, 0x80000008, 0);
	uint32_t i, threads, per_socket = 1;

	if (l != NULL)
		per_socket += l->reg[CPUID_ECX] & 0xff;
	for (i = 0; i < set->count; i++) {
		l = &set->leaf[i];
		if (l->leaf == 0x1)
			cpuid_field(&l->reg[CPUID_EBX], 31, 24, id);
		if (l->leaf == 0xb)
			l->reg[CPUID_EDX] = id;
		if (l->leaf != 0x8000001e)
			continue;
		threads = 1 + ((l->reg[CPUID_EBX] >> 8) & 0xff);
		l->reg[CPUID_EAX] = id;
		cpuid_field(
		    &l->reg[CPUID_EBX], 7, 0, id % per_socket / threads);
		cpuid_field(&l->reg[CPUID_ECX], 7, 0, id / per_socket);
	}
}

void
cpuid_apply(struct cpuid_set *set, const struct cpuid_context *ctx)
{
	size_t i;

	for (i = 0; i < sizeof(cpuid_rules) / sizeof(cpuid_rules[0]); i++)
		cpuid_rule_apply(set, &cpuid_rules[i]);
	for (i = 0; i < sizeof(cpuid_dropped) / sizeof(cpuid_dropped[0]); i++)
		cpuid_drop(set, cpuid_dropped[i].leaf);
	cpuid_basic(set, ctx);
	cpuid_caches(set, ctx);
	cpuid_topology(set, ctx);
	cpuid_amd(set, ctx);
	cpuid_frequencies(set, ctx);
	cpuid_signature(set, ctx);
}
