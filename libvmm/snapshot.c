/* SPDX-License-Identifier: ISC */
/*
 * Snapshots in memory.  The RAM is copied once, as far as it has pages; then
 * the backend's log and notes of what the host wrote say which pages to copy
 * back.  What the log has given is kept in the notes until it is copied, so a
 * restore that fails can be tried again.
 */
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpustate.h"
#include "dirty.h"
#include "handle.h"
#include "vmm.h"

#define PARTS 2 /* of the RAM: below and above the hole */
#define MSRS_MAX 64
#define MSR_TSC 0x10 /* time goes on */
#define MSR_TSC_ADJUST 0x3b

struct snapshot_part {
	uint64_t gpa;
	uint64_t len;
	uint8_t *host; /* the guest's */
	uint8_t *copy;
	uint64_t *noted; /* a bit per page to copy back */
	uint64_t *log; /* room for the backend's */
};

struct vm_snapshot {
	struct vm *vm;
	uint32_t nparts;
	struct snapshot_part part[PARTS];
	struct vcpu_state **cpu; /* params.ncpus; NULL: was not open */
	uint8_t *chips;
	size_t chips_len;
};

static size_t
snapshot_words(const struct snapshot_part *p)
{
	return (size_t)(p->len / MEMMAP_PAGE + 63) / 64;
}

/* --- memory -------------------------------------------------------------- */

void
snapshot_written(struct vm_snapshot *snapshot, uint64_t gpa, uint64_t len)
{
	struct snapshot_part *p;
	uint64_t page, last;
	uint32_t i;

	for (i = 0; i < snapshot->nparts && len != 0; i++) {
		p = &snapshot->part[i];
		if (gpa < p->gpa || gpa - p->gpa >= p->len)
			continue;
		last = (gpa - p->gpa + len - 1) / MEMMAP_PAGE;
		for (page = (gpa - p->gpa) / MEMMAP_PAGE; page <= last; page++)
			p->noted[page / 64] |= 1ULL << (page % 64);
	}
}

int
vm_snapshot_note(struct vm_snapshot *snapshot, uint64_t gpa, uint64_t len)
{
	struct vm *vm = snapshot->vm;
	const struct memmap_region *r;
	int rc = -1;

	pthread_mutex_lock(&vm->lock);
	r = memmap_find(&vm->map, gpa);
	if (r == NULL || !r->ram || len > r->gpa + r->len - gpa)
		errno = EFAULT;
	else {
		snapshot_written(snapshot, gpa, len);
		rc = 0;
	}
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

/* Copies what has pages in fd; the rest of the copy is zero, as it is there.
 * -1: what has none may not be zero. */
static int
snapshot_copy(const struct snapshot_part *p, int fd, uint64_t offset)
{
	off_t at = (off_t)offset, end = (off_t)(offset + p->len), hole;

	if (fd == -1) {
		memcpy(p->copy, p->host, p->len);
		return 0;
	}
	while (at < end) {
		at = lseek(fd, at, SEEK_DATA);
		if (at == -1)
			return errno == ENXIO ? 0 : -1; /* no more */
		if (at >= end)
			break;
		hole = lseek(fd, at, SEEK_HOLE);
		if (hole == -1)
			return -1;
		if (hole > end)
			hole = end;
		memcpy(p->copy + ((uint64_t)at - offset),
		    p->host + ((uint64_t)at - offset), (size_t)(hole - at));
		at = hole;
	}
	return 0;
}

/* The VM's lock is held. */
static int
snapshot_take_part(struct vm_snapshot *s, const struct memmap_region *r)
{
	struct snapshot_part *p = &s->part[s->nparts];
	void *copy;

	*p = (struct snapshot_part) {
		.gpa = r->gpa, .len = r->len, .host = r->host
	};
	copy = mmap(NULL, p->len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (copy == MAP_FAILED)
		return -1;
	p->copy = copy;
	s->nparts++;
	(void)madvise(copy, p->len, MADV_DONTDUMP);
	p->noted = calloc(snapshot_words(p), sizeof(*p->noted));
	p->log = calloc(snapshot_words(p), sizeof(*p->log));
	if (p->noted == NULL || p->log == NULL)
		return -1;
	return snapshot_copy(p,
	    (s->vm->memflags & VM_MEM_F_DEMAND) != 0 ? -1 : s->vm->memory_fd,
	    r->offset);
}

static int
snapshot_take_memory(struct vm_snapshot *s)
{
	struct vm *vm = s->vm;
	int i, rc = 0;

	pthread_mutex_lock(&vm->lock);
	for (i = 0; i < vm->map.count && rc == 0; i++)
		if (vm->map.region[i].ram)
			rc = snapshot_take_part(s, &vm->map.region[i]);
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

/* Adds what the guest wrote to the notes; the VM's lock is held. */
static int
snapshot_note_log(struct vm_snapshot *s, struct snapshot_part *p)
{
	const struct memmap_region *r = memmap_find(&s->vm->map, p->gpa);
	size_t i;

	if (s->vm->be->dirty_get(s->vm, r, p->log) == -1)
		return -1;
	for (i = 0; i < snapshot_words(p); i++)
		p->noted[i] |= p->log[i];
	return 0;
}

/* Copies the pages of the notes back; returns how many. */
static uint64_t
snapshot_copy_back(struct snapshot_part *p)
{
	uint64_t word, pages = 0;
	size_t i, at;

	for (i = 0; i < snapshot_words(p); i++) {
		for (word = p->noted[i]; word != 0; word &= word - 1) {
			at = (i * 64 + (size_t)__builtin_ctzll(word)) *
			    MEMMAP_PAGE;
			memcpy(p->host + at, p->copy + at, MEMMAP_PAGE);
			pages++;
		}
		p->noted[i] = 0;
	}
	return pages;
}

static int
snapshot_restore_memory(struct vm_snapshot *s, uint64_t *pages)
{
	uint32_t i;
	int rc = 0;

	pthread_mutex_lock(&s->vm->lock);
	for (i = 0; i < s->nparts && rc == 0; i++) {
		rc = snapshot_note_log(s, &s->part[i]);
		if (rc == 0)
			*pages += snapshot_copy_back(&s->part[i]);
	}
	pthread_mutex_unlock(&s->vm->lock);
	return rc;
}

/* --- vCPUs --------------------------------------------------------------- */

/*
 * Those of the backend's list that this host has and takes back: the value of
 * some is refused by the one who gave it, for CPUID does not tell of them.
 */
static int
snapshot_take_msrs(struct vcpu *vcpu, struct vcpu_state *c)
{
	struct vcpu_msr all[MSRS_MAX];
	uint32_t i, n = vcpu->be->reset_msrs(all, MSRS_MAX);
	int got;

	for (i = 0; i < n; i++) {
		if (all[i].index == MSR_TSC || all[i].index == MSR_TSC_ADJUST)
			continue;
		got = vcpu->be->get_msrs(vcpu, &all[i], 1);
		if (got == 1)
			got = vcpu->be->set_msrs(vcpu, &all[i], 1);
		if (got == -1)
			return -1;
		if (got == 1)
			c->msr[c->nmsrs++] = all[i];
	}
	return 0;
}

static int
snapshot_take_cpu(struct vcpu *vcpu, struct vcpu_state **cp)
{
	struct vcpu_state *c = calloc(1, sizeof(*c));

	*cp = c;
	if (c == NULL || cpustate_get(vcpu, c) == -1)
		return -1;
	return snapshot_take_msrs(vcpu, c);
}

static int
snapshot_restore_late(struct vcpu *vcpu, const struct vcpu_state *c)
{
	int done = vcpu->be->set_msrs(vcpu, c->msr, c->nmsrs);

	if (done == -1)
		return -1;
	if ((uint32_t)done != c->nmsrs) {
		errno = EINVAL;
		return -1;
	}
	return vcpu->be->set_events(vcpu, &c->events);
}

/* Each vCPU that was open must be, and no other. */
static int
snapshot_check_cpus(const struct vm_snapshot *s)
{
	uint32_t i;

	for (i = 0; i < s->vm->params.ncpus; i++)
		if ((s->cpu[i] != NULL) !=
		    (atomic_load(&s->vm->vcpus[i]) != NULL)) {
			errno = EINVAL;
			return -1;
		}
	return 0;
}

/* --- the whole ----------------------------------------------------------- */

static int
snapshot_take_all(struct vm_snapshot *s)
{
	struct vm *vm = s->vm;
	struct vcpu *vcpu;
	uint32_t i;

	s->cpu = calloc(vm->params.ncpus, sizeof(*s->cpu));
	if (s->cpu == NULL)
		return -1;
	for (i = 0; i < vm->params.ncpus; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu != NULL && snapshot_take_cpu(vcpu, &s->cpu[i]) == -1)
			return -1;
	}
	if ((vm->params.flags & VM_IRQCHIP) != 0) {
		if (vm_get_chips(vm, NULL, &s->chips_len) == -1)
			return -1;
		s->chips = malloc(s->chips_len);
		if (s->chips == NULL ||
		    vm_get_chips(vm, s->chips, &s->chips_len) == -1)
			return -1;
	}
	return snapshot_take_memory(s);
}

static void
snapshot_release(struct vm_snapshot *s)
{
	uint32_t i;

	for (i = 0; i < s->nparts; i++) {
		munmap(s->part[i].copy, s->part[i].len);
		free(s->part[i].noted);
		free(s->part[i].log);
	}
	for (i = 0; s->cpu != NULL && i < s->vm->params.ncpus; i++)
		free(s->cpu[i]);
	free(s->cpu);
	free(s->chips);
	free(s);
}

/* What devices of the host write is in no log. */
static int
snapshot_check_devices(struct vm *vm)
{
	bool any;

	pthread_mutex_lock(&vm->lock);
	any = vm->vfio != NULL;
	pthread_mutex_unlock(&vm->lock);
	if (any)
		errno = ENOTSUP;
	return any ? -1 : 0;
}

int
vm_snapshot_take(struct vm *vm, struct vm_snapshot **snapshotp)
{
	struct vm_snapshot *s;
	int err;

	if (snapshot_check_devices(vm) == -1)
		return -1;
	if (atomic_load(&vm->snapshot) != NULL || dirty_is_on(vm)) {
		errno = EBUSY;
		return -1;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -1;
	s->vm = vm;
	if (dirty_enable(vm, true) == -1)
		goto fail;
	if (snapshot_take_all(s) == -1) {
		err = errno;
		(void)dirty_enable(vm, false);
		errno = err;
		goto fail;
	}
	atomic_store(&vm->snapshot, s);
	*snapshotp = s;
	return 0;
fail:
	err = errno;
	snapshot_release(s);
	errno = err;
	return -1;
}

int
vm_snapshot_restore(struct vm_snapshot *s, uint64_t *pages)
{
	uint64_t count = 0;
	struct vm *vm = s->vm;
	struct vcpu *vcpu;
	uint32_t i;

	if (snapshot_check_devices(vm) == -1 || snapshot_check_cpus(s) == -1)
		return -1;
	for (i = 0; i < vm->params.ncpus; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu != NULL && cpustate_set(vcpu, s->cpu[i]) == -1)
			return -1;
	}
	if (s->chips != NULL && vm_set_chips(vm, s->chips, s->chips_len) == -1)
		return -1;
	for (i = 0; i < vm->params.ncpus; i++) {
		vcpu = atomic_load(&vm->vcpus[i]);
		if (vcpu != NULL &&
		    snapshot_restore_late(vcpu, s->cpu[i]) == -1)
			return -1;
	}
	if (snapshot_restore_memory(s, &count) == -1)
		return -1;
	if (pages != NULL)
		*pages = count;
	return 0;
}

void
vm_snapshot_free(struct vm_snapshot *s)
{
	if (s == NULL)
		return;
	/* Under the lock, for a copy into memory may be noting pages. */
	pthread_mutex_lock(&s->vm->lock);
	atomic_store(&s->vm->snapshot, NULL);
	pthread_mutex_unlock(&s->vm->lock);
	(void)dirty_enable(s->vm, false);
	snapshot_release(s);
}
