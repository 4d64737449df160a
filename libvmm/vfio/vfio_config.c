/* SPDX-License-Identifier: ISC */
/*
 * Configuration space of an assigned device as its guest sees it.  Each bit is
 * kept here (shadow) or is the device's, and may be written or not: the rows
 * below say which, and what no row names can only be read.  The kernel guards
 * the device's own registers once more.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>

#include "pptdev.h"

#define CONFIG_MAX 4096
#define CAP_FIRST 0x40 /* capabilities are behind the header */
#define CAP_MASK 0xfcU
#define COMMAND_BITS                                                \
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | \
	    PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)

/* A register of one or two bytes: bits that are kept, bits to be written. */
struct config_row {
	uint8_t off, len;
	uint16_t kept, writable;
};

static const struct config_row config_header[] = {
	{ PCI_COMMAND, 2, 0, COMMAND_BITS },
	{ PCI_STATUS, 2, 0, 0xf900 }, /* errors, cleared by a 1 */
	{ PCI_CACHE_LINE_SIZE, 1, 0xff, 0xff },
	{ PCI_LATENCY_TIMER, 1, 0xff, 0xff },
	{ PCI_INTERRUPT_LINE, 1, 0xff, 0xff },
};

/* The device stays in D0: in another state its BARs would be gone. */
static const struct config_row config_pm[] = {
	{ PCI_PM_CTRL, 2, 0xffff, PCI_PM_CTRL_STATE_MASK },
};

/* No masks per vector, so the registers of masks are not there. */
#define MSI_KEPT (PCI_MSI_FLAGS_MASKBIT | PCI_MSI_FLAGS_QSIZE | MSI_WRITABLE)
#define MSI_WRITABLE (PCI_MSI_FLAGS_QSIZE | PCI_MSI_FLAGS_ENABLE)
static const struct config_row config_msi32[] = {
	{ PCI_MSI_FLAGS, 2, MSI_KEPT, MSI_WRITABLE },
	{ PCI_MSI_ADDRESS_LO, 2, 0xffff, 0xfffc },
	{ PCI_MSI_ADDRESS_LO + 2, 2, 0xffff, 0xffff },
	{ PCI_MSI_DATA_32, 2, 0xffff, 0xffff },
};
static const struct config_row config_msi64[] = {
	{ PCI_MSI_FLAGS, 2, MSI_KEPT, MSI_WRITABLE },
	{ PCI_MSI_ADDRESS_LO, 2, 0xffff, 0xfffc },
	{ PCI_MSI_ADDRESS_LO + 2, 2, 0xffff, 0xffff },
	{ PCI_MSI_ADDRESS_HI, 2, 0xffff, 0xffff },
	{ PCI_MSI_ADDRESS_HI + 2, 2, 0xffff, 0xffff },
	{ PCI_MSI_DATA_64, 2, 0xffff, 0xffff },
};

static const struct config_row config_msix[] = {
	{ PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL,
	    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL },
};

/* Payload sizes are the host's; a reset is ours, see config_reset_wanted(). */
static const struct config_row config_express[] = {
	{ PCI_EXP_DEVCTL, 2, 0,
	    0xffff &
		~(PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ |
		    PCI_EXP_DEVCTL_BCR_FLR) },
	{ PCI_EXP_DEVSTA, 2, 0, 0x000f },
};

#define ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

/* The first row that fits, by the word behind id and next. */
static const struct {
	uint8_t id;
	uint8_t len; /* at the least */
	uint16_t flag, want; /* of that word */
	const struct config_row *rows;
	size_t nrows;
} config_caps[] = {
	{ PCI_CAP_ID_PM, PCI_PM_SIZEOF, 0, 0, ROWS(config_pm) },
	{ PCI_CAP_ID_MSI, PCI_MSI_DATA_32 + 2, PCI_MSI_FLAGS_64BIT, 0,
	    ROWS(config_msi32) },
	{ PCI_CAP_ID_MSI, PCI_MSI_DATA_64 + 2, PCI_MSI_FLAGS_64BIT,
	    PCI_MSI_FLAGS_64BIT, ROWS(config_msi64) },
	{ PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF, 0, 0, ROWS(config_msix) },
	{ PCI_CAP_ID_EXP, PCI_EXP_DEVSTA + 2, 0, 0, ROWS(config_express) },
};

#define CONFIG_CAPS (sizeof(config_caps) / sizeof(config_caps[0]))

static uint16_t
shadow_get16(const struct vm_pptdev *dev, uint32_t off)
{
	return (uint16_t)(dev->shadow[off] | dev->shadow[off + 1] << 8);
}

static void
mask_set(uint8_t *mask, uint32_t off, uint32_t len, uint32_t bits)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		mask[off + i] = (uint8_t)(bits >> 8 * i);
}

static void
config_add_rows(struct vm_pptdev *dev, uint32_t base,
    const struct config_row *row, size_t n)
{
	for (; n > 0; n--, row++) {
		mask_set(dev->kept, base + row->off, row->len, row->kept);
		mask_set(
		    dev->writable, base + row->off, row->len, row->writable);
	}
}

int
vfio_config_get(struct vm_pptdev *dev, uint32_t off, void *buf, uint32_t len)
{
	ssize_t n = dev->vfio->ops->pread(
	    dev->vfio->arg, dev->fd, buf, len, dev->config_off + off);

	if (n >= 0 && n != (ssize_t)len)
		errno = ENODEV;
	return n == (ssize_t)len ? 0 : -1;
}

/* One capability: what is kept of it, where the parts look for theirs. */
static void
config_add_cap(struct vm_pptdev *dev, uint8_t id, uint32_t off)
{
	uint16_t word = shadow_get16(dev, off + PCI_CAP_FLAGS);
	size_t i;

	for (i = 0; i < CONFIG_CAPS; i++)
		if (config_caps[i].id == id &&
		    (word & config_caps[i].flag) == config_caps[i].want)
			break;
	if (i == CONFIG_CAPS || off + config_caps[i].len > VFIO_CONFIG)
		return;
	config_add_rows(dev, off, config_caps[i].rows, config_caps[i].nrows);
	if (id == PCI_CAP_ID_EXP)
		dev->cap_express = (uint8_t)off;
	if (id == PCI_CAP_ID_MSIX)
		dev->cap_msix = (uint8_t)off;
	if (id == PCI_CAP_ID_MSI)
		dev->cap_msi = (uint8_t)off;
}

/* The capabilities, each once, however the chain goes. */
static int
config_walk(struct vm_pptdev *dev)
{
	bool seen[VFIO_CONFIG] = { false };
	uint32_t off = dev->shadow[PCI_CAPABILITY_LIST] & CAP_MASK;

	if ((shadow_get16(dev, PCI_STATUS) & PCI_STATUS_CAP_LIST) == 0)
		return 0;
	while (off != 0 && !seen[off]) {
		if (off < CAP_FIRST) {
			errno = EPROTO;
			return -1;
		}
		seen[off] = true;
		config_add_cap(dev, dev->shadow[off], off);
		off = dev->shadow[off + PCI_CAP_LIST_NEXT] & CAP_MASK;
	}
	return 0;
}

/* BAR registers: the bits of the address are writable, the size is fixed. */
static void
config_add_bars(struct vm_pptdev *dev)
{
	uint32_t i, off, low;
	uint64_t mask;

	mask_set(dev->kept, PCI_ROM_ADDRESS, 4, UINT32_MAX);
	for (i = 0; i < VM_PPTDEV_BARS; i++) {
		off = PCI_BASE_ADDRESS_0 + 4 * i;
		mask_set(dev->kept, off, 4, UINT32_MAX);
		if (dev->bar[i].size == 0)
			continue;
		low = (dev->bar[i].flags & VM_PPTDEV_BAR_IO) != 0 ? 3 : 15;
		mask = ~(dev->bar[i].size - 1) & ~(uint64_t)low;
		mask_set(dev->writable, off, 4, (uint32_t)mask);
		if ((dev->bar[i].flags & VM_PPTDEV_BAR_64) != 0 &&
		    i + 1 < VM_PPTDEV_BARS) {
			mask_set(dev->kept, off + 4, 4, UINT32_MAX);
			mask_set(
			    dev->writable, off + 4, 4, (uint32_t)(mask >> 32));
			i++;
		}
	}
}

/* Where the MSI-X table is; EPROTO: nowhere that there is. */
static int
config_find_table(struct vm_pptdev *dev)
{
	uint32_t table;
	uint64_t size = (uint64_t)dev->msix_limit * VFIO_TABLE_ENTRY;
	uint64_t room;

	dev->table_bar = -1;
	if (dev->cap_msix == 0 || dev->msix_limit == 0) {
		dev->cap_msix = 0;
		return 0;
	}
	memcpy(&table, &dev->shadow[dev->cap_msix + PCI_MSIX_TABLE], 4);
	dev->table_off = table & PCI_MSIX_TABLE_OFFSET;
	if ((table & PCI_MSIX_TABLE_BIR) >= VM_PPTDEV_BARS)
		goto fail;
	room = dev->bar[table & PCI_MSIX_TABLE_BIR].size;
	if (size > room || dev->table_off > room - size)
		goto fail;
	dev->table_bar = (int)(table & PCI_MSIX_TABLE_BIR);
	return 0;
fail:
	errno = EPROTO;
	return -1;
}

int
vfio_config_init(struct vm_pptdev *dev)
{
	if (vfio_config_get(dev, 0, dev->shadow, VFIO_CONFIG) == -1)
		return -1;
	if (shadow_get16(dev, PCI_VENDOR_ID) == 0xffff) {
		errno = ENODEV;
		return -1;
	}
	config_add_rows(dev, 0, ROWS(config_header));
	config_add_bars(dev);
	if (config_walk(dev) == -1 || config_find_table(dev) == -1)
		return -1;
	vfio_config_reset(dev);
	return 0;
}

void
vfio_config_reset(struct vm_pptdev *dev)
{
	uint32_t i;

	/* Of what is kept only kinds of BARs are not 0 at power-up. */
	for (i = 0; i < VFIO_CONFIG; i++)
		if (i < PCI_BASE_ADDRESS_0 ||
		    i >= PCI_BASE_ADDRESS_0 + 4 * VM_PPTDEV_BARS)
			dev->shadow[i] &= (uint8_t)~dev->kept[i];
		else
			dev->shadow[i] &= (uint8_t)~dev->writable[i];
	for (i = 0; i < VM_PPTDEV_BARS; i++)
		if (dev->bar[i].size == 0 &&
		    (i == 0 || (dev->bar[i - 1].flags & VM_PPTDEV_BAR_64) == 0))
			memset(&dev->shadow[PCI_BASE_ADDRESS_0 + 4 * i], 0, 4);
	vfio_msix_reset(dev);
}

static int
config_check(uint32_t off, uint32_t len)
{
	if ((len == 1 || len == 2 || len == 4) && off % len == 0 &&
	    off < CONFIG_MAX)
		return 0;
	errno = EINVAL;
	return -1;
}

int
vm_pptdev_config_read(
    struct vm_pptdev *dev, uint32_t off, uint32_t len, uint32_t *value)
{
	uint8_t b[4] = { 0 };
	uint32_t i;
	int rc;

	if (config_check(off, len) == -1)
		return -1;
	*value = 0;
	/* What is not there reads as if nobody answered. */
	if (off + len > dev->config_size) {
		memset(value, 0xff, len);
		return 0;
	}
	pthread_mutex_lock(&dev->lock);
	rc = vfio_config_get(dev, off, b, len);
	for (i = 0; rc == 0 && off < VFIO_CONFIG && i < len; i++)
		b[i] = (uint8_t)((b[i] & ~dev->kept[off + i]) |
		    (dev->shadow[off + i] & dev->kept[off + i]));
	pthread_mutex_unlock(&dev->lock);
	if (rc == 0)
		memcpy(value, b, len);
	return rc;
}

/* What goes through to the device: all at once, or byte by byte. */
static int
config_pass(struct vm_pptdev *dev, uint32_t off, uint32_t len, const uint8_t *b)
{
	const struct vfio *v = dev->vfio;
	uint32_t i, whole = 0;
	uint8_t pass, old;

	for (i = 0; i < len; i++)
		whole += (dev->writable[off + i] &
			     (uint8_t)~dev->kept[off + i]) == 0xff;
	if (whole == len)
		return v->ops->pwrite(v->arg, dev->fd, b, len,
			   dev->config_off + off) == (ssize_t)len
		    ? 0
		    : -1;
	for (i = 0; i < len; i++) {
		pass = dev->writable[off + i] & (uint8_t)~dev->kept[off + i];
		if (pass == 0)
			continue;
		if (vfio_config_get(dev, off + i, &old, 1) == -1)
			return -1;
		/* Bits that a 1 clears are no row's neighbours. */
		old = (uint8_t)((old & ~pass) | (b[i] & pass));
		if (v->ops->pwrite(v->arg, dev->fd, &old, 1,
			dev->config_off + off + i) != 1)
			return -1;
	}
	return 0;
}

static int
config_apply_msi(struct vm_pptdev *dev)
{
	uint32_t cap = dev->cap_msi, low, high = 0, log, count;
	uint16_t flags = shadow_get16(dev, cap + PCI_MSI_FLAGS), data;

	if ((flags & PCI_MSI_FLAGS_ENABLE) == 0)
		return vfio_irq_msi(dev, 0, 0, 0);
	memcpy(&low, &dev->shadow[cap + PCI_MSI_ADDRESS_LO], sizeof(low));
	data = shadow_get16(dev, cap + PCI_MSI_DATA_32);
	if ((flags & PCI_MSI_FLAGS_64BIT) != 0) {
		memcpy(&high, &dev->shadow[cap + PCI_MSI_ADDRESS_HI], 4);
		data = shadow_get16(dev, cap + PCI_MSI_DATA_64);
	}
	log = (flags & PCI_MSI_FLAGS_QSIZE) >> 4;
	count = log > 5 ? 32 : 1U << log;
	if (count > dev->msi_limit)
		count = dev->msi_limit;
	return vfio_irq_msi(
	    dev, (uint64_t)high << 32 | low, data & ~(count - 1), count);
}

/* Brings into effect what a write to [off, off+len) may have switched. */
static int
config_apply(struct vm_pptdev *dev, uint32_t off, uint32_t len)
{
	uint32_t msi = dev->cap_msi, msix = dev->cap_msix;

	if (msi != 0 && off + len > msi && off < msi + PCI_MSI_DATA_64 + 2 &&
	    dev->msi_limit > 0)
		return config_apply_msi(dev);
	if (msix != 0 && off + len > msix + PCI_MSIX_FLAGS &&
	    off < msix + PCI_MSIX_FLAGS + 2)
		return vfio_msix_apply(dev, 0, dev->msix_limit);
	return 0;
}

/* Whether the guest asks PCI Express for a function level reset. */
static bool
config_reset_wanted(
    const struct vm_pptdev *dev, uint32_t off, uint32_t len, const uint8_t *b)
{
	uint32_t at = dev->cap_express + PCI_EXP_DEVCTL + 1U;

	return dev->cap_express != 0 && dev->can_reset && off <= at &&
	    at < off + len && (b[at - off] & PCI_EXP_DEVCTL_BCR_FLR >> 8) != 0;
}

int
vm_pptdev_config_write(
    struct vm_pptdev *dev, uint32_t off, uint32_t len, uint32_t value)
{
	uint8_t b[4], bits;
	uint32_t i;
	int rc;

	if (config_check(off, len) == -1)
		return -1;
	if (off >= VFIO_CONFIG)
		return 0;
	memcpy(b, &value, sizeof(b));
	pthread_mutex_lock(&dev->lock);
	for (i = 0; i < len; i++) {
		bits = dev->kept[off + i] & dev->writable[off + i];
		dev->shadow[off + i] =
		    (uint8_t)((dev->shadow[off + i] & ~bits) | (b[i] & bits));
	}
	rc = config_pass(dev, off, len, b);
	if (rc == 0)
		rc = config_reset_wanted(dev, off, len, b)
		    ? vfio_reset(dev)
		    : config_apply(dev, off, len);
	pthread_mutex_unlock(&dev->lock);
	return rc;
}
