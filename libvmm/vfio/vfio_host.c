/* SPDX-License-Identifier: ISC */
/*
 * What the host says about a PCI device before VFIO is asked: is there an
 * IOMMU, is there the device, who drives it, in which group is it.  Each no
 * has an errno of its own, because each has another remedy.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pptdev.h"

#define SYSFS_IOMMUS "/sys/class/iommu"
#define SYSFS_DEVICES "/sys/bus/pci/devices"
#define HOST_PATH 80

int
vfio_host_address(const char *address)
{
	static const char form[] = "xxxx:xx:xx.x";
	size_t i;

	for (i = 0; i < sizeof(form) - 1; i++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)address[i]) ||
			    isupper((unsigned char)address[i])
				   : address[i] != form[i])
			break;
	/* Five bits of device, three of function. */
	if (i < sizeof(form) - 1 || address[i] != '\0' || address[8] > '1' ||
	    address[11] > '7') {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

/* The last part of what a link of the device points to. */
static int
host_link(const struct vfio_ops *ops, void *arg, const char *address,
    const char *link, char *name, size_t size)
{
	char path[HOST_PATH], target[512];
	const char *last;
	ssize_t n;

	(void)snprintf(
	    path, sizeof(path), SYSFS_DEVICES "/%s%s", address, link);
	n = ops->readlink(arg, path, target, sizeof(target) - 1);
	if (n == -1)
		return -1;
	target[n] = '\0';
	last = strrchr(target, '/');
	last = last == NULL ? target : last + 1;
	if ((size_t)snprintf(name, size, "%s", last) >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

/* As host_link(), where no such link means err. */
static int
host_need_link(const struct vfio_ops *ops, void *arg, const char *address,
    const char *link, char name[64], int err)
{
	if (host_link(ops, arg, address, link, name, 64) == 0)
		return 0;
	if (errno == ENOENT)
		errno = err;
	return -1;
}

int
vfio_host_group(
    const struct vfio_ops *ops, void *arg, const char *address, uint32_t *group)
{
	char name[64], *end;
	unsigned long number;
	int n;

	n = ops->populated(arg, SYSFS_IOMMUS);
	if (n < 1) {
		if (n == 0)
			errno = ENOTSUP;
		return -1;
	}
	if (host_need_link(ops, arg, address, "", name, ENODEV) == -1 ||
	    host_need_link(ops, arg, address, "/iommu_group", name, ENOTSUP) ==
		-1)
		return -1;
	errno = 0;
	number = strtoul(name, &end, 10);
	if (errno != 0 || end == name || *end != '\0' || number > UINT32_MAX) {
		errno = ENOTSUP;
		return -1;
	}
	*group = (uint32_t)number;
	if (host_need_link(ops, arg, address, "/driver", name, EUNATCH) == -1)
		return -1;
	/* vfio-pci, and the drivers made of it, as mlx5_vfio_pci. */
	if (strstr(name, "vfio") == NULL) {
		errno = EUNATCH;
		return -1;
	}
	return 0;
}
