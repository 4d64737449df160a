/* SPDX-License-Identifier: ISC */
/*
 * Guest memory for DMA: each region of the VM is mapped in the IOMMU at its
 * guest physical address, where the guest's driver will point the device.
 * Invariant: while the container has a group, it has exactly the VM's regions
 * but those that are BARs of devices.  The VM's lock is held.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>

#include "../handle.h"
#include "pptdev.h"

/* The IOMMU's description with its capabilities: owned, or NULL. */
static struct vfio_iommu_type1_info *
dma_info(const struct vfio *v)
{
	struct vfio_iommu_type1_info question = { .flags = 0 };

	return vfio_info(
	    v, v->fd, VFIO_IOMMU_GET_INFO, &question, sizeof(question));
}

/* Whether the IOMMU reaches a region; one that says no limits reaches all. */
static bool
dma_reaches(struct vfio_iommu_type1_info *info, const struct memmap_region *r)
{
	const struct vfio_iommu_type1_info_cap_iova_range *cap;
	uint32_t i, off;

	if ((info->flags & VFIO_IOMMU_INFO_CAPS) == 0)
		return true;
	cap = (const void *)vfio_find_cap(info, info->argsz, info->cap_offset,
	    VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	if (cap == NULL)
		return true;
	off = (uint32_t)((const uint8_t *)cap - (const uint8_t *)info);
	if (info->argsz - off < sizeof(*cap) ||
	    (info->argsz - off - sizeof(*cap)) / sizeof(cap->iova_ranges[0]) <
		cap->nr_iovas)
		return false;
	for (i = 0; i < cap->nr_iovas; i++)
		if (cap->iova_ranges[i].start <= r->gpa &&
		    r->gpa + r->len - 1 <= cap->iova_ranges[i].end)
			return true;
	return false;
}

static int
dma_map_region(struct vfio *v, const struct memmap_region *r)
{
	struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = (uintptr_t)r->host,
		.iova = r->gpa,
		.size = r->len };

	/* What the guest's CPUs may not write its devices may not either. */
	if ((r->prot & VMM_PROT_WRITE) != 0)
		map.flags |= VFIO_DMA_MAP_FLAG_WRITE;
	return v->ops->control(v->arg, v->fd, VFIO_IOMMU_MAP_DMA, &map);
}

static int
dma_check_and_map(struct vfio *v, struct vfio_iommu_type1_info *info,
    const struct memmap_region *r)
{
	if (r->device)
		return 0;
	if (!dma_reaches(info, r)) {
		errno = ERANGE;
		return -1;
	}
	return dma_map_region(v, r);
}

int
vfio_dma_map(struct vm *vm, const struct memmap_region *region)
{
	struct vfio *v = vm->vfio;
	struct vfio_iommu_type1_info *info;
	int rc, err;

	if (v == NULL || !v->dma || region->device)
		return 0;
	info = dma_info(v);
	if (info == NULL)
		return -1;
	rc = dma_check_and_map(v, info, region);
	err = errno;
	free(info);
	errno = err;
	return rc;
}

int
vfio_dma_unmap(struct vm *vm, const struct memmap_region *region)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = region->gpa, .size = region->len
	};
	struct vfio *v = vm->vfio;

	if (v == NULL || !v->dma || region->device)
		return 0;
	return v->ops->control(v->arg, v->fd, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

int
vfio_dma_start(struct vm *vm)
{
	struct vfio_iommu_type1_info *info;
	struct vfio *v = vm->vfio;
	int i, err, rc = 0;

	if (v->ops->control(v->arg, v->fd, VFIO_SET_IOMMU,
		(void *)(uintptr_t)VFIO_TYPE1v2_IOMMU) == -1)
		return -1;
	info = dma_info(v);
	if (info == NULL)
		return -1;
	if ((info->flags & VFIO_IOMMU_INFO_PGSIZES) != 0 &&
	    (info->iova_pgsizes & VFIO_PAGE) == 0) {
		errno = ENOTSUP;
		rc = -1;
	}
	for (i = 0; rc == 0 && i < vm->map.count; i++)
		rc = dma_check_and_map(v, info, &vm->map.region[i]);
	err = errno;
	free(info);
	/* On an error the group leaves, and with it go the mappings. */
	errno = err;
	v->dma = rc == 0;
	return rc;
}
