/* SPDX-License-Identifier: ISC */
/*
 * Guest memory that is there: what is where, and how the host keeps its pages.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "handle.h"
#include "memory.h"
#include "vmm.h"

#define MPOL_DEFAULT 0 /* as <linux/mempolicy.h>; libc has no mbind() */
#define MPOL_BIND 2
#define NODES_MAX 1024
#define WORD_BITS (8 * sizeof(unsigned long))

/* The VM's lock is held. */
static struct vm_memory_seg
segment_of(const struct vm *vm, const struct memmap_region *r)
{
	return (struct vm_memory_seg) { .gpa = r->gpa,
		.len = r->len,
		.prot = r->prot,
		.ram = r->ram,
		.wired = (vm->memflags & VM_MEM_F_WIRED) != 0,
		.host = r->host };
}

int
vm_get_memory_seg(struct vm *vm, uint64_t gpa, struct vm_memory_seg *segment)
{
	const struct memmap_region *r;

	pthread_mutex_lock(&vm->lock);
	r = memmap_find(&vm->map, gpa);
	if (r != NULL && r->device)
		r = NULL;
	if (r != NULL)
		*segment = segment_of(vm, r);
	pthread_mutex_unlock(&vm->lock);
	if (r == NULL) {
		errno = ENOENT;
		return -1;
	}
	return 0;
}

int
vm_get_memory_segs(struct vm *vm, struct vm_memory_seg *segments, uint32_t max)
{
	uint32_t n = 0;
	int i;

	pthread_mutex_lock(&vm->lock);
	for (i = 0; i < vm->map.count; i++) {
		if (vm->map.region[i].device)
			continue;
		if (n < max)
			segments[n] = segment_of(vm, &vm->map.region[i]);
		n++;
	}
	pthread_mutex_unlock(&vm->lock);
	return (int)n;
}

int
vm_rev_map_gpa(struct vm *vm, const void *host, uint64_t *gpa)
{
	const struct memmap_region *r;
	uintptr_t at = (uintptr_t)host;
	int i, rc = -1;

	pthread_mutex_lock(&vm->lock);
	for (i = 0; i < vm->map.count && rc == -1; i++) {
		r = &vm->map.region[i];
		if (r->device || at < (uintptr_t)r->host ||
		    at - (uintptr_t)r->host >= r->len)
			continue;
		*gpa = r->gpa + (at - (uintptr_t)r->host);
		rc = 0;
	}
	pthread_mutex_unlock(&vm->lock);
	if (rc == -1)
		errno = EFAULT;
	return rc;
}

int
vm_set_lowmem_limit(struct vm *vm, uint64_t limit)
{
	int err = 0;

	pthread_mutex_lock(&vm->lock);
	if (limit == 0 || limit % MEMMAP_PAGE != 0 || limit > VMM_LOWMEM_END)
		err = EINVAL;
	else if (vm->memory_fd != -1)
		err = EBUSY;
	else
		vm->lowmem_limit = limit;
	pthread_mutex_unlock(&vm->lock);
	if (err != 0)
		errno = err;
	return err == 0 ? 0 : -1;
}

uint64_t
vm_get_lowmem_limit(struct vm *vm)
{
	uint64_t limit;

	pthread_mutex_lock(&vm->lock);
	limit = vm->lowmem_limit;
	pthread_mutex_unlock(&vm->lock);
	return limit;
}

/* The RAM from gpa on: there is at most one such region. */
static uint64_t
segment_ram_at(struct vm *vm, uint64_t gpa)
{
	const struct memmap_region *r;
	uint64_t len = 0;

	pthread_mutex_lock(&vm->lock);
	r = memmap_find(&vm->map, gpa);
	if (r != NULL && r->ram)
		len = r->len;
	pthread_mutex_unlock(&vm->lock);
	return len;
}

uint64_t
vm_get_lowmem_size(struct vm *vm)
{
	return segment_ram_at(vm, 0);
}

uint64_t
vm_get_highmem_base(struct vm *vm)
{
	(void)vm;
	return VMM_HIGHMEM_START;
}

uint64_t
vm_get_highmem_size(struct vm *vm)
{
	return segment_ram_at(vm, VMM_HIGHMEM_START);
}

/* All host memory of guests, once each: regions, and devices' segments. */
static int
segment_keep_all(struct vm *vm, unsigned int flags, unsigned int old)
{
	const struct memmap_region *r;
	struct devmem *d;
	int i, rc = 0;

	for (i = 0; i < vm->map.count && rc == 0; i++) {
		r = &vm->map.region[i];
		if (!r->borrowed)
			rc = memory_keep(r->host, r->len, flags, old);
	}
	for (d = vm->devmem; d != NULL && rc == 0; d = d->next)
		rc = memory_keep(d->host, d->len, flags, old);
	return rc;
}

int
vm_set_memflags(struct vm *vm, unsigned int flags)
{
	unsigned int old;
	int rc, err;

	if ((flags & ~(VM_MEM_F_INCORE | VM_MEM_F_WIRED | VM_MEM_F_DEMAND)) !=
	    0) {
		errno = EINVAL;
		return -1;
	}
	pthread_mutex_lock(&vm->lock);
	old = vm->memflags;
	rc = segment_keep_all(vm, flags, old);
	if (rc == 0)
		vm->memflags = flags;
	else {
		err = errno;
		(void)segment_keep_all(vm, old, flags);
		errno = err;
	}
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

unsigned int
vm_get_memflags(struct vm *vm)
{
	unsigned int flags;

	pthread_mutex_lock(&vm->lock);
	flags = vm->memflags;
	pthread_mutex_unlock(&vm->lock);
	return flags;
}

int
vm_set_memory_domain(struct vm *vm, uint64_t gpa, uint64_t len, int host_node)
{
	unsigned long mask[NODES_MAX / WORD_BITS] = { 0 };
	long mode = host_node == -1 ? MPOL_DEFAULT : MPOL_BIND;
	void *host;

	if (host_node < -1 || host_node >= NODES_MAX ||
	    gpa % MEMMAP_PAGE != 0 || len % MEMMAP_PAGE != 0 || len == 0) {
		errno = EINVAL;
		return -1;
	}
	host = vm_map_gpa(vm, gpa, len);
	if (host == NULL)
		return -1;
	if (host_node != -1)
		mask[(size_t)host_node / WORD_BITS] = 1UL
		    << ((size_t)host_node % WORD_BITS);
	if (syscall(SYS_mbind, host, len, mode, host_node != -1 ? mask : NULL,
		host_node != -1 ? NODES_MAX : 0, 0) == 0)
		return 0;
	if (errno == ENOSYS)
		errno = ENOTSUP;
	return -1;
}
