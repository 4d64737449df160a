/* SPDX-License-Identifier: ISC */
/*
 * Named memory of devices: each a sealed memfd that the host has mapped once,
 * as long as the VM lives; regions of the guest point into that mapping.  The
 * VM's lock guards the list.
 */
#include "devmem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "handle.h"
#include "memory.h"

/* The VM's lock is held. */
static struct devmem *
devmem_find(struct vm *vm, const char *name)
{
	struct devmem *d;

	for (d = vm->devmem; d != NULL; d = d->next)
		if (strcmp(d->name, name) == 0)
			return d;
	errno = ENOENT;
	return NULL;
}

static struct devmem *
devmem_make(struct vm *vm, const char *name, size_t len)
{
	struct devmem *d = calloc(1, sizeof(*d));
	int err;

	if (d == NULL)
		return NULL;
	memcpy(d->name, name, strlen(name) + 1);
	d->len = len;
	d->fd = memory_sealed_fd(len);
	if (d->fd == -1)
		goto fail;
	d->host = memory_host_map(
	    vm->memflags, len, d->fd, 0, PROT_READ | PROT_WRITE);
	if (d->host == NULL)
		goto fail;
	return d;
fail:
	err = errno;
	if (d->fd != -1)
		close(d->fd);
	free(d);
	errno = err;
	return NULL;
}

void *
vm_create_devmem(struct vm *vm, const char *name, size_t len)
{
	struct devmem *d = NULL;

	if (name[0] == '\0' || strlen(name) >= VM_SEGMENT_NAME_MAX ||
	    len == 0 || len % MEMMAP_PAGE != 0 || len >= MEMMAP_TOP) {
		errno = EINVAL;
		return NULL;
	}
	pthread_mutex_lock(&vm->lock);
	if (devmem_find(vm, name) != NULL)
		errno = EEXIST;
	else if ((d = devmem_make(vm, name, len)) != NULL) {
		d->next = vm->devmem;
		vm->devmem = d;
	}
	pthread_mutex_unlock(&vm->lock);
	return d != NULL ? d->host : NULL;
}

void *
vm_get_devmem(struct vm *vm, const char *name, size_t *len)
{
	struct devmem *d;

	pthread_mutex_lock(&vm->lock);
	d = devmem_find(vm, name);
	pthread_mutex_unlock(&vm->lock);
	if (d == NULL)
		return NULL;
	*len = d->len;
	return d->host;
}

int
vm_devmem_fd(struct vm *vm, const char *name)
{
	struct devmem *d;

	pthread_mutex_lock(&vm->lock);
	d = devmem_find(vm, name);
	pthread_mutex_unlock(&vm->lock);
	return d != NULL ? d->fd : -1;
}

int
vm_map_devmem(struct vm *vm, const char *name, uint64_t off, uint64_t gpa,
    uint64_t len, int prot)
{
	struct memmap_region r = { .gpa = gpa,
		.len = len,
		.offset = off,
		.prot = prot,
		.host_write = true,
		.borrowed = true };
	struct devmem *d;
	int rc = -1;

	if ((prot & VMM_PROT_READ) == 0 || (prot & ~VMM_PROT_ALL) != 0 ||
	    off % MEMMAP_PAGE != 0) {
		errno = EINVAL;
		return -1;
	}
	pthread_mutex_lock(&vm->lock);
	d = devmem_find(vm, name);
	if (d != NULL && (off > d->len || len > d->len - off))
		errno = EINVAL;
	else if (d != NULL) {
		r.host = d->host + off;
		rc = memory_add(vm, &r, -1);
	}
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

void
devmem_free_all(struct vm *vm)
{
	struct devmem *d;

	while ((d = vm->devmem) != NULL) {
		vm->devmem = d->next;
		munmap(d->host, d->len);
		close(d->fd);
		free(d);
	}
}
