/* SPDX-License-Identifier: ISC */
/*
 * The MSI-X table of an assigned device as its guest sees it.  The real one is
 * the host kernel's: addresses and data that a guest writes are only routes of
 * its own VM.  The device's lock is held.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "pptdev.h"

#define ENTRY_WORDS (VFIO_TABLE_ENTRY / 4)
#define MASKED PCI_MSIX_ENTRY_CTRL_MASKBIT

/* The guest's control word of MSI-X; 0: it is not there. */
static uint16_t
msix_control(const struct vm_pptdev *dev)
{
	uint16_t control = 0;

	if (dev->cap_msix != 0)
		memcpy(&control, &dev->shadow[dev->cap_msix + PCI_MSIX_FLAGS],
		    sizeof(control));
	return control;
}

/* Gives up when the first of them cannot be set. */
int
vfio_msix_apply(struct vm_pptdev *dev, uint32_t first, uint32_t count)
{
	uint16_t control = msix_control(dev);
	const struct vfio_entry *e;
	uint32_t i, mask;

	if ((control & PCI_MSIX_FLAGS_ENABLE) == 0)
		return vfio_irq_end(dev, VFIO_IRQ_MSIX);
	if (vfio_irq_msix_on(dev) == -1)
		return -1;
	for (i = first; i < first + count; i++) {
		e = &dev->table[i];
		mask = e->word[PCI_MSIX_ENTRY_VECTOR_CTRL / 4] & MASKED;
		if ((control & PCI_MSIX_FLAGS_MASKALL) != 0)
			mask = MASKED;
		/* Until it is used the device itself remembers. */
		if (mask != 0 && dev->vector[i].fd == -1)
			continue;
		if (vfio_irq_msix(dev, i,
			(uint64_t)e->word[PCI_MSIX_ENTRY_UPPER_ADDR / 4] << 32 |
			    e->word[PCI_MSIX_ENTRY_LOWER_ADDR / 4],
			e->word[PCI_MSIX_ENTRY_DATA / 4], mask) == -1)
			return -1;
	}
	return 0;
}

/* Whole words only (PCI 3.0, 6.8.2: anything else is undefined). */
static int
msix_check(const struct vm_pptdev *dev, uint64_t off, uint32_t len)
{
	if ((len == 4 || len == 8) && off % len == 0 &&
	    off <= (uint64_t)dev->msix_limit * VFIO_TABLE_ENTRY - len)
		return 0;
	errno = EINVAL;
	return -1;
}

int
vfio_msix_read(
    struct vm_pptdev *dev, uint64_t off, uint32_t len, uint64_t *value)
{
	if (msix_check(dev, off, len) == -1)
		return -1;
	*value = 0;
	memcpy(value, (const uint8_t *)dev->table + off, len);
	return 0;
}

int
vfio_msix_write(
    struct vm_pptdev *dev, uint64_t off, uint32_t len, uint64_t value)
{
	uint32_t idx = (uint32_t)(off / VFIO_TABLE_ENTRY);

	if (msix_check(dev, off, len) == -1)
		return -1;
	memcpy((uint8_t *)dev->table + off, &value, len);
	return vfio_msix_apply(dev, idx, 1);
}

void
vfio_msix_reset(struct vm_pptdev *dev)
{
	uint32_t i;

	if (dev->table == NULL)
		return;
	memset(dev->table, 0, dev->msix_limit * sizeof(dev->table[0]));
	for (i = 0; i < dev->msix_limit; i++)
		dev->table[i].word[PCI_MSIX_ENTRY_VECTOR_CTRL / 4] = MASKED;
}
