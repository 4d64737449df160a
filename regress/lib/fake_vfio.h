/* SPDX-License-Identifier: ISC */
/*
 * VFIO without an IOMMU: a kernel behind libvmm's struct vfio_ops with one PCI
 * device.  It refuses what the real one refuses, with the same errno, and has
 * real descriptors, so that mappings are memory and eventfds interrupt.  The
 * device itself is in fake_vfio_device.h.
 */
#ifndef FAKE_VFIO_H
#define FAKE_VFIO_H

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../libvmm/vfio/pptdev.h"
#include "fake_vfio_device.h"

#define FAKE_ADDRESS "0000:03:00.0"
#define FAKE_NEIGHBOUR "0000:03:00.1" /* of the same group */
#define FAKE_SYSFS "/sys/bus/pci/devices/"
#define FAKE_DMA_MAX 16
#define FAKE_TOP 0xffffffffffULL /* 40 bits of address */

struct fake_dma {
	uint64_t iova, size, vaddr;
	uint32_t flags;
};

struct fake_vfio {
	/* What the host is like; fake_vfio_init() makes it a good one. */
	bool iommu, loaded, present, in_group, viable, type1, busy;
	const char *driver; /* NULL: none */
	int open_errno; /* of the group's file */
	int set_iommu_errno;
	uint64_t lock_limit; /* bytes */

	/* The call that fails, counted from 1; 0: none. */
	unsigned int calls, fail_at;
	bool (*fault)(void); /* or somebody else counts */

	/* What libvmm has made of it. */
	int container, group, device; /* -1: closed */
	int fds; /* open by these operations, all in all */
	int mappings;
	bool group_in, iommu_set, kvm_knows;
	struct fake_dma dma[FAKE_DMA_MAX];
	int ndma;
	struct fake_device dev;
	unsigned int broken; /* what the kernel forgives and we do not */
};

static inline void
fake_vfio_init(struct fake_vfio *f)
{
	memset(f, 0, sizeof(*f));
	f->iommu = f->loaded = f->present = f->in_group = f->viable = true;
	f->type1 = true;
	f->driver = "vfio-pci";
	f->lock_limit = UINT64_MAX;
	f->container = f->group = f->device = -1;
	fake_device_init(&f->dev);
}

static inline bool
fake_fails(struct fake_vfio *f)
{
	if (f->fault != NULL)
		return f->fault();
	if (++f->calls != f->fail_at)
		return false;
	errno = EREMOTEIO;
	return true;
}

static inline int
fake_err(int err)
{
	errno = err;
	return -1;
}

static inline int
fake_open_fd(struct fake_vfio *f, int *where)
{
	if (*where != -1)
		return fake_err(EBUSY);
	*where = memfd_create("vfio", MFD_CLOEXEC);
	if (*where != -1)
		f->fds++;
	return *where;
}

static inline int
fake_open(void *arg, const char *path)
{
	struct fake_vfio *f = arg;

	if (fake_fails(f))
		return -1;
	if (!f->loaded)
		return fake_err(ENOENT);
	if (strcmp(path, "/dev/vfio/vfio") == 0)
		return fake_open_fd(f, &f->container);
	if (strcmp(path, "/dev/vfio/7") != 0)
		return fake_err(ENOENT);
	if (f->open_errno != 0)
		return fake_err(f->open_errno);
	return fake_open_fd(f, &f->group);
}

static inline void
fake_close(void *arg, int fd)
{
	struct fake_vfio *f = arg;

	f->fds--;
	close(fd);
	if (fd == f->container) {
		f->broken += f->group_in;
		f->container = -1;
	} else if (fd == f->group) {
		f->broken += f->group_in || f->device != -1;
		f->group = -1;
	} else if (fd == f->device) {
		fake_device_close(&f->dev);
		f->device = -1;
	}
}

static inline ssize_t
fake_link(char *buf, size_t size, const char *target)
{
	size_t len = strlen(target);

	if (len > size)
		len = size;
	memcpy(buf, target, len);
	return (ssize_t)len;
}

static inline ssize_t
fake_readlink(void *arg, const char *path, char *buf, size_t size)
{
	struct fake_vfio *f = arg;
	const char *what = path + sizeof(FAKE_SYSFS FAKE_ADDRESS) - 1;
	char target[64];

	if (fake_fails(f))
		return -1;
	if (!f->present ||
	    (strncmp(path, FAKE_SYSFS FAKE_ADDRESS, (size_t)(what - path)) !=
		    0 &&
		strncmp(path, FAKE_SYSFS FAKE_NEIGHBOUR,
		    (size_t)(what - path)) != 0))
		return fake_err(ENOENT);
	if (*what == '\0')
		return fake_link(buf, size, "../../../devices/pci0000:00/x");
	if (strcmp(what, "/iommu_group") == 0 && f->in_group)
		return fake_link(buf, size, "../../../kernel/iommu_groups/7");
	if (strcmp(what, "/driver") != 0 || f->driver == NULL)
		return fake_err(ENOENT);
	(void)snprintf(
	    target, sizeof(target), "../../bus/pci/drivers/%s", f->driver);
	return fake_link(buf, size, target);
}

static inline int
fake_populated(void *arg, const char *path)
{
	struct fake_vfio *f = arg;

	if (fake_fails(f))
		return -1;
	return f->iommu && strcmp(path, "/sys/class/iommu") == 0;
}

/* --- the container ------------------------------------------------------- */

static inline int
fake_map_dma(struct fake_vfio *f, const struct vfio_iommu_type1_dma_map *m)
{
	const uint32_t rw = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	unsigned char resident;
	uint64_t locked = m->size;
	int i;

	if (m->argsz < sizeof(*m) || (m->flags & ~rw) != 0 ||
	    (m->flags & rw) == 0 || m->size == 0 ||
	    ((m->size | m->iova | m->vaddr) & (VFIO_PAGE - 1)) != 0 ||
	    m->iova + m->size - 1 < m->iova || m->iova + m->size - 1 > FAKE_TOP)
		return fake_err(EINVAL);
	for (i = 0; i < f->ndma; i++) {
		if (m->iova < f->dma[i].iova + f->dma[i].size &&
		    f->dma[i].iova < m->iova + m->size)
			return fake_err(EEXIST);
		locked += f->dma[i].size;
	}
	if (f->ndma == FAKE_DMA_MAX)
		return fake_err(ENOSPC);
	if (locked > f->lock_limit)
		return fake_err(ENOMEM);
	if (mincore((void *)(uintptr_t)m->vaddr, VFIO_PAGE, &resident) == -1 ||
	    mincore((void *)(uintptr_t)(m->vaddr + m->size - VFIO_PAGE),
		VFIO_PAGE, &resident) == -1)
		return fake_err(EFAULT);
	f->dma[f->ndma++] =
	    (struct fake_dma) { m->iova, m->size, m->vaddr, m->flags };
	return 0;
}

static inline int
fake_unmap_dma(struct fake_vfio *f, struct vfio_iommu_type1_dma_unmap *u)
{
	int i;

	if (u->argsz < sizeof(*u) || u->flags != 0 || u->size == 0 ||
	    ((u->size | u->iova) & (VFIO_PAGE - 1)) != 0)
		return fake_err(EINVAL);
	for (i = 0; i < f->ndma; i++)
		if (f->dma[i].iova == u->iova && f->dma[i].size == u->size)
			break;
	/* The kernel takes more than one at a time; libvmm never asks it to. */
	if (i == f->ndma)
		return fake_err(EINVAL);
	f->dma[i] = f->dma[--f->ndma];
	return 0;
}

/* Two ranges, as x86 has them around the window of its interrupts. */
static inline int
fake_iommu_info(struct vfio_iommu_type1_info *info)
{
	static const struct vfio_iova_range ranges[] = { { 0, 0xfedfffffULL },
		{ 0xfef00000ULL, FAKE_TOP } };
	const struct vfio_iommu_type1_info_cap_iova_range cap = {
		.header = { VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, 0 },
		.nr_iovas = 2
	};
	uint32_t need = sizeof(*info) + sizeof(cap) + sizeof(ranges);
	uint8_t *to = (uint8_t *)(info + 1);

	if (info->argsz < 16)
		return fake_err(EINVAL);
	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->iova_pgsizes = ~(VFIO_PAGE - 1);
	if (info->argsz >= sizeof(*info))
		info->cap_offset = 0;
	if (info->argsz >= need) {
		info->cap_offset = sizeof(*info);
		memcpy(to, &cap, sizeof(cap));
		memcpy(to + sizeof(cap), ranges, sizeof(ranges));
	} else
		info->argsz = need;
	return 0;
}

static inline int
fake_container_ioctl(struct fake_vfio *f, unsigned long request, void *p)
{
	switch (request) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return f->type1 && (uintptr_t)p == VFIO_TYPE1v2_IOMMU;
	case VFIO_SET_IOMMU:
		if (!f->group_in || f->iommu_set ||
		    (uintptr_t)p != VFIO_TYPE1v2_IOMMU)
			return fake_err(EINVAL);
		if (f->set_iommu_errno != 0)
			return fake_err(f->set_iommu_errno);
		f->iommu_set = true;
		return 0;
	default:
		break;
	}
	if (!f->iommu_set)
		return fake_err(EINVAL);
	switch (request) {
	case VFIO_IOMMU_GET_INFO:
		return fake_iommu_info(p);
	case VFIO_IOMMU_MAP_DMA:
		return fake_map_dma(f, p);
	case VFIO_IOMMU_UNMAP_DMA:
		return fake_unmap_dma(f, p);
	default:
		return fake_err(ENOTTY);
	}
}

/* --- the group ----------------------------------------------------------- */

static inline int
fake_group_status(const struct fake_vfio *f, struct vfio_group_status *status)
{
	if (status->argsz < sizeof(*status))
		return fake_err(EINVAL);
	status->flags = (f->viable ? VFIO_GROUP_FLAGS_VIABLE : 0) |
	    (f->group_in ? VFIO_GROUP_FLAGS_CONTAINER_SET : 0);
	return 0;
}

static inline int
fake_get_device(struct fake_vfio *f, const char *name)
{
	if (!f->iommu_set || !f->group_in)
		return fake_err(EINVAL);
	if (strcmp(name, FAKE_ADDRESS) != 0)
		return fake_err(ENODEV);
	if (fake_open_fd(f, &f->device) == -1)
		return -1;
	fake_device_open(&f->dev, f->device);
	return f->device;
}

static inline int
fake_group_ioctl(struct fake_vfio *f, unsigned long request, void *p)
{
	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		return fake_group_status(f, p);
	case VFIO_GROUP_SET_CONTAINER:
		if (f->group_in || *(int *)p != f->container)
			return fake_err(EINVAL);
		if (!f->viable)
			return fake_err(EPERM);
		f->group_in = true;
		return 0;
	case VFIO_GROUP_UNSET_CONTAINER:
		if (!f->group_in)
			return fake_err(EINVAL);
		if (f->device != -1)
			return fake_err(EBUSY);
		/* The last group takes the IOMMU and all mappings along. */
		f->group_in = f->iommu_set = false;
		f->ndma = 0;
		return 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		return fake_get_device(f, p);
	default:
		return fake_err(ENOTTY);
	}
}

static inline int
fake_ioctl(void *arg, int fd, unsigned long request, void *p)
{
	struct fake_vfio *f = arg;

	/* What gives up is no failure that anybody could act upon. */
	if (request != VFIO_GROUP_UNSET_CONTAINER && fake_fails(f))
		return -1;
	if (fd == f->container && fd != -1)
		return fake_container_ioctl(f, request, p);
	if (fd == f->group && fd != -1)
		return fake_group_ioctl(f, request, p);
	if (fd == f->device && fd != -1)
		return fake_device_ioctl(&f->dev, request, p);
	return fake_err(EBADF);
}

/* --- the rest ------------------------------------------------------------ */

static inline void *
fake_mmap(void *arg, size_t len, int prot, int fd, uint64_t off)
{
	struct fake_vfio *f = arg;
	void *p;

	if (fake_fails(f))
		return MAP_FAILED;
	if (fd != f->device || !fake_device_mappable(len, prot, off)) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	p = mmap(NULL, len, prot, MAP_SHARED, fd, (off_t)off);
	f->mappings += p != MAP_FAILED;
	return p;
}

static inline void
fake_munmap(void *arg, void *p, size_t len)
{
	struct fake_vfio *f = arg;

	f->mappings--;
	munmap(p, len);
}

static inline ssize_t
fake_pread(void *arg, int fd, void *buf, size_t len, uint64_t off)
{
	struct fake_vfio *f = arg;

	if (fake_fails(f))
		return -1;
	return fd == f->device ? fake_device_read(&f->dev, buf, len, off)
			       : fake_err(EBADF);
}

static inline ssize_t
fake_pwrite(void *arg, int fd, const void *buf, size_t len, uint64_t off)
{
	struct fake_vfio *f = arg;

	if (fake_fails(f))
		return -1;
	return fd == f->device ? fake_device_write(&f->dev, buf, len, off)
			       : fake_err(EBADF);
}

static inline int
fake_eventfd(void *arg)
{
	struct fake_vfio *f = arg;
	int fd;

	if (fake_fails(f))
		return -1;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->fds += fd != -1;
	return fd;
}

static inline int
fake_kvm_group(void *arg, struct vm *vm, int group_fd, bool add)
{
	struct fake_vfio *f = arg;

	(void)vm;
	if (add && fake_fails(f))
		return -1;
	if (group_fd != f->group)
		return fake_err(EBADF);
	if (f->kvm_knows == add)
		return fake_err(add ? EEXIST : ENOENT);
	/* KVM asks about coherence only once. */
	f->broken += add && !f->iommu_set;
	f->kvm_knows = add;
	return 0;
}

static const struct vfio_ops fake_vfio_ops = {
	.open_rw = fake_open,
	.close = fake_close,
	.readlink = fake_readlink,
	.populated = fake_populated,
	.control = fake_ioctl,
	.map = fake_mmap,
	.unmap = fake_munmap,
	.pread = fake_pread,
	.pwrite = fake_pwrite,
	.eventfd = fake_eventfd,
	.kvm_group = fake_kvm_group,
};

/* Whether nothing of it is left. */
static inline bool
fake_vfio_is_empty(const struct fake_vfio *f)
{
	if (f->fds == 0 && f->mappings == 0 && f->ndma == 0 && !f->group_in &&
	    !f->iommu_set && !f->kvm_knows && f->container == -1 &&
	    f->group == -1 && f->device == -1 && f->dev.irq_fds == 0 &&
	    f->broken == 0 && f->dev.forbidden == 0)
		return true;
	printf(
	    "# fds %d mappings %d dma %d irq fds %d broken %u forbidden %u\n",
	    f->fds, f->mappings, f->ndma, f->dev.irq_fds, f->broken,
	    f->dev.forbidden);
	return false;
}

#endif /* FAKE_VFIO_H */
