/* SPDX-License-Identifier: ISC */
/*
 * The state of the PCI bus and of each function's configuration space.
 *
 * Runs in the VM process, machine lock held.  What a guest cannot write is not
 * taken but compared: a bus is loaded only into one with the same functions in
 * the same slots.  Which BAR answers is saved too, because of two at one place
 * it depends on who was first.
 */
#include <errno.h>
#include <string.h>

#include "pci/pci_state.h"
#include "pci/state.h"

struct pci_bus_state {
	uint32_t address;
	uint8_t reset_control;
	uint32_t slots; /* bit n: there is a function in slot n */
};

static const struct state_field pci_bus_fields[] = {
	STATE_BITS(struct pci_bus_state, address, CF8_KEPT),
	STATE_BITS(struct pci_bus_state, reset_control, CF9_KEPT),
	STATE_ANY(struct pci_bus_state, slots),
};
static const struct state_table pci_bus_table =
    STATE_TABLE("pci", 1, pci_bus_fields);

struct pci_function_state {
	uint8_t config[PCI_CONFIG_SIZE];
	bool line;
	uint8_t mapped; /* bit n: BAR n answers */
};

static const struct state_field pci_function_fields[] = {
	STATE_ARRAY(struct pci_function_state, config),
	STATE_BOOL(struct pci_function_state, line),
	STATE_BITS(struct pci_function_state, mapped, (1U << PCI_BARS) - 1),
};
static const struct state_table pci_function_table =
    STATE_TABLE("pci function", 1, pci_function_fields);

static uint32_t
pci_slots(const struct pci *pci)
{
	uint32_t slots = 0;

	for (unsigned int i = 0; i < PCI_SLOTS; i++)
		slots |= pci->slot[i] != NULL ? 1U << i : 0;
	return slots;
}

int
pci_save(struct pci *pci, struct state_buf *buf)
{
	const struct pci_bus_state bus = { .address = pci->address,
		.reset_control = pci->reset_control,
		.slots = pci_slots(pci) };

	if (state_save(buf, &pci_bus_table, &bus) == -1)
		return -1;
	for (unsigned int i = 0; i < PCI_SLOTS; i++) {
		const struct pci_device *dev = pci->slot[i];
		struct pci_function_state f = { .mapped = 0 };

		if (dev == NULL)
			continue;
		memcpy(f.config, dev->config, sizeof(f.config));
		f.line = dev->line;
		for (unsigned int n = 0; n < PCI_BARS; n++)
			if (dev->bar[n].mapped)
				f.mapped |= (uint8_t)(1U << n);
		if (state_save(buf, &pci_function_table, &f) == -1)
			return -1;
	}
	return 0;
}

static int
pci_load_function(struct state_buf *buf, const struct pci_device *dev,
    struct pci_function_state *f)
{
	struct pci_device copy = *dev;
	bool same = true, wanted = true;

	if (state_load(buf, &pci_function_table, f) == -1)
		return -1;
	for (unsigned int i = 0; i < PCI_CONFIG_SIZE; i++) {
		uint8_t fixed = (uint8_t)~dev->wmask[i];

		if (i == REG_STATUS)
			fixed &= (uint8_t)~STATUS_INTX;
		same &= ((f->config[i] ^ dev->first[i]) & fixed) == 0;
	}
	memcpy(copy.config, f->config, sizeof(copy.config));
	for (unsigned int n = 0; n < PCI_BARS; n++)
		wanted &= !(f->mapped & 1U << n) || pci_bar_wanted(&copy, n);
	if (state_check(buf, &pci_function_table, "config", same) == -1 ||
	    state_check(buf, &pci_function_table, "line",
		f->line == ((f->config[REG_STATUS] & STATUS_INTX) != 0)) == -1)
		return -1;
	return state_check(buf, &pci_function_table, "mapped", wanted);
}

/* A BAR that answers and shall not, or elsewhere. */
static void
pci_unmap_function(struct pci_device *dev, const struct pci_function_state *f)
{
	struct pci_device copy = *dev;

	memcpy(copy.config, f->config, sizeof(copy.config));
	for (unsigned int n = 0; n < PCI_BARS; n++)
		if (dev->bar[n].mapped &&
		    (!(f->mapped & 1U << n) ||
			dev->bar[n].mapped_at != pci_bar_addr(&copy, n)))
			pci_bar_unmap(dev, n);
}

int
pci_load(struct pci *pci, struct state_buf *buf)
{
	struct pci_function_state f[PCI_SLOTS];
	struct pci_bus_state bus;

	if (state_load(buf, &pci_bus_table, &bus) == -1 ||
	    state_check(buf, &pci_bus_table, "slots",
		bus.slots == pci_slots(pci)) == -1)
		return -1;
	for (unsigned int i = 0; i < PCI_SLOTS; i++)
		if (pci->slot[i] != NULL &&
		    pci_load_function(buf, pci->slot[i], &f[i]) == -1)
			return -1;
	if (buf->check)
		return 0;
	pci->address = bus.address;
	pci->reset_control = bus.reset_control;
	/* First all places become free, then they are taken. */
	for (unsigned int i = 0; i < PCI_SLOTS; i++)
		if (pci->slot[i] != NULL)
			pci_unmap_function(pci->slot[i], &f[i]);
	for (unsigned int i = 0; i < PCI_SLOTS; i++) {
		struct pci_device *dev = pci->slot[i];

		if (dev == NULL)
			continue;
		memcpy(dev->config, f[i].config, sizeof(dev->config));
		dev->line = f[i].line;
		for (unsigned int n = 0; n < PCI_BARS; n++)
			if ((f[i].mapped & 1U << n) && !dev->bar[n].mapped)
				pci_bar_map(dev, n);
	}
	pci_update_lines(pci);
	return 0;
}
