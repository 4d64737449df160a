/* SPDX-License-Identifier: ISC */
/*
 * State streams through pipes: what is read is what was wanted and nothing
 * else, and what was given away stays as it was, whoever has it.
 */
#include "image/state_pipe.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "check.h"
#include "image/state.h"
#include "image/state_io.h"

#define BIG ((size_t)1 << 20)
#define CHAIN 5

static uint8_t sent[BIG], got[BIG];

/* A pipe that holds BIG bytes. */
static bool
pipe_new(int fd[2])
{
	return pipe2(fd, O_CLOEXEC) == 0 &&
	    fcntl(fd[1], F_SETPIPE_SZ, (int)BIG) >= (int)BIG;
}

static void
pair_close(const int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

static void
fill(uint8_t *bytes, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)((i * 31 + i / 4096 + seed) % 251);
}

/* So many bytes into odd parts; how many there were. */
static ssize_t
read_parts(const struct state_pipe *p, int fd, size_t len)
{
	struct iovec iov[3] = { { got, 1 }, { got + 1, 4095 },
		{ got + 4096, len - 4096 } };

	memset(got, 0, sizeof(got));
	return state_pipe_readv(p, fd, iov, 3);
}

static void
test_much_is_read_by_way_of_a_pipe(void)
{
	struct state_pipe p;
	int fd[2];

	REQUIRE(pipe_new(fd));
	fill(sent, BIG, 1);
	REQUIRE(write(fd[1], sent, BIG) == (ssize_t)BIG);
	REQUIRE(state_pipe_open(&p, fd[0]) == 0);
	CHECK(p.own[0] != -1);
	CHECK_EQ(read_parts(&p, fd[0], 300001), 300001);
	CHECK(memcmp(got, sent, 300001) == 0);
	/* What was not wanted is where it was. */
	CHECK_EQ(read(fd[0], got, 100), 100);
	CHECK(memcmp(got, sent + 300001, 100) == 0);
	CHECK_EQ(read_parts(&p, fd[0], 5000), 5000);
	CHECK(memcmp(got, sent + 300101, 5000) == 0);
	CHECK_EQ(read_parts(&p, fd[0], BIG), BIG - 305101);
	CHECK(memcmp(got, sent + 305101, BIG - 305101) == 0);
	close(fd[1]);
	CHECK_EQ(read_parts(&p, fd[0], BIG), 0);
	state_pipe_close(&p);
	CHECK_EQ(p.own[0], -1);
	close(fd[0]);
}

static void
test_an_empty_pipe_that_does_not_wait(void)
{
	struct state_pipe p;
	int fd[2];

	REQUIRE(pipe_new(fd) && state_pipe_open(&p, fd[0]) == 0);
	REQUIRE(fcntl(fd[0], F_SETFL, O_NONBLOCK) == 0);
	CHECK_EQ(read_parts(&p, fd[0], BIG), -1);
	CHECK_EQ(errno, EAGAIN);
	state_pipe_close(&p);
	pair_close(fd);
}

static void
test_what_is_no_pipe_is_read_as_it_is(void)
{
	struct state_pipe p;
	int fd[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
	fill(sent, BIG, 2);
	REQUIRE(write(fd[1], sent, 100000) == 100000);
	REQUIRE(state_pipe_open(&p, fd[0]) == 0);
	CHECK_EQ(p.own[0], -1);
	CHECK_EQ(read_parts(&p, fd[0], 100000), 100000);
	CHECK(memcmp(got, sent, 100000) == 0);
	state_pipe_close(&p);
	pair_close(fd);
}

/* BIG bytes of that seed, given to the pipe. */
static bool
give(struct state_gift *g, int fd, unsigned int seed)
{
	struct iovec iov = { state_gift_pages(g, BIG), BIG };

	if (iov.iov_base == NULL)
		return false;
	fill(iov.iov_base, BIG, seed);
	state_gift_give(g, BIG);
	return vmsplice(fd, &iov, 1, SPLICE_F_NONBLOCK) == (ssize_t)BIG;
}

/* Each pipe's content is moved to one more, as programs do that do not copy:
 * so the pages are in use long after the first pipe is empty. */
static void
test_what_was_given_stays_as_it_was(void)
{
	struct state_gift g = { 0 };
	int fd[2], kept[CHAIN][2];

	REQUIRE(pipe_new(fd) && state_gift_init(&g) == 0);
	for (unsigned int i = 0; i < CHAIN; i++) {
		REQUIRE(pipe_new(kept[i]) && give(&g, fd[1], i));
		for (size_t n = 0, moved; n < BIG; n += moved) {
			moved = (size_t)splice(
			    fd[0], NULL, kept[i][1], NULL, BIG - n, 0);
			REQUIRE(moved != 0 && moved <= BIG);
		}
	}
	state_gift_fini(&g);
	for (unsigned int i = 0; i < CHAIN; i++) {
		struct iovec iov = { got, BIG };

		fill(sent, BIG, i);
		memset(got, 0, BIG);
		CHECK_EQ(state_get_fd(&kept[i][0], &iov, 1), BIG);
		CHECK(memcmp(sent, got, BIG) == 0);
		pair_close(kept[i]);
	}
	pair_close(fd);
}

static void
test_pages_are_the_same_until_they_are_given(void)
{
	struct state_gift g = { 0 };
	uint8_t *first, *second;

	REQUIRE(state_gift_init(&g) == 0);
	first = state_gift_pages(&g, 10);
	REQUIRE(first != NULL);
	CHECK(state_gift_pages(&g, BIG) == first);
	CHECK_EQ((uintptr_t)first % STATE_PAGE, 0);
	state_gift_give(&g, 1);
	second = state_gift_pages(&g, BIG);
	CHECK(second == first + STATE_PAGE);
	second[0] = 1;
	state_gift_give(&g, BIG);
	/* They do not fit behind the others: these are new. */
	CHECK(state_gift_pages(&g, BIG) == first);
	CHECK_EQ(second[0], 0);
	CHECK(state_gift_pages(&g, STATE_GIFT_MAX + 1) == NULL);
	CHECK_EQ(errno, EINVAL);
	state_gift_fini(&g);
}

int
main(void)
{
	TEST(test_much_is_read_by_way_of_a_pipe);
	TEST(test_an_empty_pipe_that_does_not_wait);
	TEST(test_what_is_no_pipe_is_read_as_it_is);
	TEST(test_what_was_given_stays_as_it_was);
	TEST(test_pages_are_the_same_until_they_are_given);
	return CHECK_EXIT();
}
