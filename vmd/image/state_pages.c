/* SPDX-License-Identifier: ISC */
/*
 * Pages of a state stream on their way into guest memory; see state_pages.h.
 *
 * What the stream says is hostile.  Head and runs come into a buffer of their
 * own, which has room for the most there can be, and are checked there; only
 * then is it known which pages are meant, and the VM is asked for them.
 */
#include "image/state_pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/state_crc.h"
#include "image/state_page.h"
#include "image/state_reader.h"
#include "image/state_zstd.h"

int
state_reader_place(
    struct state_reader *r, state_place_fn *place, void *arg, uint64_t fresh)
{
	struct state_pages *p = &r->pages;

	free(p->filled);
	p->fresh = fresh / STATE_PAGE;
	p->filled = calloc(p->fresh / 64 + 1, sizeof(*p->filled));
	if (p->filled == NULL) {
		errno = ENOMEM;
		return -1;
	}
	p->place = place;
	p->found = NULL;
	p->arg = arg;
	return 0;
}

void
state_reader_backing(struct state_reader *r, state_backing_fn *backing)
{
	r->pages.backing = backing;
}

int
state_reader_find(struct state_reader *r, state_skip_fn *skip, uint64_t base,
    state_found_fn *found, void *arg)
{
	struct state_pages *p = &r->pages;

	if (base % STATE_PAGE != 0) {
		snprintf(r->text, sizeof(r->text),
		    "begins at byte %llu of its file, which is within a page "
		    "of %u bytes: its memory cannot be used where it lies",
		    (unsigned long long)base, STATE_PAGE);
		errno = r->error = EINVAL;
		return -1;
	}
	p->place = NULL;
	p->found = found;
	p->arg = arg;
	p->skip = skip;
	p->base = base;
	return 0;
}

void
state_pages_clear(struct state_pages *p)
{
	free(p->filled);
	free(p->scratch);
	state_unpacker_free(p->unpacker);
}

static bool
page_is_fresh(const struct state_pages *p, uint64_t page)
{
	return page < p->fresh && (p->filled[page / 64] >> page % 64 & 1) == 0;
}

/* Marks the pages of a run as no longer zero. */
static void
run_fill(struct state_pages *p, const struct state_run *run)
{
	uint64_t page = p->memory.gpa / STATE_PAGE + run->first;

	for (uint64_t end = page + run->count; page < end && page < p->fresh;
	     page++)
		p->filled[page / 64] |= 1ULL << page % 64;
}

/* Only a look at a page takes memory for it: those that are known to be zero
 * are not looked at. */
static void
run_zero(
    const struct state_pages *p, const struct state_run *run, uint8_t *host)
{
	uint64_t page = p->memory.gpa / STATE_PAGE + run->first;

	host += (size_t)run->first * STATE_PAGE;
	for (uint32_t i = 0; i < run->count; i++, host += STATE_PAGE)
		if (!page_is_fresh(p, page + i) && !state_page_is_zero(host))
			memset(host, 0, STATE_PAGE);
}

/* Reads the parts and sums them. */
static int
parts_get(
    struct state_reader *r, const struct iovec *iov, int count, uint32_t *crc)
{
	struct iovec copy[STATE_IO_PARTS];

	if (count == 0)
		return 0;
	memcpy(copy, iov, (size_t)count * sizeof(*iov));
	if (state_reader_get(r, copy, count) == -1)
		return -1;
	for (int i = 0; i < count; i++)
		*crc = state_crc(*crc, iov[i].iov_base, iov[i].iov_len);
	return 0;
}

/* Pages that are not packed, from the stream to where they belong. */
static int
place_raw(struct state_reader *r, uint8_t *host, uint32_t *crc)
{
	struct state_pages *p = &r->pages;
	struct iovec iov[STATE_IO_PARTS];
	int count = 0;

	for (uint32_t i = 0; i < p->memory.runs; i++) {
		const struct state_run run = state_memory_run(&p->memory, i);

		if (run.kind != STATE_RUN_DATA)
			continue;
		if (count == STATE_IO_PARTS) {
			if (parts_get(r, iov, count, crc) == -1)
				return -1;
			count = 0;
		}
		iov[count++] =
		    (struct iovec) { host + (size_t)run.first * STATE_PAGE,
			    (size_t)run.count * STATE_PAGE };
	}
	return parts_get(r, iov, count, crc);
}

/* The data as it is in the stream, into the buffer. */
static int
data_get(struct state_reader *r, uint32_t *crc)
{
	size_t len = r->pages.memory.data_len;
	struct iovec iov;

	if (state_reader_room(r, len > 0 ? len : 1) == -1)
		return -1;
	iov = (struct iovec) { r->buf, len };
	return len > 0 ? parts_get(r, &iov, 1, crc) : 0;
}

/* What is packed, from the buffer to where its pages are to lie one after the
 * other. */
static int
data_unpack(struct state_reader *r, uint8_t *to)
{
	struct state_pages *p = &r->pages;

	if (p->unpacker == NULL && (p->unpacker = state_unpacker_new()) == NULL)
		return state_reader_fail(r, ENOMEM, "not enough memory for it");
	if (state_unpack(p->unpacker, to,
		(size_t)p->memory.data_pages * STATE_PAGE, r->buf,
		p->memory.data_len) == -1)
		return state_reader_bad(r, "pages that zstd did not pack");
	return 0;
}

static int
scratch_room(struct state_reader *r)
{
	struct state_pages *p = &r->pages;

	if (p->scratch == NULL)
		p->scratch = malloc((size_t)STATE_PAGES_MAX * STATE_PAGE);
	if (p->scratch == NULL)
		return state_reader_fail(r, ENOMEM, "not enough memory for it");
	return 0;
}

/* Packed pages that are one run go straight to where they belong. */
static int
place_packed(struct state_reader *r, uint8_t *host)
{
	struct state_pages *p = &r->pages;
	struct state_memory m = p->memory;
	const struct state_run run = state_memory_run(&m, 0);

	if (run.kind == STATE_RUN_DATA && run.count == m.data_pages)
		return data_unpack(r, host + (size_t)run.first * STATE_PAGE);
	if (scratch_room(r) == -1 || data_unpack(r, p->scratch) == -1)
		return -1;
	m.packing = STATE_RAW;
	m.data = p->scratch;
	state_memory_scatter(&m, host, NULL, NULL);
	return 0;
}

/* Pages from the stream into the mapping. */
static int
place_mapped(struct state_reader *r, uint8_t *host, uint32_t crc)
{
	bool packed = r->pages.memory.packing == STATE_ZSTD;

	if ((packed ? data_get(r, &crc) : place_raw(r, host, &crc)) == -1)
		return -1;
	if (crc != r->head.crc)
		return state_reader_bad(r, "wrong checksum");
	return packed ? place_packed(r, host) : 0;
}

static int
file_write(int fd, const uint8_t *bytes, size_t len, uint64_t at)
{
	ssize_t n;

	for (; len > 0; len -= (size_t)n, bytes += n, at += (uint64_t)n)
		while ((n = pwrite(fd, bytes, len, (off_t)at)) <= 0)
			if (n == 0 || errno != EINTR)
				return -1;
	return 0;
}

/* Pages from the stream into the file behind the mapping. */
static int
place_backed(struct state_reader *r, int fd, uint64_t at, uint32_t crc)
{
	struct state_pages *p = &r->pages;
	const uint8_t *from;

	if (data_get(r, &crc) == -1)
		return -1;
	if (crc != r->head.crc)
		return state_reader_bad(r, "wrong checksum");
	from = r->buf;
	if (p->memory.packing == STATE_ZSTD) {
		if (scratch_room(r) == -1 || data_unpack(r, p->scratch) == -1)
			return -1;
		from = p->scratch;
	}
	for (uint32_t i = 0; i < p->memory.runs; i++) {
		const struct state_run run = state_memory_run(&p->memory, i);
		size_t len = (size_t)run.count * STATE_PAGE;

		if (run.kind != STATE_RUN_DATA)
			continue;
		if (file_write(fd, from, len,
			at + (uint64_t)run.first * STATE_PAGE) == -1)
			return state_reader_fail(
			    r, errno, "no memory for its pages");
		from += len;
	}
	return 0;
}

static int
pages_place(struct state_reader *r, uint32_t crc)
{
	struct state_pages *p = &r->pages;
	const struct state_memory *m = &p->memory;
	uint8_t *host = p->place(p->arg, m->gpa, m->pages);
	uint64_t at = 0;
	int fd = -1;

	if (host == NULL)
		return state_reader_bad(r, "memory that the VM does not have");
	if (p->backing != NULL)
		fd = p->backing(p->arg, m, &at);
	if ((fd == -1 ? place_mapped(r, host, crc)
		      : place_backed(r, fd, at, crc)) == -1)
		return -1;
	for (uint32_t i = 0; i < m->runs; i++) {
		const struct state_run run = state_memory_run(m, i);

		if (run.kind == STATE_RUN_DATA)
			run_fill(p, &run);
		else
			run_zero(p, &run, host);
	}
	return 0;
}

/* A section without data is summed all the same: it is all there. */
static int
pages_find(struct state_reader *r, uint32_t crc)
{
	struct state_pages *p = &r->pages;
	const struct state_memory *m = &p->memory;

	if (m->packing != STATE_RAW)
		return state_reader_fail(r, ENOTSUP,
		    "its pages are packed, and cannot be used where they lie");
	if (m->data_len == 0 && crc != r->head.crc)
		return state_reader_bad(r, "wrong checksum");
	if (p->found(p->arg, m, p->base + r->offset) == -1)
		return state_reader_fail(r, errno, strerror(errno));
	return m->data_len == 0 ? 0
				: state_reader_skip(r, p->skip, m->data_len);
}

int
state_pages_take(struct state_reader *r)
{
	struct state_pages *p = &r->pages;
	size_t len = (size_t)r->head.length, front;
	struct iovec iov = { p->front, STATE_MEMORY_HEAD };
	const char *why;

	if (state_reader_get(r, &iov, 1) == -1)
		return -1;
	if ((front = state_memory_front(p->front, len)) == 0)
		return state_reader_bad(r, "data that is not within it");
	iov = (struct iovec) { p->front + STATE_MEMORY_HEAD,
		front - STATE_MEMORY_HEAD };
	if (state_reader_get(r, &iov, 1) == -1)
		return -1;
	if (state_memory_decode(
		&p->memory, p->front, len, r->at + STATE_HEADER, &why) == -1)
		return state_reader_bad(r, why);
	p->memory.data = NULL;
	return p->place != NULL ? pages_place(r, state_crc(0, p->front, front))
				: pages_find(r, state_crc(0, p->front, front));
}
