/* SPDX-License-Identifier: ISC */
/*
 * What a VM is sent into: one that takes nothing, goes away, or takes all.
 */
#include "role/sendout.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "check.h"

#define MUCH ((size_t)4 << 20)

static struct sendout out;
static int fd[2], stop;
static char bytes[MUCH];

static bool
begin(bool is_socket)
{
	stop = eventfd(0, EFD_CLOEXEC);
	return stop != -1 &&
	    (is_socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, fd)
		       : pipe2(fd, O_CLOEXEC)) == 0 &&
	    sendout_open(&out, fd[1], stop) == 0;
}

static void
end(void)
{
	sendout_close(&out);
	CHECK_EQ(fcntl(fd[1], F_GETFL) & O_NONBLOCK, 0);
	close(fd[0]);
	close(fd[1]);
	close(stop);
}

static int
put(size_t len)
{
	struct iovec iov[2] = { { bytes, 1 }, { bytes + 1, len - 1 } };

	return sendout_put(&out, iov, 2);
}

/* Pages of our own, which nobody writes to. */
static int
give(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int rc = p == MAP_FAILED ? -2 : sendout_give(&out, p, len);

	if (p != MAP_FAILED)
		munmap(p, len);
	return rc;
}

static void
stop_now(void)
{
	const uint64_t one = 1;

	CHECK(write(stop, &one, sizeof(one)) == sizeof(one));
}

static void
test_nobody_takes_it(void)
{
	for (int is_socket = 0; is_socket < 2; is_socket++) {
		REQUIRE(begin(is_socket));
		out.wait_ms = 20;
		CHECK_EQ(put(MUCH), -1);
		CHECK_EQ(errno, ETIMEDOUT);
		CHECK_STR(out.why, "nobody takes the state");
		CHECK(out.bytes > 0 && out.bytes < MUCH);
		end();
	}
}

static void
test_nobody_takes_what_is_given(void)
{
	REQUIRE(begin(false));
	out.wait_ms = 20;
	CHECK_EQ(give(MUCH), -1);
	CHECK_EQ(errno, ETIMEDOUT);
	CHECK(out.bytes > 0 && out.bytes < MUCH);
	end();
}

static void
test_an_end_is_wanted(void)
{
	REQUIRE(begin(false));
	stop_now();
	CHECK_EQ(put(MUCH), -1);
	CHECK_EQ(errno, ECANCELED);
	CHECK(out.why == NULL);
	CHECK_EQ(sendout_end(&out), -1);
	CHECK_EQ(errno, ECANCELED);
	end();
}

static void
test_it_goes_away(void)
{
	for (int is_socket = 0; is_socket < 2; is_socket++) {
		REQUIRE(begin(is_socket));
		CHECK_EQ(put(100), 0);
		close(fd[0]);
		fd[0] = -1;
		CHECK_EQ(put(100), -1);
		CHECK_EQ(errno, EPIPE);
		CHECK_STR(out.why, "writing the state");
		end();
	}
	REQUIRE(begin(false));
	CHECK_EQ(put(100), 0);
	close(fd[0]);
	fd[0] = -1;
	CHECK_EQ(sendout_end(&out), -1);
	CHECK_EQ(errno, EPIPE);
	CHECK_STR(out.why, "the reader has not taken all");
	end();
}

static void
test_it_takes_all(void)
{
	for (int is_socket = 0; is_socket < 2; is_socket++) {
		REQUIRE(begin(is_socket));
		CHECK_EQ(put(1000), 0);
		if (!is_socket)
			CHECK_EQ(give(8192), 0);
		CHECK_EQ(read(fd[0], bytes, MUCH), is_socket ? 1000 : 9192);
		/* Then it may go. */
		close(fd[0]);
		fd[0] = -1;
		CHECK_EQ(sendout_end(&out), 0);
		CHECK_EQ(out.bytes, is_socket ? 1000 : 9192);
		end();
	}
}

/* It is the reader's by then: were it kept, there would be two. */
static void
test_an_end_is_wanted_too_late(void)
{
	REQUIRE(begin(false));
	CHECK_EQ(put(1000), 0);
	CHECK_EQ(read(fd[0], bytes, MUCH), 1000);
	stop_now();
	CHECK_EQ(sendout_end(&out), 0);
	end();
}

static void
test_a_file(void)
{
	struct stat st;

	stop = eventfd(0, EFD_CLOEXEC);
	fd[0] = -1;
	fd[1] = memfd_create("state", MFD_CLOEXEC);
	REQUIRE(stop != -1 && fd[1] != -1);
	REQUIRE(sendout_open(&out, fd[1], stop) == 0);
	CHECK_EQ(fcntl(fd[1], F_GETFL) & O_NONBLOCK, 0);
	CHECK_EQ(put(MUCH), 0);
	CHECK_EQ(sendout_end(&out), 0);
	CHECK(fstat(fd[1], &st) == 0 && st.st_size == (off_t)MUCH);
	end();
}

static void
test_one_that_did_not_wait(void)
{
	stop = eventfd(0, EFD_CLOEXEC);
	REQUIRE(stop != -1 && pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0);
	REQUIRE(sendout_open(&out, fd[1], stop) == 0);
	CHECK_EQ(put(1), 0);
	sendout_close(&out);
	CHECK((fcntl(fd[1], F_GETFL) & O_NONBLOCK) != 0);
	close(fd[0]);
	close(fd[1]);
	close(stop);
}

/* The descriptor 0 of a struct that is all zero is somebody else's. */
static void
test_what_was_not_opened(void)
{
	int old = fcntl(0, F_GETFL);

	memset(&out, 0, sizeof(out));
	CHECK_EQ(sendout_open(&out, -1, -1), -1);
	CHECK_EQ(errno, EBADF);
	REQUIRE(old != -1 && fcntl(0, F_SETFL, old | O_NONBLOCK) == 0);
	sendout_close(&out);
	CHECK((fcntl(0, F_GETFL) & O_NONBLOCK) != 0);
	fcntl(0, F_SETFL, old);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	TEST(test_nobody_takes_it);
	TEST(test_nobody_takes_what_is_given);
	TEST(test_an_end_is_wanted);
	TEST(test_it_goes_away);
	TEST(test_it_takes_all);
	TEST(test_an_end_is_wanted_too_late);
	TEST(test_a_file);
	TEST(test_one_that_did_not_wait);
	TEST(test_what_was_not_opened);
	return CHECK_EXIT();
}
