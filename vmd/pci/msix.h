/* SPDX-License-Identifier: ISC */
/*
 * MSI-X of one PCI device: capability, table and pending bits (PCI 3.0, 6.8.2).
 *
 * Runs in the VM process, machine lock held.  A vector is "open" while MSI-X is
 * on and neither the function nor the vector is masked.  Sources of a vector
 * that live in other processes are eventfds: while it is open they are bound to
 * KVM irqfds, and while it is not, what is pending stays in their counters, so
 * that no interrupt is lost and none needs this process.
 */
#ifndef MSIX_H
#define MSIX_H

#include <stdbool.h>
#include <stdint.h>

#include "pci/pci.h"

#define MSIX_VECTORS_MAX 16
#define MSIX_NO_VECTOR 0xffff
#define MSIX_BAR_SIZE 4096 /* table at 0, pending bits at 0x800 */

struct msix;
struct state_buf;

/* Adds the capability and a memory BAR.  changed(arg) is called after MSI-X
 * was switched on or off.  Returns owned; NULL with errno. */
struct msix *msix_new(struct pci_device *, unsigned int bar,
    unsigned int vectors, void (*changed)(void *arg), void *arg);
void msix_free(struct msix *);
/* All vectors masked and without a message, no source bound. */
void msix_reset(struct msix *);

bool msix_is_enabled(const struct msix *);
unsigned int msix_vectors(const struct msix *);

/* A source of interrupts: an eventfd that another process signals. */
struct msix_source {
	int fd; /* borrowed, -1: none */
	uint16_t vector; /* MSIX_NO_VECTOR: none */
	int handle; /* of the host's irqfd, -1: not bound */
};

/* Borrows the source until msix_remove. -1 with errno ENOSPC. */
int msix_add(struct msix *, struct msix_source *);
void msix_remove(struct msix *, struct msix_source *);
/* Points the source at another vector; one that does not exist is none.
 * Returns what the guest reads back. */
uint16_t msix_set_vector(struct msix *, struct msix_source *, uint16_t vector);

/* Sends the vector, or leaves it pending while it is masked. */
void msix_send(struct msix *, uint16_t vector);

/* To be called from the device's config_write. */
void msix_config_write(struct msix *, unsigned int off, unsigned int len);

/*
 * State as in pci/state.h: the table, and what was sent while masked; sources
 * are their owner's.  Configuration space has been loaded before.
 */
int msix_save(struct msix *, struct state_buf *);
int msix_load(struct msix *, struct state_buf *);
/* Whether a source waits, unbound, with an interrupt. */
bool msix_source_waits(const struct msix_source *);

#endif /* MSIX_H */
