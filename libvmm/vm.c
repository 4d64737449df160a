/* SPDX-License-Identifier: ISC */
/*
 * The life of a VM.  RAM is given to the backend before the chips are made,
 * and the chips are made by the first call that needs them: on some hosts a
 * memory slot added after the chips waits milliseconds for a grace period.
 */
#include "vmm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "handle.h"
#include "vfio/pptdev.h"

static int
vm_params_check(const struct vm_params *p)
{
	if (p->size != sizeof(*p) || p->ncpus == 0 ||
	    p->ncpus > VMM_MAX_VCPUS ||
	    (p->flags & ~(VM_IRQCHIP | VM_PIT | VM_ACTIVATE)) != 0 ||
	    (p->flags & (VM_IRQCHIP | VM_PIT)) == VM_PIT) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

/* All but what the backend has; close_fd: its descriptor is ours. */
static void
vm_free(struct vm *vm, bool close_fd)
{
	int i;

	/* The VM first: unmapping memory that it knows costs it more. */
	vm->be->vm_destroy(vm, close_fd);
	for (i = 0; i < vm->map.count; i++) {
		free(vm->map.region[i].noted);
		/* A device's is here only when it could not be taken back. */
		if (!vm->map.region[i].borrowed || vm->map.region[i].device)
			munmap(vm->map.region[i].host, vm->map.region[i].len);
	}
	devmem_free_all(vm);
	if (vm->memory_fd != -1)
		close(vm->memory_fd);
	for (i = 0; i < 2; i++)
		stats_table_free(atomic_load(&vm->stats[i]));
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}

/* Only the device tells, and it is gone later. */
static int
vm_ask_msrs(struct vm *vm, int kvm_fd)
{
	int n = vm->be->host_msrs(kvm_fd, vm->msr, VCPU_STATE_MSRS);

	if (n == -1)
		return -1;
	vm->nmsrs =
	    (uint32_t)n < VCPU_STATE_MSRS ? (uint32_t)n : VCPU_STATE_MSRS;
	return 0;
}

/* With vm_fd -1 a new one, else that of vm_fd, taken if all goes well. */
static int
vm_new(int kvm_fd, int vm_fd, const struct vm_params *params, struct vm **vmp)
{
	struct vm *vm;
	int err;

	if (vm_params_check(params) == -1)
		return -1;
	vm = calloc(1, sizeof(*vm));
	if (vm == NULL)
		return -1;
	vm->be = &vmm_backend_kvm;
	vm->params = *params;
	vm->memory_fd = -1;
	vm->lowmem_limit = VMM_LOWMEM_END;
	vm->cores = params->ncpus;
	vm->threads = 1;
	pthread_mutex_init(&vm->lock, NULL);
	if (vm_ask_msrs(vm, kvm_fd) == -1 ||
	    vm->be->vm_create(vm, kvm_fd, vm_fd) == -1) {
		err = errno;
		pthread_mutex_destroy(&vm->lock);
		free(vm);
		errno = err;
		return -1;
	}
	if (params->memory_bytes != 0 &&
	    vm_setup_memory(vm, params->memory_bytes) == -1) {
		err = errno;
		vm_free(vm, vm_fd == -1);
		errno = err;
		return -1;
	}
	*vmp = vm;
	return 0;
}

int
vm_create(int kvm_fd, const struct vm_params *params, struct vm **vmp)
{
	return vm_new(kvm_fd, -1, params, vmp);
}

int
vm_open(int kvm_fd, int vm_fd, const struct vm_params *params, struct vm **vmp)
{
	if (vm_fd < 0) {
		errno = EBADF;
		return -1;
	}
	return vm_new(kvm_fd, vm_fd, params, vmp);
}

void
vm_destroy(struct vm *vm)
{
	int i;

	if (vm == NULL)
		return;
	for (i = 0; i < VMM_MAX_VCPUS; i++)
		vcpu_close(atomic_load(&vm->vcpus[i]));
	while (vm->vfio != NULL)
		vm_unassign_pptdev(vm->vfio->devices);
	vm_free(vm, true);
}

int
vm_need_chips(struct vm *vm)
{
	int rc = 0;

	if ((vm->params.flags & VM_IRQCHIP) == 0) {
		errno = ENXIO;
		return -1;
	}
	if (atomic_load_explicit(&vm->has_chips, memory_order_acquire))
		return 0;
	pthread_mutex_lock(&vm->lock);
	if (!atomic_load_explicit(&vm->has_chips, memory_order_relaxed)) {
		rc = vm->be->vm_make_chips(vm);
		if (rc == 0)
			atomic_store_explicit(
			    &vm->has_chips, true, memory_order_release);
	}
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

int
vm_reset_chips(struct vm *vm)
{
	if (vm_need_chips(vm) == -1)
		return -1;
	return vm->be->vm_reset_chips(vm);
}

int
vm_clock_get(struct vm *vm, uint64_t *ns)
{
	return vm->be->vm_clock_get(vm, ns);
}

int
vm_clock_set(struct vm *vm, uint64_t ns)
{
	return vm->be->vm_clock_set(vm, ns);
}
