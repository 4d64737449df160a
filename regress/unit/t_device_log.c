/* SPDX-License-Identifier: ISC */
/*
 * The log of written guest memory in device processes: which pages each kind
 * notes for what a driver asks of it, and logs that are not to be trusted.
 */
#include <errno.h>

#include "dev/blk_engine.h"
#include "dev/net.h"
#include "driver_logged.h"
#include "quiet.h"

#define SECTORS 2048U
#define USED_PAGE (0x8000 / PAGE)
#define FIRST (DRIVER_DATA / PAGE)

static struct net *net;
static int wire;
static uint64_t *bits; /* the log */
static size_t bits_len;

/* --- the log -------------------------------------------------------------- */

static void
send_log(int fd, uint64_t pages)
{
	const struct msg_dev_log m = { .pages = pages };

	msg_send(&drv.link, MSG_DEV_LOG, 0, fd, &m, sizeof(m), NULL, 0);
	driver_pump(loop);
}

static bool
log_on(void)
{
	int fd = log_fd(PAGES / 64, F_SEAL_SHRINK);
	unsigned int answers = drv.logging;

	if (fd == -1)
		return false;
	bits_len = PAGES / 8;
	bits = mmap(NULL, bits_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	send_log(fd, PAGES);
	return bits != MAP_FAILED && drv.logging == answers + 1;
}

static void
log_off(void)
{
	driver_send(MSG_DEV_LOG_END);
	driver_pump(loop);
	munmap(bits, bits_len);
}

/* Whether exactly these pages of the data and the used ring's page (of either
 * queue, if it may be) are in the log; forgets them. */
static bool
logged(const unsigned int *pages, unsigned int n)
{
	uint64_t want[PAGES / 64] = { 0 };
	bool same = true;

	for (unsigned int i = 0; i < n; i++)
		want[(FIRST + pages[i]) / 64] |= 1ULL
		    << (FIRST + pages[i]) % 64;
	for (unsigned int i = 0; i < PAGES; i++) {
		bool is = bits[i / 64] >> i % 64 & 1;

		if (i < FIRST && i % (DRIVER_RINGS / PAGE) == USED_PAGE)
			continue;
		if (is != (want[i / 64] >> i % 64 & 1)) {
			printf("# page %d: %d\n", (int)(i - FIRST), is);
			same = false;
		}
	}
	memset(bits, 0, bits_len);
	return same;
}
#define LOGGED(...)                                          \
	logged((const unsigned int[]) { __VA_ARGS__ },       \
	    sizeof((const unsigned int[]) { __VA_ARGS__ }) / \
		sizeof(unsigned int))

static bool
used_is_logged(unsigned int queue)
{
	unsigned int page = queue * (DRIVER_RINGS / PAGE) + USED_PAGE;

	return bits[page / 64] >> page % 64 & 1;
}

/* --- rng ------------------------------------------------------------------ */

static void
ask_rng(const struct driver_buffer *b, unsigned int n)
{
	uint32_t len;

	driver_add(0, b, n);
	driver_kick(0);
	CHECK(driver_wait(loop, 0, &len) != -1);
	driver_pump(loop);
}

static void
several_segments(void)
{
	const struct driver_buffer b[3] = { { AT(0) + 100, 100, true },
		{ AT(3) - 1, 2, true }, { AT(8), 2 * PAGE, true } };
	/* 64 KiB at most: the last pages are not written. */
	const struct driver_buffer large = { AT(20), 20 * PAGE, true };

	REQUIRE(rng_begin());
	ask_rng(b, 3);
	REQUIRE(log_on());
	CHECK(logged(NULL, 0));
	ask_rng(b, 3);
	CHECK(used_is_logged(0));
	CHECK(LOGGED(0, 2, 3, 8, 9));
	ask_rng(&large, 1);
	CHECK(LOGGED(
	    20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35));
	log_off();
	/* The second log is another one. */
	REQUIRE(log_on());
	ask_rng(b, 1);
	CHECK(used_is_logged(0));
	CHECK(LOGGED(0));
	log_off();
	ask_rng(b, 1);
	CHECK(!drv.gone);
	rng_end();
}

/* The flags by which notifications are asked for are a write as well. */
static void
words_of_the_ring(void)
{
	REQUIRE(rng_begin());
	REQUIRE(log_on());
	driver_kick(0);
	driver_pump(loop);
	CHECK(used_is_logged(0));
	CHECK(logged(NULL, 0));
	/* What rests writes nothing. */
	driver_send(MSG_DEV_STOP);
	driver_pump(loop);
	memset(bits, 0, bits_len);
	driver_kick(0);
	driver_pump(loop);
	CHECK(!used_is_logged(0));
	log_off();
	rng_end();
}

/* --- blk ------------------------------------------------------------------ */

static bool
blk_begin_with(blk_engine_fn *engine)
{
	return blk_begin(SECTORS * 512, false, engine, 64);
}

static void
blk_notes(void)
{
	REQUIRE(log_on());
	CHECK_EQ(ask_blk(VIRTIO_BLK_T_IN, 0, PAGE, 3 * PAGE), 0);
	CHECK(used_is_logged(0));
	CHECK(LOGGED(0, 10, 11, 12, STATUS_PAGE));
	CHECK_EQ(ask_blk(VIRTIO_BLK_T_OUT, 0, PAGE, PAGE), 0);
	CHECK(LOGGED(STATUS_PAGE));
	CHECK_EQ(ask_blk(VIRTIO_BLK_T_GET_ID, 0, 10, PAGE), 0);
	CHECK(LOGGED(0, 10, STATUS_PAGE));
	/* Refused before anything is read. */
	CHECK_EQ(ask_blk(VIRTIO_BLK_T_IN, SECTORS, PAGE, PAGE), 1);
	CHECK(LOGGED(STATUS_PAGE));
	/* The file has become shorter: the first page is read, then not. */
	CHECK_EQ(ftruncate(image.fd, 2 * PAGE), 0);
	CHECK_EQ(ask_blk(VIRTIO_BLK_T_IN, 8, PAGE, 2 * PAGE), 1);
	CHECK(LOGGED(0, 10, 11, STATUS_PAGE));
	log_off();
}

static void
blk_requests(void)
{
	REQUIRE(blk_begin_with(NULL));
	blk_notes();
	blk_end();
}

static void
blk_requests_of_threads(void)
{
	REQUIRE(blk_begin_with(blk_io_new_threads));
	blk_notes();
	blk_end();
}

/* A reset or a broken ring forgets requests, not what they have written. */
static void
blk_in_flight_and_reset(void)
{
	const struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_IN };
	const struct driver_buffer b[3] = { { HEADER_AT, sizeof(h), false },
		{ AT(0), PAGE, true }, { AT(STATUS_PAGE), 1, true } };

	REQUIRE(blk_begin_with(blk_io_new_threads));
	REQUIRE(log_on());
	memcpy(drv.mem + HEADER_AT, &h, sizeof(h));
	driver_add(0, b, 3);
	driver_add(0, b + 2, 1); /* no request: the ring breaks */
	driver_kick(0);
	for (unsigned int i = 0; i < 2000 && !drv.broken; i++)
		driver_pump(loop);
	driver_send(MSG_DEV_RESET);
	for (unsigned int i = 0; i < 2000 && !drv.reset_done; i++)
		driver_pump(loop);
	CHECK_EQ(drv.reset_done, 1);
	CHECK(LOGGED(0, STATUS_PAGE));
	log_off();
	blk_end();
}

/* However a request advances, its buffers are known in the end. */
static void
partial_reads(void)
{
	static const int results[] = { 10, 85, 5, 100, 300, 499, 1 };
	static uint8_t at[1000];
	struct iovec iov[3] = { { at, 100 }, { at + 100, 400 },
		{ at + 500, 500 } };
	const struct iovec whole[3] = { iov[0], iov[1], iov[2] };
	struct blk_io_request r = {
		.op = BLK_IO_READ, .niov = 3, .iov = iov, .len = 1000
	};
	bool done = false;

	for (unsigned int i = 0; i < sizeof(results) / sizeof(results[0]);
	     i++) {
		CHECK(!done);
		done = blk_io_advance(&r, results[i]);
		if (!done)
			CHECK(r.iov[0].iov_base == at + (1000 - r.len));
	}
	CHECK(done && r.error == 0 && r.len == 0);
	CHECK(memcmp(iov, whole, sizeof(iov)) == 0);
	/* One that fails in the middle of a buffer. */
	r = (struct blk_io_request) {
		.op = BLK_IO_READ, .niov = 3, .iov = iov, .len = 1000
	};
	CHECK(!blk_io_advance(&r, 50));
	CHECK(!blk_io_advance(&r, 150));
	CHECK(!blk_io_advance(&r, 1));
	CHECK(blk_io_advance(&r, -EIO));
	CHECK_EQ(r.error, EIO);
	CHECK(memcmp(iov, whole, sizeof(iov)) == 0);
	r = (struct blk_io_request) {
		.op = BLK_IO_READ, .niov = 3, .iov = iov, .len = 1000
	};
	CHECK(!blk_io_advance(&r, 50));
	CHECK(blk_io_advance(&r, 0));
	CHECK(memcmp(iov, whole, sizeof(iov)) == 0);
}

/* --- net ------------------------------------------------------------------ */

static void
net_frames(void)
{
	const struct driver_buffer b[2] = { { AT(0), 200, true },
		{ AT(5), 200, true } };
	uint8_t frame[600] = { 0 };
	uint32_t len;

	struct msg_device_start start = { .kind = DEVICE_NET };
	int sv[2], link;

	REQUIRE(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sv) == 0);
	loop = loop_new(NULL);
	REQUIRE((net = net_new(sv[0], loop)) != NULL);
	REQUIRE((link = driver_open()) != -1);
	REQUIRE(net_start(net, link, &start, on_gone, NULL) == 0);
	wire = sv[1];
	driver_start(loop, 1ULL << 15 /* MRG_RXBUF */, 16);
	REQUIRE(log_on());
	/* Needs two buffers and finds one, which is written and kept. */
	driver_add(0, b, 1);
	driver_kick(0);
	CHECK_EQ(write(wire, frame, 300), 300);
	driver_pump(loop);
	CHECK(!driver_has_used(0));
	CHECK(LOGGED(0));
	/* It is tried again, which writes to both. */
	driver_add(0, b + 1, 1);
	driver_kick(0);
	driver_pump(loop);
	CHECK(driver_used(0, &len) != -1 && driver_used(0, &len) != -1);
	CHECK(used_is_logged(0));
	CHECK(LOGGED(0, 5));
	/* What the guest sends is not written. */
	driver_add(1, (struct driver_buffer[]) { { AT(7), 100, false } }, 1);
	driver_kick(1);
	driver_pump(loop);
	CHECK(used_is_logged(1));
	CHECK(logged(NULL, 0));
	log_off();
	net_free(net);
	loop_free(loop);
	close(wire);
	driver_close();
}

/* --- logs that are none --------------------------------------------------- */

static void
bad_logs(void)
{
	static const struct {
		size_t words;
		int seals;
		uint64_t pages;
		bool good;
	} logs[] = {
		{ PAGES / 64, F_SEAL_SHRINK, PAGES, true },
		{ PAGES / 64 + 1, F_SEAL_SHRINK, PAGES + 1, true },
		{ PAGES / 64, 0, PAGES, false },
		{ PAGES / 64, F_SEAL_GROW, PAGES, false },
		{ PAGES / 64 - 1, F_SEAL_SHRINK, PAGES, false },
		{ PAGES / 64, F_SEAL_SHRINK, PAGES - 1, false },
		{ PAGES / 64, F_SEAL_SHRINK, PAGES + 1, false },
		{ 0, F_SEAL_SHRINK, PAGES, false },
		{ PAGES / 64, F_SEAL_SHRINK, 0, false },
		{ PAGES / 64, F_SEAL_SHRINK, UINT64_MAX, false },
		{ PAGES / 64, F_SEAL_SHRINK, UINT64_MAX / 8 + 2, false },
	};

	quiet_log();
	for (unsigned int i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		int fd = log_fd(logs[i].words, logs[i].seals);

		REQUIRE(fd != -1 && rng_begin());
		send_log(fd, logs[i].pages);
		if (!CHECK(drv.gone == !logs[i].good &&
			drv.logging == logs[i].good))
			printf("# log %u\n", i);
		rng_end();
	}
	/* Not a memfd at all. */
	REQUIRE(rng_begin());
	send_log(open("/dev/null", O_RDWR | O_CLOEXEC), PAGES);
	CHECK(drv.gone);
	rng_end();
}

static void
logs_at_the_wrong_time(void)
{
	struct msg_device_start start = { .kind = DEVICE_RNG };
	int link;

	quiet_log();
	/* Twice. */
	REQUIRE(rng_begin() && log_on());
	send_log(log_fd(PAGES / 64, F_SEAL_SHRINK), PAGES);
	CHECK(drv.gone);
	munmap(bits, bits_len);
	rng_end();
	/* Before there is memory. */
	link = driver_open();
	loop = loop_new(NULL);
	REQUIRE(rng_init(&rng, loop, link, &start, on_gone, NULL) == 0);
	send_log(log_fd(PAGES / 64, F_SEAL_SHRINK), PAGES);
	CHECK(drv.gone);
	rng_end();
	/* An end without a beginning does nothing. */
	REQUIRE(rng_begin());
	driver_send(MSG_DEV_LOG_END);
	driver_pump(loop);
	CHECK(!drv.gone);
	/* Only net devices announce themselves. */
	driver_send(MSG_DEV_ANNOUNCE);
	driver_pump(loop);
	CHECK(drv.gone);
	rng_end();
}

int
main(void)
{
	TEST(several_segments);
	TEST(words_of_the_ring);
	TEST(blk_requests);
	TEST(blk_requests_of_threads);
	TEST(blk_in_flight_and_reset);
	TEST(partial_reads);
	TEST(net_frames);
	TEST(bad_logs);
	TEST(logs_at_the_wrong_time);
	return CHECK_EXIT();
}
