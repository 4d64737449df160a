/* SPDX-License-Identifier: ISC */
/*
 * The power-up state of a vCPU, all of it (SDM 3, table 10-1; APM 2, table
 * 14-1).  KVM gives a new vCPU most of this; after a guest's reset it must be
 * made again, and what a guest could have left behind (pending events, timers,
 * paravirtual pages in the old kernel's memory) must be gone.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../handle.h"
#include "kvm.h"

#define RESET_CR0 0x60000010ULL /* CD, NW, ET */
#define RESET_DR6 0xffff0ff0ULL
#define RESET_DR7 0x400ULL
#define RESET_PAT 0x0007040600070406ULL
#define APIC_BASE 0xfee00000ULL
#define APIC_ENABLED (1ULL << 11)
#define APIC_X2 (1ULL << 10)
#define APIC_BSP (1ULL << 8)
#define SEG_CODE 0x9bU /* present, code, read, accessed */
#define SEG_DATA 0x93U /* present, data, write, accessed */
#define SEG_LDT 0x82U
#define SEG_TSS 0x8bU

/* Value after power-up; a row that this KVM does not know is passed over. */
static const struct kvm_msr_entry reset_msrs[] = {
	{ .index = 0x10, .data = 0 }, /* TSC; 0 keeps CPUs together */
	{ .index = 0x3b, .data = 0 }, /* TSC_ADJUST */
	{ .index = 0x6e0, .data = 0 }, /* TSC_DEADLINE */
	{ .index = 0xc0000103, .data = 0 }, /* TSC_AUX */
	{ .index = 0x1a0, .data = 1 }, /* MISC_ENABLE: fast strings */
	{ .index = 0x174, .data = 0 }, /* SYSENTER_CS */
	{ .index = 0x175, .data = 0 }, /* SYSENTER_ESP */
	{ .index = 0x176, .data = 0 }, /* SYSENTER_EIP */
	{ .index = 0xc0000081, .data = 0 }, /* STAR */
	{ .index = 0xc0000082, .data = 0 }, /* LSTAR */
	{ .index = 0xc0000083, .data = 0 }, /* CSTAR */
	{ .index = 0xc0000084, .data = 0 }, /* SFMASK */
	{ .index = 0xc0000102, .data = 0 }, /* KERNEL_GS_BASE */
	{ .index = 0x277, .data = RESET_PAT },
	{ .index = 0x2ff, .data = 0 }, /* MTRRdefType: off */
	{ .index = 0x250, .data = 0 }, /* MTRRfix64K_00000 */
	{ .index = 0x258, .data = 0 }, /* MTRRfix16K_80000 */
	{ .index = 0x259, .data = 0 },
	{ .index = 0x268, .data = 0 }, /* MTRRfix4K_C0000 to F8000 */
	{ .index = 0x269, .data = 0 }, { .index = 0x26a, .data = 0 },
	{ .index = 0x26b, .data = 0 }, { .index = 0x26c, .data = 0 },
	{ .index = 0x26d, .data = 0 }, { .index = 0x26e, .data = 0 },
	{ .index = 0x26f, .data = 0 },
	{ .index = 0x200, .data = 0 }, /* variable MTRRs, 8 pairs */
	{ .index = 0x201, .data = 0 }, { .index = 0x202, .data = 0 },
	{ .index = 0x203, .data = 0 }, { .index = 0x204, .data = 0 },
	{ .index = 0x205, .data = 0 }, { .index = 0x206, .data = 0 },
	{ .index = 0x207, .data = 0 }, { .index = 0x208, .data = 0 },
	{ .index = 0x209, .data = 0 }, { .index = 0x20a, .data = 0 },
	{ .index = 0x20b, .data = 0 }, { .index = 0x20c, .data = 0 },
	{ .index = 0x20d, .data = 0 }, { .index = 0x20e, .data = 0 },
	{ .index = 0x20f, .data = 0 },
	{ .index = 0x48, .data = 0 }, /* SPEC_CTRL */
	{ .index = 0xda0, .data = 0 }, /* XSS */
	{ .index = 0x1d9, .data = 0 }, /* DEBUGCTL */
	{ .index = 0x17a, .data = 0 }, /* MCG_STATUS */
	{ .index = 0x4b564d00, .data = 0 }, /* KVM wall clock, new number */
	{ .index = 0x4b564d01, .data = 0 }, /* KVM system time, new number */
	{ .index = 0x4b564d02, .data = 0 }, /* KVM async page faults */
	{ .index = 0x4b564d03, .data = 0 }, /* KVM steal time */
	{ .index = 0x4b564d04, .data = 0 }, /* KVM paravirtual EOI */
	{ .index = 0x4b564d05, .data = 1 }, /* KVM halt polling: host's */
	{ .index = 0x4b564d06, .data = 0 }, /* KVM async fault vector */
};

#define NMSRS (sizeof(reset_msrs) / sizeof(reset_msrs[0]))

uint32_t
kvm_reset_msrs(struct vcpu_msr *msrs, uint32_t max)
{
	uint32_t i;

	for (i = 0; i < NMSRS && i < max; i++)
		msrs[i] = (struct vcpu_msr) { reset_msrs[i].index,
			reset_msrs[i].data };
	return i;
}

static struct vcpu_seg
reset_seg(uint16_t selector, uint64_t base, uint32_t access)
{
	return (struct vcpu_seg) { base, 0xffff, access, selector };
}

static int
reset_sregs(struct vcpu *vcpu)
{
	struct vcpu_seg data = reset_seg(0, 0, SEG_DATA);
	struct vcpu_sregs s = {
		.cs = reset_seg(0xf000, 0xffff0000, SEG_CODE),
		.ds = data,
		.es = data,
		.ss = data,
		.fs = data,
		.gs = data,
		.ldtr = reset_seg(0, 0, SEG_LDT),
		.tr = reset_seg(0, 0, SEG_TSS),
		.gdtr = { 0, 0xffff },
		.idtr = { 0, 0xffff },
		.cr0 = RESET_CR0,
		.apic_base = APIC_BASE | APIC_ENABLED |
		    (vcpu->id == 0 ? APIC_BSP : 0) |
		    (vcpu->x2apic == X2APIC_ON ? APIC_X2 : 0),
	};

	/*
	 * KVM on SVM wipes its control block at a triple fault; with paging
	 * off it then does not load the nested page tables again, and the
	 * vCPU hangs.  A CR3 that changes makes it load them.
	 */
	s.cr3 = 0x1000;
	if (kvm_state_set_sregs(vcpu, &s) == -1)
		return -1;
	s.cr3 = 0;
	return kvm_state_set_sregs(vcpu, &s);
}

/* EDX holds the processor's signature, as CPUID.1:EAX gives it. */
static int
reset_regs(struct vcpu *vcpu)
{
	const struct cpuid_leaf *l = cpuid_find(&vcpu->vm->cpuid, 1, 0);
	struct vcpu_regs r = { .rip = 0xfff0,
		.rflags = 2,
		.rdx = l != NULL ? l->reg[CPUID_EAX] : 0x600 };

	return kvm_state_set_regs(vcpu, &r);
}

/*
 * x87 and SSE state by the legacy layout at the start of the XSAVE area
 * (SDM 1, 13.4.1); every other component is in its initial state because its
 * bit in XSTATE_BV (offset 512) is clear.
 */
static int
reset_fpu(struct vcpu *vcpu)
{
	const struct cpuid_leaf *l = cpuid_find(&vcpu->vm->cpuid, 1, 0);
	struct kvm_xsave x = { 0 };
	struct kvm_xcrs xcrs = { .nr_xcrs = 1 };
	bool xsave = l != NULL && (l->reg[CPUID_ECX] & (1U << 26)) != 0;

	xcrs.xcrs[0].value = 1; /* XCR0: x87 only */
	if (xsave && ioctl(kvm_vcpu_fd(vcpu), KVM_SET_XCRS, &xcrs) == -1)
		return -1;
	x.region[0] = 0x0040; /* FCW at power-up; FSW 0 */
	x.region[1] = 0xff; /* FTW, abridged: all +0.0, none empty */
	x.region[6] = 0x1f80; /* MXCSR */
	x.region[128] = 3; /* XSTATE_BV: x87 and SSE are as above */
	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_XSAVE, &x);
}

/* All MSRs in one call, but for those that KVM stops at. */
static int
reset_msrs_set(struct vcpu *vcpu)
{
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + sizeof(reset_msrs)];
	} m;
	size_t done = 0;
	int n;

	while (done < NMSRS) {
		memset(&m.head, 0, sizeof(m.head));
		m.head.nmsrs = (uint32_t)(NMSRS - done);
		memcpy(m.room + sizeof(m.head), &reset_msrs[done],
		    (NMSRS - done) * sizeof(reset_msrs[0]));
		n = ioctl(kvm_vcpu_fd(vcpu), KVM_SET_MSRS, &m.head);
		if (n == -1)
			return -1;
		done += (size_t)n + 1;
	}
	return 0;
}

static void
reset_lapic_put(struct kvm_lapic_state *s, size_t reg, uint32_t value)
{
	memcpy(s->regs + reg, &value, sizeof(value));
}

/*
 * The LAPIC (SDM 3, 11.4.7.1); its version register stays, and the boot
 * processor's LINT0 takes the PIC's interrupts, as firmware would set it up.
 */
static int
reset_lapic(struct vcpu *vcpu)
{
	static const size_t lvts[] = { 0x2f0, 0x320, 0x330, 0x340, 0x350, 0x360,
		0x370 };
	struct kvm_lapic_state s;
	uint32_t version;
	size_t i;

	if (ioctl(kvm_vcpu_fd(vcpu), KVM_GET_LAPIC, &s) == -1)
		return -1;
	memcpy(&version, s.regs + 0x30, sizeof(version));
	memset(&s, 0, sizeof(s));
	reset_lapic_put(&s, 0x20, vcpu->id << 24);
	reset_lapic_put(&s, 0x30, version);
	reset_lapic_put(&s, 0xe0, 0xffffffff); /* DFR: flat */
	reset_lapic_put(&s, 0xf0, 0xff); /* SVR: software-disabled */
	for (i = 0; i < sizeof(lvts) / sizeof(lvts[0]); i++)
		reset_lapic_put(&s, lvts[i], 1U << 16); /* masked */
	if (vcpu->id == 0)
		reset_lapic_put(&s, 0x350, 7U << 8); /* LINT0: ExtINT */
	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_LAPIC, &s);
}

/* No exception, interrupt, NMI or SIPI is pending; not in SMM. */
static int
reset_events(struct vcpu *vcpu)
{
	struct kvm_vcpu_events e = { .flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
		    KVM_VCPUEVENT_VALID_SHADOW };

	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_VCPU_EVENTS, &e);
}

int
kvm_reset_vcpu(struct vcpu *vcpu)
{
	static const struct vcpu_debugregs debug = { .dr6 = RESET_DR6,
		.dr7 = RESET_DR7 };
	struct kvm_mp_state mp = { .mp_state = vcpu->id == 0
		    ? KVM_MP_STATE_RUNNABLE
		    : KVM_MP_STATE_UNINITIALIZED };
	bool irqchip = (vcpu->vm->params.flags & VM_IRQCHIP) != 0;

	if (reset_sregs(vcpu) == -1 || reset_regs(vcpu) == -1 ||
	    kvm_state_set_debugregs(vcpu, &debug) == -1 ||
	    reset_fpu(vcpu) == -1 || reset_msrs_set(vcpu) == -1 ||
	    reset_events(vcpu) == -1)
		return -1;
	if (!irqchip)
		return 0;
	if (reset_lapic(vcpu) == -1)
		return -1;
	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_MP_STATE, &mp);
}
