/* SPDX-License-Identifier: ISC */
/*
 * A VM whose memory, the guest's code too, comes from a file when it is touched
 * first: the file, where its pages lie, and what they must be.
 */
#ifndef ONDEMAND_H
#define ONDEMAND_H

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <pthread.h>

#include "guest.h"
#include "guest_lazy.h"
#include "image/state_index.h"
#include "ipc/faults.h"
#include "role/lazy.h"

#define PAGE 4096U
#define MEMORY (16U << 20)
#define PAGES (MEMORY / PAGE)
#define ZEROES 8 /* every so many pages one is zero */

static struct guest g;
static struct lazy *lazy;
static int device = -1, file = -1;
static struct msg_dev_memory map;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int told, told_error;
static char told_why[64];

static inline void
on_failed(void *arg, int error, const char *why)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	told++;
	told_error = error;
	snprintf(told_why, sizeof(told_why), "%s", why);
	pthread_mutex_unlock(&lock);
}

static inline int
times_told(void)
{
	int n;

	pthread_mutex_lock(&lock);
	n = told;
	pthread_mutex_unlock(&lock);
	return n;
}

/* --- what the memory was ---------------------------------------------------
 */

/* Any byte but those of the guest's code, and what it wrote. */
static inline uint8_t
byte_at(uint32_t at)
{
	uint32_t page = at / PAGE;

	if (at >= GUEST_ENTRY && at < GUEST_ENTRY + sizeof(guest_lazy))
		return guest_lazy[at - GUEST_ENTRY];
	return page % ZEROES == ZEROES - 1
	    ? 0
	    : (uint8_t)(page * 7 + at % PAGE / 64 + 1);
}

static inline bool
page_is(const uint8_t *page, uint32_t number)
{
	for (uint32_t i = 0; i < PAGE; i++)
		if (page[i] != byte_at(number * PAGE + i))
			return false;
	return true;
}

/* The pages that are not zero, in order; one page before them. */
static inline int
file_new(void)
{
	int fd = memfd_create("state", MFD_CLOEXEC);
	uint8_t page[PAGE];
	uint32_t n = 1;

	for (uint32_t p = 0; fd != -1 && p < PAGES; p++) {
		if (p % ZEROES == ZEROES - 1)
			continue;
		for (uint32_t i = 0; i < PAGE; i++)
			page[i] = byte_at(p * PAGE + i);
		if (pwrite(fd, page, PAGE, (off_t)n++ * PAGE) != PAGE)
			return -1;
	}
	return fd;
}

static inline struct state_index *
index_new(void)
{
	struct state_index *ix = state_index_new(MEMORY);
	uint64_t offset = PAGE;

	for (uint32_t p = 0; ix != NULL && p < PAGES; p += ZEROES) {
		struct state_run run = { .count = ZEROES - 1,
			.kind = STATE_RUN_DATA };
		uint8_t bytes[STATE_RUN];
		struct state_memory m = { .gpa = (uint64_t)p * PAGE,
			.pages = ZEROES,
			.runs = 1,
			.packing = STATE_RAW,
			.data_pages = ZEROES - 1,
			.run = bytes };

		state_run_encode(run, bytes);
		if (state_index_add(ix, &m, offset) == -1)
			return NULL;
		offset += (uint64_t)(ZEROES - 1) * PAGE;
	}
	return ix;
}

/* --- a VM made of it -------------------------------------------------------
 */

static inline bool
setup(void)
{
	const struct vm_params params = {
		.size = sizeof(params), .memory_bytes = MEMORY, .ncpus = 1
	};
	struct lazy_setup with = { .devices = 2, .failed = on_failed };
	struct vm_memseg seg;

	told = 0;
	told_why[0] = '\0';
	memset(&g, 0, sizeof(g));
	g.kvm = vmm_open(NULL);
	file = file_new();
	device = faults_open();
	if (g.kvm == -1 || file == -1 || device == -1 ||
	    vm_create(g.kvm, &params, &g.vm) == -1 ||
	    vm_memory_layout(g.vm, &seg, 1) != 1)
		return false;
	map = (struct msg_dev_memory) { .count = 1 };
	map.region[0].gpa = seg.gpa;
	map.region[0].len = seg.len;
	map.region[0].offset = seg.offset;
	with.device = device;
	with.file = fcntl(file, F_DUPFD_CLOEXEC, 0);
	with.index = index_new();
	lazy = lazy_start(g.vm, &with);
	return lazy != NULL && vcpu_open(g.vm, 0, &g.vcpu[0]) == 0 &&
	    guest_enter(g.vcpu[0]) == 0;
}

static inline void
teardown(void)
{
	lazy_free(lazy);
	guest_stop(&g);
	close(device);
	close(file);
}

static inline const char *
why_not(void)
{
	int fd = faults_open();

	if (fd == -1)
		return "no usable /dev/userfaultfd on this host";
	close(fd);
	return guest_why_not();
}

#define NEEDS()                          \
	do {                             \
		if (why_not() != NULL)   \
			SKIP(why_not()); \
	} while (0)

static inline const uint8_t *
ram(void)
{
	return vm_map_gpa(g.vm, 0, MEMORY);
}

/* Pages in the memfd. */
static inline long
resident(void)
{
	struct stat st;

	return fstat(vm_memory_fd(g.vm), &st) == -1
	    ? -1
	    : (long)(st.st_blocks * 512 / PAGE);
}

#endif /* ONDEMAND_H */
