/* SPDX-License-Identifier: ISC */
/*
 * Pages of a state stream that go straight to guest memory, and those that stay
 * in their file and are only found.
 */
#include "image/state_read.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"
#include "image/state_crc.h"
#include "image/state_index.h"
#include "image/state_wire.h"
#include "state_sample.h"

#define END (SAMPLE_GPA + SAMPLE_PAGES * STATE_PAGE)

static struct state_bytes stream;
static char error[256];
static uint8_t *memory; /* SAMPLE_PAGES, from a memfd */
static int memory_fd;

static uint8_t *
place(void *arg, uint64_t gpa, uint32_t pages)
{
	uint64_t end = *(const uint64_t *)arg;

	if (gpa < SAMPLE_GPA || gpa > end || pages > (end - gpa) / STATE_PAGE)
		return NULL;
	return memory + (gpa - SAMPLE_GPA);
}

/* Memory nobody has touched. */
static void
memory_new(void)
{
	if (memory != NULL) {
		munmap(memory, SAMPLE_PAGES * STATE_PAGE);
		close(memory_fd);
	}
	memory_fd = memfd_create("memory", MFD_CLOEXEC);
	REQUIRE(ftruncate(memory_fd, SAMPLE_PAGES * STATE_PAGE) == 0);
	memory = mmap(NULL, SAMPLE_PAGES * STATE_PAGE, PROT_READ | PROT_WRITE,
	    MAP_SHARED, memory_fd, 0);
	REQUIRE(memory != MAP_FAILED);
}

/* Bytes of the memfd that are there. */
static uint64_t
memory_used(void)
{
	struct stat st;

	CHECK(fstat(memory_fd, &st) == 0);
	return (uint64_t)st.st_blocks * 512;
}

static int
keep_error(struct state_reader *r, int n)
{
	int saved = errno;

	snprintf(error, sizeof(error), "%s", state_reader_error(r));
	state_reader_free(r);
	errno = saved;
	return n;
}

static int
backing(void *arg, const struct state_memory *m, uint64_t *offset)
{
	(void)arg;
	*offset = m->gpa - SAMPLE_GPA;
	return memory_fd;
}

static bool backed;

/* Puts the stream's pages into memory, which ends there.  How many pages it
 * counted, or -1. */
static int
place_all(uint64_t end, uint64_t fresh)
{
	struct state_reader *r = state_reader_new(sample_get, &stream);
	struct state_section s;
	int n, pages = 0;

	stream.at = 0;
	CHECK(state_reader_place(r, place, &end, fresh) == 0);
	if (backed)
		state_reader_backing(r, backing);
	while ((n = state_next(r, &s)) == 1) {
		CHECK_EQ(s.memory != NULL, s.head.type == STATE_MEMORY);
		if (s.memory == NULL)
			continue;
		CHECK(s.payload == NULL && s.memory->data == NULL);
		pages += (int)(s.memory->data_pages + s.memory->zero_pages);
	}
	CHECK(n == -1 || stream.at == stream.len);
	return keep_error(r, n == -1 ? -1 : pages);
}

static bool
same_memory(void)
{
	static uint8_t want[SAMPLE_PAGES * STATE_PAGE];

	sample_memory(want, false);
	return memcmp(memory, want, sizeof(want)) == 0;
}

/* Pages 0, 5 and 15 are zero and never sent, 6 is filled and then zero. */
static void
placed(void)
{
	for (int how = 0; how < 4; how++) {
		backed = how / 2;
		REQUIRE(sample_write(&stream, how % 2 == 1) == 0);
		memory_new();
		CHECK_EQ(place_all(END, END), 15);
		CHECK_STR(error, "");
		CHECK_EQ(memory_used(), 13 * STATE_PAGE);
		CHECK(same_memory());
		/* What was there is not zero where nothing is known of it. */
		memset(memory + (size_t)6 * STATE_PAGE, 'x', STATE_PAGE);
		CHECK_EQ(place_all(END, 0), 15);
		CHECK(same_memory());
		sample_free(&stream);
	}
	backed = false;
}

/* A stream of zero pages takes no memory where it was zero before. */
static void
zeroes(void)
{
	static _Alignas(STATE_PAGE) uint8_t zero[SAMPLE_PAGES * STATE_PAGE];
	static uint8_t payload[STATE_CONFIG_MAX];
	const struct state_range range = {
		.gpa = SAMPLE_GPA, .host = zero, .pages = SAMPLE_PAGES
	};
	struct state_writer *w = state_writer_new(sample_put, &stream, NULL);
	const char *why;

	state_write_begin(w);
	state_write_section(w, STATE_CONFIG, payload,
	    state_config_encode(&sample_config, payload, &why));
	CHECK_EQ(state_write_memory(w, &range), 0);
	CHECK_EQ(state_write_end(w), 0);
	state_writer_free(w);
	memory_new();
	CHECK_EQ(place_all(END, END), SAMPLE_PAGES);
	CHECK_EQ(memory_used(), 0);
	memset(memory, 'x', SAMPLE_PAGES * STATE_PAGE);
	CHECK_EQ(place_all(END, 0), SAMPLE_PAGES);
	CHECK(memcmp(memory, zero, sizeof(zero)) == 0);
	sample_free(&stream);
}

/* The VM has less memory than the stream; nothing of the section is written. */
static void
elsewhere(void)
{
	REQUIRE(sample_write(&stream, false) == 0);
	memory_new();
	CHECK_EQ(place_all(END - STATE_PAGE, END), -1);
	CHECK_EQ(errno, EBADMSG);
	CHECK(strstr(error, "(MEMORY) at byte") != NULL);
	CHECK(strstr(error, "memory that the VM does not have") != NULL);
	CHECK_EQ(memory_used(), 0);
	sample_free(&stream);
}

/* The bytes and bits of a stream, as t_state.c does it for payloads. */
static void
damaged_so(void)
{
	size_t wrong = 0, whole;

	REQUIRE(sample_write(&stream, true) == 0);
	memory_new();
	for (size_t bit = 0; bit < stream.len * 8; bit += 3) {
		stream.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (place_all(END, 0) != -1 || error[0] == '\0')
			wrong++;
		stream.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	whole = stream.len;
	for (stream.len = 0; stream.len < whole; stream.len++)
		if (place_all(END, 0) != -1 || errno != EBADMSG ||
		    strncmp(error, "truncated: it ends at byte ", 27) != 0)
			wrong++;
	CHECK_EQ(wrong, 0);
	sample_free(&stream);
	REQUIRE(sample_write(&stream, false) == 0);
	whole = stream.len;
	for (stream.len = 0; stream.len < whole; stream.len += 129)
		if (place_all(END, 0) != -1 || errno != EBADMSG)
			wrong++;
	for (stream.len = whole; whole-- > 2000; whole -= 130) {
		stream.bytes[whole] ^= 4;
		if (place_all(END, 0) != -1)
			wrong++;
		stream.bytes[whole] ^= 4;
	}
	CHECK_EQ(wrong, 0);
	sample_free(&stream);
}

static void
damaged(void)
{
	damaged_so();
	backed = true;
	damaged_so();
	backed = false;
}

/* Memory that there is not enough of, as the file says. */
static void
no_room(void)
{
	REQUIRE(sample_write(&stream, false) == 0);
	memory_new();
	close(memory_fd);
	memory_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	backed = true;
	CHECK_EQ(place_all(END, END), -1);
	CHECK_EQ(errno, ENOSPC);
	CHECK(strstr(error, "no memory for its pages") != NULL);
	backed = false;
	sample_free(&stream);
}

/* --- found ---------------------------------------------------------------- */

static int
found(void *arg, const struct state_memory *m, uint64_t offset)
{
	return state_index_add(arg, m, offset);
}

/* Reads a file whose stream begins at base into the index. */
static int
find_all(int fd, uint64_t base, struct state_index *ix)
{
	struct state_file_source file;
	struct state_reader *r;
	struct state_section s;
	int n;

	CHECK(state_source_open(&file, fd, base) == 0);
	r = state_reader_new(state_get_source, &file);
	n = state_reader_find(r, state_skip_source, base, found, ix);
	if (n == 0)
		while ((n = state_next(r, &s)) == 1)
			CHECK_EQ(s.memory != NULL, s.head.type == STATE_MEMORY);
	return keep_error(r, n);
}

/* A file with the stream from byte base on; owned. */
static int
file_new(size_t base)
{
	static const uint8_t gap[2 * STATE_PAGE];
	int fd = memfd_create("file", MFD_CLOEXEC);

	CHECK(write(fd, gap, base) == (ssize_t)base);
	CHECK(write(fd, stream.bytes, stream.len) == (ssize_t)stream.len);
	return fd;
}

static void
index_holds(const struct state_index *ix, int fd)
{
	static uint8_t want[SAMPLE_PAGES * STATE_PAGE], page[STATE_PAGE];

	sample_memory(want, false);
	for (unsigned int i = 0; i < SAMPLE_PAGES; i++) {
		uint64_t at =
		    state_index_find(ix, SAMPLE_GPA + i * STATE_PAGE + 7);

		CHECK_EQ(at == 0, i == 0 || i == 5 || i == 6 || i == 15);
		CHECK_EQ(at % STATE_PAGE, 0);
		if (at == 0)
			continue;
		CHECK(pread(fd, page, sizeof(page), (off_t)at) == STATE_PAGE &&
		    memcmp(page, want + (size_t)i * STATE_PAGE, sizeof(page)) ==
			0);
	}
}

static void
in_a_file(void)
{
	const size_t bases[] = { 0, STATE_PAGE };

	REQUIRE(sample_write(&stream, false) == 0);
	for (size_t i = 0; i < 2; i++) {
		struct state_index *ix = state_index_new(END);
		int fd = file_new(bases[i]);

		CHECK_EQ(find_all(fd, bases[i], ix), 0);
		CHECK_STR(error, "");
		CHECK_EQ(state_index_pages(ix), 12);
		index_holds(ix, fd);
		state_index_free(ix);
		close(fd);
	}
	sample_free(&stream);
}

static void
in_no_such_file(void)
{
	struct state_index *ix = state_index_new(END), *less;
	struct state_file_source file;
	int fd, p[2];

	REQUIRE(sample_write(&stream, false) == 0);
	fd = file_new(512);
	CHECK_EQ(find_all(fd, 512, ix), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK(strstr(error, "begins at byte 512 of its file") != NULL);
	close(fd);
	/* Cut where pages are, which nobody reads. */
	fd = file_new(0);
	REQUIRE(ftruncate(fd, 3 * STATE_PAGE) == 0);
	CHECK_EQ(find_all(fd, 0, ix), -1);
	CHECK_EQ(errno, EBADMSG);
	CHECK(strstr(error, "truncated: it ends before byte") != NULL);
	close(fd);
	/* More memory than the VM has. */
	fd = file_new(0);
	less = state_index_new(END - STATE_PAGE);
	CHECK_EQ(find_all(fd, 0, less), -1);
	CHECK_EQ(errno, EFAULT);
	state_index_free(less);
	close(fd);
	sample_free(&stream);
	REQUIRE(sample_write(&stream, true) == 0);
	fd = file_new(0);
	CHECK_EQ(find_all(fd, 0, ix), -1);
	CHECK_EQ(errno, ENOTSUP);
	CHECK(strstr(error, "its pages are packed") != NULL);
	close(fd);
	state_index_free(ix);
	sample_free(&stream);
	REQUIRE(pipe(p) == 0);
	CHECK_EQ(state_source_open(&file, p[0], 0), -1);
	CHECK_EQ(errno, EINVAL);
	close(p[0]);
	close(p[1]);
}

/* --- the index ------------------------------------------------------------ */

static int
add(struct state_index *ix, uint64_t gpa, struct state_run run, uint64_t at)
{
	uint8_t bytes[STATE_RUN];
	struct state_memory m = { .gpa = gpa,
		.pages = (uint32_t)run.first + run.count,
		.runs = 1,
		.data_pages = run.kind == STATE_RUN_DATA ? run.count : 0,
		.run = bytes };

	state_run_encode(run, bytes);
	return state_index_add(ix, &m, at);
}

static void
index_runs(void)
{
	const uint64_t page = STATE_PAGE;
	struct state_index *ix = state_index_new(100 * page);
	uint64_t at;

	CHECK_EQ(state_index_run(ix, 0, 1000, &at), 100);
	CHECK_EQ(at, 0);
	CHECK_EQ(state_index_run(ix, 100 * page, 1000, &at), 0);
	CHECK_EQ(state_index_find(ix, UINT64_MAX), 0);
	CHECK_EQ(
	    add(ix, 0, (struct state_run) { 10, 20, STATE_RUN_DATA }, 5 * page),
	    0);
	CHECK_EQ(add(ix, 30 * page,
		     (struct state_run) { 0, 70, STATE_RUN_DATA }, 25 * page),
	    0);
	CHECK_EQ(state_index_run(ix, 9 * page, 1000, &at), 1);
	CHECK_EQ(state_index_run(ix, 12 * page, 1000, &at), 88);
	CHECK_EQ(at, 7 * page);
	CHECK_EQ(state_index_run(ix, 12 * page, 16, &at), 16);
	/* What comes later holds. */
	CHECK_EQ(
	    add(ix, 20 * page, (struct state_run) { 0, 1, STATE_RUN_ZERO }, 0),
	    0);
	CHECK_EQ(state_index_pages(ix), 89);
	CHECK_EQ(state_index_run(ix, 12 * page, 1000, &at), 8);
	CHECK_EQ(state_index_run(ix, 20 * page, 1000, &at), 1);
	CHECK_EQ(at, 0);
	CHECK_EQ(add(ix, 20 * page, (struct state_run) { 0, 1, STATE_RUN_DATA },
		     400 * page),
	    0);
	CHECK_EQ(state_index_find(ix, 20 * page), 400 * page);
	CHECK_EQ(state_index_pages(ix), 90);
	state_index_free(ix);
}

static void
index_refuses(void)
{
	const uint64_t page = STATE_PAGE;
	const struct state_run run = { 0, 2, STATE_RUN_DATA };
	struct state_index *ix = state_index_new(4 * page);

	CHECK_EQ(add(ix, 3 * page, run, page), -1);
	CHECK_EQ(errno, EFAULT);
	CHECK_EQ(add(ix, STATE_GPA_MAX - 2 * page, run, page), -1);
	CHECK_EQ(errno, EFAULT);
	CHECK_EQ(add(ix, 0, run, 0), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(add(ix, 0, run, 17), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(add(ix, 0, run, (1ULL << 32) * page), -1);
	CHECK_EQ(errno, EFBIG);
	CHECK_EQ(state_index_pages(ix), 0);
	state_index_free(ix);
}

int
main(void)
{
	TEST(placed);
	TEST(zeroes);
	TEST(elsewhere);
	TEST(damaged);
	TEST(no_room);
	TEST(in_a_file);
	TEST(in_no_such_file);
	TEST(index_runs);
	TEST(index_refuses);
	return CHECK_EXIT();
}
