/* SPDX-License-Identifier: ISC */
/*
 * What the files that make guest memory share; see memory.c.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct vm;
struct memmap_region;

/* A memfd (owned) of exactly bytes bytes that nobody can resize. */
int memory_sealed_fd(uint64_t bytes);

/*
 * Maps fd, or fresh memory for -1, and keeps it as flags (VM_MEM_F_*) say;
 * large pages are possible.  NULL with errno.
 */
uint8_t *memory_host_map(
    unsigned int flags, uint64_t len, int fd, uint64_t off, int prot);

/*
 * Checks a region, maps fd for it unless its host memory is borrowed, and tells
 * the backend; the VM's lock is held.
 */
int memory_add(struct vm *vm, struct memmap_region *r, int fd);

/* Makes existing host memory as flags say, which was as old says. */
int memory_keep(void *host, uint64_t len, unsigned int flags, unsigned int old);

/*
 * A part of a device's BAR as memory of the guest; host stays the caller's.
 * _drop takes back what starts at gpa, if there is any: once it returns -1,
 * host is vm_destroy()'s to unmap.
 */
int memory_add_device(
    struct vm *vm, uint64_t gpa, uint64_t len, uint8_t *host, bool write);
int memory_drop_device(struct vm *vm, uint64_t gpa);

#endif /* MEMORY_H */
