/* SPDX-License-Identifier: ISC */
/*
 * A machine for tests of chips and boot loaders: a bus, memory, a clock that
 * the test turns, and a note of every interrupt and power event.
 */
#ifndef PC_H
#define PC_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pci/bus.h"
#include "pci/machine.h"

#define PC_LOWMEM_END 0xC0000000ULL
#define PC_TIMERS 8

struct pc {
	struct machine machine;
	uint8_t *ram; /* lowmem, then highmem */
	uint64_t now, wall;
	bool level[24];
	unsigned int edges[24]; /* changes of level */
	unsigned int offs, resets;
	struct machine_timer *timer[PC_TIMERS];
	uint64_t at[PC_TIMERS];
};

static inline void
pc_irq(void *arg, unsigned int gsi, bool level)
{
	struct pc *pc = arg;

	if (gsi >= 24)
		abort();
	pc->edges[gsi] += pc->level[gsi] != level;
	pc->level[gsi] = level;
}

static inline void
pc_msi(void *arg, uint64_t addr, uint32_t data)
{
	(void)arg;
	(void)addr;
	(void)data;
}

static inline void *
pc_memory_at(void *arg, uint64_t gpa, uint64_t len)
{
	struct pc *pc = arg;
	uint64_t low = pc->machine.lowmem, high = pc->machine.memory - low;

	if (gpa <= low && len <= low - gpa)
		return pc->ram + gpa;
	if (gpa >= 1ULL << 32 && gpa - (1ULL << 32) <= high &&
	    len <= high - (gpa - (1ULL << 32)))
		return pc->ram + low + (gpa - (1ULL << 32));
	return NULL;
}

static inline uint64_t
pc_now(void *arg)
{
	return ((struct pc *)arg)->now;
}

static inline uint64_t
pc_wall(void *arg)
{
	return ((struct pc *)arg)->wall;
}

static inline void
pc_timer(void *arg, struct machine_timer *timer, uint64_t at)
{
	struct pc *pc = arg;
	int i, room = -1;

	for (i = 0; i < PC_TIMERS; i++) {
		if (pc->timer[i] == timer)
			room = i;
		if (pc->timer[i] == NULL && room == -1)
			room = i;
	}
	if (room == -1)
		abort();
	pc->timer[room] = at != 0 ? timer : NULL;
	pc->at[room] = at;
}

static inline void
pc_power(void *arg, enum machine_power what)
{
	struct pc *pc = arg;

	if (what == POWER_OFF)
		pc->offs++;
	else
		pc->resets++;
}

/* The timer that is due first, -1 for none. */
static inline int
pc_first_timer(const struct pc *pc)
{
	int i, first = -1;

	for (i = 0; i < PC_TIMERS; i++)
		if (pc->timer[i] != NULL &&
		    (first == -1 || pc->at[i] < pc->at[first]))
			first = i;
	return first;
}

/* Turns both clocks on by ns, firing what is due on the way. */
static inline void
pc_advance(struct pc *pc, uint64_t ns)
{
	uint64_t end = pc->now + ns;
	int first;

	while ((first = pc_first_timer(pc)) != -1 && pc->at[first] <= end) {
		struct machine_timer *timer = pc->timer[first];

		if (pc->at[first] > pc->now) {
			pc->wall += pc->at[first] - pc->now;
			pc->now = pc->at[first];
		}
		pc->timer[first] = NULL;
		timer->fire(timer->arg);
	}
	pc->wall += end - pc->now;
	pc->now = end;
}

static inline void
pc_init(struct pc *pc, uint64_t memory, unsigned int ncpus)
{
	memset(pc, 0, sizeof(*pc));
	pc->ram = mmap(NULL, memory, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pc->ram == MAP_FAILED)
		abort();
	pc->now = 1000000000;
	pc->machine = (struct machine) {
		.arg = pc,
		.bus = bus_new(),
		.memory = memory,
		.lowmem = memory < PC_LOWMEM_END ? memory : PC_LOWMEM_END,
		.ncpus = ncpus,
		.irq = pc_irq,
		.msi = pc_msi,
		.memory_at = pc_memory_at,
		.now = pc_now,
		.wall_ns = pc_wall,
		.timer = pc_timer,
		.power = pc_power,
	};
}

static inline void
pc_fini(struct pc *pc)
{
	bus_free(pc->machine.bus);
	munmap(pc->ram, pc->machine.memory);
}

static inline uint8_t
pc_inb(struct pc *pc, uint16_t port)
{
	return (uint8_t)bus_read(pc->machine.bus, BUS_PIO, port, 1);
}

static inline uint16_t
pc_inw(struct pc *pc, uint16_t port)
{
	return (uint16_t)bus_read(pc->machine.bus, BUS_PIO, port, 2);
}

static inline uint32_t
pc_inl(struct pc *pc, uint16_t port)
{
	return (uint32_t)bus_read(pc->machine.bus, BUS_PIO, port, 4);
}

static inline void
pc_outb(struct pc *pc, uint16_t port, uint8_t value)
{
	bus_write(pc->machine.bus, BUS_PIO, port, 1, value);
}

static inline void
pc_outw(struct pc *pc, uint16_t port, uint16_t value)
{
	bus_write(pc->machine.bus, BUS_PIO, port, 2, value);
}

static inline void
pc_outl(struct pc *pc, uint16_t port, uint32_t value)
{
	bus_write(pc->machine.bus, BUS_PIO, port, 4, value);
}

#endif /* PC_H */
