/* SPDX-License-Identifier: ISC */
/*
 * Reads state streams; see state_read.h.
 */
#include "image/state_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/state_crc.h"
#include "image/state_wire.h"

#define SKIP 65536U /* bytes at a time of what nobody wants */
#define NAME_TEXT 32

struct state_reader *
state_reader_new(state_get_fn *get, void *arg)
{
	struct state_reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->get = get;
	r->arg = arg;
	SHA256Init(&r->sha);
	return r;
}

void
state_reader_free(struct state_reader *r)
{
	if (r == NULL)
		return;
	state_pages_clear(&r->pages);
	free(r->buf);
	free(r);
}

const char *
state_reader_error(const struct state_reader *r)
{
	return r->text;
}

uint64_t
state_reader_offset(const struct state_reader *r)
{
	return r->offset;
}

__attribute__((format(printf, 3, 4))) static int
failed(struct state_reader *r, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->text, sizeof(r->text), format, ap);
	va_end(ap);
	errno = r->error = error;
	return -1;
}

/* What the section whose header has been read is called. */
static void
section_name(const struct state_reader *r, char name[NAME_TEXT])
{
	const struct state_row *row = state_row(r->head.type);

	if (row != NULL)
		snprintf(name, NAME_TEXT, "%s", row->name);
	else
		snprintf(name, NAME_TEXT, "type %" PRIu32, r->head.type);
}

/* The same about that section. */
int
state_reader_fail(struct state_reader *r, int error, const char *why)
{
	char name[NAME_TEXT];

	section_name(r, name);
	return failed(r, error,
	    "section %" PRIu64 " (%s) at byte %" PRIu64 ": %s", r->head.number,
	    name, r->at, why);
}

int
state_reader_bad(struct state_reader *r, const char *why)
{
	return state_reader_fail(r, EBADMSG, why);
}

/* Fills the parts, all of them. */
static int
reader_getv(
    struct state_reader *r, struct iovec *iov, int count, const char *what)
{
	size_t len = 0;
	ssize_t n;

	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	n = r->get(r->arg, iov, count);
	if (n == -1)
		return failed(r, errno,
		    "cannot be read at byte %" PRIu64 ": %s", r->offset,
		    strerror(errno));
	r->offset += (uint64_t)n;
	if ((size_t)n < len)
		return failed(r, EBADMSG,
		    "truncated: it ends at byte %" PRIu64 ", %s", r->offset,
		    what);
	return 0;
}

static int
reader_get(struct state_reader *r, void *bytes, size_t len, const char *what)
{
	struct iovec iov = { bytes, len };

	return reader_getv(r, &iov, 1, what);
}

static int
reader_begin(struct state_reader *r)
{
	uint8_t bytes[STATE_HEADER];

	if (reader_get(r, bytes, sizeof(bytes), "within its header") == -1)
		return -1;
	if (memcmp(bytes, STATE_MAGIC, STATE_MAGIC_LEN) != 0)
		return failed(r, EBADMSG, "is no state of a VM");
	if (state_get32(bytes + STATE_CRC_AT) !=
	    state_crc(0, bytes, STATE_CRC_AT))
		return failed(r, EBADMSG, "its header has a wrong checksum");
	if (state_get32(bytes + STATE_MAGIC_LEN) != STATE_FORMAT)
		return failed(r, ENOTSUP,
		    "is of format %" PRIu32 "; this version knows %u",
		    state_get32(bytes + STATE_MAGIC_LEN), STATE_FORMAT);
	if (state_get32(bytes + STATE_FLAGS_AT) != 0 ||
	    !state_is_zero(bytes + STATE_ZERO_AT, STATE_CRC_AT - STATE_ZERO_AT))
		return failed(
		    r, ENOTSUP, "its header has flags this version lacks");
	SHA256Update(&r->sha, bytes, sizeof(bytes));
	r->begun = true;
	return 0;
}

/* Whether the payload is to be kept (1) or skipped (0). */
static int
section_check_type(struct state_reader *r, const struct state_row *row)
{
	const struct state_head *h = &r->head;
	/* What this version requires, a later one does not make optional. */
	bool required = (h->flags & STATE_REQUIRED) != 0 ||
	    (row != NULL && (row->flags & STATE_REQUIRED) != 0);

	if (h->version == 0 || (h->flags & ~STATE_FLAGS) != 0)
		return state_reader_fail(
		    r, ENOTSUP, "a header of unknown form");
	if (row != NULL && h->version <= row->version) {
		if (h->flags != row->flags)
			return state_reader_fail(
			    r, EBADMSG, "flags this section does not have");
		if (h->length < row->min || h->length > row->max)
			return state_reader_fail(
			    r, EBADMSG, "a length no such section has");
		return 1;
	}
	if (required)
		return state_reader_fail(r, ENOTSUP,
		    row != NULL ? "is of a later version than this vmd knows"
				: "is required, and unknown to this vmd");
	if (h->length > STATE_SKIP_MAX)
		return state_reader_fail(r, EBADMSG, "too long to be skipped");
	return 0;
}

/* CONFIG is the first, and there is one of what there may be one of. */
static int
section_check_order(struct state_reader *r, const struct state_row *row)
{
	size_t count;
	uint64_t bit;

	if ((r->head.number == 0) != (r->head.type == STATE_CONFIG))
		return state_reader_fail(r, EBADMSG,
		    r->head.number == 0 ? "the first section must be CONFIG"
					: "may only be the first section");
	if (row == NULL || row->count != STATE_ONCE)
		return 0;
	bit = 1ULL << (row - state_rows(&count));
	if ((r->seen & bit) != 0)
		return state_reader_fail(r, EBADMSG, "may be there only once");
	r->seen |= bit;
	return 0;
}

/* Whether the payload is to be kept (1) or skipped (0). */
static int
section_begin(struct state_reader *r, uint8_t bytes[static STATE_HEADER])
{
	const struct state_row *row;
	int keep;

	r->at = r->offset;
	if (reader_get(r, bytes, STATE_HEADER, "before its END section") == -1)
		return -1;
	if (state_head_decode(&r->head, bytes) == -1)
		return failed(r, EBADMSG,
		    "section %" PRIu64 " at byte %" PRIu64
		    ": its header has a wrong checksum",
		    r->number, r->at);
	if (r->head.number != r->number)
		return state_reader_fail(
		    r, EBADMSG, "sections are missing before");
	row = state_row(r->head.type);
	if ((keep = section_check_type(r, row)) == -1 ||
	    section_check_order(r, row) == -1)
		return -1;
	r->number++;
	return keep;
}

int
state_reader_get(struct state_reader *r, struct iovec *iov, int count)
{
	char what[96], name[NAME_TEXT];

	section_name(r, name);
	snprintf(what, sizeof(what), "within section %" PRIu64 " (%s)",
	    r->head.number, name);
	return reader_getv(r, iov, count, what);
}

int
state_reader_skip(struct state_reader *r, state_skip_fn *skip, uint64_t len)
{
	if (skip(r->arg, len) == -1)
		return failed(r, errno == ENODATA ? EBADMSG : errno,
		    "truncated: it ends before byte %" PRIu64, r->offset + len);
	r->offset += len;
	return 0;
}

int
state_reader_room(struct state_reader *r, size_t len)
{
	uint8_t *buf;

	if (len <= r->size)
		return 0;
	if ((buf = realloc(r->buf, len)) == NULL)
		return state_reader_fail(r, ENOMEM, "not enough memory for it");
	r->buf = buf;
	r->size = len;
	return 0;
}

/*
 * Reads the payload, whose length has been checked: into the buffer as a
 * whole, or, where it is skipped, part by part.
 */
static int
section_payload(struct state_reader *r, bool keep)
{
	size_t left = (size_t)r->head.length;
	size_t part = keep || left < SKIP ? left : SKIP;
	uint32_t crc = 0;
	struct iovec iov;

	if (state_reader_room(r, part > 0 ? part : 1) == -1)
		return -1;
	for (; left > 0; left -= part) {
		if (part > left)
			part = left;
		iov = (struct iovec) { r->buf, part };
		if (state_reader_get(r, &iov, 1) == -1)
			return -1;
		crc = state_crc(crc, r->buf, part);
		if ((r->head.flags & STATE_BULK) == 0 &&
		    r->head.type != STATE_END)
			SHA256Update(&r->sha, r->buf, part);
	}
	if (crc != r->head.crc)
		return state_reader_fail(r, EBADMSG, "wrong checksum");
	return 0;
}

static int
reader_end(struct state_reader *r)
{
	uint8_t digest[STATE_DIGEST];

	SHA256Final(digest, &r->sha);
	if (state_get64(r->buf) != r->head.number)
		return state_reader_fail(
		    r, EBADMSG, "a wrong number of sections");
	if (memcmp(r->buf + 8, digest, sizeof(digest)) != 0)
		return state_reader_fail(
		    r, EBADMSG, "the digest of the whole is another");
	r->ended = true;
	return 0;
}

int
state_next(struct state_reader *r, struct state_section *s)
{
	uint8_t bytes[STATE_HEADER];
	bool pages;
	int keep;

	if (r->error != 0) {
		errno = r->error;
		return -1;
	}
	if (r->ended)
		return 0;
	if ((!r->begun && reader_begin(r) == -1) ||
	    (keep = section_begin(r, bytes)) == -1)
		return -1;
	if (r->head.type != STATE_END)
		SHA256Update(&r->sha, bytes, sizeof(bytes));
	pages = r->head.type == STATE_MEMORY && state_pages_wanted(&r->pages);
	if ((pages ? state_pages_take(r) : section_payload(r, keep == 1)) == -1)
		return -1;
	if (r->head.type == STATE_END && reader_end(r) == -1)
		return -1;
	*s = (struct state_section) {
		.head = r->head,
		.offset = r->at,
		.payload = keep == 1 && !pages ? r->buf : NULL,
		.memory = pages ? &r->pages.memory : NULL,
	};
	return 1;
}
