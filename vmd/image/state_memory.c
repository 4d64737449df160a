/* SPDX-License-Identifier: ISC */
/*
 * MEMORY sections as bytes and as numbers; see state_memory.h.  What is decoded
 * is hostile.
 */
#include "image/state_memory.h"

#include <errno.h>
#include <string.h>

#include "image/state_crc.h"
#include "image/state_wire.h"
#include "image/state_zstd.h"

#define CRC_AT 28U

static int
bad(const char **why, const char *text)
{
	*why = text;
	errno = EBADMSG;
	return -1;
}

static uint32_t
memory_crc(const uint8_t *payload, uint32_t runs)
{
	return state_crc(state_crc(0, payload, CRC_AT),
	    payload + STATE_MEMORY_HEAD, (size_t)runs * STATE_RUN);
}

/* The runs, which are within the payload, and how many pages they have. */
static int
memory_check_runs(struct state_memory *m, uint32_t data_pages, const char **why)
{
	uint32_t next = 0;

	m->data_pages = m->zero_pages = 0;
	for (uint32_t i = 0; i < m->runs; i++) {
		const struct state_run r = state_memory_run(m, i);

		if (r.kind > STATE_RUN_ZERO ||
		    state_get16(m->run + (size_t)i * STATE_RUN + 6) != 0)
			return bad(why, "a run of unknown kind");
		if (r.count == 0 || r.first < next ||
		    (uint32_t)r.first + r.count > m->pages)
			return bad(why, "runs that are not in order");
		next = (uint32_t)r.first + r.count;
		if (r.kind == STATE_RUN_DATA)
			m->data_pages += r.count;
		else
			m->zero_pages += r.count;
	}
	if (m->data_pages != data_pages)
		return bad(why, "runs that are not its pages");
	return 0;
}

/* What lies between the runs and the data, and how long that is. */
static int
memory_check_data(const struct state_memory *m, const uint8_t *payload,
    uint32_t data, uint64_t offset, const char **why)
{
	size_t after = STATE_MEMORY_HEAD + (size_t)m->runs * STATE_RUN;
	size_t full = (size_t)m->data_pages * STATE_PAGE;

	if (!state_is_zero(payload + after, data - after))
		return bad(why, "bytes before its pages");
	if (m->packing == STATE_RAW && m->data_len != full)
		return bad(why, "a length that is not that of its pages");
	if (m->packing == STATE_ZSTD && (full == 0 || m->data_len >= full))
		return bad(why, "packed pages that are no smaller");
	if (m->packing == STATE_RAW && full != 0 &&
	    (offset + data) % STATE_PAGE != 0)
		return bad(why, "pages that are not aligned");
	return 0;
}

int
state_memory_decode(struct state_memory *m, const uint8_t *payload, size_t len,
    uint64_t offset, const char **why)
{
	uint32_t data;
	size_t after;

	if (len < STATE_MEMORY_HEAD + STATE_RUN || len > STATE_MEMORY_MAX)
		return bad(why, "a length no such section has");
	m->gpa = state_get64(payload);
	m->pages = state_get32(payload + 8);
	m->runs = state_get32(payload + 12);
	m->packing = state_get32(payload + 16);
	data = state_get32(payload + 20);
	if (m->pages == 0 || m->pages > STATE_PAGES_MAX || m->runs == 0 ||
	    m->runs > m->pages)
		return bad(why, "too many pages or runs");
	if (m->gpa % STATE_PAGE != 0 ||
	    m->gpa > STATE_GPA_MAX - (uint64_t)m->pages * STATE_PAGE)
		return bad(why, "an address that is none");
	if (m->packing > STATE_ZSTD)
		return bad(why, "pages packed in an unknown way");
	after = STATE_MEMORY_HEAD + (size_t)m->runs * STATE_RUN;
	if (data < after || data > len || data - after >= STATE_PAGE)
		return bad(why, "data that is not within it");
	if (state_get32(payload + CRC_AT) != memory_crc(payload, m->runs))
		return bad(why, "a head with a wrong checksum");
	m->run = payload + STATE_MEMORY_HEAD;
	m->data = payload + data;
	m->data_len = len - data;
	if (memory_check_runs(m, state_get32(payload + 24), why) == -1)
		return -1;
	return memory_check_data(m, payload, data, offset, why);
}

size_t
state_memory_front(const uint8_t head[static STATE_MEMORY_HEAD], uint64_t len)
{
	uint32_t data = state_get32(head + 20);

	return data < STATE_MEMORY_HEAD || data > len || data > STATE_FRONT_MAX
	    ? 0
	    : data;
}

struct state_run
state_memory_run(const struct state_memory *m, uint32_t index)
{
	const uint8_t *p = m->run + (size_t)index * STATE_RUN;

	return (struct state_run) {
		.first = state_get16(p),
		.count = state_get16(p + 2),
		.kind = state_get16(p + 4),
	};
}

int
state_memory_scatter(const struct state_memory *m, uint8_t *host,
    struct state_unpacker *unpacker, uint8_t *scratch)
{
	const uint8_t *from = m->data;

	if (m->packing == STATE_ZSTD) {
		if (state_unpack(unpacker, scratch,
			(size_t)m->data_pages * STATE_PAGE, m->data,
			m->data_len) == -1)
			return -1;
		from = scratch;
	}
	for (uint32_t i = 0; i < m->runs; i++) {
		const struct state_run r = state_memory_run(m, i);
		size_t len = (size_t)r.count * STATE_PAGE;

		if (r.kind != STATE_RUN_DATA)
			continue;
		memcpy(host + (size_t)r.first * STATE_PAGE, from, len);
		from += len;
	}
	return 0;
}

int
state_memory_apply(const struct state_memory *m, uint8_t *host,
    struct state_unpacker *unpacker, uint8_t *scratch)
{
	if (state_memory_scatter(m, host, unpacker, scratch) == -1)
		return -1;
	for (uint32_t i = 0; i < m->runs; i++) {
		const struct state_run r = state_memory_run(m, i);

		if (r.kind == STATE_RUN_ZERO)
			memset(host + (size_t)r.first * STATE_PAGE, 0,
			    (size_t)r.count * STATE_PAGE);
	}
	return 0;
}

void
state_run_encode(struct state_run r, uint8_t bytes[static STATE_RUN])
{
	state_put16(bytes, r.first);
	state_put16(bytes + 2, r.count);
	state_put16(bytes + 4, r.kind);
	state_put16(bytes + 6, 0);
}

void
state_memory_encode(const struct state_memory *m, uint32_t data,
    uint8_t payload[static STATE_MEMORY_HEAD])
{
	state_put64(payload, m->gpa);
	state_put32(payload + 8, m->pages);
	state_put32(payload + 12, m->runs);
	state_put32(payload + 16, m->packing);
	state_put32(payload + 20, data);
	state_put32(payload + 24, m->data_pages);
	state_put32(payload + CRC_AT, memory_crc(payload, m->runs));
}
