/* SPDX-License-Identifier: ISC */
/*
 * The log of what a blk device writes to its disk: which requests are in it,
 * and logs that are not to be trusted.
 */
#include "driver_logged.h"

#define CHUNKS 70 /* more than a word; the disk has one */

static uint64_t *chunks;

/* That of memory, which answers for both. */
static bool
log_on(void)
{
	const struct msg_dev_log m = { .pages = PAGES };
	unsigned int answers = drv.logging;

	msg_send(&drv.link, MSG_DEV_LOG, 0, log_fd(PAGES / 64, F_SEAL_SHRINK),
	    &m, sizeof(m), NULL, 0);
	driver_pump(loop);
	return drv.logging == answers + 1;
}

static bool
disk_log_on(void)
{
	const struct msg_dev_disk_log m = { .chunks = CHUNKS };
	int fd = log_fd(2, F_SEAL_SHRINK);

	if (fd == -1)
		return false;
	chunks = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	msg_send(&drv.link, MSG_DEV_DISK_LOG, 0, fd, &m, sizeof(m), NULL, 0);
	return chunks != MAP_FAILED && log_on();
}

/* Forgets them. */
static uint64_t
written(void)
{
	uint64_t bits_now = chunks[0];

	CHECK_EQ(chunks[1], 0);
	chunks[0] = 0;
	return bits_now;
}

static void
disk_notes(void)
{
	const unsigned int mib = (1 << 20) / 512;

	REQUIRE(disk_log_on());
	CHECK_EQ(ask_blk(VIRTIO_BLK_T_IN, 0, PAGE, PAGE), 0);
	CHECK_EQ(ask_blk(VIRTIO_BLK_T_FLUSH, 0, 1, 1), 0);
	CHECK_EQ(written(), 0);
	CHECK_EQ(ask_blk(VIRTIO_BLK_T_OUT, 0, PAGE, PAGE), 0);
	CHECK_EQ(written(), 1);
	CHECK_EQ(ask_blk(VIRTIO_BLK_T_OUT, 2 * mib, PAGE, PAGE), 0);
	CHECK_EQ(written(), 4);
	CHECK_EQ(ask_blk(VIRTIO_BLK_T_OUT, 2 * mib - 8, PAGE, PAGE), 0);
	CHECK_EQ(written(), 6);
	/* Refused, so nothing was written. */
	CHECK_EQ(ask_blk(VIRTIO_BLK_T_OUT, 4 * mib, PAGE, PAGE), 1);
	CHECK_EQ(written(), 0);
	driver_send(MSG_DEV_LOG_END);
	driver_pump(loop);
	CHECK_EQ(ask_blk(VIRTIO_BLK_T_OUT, 0, PAGE, PAGE), 0);
	CHECK_EQ(written(), 0);
	CHECK(!drv.gone);
	munmap(chunks, 16);
}

static bool
large_disk(blk_engine_fn *engine)
{
	return blk_begin(4 << 20, false, engine, 64);
}

static void
disk_requests(void)
{
	REQUIRE(large_disk(NULL));
	disk_notes();
	blk_end();
	REQUIRE(large_disk(blk_io_new_threads));
	disk_notes();
	blk_end();
}

/* The segment of a DISCARD or WRITE_ZEROES is one buffer. */
static void
ask_zeroes(uint32_t type, uint64_t sector, uint32_t sectors)
{
	const struct virtio_blk_outhdr h = { .type = type };
	const struct virtio_blk_discard_write_zeroes seg = { .sector = sector,
		.num_sectors = sectors };
	const struct driver_buffer b[3] = { { HEADER_AT, sizeof(h), false },
		{ AT(0), sizeof(seg), false }, { AT(STATUS_PAGE), 1, true } };
	uint32_t len;

	memcpy(drv.mem + HEADER_AT, &h, sizeof(h));
	memcpy(drv.mem + AT(0), &seg, sizeof(seg));
	driver_add(0, b, 3);
	driver_kick(0);
	CHECK(driver_wait(loop, 0, &len) != -1);
	driver_pump(loop);
}

/* Whether the file can do that or not. */
static void
disk_zeroes(void)
{
	const unsigned int mib = (1 << 20) / 512;

	REQUIRE(large_disk(NULL));
	REQUIRE(disk_log_on());
	ask_zeroes(VIRTIO_BLK_T_DISCARD, 0, 2 * mib);
	CHECK_EQ(written(), 3);
	ask_zeroes(VIRTIO_BLK_T_WRITE_ZEROES, mib, 2 * mib + 1);
	CHECK_EQ(written(), 14);
	munmap(chunks, 16);
	blk_end();
}

/* One that takes as much room as it says, of a kind that has no disk. */
static void
bad_disk_logs(void)
{
	static const struct {
		size_t words;
		uint64_t chunks;
		int seals;
	} logs[] = { { 2, 129, F_SEAL_SHRINK }, { 2, 0, F_SEAL_SHRINK },
		{ 2, UINT64_MAX, F_SEAL_SHRINK }, { 0, 1, F_SEAL_SHRINK },
		{ 2, 128, F_SEAL_GROW } };

	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		const struct msg_dev_disk_log m = { .chunks = logs[i].chunks };

		REQUIRE(large_disk(NULL));
		msg_send(&drv.link, MSG_DEV_DISK_LOG, 0,
		    log_fd(logs[i].words, logs[i].seals), &m, sizeof(m), NULL,
		    0);
		driver_pump(loop);
		CHECK(drv.gone);
		blk_end();
	}
	REQUIRE(rng_begin());
	REQUIRE(!disk_log_on());
	CHECK(drv.gone);
	rng_end();
}

int
main(void)
{
	TEST(disk_requests);
	TEST(disk_zeroes);
	TEST(bad_disk_logs);
	return CHECK_EXIT();
}
