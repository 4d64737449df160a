/* SPDX-License-Identifier: ISC */
/*
 * Which pages were written: KVM's log of the guest's writes, switched on for
 * the whole RAM and asked by range, and a note of what vm_copyin() writes.
 */
#include <errno.h>
#include <stdlib.h>

#include "dirty.h"
#include "handle.h"
#include "vmm.h"

static size_t
dirty_words(const struct memmap_region *r)
{
	return (size_t)((r->len / MEMMAP_PAGE + 63) / 64);
}

static void
dirty_forget(struct memmap_region *r)
{
	free(r->noted);
	r->noted = NULL;
}

/* Tells the backend the region again, with or without the log. */
static int
dirty_set(struct vm *vm, struct memmap_region *r, bool on)
{
	bool old = r->dirty_log;
	int err;

	if (old == on)
		return 0;
	if (on && (r->noted = calloc(dirty_words(r), 8)) == NULL)
		return -1;
	r->dirty_log = on;
	if (vm->be->slot_set(vm, r) == -1) {
		err = errno;
		r->dirty_log = old;
		if (on)
			dirty_forget(r);
		errno = err;
		return -1;
	}
	if (!on)
		dirty_forget(r);
	return 0;
}

void
dirty_written(const struct memmap_region *r, uint64_t at, uint64_t len)
{
	uint64_t page;

	if (r->noted == NULL || len == 0)
		return;
	for (page = at / MEMMAP_PAGE; page <= (at + len - 1) / MEMMAP_PAGE;
	     page++)
		r->noted[page / 64] |= 1ULL << page % 64;
}

static int
dirty_take(struct vm *vm, const struct memmap_region *r, uint64_t *bitmap)
{
	size_t i;

	if (vm->be->dirty_get(vm, r, bitmap) == -1)
		return -1;
	for (i = 0; i < dirty_words(r); i++) {
		bitmap[i] |= r->noted[i];
		r->noted[i] = 0;
	}
	return 0;
}

bool
dirty_is_on(struct vm *vm)
{
	bool on = false;
	int i;

	pthread_mutex_lock(&vm->lock);
	for (i = 0; i < vm->map.count; i++)
		on = on || vm->map.region[i].dirty_log;
	pthread_mutex_unlock(&vm->lock);
	return on;
}

/* Switches as much of the RAM as goes; whether there is any. */
static bool
dirty_set_all(struct vm *vm, bool on, int *rc)
{
	bool found = false;
	int i, err = 0;

	*rc = 0;
	for (i = 0; i < vm->map.count; i++) {
		if (!vm->map.region[i].ram)
			continue;
		found = true;
		if (dirty_set(vm, &vm->map.region[i], on) == -1) {
			err = errno;
			*rc = -1;
		}
	}
	if (*rc == -1)
		errno = err;
	return found;
}

int
dirty_enable(struct vm *vm, bool on)
{
	bool found;
	int rc, undone, err;

	pthread_mutex_lock(&vm->lock);
	found = dirty_set_all(vm, on, &rc);
	/* A log of one part is none. */
	if (rc == -1 && on) {
		err = errno;
		(void)dirty_set_all(vm, false, &undone);
		errno = err;
	}
	pthread_mutex_unlock(&vm->lock);
	if (!found) {
		errno = ENOENT;
		rc = -1;
	}
	return rc;
}

/* A snapshot needs the log for itself. */
static int
dirty_check(struct vm *vm)
{
	if (atomic_load(&vm->snapshot) == NULL)
		return 0;
	errno = EBUSY;
	return -1;
}

int
vm_dirty_enable(struct vm *vm, bool on)
{
	return dirty_check(vm) == -1 ? -1 : dirty_enable(vm, on);
}

int
vm_dirty_get(struct vm *vm, uint64_t gpa, uint64_t *bitmap, size_t words)
{
	const struct memmap_region *r;
	int rc = -1;

	if (dirty_check(vm) == -1)
		return -1;
	pthread_mutex_lock(&vm->lock);
	r = memmap_find(&vm->map, gpa);
	if (r == NULL || r->gpa != gpa || !r->dirty_log)
		errno = ENOENT;
	else if (words < dirty_words(r))
		errno = ENOBUFS;
	else
		rc = dirty_take(vm, r, bitmap);
	pthread_mutex_unlock(&vm->lock);
	return rc;
}
