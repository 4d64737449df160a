/* SPDX-License-Identifier: ISC */
/*
 * State streams there and back, and damaged in every way a byte can be.
 */
#include "image/state_read.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "image/state_crc.h"
#include "image/state_memory.h"
#include "image/state_wire.h"
#include "state_sample.h"

static struct state_bytes stream;
static struct state_reader *reader;
static struct state_config config;
static uint8_t memory[SAMPLE_PAGES * STATE_PAGE];
static uint8_t scratch[STATE_PAGES_MAX * STATE_PAGE];
static char error[256];

static bool
take_memory(const struct state_section *s, struct state_unpacker *u)
{
	struct state_memory m;
	const char *why;

	if (state_memory_decode(&m, s->payload, (size_t)s->head.length,
		s->offset + STATE_HEADER, &why) == -1)
		return state_reader_bad(reader, why) == 0;
	return m.gpa == SAMPLE_GPA && m.pages <= SAMPLE_PAGES &&
	    state_memory_apply(&m, memory, u, scratch) == 0;
}

/* Reads the stream into config and memory; how many sections, or -1 with error
 * and errno. */
static int
read_all(void)
{
	struct state_unpacker *u = state_unpacker_new();
	struct state_section s;
	const char *why;
	int r, count = 0, saved;

	stream.at = 0;
	memset(memory, 0, sizeof(memory));
	reader = state_reader_new(sample_get, &stream);
	while ((r = state_next(reader, &s)) == 1) {
		count++;
		if (s.head.type == STATE_CONFIG &&
		    state_config_decode(
			&config, s.payload, (size_t)s.head.length, &why) == -1)
			r = state_reader_bad(reader, why);
		else if (s.head.type == STATE_MEMORY && !take_memory(&s, u))
			r = -1;
		if (r == -1)
			break;
	}
	saved = errno;
	snprintf(error, sizeof(error), "%s", state_reader_error(reader));
	state_reader_free(reader);
	state_unpacker_free(u);
	errno = saved;
	return r == -1 ? -1 : count;
}

static bool
same_memory(void)
{
	static uint8_t want[SAMPLE_PAGES * STATE_PAGE];

	sample_memory(want, false);
	return memcmp(memory, want, sizeof(want)) == 0;
}

static void
there_and_back(void)
{
	for (int packed = 0; packed < 2; packed++) {
		REQUIRE(sample_write(&stream, packed) == 0);
		CHECK_EQ(read_all(), 5);
		CHECK_STR(error, "");
		CHECK(same_memory());
		CHECK(memcmp(&config, &sample_config, sizeof(config)) == 0);
		CHECK_EQ(stream.at, stream.len);
		sample_free(&stream);
	}
}

static void
golden(void)
{
	static const char *const files[] = { "regress/state/v1.state",
		"regress/state/v1-zstd.state" };

	for (size_t i = 0; i < 2; i++) {
		static uint8_t bytes[1 << 17];
		int fd = open(files[i], O_RDONLY);

		REQUIRE(fd != -1);
		stream.bytes = bytes;
		stream.len = (size_t)state_read_fd(fd, bytes, sizeof(bytes));
		close(fd);
		CHECK_EQ(read_all(), 5);
		CHECK_STR(error, "");
		CHECK(same_memory());
		CHECK(memcmp(&config, &sample_config, sizeof(config)) == 0);
	}
	memset(&stream, 0, sizeof(stream));
	/* And what is not packed is written as it was. */
	REQUIRE(sample_write(&stream, false) == 0);
	{
		static uint8_t bytes[1 << 17];
		int fd = open(files[0], O_RDONLY);
		ssize_t n = state_read_fd(fd, bytes, sizeof(bytes));

		close(fd);
		CHECK((size_t)n == stream.len &&
		    memcmp(bytes, stream.bytes, stream.len) == 0);
	}
	sample_free(&stream);
}

static void
cut_anywhere(void)
{
	size_t whole, wrong = 0;
	char want[64];

	REQUIRE(sample_write(&stream, true) == 0);
	whole = stream.len;
	for (stream.len = 0; stream.len < whole; stream.len++) {
		snprintf(want, sizeof(want), "truncated: it ends at byte %zu, ",
		    stream.len);
		if (read_all() != -1 || errno != EBADMSG ||
		    strncmp(error, want, strlen(want)) != 0)
			wrong++;
	}
	CHECK_EQ(wrong, 0);
	stream.len = whole;
	CHECK_EQ(read_all(), 5);
	sample_free(&stream);
}

static void
any_bit(void)
{
	size_t wrong = 0;

	REQUIRE(sample_write(&stream, true) == 0);
	for (size_t bit = 0; bit < stream.len * 8; bit++) {
		stream.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (read_all() != -1 || error[0] == '\0')
			wrong++;
		stream.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(read_all(), 5);
	sample_free(&stream);
}

/* What is behind the end is not read. */
static void
behind_the_end(void)
{
	char more[] = "more";
	struct iovec iov = { more, 4 };

	REQUIRE(sample_write(&stream, false) == 0);
	sample_put(&stream, &iov, 1);
	CHECK_EQ(read_all(), 5);
	CHECK_EQ(stream.at, stream.len - 4);
	sample_free(&stream);
}

/* --- sections that were put together otherwise ---------------------------- */

struct odd {
	struct state_head head;
	const void *payload;
	size_t len;
};

static uint8_t config_payload[STATE_CONFIG_MAX];
static size_t config_len;
#define REQUIRED STATE_REQUIRED
#define A_CONFIG                                                           \
	{                                                                  \
		{ .type = STATE_CONFIG, .version = 1, .flags = REQUIRED }, \
		    config_payload, config_len                             \
	}

/* What is said of a stream of these sections and, if end, an END. */
static int
say(const struct odd *odd, size_t count, bool end)
{
	struct state_writer *w = state_writer_new(sample_put, &stream, NULL);
	int r;

	state_write_begin(w);
	for (size_t i = 0; i < count; i++)
		state_write_raw(w, &odd[i].head, odd[i].payload, odd[i].len);
	if (end)
		state_write_end(w);
	state_writer_free(w);
	r = read_all();
	sample_free(&stream);
	return r;
}

static bool
said(const char *part)
{
	if (strstr(error, part) != NULL)
		return true;
	printf("# \"%s\"\n", error);
	return false;
}

static void
unknown_sections(void)
{
	const char *why;

	config_len = state_config_encode(&sample_config, config_payload, &why);
	REQUIRE(config_len != 0);
	{
		const struct odd odd[] = { A_CONFIG,
			{ { .type = 99, .version = 1 }, "abc", 3 },
			{ { .type = 98, .version = 3, .flags = STATE_BULK }, "",
			    0 } };
		CHECK_EQ(say(odd, 3, true), 4);
	}
	{
		const struct odd odd[] = { A_CONFIG,
			{ { .type = 99, .version = 1, .flags = REQUIRED },
			    "abc", 3 } };
		CHECK_EQ(say(odd, 2, true), -1);
		CHECK_EQ(errno, ENOTSUP);
		CHECK(said("section 1 (type 99) at byte"));
		CHECK(said("is required, and unknown"));
	}
	{
		const struct odd odd[] = { { { .type = STATE_CONFIG,
						 .version = 2,
						 .flags = REQUIRED },
		    config_payload, config_len } };
		CHECK_EQ(say(odd, 1, true), -1);
		CHECK_EQ(errno, ENOTSUP);
		CHECK(said("section 0 (CONFIG) at byte 32: is of a later"));
	}
	{
		const struct odd odd[] = { A_CONFIG,
			{ { .type = 99, .version = 0 }, "", 0 } };
		CHECK_EQ(say(odd, 2, true), -1);
	}
	{
		const struct odd odd[] = { A_CONFIG,
			{ { .type = 99, .version = 1, .flags = 4 }, "", 0 } };
		CHECK_EQ(say(odd, 2, true), -1);
	}
}

/* A later version of what is required here cannot be skipped, whatever it says
 * of itself. */
static void
later_versions(void)
{
	const uint32_t types[] = { STATE_END, STATE_CONFIG, STATE_MEMORY };

	for (size_t i = 0; i < 3; i++) {
		const struct odd odd[] = { A_CONFIG,
			{ { .type = types[i], .version = 2 }, "", 0 } };

		CHECK_EQ(say(odd, 2, true), -1);
		CHECK_EQ(errno, ENOTSUP);
		CHECK(said("is of a later version"));
	}
}

static void
order(void)
{
	{
		CHECK_EQ(say(NULL, 0, true), -1);
		CHECK(said("the first section must be CONFIG"));
	}
	{
		const struct odd odd[] = { { { .type = 99, .version = 1 }, "",
		    0 } };
		CHECK_EQ(say(odd, 1, true), -1);
		CHECK(said("the first section must be CONFIG"));
	}
	{
		const struct odd odd[] = { A_CONFIG, A_CONFIG };
		CHECK_EQ(say(odd, 2, true), -1);
		CHECK(said("section 1 (CONFIG)"));
	}
	{
		const struct odd odd[] = { A_CONFIG };
		CHECK_EQ(say(odd, 1, false), -1);
		CHECK(said("before its END section"));
	}
	{
		const struct odd odd[] = {
			{ { .type = STATE_CONFIG, .version = 1 },
			    config_payload, config_len }
		};
		CHECK_EQ(say(odd, 1, true), -1);
		CHECK(said("flags this section does not have"));
	}
	{
		const struct odd odd[] = { { { .type = STATE_CONFIG,
						 .version = 1,
						 .flags = REQUIRED },
		    "x", 1 } };
		CHECK_EQ(say(odd, 1, true), -1);
		CHECK(said("a length no such section has"));
	}
}

/* A length that is a lie is refused before a byte of it is asked for. */
static void
lengths(void)
{
	const uint64_t lies[] = { STATE_SKIP_MAX + 1ULL, 1ULL << 40,
		UINT64_MAX };
	struct state_head h = { .type = 99, .version = 1, .number = 1 };
	uint8_t bytes[STATE_HEADER];
	struct iovec iov = { bytes, sizeof(bytes) };
	size_t whole;

	for (size_t i = 0; i < 3; i++) {
		const struct odd odd[] = { A_CONFIG };
		struct state_writer *w =
		    state_writer_new(sample_put, &stream, NULL);

		state_write_begin(w);
		state_write_raw(w, &odd[0].head, odd[0].payload, odd[0].len);
		state_writer_free(w);
		h.length = lies[i];
		state_head_encode(&h, bytes);
		sample_put(&stream, &iov, 1);
		whole = stream.len;
		CHECK_EQ(read_all(), -1);
		CHECK_EQ(stream.at, whole);
		CHECK(said("too long to be skipped"));
		sample_free(&stream);
	}
}

/* Sections in another order, or one that is missing, with right checksums. */
static void
lost_section(void)
{
	uint8_t *at;
	uint64_t len;

	REQUIRE(sample_write(&stream, false) == 0);
	at = stream.bytes + STATE_HEADER; /* the CONFIG section */
	len = state_get64(at + 8) + STATE_HEADER;
	at += len; /* the first MEMORY section goes */
	len = state_get64(at + 8) + STATE_HEADER;
	memmove(at, at + len, stream.len - (size_t)(at + len - stream.bytes));
	stream.len -= len;
	CHECK_EQ(read_all(), -1);
	CHECK(said("sections are missing before"));
	sample_free(&stream);
}

/* A payload of another stream, with its own right checksums everywhere but in
 * the digest. */
static void
digest(void)
{
	struct state_head h;
	uint8_t *at;

	REQUIRE(sample_write(&stream, false) == 0);
	at = stream.bytes + STATE_HEADER;
	REQUIRE(state_head_decode(&h, at) == 0);
	at[STATE_HEADER] = 0; /* memory: 64 MiB, and now */
	at[STATE_HEADER + 3] = 8; /* twice as much */
	h.crc = state_crc(0, at + STATE_HEADER, (size_t)h.length);
	state_head_encode(&h, at);
	CHECK_EQ(read_all(), -1);
	CHECK(said("(END) at byte"));
	CHECK(said("the digest of the whole is another"));
	sample_free(&stream);
}

static void
crc(void)
{
	static uint8_t bytes[40000];
	size_t wrong = 0;

	/* RFC 3720, B.4 */
	CHECK_EQ(state_crc(0, bytes, 32), 0x8a9136aa);
	CHECK_EQ(state_crc(0, "123456789", 9), 0xe3069283);
	CHECK_EQ(state_crc_soft(0, "123456789", 9), 0xe3069283);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7919 >> 5);
	for (size_t len = 0; len <= sizeof(bytes); len += 1237)
		for (size_t from = 0; from < 3 && from <= len; from++)
			if (state_crc(5, bytes + from, len - from) !=
			    state_crc_soft(5, bytes + from, len - from))
				wrong++;
	CHECK_EQ(wrong, 0);
	CHECK_EQ(state_crc(state_crc(0, bytes, 12345), bytes + 12345, 20000),
	    state_crc(0, bytes, 32345));
}

/* Zero pages cost nothing, and one zero page more is no section more. */
static void
zero_pages(void)
{
	static _Alignas(STATE_PAGE) uint8_t zero[600 * STATE_PAGE];
	struct state_writer *w = state_writer_new(sample_put, &stream, NULL);
	struct state_range range = {
		.host = zero, .pages = 600, .flags = STATE_RANGE_FRESH
	};
	struct state_written written;
	size_t before;
	const char *why;

	config_len = state_config_encode(&sample_config, config_payload, &why);
	state_write_begin(w);
	state_write_section(w, STATE_CONFIG, config_payload, config_len);
	before = stream.len;
	CHECK_EQ(state_write_memory(w, &range), 0);
	CHECK_EQ(stream.len, before);
	range.flags = 0;
	CHECK_EQ(state_write_memory(w, &range), 0);
	CHECK_EQ(stream.len - before, 32 + 32 + 8);
	state_writer_written(w, &written);
	CHECK_EQ(written.zero, 1200);
	CHECK_EQ(written.pages, 0);
	CHECK_EQ(written.bytes, stream.len);
	state_writer_free(w);
	sample_free(&stream);
}

/* Every other page: more runs than a writev(2) has parts; through a pipe. */
static void
many_runs(void)
{
	static _Alignas(STATE_PAGE) uint8_t pages[300 * STATE_PAGE],
	    got[300 * STATE_PAGE];
	struct state_range range = { .host = pages,
		.pages = 300,
		.flags = STATE_RANGE_FRESH | STATE_RANGE_STILL };
	struct state_section s;
	struct state_memory m;
	const char *why;
	int p[2], status, r;

	for (size_t i = 0; i < 300; i += 2)
		memset(pages + i * STATE_PAGE, (int)i | 1, STATE_PAGE);
	REQUIRE(pipe(p) == 0);
	if (fork() == 0) {
		struct state_writer *w =
		    state_writer_new(state_put_fd, &p[1], NULL);

		close(p[0]);
		_exit(state_write_begin(w) == -1 ||
		    state_write_section(
			w, STATE_CONFIG, config_payload, config_len) == -1 ||
		    state_write_memory(w, &range) == -1 ||
		    state_write_end(w) == -1);
	}
	close(p[1]);
	reader = state_reader_new(state_get_fd, &p[0]);
	while ((r = state_next(reader, &s)) == 1) {
		if (s.head.type != STATE_MEMORY)
			continue;
		REQUIRE(
		    state_memory_decode(&m, s.payload, (size_t)s.head.length,
			s.offset + STATE_HEADER, &why) == 0);
		CHECK_EQ(
		    (s.offset + STATE_HEADER + (uint64_t)(m.data - s.payload)) %
			STATE_PAGE,
		    0);
		state_memory_apply(&m, got + m.gpa, NULL, NULL);
	}
	CHECK_EQ(r, 0);
	CHECK(memcmp(pages, got, sizeof(got)) == 0);
	state_reader_free(reader);
	close(p[0]);
	wait(&status);
	CHECK_EQ(status, 0);
}

/* Nobody reads: the writer says so, and goes on saying so. */
static void
broken_pipe(void)
{
	struct state_writer *w;
	int p[2];

	signal(SIGPIPE, SIG_IGN);
	REQUIRE(pipe(p) == 0);
	close(p[0]);
	w = state_writer_new(state_put_fd, &p[1], NULL);
	CHECK_EQ(state_write_begin(w), -1);
	CHECK_EQ(errno, EPIPE);
	errno = 0;
	CHECK_EQ(state_write_end(w), -1);
	CHECK_EQ(errno, EPIPE);
	state_writer_free(w);
	close(p[1]);
}

int
main(void)
{
	TEST(crc);
	TEST(there_and_back);
	TEST(golden);
	TEST(cut_anywhere);
	TEST(any_bit);
	TEST(behind_the_end);
	TEST(unknown_sections);
	TEST(later_versions);
	TEST(order);
	TEST(lengths);
	TEST(lost_section);
	TEST(digest);
	TEST(zero_pages);
	TEST(many_runs);
	TEST(broken_pipe);
	return CHECK_EXIT();
}
