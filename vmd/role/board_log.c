/* SPDX-License-Identifier: ISC */
/*
 * The log of memory written past KVM; see board_log.h.  Runs in the VM process.
 *
 * Why nothing is lost between two rounds of copying: vmd/dev/guestmem.c.  Why
 * nothing is lost before the first: a device process answers DEV_LOG from its
 * loop, between two requests, so that what it has written and not noted lies
 * before the answer, and the first copy after it.  Why nothing is lost after
 * the last: DEV_STOPPED comes after all that the process has noted.  What this
 * process writes, it writes and notes with the machine lock held; vCPUs that
 * are held have let go of it.
 */
#include "role/board_log.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "ipc/clock.h"
#include "role/board.h"
#include "role/thread.h"

#define LOG_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* A run of bits. */
struct log_range {
	uint64_t first;
	uint64_t count;
};

static uint64_t
board_log_pages(const struct msg_dev_memory *map)
{
	uint64_t pages = 0;

	for (uint32_t i = 0; i < map->count; i++) {
		uint64_t end = map->region[i].offset + map->region[i].len;

		end = (end + DEV_LOG_PAGE - 1) / DEV_LOG_PAGE;
		pages = end > pages ? end : pages;
	}
	return pages;
}

static size_t
board_log_words(const struct board_log *log)
{
	return (size_t)((log->shared.pages + 63) / 64);
}

int
board_log_init(struct board *b)
{
	struct board_log *log = &b->log;
	size_t len;

	log->shared.pages = board_log_pages(&b->memory.map);
	len = board_log_words(log) * 8;
	log->shared.fd =
	    memfd_create("vmd-log", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (log->shared.fd == -1 ||
	    ftruncate(log->shared.fd, (off_t)len) == -1 ||
	    fcntl(log->shared.fd, F_ADD_SEALS, LOG_SEALS) == -1)
		return -1;
	log->bits = mmap(
	    NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, log->shared.fd, 0);
	if (log->bits == MAP_FAILED)
		return -1;
	thread_cond_init(&log->changed);
	return 0;
}

/* --- on and off ------------------------------------------------------------
 */

void
board_log_start(struct board *b)
{
	/* A process that heard late of the last log's end may have written. */
	for (size_t i = 0; i < board_log_words(&b->log); i++)
		__atomic_store_n(&b->log.bits[i], 0, __ATOMIC_SEQ_CST);
	b->log.on = true;
	disklog_start(b);
	for (unsigned int i = 0; i < b->devices; i++)
		virtio_log(b->device[i], &b->log.shared);
}

void
board_log_stop(struct board *b)
{
	b->log.on = false;
	for (unsigned int i = 0; i < b->devices; i++)
		virtio_log(b->device[i], NULL);
	board_log_changed(b);
	/* Its memory is of use to others; if not, it stays. */
	(void)madvise(b->log.bits, board_log_words(&b->log) * 8, MADV_REMOVE);
}

const char *
board_log_missing(const struct board *b)
{
	for (unsigned int i = 0; i < b->devices; i++)
		if (!virtio_log_is_on(b->device[i]))
			return virtio_name(b->device[i]);
	return NULL;
}

int
board_log_wait(struct board *b, unsigned int ms)
{
	uint64_t end = (uint64_t)clock_ns() + ms * 1000000ULL;
	int error = 0;

	while (b->log.on && board_log_missing(b) != NULL && error == 0)
		error = thread_cond_wait(&b->log.changed, &b->lock, end);
	if (!b->log.on)
		error = ECANCELED;
	else if (board_log_missing(b) == NULL)
		error = 0;
	errno = error;
	return error == 0 ? 0 : -1;
}

void
board_log_changed(struct board *b)
{
	pthread_cond_broadcast(&b->log.changed);
}

/* --- the bits --------------------------------------------------------------
 */

/* Those of word i that are in the range. */
static uint64_t
board_log_mask(const struct log_range *r, uint64_t i)
{
	uint64_t mask = ~0ULL, end = r->first + r->count;

	if (r->first > i * 64)
		mask &= ~0ULL << (r->first - i * 64);
	if (end < i * 64 + 64)
		mask &= ~(~0ULL << (end - i * 64));
	return mask;
}

void
board_log_wrote(struct board *b, uint64_t gpa, uint64_t len)
{
	const struct msg_dev_memory *map = &b->memory.map;

	for (uint32_t i = 0; b->log.on && len != 0 && i < map->count; i++) {
		uint64_t off = gpa - map->region[i].gpa;
		struct log_range r;

		if (off >= map->region[i].len)
			continue;
		if (len > map->region[i].len - off)
			len = map->region[i].len - off;
		off += map->region[i].offset;
		r.first = off / DEV_LOG_PAGE;
		r.count = (off + len - 1) / DEV_LOG_PAGE - r.first + 1;
		for (uint64_t w = r.first / 64;
		     w <= (r.first + r.count - 1) / 64; w++)
			__atomic_fetch_or(&b->log.bits[w],
			    board_log_mask(&r, w), __ATOMIC_SEQ_CST);
		return;
	}
}

/* Moves bits of word w to where they are in the part of the RAM. */
static void
board_log_add(const struct log_range *r, uint64_t w, uint64_t bits,
    uint64_t *bitmap, size_t words)
{
	uint64_t shift = r->first % 64, to = w - r->first / 64;

	/* Above the first bit of the part, or below it in the next word. */
	if (to < words && bits >> shift != 0)
		bitmap[to] |= bits >> shift;
	if (shift != 0 && to > 0 && to <= words)
		bitmap[to - 1] |= bits << (64 - shift);
}

void
board_log_take(struct board *b, uint64_t gpa, uint64_t *bitmap, size_t words)
{
	const struct msg_dev_memory *map = &b->memory.map;
	struct log_range r = { 0, 0 };

	for (uint32_t i = 0; i < map->count; i++)
		if (map->region[i].gpa == gpa) {
			r.first = map->region[i].offset / DEV_LOG_PAGE;
			r.count = (map->region[i].len + DEV_LOG_PAGE - 1) /
			    DEV_LOG_PAGE;
		}
	if (r.count > words * 64)
		r.count = words * 64;
	for (uint64_t w = r.first / 64;
	     r.count != 0 && w <= (r.first + r.count - 1) / 64; w++) {
		uint64_t mask = board_log_mask(&r, w), bits;

		/* What is set meanwhile is for the next call. */
		if ((__atomic_load_n(&b->log.bits[w], __ATOMIC_RELAXED) &
			mask) == 0)
			continue;
		bits = mask &
		    __atomic_fetch_and(
			&b->log.bits[w], ~mask, __ATOMIC_SEQ_CST);
		board_log_add(&r, w, bits, bitmap, words);
	}
}
