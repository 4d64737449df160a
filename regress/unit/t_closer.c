/* SPDX-License-Identifier: ISC */
/*
 * Closing behind one's back: files by a thread, the rest at once, and nobody
 * waits.  A file system that hangs is in regress/daemon/dumpfile.sh.
 */
#include "ipc/closer.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "check.h"
#include "ibuf.h"

#define MANY 300 /* more than may wait */

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static bool
closes(int fd)
{
	for (int i = 0; i < 1000 && is_open(fd); i++)
		poll(NULL, 0, 5);
	return !is_open(fd);
}

static void
before_the_thread(void)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	REQUIRE(fd != -1);
	closer_close(fd);
	CHECK(!is_open(fd));
	closer_close(-1);
}

static void
by_the_thread(void)
{
	int file, dir, pair[2];

	REQUIRE(closer_start(4) == 0);
	file = memfd_create("file", MFD_CLOEXEC);
	dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(file != -1 && dir != -1);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	closer_close(pair[0]);
	CHECK(!is_open(pair[0]));
	errno = EXDEV;
	closer_close(file);
	closer_close(dir);
	CHECK_EQ(errno, EXDEV);
	CHECK(closes(file));
	CHECK(closes(dir));
	closer_close(pair[1]);
	CHECK(!is_open(pair[1]));
}

static void
buffers_use_it(void)
{
	struct ibuf *buf = ibuf_open(8);
	int file = memfd_create("file", MFD_CLOEXEC);

	REQUIRE(buf != NULL && file != -1);
	ibuf_fd_set(buf, file);
	ibuf_free(buf);
	CHECK(closes(file));
}

static void
many_at_once(void)
{
	static int fd[MANY];
	int left = 0;

	for (int i = 0; i < MANY; i++)
		fd[i] = memfd_create("file", MFD_CLOEXEC);
	for (int i = 0; i < MANY; i++) {
		closer_close(fd[i]);
		while (closer_waiting() > CLOSER_MANY)
			poll(NULL, 0, 1);
	}
	for (int i = 0; i < MANY; i++)
		left += !closes(fd[i]);
	CHECK_EQ(left, 0);
	CHECK_EQ(closer_waiting(), 0);
}

int
main(void)
{
	TEST(before_the_thread);
	TEST(by_the_thread);
	TEST(buffers_use_it);
	TEST(many_at_once);
	return CHECK_EXIT();
}
