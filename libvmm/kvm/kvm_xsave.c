/* SPDX-License-Identifier: ISC */
/*
 * The XSAVE area of a vCPU and its XCR0, as KVM has them: in the standard
 * format, whatever the guest uses.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../handle.h"
#include "kvm.h"

#ifndef KVM_CAP_XSAVE2
#define KVM_CAP_XSAVE2 208 /* Linux 5.17 */
#endif
#ifndef KVM_GET_XSAVE2
#define KVM_GET_XSAVE2 _IOR(KVMIO, 0xcf, struct kvm_xsave)
#endif

_Static_assert(VMM_XSAVE_MAX >= sizeof(struct kvm_xsave), "KVM's least");

int
kvm_xsave_get(struct vcpu *vcpu, uint8_t *area, uint64_t *xcr0)
{
	struct kvm_xcrs xcrs;
	uint32_t i;
	int need;

	/* 0: an older KVM, which knows no parts that need more. */
	need = ioctl(kvm_vm_fd(vcpu->vm), KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
	if (need == -1)
		return -1;
	if ((size_t)need > VMM_XSAVE_MAX) {
		errno = EOVERFLOW;
		return -1;
	}
	memset(area, 0, VMM_XSAVE_MAX);
	if (ioctl(kvm_vcpu_fd(vcpu),
		(size_t)need > sizeof(struct kvm_xsave) ? KVM_GET_XSAVE2
							: KVM_GET_XSAVE,
		area) == -1 ||
	    ioctl(kvm_vcpu_fd(vcpu), KVM_GET_XCRS, &xcrs) == -1)
		return -1;
	/* Without XSAVE the area is FXSAVE's: x87 and SSE. */
	*xcr0 = 3;
	for (i = 0; i < xcrs.nr_xcrs && i < KVM_MAX_XCRS; i++)
		if (xcrs.xcrs[i].xcr == 0)
			*xcr0 = xcrs.xcrs[i].value;
	return 0;
}
