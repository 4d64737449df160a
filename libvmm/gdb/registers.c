/* SPDX-License-Identifier: ISC */
/*
 * The registers of a vCPU by gdb's numbers; see registers.h.  The first 59
 * are numbered as gdb numbers amd64's without a description.  In 16-bit and
 * 32-bit mode they are the same: the upper parts are what the CPU has there.
 */
#include "registers.h"

#include <string.h>

#define MSR_KERNEL_GS_BASE 0xc0000102U

#define WIDTH(s, m) sizeof(((struct s *)0)->m)

/* General registers, as int64 or as a pointer. */
#define GENERAL(m, type)                                \
	{                                               \
#m, type, FEATURE_CORE, GROUP_REGS, 64, \
		    offsetof(struct vcpu_regs, m), 8    \
	}
#define SELECTOR(m)                                            \
	{                                                      \
#m, "int32", FEATURE_CORE, GROUP_SREGS, 32,    \
		    offsetof(struct vcpu_sregs, m.selector), 2 \
	}
#define ST(n)                                                     \
	{                                                         \
		"st" #n, "i387_ext", FEATURE_CORE, GROUP_FPU, 80, \
		    offsetof(struct vcpu_fpu, st[n]), 10          \
	}
#define X87(name, m, part, width)                                \
	{                                                        \
		name, "int", FEATURE_CORE, GROUP_FPU, 32,        \
		    offsetof(struct vcpu_fpu, m) + (part), width \
	}
#define XMM(n)                                                   \
	{                                                        \
		"xmm" #n, "vec128", FEATURE_SSE, GROUP_FPU, 128, \
		    offsetof(struct vcpu_fpu, xmm[n]), 16        \
	}
#define BASE(name, m)                                             \
	{                                                         \
		name, "int64", FEATURE_SEGMENTS, GROUP_SREGS, 64, \
		    offsetof(struct vcpu_sregs, m.base), 8        \
	}
#define SYSTEM(m, type)                                    \
	{                                                  \
#m, type, FEATURE_SYSTEM, GROUP_SREGS, 64, \
		    offsetof(struct vcpu_sregs, m), 8      \
	}

/* clang-format off */
const struct registers_row registers_rows[] = {
	GENERAL(rax, "int64"), GENERAL(rbx, "int64"),
	GENERAL(rcx, "int64"), GENERAL(rdx, "int64"),
	GENERAL(rsi, "int64"), GENERAL(rdi, "int64"),
	[REGISTERS_RBP] = GENERAL(rbp, "data_ptr"),
	[REGISTERS_RSP] = GENERAL(rsp, "data_ptr"),
	GENERAL(r8, "int64"), GENERAL(r9, "int64"),
	GENERAL(r10, "int64"), GENERAL(r11, "int64"),
	GENERAL(r12, "int64"), GENERAL(r13, "int64"),
	GENERAL(r14, "int64"), GENERAL(r15, "int64"),
	[REGISTERS_RIP] = GENERAL(rip, "code_ptr"),
	{ "eflags", "eflags", FEATURE_CORE, GROUP_REGS, 32,
	    offsetof(struct vcpu_regs, rflags), 4 },
	SELECTOR(cs), SELECTOR(ss), SELECTOR(ds),
	SELECTOR(es), SELECTOR(fs), SELECTOR(gs),
	ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
	X87("fctrl", fcw, 0, 2), X87("fstat", fsw, 0, 2),
	{ "ftag", "int", FEATURE_CORE, GROUP_TAGS, 32, 0, 2 },
	X87("fiseg", fip, 4, 4), X87("fioff", fip, 0, 4),
	X87("foseg", fdp, 4, 4), X87("fooff", fdp, 0, 4),
	X87("fop", fop, 0, 2),
	XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7),
	XMM(8), XMM(9), XMM(10), XMM(11), XMM(12), XMM(13), XMM(14), XMM(15),
	{ "mxcsr", "mxcsr", FEATURE_SSE, GROUP_FPU, 32,
	    offsetof(struct vcpu_fpu, mxcsr), 4 },
	BASE("fs_base", fs), BASE("gs_base", gs),
	{ "k_gs_base", "int64", FEATURE_SYSTEM, GROUP_KERNEL_GS, 64, 0, 8 },
	SYSTEM(cr0, "cr0"), SYSTEM(cr2, "int64"), SYSTEM(cr3, "int64"),
	SYSTEM(cr4, "cr4"), SYSTEM(cr8, "int64"), SYSTEM(efer, "efer"),
};
/* clang-format on */

const unsigned int registers_count =
    sizeof(registers_rows) / sizeof(registers_rows[0]);

static int
registers_load_regs(struct registers *r)
{
	return vcpu_get_regs(r->vcpu, &r->regs);
}

static int
registers_store_regs(struct registers *r)
{
	return vcpu_set_regs(r->vcpu, &r->regs);
}

static int
registers_load_sregs(struct registers *r)
{
	return vcpu_get_sregs(r->vcpu, &r->sregs);
}

static int
registers_store_sregs(struct registers *r)
{
	return vcpu_set_sregs(r->vcpu, &r->sregs);
}

static int
registers_load_fpu(struct registers *r)
{
	return vcpu_get_fpu(r->vcpu, &r->fpu);
}

static int
registers_store_fpu(struct registers *r)
{
	return vcpu_set_fpu(r->vcpu, &r->fpu);
}

static int
registers_load_kernel_gs(struct registers *r)
{
	return vcpu_get_msr(r->vcpu, MSR_KERNEL_GS_BASE, &r->kernel_gs);
}

static int
registers_store_kernel_gs(struct registers *r)
{
	return vcpu_set_msr(r->vcpu, MSR_KERNEL_GS_BASE, r->kernel_gs);
}

static const struct registers_access {
	int (*load)(struct registers *r);
	int (*store)(struct registers *r);
	size_t offset; /* in struct registers */
	enum registers_group home; /* whose load and store it is */
} registers_access[GROUP_COUNT] = {
	[GROUP_REGS] = { registers_load_regs, registers_store_regs,
	    offsetof(struct registers, regs), GROUP_REGS },
	[GROUP_SREGS] = { registers_load_sregs, registers_store_sregs,
	    offsetof(struct registers, sregs), GROUP_SREGS },
	[GROUP_FPU] = { registers_load_fpu, registers_store_fpu,
	    offsetof(struct registers, fpu), GROUP_FPU },
	[GROUP_KERNEL_GS] = { registers_load_kernel_gs,
	    registers_store_kernel_gs, offsetof(struct registers, kernel_gs),
	    GROUP_KERNEL_GS },
	[GROUP_TAGS] = { registers_load_fpu, registers_store_fpu,
	    offsetof(struct registers, fpu), GROUP_FPU },
};

void
registers_init(struct registers *r, struct vcpu *vcpu)
{
	r->vcpu = vcpu;
	r->loaded = r->changed = 0;
}

static int
registers_load(struct registers *r, enum registers_group group)
{
	const struct registers_access *a = &registers_access[group];

	if ((r->loaded & 1U << a->home) != 0)
		return 0;
	if (a->load(r) == -1)
		return -1;
	r->loaded |= 1U << a->home;
	return 0;
}

/*
 * The tag of a register in use (SDM 1, 8.1.7): 0 valid, 1 zero, 2 special.
 * FXSAVE keeps only whether it is in use.
 */
static unsigned int
registers_tag(const uint8_t st[16])
{
	unsigned int exponent = (st[8] | (unsigned int)st[9] << 8) & 0x7fff;
	uint64_t mantissa;

	memcpy(&mantissa, st, sizeof(mantissa));
	if (exponent == 0 && mantissa == 0)
		return 1;
	if (exponent == 0 || exponent == 0x7fff || mantissa >> 63 == 0)
		return 2;
	return 0;
}

static uint16_t
registers_tags(const struct vcpu_fpu *fpu)
{
	unsigned int top = (fpu->fsw >> 11) & 7, tags = 0, i, tag;

	for (i = 0; i < 8; i++) {
		tag = (fpu->ftw >> i & 1) == 0
		    ? 3
		    : registers_tag(fpu->st[(i - top) & 7]);
		tags |= tag << i * 2;
	}
	return (uint16_t)tags;
}

static void
registers_set_tags(struct vcpu_fpu *fpu, uint16_t tags)
{
	unsigned int i, in_use = 0;

	for (i = 0; i < 8; i++)
		if ((tags >> i * 2 & 3) != 3)
			in_use |= 1U << i;
	fpu->ftw = (uint8_t)in_use;
}

int
registers_get(struct registers *r, unsigned int n, void *value)
{
	const struct registers_row *row = &registers_rows[n];
	uint16_t tags;

	if (registers_load(r, row->group) == -1)
		return -1;
	memset(value, 0, row->bits / 8U);
	if (row->group == GROUP_TAGS) {
		tags = registers_tags(&r->fpu);
		memcpy(value, &tags, sizeof(tags));
	} else
		memcpy(value,
		    (uint8_t *)r + registers_access[row->group].offset +
			row->offset,
		    row->width);
	return 0;
}

int
registers_put(struct registers *r, unsigned int n, const void *value)
{
	const struct registers_row *row = &registers_rows[n];
	uint16_t tags;

	if (registers_load(r, row->group) == -1)
		return -1;
	if (row->group == GROUP_TAGS) {
		memcpy(&tags, value, sizeof(tags));
		registers_set_tags(&r->fpu, tags);
	} else
		memcpy((uint8_t *)r + registers_access[row->group].offset +
			row->offset,
		    value, row->width);
	r->changed |= 1U << registers_access[row->group].home;
	return 0;
}

int
registers_store(struct registers *r)
{
	unsigned int group;

	for (group = 0; group < GROUP_COUNT; group++) {
		if ((r->changed & 1U << group) == 0)
			continue;
		if (registers_access[group].store(r) == -1)
			return -1;
		r->changed &= ~(1U << group);
	}
	return 0;
}

int
registers_set_rip(struct vcpu *vcpu, uint64_t rip)
{
	struct registers r;

	registers_init(&r, vcpu);
	if (registers_put(&r, REGISTERS_RIP, &rip) == -1)
		return -1;
	return registers_store(&r);
}
