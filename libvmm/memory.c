/* SPDX-License-Identifier: ISC */
/*
 * Guest memory: the sealed memfd of the RAM, regions mapped at run time, and
 * copies by guest physical address.  Runs in the process that owns the VM.
 * Invariant: what memmap says is exactly what the backend has been told.
 * The RAM's descriptor is sealed so that whoever shares it cannot shrink it
 * below another process' mapping.
 */
#include "vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dirty.h"
#include "handle.h"
#include "memory.h"
#include "snapshot.h"
#include "vfio/pptdev.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8U /* Linux 6.3 */
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

#define HUGE_ALIGN (2ULL << 20)

/* An address for len bytes at which large pages are possible. */
static void *
memory_reserve(size_t len)
{
	size_t total = len + HUGE_ALIGN, head;
	uint8_t *p;

	p = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	head = (size_t)(-(uintptr_t)p & (HUGE_ALIGN - 1));
	if (head > 0)
		munmap(p, head);
	if (HUGE_ALIGN - head > 0)
		munmap(p + head + len, HUGE_ALIGN - head);
	return p + head;
}

int
memory_keep(void *host, uint64_t len, unsigned int flags, unsigned int old)
{
	unsigned int change = flags ^ old;
	bool incore = (flags & VM_MEM_F_INCORE) != 0;

	if ((change & VM_MEM_F_INCORE) != 0 &&
	    madvise(host, len, incore ? MADV_DODUMP : MADV_DONTDUMP) == -1)
		return -1;
	if ((change & VM_MEM_F_WIRED) == 0)
		return 0;
	return (flags & VM_MEM_F_WIRED) != 0 ? mlock(host, len)
					     : munlock(host, len);
}

uint8_t *
memory_host_map(
    unsigned int flags, uint64_t len, int fd, uint64_t off, int prot)
{
	int how = fd == -1 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, err;
	void *at = NULL, *p;

	if (len >= HUGE_ALIGN) {
		at = memory_reserve(len);
		if (at == NULL)
			return NULL;
		how |= MAP_FIXED;
	}
	p = mmap(at, len, prot, how, fd, (off_t)off);
	if (p == MAP_FAILED) {
		err = errno;
		if (at != NULL)
			munmap(at, len);
		errno = err;
		return NULL;
	}
	/* Without this a core file is large, and nothing else. */
	if ((flags & VM_MEM_F_INCORE) == 0)
		(void)madvise(p, len, MADV_DONTDUMP);
	if ((flags & VM_MEM_F_WIRED) != 0 && mlock(p, len) == -1) {
		err = errno;
		munmap(p, len);
		errno = err;
		return NULL;
	}
	return p;
}

/* Gives a checked region to the guest and to its devices, if it has any. */
static int
memory_enter(struct vm *vm, struct memmap_region *r)
{
	bool readonly = (r->prot & VMM_PROT_WRITE) == 0;
	int err;

	r->slot = memmap_free_slot(&vm->map);
	/* Before the guest has it: its first write looks at the map then, and
	 * waits there for this call's end. */
	if (readonly)
		atomic_fetch_add(&vm->readonly, 1);
	if (vm->be->slot_set(vm, r) == -1)
		goto fail;
	if (vfio_dma_map(vm, r) == -1) {
		err = errno;
		(void)vm->be->slot_clear(vm, r);
		errno = err;
		goto fail;
	}
	memmap_add(&vm->map, r);
	return 0;
fail:
	if (readonly)
		atomic_fetch_sub(&vm->readonly, 1);
	return -1;
}

/* Takes it from both, or from none. */
static int
memory_leave(struct vm *vm, const struct memmap_region *r)
{
	bool readonly = (r->prot & VMM_PROT_WRITE) == 0;
	int err;

	if (vfio_dma_unmap(vm, r) == -1)
		return -1;
	if (vm->be->slot_clear(vm, r) == -1) {
		err = errno;
		(void)vfio_dma_map(vm, r);
		errno = err;
		return -1;
	}
	memmap_remove(&vm->map, r);
	if (readonly)
		atomic_fetch_sub(&vm->readonly, 1);
	return 0;
}

int
memory_add(struct vm *vm, struct memmap_region *r, int fd)
{
	int prot = PROT_READ | (r->host_write ? PROT_WRITE : 0), err;

	err = memmap_check(&vm->map, r->gpa, r->len);
	if (err != 0) {
		errno = err;
		return -1;
	}
	if (!r->borrowed) {
		r->host =
		    memory_host_map(vm->memflags, r->len, fd, r->offset, prot);
		if (r->host == NULL)
			return -1;
	}
	if (memory_enter(vm, r) == -1) {
		err = errno;
		if (!r->borrowed)
			munmap(r->host, r->len);
		errno = err;
		return -1;
	}
	return 0;
}

static int
memory_drop(struct vm *vm, const struct memmap_region *r)
{
	struct memmap_region gone = *r;

	if (memory_leave(vm, r) == -1)
		return -1;
	if (!gone.borrowed)
		munmap(gone.host, gone.len);
	return 0;
}

int
memory_add_device(
    struct vm *vm, uint64_t gpa, uint64_t len, uint8_t *host, bool write)
{
	struct memmap_region r = { .gpa = gpa,
		.len = len,
		.host = host,
		.prot = VMM_PROT_READ | (write ? VMM_PROT_WRITE : 0),
		.backing = MEMMAP_DEVICE,
		.borrowed = true,
		.device = true };
	int rc;

	pthread_mutex_lock(&vm->lock);
	rc = memory_add(vm, &r, -1);
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

int
memory_drop_device(struct vm *vm, uint64_t gpa)
{
	const struct memmap_region *r;
	int rc = 0;

	pthread_mutex_lock(&vm->lock);
	r = memmap_find(&vm->map, gpa);
	if (r != NULL && r->device && r->gpa == gpa)
		rc = memory_leave(vm, r);
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

int
memory_sealed_fd(uint64_t bytes)
{
	static const char name[] = "guest-memory";
	int fd, err;

	/* Never a program: some hosts allow no other memfd. */
	fd = memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	if (fd == -1 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -1;
	if (ftruncate(fd, (off_t)bytes) == -1 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) ==
		-1) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

/* Both parts of the RAM, or none. */
static int
memory_add_ram(struct vm *vm, uint64_t bytes, int fd)
{
	uint64_t low = bytes < vm->lowmem_limit ? bytes : vm->lowmem_limit;
	struct memmap_region r = { .len = low,
		.prot = VMM_PROT_ALL,
		.host_write = true,
		.ram = true };
	int err;

	if (memory_add(vm, &r, fd) == -1)
		return -1;
	if (bytes == low)
		return 0;
	r.gpa = VMM_HIGHMEM_START;
	r.len = bytes - low;
	r.offset = low;
	if (memory_add(vm, &r, fd) == -1) {
		err = errno;
		(void)memory_drop(vm, memmap_find(&vm->map, 0));
		errno = err;
		return -1;
	}
	return 0;
}

int
vm_setup_memory(struct vm *vm, uint64_t bytes)
{
	int fd, err, rc = -1;

	if (bytes == 0 || bytes % MEMMAP_PAGE != 0 ||
	    bytes > MEMMAP_TOP - VMM_HIGHMEM_START) {
		errno = EINVAL;
		return -1;
	}
	pthread_mutex_lock(&vm->lock);
	if (vm->memory_fd != -1) {
		errno = EEXIST;
		goto out;
	}
	fd = memory_sealed_fd(bytes);
	if (fd == -1)
		goto out;
	if (memory_add_ram(vm, bytes, fd) == -1) {
		err = errno;
		close(fd);
		errno = err;
		goto out;
	}
	vm->memory_fd = fd;
	rc = 0;
out:
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

int
vm_memory_fd(struct vm *vm)
{
	int fd;

	pthread_mutex_lock(&vm->lock);
	fd = vm->memory_fd;
	pthread_mutex_unlock(&vm->lock);
	if (fd == -1)
		errno = ENOENT;
	return fd;
}

int
vm_memory_layout(struct vm *vm, struct vm_memseg *segs, int max)
{
	const struct memmap_region *r;
	int i, n = 0;

	pthread_mutex_lock(&vm->lock);
	for (i = 0; i < vm->map.count; i++) {
		r = &vm->map.region[i];
		if (!r->ram)
			continue;
		if (n < max)
			segs[n] =
			    (struct vm_memseg) { r->gpa, r->len, r->offset };
		n++;
	}
	pthread_mutex_unlock(&vm->lock);
	return n;
}

int
vm_memory_large(struct vm *vm, uint64_t gpa, uint64_t len)
{
	uint64_t start = (gpa + HUGE_ALIGN - 1) & ~(HUGE_ALIGN - 1);
	uint64_t end, at;
	uint8_t *host;

	if (len > MEMMAP_TOP || gpa > MEMMAP_TOP - len) {
		errno = EFAULT;
		return -1;
	}
	host = vm_map_gpa(vm, gpa, len);
	if (host == NULL)
		return -1;
	end = (gpa + len) & ~(HUGE_ALIGN - 1);
	if (start >= end)
		return 0;
	host += start - gpa;
	/* A large page is made of one that has at least one small page. */
	for (at = 0; at < end - start; at += HUGE_ALIGN)
		(void)*(volatile uint8_t *)(host + at);
	if (madvise(host, end - start, MADV_COLLAPSE) == 0)
		return 0;
	if (errno == EINVAL)
		errno = ENOTSUP;
	return -1;
}

/* Whether [off, off+len) is all in fd: a page beyond the end is a SIGBUS. */
static int
memory_check_fd(
    int fd, uint64_t off, uint64_t len, enum memmap_backing *backing)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return errno;
	*backing = S_ISREG(st.st_mode) ? MEMMAP_FILE : MEMMAP_DEVICE;
	if (*backing == MEMMAP_DEVICE)
		return 0;
	if (off > (uint64_t)st.st_size || len > (uint64_t)st.st_size - off)
		return EINVAL;
	return 0;
}

int
vm_map_memory(
    struct vm *vm, uint64_t gpa, uint64_t len, int fd, uint64_t off, int prot)
{
	struct memmap_region r = { .gpa = gpa,
		.len = len,
		.offset = off,
		.prot = prot,
		.host_write = fd == -1 || (prot & VMM_PROT_WRITE) != 0 };
	int rc;

	if (fd >= 0 && (rc = memory_check_fd(fd, off, len, &r.backing)) != 0) {
		errno = rc;
		return -1;
	}
	if ((prot & VMM_PROT_READ) == 0 || (prot & ~VMM_PROT_ALL) != 0 ||
	    off % MEMMAP_PAGE != 0 || off > INT64_MAX || fd < -1) {
		errno = EINVAL;
		return -1;
	}
	pthread_mutex_lock(&vm->lock);
	rc = memory_add(vm, &r, fd);
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

int
vm_unmap_memory(struct vm *vm, uint64_t gpa, uint64_t len)
{
	const struct memmap_region *r;
	int rc = -1;

	if (gpa % MEMMAP_PAGE != 0 || len % MEMMAP_PAGE != 0 || len == 0) {
		errno = EINVAL;
		return -1;
	}
	pthread_mutex_lock(&vm->lock);
	r = memmap_find(&vm->map, gpa);
	if (r == NULL || r->gpa != gpa || r->len != len || r->ram || r->device)
		errno = ENOENT;
	else
		rc = memory_drop(vm, r);
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

void *
vm_map_gpa(struct vm *vm, uint64_t gpa, size_t len)
{
	const struct memmap_region *r;
	void *p = NULL;

	pthread_mutex_lock(&vm->lock);
	r = memmap_find(&vm->map, gpa);
	if (r != NULL && !r->device && len <= r->gpa + r->len - gpa)
		p = r->host + (gpa - r->gpa);
	pthread_mutex_unlock(&vm->lock);
	if (p == NULL)
		errno = EFAULT;
	return p;
}

/* Copies between buf and covered guest memory; the VM's lock is held. */
static void
memory_copy(struct vm *vm, uint64_t gpa, uint8_t *buf, size_t len, bool in)
{
	struct vm_snapshot *snapshot = atomic_load(&vm->snapshot);
	const struct memmap_region *r;
	uint64_t at, n;

	while (len > 0) {
		r = memmap_find(&vm->map, gpa);
		at = gpa - r->gpa;
		n = r->len - at;
		if (n > len)
			n = len;
		if (in) {
			memcpy(r->host + at, buf, n);
			dirty_written(r, at, n);
			if (snapshot != NULL)
				snapshot_written(snapshot, gpa, n);
		} else
			memcpy(buf, r->host + at, n);
		gpa += n;
		buf += n;
		len -= n;
	}
}

int
vm_copyin(struct vm *vm, const void *src, uint64_t gpa, size_t len)
{
	int err;

	pthread_mutex_lock(&vm->lock);
	err = memmap_covers(&vm->map, gpa, len, true);
	if (err == 0)
		memory_copy(vm, gpa, (uint8_t *)(uintptr_t)src, len, true);
	pthread_mutex_unlock(&vm->lock);
	if (err != 0)
		errno = err;
	return err == 0 ? 0 : -1;
}

int
vm_copyout(struct vm *vm, uint64_t gpa, void *dst, size_t len)
{
	int err;

	pthread_mutex_lock(&vm->lock);
	err = memmap_covers(&vm->map, gpa, len, false);
	if (err == 0)
		memory_copy(vm, gpa, dst, len, false);
	pthread_mutex_unlock(&vm->lock);
	if (err != 0)
		errno = err;
	return err == 0 ? 0 : -1;
}
