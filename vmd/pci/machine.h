/* SPDX-License-Identifier: ISC */
/*
 * What chips and PCI devices may ask of the VM that holds them.
 *
 * The VM process (role vm) fills this in and passes it to every chip; unit
 * tests pass their own.  It is the only way up the floors.  All calls are made
 * with the VM's machine lock held.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bus;

enum machine_power { POWER_OFF, POWER_RESET };

/*
 * A timer on the VM's clock, embedded in the chip that owns it.  fire is called
 * once, with the machine lock held, at or after the time it was armed for.
 */
struct machine_timer {
	void (*fire)(void *arg);
	void *arg;
	void *host; /* the VM process's own */
};

struct machine {
	void *arg; /* passed back in each call */
	struct bus *bus;
	uint64_t memory; /* bytes of guest RAM */
	uint64_t lowmem; /* bytes of it below 3 GiB */
	unsigned int ncpus;
	/* Sets an interrupt line (GSI 0-23) of the PIC and IOAPIC. */
	void (*irq)(void *arg, unsigned int gsi, bool level);
	/* Sends a message-signalled interrupt. */
	void (*msi)(void *arg, uint64_t addr, uint32_t data);
	/* Guest memory [gpa, gpa + len), NULL when not all RAM.  The bytes
	 * change under the caller's eyes. */
	void *(*memory_at)(void *arg, uint64_t gpa, uint64_t len);
	/* After a write to it; NULL: nobody asks.  A page that is copied while
	 * it changes is copied again. */
	void (*wrote)(void *arg, uint64_t gpa, uint64_t len);
	/* Nanoseconds that stand still while the VM is paused. */
	uint64_t (*now)(void *arg);
	/* Seconds and nanoseconds of the host's calendar clock (UTC). */
	uint64_t (*wall_ns)(void *arg);
	/* Arms (again) or disarms (at_ns 0) a timer on the clock of now(). */
	void (*timer)(void *arg, struct machine_timer *, uint64_t at_ns);
	/* The guest switches off or resets the machine. */
	void (*power)(void *arg, enum machine_power);
};

static inline void
machine_wrote(const struct machine *m, uint64_t gpa, uint64_t len)
{
	if (m->wrote != NULL)
		m->wrote(m->arg, gpa, len);
}

#endif /* MACHINE_H */
