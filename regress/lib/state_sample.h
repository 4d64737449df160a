/* SPDX-License-Identifier: ISC */
/*
 * A small state stream with every kind of section of format 1, for tests and
 * for the golden stream: what it holds is known here, and must never change.
 */
#ifndef STATE_SAMPLE_H
#define STATE_SAMPLE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/state_config.h"
#include "image/state_head.h"
#include "image/state_write.h"
#include "image/state_zstd.h"

/* Bytes in memory that a stream goes to and comes from. */
struct state_bytes {
	uint8_t *bytes; /* owned by sample_free() */
	size_t len;
	size_t size;
	size_t at; /* of the reader */
};

static inline int
sample_put(void *arg, struct iovec *iov, int count)
{
	struct state_bytes *b = arg;

	for (int i = 0; i < count; i++) {
		if (b->len + iov[i].iov_len > b->size) {
			b->size = (b->len + iov[i].iov_len) * 2;
			b->bytes = realloc(b->bytes, b->size);
			if (b->bytes == NULL)
				abort();
		}
		if (iov[i].iov_len > 0)
			memcpy(
			    b->bytes + b->len, iov[i].iov_base, iov[i].iov_len);
		b->len += iov[i].iov_len;
	}
	return 0;
}

static inline ssize_t
sample_get(void *arg, struct iovec *iov, int count)
{
	struct state_bytes *b = arg;
	size_t done = 0, len;

	for (int i = 0; i < count; i++, done += len) {
		len = iov[i].iov_len;
		if (len > b->len - b->at)
			len = b->len - b->at;
		if (len > 0)
			memcpy(iov[i].iov_base, b->bytes + b->at, len);
		b->at += len;
	}
	return (ssize_t)done;
}

static inline int
sample_skip(void *arg, uint64_t len)
{
	struct state_bytes *b = arg;

	if (len > b->len - b->at) {
		errno = ENODATA;
		return -1;
	}
	b->at += len;
	return 0;
}

static inline void
sample_free(struct state_bytes *b)
{
	free(b->bytes);
	memset(b, 0, sizeof(*b));
}

static const struct state_config sample_config = {
	.memory = 64ULL << 20,
	.cpus = 2,
	.flags = STATE_CONFIG_GDB,
	.nics = 2,
	.files = 3,
	.name = "web1",
	.cmdline = "console=ttyS0 quiet",
	.nic = {
	    {
		.type = NIC_TAP,
		.flags = STATE_NIC_DOWN | STATE_NIC_FIXED,
		.mac = { 0xfe, 0xe1, 0xba, 0x01, 0x02, 0x03 },
		.ifname = "tap3",
	    },
	    { .type = NIC_USER, .mac = { 0xfe, 0xe1, 0xba, 0x04, 0x05, 0x06 } },
	},
	.file = {
	    {
		.kind = STATE_FILE_DISK,
		.format = STATE_FORMAT_RAW,
		.size = 1ULL << 30,
		.generation = 1234567890,
		.path = "/var/lib/vm/web1.img",
	    },
	    {
		.kind = STATE_FILE_DISK,
		.index = 1,
		.flags = STATE_FILE_READONLY,
		.format = STATE_FORMAT_RAW,
		.size = 512,
		.path = "/var/lib/vm/tools.img",
	    },
	    { .kind = STATE_FILE_KERNEL, .size = 7, .path = "/boot/vmlinuz" },
	},
};

#define SAMPLE_PAGES 16U
#define SAMPLE_GPA 0x100000U

/*
 * The memory that the stream describes, a page's number in all its bytes, but
 * for those that are zero: 0, 5, 6 and 15.  before: as the first round saw it,
 * with page 3 still 0x33 and page 6 not yet zero.
 */
static inline void
sample_memory(uint8_t *memory, bool before)
{
	for (unsigned int i = 0; i < SAMPLE_PAGES; i++)
		memset(memory + (size_t)i * STATE_PAGE,
		    i == 5 || i == 15 ? 0 : (int)i, STATE_PAGE);
	memset(memory + (size_t)3 * STATE_PAGE, before ? 0x33 : 3, STATE_PAGE);
	memset(memory + (size_t)6 * STATE_PAGE, before ? 6 : 0, STATE_PAGE);
}

/* A section no version of vmd knows, that it may skip. */
#define SAMPLE_UNKNOWN 0x7fffff01U

/* Writes the sample, packed or not.  0 or -1 with errno. */
static inline int
sample_write(struct state_bytes *to, bool packed)
{
	static uint8_t payload[STATE_CONFIG_MAX];
	static _Alignas(STATE_PAGE) uint8_t memory[SAMPLE_PAGES * STATE_PAGE];
	const uint64_t dirty = 1U << 3 | 1U << 6;
	struct state_packer *packer = packed ? state_packer_new(3, 0) : NULL;
	struct state_writer *w = state_writer_new(sample_put, to, packer);
	const struct state_head unknown = {
		.type = SAMPLE_UNKNOWN, .version = 7, .flags = 0
	};
	struct state_range range = {
		.gpa = SAMPLE_GPA,
		.host = memory,
		.pages = SAMPLE_PAGES,
		.flags = STATE_RANGE_FRESH,
	};
	const char *why;
	size_t len = state_config_encode(&sample_config, payload, &why);
	int r = -1;

	if (len == 0 || w == NULL || state_write_begin(w) == -1 ||
	    state_write_section(w, STATE_CONFIG, payload, len) == -1)
		goto done;
	sample_memory(memory, true);
	if (state_write_memory(w, &range) == -1 ||
	    state_write_raw(w, &unknown, "of tomorrow", 11) == -1)
		goto done;
	sample_memory(memory, false);
	range.bitmap = &dirty;
	range.flags = STATE_RANGE_STILL;
	if (state_write_memory(w, &range) == -1)
		goto done;
	r = state_write_end(w);
done:
	state_writer_free(w);
	state_packer_free(packer);
	return r;
}

#endif /* STATE_SAMPLE_H */
