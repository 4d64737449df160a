/* SPDX-License-Identifier: ISC */
/*
 * A vCPU's TSC as KVM has it: the frequency, and the offset to the host's.  In
 * the vCPU's thread.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "../handle.h"
#include "kvm.h"

int
kvm_tsc_khz(struct vcpu *vcpu, uint32_t *khz)
{
	struct kvm_vcpu *kc = vcpu->priv;
	int n;

	if (kc->tsc_known) {
		*khz = kc->tsc_khz;
		return 0;
	}
	n = ioctl(kc->fd, KVM_GET_TSC_KHZ, 0);
	/* EIO: the host's TSC is unstable, its frequency unknown. */
	if (n == -1 && errno != EIO)
		return -1;
	*khz = kc->tsc_khz = n > 0 ? (uint32_t)n : 0;
	kc->tsc_known = true;
	return 0;
}

int
kvm_tsc_set_khz(struct vcpu *vcpu, uint32_t khz)
{
	/* Without it KVM only pretends, and only upwards. */
	if (ioctl(kvm_vm_fd(vcpu->vm), KVM_CHECK_EXTENSION,
		KVM_CAP_TSC_CONTROL) <= 0) {
		errno = ENOTSUP;
		return -1;
	}
	((struct kvm_vcpu *)vcpu->priv)->tsc_known = false;
	if (ioctl(kvm_vcpu_fd(vcpu), KVM_SET_TSC_KHZ, (long)khz) == 0)
		return 0;
	if (errno == EINVAL)
		errno = ENOTSUP;
	return -1;
}

/* Linux 5.16 brought it. */
static int
kvm_tsc_offset(struct vcpu *vcpu, unsigned long call, uint64_t *offset)
{
	struct kvm_device_attr attr = { .group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)offset };
	int fd = kvm_vcpu_fd(vcpu);

	if (ioctl(fd, KVM_HAS_DEVICE_ATTR, &attr) == -1) {
		if (errno == ENXIO || errno == EINVAL)
			errno = ENOTSUP;
		return -1;
	}
	return ioctl(fd, call, &attr);
}

int
kvm_tsc_get_offset(struct vcpu *vcpu, uint64_t *offset)
{
	return kvm_tsc_offset(vcpu, KVM_GET_DEVICE_ATTR, offset);
}

int
kvm_tsc_set_offset(struct vcpu *vcpu, uint64_t offset)
{
	return kvm_tsc_offset(vcpu, KVM_SET_DEVICE_ATTR, &offset);
}
