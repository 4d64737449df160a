/* SPDX-License-Identifier: ISC */
/*
 * The debugger's exits as KVM has them: DR7 is made of the points, and KVM
 * loads it in place of the guest's.  In the thread that owns the vCPU.
 */
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "../handle.h"
#include "kvm.h"

/* Since Linux 5.16; an older kernel does not look at the bit. */
#ifndef KVM_GUESTDBG_BLOCKIRQ
#define KVM_GUESTDBG_BLOCKIRQ 0x00100000
#endif

/* DR7 (SDM 3, 17.2.4). */
#define DR7_FIXED 0x400ULL
#define DR7_GLOBAL(n) (2ULL << ((n)*2))
#define DR7_CONDITION(n, rw, len) \
	(((uint64_t)(rw) | (uint64_t)(len) << 2) << (16 + (n)*4))

static const uint64_t debug_rw[] = {
	[VCPU_POINT_EXEC] = 0,
	[VCPU_POINT_WRITE] = 1,
	[VCPU_POINT_ACCESS] = 3,
};

/* By length. */
static const uint64_t debug_len[] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };

int
kvm_debug_set(struct vcpu *vcpu, const struct vcpu_debug *debug)
{
	struct kvm_guest_debug k = { 0 };
	uint64_t dr7 = 0;
	int i;

	for (i = 0; i < VCPU_POINTS; i++) {
		const struct vcpu_point *p = &debug->point[i];

		if (p->kind == VCPU_POINT_NONE)
			continue;
		k.arch.debugreg[i] = p->addr;
		dr7 |= DR7_GLOBAL(i) |
		    DR7_CONDITION(i, debug_rw[p->kind], debug_len[p->len]);
	}
	if (dr7 != 0) {
		k.arch.debugreg[7] = dr7 | DR7_FIXED;
		k.control |= KVM_GUESTDBG_USE_HW_BP;
	}
	if ((debug->flags & VCPU_DEBUG_STEP) != 0)
		k.control |= KVM_GUESTDBG_SINGLESTEP;
	if ((debug->flags & VCPU_DEBUG_STEP) != 0 &&
	    (debug->flags & VCPU_DEBUG_QUIET) != 0)
		k.control |= KVM_GUESTDBG_BLOCKIRQ;
	if ((debug->flags & VCPU_DEBUG_INT3) != 0)
		k.control |= KVM_GUESTDBG_USE_SW_BP;
	if (k.control != 0)
		k.control |= KVM_GUESTDBG_ENABLE;
	return ioctl(kvm_vcpu_fd(vcpu), KVM_SET_GUEST_DEBUG, &k);
}
