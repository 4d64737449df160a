/* SPDX-License-Identifier: ISC */
/*
 * imsg: framing over a byte stream, descriptors that stay with their message,
 * bounds in both directions, and no descriptor left behind by any of it.
 */
#include "imsg.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "check.h"
#include "entries.h"

#define MARK 0x80000000U

static struct imsgbuf a, b; /* the two ends of a socket */
static int raw; /* a's descriptor, to send what imsg would not */
static int fds_before;

static bool
start(void)
{
	int sv[2];

	fds_before = entries_fds();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		sv) == -1 ||
	    imsgbuf_init(&a, sv[0]) == -1 || imsgbuf_init(&b, sv[1]) == -1)
		return false;
	imsgbuf_allow_fdpass(&a);
	imsgbuf_allow_fdpass(&b);
	raw = sv[0];
	return true;
}

static void
stop(void)
{
	imsgbuf_clear(&a);
	imsgbuf_clear(&b);
	close(a.fd);
	close(b.fd);
	CHECK_EQ(entries_fds(), fds_before);
}

/* A descriptor one can tell from others: a file of that size. */
static int
make_fd(off_t size)
{
	int fd = memfd_create("t_imsg", MFD_CLOEXEC);

	if (fd != -1 && ftruncate(fd, size) == -1)
		abort();
	return fd;
}

static long long
fd_size(int fd)
{
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return -1;
	close(fd);
	return (long long)st.st_size;
}

/* Sends bytes with n descriptors, past all rules of imsg. */
static bool
send_raw(const void *data, size_t len, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(64 * sizeof(int))];
	} control;
	union {
		const void *in;
		void *out;
	} data_ptr = { data };
	struct iovec iov = { data_ptr.out, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	memset(&control, 0, sizeof(control));
	if (n > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
	}
	return sendmsg(raw, &msg, MSG_NOSIGNAL) == (ssize_t)len;
}

static struct imsg_hdr
header(uint32_t type, uint32_t len)
{
	return (struct imsg_hdr) { .type = type, .len = len };
}

static void
message_arrives_whole(void)
{
	struct imsg imsg;
	uint32_t v = 0;

	REQUIRE(start());
	CHECK_EQ(imsg_compose(&a, 7, 42, 0, -1, "\1\2\3\4", 4), 1);
	CHECK_EQ(imsg_compose(&a, 8, 0, 99, -1, NULL, 0), 1);
	CHECK_EQ(imsgbuf_queuelen(&a), 2);
	CHECK_EQ(imsgbuf_write(&a), 0);
	CHECK_EQ(imsgbuf_queuelen(&a), 0);
	CHECK_EQ(a.wqueued, 0);
	CHECK_EQ(imsgbuf_read(&b), 1);
	REQUIRE(imsg_get(&b, &imsg) == 20);
	CHECK_EQ(imsg_get_type(&imsg), 7);
	CHECK_EQ(imsg_get_id(&imsg), 42);
	CHECK_EQ(imsg_get_pid(&imsg), getpid());
	CHECK_EQ(imsg_get_len(&imsg), 4);
	CHECK_EQ(imsg_get_fd(&imsg), -1);
	CHECK_EQ(imsg_get_data(&imsg, &v, 3), -1);
	CHECK_EQ(errno, EBADMSG);
	CHECK_EQ(imsg_get_data(&imsg, &v, 4), 0);
	CHECK_EQ(v, 0x04030201);
	imsg_free(&imsg);
	REQUIRE(imsg_get(&b, &imsg) == 16);
	CHECK(imsg.data == NULL);
	CHECK_EQ(imsg_get_pid(&imsg), 99);
	imsg_free(&imsg);
	CHECK_EQ(imsg_get(&b, &imsg), 0);
	CHECK_EQ(b.rqueued, 0);
	/* Nothing there is not an error; the end of the stream is 0. */
	CHECK_EQ(imsgbuf_read(&b), 1);
	shutdown(raw, SHUT_WR);
	CHECK_EQ(imsgbuf_read(&b), 0);
	stop();
}

static void
payload_in_parts(void)
{
	struct iovec iov[2] = { { (char[]) { "ab" }, 2 },
		{ (char[]) { "cd" }, 2 } };
	struct imsg imsg;
	struct ibuf *buf, view;
	char got[4];

	REQUIRE(start());
	CHECK_EQ(imsg_composev(&a, 1, 2, 0, -1, iov, 2), 1);
	buf = imsg_create(&a, 2, 0, 0, 0);
	REQUIRE(buf != NULL);
	CHECK_EQ(imsg_add(buf, "xyz", 3), 3);
	CHECK_EQ(ibuf_add_h16(buf, 0x1234), 0);
	imsg_close(&a, buf);
	buf = ibuf_dynamic(0, 100);
	REQUIRE(buf != NULL);
	CHECK_EQ(ibuf_add(buf, "ibuf", 4), 0);
	ibuf_fd_set(buf, make_fd(5));
	CHECK_EQ(imsg_compose_ibuf(&a, 3, 0, 0, buf), 1);
	CHECK_EQ(imsgbuf_flush(&a), 0);
	imsgbuf_read(&b);
	REQUIRE(imsg_get(&b, &imsg) == 20);
	CHECK_EQ(imsg_get_buf(&imsg, got, 3), 0);
	CHECK(memcmp(got, "abc", 3) == 0);
	CHECK_EQ(imsg_get_len(&imsg), 1);
	CHECK_EQ(imsg_get_buf(&imsg, got, 2), -1);
	imsg_free(&imsg);
	REQUIRE(imsg_get(&b, &imsg) == 21);
	CHECK_EQ(imsg_get_ibuf(&imsg, &view), 0);
	CHECK_EQ(ibuf_size(&view), 5);
	imsg_free(&imsg);
	imsgbuf_read(&b);
	REQUIRE(imsg_get(&b, &imsg) == 20);
	CHECK_EQ(fd_size(imsg_get_fd(&imsg)), 5);
	CHECK_EQ(imsg_get_fd(&imsg), -1);
	imsg_free(&imsg);
	stop();
}

static void
descriptor_stays_with_its_message(void)
{
	struct imsg imsg;
	int i, flags, fd;

	REQUIRE(start());
	for (i = 0; i < 8; i++)
		CHECK_EQ(imsg_compose(&a, i, 0, 0,
			     i % 3 == 1 ? make_fd(100 + i) : -1, "x", 1),
		    1);
	CHECK_EQ(imsgbuf_flush(&a), 0);
	for (i = 0; i < 8; i++) {
		while (TAILQ_EMPTY(&b.rqueue) && imsgbuf_read(&b) == 1)
			continue;
		REQUIRE(imsg_get(&b, &imsg) == 17);
		CHECK_EQ(imsg_get_type(&imsg), i);
		fd = imsg_get_fd(&imsg);
		flags = fd == -1 ? 0 : fcntl(fd, F_GETFD);
		CHECK_EQ(flags, fd == -1 ? 0 : FD_CLOEXEC);
		CHECK_EQ(fd_size(fd), i % 3 == 1 ? 100 + i : -1);
		imsg_free(&imsg);
	}
	stop();
}

static void
descriptor_not_taken_is_closed(void)
{
	struct imsg imsg;

	REQUIRE(start());
	CHECK_EQ(imsg_compose(&a, 1, 0, 0, make_fd(1), NULL, 0), 1);
	CHECK_EQ(imsg_compose(&a, 2, 0, 0, make_fd(2), NULL, 0), 1);
	CHECK_EQ(imsg_compose(&a, 3, 0, 0, make_fd(3), NULL, 0), 1);
	imsgbuf_write(&a);
	imsgbuf_write(&a);
	imsgbuf_read(&b);
	imsgbuf_read(&b);
	REQUIRE(imsg_get(&b, &imsg) == 16);
	imsg_free(&imsg);
	/* One stays in b's queue, one in a's. */
	stop();
}

static void
byte_by_byte(void)
{
	struct imsg_hdr hdr = header(5, (16 + 3) | MARK);
	unsigned char bytes[19];
	struct imsg imsg;
	int fd, round;
	size_t i;

	memcpy(bytes, &hdr, 16);
	memcpy(bytes + 16, "abc", 3);
	REQUIRE(start());
	for (round = 0; round < 3; round++) {
		for (i = 0; i < sizeof(bytes); i++) {
			fd = make_fd(9);
			CHECK(send_raw(bytes + i, 1, &fd, i == 0));
			close(fd);
			CHECK_EQ(imsg_get(&b, &imsg), 0);
			CHECK_EQ(imsgbuf_read(&b), 1);
		}
		REQUIRE(imsg_get(&b, &imsg) == 19);
		CHECK_EQ(fd_size(imsg_get_fd(&imsg)), 9);
		CHECK(memcmp(imsg.data, "abc", 3) == 0);
		imsg_free(&imsg);
	}
	/* The end in the middle of a message that owns a descriptor. */
	fd = make_fd(9);
	CHECK(send_raw(bytes, 18, &fd, 1));
	close(fd);
	CHECK_EQ(imsgbuf_read(&b), 1);
	shutdown(raw, SHUT_WR);
	CHECK_EQ(imsgbuf_read(&b), 0);
	CHECK_EQ(imsg_get(&b, &imsg), 0);
	stop();
}

/*
 * A marked message whose descriptor never came must not get that of a later
 * one, wherever the reads cut the stream.
 */
static void
descriptor_is_not_stolen(void)
{
	struct imsg_hdr hdr = header(1, 18 | MARK);
	unsigned char first[18], second[18];
	struct imsg imsg;
	size_t cut;
	int fd;

	memcpy(first, &hdr, 16);
	hdr.type = 2;
	memcpy(second, &hdr, 16);
	memset(first + 16, 'x', 2);
	memset(second + 16, 'x', 2);
	for (cut = 1; cut < 18; cut++) {
		REQUIRE(start());
		fd = make_fd(22);
		CHECK(send_raw(first, cut, NULL, 0));
		CHECK_EQ(imsgbuf_read(&b), 1);
		CHECK(send_raw(first + cut, 18 - cut, NULL, 0));
		CHECK(send_raw(second, 18, &fd, 1));
		close(fd);
		CHECK_EQ(imsgbuf_read(&b), 1);
		REQUIRE(imsg_get(&b, &imsg) == 18);
		CHECK_EQ(imsg_get_type(&imsg), 1);
		CHECK_EQ(imsg_get_fd(&imsg), -1);
		imsg_free(&imsg);
		REQUIRE(imsg_get(&b, &imsg) == 18);
		CHECK_EQ(fd_size(imsg_get_fd(&imsg)), 22);
		imsg_free(&imsg);
		stop();
	}
}

static void
unannounced_descriptors_are_closed(void)
{
	struct imsg_hdr hdr = header(1, 16);
	struct imsg imsg;
	int fds[50], i, round;

	REQUIRE(start());
	for (i = 0; i < 50; i++)
		fds[i] = make_fd(i);
	for (round = 0; round < 200; round++) {
		/* On unmarked ones, whole and cut; many on a marked one. */
		hdr.len = round % 4 == 3 ? (16 | MARK) : 16;
		if (round % 4 == 1) {
			CHECK(send_raw(&hdr, 5, fds, 50));
			CHECK_EQ(imsgbuf_read(&b), 1);
			CHECK(send_raw((char *)&hdr + 5, 11, fds, 3));
		} else
			CHECK(send_raw(&hdr, 16, fds, 50));
		CHECK_EQ(imsgbuf_read(&b), 1);
		REQUIRE(imsg_get(&b, &imsg) == 16);
		CHECK_EQ(fd_size(imsg_get_fd(&imsg)), round % 4 == 3 ? 0 : -1);
		imsg_free(&imsg);
	}
	CHECK_EQ(entries_fds(), fds_before + 2 + 50);
	for (i = 0; i < 50; i++)
		close(fds[i]);
	stop();
}

static void
descriptors_must_be_allowed(void)
{
	struct imsg_hdr hdr = header(1, 16 | MARK);
	struct imsg imsg;
	int fd;

	REQUIRE(start());
	a.flags = b.flags = 0;
	fd = make_fd(1);
	CHECK_EQ(imsg_compose(&a, 1, 0, 0, fd, NULL, 0), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK(send_raw(&hdr, sizeof(hdr), &fd, 1));
	CHECK_EQ(imsgbuf_read(&b), 1);
	REQUIRE(imsg_get(&b, &imsg) == 16);
	CHECK_EQ(imsg_get_fd(&imsg), -1);
	imsg_free(&imsg);
	close(fd);
	stop();
}

/* No descriptor free here: the message comes, without it. */
static void
out_of_descriptors(void)
{
	struct rlimit old, tight;
	struct imsg imsg;
	ssize_t n;
	int r;

	REQUIRE(start());
	CHECK_EQ(imsg_compose(&a, 1, 0, 0, make_fd(1), "x", 1), 1);
	CHECK_EQ(imsg_compose(&a, 2, 0, 0, make_fd(2), "x", 1), 1);
	CHECK_EQ(imsgbuf_flush(&a), 0);
	REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
	tight = old;
	tight.rlim_cur = 0;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
	r = imsgbuf_read(&b);
	setrlimit(RLIMIT_NOFILE, &old);
	CHECK_EQ(r, 1);
	CHECK_EQ(imsgbuf_read(&b), 1);
	n = imsg_get(&b, &imsg);
	REQUIRE(n == 17);
	CHECK_EQ(imsg_get_fd(&imsg), -1);
	imsg_free(&imsg);
	REQUIRE(imsg_get(&b, &imsg) == 17);
	CHECK_EQ(fd_size(imsg_get_fd(&imsg)), 2);
	imsg_free(&imsg);
	stop();
}

static void
impossible_lengths_end_the_stream(void)
{
	static const uint32_t bad[] = { 0, 1, 15, MAX_IMSGSIZE + 1, 0x7fffffff,
		MARK, MARK | 15, 0xffffffff };
	struct imsg_hdr good = header(1, 16), hdr;
	struct imsg imsg;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		REQUIRE(start());
		fd = make_fd(1);
		hdr = header(1, bad[i]);
		CHECK(send_raw(&good, 16, NULL, 0));
		CHECK(send_raw(&hdr, 16, &fd, 1));
		CHECK(send_raw(&good, 16, NULL, 0));
		close(fd);
		CHECK_EQ(imsgbuf_read(&b), -1);
		CHECK_EQ(errno, ERANGE);
		CHECK_EQ(imsgbuf_read(&b), -1);
		CHECK_EQ(errno, ERANGE);
		/* What came before it was good. */
		REQUIRE(imsg_get(&b, &imsg) == 16);
		imsg_free(&imsg);
		CHECK_EQ(imsg_get(&b, &imsg), 0);
		stop();
	}
}

static void
largest_message(void)
{
	static unsigned char big[MAX_IMSGSIZE];
	struct iovec iov[2] = { { big, SIZE_MAX }, { big, 2 } };
	struct imsg imsg;
	struct ibuf *buf;

	REQUIRE(start());
	CHECK_EQ(imsg_compose(&a, 1, 0, 0, -1, big, MAX_IMSGSIZE - 15), -1);
	CHECK_EQ(errno, ERANGE);
	CHECK_EQ(imsg_composev(&a, 1, 0, 0, -1, iov, 2), -1);
	CHECK_EQ(errno, ERANGE);
	CHECK(imsg_create(&a, 1, 0, 0, SIZE_MAX) == NULL);
	buf = imsg_create(&a, 1, 0, 0, 0);
	REQUIRE(buf != NULL);
	CHECK_EQ(imsg_add(buf, big, MAX_IMSGSIZE - 15), -1);
	memset(big, 0xa5, sizeof(big));
	CHECK_EQ(imsg_compose(&a, 1, 0, 0, -1, big, MAX_IMSGSIZE - 16), 1);
	CHECK_EQ(imsgbuf_flush(&a), 0);
	CHECK_EQ(imsgbuf_read(&b), 1);
	REQUIRE(imsg_get(&b, &imsg) == MAX_IMSGSIZE);
	CHECK(memcmp(imsg.data, big, MAX_IMSGSIZE - 16) == 0);
	imsg_free(&imsg);
	/* Another limit holds for both directions. */
	CHECK_EQ(imsgbuf_set_maxsize(&a, 15), -1);
	CHECK_EQ(imsgbuf_set_maxsize(&a, MARK), -1);
	CHECK_EQ(imsgbuf_set_maxsize(&b, 32), 0);
	CHECK_EQ(imsg_compose(&b, 1, 0, 0, -1, big, 17), -1);
	CHECK_EQ(imsg_compose(&a, 1, 0, 0, -1, big, 16), 1);
	CHECK_EQ(imsgbuf_set_maxsize(&a, 64), -1);
	CHECK_EQ(errno, EBUSY);
	CHECK_EQ(imsg_compose(&a, 1, 0, 0, -1, big, 17), 1);
	CHECK_EQ(imsgbuf_flush(&a), 0);
	CHECK_EQ(imsgbuf_read(&b), 1);
	REQUIRE(imsg_get(&b, &imsg) == 32);
	imsg_free(&imsg);
	CHECK_EQ(imsgbuf_read(&b), -1);
	stop();
}

static void
a_reader_that_never_reads(void)
{
	static unsigned char kb[1024];
	struct imsg imsg;
	int fd, n = 0, got = 0, r;

	REQUIRE(start());
	imsgbuf_set_maxqueue(&a, 64 * 1024);
	fd = make_fd(1);
	while ((r = imsg_compose(&a, (uint32_t)n, 0, 0, -1, kb, 1000)) == 1) {
		REQUIRE(n++ < 100000);
		REQUIRE(imsgbuf_write(&a) == 0);
	}
	CHECK_EQ(errno, ENOBUFS);
	CHECK(a.wqueued <= 64 * 1024);
	CHECK(imsgbuf_queuelen(&a) > 0);
	/* The descriptor of a refused message stays ours. */
	CHECK_EQ(imsg_compose(&a, 1, 0, 0, fd, kb, 1000), -1);
	CHECK_EQ(fd_size(fd), 1);
	/* Then it reads, and every message is there in its order. */
	while (got < n) {
		REQUIRE(imsgbuf_write(&a) == 0);
		REQUIRE(imsgbuf_read(&b) == 1);
		while (imsg_get(&b, &imsg) > 0) {
			CHECK_EQ(imsg_get_type(&imsg), got++);
			imsg_free(&imsg);
		}
	}
	CHECK_EQ(a.wqueued, 0);
	CHECK_EQ(imsgbuf_queuelen(&a), 0);
	stop();
}

static void
empty_messages_count_too(void)
{
	int n = 0;

	REQUIRE(start());
	while (imsg_compose(&a, 1, 0, 0, -1, NULL, 0) == 1)
		REQUIRE(n++ < IMSG_MAXQUEUE / 64);
	CHECK_EQ(errno, ENOBUFS);
	stop();
}

/* A flood that is read but not taken is bounded by one message more. */
static void
a_caller_that_never_takes(void)
{
	int i;

	REQUIRE(start());
	for (i = 0; i < 2000; i++) {
		imsg_compose(&a, 1, 0, 0, -1, "0123456789", 10);
		imsgbuf_write(&a);
		CHECK_EQ(imsgbuf_read(&b), 1);
	}
	CHECK(b.rqueued > MAX_IMSGSIZE);
	CHECK(b.rqueued < 8 * MAX_IMSGSIZE);
	stop();
}

static void
writer_to_a_gone_reader(void)
{
	REQUIRE(start());
	shutdown(b.fd, SHUT_RDWR);
	CHECK_EQ(imsg_compose(&a, 1, 0, 0, make_fd(1), NULL, 0), 1);
	CHECK_EQ(imsgbuf_write(&a), -1);
	CHECK_EQ(errno, EPIPE);
	stop();
}

static void
forwarding_moves_the_descriptor(void)
{
	struct imsg imsg;

	REQUIRE(start());
	CHECK_EQ(imsg_compose(&a, 6, 3, 77, make_fd(12), "data", 4), 1);
	CHECK_EQ(imsgbuf_flush(&a), 0);
	imsgbuf_read(&b);
	REQUIRE(imsg_get(&b, &imsg) == 20);
	CHECK_EQ(imsg_forward(&b, &imsg), 1);
	imsg_free(&imsg);
	CHECK_EQ(imsgbuf_flush(&b), 0);
	imsgbuf_read(&a);
	REQUIRE(imsg_get(&a, &imsg) == 20);
	CHECK_EQ(imsg_get_type(&imsg), 6);
	CHECK_EQ(imsg_get_id(&imsg), 3);
	CHECK_EQ(imsg_get_pid(&imsg), 77);
	CHECK_EQ(fd_size(imsg_get_fd(&imsg)), 12);
	CHECK(memcmp(imsg.data, "data", 4) == 0);
	imsg_free(&imsg);
	stop();
}

int
main(void)
{
	TEST(message_arrives_whole);
	TEST(payload_in_parts);
	TEST(descriptor_stays_with_its_message);
	TEST(descriptor_not_taken_is_closed);
	TEST(byte_by_byte);
	TEST(descriptor_is_not_stolen);
	TEST(unannounced_descriptors_are_closed);
	TEST(descriptors_must_be_allowed);
	TEST(out_of_descriptors);
	TEST(impossible_lengths_end_the_stream);
	TEST(largest_message);
	TEST(a_reader_that_never_reads);
	TEST(empty_messages_count_too);
	TEST(a_caller_that_never_takes);
	TEST(writer_to_a_gone_reader);
	TEST(forwarding_moves_the_descriptor);
	return CHECK_EXIT();
}
