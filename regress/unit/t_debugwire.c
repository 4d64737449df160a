/* SPDX-License-Identifier: ISC */
/*
 * The connection with a debugger: bytes arrive whole and in order, however
 * little the other end reads; one that does not read is dropped.
 */
#include "role/debugwire.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "check.h"
#include "role/watch.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct watches *watches;
static struct debugwire wire;
static char got[64];
static size_t got_len;
static unsigned int gone;
static bool close_on_input;

static void
on_input(void *arg, const void *buf, size_t len)
{
	struct debugwire *w = arg;

	if (got_len + len < sizeof(got)) {
		memcpy(got + got_len, buf, len);
		got_len += len;
	}
	if (close_on_input)
		debugwire_close(w);
}

static void
on_gone(void *arg)
{
	gone++;
	debugwire_close(arg);
}

/* Returns the far end, which does not block. */
static int
connected(void)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == -1)
		return -1;
	debugwire_init(&wire, watches);
	wire.input = on_input;
	wire.gone = on_gone;
	wire.arg = &wire;
	gone = 0;
	got_len = 0;
	close_on_input = false;
	return debugwire_open(&wire, sv[0]) == 0 ? sv[1] : -1;
}

static void
bytes_go_both_ways(void)
{
	char buf[16] = "";
	int fd = connected();

	REQUIRE(fd != -1);
	debugwire_send(&wire, "$OK#9a", 6);
	CHECK_EQ(read(fd, buf, sizeof(buf)), 6);
	CHECK_STR(buf, "$OK#9a");
	CHECK_EQ(write(fd, "+$g#67", 6), 6);
	watches_wait(watches);
	CHECK(got_len == 6 && memcmp(got, "+$g#67", 6) == 0);
	CHECK_EQ(gone, 0);
	/* What it said before it went is heard. */
	CHECK_EQ(write(fd, "!", 1), 1);
	close(fd);
	watches_wait(watches);
	CHECK_EQ(got_len, 7);
	watches_wait(watches);
	CHECK_EQ(gone, 1);
	CHECK(!debugwire_is_open(&wire));
	debugwire_send(&wire, "x", 1);
	debugwire_check(&wire);
	debugwire_close(&wire);
	CHECK_EQ(gone, 1);
}

static void
a_slow_reader_gets_everything_in_order(void)
{
	static uint32_t words[60000], back[60000];
	size_t have = 0, sent = 0;
	int fd = connected();

	REQUIRE(fd != -1);
	for (uint32_t i = 0; i < 60000; i++)
		words[i] = i;
	for (; sent < sizeof(words); sent += 4000)
		debugwire_send(&wire, (char *)words + sent, 4000);
	CHECK_EQ(gone, 0);
	CHECK(wire.len > 0);
	while (have < sizeof(words)) {
		ssize_t n = read(fd, (char *)back + have, 3001);

		if (n > 0)
			have += (size_t)n;
		else
			watches_wait(watches);
	}
	CHECK(memcmp(words, back, sizeof(words)) == 0);
	CHECK_EQ(wire.len, 0);
	/* It no longer waits to send: else this would not stop here. */
	CHECK_EQ(write(fd, "a", 1), 1);
	watches_wait(watches);
	CHECK_EQ(got_len, 1);
	debugwire_close(&wire);
	close(fd);
}

static void
who_does_not_read_is_dropped(void)
{
	static char block[4096];
	size_t blocks = 0;
	int fd = connected();

	REQUIRE(fd != -1);
	while (!wire.broken && blocks < 10000) {
		debugwire_send(&wire, block, sizeof(block));
		blocks++;
	}
	CHECK(blocks * sizeof(block) > DEBUGWIRE_MAX);
	CHECK(blocks < 1000);
	/* Not from within the sending. */
	CHECK_EQ(gone, 0);
	debugwire_check(&wire);
	CHECK_EQ(gone, 1);
	close(fd);
}

static void
an_end_that_went_is_noticed_by_sending(void)
{
	int fd = connected();

	REQUIRE(fd != -1);
	close(fd);
	debugwire_send(&wire, "x", 1);
	CHECK_EQ(gone, 0);
	debugwire_check(&wire);
	CHECK_EQ(gone, 1);
}

static void
input_may_close_it(void)
{
	int fd = connected();

	REQUIRE(fd != -1);
	close_on_input = true;
	CHECK_EQ(write(fd, "bye", 3), 3);
	watches_wait(watches);
	CHECK(!debugwire_is_open(&wire));
	CHECK_EQ(gone, 0);
	close(fd);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	watches = watches_new(&lock);
	TEST(bytes_go_both_ways);
	TEST(a_slow_reader_gets_everything_in_order);
	TEST(who_does_not_read_is_dropped);
	TEST(an_end_that_went_is_noticed_by_sending);
	TEST(input_may_close_it);
	return CHECK_EXIT();
}
