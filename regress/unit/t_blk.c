/* SPDX-License-Identifier: ISC */
/* virtio-blk on a memfd: every request, bad ones, and many against a model. */
#include <sys/syscall.h>

#include <errno.h>
#include <linux/io_uring.h>
#include <linux/virtio_blk.h>

#include "check.h"
#include "dev/blk_engine.h"
#include "driver_blk.h"

#define SECTORS 2048U
#define HDR DRIVER_DATA
#define STATUS (DRIVER_DATA + 0x40)
#define DATA (DRIVER_DATA + 0x1000)

static blk_engine_fn *with; /* NULL: the best */

static bool
setup(bool readonly)
{
	return blk_begin(SECTORS * 512 + 100, readonly, with, 128);
}

static void
header(uint32_t off, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr h = { .type = type, .sector = sector };

	memcpy(drv.mem + off, &h, sizeof(h));
}

/* One request; its status, 0x100 when nothing came back. */
static unsigned int
request(uint32_t type, uint64_t sector, uint32_t len, uint32_t *written)
{
	struct driver_buffer b[3] = { { HDR, 16, false },
		{ DATA, len,
		    type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID },
		{ STATUS, 1, true } };
	uint32_t w;

	header(HDR, type, sector);
	drv.mem[STATUS] = 0xee;
	if (len == 0)
		b[1] = b[2];
	driver_add(0, b, len == 0 ? 2 : 3);
	driver_kick(0);
	if (driver_wait(loop, 0, written != NULL ? written : &w) == -1)
		return 0x100;
	return drv.mem[STATUS];
}

static void
says_what_it_is(void)
{
	struct virtio_blk_config c;

	REQUIRE(setup(false));
	CHECK_EQ(drv.virtio_id, 2);
	CHECK_EQ(drv.queues, 1);
	CHECK(drv.offered & DRIVER_VERSION_1);
	CHECK(drv.offered & 1ULL << VIRTIO_BLK_F_FLUSH);
	CHECK(!(drv.offered & 1ULL << VIRTIO_BLK_F_RO));
	REQUIRE(drv.config_len == sizeof(c));
	memcpy(&c, drv.config, sizeof(c));
	CHECK_EQ(c.capacity, SECTORS);
	CHECK_EQ(c.seg_max, 126);
	CHECK_EQ(c.blk_size, 512);
	blk_end();
}

static void
reads_and_writes(void)
{
	char buf[1024];
	uint32_t written;

	REQUIRE(setup(false));
	memset(drv.mem + DATA, 0x5a, 1024);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 7, 1024, &written), 0);
	CHECK_EQ(written, 1);
	CHECK_EQ(pread(image.fd, buf, 1024, 7 * 512), 1024);
	CHECK(memcmp(buf, drv.mem + DATA, 1024) == 0);
	memset(buf, 0x77, 1024);
	CHECK_EQ(pwrite(image.fd, buf, 512, 9 * 512), 512);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 9, 512, &written), 0);
	CHECK_EQ(written, 513);
	CHECK(memcmp(buf, drv.mem + DATA, 512) == 0);
	CHECK_EQ(request(VIRTIO_BLK_T_FLUSH, 0, 0, NULL), 0);
	CHECK(driver_interrupts(0) > 0);
	blk_end();
}

static void
status_in_a_data_buffer(void)
{
	/* One in buffer for data and status: what matters are the bytes. */
	struct driver_buffer b[2] = { { HDR, 16, false }, { DATA, 513, true } };
	uint32_t written;

	REQUIRE(setup(false));
	CHECK_EQ(pwrite(image.fd, "hello", 5, 0), 5);
	header(HDR, VIRTIO_BLK_T_IN, 0);
	drv.mem[DATA + 512] = 0xee;
	driver_add(0, b, 2);
	driver_kick(0);
	CHECK(driver_wait(loop, 0, &written) != -1);
	CHECK_EQ(drv.mem[DATA + 512], 0);
	CHECK(memcmp(drv.mem + DATA, "hello", 5) == 0);
	blk_end();
}

static void
header_in_pieces(void)
{
	struct driver_buffer b[4] = { { HDR, 3, false }, { HDR + 3, 12, false },
		{ HDR + 15, 1 + 512, false }, { STATUS, 1, true } };
	char buf[512];
	uint32_t written;

	REQUIRE(setup(false));
	header(HDR, VIRTIO_BLK_T_OUT, 3);
	memset(drv.mem + HDR + 16, 0x21, 512);
	b[3].off = DATA;
	driver_add(0, b, 4);
	driver_kick(0);
	CHECK(driver_wait(loop, 0, &written) != -1);
	CHECK_EQ(drv.mem[DATA], 0);
	CHECK_EQ(pread(image.fd, buf, 512, 3 * 512), 512);
	CHECK_EQ(buf[511], 0x21);
	blk_end();
}

static void
bounds_are_kept(void)
{
	REQUIRE(setup(false));
	CHECK_EQ(request(VIRTIO_BLK_T_IN, SECTORS - 1, 512, NULL), 0);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, SECTORS - 1, 1024, NULL), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, SECTORS, 512, NULL), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, SECTORS, 512, NULL), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, ~0ULL, 512, NULL), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, ~0ULL / 512 + 1, 512, NULL), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 0, 100, NULL), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 0, 513, NULL), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 0, 0, NULL), 0);
	CHECK_EQ(drv.broken, 0);
	blk_end();
}

static void
other_requests(void)
{
	REQUIRE(setup(false));
	CHECK_EQ(request(VIRTIO_BLK_T_GET_ID, 0, 20, NULL), 0);
	CHECK_STR((char *)drv.mem + DATA, "vmd-blk1");
	CHECK_EQ(request(VIRTIO_BLK_T_GET_ID, 0, 19, NULL), 1);
	CHECK_EQ(request(2, 0, 512, NULL), 2);
	CHECK_EQ(request(0xffffffff, 0, 512, NULL), 2);
	blk_end();
}

static unsigned int
range_request(uint32_t type, uint64_t sector, uint32_t n, uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes seg = {
		.sector = sector, .num_sectors = n, .flags = flags
	};

	memcpy(drv.mem + DATA, &seg, sizeof(seg));
	return request(type, 0, sizeof(seg), NULL);
}

static void
discard_and_write_zeroes(void)
{
	char buf[512], zero[512] = { 0 };

	REQUIRE(setup(false));
	memset(drv.mem + DATA, 0x33, 4096);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 16, 4096, NULL), 0);
	CHECK_EQ(range_request(VIRTIO_BLK_T_DISCARD, 16, 4, 0), 0);
	CHECK_EQ(pread(image.fd, buf, 512, 19 * 512), 512);
	CHECK(memcmp(buf, zero, 512) == 0);
	CHECK_EQ(pread(image.fd, buf, 512, 20 * 512), 512);
	CHECK_EQ(buf[0], 0x33);
	CHECK_EQ(range_request(VIRTIO_BLK_T_WRITE_ZEROES, 20, 4, 1), 0);
	CHECK_EQ(pread(image.fd, buf, 512, 23 * 512), 512);
	CHECK(memcmp(buf, zero, 512) == 0);
	CHECK_EQ(range_request(VIRTIO_BLK_T_DISCARD, SECTORS, 1, 0), 1);
	CHECK_EQ(range_request(VIRTIO_BLK_T_DISCARD, 1, SECTORS, 0), 1);
	CHECK_EQ(range_request(VIRTIO_BLK_T_DISCARD, 0, 1, 1), 2);
	CHECK_EQ(range_request(VIRTIO_BLK_T_WRITE_ZEROES, 0, 1, 2), 2);
	CHECK_EQ(request(VIRTIO_BLK_T_DISCARD, 0, 32, NULL), 2);
	blk_end();
}

static void
read_only_images(void)
{
	REQUIRE(setup(true));
	CHECK(drv.offered & 1ULL << VIRTIO_BLK_F_RO);
	CHECK(!(drv.offered & 1ULL << VIRTIO_BLK_F_DISCARD));
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 0, 512, NULL), 0);
	CHECK_EQ(request(VIRTIO_BLK_T_OUT, 0, 512, NULL), 1);
	CHECK_EQ(range_request(VIRTIO_BLK_T_DISCARD, 0, 1, 0), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_FLUSH, 0, 0, NULL), 0);
	blk_end();
}

static void
host_errors_are_the_guests(void)
{
	REQUIRE(setup(false));
	/* The file shrinks below the capacity: reads end early. */
	CHECK_EQ(ftruncate(image.fd, 512), 0);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 100, 512, NULL), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 0, 1024, NULL), 1);
	CHECK_EQ(request(VIRTIO_BLK_T_IN, 0, 512, NULL), 0);
	CHECK_EQ(drv.broken, 0);
	blk_end();
}

static void
no_request_breaks_the_device(void)
{
	struct driver_buffer headless = { STATUS, 1, true },
			     statusless = { HDR, 16, false };
	uint32_t len;

	for (unsigned int i = 0; i < 2; i++) {
		REQUIRE(setup(false));
		driver_add(0, i == 0 ? &headless : &statusless, 1);
		driver_kick(0);
		driver_pump(loop);
		CHECK_EQ(drv.broken, 1);
		CHECK_STR(drv.why, "a request without header or status");
		CHECK_EQ(driver_used(0, &len), -1);
		/* Said once; after a reset all is well. */
		driver_kick(0);
		driver_pump(loop);
		CHECK_EQ(drv.broken, 1);
		driver_send(MSG_DEV_RESET);
		driver_pump(loop);
		CHECK_EQ(drv.reset_done, 1);
		MSG_SEND(&drv.link, MSG_DEV_FEATURES, 0,
		    &((struct msg_dev_features) { DRIVER_VERSION_1 }));
		driver_send_queue(0, 16);
		driver_send(MSG_DEV_START);
		driver_pump(loop);
		CHECK_EQ(request(VIRTIO_BLK_T_IN, 0, 512, NULL), 0);
		blk_end();
	}
}

static void
stop_and_go_on(void)
{
	struct driver_buffer b[3] = { { HDR, 16, false }, { DATA, 512, true },
		{ STATUS, 1, true } };
	uint32_t len;

	REQUIRE(setup(false));
	driver_send(MSG_DEV_STOP);
	driver_pump(loop);
	CHECK_EQ(drv.stopped, 1);
	header(HDR, VIRTIO_BLK_T_IN, 0);
	driver_add(0, b, 3);
	driver_kick(0);
	driver_pump(loop);
	CHECK_EQ(driver_used(0, &len), -1);
	driver_send(MSG_DEV_START);
	CHECK(driver_wait(loop, 0, &len) != -1);
	blk_end();
}

/* With event indices, all that is asked for is told, and nothing else is. */
static void
interrupts_as_asked(void)
{
	const uint32_t base = DRIVER_DATA + 0x2000;
	uint16_t *used_event;
	unsigned int before;
	uint32_t len;

	REQUIRE(setup(false));
	driver_send(MSG_DEV_RESET);
	driver_pump(loop);
	MSG_SEND(&drv.link, MSG_DEV_FEATURES, 0,
	    &((struct msg_dev_features) {
		DRIVER_VERSION_1 | VIRTQ_F_EVENT_IDX }));
	driver_send_queue(0, 32);
	driver_send(MSG_DEV_START);
	driver_pump(loop);
	used_event =
	    (uint16_t *)(void *)(drv.mem + drv.queue[0].avail + 4 + 2 * 32);
	*used_event = 9; /* when the tenth is used */
	for (unsigned int i = 0; i < 12; i++) {
		struct driver_buffer b[3] = { { HDR, 16, false },
			{ base + 512 * i, 512, true }, { STATUS, 1, true } };

		header(HDR, VIRTIO_BLK_T_IN, i);
		before = driver_interrupts(0);
		CHECK_EQ(before, i == 10);
		driver_add(0, b, 3);
		driver_kick(0);
		CHECK(driver_wait(loop, 0, &len) != -1);
		driver_pump(loop);
	}
	blk_end();
}

static void
vm_process_misbehaves(void)
{
	/* Each of these is refused by leaving: nothing else happens. */
	for (unsigned int i = 0; i < 5; i++) {
		struct msg_dev_features f = { 1ULL << 60 | DRIVER_VERSION_1 };
		struct msg_dev_index index = { .index = 7 };

		REQUIRE(setup(false));
		if (i == 0)
			driver_send_memory();
		if (i == 1)
			MSG_SEND(&drv.link, MSG_DEV_FEATURES, 0, &f);
		if (i == 2)
			driver_send_queue(0, 128);
		if (i == 3)
			msg_send(&drv.link, MSG_DEV_CALL, 0,
			    eventfd(0, EFD_CLOEXEC), &index, sizeof(index),
			    NULL, 0);
		if (i == 4)
			msg_link_fini(&drv.link);
		driver_pump(loop);
		CHECK(blk_is_gone);
		blk_end();
	}
}

static void
rings_outside_memory(void)
{
	struct msg_dev_queue m = { .desc = 0x10, .size = 8 };

	REQUIRE(setup(false));
	driver_send(MSG_DEV_RESET);
	MSG_SEND(&drv.link, MSG_DEV_FEATURES, 0,
	    &((struct msg_dev_features) { DRIVER_VERSION_1 }));
	msg_send(&drv.link, MSG_DEV_QUEUE, 0, eventfd(0, EFD_CLOEXEC), &m,
	    sizeof(m), NULL, 0);
	driver_pump(loop);
	CHECK_EQ(drv.broken, 1);
	CHECK(!blk_is_gone);
	blk_end();
}

/* --- many requests against a model ------------------------------------------
 */

static uint64_t seed = 42;

static uint32_t
chance(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

#define SLOTS 24 /* requests at once */
#define SLOT_SIZE 0x8000U
#define SLOT(i) (DRIVER_DATA + 0x2000 + (i)*SLOT_SIZE)

static uint8_t model[SECTORS * 512];

struct pending {
	uint32_t type, len;
	uint64_t sector;
	uint8_t want[SLOT_SIZE]; /* of a read */
};
static struct pending pending[SLOTS];

static uint16_t
send_random(unsigned int slot)
{
	struct pending *p = &pending[slot];
	uint32_t base = SLOT(slot), half;
	struct driver_buffer b[4];

	/* Slots have regions of their own: the order does not matter. */
	p->type = chance(2) ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
	p->len = 512 * (1 + chance(16));
	p->sector = slot * (SECTORS / SLOTS) +
	    chance(SECTORS / SLOTS - p->len / 512 + 1);
	half = 1 + chance(p->len - 1);
	header(base, p->type, p->sector);
	drv.mem[base + 16] = 0xee;
	if (p->type == VIRTIO_BLK_T_OUT) {
		for (uint32_t i = 0; i < p->len; i++)
			drv.mem[base + 64 + i] = (uint8_t)chance(256);
		memcpy(model + p->sector * 512, drv.mem + base + 64, p->len);
	} else
		memcpy(p->want, model + p->sector * 512, p->len);
	b[0] = (struct driver_buffer) { base, 16, false };
	b[1] = (struct driver_buffer) { base + 64, half,
		p->type == VIRTIO_BLK_T_IN };
	b[2] = (struct driver_buffer) { base + 64 + half, p->len - half,
		p->type == VIRTIO_BLK_T_IN };
	b[3] = (struct driver_buffer) { base + 16, 1, true };
	return driver_add(0, b, 4);
}

static bool
finish(unsigned int slot)
{
	const struct pending *p = &pending[slot];
	const uint8_t *base = drv.mem + SLOT(slot);

	return base[16] == 0 &&
	    (p->type == VIRTIO_BLK_T_OUT ||
		memcmp(base + 64, p->want, p->len) == 0);
}

static void
random_requests(void)
{
	unsigned int bad = 0, lost = 0;
	uint8_t *disk;

	REQUIRE(setup(false));
	memset(model, 0, sizeof(model));
	for (unsigned int round = 0; round < 300; round++) {
		unsigned int n = 1 + chance(SLOTS);
		int slot_of[128];
		uint32_t len;

		memset(slot_of, 0xff, sizeof(slot_of));
		for (unsigned int i = 0; i < n; i++)
			slot_of[send_random(i)] = (int)i;
		driver_kick(0);
		for (unsigned int i = 0; i < n; i++) {
			int head = driver_wait(loop, 0, &len);

			if (head < 0 || head > 127 || slot_of[head] == -1)
				lost++;
			else
				bad += !finish((unsigned int)slot_of[head]);
		}
	}
	CHECK_EQ(lost, 0);
	CHECK_EQ(bad, 0);
	disk = mmap(NULL, sizeof(model), PROT_READ, MAP_SHARED, image.fd, 0);
	REQUIRE(disk != MAP_FAILED);
	CHECK(memcmp(disk, model, sizeof(model)) == 0);
	munmap(disk, sizeof(model));
	blk_end();
}

static void
nothing_done(void *arg, struct blk_io_request *r)
{
	(void)arg;
	(void)r;
}

/* Nobody can give the ring another file, or ask it for more. */
static void
the_ring_is_restricted(void)
{
	struct io_uring_files_update up = { .fds = 0 };
	struct blk_io *io;

	loop = loop_new(NULL);
	REQUIRE(loop != NULL);
	io = blk_io_new(0, 8, loop, nothing_done, NULL);
	REQUIRE(io != NULL);
	if (strcmp(blk_io_name(io), "io_uring") != 0) {
		blk_io_free(io);
		loop_free(loop);
		SKIP("no io_uring on this host");
	}
	CHECK(syscall(SYS_io_uring_register, io->source.fd,
		  IORING_REGISTER_FILES_UPDATE, &up, 1) == -1 &&
	    errno == EACCES);
	CHECK(syscall(SYS_io_uring_register, io->source.fd,
		  IORING_UNREGISTER_FILES, NULL, 0) == -1 &&
	    errno == EACCES);
	blk_io_free(io);
	loop_free(loop);
}

static void
by_threads(void)
{
	with = blk_io_new_threads;
	REQUIRE(setup(false));
	blk_end();
	reads_and_writes();
	host_errors_are_the_guests();
	discard_and_write_zeroes();
	random_requests();
	with = NULL;
}

int
main(void)
{
	TEST(says_what_it_is);
	TEST(reads_and_writes);
	TEST(status_in_a_data_buffer);
	TEST(header_in_pieces);
	TEST(bounds_are_kept);
	TEST(other_requests);
	TEST(discard_and_write_zeroes);
	TEST(read_only_images);
	TEST(host_errors_are_the_guests);
	TEST(no_request_breaks_the_device);
	TEST(stop_and_go_on);
	TEST(interrupts_as_asked);
	TEST(vm_process_misbehaves);
	TEST(rings_outside_memory);
	TEST(random_requests);
	TEST(the_ring_is_restricted);
	TEST(by_threads);
	return CHECK_EXIT();
}
