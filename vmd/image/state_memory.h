/* SPDX-License-Identifier: ISC */
/*
 * The payload of a MEMORY section: some pages of a range of guest memory.
 *
 *	0	8	gpa of the range, page-aligned
 *	8	4	pages in the range, 1 to STATE_PAGES_MAX
 *	12	4	runs, at least 1
 *	16	4	enum state_packing
 *	20	4	where in the payload the data begins
 *	24	4	pages of data: those of the runs of kind DATA
 *	28	4	CRC-32C of bytes 0 to 27 and of the runs
 *	32	8 each	runs: first page in the range (2), pages (2), enum
 *			state_run_kind (2), 0 (2); in ascending order, apart
 *	...		zeroes, then the data up to the end of the payload
 *
 * Pages in no run are left as they are.  Data that is not packed is the pages
 * of the runs one after the other, and begins at an offset of the stream that
 * is a multiple of STATE_PAGE, so that it can be mapped from a file.
 */
#ifndef STATE_MEMORY_H
#define STATE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "image/state.h"

struct state_unpacker;

enum state_packing { STATE_RAW, STATE_ZSTD };
enum state_run_kind { STATE_RUN_DATA, STATE_RUN_ZERO };
#define STATE_GPA_MAX (1ULL << 52) /* what x86 can address */

struct state_run {
	uint16_t first; /* page in the range */
	uint16_t count;
	uint16_t kind; /* enum state_run_kind */
};

/* A payload that has been checked. */
struct state_memory {
	uint64_t gpa;
	uint32_t pages;
	uint32_t runs;
	uint32_t packing; /* enum state_packing */
	uint32_t data_pages;
	uint32_t zero_pages;
	const uint8_t *run; /* borrowed; state_memory_run() */
	const uint8_t *data; /* borrowed */
	size_t data_len;
};

/*
 * Fills in *m from the payload (borrowed) of a section whose payload is at
 * offset in the stream.  0, or -1 with *why (borrowed, constant) and errno
 * EBADMSG.  Whether the VM has memory there is for the caller to see.
 */
int state_memory_decode(struct state_memory *m, const uint8_t *payload,
    size_t len, uint64_t offset, const char **why);
/*
 * How many bytes of a payload of len bytes are before its pages, by the head of
 * it, which nobody has checked: at most STATE_FRONT_MAX, and all that
 * state_memory_decode() looks at.  0: it cannot be right.
 */
size_t state_memory_front(
    const uint8_t head[static STATE_MEMORY_HEAD], uint64_t len);
#define STATE_FRONT_MAX \
	(STATE_MEMORY_HEAD + STATE_PAGES_MAX * STATE_RUN + STATE_PAGE)
/* The run of that index, which is below m->runs. */
struct state_run state_memory_run(const struct state_memory *m, uint32_t index);
/*
 * Puts the pages where they belong: host has the whole range, m->pages pages.
 * unpacker may be NULL for STATE_RAW; scratch has STATE_PAGES_MAX pages for
 * what is packed, else NULL.  0, or -1 with errno EBADMSG: not what zstd made.
 */
int state_memory_apply(const struct state_memory *m, uint8_t *host,
    struct state_unpacker *unpacker, uint8_t *scratch);
/* The same for the runs with data alone. */
int state_memory_scatter(const struct state_memory *m, uint8_t *host,
    struct state_unpacker *unpacker, uint8_t *scratch);

/* Fills in the head before run[], which is complete.  data: where the data
 * begins. */
void state_memory_encode(const struct state_memory *m, uint32_t data,
    uint8_t payload[static STATE_MEMORY_HEAD]);
void state_run_encode(struct state_run, uint8_t bytes[static STATE_RUN]);

#endif /* STATE_MEMORY_H */
