/* SPDX-License-Identifier: ISC */
/*
 * Guest memory on demand; see lazy.h.
 *
 * Slot 0 is this process' own descriptor, the others are those of devices.  A
 * descriptor is given to the slot's thread, which closes the one before when it
 * gets there: one that a hostile device keeps waiting in the kernel costs that
 * device its slot, and nobody else anything.
 */
#include "role/lazy.h"

#include <sys/eventfd.h>
#include <sys/stat.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/state_index.h"
#include "ipc/faults.h"
#include "ipc/log.h"
#include "vmm.h"

#define LAZY_STACK (64UL << 10)
/* Waits served before the thread looks whether its descriptor was replaced. */
#define LAZY_TURN 16
/*
 * Pages put in place at a time, at most, and only while they are asked for one
 * after the other: more at other times would cost memory that many VMs of one
 * file share as long as nobody touches it.
 */
#define LAZY_AHEAD 16
#define LAZY_SLOTS (VMD_DEVICES_MAX + 2) /* rng's, and our own */

/* Addresses in one process, and the descriptor on which it asks. */
struct lazy_source {
	int fd; /* owned; -1: none */
	unsigned int count;
	struct {
		uint64_t base;
		uint64_t gpa;
		uint64_t len;
	} region[DEV_REGIONS_MAX];
};

struct lazy_slot {
	struct lazy *lazy;
	unsigned int number;
	pthread_t thread;
	bool started;
	int event_fd; /* next is news */
	struct lazy_source next; /* under lazy->lock */
	bool has_next, ending;
	struct lazy_source now; /* from here on the thread's */
	uint64_t expected; /* gpa, of who reads on from the last page */
	uint32_t ahead; /* pages then */
	uint8_t page[LAZY_AHEAD * STATE_PAGE];
};

struct lazy {
	int file; /* owned */
	struct state_index *index; /* owned; read only */
	void (*failed)(void *arg, int error, const char *why);
	void *arg;
	atomic_flag told;
	_Atomic(uint64_t) pages;
	pthread_mutex_t lock; /* of each slot's next: held for a copy of it */
	unsigned int regions;
	struct vm_memseg seg[DEV_REGIONS_MAX];
	unsigned int slots;
	struct lazy_slot *slot; /* owned */
};

/* --- one page --------------------------------------------------------------
 */

static void
lazy_fail(struct lazy *l, int error, const char *why)
{
	if (!atomic_flag_test_and_set(&l->told))
		l->failed(l->arg, error, why);
}

/* The whole of it; a file that was made shorter has nothing to give. */
static int
lazy_read(struct lazy *l, uint8_t *page, size_t len, uint64_t offset)
{
	ssize_t n;

	while (len > 0) {
		n = pread(l->file, page, len, (off_t)offset);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			lazy_fail(l, errno, "cannot be read");
			return -1;
		}
		if (n == 0) {
			lazy_fail(l, 0, "is truncated");
			return -1;
		}
		page += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* Where gpa is, and how far it is to the end of that region; 0: nowhere. */
static uint64_t
lazy_gpa(const struct lazy_source *s, uint64_t addr, uint64_t *gpa)
{
	for (unsigned int i = 0; i < s->count; i++) {
		uint64_t at = addr - s->region[i].base;

		if (addr < s->region[i].base || at >= s->region[i].len)
			continue;
		*gpa = s->region[i].gpa + at;
		return s->region[i].len - at;
	}
	return 0;
}

/* Serves who waits for the page at addr; false: that process is a loss. */
static bool
lazy_serve(struct lazy_slot *s, uint64_t addr)
{
	struct lazy *l = s->lazy;
	uint64_t gpa, offset, left = lazy_gpa(&s->now, addr, &gpa) / STATE_PAGE;
	uint32_t n;

	if (left == 0)
		return false;
	if (gpa != s->expected)
		s->ahead = 1;
	else if (s->ahead < LAZY_AHEAD)
		s->ahead *= 2;
	n = state_index_run(l->index, gpa,
	    left < s->ahead ? (uint32_t)left : s->ahead, &offset);
	if (n == 0 || offset == 0) {
		n = 1;
		if (faults_zero(s->now.fd, addr) == -1)
			return false;
	} else if (lazy_read(l, s->page, n * STATE_PAGE, offset) == -1 ||
	    faults_copy(s->now.fd, addr, s->page, n * STATE_PAGE) == -1)
		return false;
	s->expected = gpa + (uint64_t)n * STATE_PAGE;
	atomic_fetch_add_explicit(&l->pages, n, memory_order_relaxed);
	return true;
}

/* --- a slot's thread -------------------------------------------------------
 */

static void
lazy_drop(struct lazy_slot *s)
{
	int error = errno;

	close(s->now.fd);
	s->now.fd = -1;
	/* Nobody else can serve the guest itself. */
	if (s->number == 0)
		lazy_fail(s->lazy, error, "cannot be put into guest memory");
}

static void
lazy_turn(struct lazy_slot *s)
{
	uint64_t addr;

	for (unsigned int i = 0; i < LAZY_TURN; i++) {
		if (faults_next(s->now.fd, &addr) == -1) {
			if (errno != EAGAIN && errno != EINTR)
				lazy_drop(s);
			return;
		}
		if (!lazy_serve(s, addr)) {
			lazy_drop(s);
			return;
		}
	}
}

/* Takes what was given; false: the end. */
static bool
lazy_switch(struct lazy_slot *s)
{
	int old = -1;
	eventfd_t count;
	bool ending;

	eventfd_read(s->event_fd, &count);
	pthread_mutex_lock(&s->lazy->lock);
	if (s->has_next) {
		old = s->now.fd;
		s->now = s->next;
		s->has_next = false;
		s->next.fd = -1;
	}
	ending = s->ending;
	pthread_mutex_unlock(&s->lazy->lock);
	if (old != -1)
		close(old);
	return !ending;
}

static void *
lazy_thread(void *arg)
{
	struct lazy_slot *s = arg;

	for (;;) {
		struct pollfd p[] = {
			{ .fd = s->event_fd, .events = POLLIN },
			{ .fd = s->now.fd, .events = POLLIN },
		};

		if (poll(p, 2, -1) == -1)
			continue;
		if (p[0].revents != 0 && !lazy_switch(s))
			return NULL;
		if (p[0].revents != 0)
			continue;
		if (p[1].revents & POLLIN)
			lazy_turn(s);
		else if (p[1].revents != 0)
			lazy_drop(s);
	}
}

static void
lazy_give(struct lazy_slot *s, const struct lazy_source *source)
{
	int old;

	pthread_mutex_lock(&s->lazy->lock);
	old = s->next.fd;
	s->next = *source;
	s->has_next = true;
	pthread_mutex_unlock(&s->lazy->lock);
	if (old != -1)
		close(old);
	eventfd_write(s->event_fd, 1);
}

/* --- life ------------------------------------------------------------------
 */

static int
lazy_slot_start(struct lazy *l, unsigned int number)
{
	struct lazy_slot *s = &l->slot[number];
	sigset_t all, old;
	pthread_attr_t attr;
	int error;

	if ((s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) == -1)
		return -1;
	/* The signals of the process are for its other threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, LAZY_STACK);
	error = pthread_create(&s->thread, &attr, lazy_thread, s);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error == 0)
		pthread_setname_np(s->thread, "lazy");
	s->started = error == 0;
	errno = error;
	return error == 0 ? 0 : -1;
}

/* Our own mapping of the RAM. */
static int
lazy_own(struct lazy *l, struct vm *vm, int device)
{
	struct lazy_source own = { .fd = faults_new(device),
		.count = l->regions };

	if (own.fd == -1)
		return -1;
	for (unsigned int i = 0; i < l->regions; i++) {
		void *base = vm_map_gpa(vm, l->seg[i].gpa, l->seg[i].len);

		if (base == NULL ||
		    faults_watch(own.fd, base, l->seg[i].len) == -1) {
			int error = errno;

			close(own.fd);
			errno = error;
			return -1;
		}
		own.region[i].base = (uintptr_t)base;
		own.region[i].gpa = l->seg[i].gpa;
		own.region[i].len = l->seg[i].len;
	}
	lazy_give(&l->slot[0], &own);
	return vm_set_memflags(vm, vm_get_memflags(vm) | VM_MEM_F_DEMAND);
}

static int
lazy_check(const struct lazy *l)
{
	struct stat st;

	if (fstat(l->file, &st) == -1)
		return -1;
	if (S_ISREG(st.st_mode) && l->regions <= DEV_REGIONS_MAX &&
	    l->slots <= LAZY_SLOTS)
		return 0;
	errno = EINVAL;
	return -1;
}

struct lazy *
lazy_start(struct vm *vm, const struct lazy_setup *setup)
{
	struct lazy *l = calloc(1, sizeof(*l));
	int error;

	if (l == NULL ||
	    (l->slot = calloc(setup->devices + 1, sizeof(*l->slot))) == NULL) {
		free(l);
		close(setup->file);
		state_index_free(setup->index);
		errno = ENOMEM;
		return NULL;
	}
	l->file = setup->file;
	l->index = setup->index;
	l->failed = setup->failed;
	l->arg = setup->arg;
	atomic_flag_clear(&l->told);
	l->slots = setup->devices + 1;
	pthread_mutex_init(&l->lock, NULL);
	l->regions =
	    (unsigned int)vm_memory_layout(vm, l->seg, DEV_REGIONS_MAX);
	for (unsigned int i = 0; i < l->slots; i++)
		l->slot[i] = (struct lazy_slot) { .lazy = l,
			.number = i,
			.event_fd = -1,
			.ahead = 1,
			.next.fd = -1,
			.now.fd = -1 };
	if (lazy_check(l) == -1)
		goto fail;
	for (unsigned int i = 0; i < l->slots; i++)
		if (lazy_slot_start(l, i) == -1)
			goto fail;
	if (lazy_own(l, vm, setup->device) == -1)
		goto fail;
	return l;
fail:
	error = errno;
	lazy_free(l);
	errno = error;
	return NULL;
}

void
lazy_device(
    struct lazy *l, unsigned int device, int fd, const struct msg_dev_faults *m)
{
	struct lazy_source source = { .fd = fd, .count = l->regions };

	if (device + 1 >= l->slots) {
		if (fd != -1)
			close(fd);
		return;
	}
	/* What it says wrongly it waits for in vain. */
	for (unsigned int i = 0; fd != -1 && i < l->regions; i++) {
		source.region[i].base = m->base[i];
		source.region[i].gpa = l->seg[i].gpa;
		source.region[i].len = l->seg[i].len;
	}
	lazy_give(&l->slot[device + 1], &source);
}

uint64_t
lazy_pages(const struct lazy *l)
{
	return atomic_load_explicit(&l->pages, memory_order_relaxed);
}

void
lazy_free(struct lazy *l)
{
	for (unsigned int i = 0; i < l->slots; i++) {
		struct lazy_slot *s = &l->slot[i];

		if (s->started) {
			pthread_mutex_lock(&l->lock);
			s->ending = true;
			pthread_mutex_unlock(&l->lock);
			eventfd_write(s->event_fd, 1);
			pthread_join(s->thread, NULL);
		}
		if (s->next.fd != -1)
			close(s->next.fd);
		if (s->now.fd != -1)
			close(s->now.fd);
		if (s->event_fd != -1)
			close(s->event_fd);
	}
	pthread_mutex_destroy(&l->lock);
	state_index_free(l->index);
	close(l->file);
	free(l->slot);
	free(l);
}
