/* SPDX-License-Identifier: ISC */
/*
 * Memory on its way into a state stream: which pages go, which are never
 * looked at, and that threads that pack them keep their order.
 */
#include "image/state_write.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"
#include "image/state_read.h"
#include "image/state_workers.h"
#include "state_sample.h"

#define PAGES 3000U
#define BYTES ((size_t)PAGES * STATE_PAGE)

static struct state_bytes stream;
static uint8_t *memory, *got; /* PAGES each, from memfds */
static int memory_fd, got_fd;
static uint64_t bitmap[PAGES / 64 + 1];
static unsigned int sections; /* of memory, in the stream read last */

static uint8_t *
map_new(int *fd)
{
	void *p;

	*fd = memfd_create("memory", MFD_CLOEXEC);
	if (*fd == -1 || ftruncate(*fd, (off_t)BYTES) == -1)
		return NULL;
	p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static void
map_free(uint8_t **p, int *fd)
{
	if (*p != NULL) {
		munmap(*p, BYTES);
		close(*fd);
	}
	*p = NULL;
}

/* Memory that is all holes. */
static void
memory_new(void)
{
	map_free(&memory, &memory_fd);
	map_free(&got, &got_fd);
	memory = map_new(&memory_fd);
	got = map_new(&got_fd);
	REQUIRE(memory != NULL && got != NULL);
}

static uint64_t
pages_used(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 / STATE_PAGE
				   : UINT64_MAX;
}

/* Something that packs, and is another thing in each page. */
static void
page_fill(uint32_t page)
{
	memset(memory + (size_t)page * STATE_PAGE, (int)(page % 255 + 1),
	    STATE_PAGE);
	memcpy(memory + (size_t)page * STATE_PAGE + 64, &page, sizeof(page));
}

static int
stream_begin(struct state_writer *w)
{
	static uint8_t payload[STATE_CONFIG_MAX];
	const char *why;
	size_t len = state_config_encode(&sample_config, payload, &why);

	return state_write_begin(w) == -1
	    ? -1
	    : state_write_section(w, STATE_CONFIG, payload, len);
}

/* The range in parts of that many pages, and a section between. */
static int
stream_write_parts(
    struct state_writer *w, const struct state_range *range, uint64_t part)
{
	const struct state_head odd = { .type = SAMPLE_UNKNOWN, .version = 1 };
	struct state_range r = *range;
	int error = 0;

	for (uint64_t at = 0; at < range->pages && error == 0; at += part) {
		r.gpa = range->gpa + at * STATE_PAGE;
		r.host = range->host + at * STATE_PAGE;
		r.pages = range->pages - at < part ? range->pages - at : part;
		error = state_write_memory(w, &r);
		if (error == 0 && at == part)
			error = state_write_raw(w, &odd, "odd", 3);
	}
	return error;
}

static uint64_t part = PAGES;
static state_give_fn *giver; /* NULL: all is put */

static int
stream_write(const struct state_range *range, struct state_packer *packer,
    struct state_written *written)
{
	struct state_writer *w = state_writer_new(sample_put, &stream, packer);
	int r = -1;

	sample_free(&stream);
	if (giver != NULL && state_writer_give(w, giver) == -1)
		abort();
	if (stream_begin(w) == 0 && stream_write_parts(w, range, part) == 0)
		r = state_write_end(w);
	state_writer_written(w, written);
	state_writer_free(w);
	return r;
}

static uint8_t *
place(void *arg, uint64_t gpa, uint32_t pages)
{
	(void)arg;
	return gpa <= BYTES && pages <= (BYTES - gpa) / STATE_PAGE ? got + gpa
								   : NULL;
}

static int
stream_read(void)
{
	struct state_reader *r = state_reader_new(sample_get, &stream);
	struct state_section s;
	uint64_t next = 0;
	int n;

	stream.at = sections = 0;
	CHECK(state_reader_place(r, place, NULL, BYTES) == 0);
	while ((n = state_next(r, &s)) == 1) {
		if (s.memory == NULL)
			continue;
		sections++;
		CHECK(s.memory->gpa >= next);
		next = s.memory->gpa + s.memory->pages * STATE_PAGE;
	}
	CHECK_STR(state_reader_error(r), "");
	state_reader_free(r);
	return n;
}

static struct state_range
range_new(uint32_t flags)
{
	return (struct state_range) {
		.host = memory, .pages = PAGES, .flags = flags, .fd = memory_fd
	};
}

/* Neither side takes memory for what nobody has touched. */
static void
holes(void)
{
	struct state_range range;
	struct state_written written;

	for (int how = 0; how < 4; how++) {
		memory_new();
		for (uint32_t i = 1000; i < 1010; i++)
			page_fill(i);
		page_fill(0);
		page_fill(PAGES - 1);
		memset(memory + (size_t)17 * STATE_PAGE, 0, STATE_PAGE);
		range = range_new(STATE_RANGE_FILE |
		    (how % 2 != 0 ? STATE_RANGE_FRESH : 0) |
		    (how / 2 != 0 ? STATE_RANGE_STILL : 0));
		CHECK_EQ(stream_write(&range, NULL, &written), 0);
		CHECK_EQ(written.pages, 12);
		CHECK_EQ(written.zero, PAGES - 12);
		CHECK_EQ(pages_used(memory_fd), 13);
		CHECK_EQ(stream_read(), 0);
		CHECK_EQ(sections, how % 2 != 0 ? 2 : 3);
		CHECK_EQ(pages_used(got_fd), 12);
		CHECK(memcmp(memory, got, BYTES) == 0);
	}
}

/* What is not a file that knows its holes is read. */
static void
no_file(void)
{
	struct state_range range;
	struct state_written written;

	memory_new();
	page_fill(5);
	range = range_new(STATE_RANGE_FILE | STATE_RANGE_FRESH);
	range.fd = -1;
	CHECK_EQ(stream_write(&range, NULL, &written), 0);
	CHECK_EQ(stream_read(), 0);
	CHECK(memcmp(memory, got, BYTES) == 0);
}

/* Pages that are not as every tenth of memory, and nothing between. */
static unsigned int
tenths_wrong(void)
{
	static const uint8_t zero[STATE_PAGE];
	unsigned int wrong = 0;

	for (uint32_t i = 0; i < PAGES; i++) {
		size_t at = (size_t)i * STATE_PAGE;

		if (memcmp(got + at, i % 10 == 0 ? memory + at : zero,
			STATE_PAGE) != 0)
			wrong++;
	}
	return wrong;
}

/* A round with few pages: they share sections. */
static void
few_pages(void)
{
	struct state_range range;
	struct state_written written;

	memory_new();
	memset(bitmap, 0, sizeof(bitmap));
	for (uint32_t i = 0; i < PAGES; i++)
		page_fill(i);
	for (uint32_t i = 0; i < PAGES; i += 10)
		bitmap[i / 64] |= 1ULL << i % 64;
	for (int still = 0; still < 2; still++) {
		range = range_new(still ? STATE_RANGE_STILL : 0);
		range.bitmap = bitmap;
		memset(got, 0, BYTES);
		CHECK_EQ(stream_write(&range, NULL, &written), 0);
		CHECK_EQ(written.pages, PAGES / 10);
		CHECK_EQ(stream_read(), 0);
		CHECK_EQ(
		    sections, (PAGES + STATE_PAGES_MAX - 1) / STATE_PAGES_MAX);
		CHECK_EQ(tenths_wrong(), 0);
	}
	/* All of them, each apart from the next: as many parts as there can
	 * be. */
	for (uint32_t i = 0; i < PAGES; i++)
		if (i % 2 == 0)
			bitmap[i / 64] |= 1ULL << i % 64;
		else
			bitmap[i / 64] &= ~(1ULL << i % 64);
	range = range_new(STATE_RANGE_STILL);
	range.bitmap = bitmap;
	CHECK_EQ(stream_write(&range, NULL, &written), 0);
	CHECK_EQ(written.pages, PAGES / 2);
	CHECK_EQ(stream_read(), 0);
	CHECK_EQ(sections,
	    (PAGES / 2 + STATE_SECTION_PAGES - 1) / STATE_SECTION_PAGES);
}

/* --- pages that are given away ---------------------------------------------
 */

static unsigned int gifts;

/* Whole pages, where whole pages may lie in the stream. */
static int
take_gift(void *arg, void *pages, size_t len)
{
	struct iovec iov = { pages, len };

	gifts++;
	CHECK_EQ((uintptr_t)pages % STATE_PAGE, 0);
	CHECK_EQ(len % STATE_PAGE, 0);
	CHECK_EQ(stream.len % STATE_PAGE, 0);
	return sample_put(arg, &iov, 1);
}

static int
refuse_gift(void *arg, void *pages, size_t len)
{
	(void)arg;
	(void)pages;
	(void)len;
	errno = ENOSPC;
	return -1;
}

/* The stream is the same one, whether the memory stands or not. */
static void
given(void)
{
	struct state_bytes put = { 0 };
	struct state_range range;
	struct state_written written;

	memory_new();
	for (uint32_t page = 0; page < PAGES; page++)
		if (page % 100 != 7)
			page_fill(page);
	part = 700;
	for (uint32_t flags = 0; flags <= STATE_RANGE_STILL;
	     flags += STATE_RANGE_STILL) {
		range = range_new(flags);
		giver = NULL;
		CHECK_EQ(stream_write(&range, NULL, &written), 0);
		put = stream;
		stream = (struct state_bytes) { 0 };
		giver = take_gift;
		gifts = 0;
		CHECK_EQ(stream_write(&range, NULL, &written), 0);
		CHECK(gifts >= PAGES / STATE_SECTION_PAGES);
		CHECK_EQ(written.bytes, stream.len);
		CHECK(stream.len == put.len &&
		    memcmp(stream.bytes, put.bytes, put.len) == 0);
		sample_free(&put);
	}
	giver = refuse_gift;
	CHECK_EQ(stream_write(&range, NULL, &written), -1);
	CHECK_EQ(errno, ENOSPC);
	giver = NULL;
	part = PAGES;
}

/* --- threads -------------------------------------------------------------- */

static void
threads(void)
{
	static const unsigned int counts[] = { 0, 2, 8 };
	struct state_range range;
	struct state_written written;
	size_t alone = 0;

	part = 700;
	for (size_t i = 0; i < 3; i++) {
		struct state_packer *packer = state_packer_new(1, counts[i]);

		REQUIRE(packer != NULL);
		memory_new();
		for (uint32_t page = 0; page < PAGES; page++)
			if (page % 100 != 7)
				page_fill(page);
		range = range_new(STATE_RANGE_FRESH);
		CHECK_EQ(stream_write(&range, packer, &written), 0);
		CHECK_EQ(written.bytes, stream.len);
		CHECK_EQ(stream_read(), 0);
		CHECK(memcmp(memory, got, BYTES) == 0);
		CHECK(stream.len < BYTES / 8);
		/* Whoever packs: the stream is the same. */
		if (i == 0)
			alone = stream.len;
		CHECK_EQ(stream.len, alone);
		state_packer_free(packer);
	}
	part = PAGES;
}

/* Threads that were made early serve one stream after the other. */
static void
early_threads(void)
{
	struct state_workers *workers = state_workers_new(3);
	struct state_range range;
	struct state_written written;

	REQUIRE(workers != NULL);
	memory_new();
	for (uint32_t page = 0; page < PAGES; page++)
		page_fill(page);
	range = range_new(STATE_RANGE_STILL);
	for (int level = 1; level < 12; level += 5) {
		struct state_packer *packer = state_packer_on(level, workers);

		CHECK_EQ(state_packer_depth(packer), 6);
		CHECK_EQ(stream_write(&range, packer, &written), 0);
		state_packer_free(packer);
		CHECK_EQ(stream_read(), 0);
		CHECK(memcmp(memory, got, BYTES) == 0);
	}
	state_workers_free(workers);
	CHECK(state_workers_new(0) == NULL && errno == EINVAL);
	CHECK(state_workers_new(STATE_WORKERS_MAX + 1) == NULL);
	CHECK(state_workers_default() >= 1 &&
	    state_workers_default() <= STATE_WORKERS_MAX);
}

static int
put_some(void *arg, struct iovec *iov, int count)
{
	unsigned int *left = arg;

	(void)iov;
	(void)count;
	if ((*left)-- > 0)
		return 0;
	errno = EPIPE;
	return -1;
}

/* The reader goes while sections are being packed: the error comes through, and
 * what is under way is given up. */
static void
given_up(void)
{
	struct state_workers *workers = state_workers_new(2);
	struct state_range range;

	memory_new();
	for (uint32_t page = 0; page < PAGES; page++)
		page_fill(page);
	range = range_new(0);
	for (unsigned int n = 2; n < 10; n++) {
		unsigned int left = n;
		struct state_packer *packer = state_packer_on(5, workers);
		struct state_writer *w =
		    state_writer_new(put_some, &left, packer);

		CHECK_EQ(stream_begin(w), 0);
		CHECK_EQ(state_write_memory(w, &range), -1);
		CHECK_EQ(errno, EPIPE);
		errno = 0;
		CHECK_EQ(state_write_end(w), -1);
		CHECK_EQ(errno, EPIPE);
		state_writer_free(w);
		state_packer_free(packer);
	}
	state_workers_free(workers);
}

int
main(void)
{
	TEST(holes);
	TEST(no_file);
	TEST(few_pages);
	TEST(given);
	TEST(threads);
	TEST(early_threads);
	TEST(given_up);
	sample_free(&stream);
	return CHECK_EXIT();
}
