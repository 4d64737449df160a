/* SPDX-License-Identifier: ISC */
/*
 * The PCI device of fake_vfio.h: its descriptor is a memfd in which a region
 * is where VFIO has it, at its number shifted by 40, so that a mapped BAR is
 * memory that a test can look at.  It has BARs of every kind, MSI with 8
 * vectors and MSI-X with 16.  Requests are checked as vfio_pci checks them.
 */
#ifndef FAKE_VFIO_DEVICE_H
#define FAKE_VFIO_DEVICE_H

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define FAKE_REGION(index) ((uint64_t)(index) << 40)
#define FAKE_REGIONS VFIO_PCI_NUM_REGIONS
#define FAKE_PAGE 4096U
#define FAKE_TABLE_BAR 2
#define FAKE_TABLE 0x1000U
#define FAKE_MSI 8U
#define FAKE_MSIX 16U
#define FAKE_CAP_PM 0x40
#define FAKE_CAP_MSI 0x50
#define FAKE_CAP_MSIX 0x70
#define FAKE_CAP_EXP 0x80
#define FAKE_IRQS VFIO_PCI_NUM_IRQS
#define FAKE_VECTORS FAKE_MSIX

#define FAKE_R VFIO_REGION_INFO_FLAG_READ
#define FAKE_RW (FAKE_R | VFIO_REGION_INFO_FLAG_WRITE)
#define FAKE_RWM (FAKE_RW | VFIO_REGION_INFO_FLAG_MMAP)

struct fake_device {
	int fd;
	bool has_reset, gone;
	bool is_open;
	unsigned int resets;
	int type; /* VFIO_PCI_*_IRQ_INDEX in use, -1: none */
	uint32_t enabled; /* vectors of type */
	uint32_t host_vectors; /* what the host can give */
	/* Copies of the eventfds, as the kernel holds them; -1: none. */
	int trigger[FAKE_IRQS][FAKE_VECTORS];
	int unmask;
	int irq_fds;
	int16_t patch[256]; /* bytes of configuration space; -1: as they are */
	unsigned int forbidden; /* writes that must not reach a device */
};

/* What each region is; sparse: areas are given in fake_region_caps(). */
static const struct {
	uint64_t size;
	uint32_t flags, bar; /* bar: the register's low bits */
	uint16_t cap;
} fake_regions[FAKE_REGIONS] = {
	[0] = { 0x2000, FAKE_RWM, 0, 0 },
	[1] = { 0x20, FAKE_RW, PCI_BASE_ADDRESS_SPACE_IO, 0 },
	[2] = { 0x4000, FAKE_RWM,
	    PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
	    VFIO_REGION_INFO_CAP_MSIX_MAPPABLE },
	[4] = { 0x10000, FAKE_RWM, 0, VFIO_REGION_INFO_CAP_SPARSE_MMAP },
	[5] = { 0x100, FAKE_RWM, 0, 0 },
	[6] = { 0x800, FAKE_R, 0, 0 },
	[VFIO_PCI_CONFIG_REGION_INDEX] = { 0x1000, FAKE_RW, 0, 0 },
};

static const struct vfio_region_sparse_mmap_area fake_areas[] = {
	{ 0x2000, 0x1000 }, { 0x8000, 0x4000 }
};

static const uint32_t fake_irqs[FAKE_IRQS][2] = {
	[VFIO_PCI_INTX_IRQ_INDEX] = { 1,
	    VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
		VFIO_IRQ_INFO_AUTOMASKED },
	[VFIO_PCI_MSI_IRQ_INDEX] = { FAKE_MSI,
	    VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE },
	[VFIO_PCI_MSIX_IRQ_INDEX] = { FAKE_MSIX,
	    VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE },
	[VFIO_PCI_ERR_IRQ_INDEX] = { 1, VFIO_IRQ_INFO_EVENTFD },
	[VFIO_PCI_REQ_IRQ_INDEX] = { 1,
	    VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE },
};

static const struct {
	uint16_t off, len;
	uint32_t value;
} fake_config[] = {
	{ PCI_VENDOR_ID, 4, 0x11e81234 },
	{ PCI_STATUS, 2, PCI_STATUS_CAP_LIST },
	{ PCI_CLASS_REVISION, 4, 0x00ff0010 },
	{ PCI_CAPABILITY_LIST, 1, FAKE_CAP_PM }, { PCI_INTERRUPT_PIN, 1, 1 },
	{ FAKE_CAP_PM, 2, FAKE_CAP_MSI << 8 | PCI_CAP_ID_PM },
	{ FAKE_CAP_MSI, 2, FAKE_CAP_MSIX << 8 | PCI_CAP_ID_MSI },
	{ FAKE_CAP_MSI + PCI_MSI_FLAGS, 2,
	    PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT | 3 << 1 },
	{ FAKE_CAP_MSIX, 2, FAKE_CAP_EXP << 8 | PCI_CAP_ID_MSIX },
	{ FAKE_CAP_MSIX + PCI_MSIX_FLAGS, 2, FAKE_MSIX - 1 },
	{ FAKE_CAP_MSIX + PCI_MSIX_TABLE, 4, FAKE_TABLE | FAKE_TABLE_BAR },
	{ FAKE_CAP_MSIX + PCI_MSIX_PBA, 4, 0x3000 | FAKE_TABLE_BAR },
	{ FAKE_CAP_EXP, 2, PCI_CAP_ID_EXP },
	{ FAKE_CAP_EXP + PCI_EXP_DEVCTL, 2, 0x2810 },
	{ 0x100, 4, 0x00010001 }, /* an extended capability */
};

/* Registers that belong to the host; a write there would be libvmm's error. */
static const struct {
	uint16_t off, len;
} fake_forbidden[] = { { PCI_BASE_ADDRESS_0, 24 }, { PCI_ROM_ADDRESS, 4 },
	{ FAKE_CAP_PM, 8 }, { FAKE_CAP_MSI, 0x18 }, { FAKE_CAP_MSIX, 12 },
	{ 0x100, 0xf00 } };

static inline int
fake_device_err(int err)
{
	errno = err;
	return -1;
}

static inline void
fake_device_init(struct fake_device *d)
{
	uint32_t i, j;

	memset(d, 0, sizeof(*d));
	d->fd = d->unmask = d->type = -1;
	d->has_reset = true;
	memset(d->patch, 0xff, sizeof(d->patch));
	d->host_vectors = UINT32_MAX;
	for (i = 0; i < FAKE_IRQS; i++)
		for (j = 0; j < FAKE_VECTORS; j++)
			d->trigger[i][j] = -1;
}

static inline bool
fake_device_put(struct fake_device *d, uint64_t off, const void *p, size_t len)
{
	return pwrite(d->fd, p, len, (off_t)off) == (ssize_t)len;
}

/* fd is the memfd that the device is. */
static inline void
fake_device_open(struct fake_device *d, int fd)
{
	uint32_t low;
	size_t i;
	bool ok;

	d->fd = fd;
	d->is_open = true;
	ok = ftruncate(fd, (off_t)FAKE_REGION(FAKE_REGIONS)) == 0;
	for (i = 0; i < sizeof(fake_config) / sizeof(fake_config[0]); i++)
		ok &= fake_device_put(d,
		    FAKE_REGION(VFIO_PCI_CONFIG_REGION_INDEX) +
			fake_config[i].off,
		    &fake_config[i].value, fake_config[i].len);
	for (i = 0; i <= VFIO_PCI_BAR5_REGION_INDEX; i++) {
		/* Where the host has it: no business of a guest. */
		low = fake_regions[i].bar |
		    (fake_regions[i].size == 0 ? 0
			    : fake_regions[i].bar == PCI_BASE_ADDRESS_SPACE_IO
			    ? 0xe000
			    : 0xf0000000);
		ok &= fake_device_put(d,
		    FAKE_REGION(VFIO_PCI_CONFIG_REGION_INDEX) +
			PCI_BASE_ADDRESS_0 + 4 * i,
		    &low, 4);
	}
	for (i = 0; i < sizeof(d->patch) / sizeof(d->patch[0]); i++)
		if (d->patch[i] != -1)
			ok &= fake_device_put(d,
			    FAKE_REGION(VFIO_PCI_CONFIG_REGION_INDEX) + i,
			    &d->patch[i], 1);
	d->forbidden += !ok;
}

static inline void
fake_device_release(struct fake_device *d, int *fd)
{
	if (*fd == -1)
		return;
	close(*fd);
	*fd = -1;
	d->irq_fds--;
}

static inline void
fake_device_disable(struct fake_device *d)
{
	uint32_t i;

	for (i = 0; d->type != -1 && i < FAKE_VECTORS; i++)
		fake_device_release(d, &d->trigger[d->type][i]);
	fake_device_release(d, &d->unmask);
	d->type = -1;
	d->enabled = 0;
}

static inline void
fake_device_close(struct fake_device *d)
{
	fake_device_disable(d);
	fake_device_release(d, &d->trigger[VFIO_PCI_ERR_IRQ_INDEX][0]);
	fake_device_release(d, &d->trigger[VFIO_PCI_REQ_IRQ_INDEX][0]);
	d->is_open = false;
	d->fd = -1;
}

/* Sends an interrupt as the device would; false: nobody listens. */
static inline bool
fake_device_signal(struct fake_device *d, uint32_t index, uint32_t vector)
{
	uint64_t one = 1;

	return d->trigger[index][vector] != -1 &&
	    write(d->trigger[index][vector], &one, sizeof(one)) == sizeof(one);
}

/* --- what ioctl() asks --------------------------------------------------- */

static inline int
fake_device_info(const struct fake_device *d, struct vfio_device_info *info)
{
	if (info->argsz < offsetof(struct vfio_device_info, num_irqs) + 4)
		return fake_device_err(EINVAL);
	info->flags = VFIO_DEVICE_FLAGS_PCI |
	    (d->has_reset ? VFIO_DEVICE_FLAGS_RESET : 0);
	info->num_regions = FAKE_REGIONS;
	info->num_irqs = FAKE_IRQS;
	return 0;
}

/* The capability of a region behind its description; its size. */
static inline uint32_t
fake_region_caps(uint32_t index, uint8_t *to)
{
	const struct vfio_info_cap_header msix = {
		VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1, 0
	};
	const struct vfio_region_info_cap_sparse_mmap sparse = {
		.header = { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0 },
		.nr_areas = sizeof(fake_areas) / sizeof(fake_areas[0])
	};

	switch (fake_regions[index].cap) {
	case VFIO_REGION_INFO_CAP_MSIX_MAPPABLE:
		if (to != NULL)
			memcpy(to, &msix, sizeof(msix));
		return sizeof(msix);
	case VFIO_REGION_INFO_CAP_SPARSE_MMAP:
		if (to != NULL) {
			memcpy(to, &sparse, sizeof(sparse));
			memcpy(to + sizeof(sparse), fake_areas,
			    sizeof(fake_areas));
		}
		return sizeof(sparse) + sizeof(fake_areas);
	default:
		return 0;
	}
}

static inline int
fake_region_info(struct vfio_region_info *info)
{
	uint32_t need;

	if (info->argsz < sizeof(*info) || info->index >= FAKE_REGIONS)
		return fake_device_err(EINVAL);
	info->offset = FAKE_REGION(info->index);
	info->size = fake_regions[info->index].size;
	info->flags = fake_regions[info->index].flags;
	info->cap_offset = 0;
	need = fake_region_caps(info->index, NULL);
	if (need == 0)
		return 0;
	info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	need += (uint32_t)sizeof(*info);
	if (info->argsz < need) {
		info->argsz = need;
		return 0;
	}
	info->cap_offset = sizeof(*info);
	(void)fake_region_caps(info->index, (uint8_t *)(info + 1));
	return 0;
}

static inline int
fake_irq_info(struct vfio_irq_info *info)
{
	if (info->argsz < sizeof(*info) || info->index >= FAKE_IRQS)
		return fake_device_err(EINVAL);
	info->count = fake_irqs[info->index][0];
	info->flags = fake_irqs[info->index][1];
	return 0;
}

/* Takes count eventfds, each of them one or -1. */
static inline int
fake_irq_take(
    struct fake_device *d, int *to, const int32_t *fds, uint32_t count)
{
	uint64_t none;
	uint32_t i;
	int fd;

	for (i = 0; i < count; i++) {
		fake_device_release(d, &to[i]);
		if (fds[i] < 0)
			continue;
		/* Only an eventfd says that 7 bytes are too few. */
		if (read(fds[i], &none, 7) != -1 || errno != EINVAL)
			return fake_device_err(EINVAL);
		fd = dup(fds[i]);
		if (fd == -1)
			return -1;
		to[i] = fd;
		d->irq_fds++;
	}
	return 0;
}

static inline int
fake_irq_trigger(
    struct fake_device *d, const struct vfio_irq_set *set, const int32_t *fds)
{
	int index = (int)set->index, rc;
	bool none = (set->flags & VFIO_IRQ_SET_DATA_NONE) != 0;

	if (d->type == index && set->count == 0 && none) {
		fake_device_disable(d);
		return 0;
	}
	if ((d->type != index && d->type != -1) || fds == NULL ||
	    (index == VFIO_PCI_INTX_IRQ_INDEX && set->count != 1))
		return fake_device_err(EINVAL);
	if (d->type == -1) {
		if (set->start + set->count > d->host_vectors)
			return (int)d->host_vectors;
		d->type = index;
		d->enabled = set->start + set->count;
	} else if (set->start + set->count > d->enabled)
		return fake_device_err(EINVAL);
	rc = fake_irq_take(d, &d->trigger[index][set->start], fds, set->count);
	if (rc == -1 && set->start + set->count == d->enabled)
		fake_device_disable(d);
	return rc;
}

static inline int
fake_irq_set(struct fake_device *d, const struct vfio_irq_set *set)
{
	const uint32_t known =
	    VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK;
	const uint32_t minsz = offsetof(struct vfio_irq_set, data);
	uint32_t action = set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	const int32_t *fds = NULL;

	if (set->argsz < minsz || set->index >= FAKE_IRQS ||
	    (set->flags & ~known) != 0 ||
	    set->start >= fake_irqs[set->index][0] ||
	    set->count > fake_irqs[set->index][0] - set->start)
		return fake_device_err(EINVAL);
	if ((set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK) ==
	    VFIO_IRQ_SET_DATA_EVENTFD) {
		if (set->argsz - minsz < set->count * 4 || set->count == 0)
			return fake_device_err(EINVAL);
		fds = (const int32_t *)(const void *)set->data;
	} else if ((set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK) !=
	    VFIO_IRQ_SET_DATA_NONE)
		return fake_device_err(EINVAL);
	if (set->index == VFIO_PCI_INTX_IRQ_INDEX &&
	    action == VFIO_IRQ_SET_ACTION_UNMASK) {
		if (d->type != VFIO_PCI_INTX_IRQ_INDEX || set->count != 1 ||
		    fds == NULL)
			return fake_device_err(EINVAL);
		return fake_irq_take(d, &d->unmask, fds, 1);
	}
	if (action != VFIO_IRQ_SET_ACTION_TRIGGER)
		return fake_device_err(ENOTTY);
	if (set->index <= VFIO_PCI_MSIX_IRQ_INDEX)
		return fake_irq_trigger(d, set, fds);
	if (fds == NULL)
		return fake_device_err(EINVAL);
	return fake_irq_take(d, d->trigger[set->index], fds, 1);
}

static inline int
fake_device_ioctl(struct fake_device *d, unsigned long request, void *p)
{
	if (d->gone)
		return fake_device_err(ENODEV);
	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		return fake_device_info(d, p);
	case VFIO_DEVICE_GET_REGION_INFO:
		return fake_region_info(p);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return fake_irq_info(p);
	case VFIO_DEVICE_SET_IRQS:
		return fake_irq_set(d, p);
	case VFIO_DEVICE_RESET:
		if (!d->has_reset)
			return fake_device_err(EINVAL);
		d->forbidden += d->type != -1; /* it should be quiet */
		d->resets++;
		return 0;
	default:
		return fake_device_err(ENOTTY);
	}
}

/* --- what is mapped, read and written ------------------------------------ */

static inline bool
fake_device_mappable(size_t len, int prot, uint64_t off)
{
	uint64_t index = off >> 40, at = off & (FAKE_REGION(1) - 1);
	size_t i;

	if (index > VFIO_PCI_BAR5_REGION_INDEX || at % FAKE_PAGE != 0 ||
	    len == 0 || len % FAKE_PAGE != 0 ||
	    (prot & ~(PROT_READ | PROT_WRITE)) != 0 ||
	    (fake_regions[index].flags & VFIO_REGION_INFO_FLAG_MMAP) == 0 ||
	    at + len > fake_regions[index].size)
		return false;
	if (fake_regions[index].cap != VFIO_REGION_INFO_CAP_SPARSE_MMAP)
		return true;
	for (i = 0; i < sizeof(fake_areas) / sizeof(fake_areas[0]); i++)
		if (at >= fake_areas[i].offset &&
		    at + len <= fake_areas[i].offset + fake_areas[i].size)
			return true;
	return false;
}

static inline bool
fake_device_inside(size_t len, uint64_t off)
{
	uint64_t index = off >> 40, at = off & (FAKE_REGION(1) - 1);

	return index < FAKE_REGIONS && at + len <= fake_regions[index].size;
}

static inline ssize_t
fake_device_read(struct fake_device *d, void *buf, size_t len, uint64_t off)
{
	if (!fake_device_inside(len, off))
		return fake_device_err(EINVAL);
	if (d->gone) {
		memset(buf, 0xff, len);
		return (ssize_t)len;
	}
	return pread(d->fd, buf, len, (off_t)off);
}

static inline ssize_t
fake_device_write(
    struct fake_device *d, const void *buf, size_t len, uint64_t off)
{
	uint64_t index = off >> 40, at = off & (FAKE_REGION(1) - 1);
	size_t i;

	if (!fake_device_inside(len, off) ||
	    (fake_regions[index].flags & VFIO_REGION_INFO_FLAG_WRITE) == 0)
		return fake_device_err(EINVAL);
	for (i = 0; index == VFIO_PCI_CONFIG_REGION_INDEX &&
	     i < sizeof(fake_forbidden) / sizeof(fake_forbidden[0]);
	     i++)
		d->forbidden += at + len > fake_forbidden[i].off &&
		    at <
			(uint64_t)fake_forbidden[i].off + fake_forbidden[i].len;
	if (index == FAKE_TABLE_BAR && at + len > FAKE_TABLE &&
	    at < FAKE_TABLE + FAKE_MSIX * 16)
		d->forbidden++;
	return pwrite(d->fd, buf, len, (off_t)off);
}

#endif /* FAKE_VFIO_DEVICE_H */
