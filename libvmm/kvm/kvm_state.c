/* SPDX-License-Identifier: ISC */
/*
 * Registers between KVM's structures and ours.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../handle.h"
#include "kvm.h"

/* Member by member, both ways from one list. */
/* clang-format off */
#define REGS(X) \
	X(rax) X(rbx) X(rcx) X(rdx) X(rsi) X(rdi) X(rbp) X(rsp) \
	X(r8) X(r9) X(r10) X(r11) X(r12) X(r13) X(r14) X(r15) \
	X(rip) X(rflags)
#define CREGS(X) \
	X(cr0) X(cr2) X(cr3) X(cr4) X(cr8) X(efer) X(apic_base)
/* clang-format on */

int
kvm_state_get_regs(struct vcpu *vcpu, struct vcpu_regs *regs)
{
	struct kvm_regs k;

	if (ioctl(kvm_vcpu_fd(vcpu), KVM_GET_REGS, &k) == -1)
		return -1;
#define X(m) regs->m = k.m;
	REGS(X)
#undef X
	return 0;
}

int
kvm_state_set_regs(struct vcpu *vcpu, const struct vcpu_regs *regs)
{
	struct kvm_regs k;

#define X(m) k.m = regs->m;
	REGS(X)
#undef X
	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_REGS, &k);
}

static struct vcpu_seg
kvm_state_seg_out(const struct kvm_segment *k)
{
	uint32_t access = k->type | (uint32_t)k->s << 4 |
	    (uint32_t)k->dpl << 5 | (uint32_t)k->present << 7 |
	    (uint32_t)k->avl << 12 | (uint32_t)k->l << 13 |
	    (uint32_t)k->db << 14 | (uint32_t)k->g << 15;

	if (k->unusable)
		access |= VCPU_SEG_UNUSABLE;
	return (struct vcpu_seg) { k->base, k->limit, access, k->selector };
}

static struct kvm_segment
kvm_state_seg_in(const struct vcpu_seg *s)
{
	return (struct kvm_segment) {
		.base = s->base,
		.limit = s->limit,
		.selector = s->selector,
		.type = s->access & 0xf,
		.s = (s->access >> 4) & 1,
		.dpl = (s->access >> 5) & 3,
		.present = (s->access >> 7) & 1,
		.avl = (s->access >> 12) & 1,
		.l = (s->access >> 13) & 1,
		.db = (s->access >> 14) & 1,
		.g = (s->access >> 15) & 1,
		.unusable = (s->access & VCPU_SEG_UNUSABLE) != 0,
	};
}

int
kvm_state_get_sregs(struct vcpu *vcpu, struct vcpu_sregs *sregs)
{
	struct kvm_sregs k;

	if (ioctl(kvm_vcpu_fd(vcpu), KVM_GET_SREGS, &k) == -1)
		return -1;
	sregs->es = kvm_state_seg_out(&k.es);
	sregs->cs = kvm_state_seg_out(&k.cs);
	sregs->ss = kvm_state_seg_out(&k.ss);
	sregs->ds = kvm_state_seg_out(&k.ds);
	sregs->fs = kvm_state_seg_out(&k.fs);
	sregs->gs = kvm_state_seg_out(&k.gs);
	sregs->ldtr = kvm_state_seg_out(&k.ldt);
	sregs->tr = kvm_state_seg_out(&k.tr);
	sregs->gdtr = (struct vcpu_table) { k.gdt.base, k.gdt.limit };
	sregs->idtr = (struct vcpu_table) { k.idt.base, k.idt.limit };
#define X(m) sregs->m = k.m;
	CREGS(X)
#undef X
	return 0;
}

int
kvm_state_set_sregs(struct vcpu *vcpu, const struct vcpu_sregs *sregs)
{
	/* An empty interrupt_bitmap leaves a pending interrupt as it is. */
	struct kvm_sregs k = {
		.es = kvm_state_seg_in(&sregs->es),
		.cs = kvm_state_seg_in(&sregs->cs),
		.ss = kvm_state_seg_in(&sregs->ss),
		.ds = kvm_state_seg_in(&sregs->ds),
		.fs = kvm_state_seg_in(&sregs->fs),
		.gs = kvm_state_seg_in(&sregs->gs),
		.ldt = kvm_state_seg_in(&sregs->ldtr),
		.tr = kvm_state_seg_in(&sregs->tr),
		.gdt = { sregs->gdtr.base, sregs->gdtr.limit, { 0 } },
		.idt = { sregs->idtr.base, sregs->idtr.limit, { 0 } },
	};

#define X(m) k.m = sregs->m;
	CREGS(X)
#undef X
	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_SREGS, &k);
}

int
kvm_state_get_debugregs(struct vcpu *vcpu, struct vcpu_debugregs *regs)
{
	struct kvm_debugregs k = { 0 };

	if (ioctl(kvm_vcpu_fd(vcpu), KVM_GET_DEBUGREGS, &k) == -1)
		return -1;
	memcpy(regs->db, k.db, sizeof(regs->db));
	regs->dr6 = k.dr6;
	regs->dr7 = k.dr7;
	return 0;
}

int
kvm_state_set_debugregs(struct vcpu *vcpu, const struct vcpu_debugregs *regs)
{
	struct kvm_debugregs k = { .dr6 = regs->dr6, .dr7 = regs->dr7 };

	memcpy(k.db, regs->db, sizeof(k.db));
	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_DEBUGREGS, &k);
}

/* Room for one MSR behind KVM's header. */
union kvm_state_one_msr {
	struct kvm_msrs head;
	uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
};

int
kvm_state_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
	union kvm_state_one_msr m = { .head = { .nmsrs = 1 } };
	int n;

	m.head.entries[0] = (struct kvm_msr_entry) { .index = index };
	n = ioctl(kvm_vcpu_fd(vcpu), KVM_GET_MSRS, &m.head);
	if (n == -1)
		return -1;
	if (n != 1) {
		errno = EINVAL;
		return -1;
	}
	*value = m.head.entries[0].data;
	return 0;
}

int
kvm_state_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	union kvm_state_one_msr m = { .head = { .nmsrs = 1 } };
	int n;

	m.head.entries[0] =
	    (struct kvm_msr_entry) { .index = index, .data = value };
	n = ioctl(kvm_vcpu_fd(vcpu), KVM_SET_MSRS, &m.head);
	if (n == -1)
		return -1;
	if (n != 1) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}
