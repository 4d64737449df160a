/* SPDX-License-Identifier: ISC */
/*
 * A board with the guest of vcpus.S, whose processors count at a chip that the
 * test adds, with its threads, next.
 */
#ifndef COUNTING_H
#define COUNTING_H

#include <pthread.h>

#include "guest.h"
#include "guest_vcpus.h"
#include "pci/bus.h"
#include "role/board.h"

/* Of g only kvm is set; the VM is the board's. */
static inline bool
counting_begin(struct guest *g, struct board *board, uint32_t ncpus)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = GUEST_MEMORY,
		.ncpus = ncpus,
		.flags = VM_IRQCHIP };

	if ((g->kvm = vmm_open(NULL)) == -1 ||
	    vm_create(g->kvm, &params, &board->vm) == -1 ||
	    vm_copyin(
		board->vm, guest_vcpus, GUEST_ENTRY, sizeof(guest_vcpus)) == -1)
		return false;
	pthread_mutex_init(&board->lock, NULL);
	board->watches = watches_new(&board->lock);
	board->machine.bus = bus_new();
	return board->watches != NULL && board->machine.bus != NULL;
}

#endif /* COUNTING_H */
