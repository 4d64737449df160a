/* SPDX-License-Identifier: ISC */
/*
 * Compares two CPUIDs.  A bit is a feature, and what the guest knows of the
 * host must have, unless a row says that it only informs.  A leaf or a bit that
 * no row names is a feature, too: what is new is refused rather than guessed.
 * Names are those of Linux' /proc/cpuinfo.
 */
#include "cpuid_check.h"

#include <stdio.h>
#include <string.h>

#define ALL 0xffffffffU
#define BIT(n) (1U << (n))
#define XSAVE_LEAF 0xdU
#define WIDTH_LEAF 0x80000008U

/* Leaves that only inform. */
static const struct {
	uint32_t first, last;
	const char *reason;
} cpuid_informs[] = {
	{ 0x0, 0x0, "the highest leaf; the vendor is compared by itself" },
	{ 0x2, 0x2, "caches" },
	{ 0x3, 0x3, "serial number" },
	{ 0x4, 0x4, "caches" },
	{ 0xb, 0xb, "topology" },
	{ 0x15, 0x16, "frequencies" },
	{ 0x18, 0x18, "TLBs" },
	{ 0x40000000, 0x40000000, "signature and highest leaf" },
	{ 0x40000002, 0x400000ff, "frequencies" },
	{ 0x80000000, 0x80000000, "the highest leaf" },
	{ 0x80000002, 0x80000006, "brand and caches" },
	{ 0x80000019, 0x8000001a, "TLBs and how wide the units are" },
	{ 0x8000001d, 0x8000001e, "caches and topology" },
};

/* The names of bits 0, 1, ...; "-" is none. */
static const struct cpuid_names {
	uint32_t leaf;
	uint32_t subleaf; /* ALL: every one */
	enum cpuid_reg reg;
	uint32_t informs; /* bits */
	const char *names;
} cpuid_names[] = {
	{ 0x1, ALL, CPUID_EAX, ALL, "" }, /* family, model, stepping */
	{ 0x1, ALL, CPUID_EBX, ALL, "" }, /* APIC id, brand, CLFLUSH */
	/* OSXSAVE follows CR4. */
	{ 0x1, ALL, CPUID_ECX, BIT(27),
	    "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid "
	    "sdbg fma cx16 xtpr pdcm - pcid dca sse4_1 sse4_2 x2apic movbe "
	    "popcnt tsc_deadline_timer aes xsave osxsave avx f16c rdrand "
	    "hypervisor" },
	/* HT: topology. */
	{ 0x1, ALL, CPUID_EDX, BIT(28),
	    "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov "
	    "pat pse36 pn clflush - dts acpi mmx fxsr sse sse2 ss ht tm ia64 "
	    "pbe" },
	{ 0x7, 0, CPUID_EBX, 0,
	    "fsgsbase tsc_adjust sgx bmi1 hle avx2 fdp_excptn_only smep bmi2 "
	    "erms invpcid rtm cqm zero_fcs_fds mpx rdt_a avx512f avx512dq "
	    "rdseed adx smap avx512ifma pcommit clflushopt clwb intel_pt "
	    "avx512pf avx512er avx512cd sha_ni avx512bw avx512vl" },
	/* OSPKE follows CR4. */
	{ 0x7, 0, CPUID_ECX, BIT(4),
	    "prefetchwt1 avx512vbmi umip pku ospke waitpkg avx512_vbmi2 shstk "
	    "gfni vaes vpclmulqdq avx512_vnni avx512_bitalg tme "
	    "avx512_vpopcntdq - la57 mawau mawau mawau mawau mawau rdpid kl "
	    "bus_lock_detect cldemote - movdiri movdir64b enqcmd sgx_lc pks" },
	{ 0x7, 0, CPUID_EDX, 0,
	    "- - avx512_4vnniw avx512_4fmaps fsrm uintr - - "
	    "avx512_vp2intersect srbds_ctrl md_clear rtm_always_abort - "
	    "tsx_force_abort serialize hybrid tsxldtrk - pconfig arch_lbr ibt "
	    "- amx_bf16 avx512_fp16 amx_tile amx_int8 spec_ctrl intel_stibp "
	    "flush_l1d arch_capabilities core_capabilities ssbd" },
	{ 0x7, 1, CPUID_EAX, 0,
	    "sha512 sm3 sm4 rao_int avx_vnni avx512_bf16 lass cmpccxadd "
	    "arch_perfmon_ext - fzrm fsrs fsrc - - - - fred lkgs wrmsrns "
	    "nmi_source amx_fp16 hreset avx_ifma - - lam msrlist" },
	/* What XCR0 may have, for EBX and ECX: sizes for what is on, for all.
	 */
	{ XSAVE_LEAF, 0, CPUID_EAX, 0,
	    "x87_state sse_state avx_state bndregs_state bndcsr_state "
	    "opmask_state zmm_hi256_state hi16_zmm_state - pkru_state - - - - "
	    "- - - amx_tilecfg_state amx_tiledata_state" },
	{ XSAVE_LEAF, 0, CPUID_EBX, ALL, "" },
	{ XSAVE_LEAF, 0, CPUID_ECX, ALL, "" },
	{ XSAVE_LEAF, 1, CPUID_EAX, 0, "xsaveopt xsavec xgetbv1 xsaves xfd" },
	{ XSAVE_LEAF, 1, CPUID_EBX, ALL, "" },
	{ 0x40000001, ALL, CPUID_EAX, 0,
	    "kvmclock kvm_nopiodelay kvm_mmu kvmclock2 kvm_asyncpf "
	    "kvm_steal_time kvm_pv_eoi kvm_pv_unhalt - kvm_pv_tlb_flush "
	    "kvm_asyncpf_vmexit kvm_pv_ipi kvm_poll_control "
	    "kvm_pv_sched_yield kvm_asyncpf_int kvm_msi_ext_dest_id "
	    "kvm_hc_map_gpa_range kvm_migration_control - - - - - - "
	    "kvmclock_stable" },
	{ 0x40000001, ALL, CPUID_EDX, ALL, "" }, /* hints */
	{ 0x80000001, ALL, CPUID_EAX, ALL, "" }, /* family, model */
	{ 0x80000001, ALL, CPUID_EBX, ALL, "" }, /* brand, package */
	/* CmpLegacy: topology. */
	{ 0x80000001, ALL, CPUID_ECX, BIT(1),
	    "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse "
	    "3dnowprefetch osvw ibs xop skinit wdt - lwp fma4 tce - "
	    "nodeid_msr - tbm topoext perfctr_core perfctr_nb - bpext ptsc "
	    "perfctr_llc mwaitx" },
	{ 0x80000001, ALL, CPUID_EDX, 0,
	    "fpu vme de pse tsc msr pae mce cx8 apic - syscall mtrr pge mca "
	    "cmov pat pse36 - mp nx - mmxext mmx fxsr fxsr_opt pdpe1gb rdtscp "
	    "- lm 3dnowext 3dnow" },
	{ 0x80000007, ALL, CPUID_EDX, 0, "- - - - - - - - invariant_tsc" },
	{ WIDTH_LEAF, ALL, CPUID_EAX, ALL, "" }, /* see below */
	{ WIDTH_LEAF, ALL, CPUID_EBX, 0,
	    "clzero irperf xsaveerptr invlpgb rdpru - mbe - mcommit wbnoinvd "
	    "- - ibpb int_wbinvd ibrs stibp ibrs_always stibp_always "
	    "ibrs_preferred ibrs_same_mode no_efer_lmse - - ppin amd_ssbd "
	    "virt_ssbd amd_ssb_no cppc amd_psfd btc_no ibpb_ret brs" },
	{ WIDTH_LEAF, ALL, CPUID_ECX, ALL, "" }, /* topology */
	{ WIDTH_LEAF, ALL, CPUID_EDX, ALL, "" }, /* limits of instructions */
	{ 0x80000021, ALL, CPUID_EBX, ALL, "" }, /* size of microcode */
};

struct check {
	char *text;
	size_t size;
	unsigned int count;
};

bool
cpuid_clashes(const struct cpuid_set *set, const struct cpuid_leaf *leaf)
{
	uint32_t i;

	for (i = 0; i < set->count; i++)
		if (set->leaf[i].leaf == leaf->leaf &&
		    (!set->leaf[i].has_subleaf || !leaf->has_subleaf ||
			set->leaf[i].subleaf == leaf->subleaf))
			return true;
	return false;
}

/* Adds a name to the text, if there is room for all of it. */
static void
check_add(struct check *c, const char *name)
{
	size_t used = c->size > 0 ? strlen(c->text) : 0;

	if (used + strlen(name) + 3 <= c->size)
		(void)snprintf(c->text + used, c->size - used, "%s%s",
		    used > 0 ? ", " : "", name);
	c->count++;
}

static const struct cpuid_names *
check_row(uint32_t leaf, uint32_t subleaf, enum cpuid_reg reg)
{
	size_t i;

	for (i = 0; i < sizeof(cpuid_names) / sizeof(cpuid_names[0]); i++)
		if (cpuid_names[i].leaf == leaf && cpuid_names[i].reg == reg &&
		    (cpuid_names[i].subleaf == ALL ||
			cpuid_names[i].subleaf == subleaf))
			return &cpuid_names[i];
	return NULL;
}

/* The word of names that bit has; false: none. */
static bool
check_name(const char *names, unsigned int bit, char *name, size_t size)
{
	size_t len = strcspn(names, " ");

	while (bit-- > 0 && names[0] != '\0') {
		names += len + strspn(names + len, " ");
		len = strcspn(names, " ");
	}
	if (len == 0 || names[0] == '-')
		return false;
	(void)snprintf(name, size, "%.*s", (int)len, names);
	return true;
}

static void
check_unnamed(struct check *c, const struct cpuid_leaf *l, enum cpuid_reg reg,
    unsigned int bit)
{
	static const char *const regs[] = { "eax", "ebx", "ecx", "edx" };
	char subleaf[16] = "", name[64];

	if (l->has_subleaf && l->subleaf > 0)
		(void)snprintf(subleaf, sizeof(subleaf), ".%u", l->subleaf);
	(void)snprintf(name, sizeof(name), "CPUID leaf 0x%x%s %s bit %u",
	    l->leaf, subleaf, regs[reg], bit);
	check_add(c, name);
}

static void
check_bits(struct check *c, const struct cpuid_leaf *l, enum cpuid_reg reg,
    uint32_t lacks)
{
	const struct cpuid_names *row = check_row(l->leaf, l->subleaf, reg);
	char name[64];
	unsigned int bit;

	if (row != NULL)
		lacks &= ~row->informs;
	for (bit = 0; bit < 32; bit++) {
		if ((lacks & BIT(bit)) == 0)
			continue;
		if (row != NULL &&
		    check_name(row->names, bit, name, sizeof(name)))
			check_add(c, name);
		else
			check_unnamed(c, l, reg, bit);
	}
}

/* The number in [hi:lo] of the guest's must not be above the host's. */
static void
check_width(
    struct check *c, const struct cpuid_leaf *l, const struct cpuid_leaf *host)
{
	static const struct {
		unsigned int lo;
		const char *what;
	} rows[] = { { 0, "physical" }, { 8, "linear" } };
	uint32_t ours, theirs;
	char name[64];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ours = (l->reg[CPUID_EAX] >> rows[i].lo) & 0xff;
		theirs = host == NULL
		    ? 0
		    : (host->reg[CPUID_EAX] >> rows[i].lo) & 0xff;
		if (ours <= theirs)
			continue;
		(void)snprintf(name, sizeof(name), "%s addresses of %u bits",
		    rows[i].what, ours);
		check_add(c, name);
	}
}

/* Where a component of the XSAVE area is: size and offset. */
static void
check_component(
    struct check *c, const struct cpuid_leaf *l, const struct cpuid_leaf *host)
{
	char name[64];

	/* Without it there the bit for XCR0 is missing, too. */
	if (host == NULL || memcmp(l->reg, host->reg, sizeof(l->reg)) == 0)
		return;
	(void)snprintf(
	    name, sizeof(name), "the layout of XSAVE component %u", l->subleaf);
	check_add(c, name);
}

static bool
check_informs(uint32_t leaf)
{
	size_t i;

	for (i = 0; i < sizeof(cpuid_informs) / sizeof(cpuid_informs[0]); i++)
		if (leaf >= cpuid_informs[i].first &&
		    leaf <= cpuid_informs[i].last)
			return true;
	return false;
}

static void
check_leaf(struct check *c, struct cpuid_set *host, const struct cpuid_leaf *l)
{
	const struct cpuid_leaf *h = cpuid_find(host, l->leaf, l->subleaf);
	int reg;

	if (check_informs(l->leaf))
		return;
	if (l->leaf == WIDTH_LEAF)
		check_width(c, l, h);
	if (l->leaf == XSAVE_LEAF && l->subleaf >= 2) {
		check_component(c, l, h);
		return;
	}
	/* How many subleaves there are. */
	for (reg = l->leaf == 0x7 && l->subleaf == 0 ? CPUID_EBX : CPUID_EAX;
	     reg <= CPUID_EDX; reg++)
		check_bits(c, l, (enum cpuid_reg)reg,
		    l->reg[reg] & ~(h == NULL ? 0 : h->reg[reg]));
}

static void
check_vendor(struct check *c, struct cpuid_set *host, struct cpuid_set *guest)
{
	const struct cpuid_leaf *h = cpuid_find(host, 0, 0);
	const struct cpuid_leaf *g = cpuid_find(guest, 0, 0);
	char name[64];

	if (g != NULL && h != NULL &&
	    memcmp(&g->reg[CPUID_EBX], &h->reg[CPUID_EBX], 12) == 0)
		return;
	(void)snprintf(name, sizeof(name), "a CPU of the same vendor");
	check_add(c, name);
}

unsigned int
cpuid_check(
    struct cpuid_set *host, struct cpuid_set *guest, char *missing, size_t size)
{
	struct check c = { missing, size, 0 };
	uint32_t i;

	if (size > 0)
		missing[0] = '\0';
	check_vendor(&c, host, guest);
	for (i = 0; i < guest->count; i++)
		check_leaf(&c, host, &guest->leaf[i]);
	return c.count;
}
