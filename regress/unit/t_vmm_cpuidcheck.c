/* SPDX-License-Identifier: ISC */
/*
 * Whether a guest that knows one CPUID can live with another: what is missing
 * is named, what only informs is no matter, and what nobody knows is refused.
 */
#include "../../libvmm/cpuid_check.h"

#include "check.h"

static struct cpuid_set host, guest;
static char missing[256];

static struct cpuid_leaf *
add(struct cpuid_set *set, uint32_t leaf, uint32_t subleaf, bool has_subleaf,
    uint32_t fill)
{
	struct cpuid_leaf *l = &set->leaf[set->count++];

	*l = (struct cpuid_leaf) { leaf, subleaf, has_subleaf,
		{ fill, fill, fill, fill } };
	return l;
}

/* Two that are the same. */
static void
same(void)
{
	memset(&host, 0, sizeof(host));
	memcpy(
	    &add(&host, 0, 0, false, 0x1f)->reg[CPUID_EBX], "AuthcAMDenti", 12);
	add(&host, 1, 0, false, 0x0f0f0f0f);
	add(&host, 7, 0, true, 0x00ff00ff);
	add(&host, 7, 1, true, 0x10);
	add(&host, 0xb, 0, true, 1);
	add(&host, 0xd, 0, true, 7);
	add(&host, 0xd, 2, true, 0x100);
	add(&host, 0x40000001, 0, false, 0x1000000);
	add(&host, 0x80000001, 0, false, 0x20000000);
	add(&host, 0x80000007, 0, false, 0x100);
	add(&host, 0x80000008, 0, false, 0x3030);
	guest = host;
}

static struct cpuid_leaf *
of(struct cpuid_set *set, uint32_t leaf, uint32_t subleaf)
{
	return cpuid_find(set, leaf, subleaf);
}

static unsigned int
check(void)
{
	return cpuid_check(&host, &guest, missing, sizeof(missing));
}

static void
equal_is_enough(void)
{
	same();
	CHECK_EQ(check(), 0);
	CHECK_STR(missing, "");
	/* The host has more. */
	of(&host, 7, 0)->reg[CPUID_EBX] |= 1U << 29;
	add(&host, 0x21, 0, false, 0xff);
	CHECK_EQ(check(), 0);
}

static void
names(void)
{
	static const struct {
		uint32_t leaf, subleaf;
		enum cpuid_reg reg;
		unsigned int bit;
		const char *name;
	} rows[] = {
		{ 1, 0, CPUID_ECX, 28, "avx" },
		{ 1, 0, CPUID_EDX, 4, "tsc" },
		{ 1, 0, CPUID_EDX, 30, "ia64" },
		{ 7, 0, CPUID_EBX, 29, "sha_ni" },
		{ 7, 0, CPUID_EBX, 31, "avx512vl" },
		{ 7, 0, CPUID_ECX, 31, "pks" },
		{ 7, 0, CPUID_EDX, 31, "ssbd" },
		{ 7, 1, CPUID_EAX, 5, "avx512_bf16" },
		{ 7, 1, CPUID_EAX, 27, "msrlist" },
		{ 0xd, 0, CPUID_EAX, 9, "pkru_state" },
		{ 0xd, 0, CPUID_EAX, 18, "amx_tiledata_state" },
		{ 0xd, 1, CPUID_EAX, 3, "xsaves" },
		{ 0x40000001, 0, CPUID_EAX, 14, "kvm_asyncpf_int" },
		{ 0x80000001, 0, CPUID_ECX, 29, "mwaitx" },
		{ 0x80000001, 0, CPUID_EDX, 31, "3dnow" },
		{ 0x80000008, 0, CPUID_EBX, 12, "ibpb" },
		{ 0x80000008, 0, CPUID_EBX, 31, "brs" },
		/* What no row names. */
		{ 7, 0, CPUID_EDX, 0, "CPUID leaf 0x7 edx bit 0" },
		{ 7, 2, CPUID_EDX, 3, "CPUID leaf 0x7.2 edx bit 3" },
		{ 0x6, 0, CPUID_EAX, 2, "CPUID leaf 0x6 eax bit 2" },
		{ 0x21, 0, CPUID_EAX, 5, "CPUID leaf 0x21 eax bit 5" },
		{ 0x80000021, 0, CPUID_EAX, 31,
		    "CPUID leaf 0x80000021 eax bit 31" },
		{ 0xa, 0, CPUID_EAX, 0, "CPUID leaf 0xa eax bit 0" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cpuid_leaf *l;

		same();
		l = of(&guest, rows[i].leaf, rows[i].subleaf);
		if (l == NULL)
			l = add(&guest, rows[i].leaf, rows[i].subleaf,
			    rows[i].subleaf > 0, 0);
		if (of(&host, rows[i].leaf, rows[i].subleaf) != NULL)
			of(&host, rows[i].leaf, rows[i].subleaf)
			    ->reg[rows[i].reg] &= ~(1U << rows[i].bit);
		l->reg[rows[i].reg] |= 1U << rows[i].bit;
		CHECK_EQ(check(), 1);
		CHECK_STR(missing, rows[i].name);
	}
	same();
	of(&host, 0x80000007, 0)->reg[CPUID_EDX] = 0;
	CHECK_EQ(check() > 0, 1);
	CHECK_STR(missing, "invariant_tsc");
}

static void
what_informs(void)
{
	static const struct {
		uint32_t leaf, subleaf;
		enum cpuid_reg reg;
		uint32_t bits;
	} rows[] = {
		{ 0, 0, CPUID_EAX, 0xffffffff }, /* the highest leaf */
		{ 1, 0, CPUID_EAX, 0xffffffff }, /* model */
		{ 1, 0, CPUID_EBX, 0xffffffff }, /* APIC id */
		{ 1, 0, CPUID_ECX, 1U << 27 }, /* OSXSAVE */
		{ 1, 0, CPUID_EDX, 1U << 28 }, /* HT */
		{ 4, 2, CPUID_EBX, 0xffffffff },
		{ 7, 0, CPUID_EAX, 0xffffffff }, /* the highest subleaf */
		{ 7, 0, CPUID_ECX, 1U << 4 }, /* OSPKE */
		{ 0xb, 0, CPUID_EDX, 0xffffffff },
		{ 0xd, 0, CPUID_EBX, 0xffffffff },
		{ 0xd, 0, CPUID_ECX, 0xffffffff },
		{ 0x15, 0, CPUID_EBX, 0xffffffff },
		{ 0x40000000, 0, CPUID_EAX, 0xffffffff },
		{ 0x40000010, 0, CPUID_EAX, 0xffffffff },
		{ 0x80000002, 0, CPUID_EAX, 0xffffffff },
		{ 0x80000008, 0, CPUID_ECX, 0xffffffff },
		{ 0x8000001e, 0, CPUID_EAX, 0xffffffff },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cpuid_leaf *l;

		same();
		l = of(&guest, rows[i].leaf, rows[i].subleaf);
		if (l == NULL)
			l = add(&guest, rows[i].leaf, rows[i].subleaf,
			    rows[i].subleaf > 0, 0);
		l->reg[rows[i].reg] |= rows[i].bits;
		CHECK_EQ(check(), 0);
		CHECK_STR(missing, "");
	}
}

static void
vendor_width_layout(void)
{
	same();
	memcpy(&of(&guest, 0, 0)->reg[CPUID_EBX], "GenuntelineI", 12);
	CHECK_EQ(check(), 1);
	CHECK_STR(missing, "a CPU of the same vendor");
	same();
	guest.leaf[0].leaf = 0x40000000; /* no leaf 0 at all */
	CHECK_EQ(check(), 1);
	same();
	of(&guest, 0x80000008, 0)->reg[CPUID_EAX] = 0x3034;
	CHECK_EQ(check(), 1);
	CHECK_STR(missing, "physical addresses of 52 bits");
	same();
	of(&host, 0x80000008, 0)->reg[CPUID_EAX] = 0x3034; /* more is fine */
	CHECK_EQ(check(), 0);
	same();
	of(&guest, 0x80000008, 0)->reg[CPUID_EAX] = 0x3930;
	CHECK_STR((check(), missing), "linear addresses of 57 bits");
	same();
	of(&guest, 0xd, 2)->reg[CPUID_EBX] = 0x240;
	CHECK_EQ(check(), 1);
	CHECK_STR(missing, "the layout of XSAVE component 2");
}

/* All that is missing is counted, and named as long as there is room. */
static void
text_has_a_size(void)
{
	char small[20], none[1] = { 'x' };

	same();
	of(&guest, 7, 0)->reg[CPUID_EBX] |= 0xff000000;
	CHECK_EQ(check(), 8);
	CHECK_STR(missing,
	    "clwb, intel_pt, avx512pf, avx512er, avx512cd, sha_ni, avx512bw, "
	    "avx512vl");
	CHECK_EQ(cpuid_check(&host, &guest, small, sizeof(small)), 8);
	CHECK_STR(small, "clwb, intel_pt");
	CHECK_EQ(cpuid_check(&host, &guest, none, 1), 8);
	CHECK_STR(none, "");
	CHECK_EQ(cpuid_check(&host, &guest, NULL, 0), 8);
}

static void
clashes(void)
{
	struct cpuid_leaf l = { .leaf = 7, .subleaf = 1, .has_subleaf = true };

	same();
	CHECK(cpuid_clashes(&host, &l));
	l.subleaf = 9;
	CHECK(!cpuid_clashes(&host, &l));
	l.has_subleaf = false;
	CHECK(cpuid_clashes(&host, &l)); /* it would answer for all */
	l = (struct cpuid_leaf) {
		.leaf = 1, .subleaf = 3, .has_subleaf = true
	};
	CHECK(cpuid_clashes(&host, &l));
}

/* A table that was made for vCPU 0 and is given to another one. */
static void
renamed(void)
{
	struct cpuid_context ctx = {
		.ncpus = 8, .cores = 2, .threads = 2, .irqchip = true
	};
	struct cpuid_set made[8], given;

	for (ctx.id = 0; ctx.id < 8; ctx.id++) {
		same();
		add(&host, 0x8000001e, 0, false, 0);
		of(&host, 0, 0)->reg[CPUID_EAX] = 0x1f;
		cpuid_apply(&host, &ctx);
		made[ctx.id] = host;
	}
	for (uint32_t id = 0; id < 8; id++) {
		given = made[(id + 3) % 8];
		cpuid_rename(&given, id);
		CHECK(memcmp(&given, &made[id], sizeof(given)) == 0);
	}
}

int
main(void)
{
	TEST(equal_is_enough);
	TEST(names);
	TEST(what_informs);
	TEST(vendor_width_layout);
	TEST(text_has_a_size);
	TEST(clashes);
	TEST(renamed);
	return CHECK_EXIT();
}
