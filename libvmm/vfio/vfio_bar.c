/* SPDX-License-Identifier: ISC */
/*
 * The BARs of an assigned device: how large, which parts of them a guest may
 * have as memory, and the accesses to the rest by way of the device's
 * descriptor.  Invariant: no page that holds a part of the MSI-X table is ever
 * mapped, for there a guest could have the device write anywhere.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../handle.h"
#include "../memory.h"
#include "pptdev.h"

/* A region's description with its capabilities: owned, or NULL. */
static struct vfio_region_info *
bar_info(struct vm_pptdev *dev, uint32_t index)
{
	struct vfio_region_info question = { .index = index };

	return vfio_info(dev->vfio, dev->fd, VFIO_DEVICE_GET_REGION_INFO,
	    &question, sizeof(question));
}

/* Notes [off, end) as mappable, as far as it is whole pages of the BAR. */
static void
bar_add_area(struct vfio_bar *bar, uint64_t off, uint64_t end)
{
	if (end > bar->size)
		end = bar->size;
	off = (off + VFIO_PAGE - 1) & ~(VFIO_PAGE - 1);
	end &= ~(VFIO_PAGE - 1);
	if (off >= end || bar->areas == VFIO_AREAS)
		return;
	bar->area[bar->areas++] =
	    (struct vfio_area) { .off = off, .len = end - off };
}

static void
bar_areas(struct vfio_bar *bar, struct vfio_region_info *info)
{
	const struct vfio_region_info_cap_sparse_mmap *sparse = NULL;
	uint32_t i, off;

	if ((info->flags & VFIO_REGION_INFO_FLAG_MMAP) == 0)
		return;
	if ((info->flags & VFIO_REGION_INFO_FLAG_CAPS) != 0)
		sparse = (const void *)vfio_find_cap(info, info->argsz,
		    info->cap_offset, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	if (sparse == NULL) {
		bar_add_area(bar, 0, bar->size);
		return;
	}
	off = (uint32_t)((const uint8_t *)sparse - (const uint8_t *)info);
	if (info->argsz - off < sizeof(*sparse) ||
	    (info->argsz - off - sizeof(*sparse)) / sizeof(sparse->areas[0]) <
		sparse->nr_areas)
		return;
	for (i = 0; i < sparse->nr_areas; i++)
		if (sparse->areas[i].size <= bar->size &&
		    sparse->areas[i].offset <=
			bar->size - sparse->areas[i].size)
			bar_add_area(bar, sparse->areas[i].offset,
			    sparse->areas[i].offset + sparse->areas[i].size);
}

/* What kind of BAR the device's own register says it is. */
static uint32_t
bar_flags(uint32_t reg)
{
	uint32_t flags = 0;

	if ((reg & PCI_BASE_ADDRESS_SPACE_IO) != 0)
		return VM_PPTDEV_BAR_IO;
	if ((reg & PCI_BASE_ADDRESS_MEM_TYPE_MASK) ==
	    PCI_BASE_ADDRESS_MEM_TYPE_64)
		flags |= VM_PPTDEV_BAR_64;
	if ((reg & PCI_BASE_ADDRESS_MEM_PREFETCH) != 0)
		flags |= VM_PPTDEV_BAR_PREFETCH;
	return flags;
}

int
vfio_bar_init(struct vm_pptdev *dev)
{
	struct vfio_region_info *info;
	struct vfio_bar *bar;
	uint32_t i, reg;

	for (i = 0; i < VFIO_BARS; i++) {
		bar = &dev->bar[i];
		info = bar_info(dev, i);
		if (info == NULL)
			return -1;
		bar->size = info->size;
		bar->off = info->offset;
		bar->read = (info->flags & VFIO_REGION_INFO_FLAG_READ) != 0;
		bar->write = (info->flags & VFIO_REGION_INFO_FLAG_WRITE) != 0;
		if (i < VM_PPTDEV_BARS)
			bar_areas(bar, info);
		free(info);
		if (bar->size == 0 || i == VM_PPTDEV_ROM)
			continue;
		/* Else its register could not say how large it is. */
		if ((bar->size & (bar->size - 1)) != 0) {
			errno = EPROTO;
			return -1;
		}
		if (vfio_config_get(dev, PCI_BASE_ADDRESS_0 + 4 * i, &reg, 4) ==
		    -1)
			return -1;
		bar->flags = bar_flags(reg);
		if ((bar->flags & VM_PPTDEV_BAR_IO) != 0)
			bar->areas = 0;
	}
	return 0;
}

void
vfio_bar_hide_table(struct vm_pptdev *dev)
{
	struct vfio_area old[VFIO_AREAS];
	struct vfio_bar *bar;
	uint64_t from, to;
	int i, n;

	if (dev->table_bar == -1)
		return;
	bar = &dev->bar[dev->table_bar];
	from = dev->table_off & ~(VFIO_PAGE - 1);
	to = (dev->table_off + dev->msix_limit * VFIO_TABLE_ENTRY + VFIO_PAGE -
		 1) &
	    ~(VFIO_PAGE - 1);
	n = bar->areas;
	memcpy(old, bar->area, sizeof(old));
	bar->areas = 0;
	for (i = 0; i < n; i++) {
		uint64_t end = old[i].off + old[i].len;

		bar_add_area(bar, old[i].off, end < from ? end : from);
		bar_add_area(bar, old[i].off > to ? old[i].off : to, end);
	}
}

/* Makes the parts of a BAR memory of this process; they stay until the end. */
static int
bar_open(struct vm_pptdev *dev, struct vfio_bar *bar)
{
	const struct vfio_ops *ops = dev->vfio->ops;
	int prot = (bar->read ? PROT_READ : 0) | (bar->write ? PROT_WRITE : 0);
	struct vfio_area *a;
	void *p;
	int i;

	for (i = 0; i < bar->areas; i++) {
		a = &bar->area[i];
		if (a->host != NULL)
			continue;
		p = ops->map(
		    dev->vfio->arg, a->len, prot, dev->fd, bar->off + a->off);
		if (p == MAP_FAILED)
			return -1;
		a->host = p;
	}
	return 0;
}

/* Takes away from the guest what parts it has; the others are tried, too. */
static int
bar_drop(struct vm_pptdev *dev, struct vfio_bar *bar)
{
	int i, rc = 0, err = 0;
	struct vfio_area *a;

	for (i = 0; i < bar->areas; i++) {
		a = &bar->area[i];
		if (!a->in_guest)
			continue;
		if (memory_drop_device(dev->vm, bar->gpa + a->off) == -1) {
			err = errno;
			rc = -1;
		} else
			a->in_guest = false;
	}
	if (rc == -1)
		errno = err;
	return rc;
}

static int
bar_map(struct vm_pptdev *dev, struct vfio_bar *bar, uint64_t gpa)
{
	struct vfio_area *a;
	int i, err;

	if (bar->size == 0 || (bar->flags & VM_PPTDEV_BAR_IO) != 0 ||
	    gpa % VFIO_PAGE != 0 || gpa > UINT64_MAX - bar->size) {
		errno = EINVAL;
		return -1;
	}
	if (bar->mapped) {
		errno = EALREADY;
		return -1;
	}
	/* Parts that an earlier error left. */
	if (bar_drop(dev, bar) == -1 || bar_open(dev, bar) == -1)
		return -1;
	bar->gpa = gpa;
	for (i = 0; i < bar->areas; i++) {
		a = &bar->area[i];
		if (memory_add_device(dev->vm, gpa + a->off, a->len, a->host,
			bar->write) == -1) {
			err = errno;
			(void)bar_drop(dev, bar);
			errno = err;
			return -1;
		}
		a->in_guest = true;
	}
	bar->mapped = true;
	return 0;
}

static struct vfio_bar *
bar_number(struct vm_pptdev *dev, int bar, int limit)
{
	if (bar >= 0 && bar < limit)
		return &dev->bar[bar];
	errno = EINVAL;
	return NULL;
}

int
vm_map_pptdev_mmio(struct vm_pptdev *dev, int bar, uint64_t gpa)
{
	struct vfio_bar *b = bar_number(dev, bar, VM_PPTDEV_BARS);
	int rc;

	if (b == NULL)
		return -1;
	pthread_mutex_lock(&dev->lock);
	rc = bar_map(dev, b, gpa);
	pthread_mutex_unlock(&dev->lock);
	return rc;
}

int
vfio_bar_unmap(struct vm_pptdev *dev, int bar)
{
	struct vfio_bar *b = &dev->bar[bar];

	if (!b->mapped) {
		errno = ENOENT;
		return -1;
	}
	if (bar_drop(dev, b) == -1)
		return -1;
	b->mapped = false;
	return 0;
}

int
vm_unmap_pptdev_mmio(struct vm_pptdev *dev, int bar)
{
	int rc;

	if (bar_number(dev, bar, VM_PPTDEV_BARS) == NULL)
		return -1;
	pthread_mutex_lock(&dev->lock);
	rc = vfio_bar_unmap(dev, bar);
	pthread_mutex_unlock(&dev->lock);
	return rc;
}

void
vfio_bar_fini(struct vm_pptdev *dev)
{
	struct vfio_bar *bar;
	struct vfio_area *a;
	int i, j;

	for (i = 0; i < VFIO_BARS; i++) {
		bar = &dev->bar[i];
		(void)bar_drop(dev, bar);
		for (j = 0; j < bar->areas; j++) {
			a = &bar->area[j];
			/* What the guest still has must not become anything
			 * else: then it stays until vm_destroy(). */
			if (a->host == NULL || a->in_guest)
				continue;
			dev->vfio->ops->unmap(dev->vfio->arg, a->host, a->len);
		}
	}
}

/* Where the guest's register has the BAR. */
static uint64_t
bar_guest(struct vm_pptdev *dev, int bar)
{
	const uint8_t *reg = &dev->shadow[PCI_BASE_ADDRESS_0 + 4 * bar];
	uint32_t low, high = 0;

	if (dev->bar[bar].size == 0 || bar == VM_PPTDEV_ROM)
		return 0;
	memcpy(&low, reg, sizeof(low));
	if ((dev->bar[bar].flags & VM_PPTDEV_BAR_IO) != 0)
		return low & PCI_BASE_ADDRESS_IO_MASK;
	if ((dev->bar[bar].flags & VM_PPTDEV_BAR_64) != 0)
		memcpy(&high, reg + 4, sizeof(high));
	return ((uint64_t)high << 32 | low) & ~0xfULL;
}

int
vm_get_pptdev_bar(struct vm_pptdev *dev, int bar, struct vm_pptdev_bar *info)
{
	const struct vfio_bar *b = bar_number(dev, bar, VFIO_BARS);
	int i;

	if (b == NULL)
		return -1;
	pthread_mutex_lock(&dev->lock);
	*info = (struct vm_pptdev_bar) {
		.size = b->size, .guest = bar_guest(dev, bar), .flags = b->flags
	};
	for (i = 0; i < b->areas; i++)
		info->mappable += b->area[i].len;
	pthread_mutex_unlock(&dev->lock);
	return 0;
}

/* Checks an access; 1: it touches the MSI-X table, 0: it does not. */
static int
bar_access(struct vm_pptdev *dev, int bar, uint64_t off, uint32_t len)
{
	const struct vfio_bar *b = bar_number(dev, bar, VFIO_BARS);
	uint64_t table = dev->table_off;

	if (b == NULL)
		return -1;
	if ((len != 1 && len != 2 && len != 4 && len != 8) || off % len != 0 ||
	    len > b->size || off > b->size - len) {
		errno = EINVAL;
		return -1;
	}
	return bar == dev->table_bar && off + len > table &&
	    off < table + dev->msix_limit * VFIO_TABLE_ENTRY;
}

static int
bar_result(ssize_t n, uint32_t len)
{
	if (n == (ssize_t)len)
		return 0;
	if (n >= 0)
		errno = ENODEV;
	return -1;
}

int
vm_pptdev_bar_read(
    struct vm_pptdev *dev, int bar, uint64_t off, uint32_t len, uint64_t *value)
{
	int rc = bar_access(dev, bar, off, len);
	uint64_t got = 0;

	if (rc == -1)
		return -1;
	if (rc == 1) {
		pthread_mutex_lock(&dev->lock);
		rc = vfio_msix_read(dev, off - dev->table_off, len, value);
		pthread_mutex_unlock(&dev->lock);
		return rc;
	}
	rc = bar_result(dev->vfio->ops->pread(dev->vfio->arg, dev->fd, &got,
			    len, dev->bar[bar].off + off),
	    len);
	if (rc == 0)
		*value = got;
	return rc;
}

int
vm_pptdev_bar_write(
    struct vm_pptdev *dev, int bar, uint64_t off, uint32_t len, uint64_t value)
{
	int rc = bar_access(dev, bar, off, len);

	if (rc == -1)
		return -1;
	if (rc == 1) {
		pthread_mutex_lock(&dev->lock);
		rc = vfio_msix_write(dev, off - dev->table_off, len, value);
		pthread_mutex_unlock(&dev->lock);
		return rc;
	}
	return bar_result(dev->vfio->ops->pwrite(dev->vfio->arg, dev->fd,
			      &value, len, dev->bar[bar].off + off),
	    len);
}
