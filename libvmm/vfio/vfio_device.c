/* SPDX-License-Identifier: ISC */
/*
 * An assigned device from vm_assign_pptdev() to its end, and what each error
 * of it means.  Invariant: the VM's list of devices has it exactly while its
 * group is in the VM's container.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "../handle.h"
#include "pptdev.h"

int
vfio_ioctl(struct vm_pptdev *dev, unsigned long request, void *p)
{
	return dev->vfio->ops->control(dev->vfio->arg, dev->fd, request, p);
}

static int
device_info(struct vm_pptdev *dev)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info config = { .argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX };

	if (vfio_ioctl(dev, VFIO_DEVICE_GET_INFO, &info) == -1 ||
	    vfio_ioctl(dev, VFIO_DEVICE_GET_REGION_INFO, &config) == -1)
		return -1;
	if ((info.flags & VFIO_DEVICE_FLAGS_PCI) == 0 ||
	    info.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX ||
	    info.num_irqs <= VFIO_PCI_MSIX_IRQ_INDEX ||
	    config.size < VFIO_CONFIG || config.size > UINT32_MAX) {
		errno = EPROTO;
		return -1;
	}
	dev->can_reset = (info.flags & VFIO_DEVICE_FLAGS_RESET) != 0;
	dev->config_off = config.offset;
	dev->config_size = (uint32_t)config.size;
	return 0;
}

/* All that the device says of itself. */
static int
device_init(struct vm_pptdev *dev)
{
	if (device_info(dev) == -1 || vfio_irq_init(dev) == -1 ||
	    vfio_bar_init(dev) == -1 || vfio_config_init(dev) == -1)
		return -1;
	vfio_bar_hide_table(dev);
	if (dev->table_bar == -1)
		return 0;
	dev->table = calloc(dev->msix_limit, sizeof(dev->table[0]));
	if (dev->table == NULL)
		return -1;
	vfio_msix_reset(dev);
	return 0;
}

static void
device_unlink(struct vm_pptdev *dev)
{
	struct vm_pptdev **at = &dev->vfio->devices;

	while (*at != dev)
		at = &(*at)->next;
	*at = dev->next;
}

/* Opens the device; the VM's lock is held. */
static int
device_open(struct vm *vm, struct vm_pptdev *dev, const struct vfio_ops *ops,
    void *arg, uint32_t group)
{
	const struct vm_pptdev *other;
	int err;

	dev->vfio = vfio_get(vm, ops, arg);
	if (dev->vfio == NULL)
		return -1;
	for (other = dev->vfio->devices; other != NULL; other = other->next)
		if (strcmp(other->address, dev->address) == 0) {
			errno = EBUSY;
			return -1;
		}
	dev->group = vfio_group_get(vm, group);
	if (dev->group == NULL)
		goto fail;
	dev->fd = ops->control(
	    arg, dev->group->fd, VFIO_GROUP_GET_DEVICE_FD, dev->address);
	if (dev->fd == -1) {
		err = errno;
		vfio_group_put(vm, dev->group);
		errno = err;
		goto fail;
	}
	dev->next = dev->vfio->devices;
	dev->vfio->devices = dev;
	return 0;
fail:
	err = errno;
	vfio_put(vm);
	errno = err;
	return -1;
}

int
vfio_assign(struct vm *vm, const char *address, const struct vfio_ops *ops,
    void *arg, struct vm_pptdev **devp)
{
	struct vm_pptdev *dev;
	uint32_t group;
	int rc, err;

	if (vfio_host_address(address) == -1 ||
	    vfio_host_group(ops, arg, address, &group) == -1)
		return -1;
	dev = calloc(1, sizeof(*dev));
	if (dev == NULL)
		return -1;
	dev->vm = vm;
	dev->resample_fd = dev->intx_gsi = dev->table_bar = -1;
	memcpy(dev->address, address, strlen(address) + 1);
	pthread_mutex_init(&dev->lock, NULL);
	pthread_mutex_lock(&vm->lock);
	rc = device_open(vm, dev, ops, arg, group);
	pthread_mutex_unlock(&vm->lock);
	if (rc == -1) {
		err = errno;
		pthread_mutex_destroy(&dev->lock);
		free(dev);
		errno = err;
		return -1;
	}
	if (device_init(dev) == -1) {
		err = errno;
		vm_unassign_pptdev(dev);
		errno = err;
		return -1;
	}
	*devp = dev;
	return 0;
}

int
vm_assign_pptdev(struct vm *vm, const char *address, struct vm_pptdev **devp)
{
	return vfio_assign(vm, address, &vfio_ops_kernel, NULL, devp);
}

void
vm_unassign_pptdev(struct vm_pptdev *dev)
{
	struct vm *vm;

	if (dev == NULL)
		return;
	vm = dev->vm;
	vfio_irq_fini(dev);
	vfio_bar_fini(dev);
	pthread_mutex_lock(&vm->lock);
	device_unlink(dev);
	dev->vfio->ops->close(dev->vfio->arg, dev->fd);
	vfio_group_put(vm, dev->group);
	vfio_put(vm);
	pthread_mutex_unlock(&vm->lock);
	pthread_mutex_destroy(&dev->lock);
	free(dev->table);
	free(dev);
}

int
vfio_reset(struct vm_pptdev *dev)
{
	int i, line = dev->intx_gsi;

	if (!dev->can_reset) {
		errno = ENOTSUP;
		return -1;
	}
	/* Not even the line: the kernel resets what is quiet. */
	dev->intx_gsi = -1;
	if (vfio_irq_end(dev, dev->irq) == -1)
		goto out;
	for (i = 0; i < VM_PPTDEV_BARS; i++)
		if (dev->bar[i].mapped && vfio_bar_unmap(dev, i) == -1)
			goto out;
	if (vfio_ioctl(dev, VFIO_DEVICE_RESET, NULL) == -1)
		goto out;
	vfio_config_reset(dev);
	dev->intx_gsi = line;
	return vfio_irq_end(dev, VFIO_IRQ_NONE);
out:
	dev->intx_gsi = line;
	return -1;
}

int
vm_reset_pptdev(struct vm_pptdev *dev)
{
	int rc;

	pthread_mutex_lock(&dev->lock);
	rc = vfio_reset(dev);
	pthread_mutex_unlock(&dev->lock);
	return rc;
}

const char *
vm_pptdev_hint(int err)
{
	static const struct {
		int err;
		const char *hint;
	} hints[] = {
		{ EINVAL,
		    "the address of a PCI device has the form 0000:03:00.0, "
		    "as lspci -D prints it" },
		{ ENOTSUP,
		    "the host has no IOMMU for this device: switch it on in "
		    "the firmware (VT-d, AMD-Vi) and, for Intel, with "
		    "intel_iommu=on on the kernel's command line" },
		{ ENODEV,
		    "there is no such PCI device, or it is gone: see lspci "
		    "-D" },
		{ EUNATCH,
		    "the device is not bound to the driver vfio-pci: write "
		    "vfio-pci to its driver_override in sysfs, unbind its "
		    "driver, and have it probed again" },
		{ ENOENT,
		    "VFIO is not there: load the module vfio-pci; a device "
		    "without a group's file in /dev/vfio has no IOMMU" },
		{ EACCES,
		    "no permission for VFIO: give this user the file of the "
		    "device's group in /dev/vfio" },
		{ EPERM,
		    "the host forbids it: its IOMMU does not remap "
		    "interrupts, or the container's device list lacks "
		    "/dev/vfio" },
		{ EBUSY,
		    "the device, or another of its IOMMU group, is in use" },
		{ EXDEV,
		    "a driver of the host has another device of the same IOMMU "
		    "group: bind all of the group to vfio-pci" },
		{ ERANGE,
		    "the IOMMU cannot reach all of the guest's memory: give "
		    "the guest less memory" },
		{ ENOMEM,
		    "the guest's memory cannot be locked for the device: raise "
		    "the limit of locked memory (ulimit -l, LimitMEMLOCK=) or "
		    "give the guest less memory" },
		{ ENOSPC,
		    "no interrupt, memory slot or DMA mapping is left for the "
		    "device" },
	};
	size_t i;

	for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (hints[i].err == err)
			return hints[i].hint;
	return "the device cannot be assigned: see the kernel's log";
}
