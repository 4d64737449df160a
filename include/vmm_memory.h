/* SPDX-License-Identifier: ISC */
/*
 * Guest memory beyond mapping and copying: what is where, named segments of
 * devices, and how the host keeps the pages.  Included by vmm.h.
 */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;

/* --- what is where -------------------------------------------------------- */

struct vm_memory_seg {
	uint64_t gpa;
	uint64_t len;
	int prot; /* VMM_PROT_*, the guest's */
	bool ram; /* of vm_setup_memory() */
	bool wired; /* VM_MEM_F_WIRED */
	const void *host; /* borrowed until unmapped */
};

/* The region that holds gpa.  ENOENT: none does. */
int vm_get_memory_seg(
    struct vm *vm, uint64_t gpa, struct vm_memory_seg *segment);

/* Fills at most max of segments with all regions, by address, but for those of
 * devices of the host; returns how many there are. */
int vm_get_memory_segs(
    struct vm *vm, struct vm_memory_seg *segments, uint32_t max);

/*
 * The guest physical address of a host address in guest memory; of memory that
 * is mapped twice the lower one.  EFAULT: it is not in guest memory.
 */
int vm_rev_map_gpa(struct vm *vm, const void *host, uint64_t *gpa);

/*
 * RAM below and above the hole, and where the two begin and end at most.  The
 * limit is a page multiple up to VMM_LOWMEM_END, set before vm_setup_memory():
 * EBUSY: there is RAM; EINVAL.
 */
int vm_set_lowmem_limit(struct vm *vm, uint64_t limit);
uint64_t vm_get_lowmem_limit(struct vm *vm);
uint64_t vm_get_lowmem_size(struct vm *vm);
uint64_t vm_get_highmem_base(struct vm *vm);
uint64_t vm_get_highmem_size(struct vm *vm);

/* --- named memory of devices ---------------------------------------------- */

#define VM_SEGMENT_NAME_MAX 32 /* with its end */

/*
 * Makes len bytes (a page multiple) of zeroed memory with a name, a ROM or a
 * framebuffer, in a sealed memfd, and returns where the host may write it
 * (borrowed until vm_destroy()).  No guest sees it before vm_map_devmem().
 * EEXIST: the name is taken; EINVAL: name or len.
 */
void *vm_create_devmem(struct vm *vm, const char *name, size_t len);

/* The same again, and its size.  ENOENT: no such name. */
void *vm_get_devmem(struct vm *vm, const char *name, size_t *len);

/* Its memfd (borrowed), for another process to map. */
int vm_devmem_fd(struct vm *vm, const char *name);

/*
 * Maps a part of it at gpa, as vm_map_memory() does and also more than once;
 * vm_unmap_memory() takes it away, and what is in it stays.  Without
 * VMM_PROT_WRITE a guest's write is a VM_EXIT_ACCESS.
 */
int vm_map_devmem(struct vm *vm, const char *name, uint64_t off, uint64_t gpa,
    uint64_t len, int prot);

/* --- how the host keeps it ------------------------------------------------ */

#define VM_MEM_F_INCORE 0x1U /* part of this process' core files */
#define VM_MEM_F_WIRED 0x2U /* in the host's memory, all of it, from now on */
/* Somebody puts the pages of the RAM there when they are touched first, by
 * userfaultfd(2): those its memfd lacks are not zero, and a dump or a snapshot
 * touches them all. */
#define VM_MEM_F_DEMAND 0x4U

/*
 * For all guest memory, what there is and what will be mapped; at first 0.
 * ENOMEM, EPERM: more than RLIMIT_MEMLOCK allows to wire; nothing is changed
 * then.
 */
int vm_set_memflags(struct vm *vm, unsigned int flags);
unsigned int vm_get_memflags(struct vm *vm);

/*
 * Takes pages for the guest memory in [gpa, gpa+len), within one region, from
 * one NUMA node of the host; -1: from any again.  Pages that are there stay.
 * ENOTSUP: a kernel without NUMA; EINVAL: no such node; EFAULT: no memory.
 */
int vm_set_memory_domain(
    struct vm *vm, uint64_t gpa, uint64_t len, int host_node);

#endif /* VMM_MEMORY_H */
