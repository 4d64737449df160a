/* SPDX-License-Identifier: ISC */
/*
 * What pci.c (the bus and its registers) and pci_save.c (their state as bytes)
 * share; for these two files only.
 */
#ifndef PCI_STATE_H
#define PCI_STATE_H

#include "pci/pci.h"

#define CF8_KEPT 0x80fffffcU
#define CF9_KEPT 0x0a
#define REG_STATUS 0x06
#define STATUS_INTX 0x08
#define GSI_COUNT 16

struct pci_bar {
	const struct bus_ops *ops;
	void *arg;
	enum bus_space space;
	uint32_t size; /* 0: no such BAR */
	uint32_t mapped_at;
	bool mapped;
};

struct pci_device {
	struct pci *pci;
	const char *name;
	const struct pci_device_ops *ops;
	void *arg;
	unsigned int slot;
	unsigned int cap_last; /* where the link to the next one is */
	unsigned int cap_end;
	bool line;
	struct pci_bar bar[PCI_BARS];
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t wmask[PCI_CONFIG_SIZE];
	uint8_t first[PCI_CONFIG_SIZE]; /* values of a reset */
};

struct pci {
	struct machine *machine;
	const struct pci_host *host;
	struct pci_device *slot[PCI_SLOTS];
	struct pci_device *isa;
	uint32_t address; /* of 0xcf8 */
	uint8_t reset_control; /* of 0xcf9 */
	uint32_t io_next;
	uint32_t mem_next;
	bool level[GSI_COUNT];
};

/* Sets every line that the devices' levels and the routes now give. */
void pci_update_lines(struct pci *);
/* Whether the guest wants the BAR to answer where it may. */
bool pci_bar_wanted(const struct pci_device *, unsigned int bar);
/* Lets a BAR that is wanted answer, unless something else is there; and one
 * that answers no more. */
void pci_bar_map(struct pci_device *, unsigned int bar);
void pci_bar_unmap(struct pci_device *, unsigned int bar);

#endif /* PCI_STATE_H */
