/* SPDX-License-Identifier: ISC */
/*
 * PCI bus 0 of a VM: configuration space by mechanism #1, BARs and legacy
 * interrupts.
 *
 * Runs in the VM process.  Every call is made with the machine lock held.  The
 * table of slots owns the addresses: a device's BARs answer on the bus exactly
 * while the guest decodes them and no other range is in their way.
 */
#ifndef PCI_H
#define PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "pci/bus.h"
#include "pci/machine.h"

#define PCI_SLOTS 32
#define PCI_BARS 6
#define PCI_CONFIG_SIZE 256

/*
 * What PCI needs of KVM and of the VM process's event loop.  All calls are made
 * with the machine lock held, and the ready functions must be too.
 */
struct pci_host {
	void *arg; /* passed back in each call */
	/* A guest's write of len bytes to a port signals fd, which is
	 * borrowed until the removal with the same values. -1 with errno. */
	int (*ioeventfd_add)(
	    void *arg, uint16_t port, unsigned int len, int fd);
	void (*ioeventfd_remove)(
	    void *arg, uint16_t port, unsigned int len, int fd);
	/* fd (borrowed until removal), once signalled, sends the MSI.  What is
	 * pending in it already is sent at once.  Returns a handle >= 0, or -1
	 * with errno. */
	int (*irqfd_add)(void *arg, int fd, uint64_t addr, uint32_t data);
	/* Gives it another message.  -1 with errno. */
	int (*irqfd_update)(
	    void *arg, int handle, uint64_t addr, uint32_t data);
	void (*irqfd_remove)(void *arg, int handle, int fd);
	/* Calls ready(cb_arg) whenever fd (borrowed) is readable.  Returns a
	 * handle for unwatch, NULL with errno.  unwatch may be called from
	 * within ready. */
	void *(*watch)(
	    void *arg, int fd, void (*ready)(void *cb_arg), void *cb_arg);
	void (*unwatch)(void *arg, void *handle);
};

struct pci;
struct pci_device;
struct state_buf;

/* What a device adds to the registers that pci.c keeps. NULL: nothing. */
struct pci_device_ops {
	/* Before a read, and after a write, of config [off, off + len). */
	void (*config_read)(void *arg, unsigned int off, unsigned int len);
	void (*config_write)(void *arg, unsigned int off, unsigned int len);
	/* A BAR begins (true) or ceases to answer at pci_bar_addr(). */
	void (*bar_mapped)(void *arg, unsigned int bar, bool mapped);
	/* The machine is reset; configuration space has its first values. */
	void (*reset)(void *arg);
};

struct pci_ids {
	uint16_t vendor;
	uint16_t device;
	uint16_t sub_vendor;
	uint16_t sub_device;
	uint32_t class; /* class, subclass, interface: 24 bits */
	uint8_t revision;
	bool intx; /* has interrupt pin INTA */
	bool multifunction;
};

/* With the host bridge in slot 0 and the ISA bridge in slot 1.  Borrows
 * machine and host.  Returns owned; NULL with errno. */
struct pci *pci_new(struct machine *, const struct pci_host *);
/* Frees the bus with the bridges; all other devices are removed already. */
void pci_free(struct pci *);
/* Power-on state: all registers and BARs as at first. */
void pci_reset(struct pci *);
const struct pci_host *pci_get_host(struct pci *);
struct machine *pci_get_machine(struct pci *);

/* slot -1: the first free one.  Borrows name, ops and arg.  Returns borrowed
 * until pci_remove; NULL with errno ENOSPC or EEXIST. */
struct pci_device *pci_add(struct pci *, int slot, const char *name,
    const struct pci_ids *, const struct pci_device_ops *, void *arg);
/* Takes the device off the bus and frees it. */
void pci_remove(struct pci_device *);
unsigned int pci_slot(const struct pci_device *);
struct pci *pci_of(const struct pci_device *);

/* Gives the device a BAR of size (a power of two) and an address.  Borrows ops
 * and arg.  -1 with errno ENOSPC when the window is full. */
int pci_add_bar(struct pci_device *, unsigned int bar, enum bus_space,
    uint32_t size, const struct bus_ops *ops, void *arg);
/* An access to a BAR by another way than the bus.  0 or all ones where there
 * is no such BAR or the access leaves it. */
uint64_t pci_bar_read(
    struct pci_device *, unsigned int bar, uint32_t off, unsigned int len);
void pci_bar_write(struct pci_device *, unsigned int bar, uint32_t off,
    unsigned int len, uint64_t value);
uint32_t pci_bar_addr(const struct pci_device *, unsigned int bar);
bool pci_bar_is_mapped(const struct pci_device *, unsigned int bar);

/* Appends a capability of len bytes (cap[0] is its id; the link is set here).
 * Returns its offset, or -1 with errno ENOSPC. */
int pci_add_cap(struct pci_device *, const uint8_t *cap, unsigned int len);
/* The 256 bytes, borrowed; and the mask of bits the guest may write. */
uint8_t *pci_config(struct pci_device *);
uint8_t *pci_config_wmask(struct pci_device *);
/* After registers were set up by hand: these are the values of a reset.  The
 * functions that add things do so by themselves. */
void pci_config_done(struct pci_device *);

/* The level of the device's INTA line. */
void pci_set_intx(struct pci_device *, bool level);
bool pci_is_bus_master(const struct pci_device *);

/*
 * State as in pci/state.h, of the bus, its bridges and every function's
 * configuration space.  It fits only a bus with the same functions; an error
 * leaves the bus as it was.  A BAR that answered and now finds another range
 * in its place does not answer.
 */
int pci_save(struct pci *, struct state_buf *);
int pci_load(struct pci *, struct state_buf *);

/* Configuration accesses, 1, 2 or 4 bytes within one dword. */
uint32_t pci_config_read(
    struct pci_device *, unsigned int off, unsigned int len);
void pci_config_write(
    struct pci_device *, unsigned int off, unsigned int len, uint32_t value);

#endif /* PCI_H */
