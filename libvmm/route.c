/* SPDX-License-Identifier: ISC */
/*
 * The books of MSI routes; see route.h.  The VM's lock is held by the caller.
 */
#include "route.h"

#include <stddef.h>

#include "vmm.h"

uint32_t
route_alloc(struct route_table *table, uint64_t addr, uint32_t data)
{
	uint32_t i;

	for (i = 0; i < table->top; i++)
		if (!table->msi[i].used)
			break;
	if (i == ROUTE_MAX)
		return 0;
	if (i == table->top)
		table->top++;
	table->msi[i] = (struct route) { addr, data, true };
	return VMM_FIRST_MSI_ROUTE + i;
}

struct route *
route_find(struct route_table *table, uint32_t number)
{
	struct route *r;

	if (number < VMM_FIRST_MSI_ROUTE ||
	    number - VMM_FIRST_MSI_ROUTE >= table->top)
		return NULL;
	r = &table->msi[number - VMM_FIRST_MSI_ROUTE];
	return r->used ? r : NULL;
}

void
route_free(struct route_table *table, uint32_t number)
{
	struct route *r = route_find(table, number);

	if (r == NULL)
		return;
	r->used = false;
	while (table->top > 0 && !table->msi[table->top - 1].used)
		table->top--;
}
