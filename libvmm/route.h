/* SPDX-License-Identifier: ISC */
/*
 * Which message an interrupt number (GSI) from VMM_FIRST_MSI_ROUTE up stands
 * for.  Pure books: the backend is told the whole table when it changed.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#define ROUTE_MAX 512 /* MSI routes of a VM */

struct route {
	uint64_t addr;
	uint32_t data;
	bool used;
};

struct route_table {
	uint32_t top; /* no entry at or above is used */
	struct route msi[ROUTE_MAX];
};

/* Allocates a route; its number, or 0 when all are taken. */
uint32_t route_alloc(struct route_table *table, uint64_t addr, uint32_t data);

/* The entry of a number handed out by route_alloc(), or NULL. */
struct route *route_find(struct route_table *table, uint32_t number);

void route_free(struct route_table *table, uint32_t number);

#endif /* ROUTE_H */
