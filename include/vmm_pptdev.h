/* SPDX-License-Identifier: ISC */
/*
 * PCI devices of the host given to a guest, by VFIO.  The guest's memory is
 * what the device can reach and no more; its interrupts go from VFIO to KVM
 * by eventfds and never pass this process.  Rules as in vmm.h: 0 or -1 with
 * errno, no log, any thread unless said otherwise.
 *
 * The host's administrator has bound the device to the driver vfio-pci before.
 * Errors that any function may return: ENODEV, the device is gone, and what
 * the system calls underneath return; vm_pptdev_hint() has a sentence on each.
 */
#ifndef VMM_PPTDEV_H
#define VMM_PPTDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;
struct vm_pptdev;

#define VM_PPTDEV_BARS 6 /* numbers 0..5 */
#define VM_PPTDEV_ROM 6 /* the expansion ROM as a BAR: to be read */

/*
 * Gives the device at a PCI address ("0000:03:00.0") to the VM, which borrows
 * it until vm_unassign_pptdev() or vm_destroy().  All memory of the VM, now
 * and later, is locked and mapped for DMA at its guest physical address; what
 * devices write there vm_dirty_get() does not see, and therefore snapshots are
 * neither taken nor restored meanwhile (ENOTSUP).  Errors, in the order in
 * which they are looked for:
 *	EINVAL	not a PCI address
 *	ENOTSUP	the host has no IOMMU, or none in front of this device
 *	ENODEV	there is no such device
 *	EUNATCH	it is not bound to vfio-pci
 *	ENOENT	VFIO is not loaded
 *	EACCES, EPERM	no permission for /dev/vfio, or interrupts are unsafe
 *	EBUSY	another process has it, or this VM has it already
 *	EXDEV	a driver of the host has another device of its IOMMU group
 *	ERANGE	the IOMMU cannot reach all addresses of guest memory
 *	ENOMEM	the guest's memory cannot be locked
 */
int vm_assign_pptdev(
    struct vm *vm, const char *address, struct vm_pptdev **devp);

/*
 * Takes the device back: interrupts, mapped BARs and, with the last device,
 * the mappings for DMA are gone, and the kernel resets it.  Needs the device
 * for itself, with no vCPU that uses its BARs.  NULL is allowed.
 */
void vm_unassign_pptdev(struct vm_pptdev *dev);

/* What to do about errno of these functions: one sentence, static storage. */
const char *vm_pptdev_hint(int err);

/*
 * As after power-up, with no messages and no BAR mapped; the line of
 * vm_setup_intx() stays.  ENOTSUP: it has no reset.
 */
int vm_reset_pptdev(struct vm_pptdev *dev);

/* --- BARs ---------------------------------------------------------------- */

#define VM_PPTDEV_BAR_IO 0x1U /* ports, not memory */
#define VM_PPTDEV_BAR_64 0x2U /* the next number is its upper half */
#define VM_PPTDEV_BAR_PREFETCH 0x4U

struct vm_pptdev_bar {
	uint64_t size; /* bytes; 0: there is none */
	uint64_t mappable; /* bytes that vm_map_pptdev_mmio() maps */
	uint64_t guest; /* where the guest's register has it; 0: nowhere */
	uint32_t flags; /* VM_PPTDEV_BAR_* */
};

/* EINVAL: bar is none of 0..VM_PPTDEV_ROM. */
int vm_get_pptdev_bar(
    struct vm_pptdev *dev, int bar, struct vm_pptdev_bar *info);

/*
 * Maps a memory BAR at gpa, so that the guest's accesses go to the device
 * without an exit.  Pages that only the host may touch (the MSI-X table's) and
 * BARs smaller than a page are left out: accesses there are VM_EXIT_MMIO, for
 * vm_pptdev_bar_read() and _write().  EINVAL: no such memory BAR, gpa not page
 * aligned; EEXIST: overlap with memory; EALREADY: it is mapped; ENOSPC: no
 * slot left.  The other functions on memory do not see it.
 */
int vm_map_pptdev_mmio(struct vm_pptdev *dev, int bar, uint64_t gpa);

/* ENOENT: it is not mapped. */
int vm_unmap_pptdev_mmio(struct vm_pptdev *dev, int bar);

/*
 * The guest's access of len (1, 2, 4, 8) bytes at off of a BAR, for what is
 * not mapped and for ports.  The MSI-X table is libvmm's own: a write there
 * has the effect of vm_setup_msix().  EINVAL: not inside the BAR, not aligned.
 */
int vm_pptdev_bar_read(struct vm_pptdev *dev, int bar, uint64_t off,
    uint32_t len, uint64_t *value);
int vm_pptdev_bar_write(
    struct vm_pptdev *dev, int bar, uint64_t off, uint32_t len, uint64_t value);

/* --- configuration space ------------------------------------------------- */

/*
 * The guest's access of len (1, 2, 4) bytes at off, below 4096.  BARs, MSI,
 * MSI-X, the power state and the interrupt line are kept by libvmm; switching
 * MSI or MSI-X there has the effect of vm_setup_msi() and vm_setup_msix(),
 * a function level reset that of vm_reset_pptdev().  What could harm the
 * device beyond this guest, and all beyond byte 255, cannot be written: such a
 * write is ignored, as hardware does.  EINVAL: off or len, not aligned.
 */
int vm_pptdev_config_read(
    struct vm_pptdev *dev, uint32_t off, uint32_t len, uint32_t *value);
int vm_pptdev_config_write(
    struct vm_pptdev *dev, uint32_t off, uint32_t len, uint32_t value);

/*
 * --- interrupts: one kind at a time, needs VM_IRQCHIP ---
 *
 * Who hands all of a guest's accesses to the functions above needs only
 * vm_setup_intx() of these; the others are for who keeps the registers of MSI
 * and MSI-X himself, and the two do not mix.
 */

/* How many vectors it has of each kind; 0: not that kind. */
int vm_get_pptdev_limits(
    struct vm_pptdev *dev, int *msi_limit, int *msix_limit);

/*
 * The device's INTA raises line gsi until the guest's EOI, while neither MSI
 * nor MSI-X is on; gsi -1: no more.  ENOTSUP: it has none; EINVAL: no line.
 */
int vm_setup_intx(struct vm_pptdev *dev, int gsi);

/*
 * Vectors 0..count-1 are the messages (addr, data) to (addr, data+count-1);
 * count 0: no more MSI.  EINVAL: not a power of two, or over the limit;
 * ENOSPC: no interrupt route, or no vector of the host, is left.
 */
int vm_setup_msi(
    struct vm_pptdev *dev, uint64_t addr, uint32_t data, uint32_t count);

/*
 * One entry of the MSI-X table.  Bit 0 of control masks it: what the device
 * sends meanwhile comes when it is unmasked.  EINVAL: idx is over the limit.
 */
int vm_setup_msix(struct vm_pptdev *dev, uint32_t idx, uint64_t addr,
    uint32_t data, uint32_t control);
int vm_disable_msix(struct vm_pptdev *dev);

enum vm_pptdev_event {
	VM_PPTDEV_EVENT_ERROR, /* the device reported a fatal error */
	VM_PPTDEV_EVENT_REQUEST, /* the host wants it back: unassign it soon */
};

/*
 * Has an event counted on eventfd fd, which is borrowed until -1 is set.
 * ENOTSUP: this kernel does not report it.
 */
int vm_pptdev_notify(struct vm_pptdev *dev, enum vm_pptdev_event event, int fd);

#endif /* VMM_PPTDEV_H */
