/* SPDX-License-Identifier: ISC */
/*
 * A state stream of a stranger.  Reaches state_read.c, state_pages.c,
 * state_index.c, state_head.c, state_config.c, state_memory.c, state_zstd.c and
 * state_crc.c.
 *
 * The first byte says how the rest is taken: 'S' as a stream, whose memory is
 * taken as payloads, put into guest memory, and found in its file; 'C' as the
 * payload of CONFIG and 'M' as that of MEMORY, whose head gets the right
 * checksum; 'P' as sections, each a type (1 byte), version (1), flags (1),
 * length (2) and payload, put together with right checksums.
 */
#include <sys/mman.h>

#include <stdint.h>
#include <unistd.h>

#include "image/state_crc.h"
#include "image/state_index.h"
#include "image/state_memory.h"
#include "image/state_read.h"
#include "image/state_wire.h"
#include "state_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct state_unpacker *unpacker;
static uint8_t *guest; /* a memfd of GUEST bytes */
static int guest_fd;
static uint8_t scratch[STATE_PAGES_MAX * STATE_PAGE];
#define GUEST ((size_t)STATE_PAGES_MAX * STATE_PAGE)

/* What is taken is written as it was. */
static void
take_config(const uint8_t *payload, size_t len)
{
	static struct state_config config;
	static uint8_t again[STATE_CONFIG_MAX];
	const char *why;

	if (state_config_decode(&config, payload, len, &why) == -1)
		return;
	if (state_config_encode(&config, again, &why) != len ||
	    memcmp(again, payload, len) != 0)
		abort();
}

static void
take_memory(const uint8_t *payload, size_t len, uint64_t offset)
{
	struct state_memory m;
	const char *why;

	if (state_memory_decode(&m, payload, len, offset, &why) == -1)
		return;
	if (m.gpa % STATE_PAGE != 0 || m.pages > STATE_PAGES_MAX)
		abort();
	(void)state_memory_apply(&m, guest, unpacker, scratch);
}

/* A VM whose memory is where the sample's is and at the very top. */
static uint8_t *
place(void *arg, uint64_t gpa, uint32_t pages)
{
	uint64_t len = (uint64_t)pages * STATE_PAGE;

	(void)arg;
	if (pages == 0 || pages > STATE_PAGES_MAX)
		abort();
	if (gpa > STATE_GPA_MAX - len)
		abort();
	if (gpa >= STATE_GPA_MAX - GUEST)
		return guest + (gpa - (STATE_GPA_MAX - GUEST));
	return gpa < GUEST && len <= GUEST - gpa ? guest + gpa : NULL;
}

static int
backing(void *arg, const struct state_memory *m, uint64_t *offset)
{
	(void)arg;
	*offset = m->gpa % GUEST;
	return guest_fd;
}

static int
found(void *arg, const struct state_memory *m, uint64_t offset)
{
	uint64_t at;

	if (m->data != NULL)
		abort();
	if (state_index_add(arg, m, offset) == -1)
		return -1;
	if (state_index_run(arg, m->gpa, STATE_PAGES_MAX, &at) == 0 ||
	    at % STATE_PAGE != 0)
		abort();
	return 0;
}

enum how { AS_PAYLOADS, PLACED, BACKED, FOUND };

static void
take_section(const struct state_section *s, enum how how)
{
	size_t n = (size_t)s->head.length;

	if ((s->memory != NULL) !=
	    (how != AS_PAYLOADS && s->head.type == STATE_MEMORY))
		abort();
	if (s->payload != NULL && s->head.type == STATE_CONFIG)
		take_config(s->payload, n);
	else if (s->payload != NULL && s->head.type == STATE_MEMORY)
		take_memory(s->payload, n, s->offset + STATE_HEADER);
}

/* Whether it was right to the end. */
static bool
take_stream_so(struct state_bytes *from, enum how how)
{
	struct state_index *ix = state_index_new(GUEST);
	struct state_reader *r = state_reader_new(sample_get, from);
	struct state_section s;
	int n;

	if (r == NULL || ix == NULL)
		abort();
	from->at = 0;
	if ((how == PLACED || how == BACKED) &&
	    state_reader_place(r, place, NULL, GUEST / 2) == -1)
		abort();
	if (how == BACKED)
		state_reader_backing(r, backing);
	if (how == FOUND &&
	    state_reader_find(r, sample_skip, 0, found, ix) == -1)
		abort();
	while ((n = state_next(r, &s)) == 1)
		take_section(&s, how);
	if (state_reader_offset(r) > from->len ||
	    (n == -1) != (*state_reader_error(r) != '\0'))
		abort();
	state_reader_free(r);
	state_index_free(ix);
	return n == 0;
}

static void
take_stream(const uint8_t *bytes, size_t len)
{
	struct state_bytes from = { .len = len, .size = len };
	bool right;

	/* An allocation of its very size: a read past its end is found. */
	if ((from.bytes = malloc(len > 0 ? len : 1)) == NULL)
		abort();
	if (len > 0)
		memcpy(from.bytes, bytes, len);
	right = take_stream_so(&from, AS_PAYLOADS);
	/* Who places pages is no less strict. */
	if (take_stream_so(&from, PLACED)) {
		if (!right || !take_stream_so(&from, BACKED))
			abort();
	} else if (take_stream_so(&from, BACKED))
		abort();
	take_stream_so(&from, FOUND);
	sample_free(&from);
}

static void
take_parts(const uint8_t *p, size_t left)
{
	struct state_bytes to = { 0 };
	struct state_writer *w = state_writer_new(sample_put, &to, NULL);

	if (w == NULL)
		abort();
	state_write_begin(w);
	while (left >= 5) {
		const struct state_head h = {
			.type = p[0], .version = p[1], .flags = p[2]
		};
		size_t len = state_get16(p + 3);

		if (len > left - 5)
			len = left - 5;
		state_write_raw(w, &h, p + 5, len);
		p += 5 + len;
		left -= 5 + len;
	}
	state_write_end(w);
	state_writer_free(w);
	take_stream(to.bytes, to.len);
	sample_free(&to);
}

/* The stream is where the data, whatever the payload says, is aligned. */
static void
take_summed_memory(const uint8_t *bytes, size_t len)
{
	uint8_t *payload;
	uint32_t runs;

	if (len < STATE_MEMORY_HEAD || (payload = malloc(len)) == NULL)
		return;
	memcpy(payload, bytes, len);
	runs = state_get32(payload + 12);
	if (runs <= (len - STATE_MEMORY_HEAD) / STATE_RUN)
		state_put32(payload + 28,
		    state_crc(state_crc(0, payload, 28),
			payload + STATE_MEMORY_HEAD, (size_t)runs * STATE_RUN));
	take_memory(payload, len, 0ULL - state_get32(payload + 20));
	free(payload);
}

static void
begin(void)
{
	unpacker = state_unpacker_new();
	guest_fd = memfd_create("guest", MFD_CLOEXEC);
	if (unpacker == NULL || guest_fd == -1 ||
	    ftruncate(guest_fd, (off_t)GUEST) == -1)
		abort();
	guest =
	    mmap(NULL, GUEST, PROT_READ | PROT_WRITE, MAP_SHARED, guest_fd, 0);
	if (guest == MAP_FAILED)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (unpacker == NULL)
		begin();
	if (size == 0)
		return 0;
	switch (*data) {
	case 'S':
		take_stream(data + 1, size - 1);
		break;
	case 'C':
		take_config(data + 1, size - 1);
		break;
	case 'M':
		take_summed_memory(data + 1, size - 1);
		break;
	case 'P':
		take_parts(data + 1, size - 1);
		break;
	default:
		break;
	}
	return 0;
}
