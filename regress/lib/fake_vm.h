/* SPDX-License-Identifier: ISC */
/*
 * A struct vm of libvmm without KVM: a backend that remembers memory slots and
 * bound eventfds and can be told to refuse them.
 */
#ifndef FAKE_VM_H
#define FAKE_VM_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../libvmm/handle.h"
#include "vmm.h"

#define FAKE_IRQFDS 64

static struct fake_vm {
	int slots;
	int slots_left; /* -1: no limit */
	int set_fails, clear_fails; /* the call that does, from 1; 0: none */
	void (*on_slot)(struct vm *vm); /* as soon as one is set; NULL: none */
	struct {
		int fd;
		uint32_t gsi;
		int resample_fd;
	} irqfd[FAKE_IRQFDS];
	int irqfds;
	struct route_table routes; /* as last set */
} fake_vm;

static inline void
fake_vm_backend_destroy(struct vm *vm, bool close_fd)
{
	(void)vm;
	(void)close_fd;
}

static inline int
fake_vm_make_chips(struct vm *vm)
{
	(void)vm;
	return 0;
}

/* Counts down to the call that fails. */
static inline bool
fake_vm_fails(int *left)
{
	return *left > 0 && --*left == 0;
}

static inline int
fake_vm_slot_set(struct vm *vm, const struct memmap_region *region)
{
	(void)region;
	if (fake_vm.slots_left == 0 || fake_vm_fails(&fake_vm.set_fails)) {
		errno = ENOSPC;
		return -1;
	}
	fake_vm.slots_left -= fake_vm.slots_left > 0;
	fake_vm.slots++;
	if (fake_vm.on_slot != NULL)
		fake_vm.on_slot(vm);
	return 0;
}

static inline int
fake_vm_slot_clear(struct vm *vm, const struct memmap_region *region)
{
	(void)vm;
	(void)region;
	if (fake_vm_fails(&fake_vm.clear_fails)) {
		errno = EBUSY;
		return -1;
	}
	fake_vm.slots--;
	return 0;
}

static inline int
fake_vm_irqfd(struct vm *vm, int fd, uint32_t gsi, int resample_fd, bool add)
{
	int i;

	(void)vm;
	for (i = 0; i < fake_vm.irqfds; i++)
		if (fake_vm.irqfd[i].fd == fd)
			break;
	if (add) {
		if (i < fake_vm.irqfds || i == FAKE_IRQFDS) {
			errno = EBUSY;
			return -1;
		}
		fake_vm.irqfd[i].fd = fd;
		fake_vm.irqfd[i].gsi = gsi;
		fake_vm.irqfd[i].resample_fd = resample_fd;
		fake_vm.irqfds++;
		return 0;
	}
	if (i == fake_vm.irqfds) {
		errno = ENOENT;
		return -1;
	}
	fake_vm.irqfd[i] = fake_vm.irqfd[--fake_vm.irqfds];
	return 0;
}

static inline int
fake_vm_routes_set(struct vm *vm, const struct route_table *routes)
{
	(void)vm;
	fake_vm.routes = *routes;
	return 0;
}

static const struct vmm_backend fake_vm_backend = {
	.name = "fake",
	.vm_destroy = fake_vm_backend_destroy,
	.vm_make_chips = fake_vm_make_chips,
	.slot_set = fake_vm_slot_set,
	.slot_clear = fake_vm_slot_clear,
	.irqfd = fake_vm_irqfd,
	.routes_set = fake_vm_routes_set,
};

/* A VM of that backend without memory, which vm_destroy() ends; or NULL. */
static inline struct vm *
fake_vm_make(const struct vmm_backend *be, uint32_t ncpus, uint32_t flags)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	memset(&fake_vm, 0, sizeof(fake_vm));
	fake_vm.slots_left = -1;
	if (vm == NULL)
		return NULL;
	vm->be = be;
	vm->params = (struct vm_params) { .ncpus = ncpus, .flags = flags };
	vm->memory_fd = -1;
	vm->lowmem_limit = VMM_LOWMEM_END;
	vm->cores = ncpus;
	vm->threads = 1;
	pthread_mutex_init(&vm->lock, NULL);
	return vm;
}

/* One with that much RAM; NULL with errno. */
static inline struct vm *
fake_vm_new(uint64_t memory_bytes)
{
	struct vm *vm = fake_vm_make(&fake_vm_backend, 1, VM_IRQCHIP);

	if (vm != NULL && memory_bytes != 0 &&
	    vm_setup_memory(vm, memory_bytes) == -1) {
		vm_destroy(vm);
		return NULL;
	}
	return vm;
}

#endif /* FAKE_VM_H */
