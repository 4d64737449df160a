/* SPDX-License-Identifier: ISC */
/*
 * Registers by number and by group.  A table says for each number in which
 * group it lives and where; groups are read and written whole by the backend.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "handle.h"
#include "vmm.h"

enum register_group {
	GROUP_NONE,
	GROUP_REGS, /* a u64 in struct vcpu_regs */
	GROUP_SREGS, /* a u64 in struct vcpu_sregs */
	GROUP_SEG, /* a struct vcpu_seg in struct vcpu_sregs */
	GROUP_TABLE, /* a struct vcpu_table in struct vcpu_sregs */
	GROUP_DEBUG, /* a u64 in struct vcpu_debugregs */
};

struct register_row {
	enum register_group group;
	size_t offset;
};

#define R(m)                                              \
	{                                                 \
		GROUP_REGS, offsetof(struct vcpu_regs, m) \
	}
#define S(m)                                                \
	{                                                   \
		GROUP_SREGS, offsetof(struct vcpu_sregs, m) \
	}
#define G(m)                                              \
	{                                                 \
		GROUP_SEG, offsetof(struct vcpu_sregs, m) \
	}
#define T(m)                                                \
	{                                                   \
		GROUP_TABLE, offsetof(struct vcpu_sregs, m) \
	}
#define D(m)                                                    \
	{                                                       \
		GROUP_DEBUG, offsetof(struct vcpu_debugregs, m) \
	}

static const struct register_row register_rows[VM_REG_LAST] = {
	[VM_REG_GUEST_RAX] = R(rax),
	[VM_REG_GUEST_RBX] = R(rbx),
	[VM_REG_GUEST_RCX] = R(rcx),
	[VM_REG_GUEST_RDX] = R(rdx),
	[VM_REG_GUEST_RSI] = R(rsi),
	[VM_REG_GUEST_RDI] = R(rdi),
	[VM_REG_GUEST_RBP] = R(rbp),
	[VM_REG_GUEST_RSP] = R(rsp),
	[VM_REG_GUEST_R8] = R(r8),
	[VM_REG_GUEST_R9] = R(r9),
	[VM_REG_GUEST_R10] = R(r10),
	[VM_REG_GUEST_R11] = R(r11),
	[VM_REG_GUEST_R12] = R(r12),
	[VM_REG_GUEST_R13] = R(r13),
	[VM_REG_GUEST_R14] = R(r14),
	[VM_REG_GUEST_R15] = R(r15),
	[VM_REG_GUEST_RIP] = R(rip),
	[VM_REG_GUEST_RFLAGS] = R(rflags),
	[VM_REG_GUEST_CR0] = S(cr0),
	[VM_REG_GUEST_CR2] = S(cr2),
	[VM_REG_GUEST_CR3] = S(cr3),
	[VM_REG_GUEST_CR4] = S(cr4),
	[VM_REG_GUEST_CR8] = S(cr8),
	[VM_REG_GUEST_EFER] = S(efer),
	[VM_REG_GUEST_APIC_BASE] = S(apic_base),
	[VM_REG_GUEST_ES] = G(es),
	[VM_REG_GUEST_CS] = G(cs),
	[VM_REG_GUEST_SS] = G(ss),
	[VM_REG_GUEST_DS] = G(ds),
	[VM_REG_GUEST_FS] = G(fs),
	[VM_REG_GUEST_GS] = G(gs),
	[VM_REG_GUEST_LDTR] = G(ldtr),
	[VM_REG_GUEST_TR] = G(tr),
	[VM_REG_GUEST_GDTR] = T(gdtr),
	[VM_REG_GUEST_IDTR] = T(idtr),
	[VM_REG_GUEST_DR0] = D(db[0]),
	[VM_REG_GUEST_DR1] = D(db[1]),
	[VM_REG_GUEST_DR2] = D(db[2]),
	[VM_REG_GUEST_DR3] = D(db[3]),
	[VM_REG_GUEST_DR6] = D(dr6),
	[VM_REG_GUEST_DR7] = D(dr7),
};

#undef R
#undef S
#undef G
#undef T
#undef D

/* Room for any group. */
union register_file {
	struct vcpu_regs regs;
	struct vcpu_sregs sregs;
	struct vcpu_debugregs debug;
	uint8_t bytes[1];
};

static const struct register_row *
register_find(int reg)
{
	if (reg < 0 || reg >= VM_REG_LAST)
		return NULL;
	return &register_rows[reg];
}

static int
register_load(
    struct vcpu *vcpu, enum register_group group, union register_file *f)
{
	if (group == GROUP_REGS)
		return vcpu->be->get_regs(vcpu, &f->regs);
	if (group == GROUP_DEBUG)
		return vcpu->be->get_debugregs(vcpu, &f->debug);
	return vcpu->be->get_sregs(vcpu, &f->sregs);
}

static int
register_store(
    struct vcpu *vcpu, enum register_group group, const union register_file *f)
{
	if (group == GROUP_REGS)
		return vcpu->be->set_regs(vcpu, &f->regs);
	if (group == GROUP_DEBUG)
		return vcpu->be->set_debugregs(vcpu, &f->debug);
	return vcpu->be->set_sregs(vcpu, &f->sregs);
}

static void
register_take(
    const union register_file *f, const struct register_row *row, uint64_t *v)
{
	struct vcpu_seg seg;

	if (row->group == GROUP_SEG) {
		memcpy(&seg, f->bytes + row->offset, sizeof(seg));
		*v = seg.selector;
	} else
		memcpy(v, f->bytes + row->offset, sizeof(*v));
}

static int
register_put(
    union register_file *f, const struct register_row *row, uint64_t value)
{
	struct vcpu_seg seg;

	if (row->group != GROUP_SEG) {
		memcpy(f->bytes + row->offset, &value, sizeof(value));
		return 0;
	}
	if (value > UINT16_MAX) {
		errno = EINVAL;
		return -1;
	}
	memcpy(&seg, f->bytes + row->offset, sizeof(seg));
	seg.selector = (uint16_t)value;
	memcpy(f->bytes + row->offset, &seg, sizeof(seg));
	return 0;
}

int
vm_get_register(struct vcpu *vcpu, int reg, uint64_t *value)
{
	const struct register_row *row = register_find(reg);
	union register_file f;

	if (row == NULL || row->group == GROUP_TABLE) {
		errno = EINVAL;
		return -1;
	}
	if (register_load(vcpu, row->group, &f) == -1)
		return -1;
	register_take(&f, row, value);
	return 0;
}

int
vm_set_register(struct vcpu *vcpu, int reg, uint64_t value)
{
	const struct register_row *row = register_find(reg);
	union register_file f;

	if (row == NULL || row->group == GROUP_TABLE) {
		errno = EINVAL;
		return -1;
	}
	if (register_load(vcpu, row->group, &f) == -1 ||
	    register_put(&f, row, value) == -1)
		return -1;
	return register_store(vcpu, row->group, &f);
}

/* What _set functions ask for: registers with a value, one at least. */
static int
register_check_set(unsigned int count, const int *regs)
{
	const struct register_row *row;
	unsigned int i;

	for (i = 0; i < count; i++) {
		row = register_find(regs[i]);
		if (row == NULL || row->group == GROUP_TABLE)
			break;
	}
	if (count == 0 || i < count) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

/* The three files that the backend reads and writes whole. */
static int
register_file_of(const struct register_row *row)
{
	if (row->group == GROUP_REGS)
		return 0;
	return row->group == GROUP_DEBUG ? 1 : 2;
}

int
vm_get_register_set(
    struct vcpu *vcpu, unsigned int count, const int *regs, uint64_t *values)
{
	union register_file f[3];
	bool have[3] = { false, false, false };
	unsigned int i;

	if (register_check_set(count, regs) == -1)
		return -1;
	for (i = 0; i < count; i++) {
		const struct register_row *row = register_find(regs[i]);
		int n = register_file_of(row);

		if (!have[n] && register_load(vcpu, row->group, &f[n]) == -1)
			return -1;
		have[n] = true;
		register_take(&f[n], row, &values[i]);
	}
	return 0;
}

int
vm_set_register_set(struct vcpu *vcpu, unsigned int count, const int *regs,
    const uint64_t *values)
{
	static const enum register_group groups[3] = { GROUP_REGS, GROUP_DEBUG,
		GROUP_SREGS };
	union register_file f[3];
	bool have[3] = { false, false, false };
	unsigned int i;
	int n;

	if (register_check_set(count, regs) == -1)
		return -1;
	for (i = 0; i < count; i++) {
		const struct register_row *row = register_find(regs[i]);

		n = register_file_of(row);
		if (!have[n] && register_load(vcpu, row->group, &f[n]) == -1)
			return -1;
		have[n] = true;
		if (register_put(&f[n], row, values[i]) == -1)
			return -1;
	}
	for (n = 0; n < 3; n++)
		if (have[n] && register_store(vcpu, groups[n], &f[n]) == -1)
			return -1;
	return 0;
}

int
vm_get_desc(struct vcpu *vcpu, int reg, uint64_t *base, uint32_t *limit,
    uint32_t *access)
{
	const struct register_row *row = register_find(reg);
	union register_file f;
	struct vcpu_table table;
	struct vcpu_seg seg;

	if (row == NULL ||
	    (row->group != GROUP_SEG && row->group != GROUP_TABLE)) {
		errno = EINVAL;
		return -1;
	}
	if (register_load(vcpu, row->group, &f) == -1)
		return -1;
	if (row->group == GROUP_TABLE) {
		memcpy(&table, f.bytes + row->offset, sizeof(table));
		*base = table.base;
		*limit = table.limit;
		*access = 0;
	} else {
		memcpy(&seg, f.bytes + row->offset, sizeof(seg));
		*base = seg.base;
		*limit = seg.limit;
		*access = seg.access;
	}
	return 0;
}

int
vm_set_desc(
    struct vcpu *vcpu, int reg, uint64_t base, uint32_t limit, uint32_t access)
{
	const struct register_row *row = register_find(reg);
	union register_file f;
	struct vcpu_table table;
	struct vcpu_seg seg;

	if (row == NULL ||
	    (row->group != GROUP_SEG && row->group != GROUP_TABLE) ||
	    (row->group == GROUP_TABLE &&
		(limit > UINT16_MAX || access != 0))) {
		errno = EINVAL;
		return -1;
	}
	if (register_load(vcpu, row->group, &f) == -1)
		return -1;
	if (row->group == GROUP_TABLE) {
		table = (struct vcpu_table) { base, (uint16_t)limit };
		memcpy(f.bytes + row->offset, &table, sizeof(table));
	} else {
		memcpy(&seg, f.bytes + row->offset, sizeof(seg));
		seg.base = base;
		seg.limit = limit;
		seg.access = access;
		memcpy(f.bytes + row->offset, &seg, sizeof(seg));
	}
	return register_store(vcpu, row->group, &f);
}

int
vcpu_get_regs(struct vcpu *vcpu, struct vcpu_regs *regs)
{
	return vcpu->be->get_regs(vcpu, regs);
}

int
vcpu_set_regs(struct vcpu *vcpu, const struct vcpu_regs *regs)
{
	return vcpu->be->set_regs(vcpu, regs);
}

int
vcpu_get_sregs(struct vcpu *vcpu, struct vcpu_sregs *sregs)
{
	return vcpu->be->get_sregs(vcpu, sregs);
}

int
vcpu_set_sregs(struct vcpu *vcpu, const struct vcpu_sregs *sregs)
{
	return vcpu->be->set_sregs(vcpu, sregs);
}

int
vcpu_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
	return vcpu->be->get_msr(vcpu, index, value);
}

int
vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	return vcpu->be->set_msr(vcpu, index, value);
}
