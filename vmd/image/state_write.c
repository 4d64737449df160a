/* SPDX-License-Identifier: ISC */
/*
 * Makes state streams; see state_write.h.
 *
 * Memory of a guest that runs is copied into a buffer of one section before it
 * is summed: what is sent must be what the sum is of.  Memory that is still
 * goes out from where it lies.
 */
#include "image/state_write.h"

#include <errno.h>
#include <sha2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "image/state_crc.h"
#include "image/state_head.h"
#include "image/state_memory.h"
#include "image/state_page.h"
#include "image/state_wire.h"
#include "image/state_zstd.h"

/* Head, runs and what aligns the pages. */
#define META (STATE_MEMORY_HEAD + STATE_PAGES_MAX * STATE_RUN + STATE_PAGE)
#define DATA ((size_t)STATE_PAGES_MAX * STATE_PAGE)
/* Pages that are not packed go in sections that a CPU's cache holds: they are
 * read three times. */
#define PAGES_RAW 256U

struct state_writer {
	state_put_fn *put;
	void *arg;
	struct state_packer *packer; /* borrowed; NULL: raw */
	SHA2_CTX sha;
	uint64_t number; /* of the next section */
	struct state_written written;
	int error; /* errno of what failed; 0 */
	uint8_t meta[META]; /* the front of a MEMORY section's payload */
	uint8_t *data; /* owned: DATA bytes */
	uint8_t *packed; /* owned: DATA bytes; NULL without packer */
};

struct state_writer *
state_writer_new(state_put_fn *put, void *arg, struct state_packer *packer)
{
	struct state_writer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->put = put;
	w->arg = arg;
	w->packer = packer;
	SHA256Init(&w->sha);
	w->data = malloc(DATA);
	if (packer != NULL)
		w->packed = malloc(DATA);
	if (w->data == NULL || (packer != NULL && w->packed == NULL)) {
		state_writer_free(w);
		errno = ENOMEM;
		return NULL;
	}
	return w;
}

void
state_writer_free(struct state_writer *w)
{
	if (w == NULL)
		return;
	free(w->data);
	free(w->packed);
	free(w);
}

void
state_writer_written(
    const struct state_writer *w, struct state_written *written)
{
	*written = w->written;
}

static int
failed(struct state_writer *w, int error)
{
	if (w->error == 0)
		w->error = error;
	errno = w->error;
	return -1;
}

/* Puts what is in the parts and counts it. */
static int
writer_put(struct state_writer *w, struct iovec *iov, int count)
{
	uint64_t len = 0;

	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	if (w->put(w->arg, iov, count) == -1)
		return failed(w, errno);
	w->written.bytes += len;
	return 0;
}

int
state_write_begin(struct state_writer *w)
{
	uint8_t bytes[STATE_HEADER];
	struct iovec iov = { bytes, sizeof(bytes) };

	if (w->error != 0 || w->written.bytes != 0)
		return failed(w, EINVAL);
	state_begin_encode(bytes);
	SHA256Update(&w->sha, bytes, sizeof(bytes));
	return writer_put(w, &iov, 1);
}

/* A section whose payload is iov[1] up to iov[count - 1]; iov[0] is for its
 * header. */
static int
writer_section(
    struct state_writer *w, struct state_head *h, struct iovec *iov, int count)
{
	uint8_t bytes[STATE_HEADER];

	if (w->error != 0)
		return failed(w, w->error);
	h->number = w->number++;
	h->length = 0;
	h->crc = 0;
	for (int i = 1; i < count; i++) {
		h->crc = state_crc(h->crc, iov[i].iov_base, iov[i].iov_len);
		h->length += iov[i].iov_len;
	}
	state_head_encode(h, bytes);
	iov[0] = (struct iovec) { bytes, sizeof(bytes) };
	SHA256Update(&w->sha, bytes, sizeof(bytes));
	for (int i = 1; i < count && (h->flags & STATE_BULK) == 0; i++)
		SHA256Update(&w->sha, iov[i].iov_base, iov[i].iov_len);
	return writer_put(w, iov, count);
}

/* writev(2) takes no const; nothing writes to it. */
static void *
unconst(const void *p)
{
	union {
		const void *in;
		void *out;
	} u = { .in = p };

	return u.out;
}

int
state_write_raw(struct state_writer *w, const struct state_head *h,
    const void *payload, size_t len)
{
	struct state_head head = *h;
	struct iovec iov[2] = { [1] = { unconst(payload), len } };

	return writer_section(w, &head, iov, 2);
}

int
state_write_section(struct state_writer *w, enum state_type type,
    const void *payload, size_t len)
{
	const struct state_row *row = state_row(type);
	const struct state_head head = {
		.type = type,
		.version = row != NULL ? row->version : 0,
		.flags = row != NULL ? row->flags : 0,
	};

	if (row == NULL || type == STATE_MEMORY || type == STATE_END ||
	    len < row->min || len > row->max ||
	    (w->number == 0) != (type == STATE_CONFIG))
		return failed(w, EINVAL);
	return state_write_raw(w, &head, payload, len);
}

int
state_write_end(struct state_writer *w)
{
	const struct state_row *row = state_row(STATE_END);
	const struct state_head head = {
		.type = STATE_END, .version = row->version, .flags = row->flags
	};
	uint8_t payload[STATE_END_LEN];

	state_put64(payload, w->number);
	SHA256Final(payload + 8, &w->sha);
	return state_write_raw(w, &head, payload, sizeof(payload));
}

/* --- memory --------------------------------------------------------------- */

/* Counts a page of this kind in: to the last run if it goes on there. */
static void
memory_add_page(struct state_writer *w, struct state_memory *m,
    struct state_run *last, unsigned int page, enum state_run_kind kind)
{
	uint8_t *runs = w->meta + STATE_MEMORY_HEAD;

	if (m->runs > 0 && last->kind == kind &&
	    last->first + last->count == (int)page)
		last->count++;
	else {
		*last =
		    (struct state_run) { (uint16_t)page, 1, (uint16_t)kind };
		m->runs++;
	}
	state_run_encode(*last, runs + (size_t)(m->runs - 1) * STATE_RUN);
	if (kind == STATE_RUN_DATA)
		m->data_pages++;
	else
		m->zero_pages++;
}

/* Looks at m->pages pages of the range from page first on. */
static void
memory_scan(struct state_writer *w, const struct state_range *range,
    uint64_t first, struct state_memory *m)
{
	struct state_run last = { 0 };

	for (unsigned int i = 0; i < m->pages; i++) {
		uint64_t page = first + i;

		if (range->bitmap != NULL &&
		    (range->bitmap[page / 64] >> page % 64 & 1) == 0)
			continue;
		if (!state_page_is_zero(range->host + page * STATE_PAGE)) {
			memory_add_page(w, m, &last, i, STATE_RUN_DATA);
			w->written.pages++;
			continue;
		}
		w->written.zero++;
		if ((range->flags & STATE_RANGE_FRESH) == 0)
			memory_add_page(w, m, &last, i, STATE_RUN_ZERO);
	}
}

/* The pages one after the other in w->data. */
static size_t
memory_gather(
    struct state_writer *w, const struct state_memory *m, const uint8_t *host)
{
	size_t at = 0;

	for (uint32_t i = 0; i < m->runs; i++) {
		const struct state_run r = state_memory_run(m, i);
		size_t len = (size_t)r.count * STATE_PAGE;

		if (r.kind != STATE_RUN_DATA)
			continue;
		memcpy(w->data + at, host + (size_t)r.first * STATE_PAGE, len);
		at += len;
	}
	return at;
}

/* The pages where they lie, from iov[2] on; how many parts, or 0: too many. */
static int
memory_parts(
    const struct state_memory *m, const uint8_t *host, struct iovec *iov)
{
	int count = 2;

	for (uint32_t i = 0; i < m->runs; i++) {
		const struct state_run r = state_memory_run(m, i);

		if (r.kind != STATE_RUN_DATA)
			continue;
		if (count == STATE_IO_PARTS)
			return 0;
		iov[count++] = (struct iovec) {
			unconst(host + (size_t)r.first * STATE_PAGE),
			(size_t)r.count * STATE_PAGE
		};
	}
	return count;
}

/* The payload's data as parts from iov[2] on; how many parts there are then. */
static int
memory_data(struct state_writer *w, struct state_memory *m, const uint8_t *host,
    bool still, struct iovec *iov)
{
	size_t len, packed;
	int count;

	if (m->data_pages == 0)
		return 2;
	if (still && w->packer == NULL &&
	    (count = memory_parts(m, host, iov)) != 0)
		return count;
	len = memory_gather(w, m, host);
	iov[2] = (struct iovec) { w->data, len };
	if (w->packer != NULL) {
		packed = state_pack(w->packer, w->packed, len, w->data, len);
		if (packed != 0) {
			m->packing = STATE_ZSTD;
			iov[2] = (struct iovec) { w->packed, packed };
		}
	}
	return 3;
}

/* One section: m->pages pages of the range from page first on. */
static int
memory_section(struct state_writer *w, const struct state_range *range,
    uint64_t first, uint32_t pages)
{
	const struct state_row *row = state_row(STATE_MEMORY);
	struct state_head head = { .type = STATE_MEMORY,
		.version = row->version,
		.flags = row->flags };
	struct state_memory m = {
		.gpa = range->gpa + first * STATE_PAGE,
		.pages = pages,
		.packing = STATE_RAW,
		.run = w->meta + STATE_MEMORY_HEAD,
	};
	struct iovec iov[STATE_IO_PARTS];
	uint32_t data;
	uint64_t at;
	int count;

	memory_scan(w, range, first, &m);
	if (m.runs == 0)
		return 0;
	count = memory_data(w, &m, range->host + first * STATE_PAGE,
	    (range->flags & STATE_RANGE_STILL) != 0, iov);
	data = STATE_MEMORY_HEAD + m.runs * STATE_RUN;
	at = w->written.bytes + STATE_HEADER + data;
	if (m.packing == STATE_RAW && m.data_pages != 0) {
		uint32_t gap = (uint32_t)(-at & (STATE_PAGE - 1));

		memset(w->meta + data, 0, gap);
		data += gap;
	}
	state_memory_encode(&m, data, w->meta);
	iov[1] = (struct iovec) { w->meta, data };
	return writer_section(w, &head, iov, count);
}

int
state_write_memory(struct state_writer *w, const struct state_range *range)
{
	uint32_t most = w->packer != NULL ? STATE_PAGES_MAX : PAGES_RAW, pages;

	if (w->error != 0 || w->number == 0)
		return failed(w, EINVAL);
	for (uint64_t at = 0; at < range->pages; at += pages) {
		pages = range->pages - at < most ? (uint32_t)(range->pages - at)
						 : most;
		if (memory_section(w, range, at, pages) == -1)
			return -1;
	}
	return 0;
}
