/* SPDX-License-Identifier: ISC */
/*
 * PCI bus 0: configuration mechanism #1, BARs, capabilities, INTx lines.
 *
 * Runs in the VM process, machine lock held.  Numbers are those of the PCI
 * Local Bus Specification 3.0, chapter 6.  A BAR that the guest points at
 * something else's range is not mapped until it moves away: no chip can be
 * taken over by a BAR.
 */
#include "pci/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pci/hostbridge.h"
#include "pci/pci_state.h"

#define CF8_BASE 0xcf8
#define CF8_SIZE 8
#define CF8_ENABLE 0x80000000U
#define CF9_RESET 0x04 /* a write with this bit resets the machine */

#define REG_COMMAND 0x04
#define COMMAND_IO 0x0001
#define COMMAND_MEM 0x0002
#define COMMAND_MASTER 0x0004
#define COMMAND_INTX_OFF 0x0400
#define COMMAND_WMASK 0x0547
#define STATUS_CAPS 0x10
#define REG_HEADER 0x0e
#define REG_BAR(n) (0x10 + 4 * (n))
#define REG_SUBSYSTEM 0x2c
#define REG_CAP_LIST 0x34
#define REG_INT_LINE 0x3c
#define REG_INT_PIN 0x3d
#define CAPS_FIRST 0x40

/* First addresses of BARs; firmware and kernels may move them. */
#define IO_BASE 0xc000U
#define IO_END 0x10000U
#define MEM_BASE 0xfe000000U /* in the window of the DSDT */
#define MEM_END 0xfebf0000U
/* Below it a memory BAR would lie in RAM, above it in the APICs and ROM. */
#define HOLE_END 0xfec00000ULL

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

static uint32_t
get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static uint16_t
pci_command(const struct pci_device *dev)
{
	return (uint16_t)(dev->config[REG_COMMAND] |
	    dev->config[REG_COMMAND + 1] << 8);
}

/* --- interrupt lines ----------------------------------------------------- */

void
pci_update_lines(struct pci *pci)
{
	bool level[GSI_COUNT] = { false };

	for (unsigned int i = 0; i < PCI_SLOTS; i++) {
		struct pci_device *dev = pci->slot[i];
		int pic;

		if (dev == NULL || !dev->line ||
		    (pci_command(dev) & COMMAND_INTX_OFF))
			continue;
		/* The input of the PIC and the pin of the IOAPIC are one GSI,
		 * and the one that the DSDT names for the slot. */
		if ((pic = hostbridge_pirq(pci->isa, i - 1)) != -1)
			level[pic] = true;
	}
	for (unsigned int gsi = 0; gsi < GSI_COUNT; gsi++) {
		if (level[gsi] == pci->level[gsi])
			continue;
		pci->level[gsi] = level[gsi];
		pci->machine->irq(pci->machine->arg, gsi, level[gsi]);
	}
}

void
pci_set_intx(struct pci_device *dev, bool level)
{
	if (dev->line == level)
		return;
	dev->line = level;
	if (level)
		dev->config[REG_STATUS] |= STATUS_INTX;
	else
		dev->config[REG_STATUS] &= (uint8_t)~STATUS_INTX;
	pci_update_lines(dev->pci);
}

/* --- BARs ---------------------------------------------------------------- */

uint32_t
pci_bar_addr(const struct pci_device *dev, unsigned int bar)
{
	return get32(dev->config + REG_BAR(bar)) & ~(dev->bar[bar].size - 1);
}

bool
pci_bar_is_mapped(const struct pci_device *dev, unsigned int bar)
{
	return bar < PCI_BARS && dev->bar[bar].mapped;
}

bool
pci_bar_wanted(const struct pci_device *dev, unsigned int n)
{
	const struct pci_bar *bar = &dev->bar[n];
	uint64_t addr = pci_bar_addr(dev, n);

	if (bar->size == 0 || addr == 0)
		return false;
	if (bar->space == BUS_PIO)
		return (pci_command(dev) & COMMAND_IO) &&
		    addr + bar->size <= IO_END;
	return (pci_command(dev) & COMMAND_MEM) &&
	    addr >= dev->pci->machine->lowmem && addr + bar->size <= HOLE_END;
}

void
pci_bar_unmap(struct pci_device *dev, unsigned int n)
{
	struct pci_bar *bar = &dev->bar[n];

	bus_remove(dev->pci->machine->bus, bar->space, bar->mapped_at);
	bar->mapped = false;
	if (dev->ops->bar_mapped != NULL)
		dev->ops->bar_mapped(dev->arg, n, false);
}

void
pci_bar_map(struct pci_device *dev, unsigned int n)
{
	struct pci_bar *bar = &dev->bar[n];
	uint32_t addr = pci_bar_addr(dev, n);

	if (bus_add(dev->pci->machine->bus, bar->space, addr, bar->size,
		dev->name, bar->ops, bar->arg) == -1)
		return;
	bar->mapped = true;
	bar->mapped_at = addr;
	if (dev->ops->bar_mapped != NULL)
		dev->ops->bar_mapped(dev->arg, n, true);
}

static void
pci_update_bars(struct pci_device *dev)
{
	for (unsigned int n = 0; n < PCI_BARS; n++) {
		bool wanted = pci_bar_wanted(dev, n);

		if (dev->bar[n].mapped &&
		    (!wanted || dev->bar[n].mapped_at != pci_bar_addr(dev, n)))
			pci_bar_unmap(dev, n);
		if (wanted && !dev->bar[n].mapped)
			pci_bar_map(dev, n);
	}
}

int
pci_add_bar(struct pci_device *dev, unsigned int n, enum bus_space space,
    uint32_t size, const struct bus_ops *ops, void *arg)
{
	struct pci *pci = dev->pci;
	uint32_t *next = space == BUS_PIO ? &pci->io_next : &pci->mem_next;
	uint32_t end = space == BUS_PIO ? IO_END : MEM_END;
	uint32_t addr = (*next + size - 1) & ~(size - 1);

	if (addr > end || size > end - addr) {
		errno = ENOSPC;
		return -1;
	}
	*next = addr + size;
	dev->bar[n] = (struct pci_bar) {
		.ops = ops, .arg = arg, .space = space, .size = size
	};
	put32(dev->config + REG_BAR(n), addr | (space == BUS_PIO ? 1 : 0));
	put32(dev->wmask + REG_BAR(n), ~(size - 1));
	pci_config_done(dev);
	return 0;
}

static bool
pci_bar_has(const struct pci_device *dev, unsigned int bar, uint32_t off,
    unsigned int len)
{
	return bar < PCI_BARS && off < dev->bar[bar].size &&
	    len <= dev->bar[bar].size - off;
}

uint64_t
pci_bar_read(
    struct pci_device *dev, unsigned int bar, uint32_t off, unsigned int len)
{
	if (!pci_bar_has(dev, bar, off, len))
		return ~0ULL;
	return dev->bar[bar].ops->read(dev->bar[bar].arg, off, len);
}

void
pci_bar_write(struct pci_device *dev, unsigned int bar, uint32_t off,
    unsigned int len, uint64_t value)
{
	if (pci_bar_has(dev, bar, off, len))
		dev->bar[bar].ops->write(dev->bar[bar].arg, off, len, value);
}

/* --- configuration space ------------------------------------------------- */

uint32_t
pci_config_read(struct pci_device *dev, unsigned int off, unsigned int len)
{
	uint32_t value = 0;

	if (off + len > PCI_CONFIG_SIZE || len > 4)
		return ~0U;
	if (dev->ops->config_read != NULL)
		dev->ops->config_read(dev->arg, off, len);
	for (unsigned int i = 0; i < len; i++)
		value |= (uint32_t)dev->config[off + i] << 8 * i;
	return value;
}

void
pci_config_write(
    struct pci_device *dev, unsigned int off, unsigned int len, uint32_t value)
{
	if (off + len > PCI_CONFIG_SIZE || len > 4)
		return;
	for (unsigned int i = 0; i < len; i++) {
		uint8_t mask = dev->wmask[off + i];

		dev->config[off + i] =
		    (uint8_t)((dev->config[off + i] & ~mask) |
			((value >> 8 * i) & mask));
	}
	if (off < REG_BAR(PCI_BARS))
		pci_update_bars(dev);
	if (off < REG_STATUS || dev == dev->pci->isa)
		pci_update_lines(dev->pci);
	if (dev->ops->config_write != NULL)
		dev->ops->config_write(dev->arg, off, len);
}

/* The device and register that 0xcf8 selects, NULL when there is none. */
static struct pci_device *
pci_selected(struct pci *pci, uint64_t off, unsigned int len, unsigned int *reg)
{
	uint32_t a = pci->address;

	if (!(a & CF8_ENABLE) || off < 4 || off + len > CF8_SIZE ||
	    ((a >> 8) & 0xff07) != 0)
		return NULL;
	*reg = (a & 0xfc) + (unsigned int)off - 4;
	return pci->slot[(a >> 11) & (PCI_SLOTS - 1)];
}

static uint64_t
pci_port_read(void *arg, uint64_t off, unsigned int len)
{
	struct pci *pci = arg;
	struct pci_device *dev;
	unsigned int reg;

	if (off == 0 && len == 4)
		return pci->address;
	if (off == 1 && len == 1)
		return pci->reset_control;
	if ((dev = pci_selected(pci, off, len, &reg)) == NULL)
		return ~0ULL;
	return pci_config_read(dev, reg, len);
}

static void
pci_port_write(void *arg, uint64_t off, unsigned int len, uint64_t value)
{
	struct pci *pci = arg;
	struct pci_device *dev;
	unsigned int reg;

	if (off == 0 && len == 4)
		pci->address = (uint32_t)value & CF8_KEPT;
	else if (off == 1 && len == 1) {
		pci->reset_control = value & CF9_KEPT;
		if (value & CF9_RESET)
			pci->machine->power(pci->machine->arg, POWER_RESET);
	} else if ((dev = pci_selected(pci, off, len, &reg)) != NULL)
		pci_config_write(dev, reg, len, (uint32_t)value);
}

static const struct bus_ops pci_ports = {
	.read = pci_port_read,
	.write = pci_port_write,
};

uint8_t *
pci_config(struct pci_device *dev)
{
	return dev->config;
}

uint8_t *
pci_config_wmask(struct pci_device *dev)
{
	return dev->wmask;
}

void
pci_config_done(struct pci_device *dev)
{
	memcpy(dev->first, dev->config, sizeof(dev->first));
}

int
pci_add_cap(struct pci_device *dev, const uint8_t *cap, unsigned int len)
{
	unsigned int off = (dev->cap_end + 3) & ~3U;

	if (off + len > PCI_CONFIG_SIZE) {
		errno = ENOSPC;
		return -1;
	}
	memcpy(dev->config + off, cap, len);
	dev->config[off + 1] = 0;
	dev->config[dev->cap_last] = (uint8_t)off;
	dev->config[REG_STATUS] |= STATUS_CAPS;
	dev->cap_last = off + 1;
	dev->cap_end = off + len;
	pci_config_done(dev);
	return (int)off;
}

bool
pci_is_bus_master(const struct pci_device *dev)
{
	return pci_command(dev) & COMMAND_MASTER;
}

/* --- bus and devices ----------------------------------------------------- */

static void
pci_fill_config(struct pci_device *dev, const struct pci_ids *ids)
{
	uint8_t *c = dev->config;

	put16(c, ids->vendor);
	put16(c + 2, ids->device);
	put32(c + 8, ids->class << 8 | ids->revision);
	put16(c + REG_SUBSYSTEM, ids->sub_vendor);
	put16(c + REG_SUBSYSTEM + 2, ids->sub_device);
	c[REG_HEADER] = ids->multifunction ? 0x80 : 0;
	put16(dev->wmask + REG_COMMAND, COMMAND_WMASK);
	dev->wmask[0x0c] = 0xff; /* cache line size, latency timer */
	dev->wmask[0x0d] = 0xff;
	if (ids->intx) {
		int pic = hostbridge_pirq(dev->pci->isa, dev->slot - 1);

		c[REG_INT_PIN] = 1;
		c[REG_INT_LINE] = pic == -1 ? 0 : (uint8_t)pic;
		dev->wmask[REG_INT_LINE] = 0xff;
	}
}

struct pci_device *
pci_add(struct pci *pci, int slot, const char *name, const struct pci_ids *ids,
    const struct pci_device_ops *ops, void *arg)
{
	struct pci_device *dev;
	unsigned int n = slot < 0 ? 0 : (unsigned int)slot;

	while (slot < 0 && n < PCI_SLOTS && pci->slot[n] != NULL)
		n++;
	if (n >= PCI_SLOTS) {
		errno = ENOSPC;
		return NULL;
	}
	if (pci->slot[n] != NULL) {
		errno = EEXIST;
		return NULL;
	}
	if ((dev = calloc(1, sizeof(*dev))) == NULL)
		return NULL;
	dev->pci = pci;
	dev->name = name;
	dev->ops = ops;
	dev->arg = arg;
	dev->slot = n;
	dev->cap_last = REG_CAP_LIST;
	dev->cap_end = CAPS_FIRST;
	pci_fill_config(dev, ids);
	pci_config_done(dev);
	pci->slot[n] = dev;
	return dev;
}

void
pci_remove(struct pci_device *dev)
{
	struct pci *pci = dev->pci;

	pci_set_intx(dev, false);
	for (unsigned int n = 0; n < PCI_BARS; n++)
		if (dev->bar[n].mapped)
			bus_remove(pci->machine->bus, dev->bar[n].space,
			    dev->bar[n].mapped_at);
	pci->slot[dev->slot] = NULL;
	free(dev);
}

unsigned int
pci_slot(const struct pci_device *dev)
{
	return dev->slot;
}

struct pci *
pci_of(const struct pci_device *dev)
{
	return dev->pci;
}

struct pci *
pci_new(struct machine *machine, const struct pci_host *host)
{
	struct pci *pci = calloc(1, sizeof(*pci));

	if (pci == NULL)
		return NULL;
	pci->machine = machine;
	pci->host = host;
	pci->io_next = IO_BASE;
	pci->mem_next = MEM_BASE;
	if (hostbridge_add(pci, &pci->isa) == -1 ||
	    bus_add(machine->bus, BUS_PIO, CF8_BASE, CF8_SIZE, "pci",
		&pci_ports, pci) == -1) {
		int error = errno;

		for (unsigned int i = 0; i < PCI_SLOTS; i++)
			free(pci->slot[i]);
		free(pci);
		errno = error;
		return NULL;
	}
	return pci;
}

void
pci_free(struct pci *pci)
{
	if (pci == NULL)
		return;
	for (unsigned int i = 0; i < PCI_SLOTS; i++)
		if (pci->slot[i] != NULL)
			pci_remove(pci->slot[i]);
	bus_remove(pci->machine->bus, BUS_PIO, CF8_BASE);
	free(pci);
}

void
pci_reset(struct pci *pci)
{
	pci->address = 0;
	pci->reset_control = 0;
	for (unsigned int i = 0; i < PCI_SLOTS; i++) {
		struct pci_device *dev = pci->slot[i];

		if (dev == NULL)
			continue;
		memcpy(dev->config, dev->first, sizeof(dev->config));
		dev->line = false;
		pci_update_bars(dev);
		if (dev->ops->reset != NULL)
			dev->ops->reset(dev->arg);
	}
	pci_update_lines(pci);
}

const struct pci_host *
pci_get_host(struct pci *pci)
{
	return pci->host;
}

struct machine *
pci_get_machine(struct pci *pci)
{
	return pci->machine;
}
