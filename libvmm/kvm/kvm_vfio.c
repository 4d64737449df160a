/* SPDX-License-Identifier: ISC */
/*
 * KVM's pseudo device that is told which VFIO groups a VM has: it asks them
 * whether their DMA bypasses the caches, and drivers may ask it for the VM.
 * Made with the first group; the VM's lock is held.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "../handle.h"
#include "kvm.h"

int
kvm_vfio_group(struct vm *vm, int group_fd, bool add)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_VFIO };
	int32_t fd = group_fd;
	struct kvm_device_attr attr = { .group = KVM_DEV_VFIO_GROUP,
		.attr = add ? KVM_DEV_VFIO_GROUP_ADD : KVM_DEV_VFIO_GROUP_DEL,
		.addr = (uintptr_t)&fd };
	struct kvm_vm *kv = vm->priv;

	if (kv->vfio_fd == -1) {
		/* A KVM without it has no use for what it would be told. */
		if (!add)
			return 0;
		if (ioctl(kv->fd, KVM_CREATE_DEVICE, &device) == -1)
			return errno == ENODEV || errno == ENOTTY ? 0 : -1;
		kv->vfio_fd = (int)device.fd;
	}
	return ioctl(kv->vfio_fd, KVM_SET_DEVICE_ATTR, &attr);
}
