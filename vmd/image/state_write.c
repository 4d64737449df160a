/* SPDX-License-Identifier: ISC */
/*
 * Makes state streams; see state_write.h.
 *
 * Memory of a guest that runs is copied into a buffer of one section before it
 * is summed: what is sent must be what the sum is of.  Memory that is still
 * goes out from where it lies, but where copies can be given away.  Where
 * threads pack, some sections are begun before the first of them leaves; they
 * leave in the order of their pages.
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
#include "image/state_pipe.h"
#include "image/state_scan.h"
#include "image/state_wire.h"
#include "image/state_workers.h"
#include "image/state_zstd.h"

#define DATA ((size_t)STATE_SECTION_PAGES * STATE_PAGE)
_Static_assert(DATA <= STATE_GIFT_MAX, "a section's pages are given at once");

/* A MEMORY section on its way.  Several of them are while they are packed. */
struct slot {
	struct state_memory m;
	const uint8_t *host; /* borrowed: where m.gpa is mapped */
	uint8_t *data; /* owned: DATA bytes; or borrowed from the gift */
	uint8_t *packed; /* owned: likewise; NULL without packer */
	size_t len; /* of data */
	bool in_place; /* pages leave from where they lie */
	bool packing; /* the job has been begun */
	struct state_job job;
	uint8_t meta[STATE_FRONT_MAX]; /* the front of the payload */
};

struct state_writer {
	state_put_fn *put;
	void *arg;
	struct state_packer *packer; /* borrowed; NULL: raw */
	state_give_fn *give; /* NULL: all is put */
	struct state_gift gift;
	SHA2_CTX sha;
	uint64_t number; /* of the next section */
	struct state_written written;
	int error; /* errno of what failed; 0 */
	struct slot *slot; /* owned: a ring */
	unsigned int slots;
	unsigned int first; /* the one that was begun first */
	unsigned int begun;
};

struct state_writer *
state_writer_new(state_put_fn *put, void *arg, struct state_packer *packer)
{
	struct state_writer *w = calloc(1, sizeof(*w));
	struct slot *slot;

	if (w == NULL)
		return NULL;
	w->put = put;
	w->arg = arg;
	w->packer = packer;
	SHA256Init(&w->sha);
	w->slots = packer != NULL ? state_packer_depth(packer) : 1;
	if ((w->slot = calloc(w->slots, sizeof(*w->slot))) == NULL)
		goto no_memory;
	for (slot = w->slot; slot < w->slot + w->slots; slot++) {
		slot->data = malloc(DATA);
		slot->packed = packer != NULL ? malloc(DATA) : NULL;
		if (slot->data == NULL ||
		    (packer != NULL && slot->packed == NULL))
			goto no_memory;
	}
	return w;
no_memory:
	state_writer_free(w);
	errno = ENOMEM;
	return NULL;
}

void
state_writer_free(struct state_writer *w)
{
	struct slot *slot;

	if (w == NULL)
		return;
	for (slot = w->slot; slot != NULL && slot < w->slot + w->slots;
	     slot++) {
		if (slot->packing)
			state_pack_cancel(w->packer, &slot->job);
		if (w->give == NULL)
			free(slot->data);
		free(slot->packed);
	}
	free(w->slot);
	state_gift_fini(&w->gift);
	free(w);
}

int
state_writer_give(struct state_writer *w, state_give_fn *give)
{
	if (w->packer != NULL || w->give != NULL)
		return 0;
	if (state_gift_init(&w->gift) == -1)
		return -1;
	free(w->slot[0].data);
	w->slot[0].data = NULL;
	w->give = give;
	return 0;
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

/* Gives away what is in the gift's pages. */
static int
writer_give(struct state_writer *w, uint8_t *pages, size_t len)
{
	state_gift_give(&w->gift, len);
	if (w->give(w->arg, pages, len) == -1)
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
 * header.  gift: the last part is in pages that are given away. */
static int
writer_section(struct state_writer *w, struct state_head *h, struct iovec *iov,
    int count, bool gift)
{
	struct iovec last = iov[count - 1];
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
	if (writer_put(w, iov, gift ? count - 1 : count) == -1)
		return -1;
	return gift ? writer_give(w, last.iov_base, last.iov_len) : 0;
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

/* The pages one after the other in the slot's buffer. */
static size_t
slot_gather(struct slot *slot)
{
	const struct state_memory *m = &slot->m;
	size_t at = 0;

	for (uint32_t i = 0; i < m->runs; i++) {
		const struct state_run r = state_memory_run(m, i);
		size_t len = (size_t)r.count * STATE_PAGE;

		if (r.kind != STATE_RUN_DATA)
			continue;
		memcpy(slot->data + at,
		    slot->host + (size_t)r.first * STATE_PAGE, len);
		at += len;
	}
	return at;
}

/* The pages where they lie, from iov[2] on; how many parts there are then. */
static int
slot_parts(const struct slot *slot, struct iovec *iov)
{
	int count = 2;

	for (uint32_t i = 0; i < slot->m.runs; i++) {
		const struct state_run r = state_memory_run(&slot->m, i);

		if (r.kind == STATE_RUN_DATA)
			iov[count++] =
			    (struct iovec) { unconst(slot->host +
						 (size_t)r.first * STATE_PAGE),
				    (size_t)r.count * STATE_PAGE };
	}
	return count;
}

/* Begins with a section that has been scanned: what is to be packed is. */
static int
slot_begin(struct state_writer *w, struct slot *slot, bool still)
{
	slot->packing = false;
	slot->len = 0;
	slot->in_place = still && w->packer == NULL && w->give == NULL;
	if (slot->in_place || slot->m.data_pages == 0)
		return 0;
	if (w->give != NULL &&
	    (slot->data = state_gift_pages(&w->gift, DATA)) == NULL)
		return failed(w, errno);
	slot->len = slot_gather(slot);
	if (w->packer == NULL)
		return 0;
	slot->packing = true;
	state_pack_begin(w->packer, &slot->job, slot->packed, slot->len,
	    slot->data, slot->len);
	return 0;
}

/* The payload's data as parts from iov[2] on; how many parts there are then. */
static int
slot_end(struct state_writer *w, struct slot *slot, struct iovec *iov)
{
	size_t packed = 0;

	if (slot->in_place)
		return slot_parts(slot, iov);
	if (slot->packing)
		packed = state_pack_end(w->packer, &slot->job);
	slot->packing = false;
	if (slot->len == 0)
		return 2;
	iov[2] = (struct iovec) { slot->data, slot->len };
	if (packed != 0) {
		slot->m.packing = STATE_ZSTD;
		iov[2] = (struct iovec) { slot->packed, packed };
	}
	return 3;
}

/* Puts the section that was begun first. */
static int
slot_put(struct state_writer *w)
{
	const struct state_row *row = state_row(STATE_MEMORY);
	struct slot *slot = &w->slot[w->first];
	struct state_head head = { .type = STATE_MEMORY,
		.version = row->version,
		.flags = row->flags };
	struct iovec iov[STATE_IO_PARTS];
	uint32_t data = STATE_MEMORY_HEAD + slot->m.runs * STATE_RUN, gap;
	uint64_t at = w->written.bytes + STATE_HEADER + data;
	int count = slot_end(w, slot, iov);

	if (slot->m.packing == STATE_RAW && slot->m.data_pages != 0) {
		gap = (uint32_t)(-at & (STATE_PAGE - 1));
		memset(slot->meta + data, 0, gap);
		data += gap;
	}
	state_memory_encode(&slot->m, data, slot->meta);
	iov[1] = (struct iovec) { slot->meta, data };
	w->first = (w->first + 1) % w->slots;
	w->begun--;
	return writer_section(
	    w, &head, iov, count, w->give != NULL && slot->len > 0);
}

/* All that was begun, in its order. */
static int
writer_flush(struct state_writer *w)
{
	while (w->begun > 0)
		if (slot_put(w) == -1)
			return -1;
	return 0;
}

int
state_write_raw(struct state_writer *w, const struct state_head *h,
    const void *payload, size_t len)
{
	struct state_head head = *h;
	struct iovec iov[2] = { [1] = { unconst(payload), len } };

	if (writer_flush(w) == -1)
		return -1;
	return writer_section(w, &head, iov, 2, false);
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

	if (writer_flush(w) == -1)
		return -1;
	state_put64(payload, w->number);
	SHA256Final(payload + 8, &w->sha);
	return state_write_raw(w, &head, payload, sizeof(payload));
}

int
state_write_memory(struct state_writer *w, const struct state_range *range)
{
	struct state_scan scan = { .range = range };
	struct slot *slot;

	if (w->error != 0 || w->number == 0)
		return failed(w, EINVAL);
	for (uint64_t at = 0; at < range->pages; at += slot->m.pages) {
		if (w->begun == w->slots && slot_put(w) == -1)
			return -1;
		slot = &w->slot[(w->first + w->begun) % w->slots];
		state_scan(&scan, at, &slot->m, slot->meta + STATE_MEMORY_HEAD);
		w->written.zero += slot->m.zero_pages + scan.left_out;
		w->written.pages += slot->m.data_pages;
		if (slot->m.runs == 0)
			continue;
		slot->host = range->host + at * STATE_PAGE;
		if (slot_begin(
			w, slot, (range->flags & STATE_RANGE_STILL) != 0) == -1)
			return -1;
		w->begun++;
	}
	/* What is being packed has been copied; the rest may not wait. */
	return w->packer != NULL ? 0 : writer_flush(w);
}
