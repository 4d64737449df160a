/* SPDX-License-Identifier: ISC */
/*
 * See genid.h.  Runs in the VM process with the machine lock held.  The ID is
 * in RAM that the memory map reserves, at an address that only the machine
 * decides (boot/layout.h): the guest has no say in where we write.  It may
 * overwrite the ID, which harms nobody else.
 */
#include "chip/genid.h"

#include <stdlib.h>
#include <string.h>

#include "boot/layout.h"
#include "chip/pm.h"
#include "pci/machine.h"
#include "pci/state.h"

struct genid {
	struct machine *machine;
	struct pm *pm;
	uint64_t address; /* 0: this machine has none */
	uint8_t guid[GENID_SIZE];
};

struct genid *
genid_new(struct machine *machine, struct pm *pm, bool firmware)
{
	struct genid *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->machine = machine;
	g->pm = pm;
	g->address =
	    firmware ? LAYOUT_GENID_FIRMWARE(machine->lowmem) : LAYOUT_GENID;
	return g;
}

void
genid_free(struct genid *g)
{
	free(g);
}

void
genid_set(struct genid *g, const uint8_t guid[GENID_SIZE])
{
	struct machine *machine = g->machine;
	void *at = NULL;

	memcpy(g->guid, guid, GENID_SIZE);
	if (g->address != 0)
		at = machine->memory_at(machine->arg, g->address, GENID_SIZE);
	if (at != NULL)
		memcpy(at, guid, GENID_SIZE);
}

void
genid_renew(struct genid *g, const uint8_t guid[GENID_SIZE])
{
	genid_set(g, guid);
	if (g->address != 0)
		pm_event(g->pm, LAYOUT_GENID_GPE);
}

/* --- state -----------------------------------------------------------------
 */

static const struct state_field genid_fields[] = {
	STATE_ANY(struct genid, address),
	STATE_ARRAY(struct genid, guid),
};
static const struct state_table genid_table =
    STATE_TABLE("genid", 1, genid_fields);

int
genid_save(struct genid *g, struct state_buf *buf)
{
	return state_save(buf, &genid_table, g);
}

int
genid_load(struct genid *g, struct state_buf *buf)
{
	struct genid copy = *g;
	uint64_t firmware = LAYOUT_GENID_FIRMWARE(g->machine->lowmem);

	/* How it was started is the saved machine's, not this one's. */
	if (state_load(buf, &genid_table, &copy) == -1 ||
	    state_check(buf, &genid_table, "address",
		copy.address == LAYOUT_GENID || copy.address == firmware) == -1)
		return -1;
	if (!buf->check)
		*g = copy;
	return 0;
}
