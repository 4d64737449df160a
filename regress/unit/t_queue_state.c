/* SPDX-License-Identifier: ISC */
/*
 * Queues that go on in another device process: stopped in the middle of work,
 * taken up where they stand; nothing is lost and nothing done twice.
 */
#include <linux/virtio_blk.h>

#include "check.h"
#include "dev/blk.h"
#include "dev/blk_engine.h"
#include "dev/net.h"
#include "dev/rng.h"
#include "driver.h"

#define SIZE 128U
#define RNG_SIZE 8U
#define SECTORS 4096U
#define REQUESTS 40U
#define HDR(i) (DRIVER_DATA + 0x20 * (i))
#define STATUS(i) (DRIVER_DATA + 0x8000 + (i))
#define DATA(i) (DRIVER_DATA + 0x10000 + 0x200 * (i))

static struct loop *loop;

static void
on_gone(void *arg)
{
	(void)arg;
}

/* DEV_STOP until its answer; -1 when there is none within some seconds. */
static int
stop(void)
{
	unsigned int before = drv.stopped;

	driver_send(MSG_DEV_STOP);
	for (unsigned int i = 0; i < 20000 && drv.stopped == before; i++) {
		driver_pump(loop);
		if (i > 20)
			usleep(100);
	}
	return drv.stopped == before ? -1 : 0;
}

static uint16_t
used_idx(unsigned int queue)
{
	return *(uint16_t *)(void *)(drv.mem + drv.queue[queue].used + 2);
}

/* --- rng: over the end of 16 bits ----------------------------------------- */

static struct rng rng;

static bool
rng_process(int link)
{
	const struct msg_device_start start = { .kind = DEVICE_RNG };

	return link != -1 && (loop = loop_new(NULL)) != NULL &&
	    rng_init(&rng, loop, link, &start, on_gone, NULL) == 0;
}

static void
rng_process_end(void)
{
	rng_fini(&rng);
	loop_free(loop);
	msg_link_fini(&drv.link);
}

static bool
rng_request(void)
{
	const struct driver_buffer b = { DATA(0), 64, true };
	static const uint8_t zero[64];
	uint32_t len;
	int head;

	memset(drv.mem + DATA(0), 0, 64);
	head = driver_add(0, &b, 1);
	driver_kick(0);
	return driver_wait(loop, 0, &len) == head && len == 64 &&
	    memcmp(drv.mem + DATA(0), zero, 64) != 0;
}

static void
indexes_wrap(void)
{
	struct driver_queue *q = &drv.queue[0];
	uint16_t *avail, *used;

	REQUIRE(rng_process(driver_open()));
	driver_start(loop, VIRTQ_F_EVENT_IDX, RNG_SIZE);
	REQUIRE(drv.hello);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(rng_request());
	REQUIRE(stop() == 0);
	CHECK_EQ(drv.at.next[0], 3);
	rng_process_end();
	/* As if there had been many more. */
	avail = (uint16_t *)(void *)(drv.mem + q->avail);
	used = (uint16_t *)(void *)(drv.mem + q->used);
	avail[1] = used[1] = q->avail_idx = q->used_idx = 0xfffe;
	drv.at.next[0] = 0xfffe;
	for (unsigned int life = 0; life < 4; life++) {
		avail[2 + RNG_SIZE] = q->used_idx; /* wants an interrupt */
		REQUIRE(rng_process(driver_link()));
		driver_continue(loop, VIRTQ_F_EVENT_IDX);
		driver_interrupts(0);
		CHECK(!driver_has_used(0));
		CHECK(rng_request());
		CHECK_EQ(driver_interrupts(0), 1);
		REQUIRE(stop() == 0);
		CHECK_EQ(drv.at.next[0], (uint16_t)(0xffff + life));
		CHECK_EQ(used_idx(0), drv.at.next[0]);
		rng_process_end();
	}
	/* Work that came while nobody was there is found at the start. */
	driver_add(0, &(const struct driver_buffer) { DATA(0), 64, true }, 1);
	REQUIRE(rng_process(driver_link()));
	driver_continue(loop, VIRTQ_F_EVENT_IDX);
	CHECK(driver_has_used(0));
	rng_process_end();
	driver_close();
}

static void
index_that_is_none(void)
{
	struct msg_dev_queue m = { .desc = DRIVER_GPA,
		.driver = DRIVER_GPA + 0x4000,
		.device = DRIVER_GPA + 0x8000,
		.size = 8,
		.next = 0x10000 };

	REQUIRE(rng_process(driver_open()));
	driver_start(loop, 0, 8);
	REQUIRE(stop() == 0);
	driver_send(MSG_DEV_RESET);
	driver_pump(loop);
	CHECK_EQ(drv.reset_done, 1);
	CHECK_EQ(drv.broken, 0);
	MSG_SEND(&drv.link, MSG_DEV_FEATURES, 0,
	    &(const struct msg_dev_features) { DRIVER_VERSION_1 });
	msg_send(&drv.link, MSG_DEV_QUEUE, 0,
	    fcntl(drv.queue[0].kick, F_DUPFD_CLOEXEC, 0), &m, sizeof(m), NULL,
	    0);
	driver_pump(loop);
	CHECK_EQ(drv.broken, 1);
	rng_process_end();
	driver_close();
}

/* --- blk: stopped while requests are in flight -----------------------------
 */

static struct blk *blk;
static struct image image;

static bool
blk_process(int link, bool threads)
{
	const struct msg_device_start start = { .kind = DEVICE_BLK };

	return link != -1 && (loop = loop_new(NULL)) != NULL &&
	    (blk = blk_new(
		 &image, loop, threads ? blk_io_new_threads : NULL)) != NULL &&
	    blk_start(blk, link, &start, on_gone, NULL) == 0;
}

static void
blk_process_end(void)
{
	blk_free(blk);
	loop_free(loop);
	msg_link_fini(&drv.link);
}

/* Request i writes its number over sector i. */
static void
write_sector(unsigned int i)
{
	const struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_OUT,
		.sector = i };
	const struct driver_buffer b[3] = { { HDR(i), 16, false },
		{ DATA(i), 512, false }, { STATUS(i), 1, true } };

	memcpy(drv.mem + HDR(i), &h, sizeof(h));
	memset(drv.mem + DATA(i), (int)i + 1, 512);
	drv.mem[STATUS(i)] = 0xee;
	driver_add(0, b, 3);
}

static void
blk_moves(bool threads)
{
	unsigned int done = 0;
	uint8_t sector[512];
	uint32_t len;

	image.fd = memfd_create("disk", MFD_CLOEXEC);
	REQUIRE(image.fd != -1 && ftruncate(image.fd, SECTORS * 512) == 0 &&
	    image_open_raw(&image, image.fd, false) == 0);
	REQUIRE(blk_process(driver_open(), threads));
	driver_start(loop, 0, SIZE);
	for (unsigned int life = 0; life < 8; life++) {
		unsigned int first = life * (REQUESTS / 8);

		for (unsigned int i = 0; i < REQUESTS / 8; i++)
			write_sector(first + i);
		driver_kick(0);
		/* Sometimes with requests begun, sometimes with none. */
		if (life % 2 == 0)
			loop_once(loop, false);
		REQUIRE(stop() == 0);
		CHECK_EQ(used_idx(0), drv.at.next[0]);
		blk_process_end();
		CHECK_EQ(used_idx(0), drv.at.next[0]);
		REQUIRE(blk_process(driver_link(), threads));
		driver_continue(loop, 0);
	}
	while (done < REQUESTS && driver_wait(loop, 0, &len) != -1) {
		CHECK_EQ(len, 1);
		done++;
	}
	CHECK_EQ(done, REQUESTS);
	driver_pump(loop);
	CHECK(!driver_has_used(0));
	for (unsigned int i = 0; i < REQUESTS; i++) {
		CHECK_EQ(drv.mem[STATUS(i)], VIRTIO_BLK_S_OK);
		CHECK_EQ(pread(image.fd, sector, 512, 512 * (off_t)i), 512);
		CHECK_EQ(memcmp(sector, drv.mem + DATA(i), 512), 0);
	}
	blk_process_end();
	close(image.fd);
	driver_close();
}

static void
disk_requests_are_done_once(void)
{
	blk_moves(false);
}

static void
disk_requests_of_threads_are_done_once(void)
{
	blk_moves(true);
}

/* --- net: buffers that wait for frames -------------------------------------
 */

static struct net *net;
static int wire;

static bool
net_process(int link)
{
	const struct msg_device_start start = { .kind = DEVICE_NET };
	int sv[2];

	if (link == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, sv) == -1)
		return false;
	wire = sv[1];
	return (loop = loop_new(NULL)) != NULL &&
	    (net = net_new(sv[0], loop)) != NULL &&
	    net_start(net, link, &start, on_gone, NULL) == 0;
}

static void
net_process_end(void)
{
	net_free(net);
	loop_free(loop);
	msg_link_fini(&drv.link);
	close(wire);
}

static void
receive_buffers_wait_on(void)
{
	uint8_t frame[60], back[2000];
	uint32_t len;
	int head;

	REQUIRE(net_process(driver_open()));
	driver_start(loop, 0, 16);
	for (unsigned int i = 0; i < 8; i++)
		driver_add(0,
		    &(const struct driver_buffer) { DATA(8 * i), 2000, true },
		    1);
	driver_kick(0);
	for (unsigned int i = 0; i < 8; i++) {
		memset(frame, (int)i + 1, sizeof(frame));
		CHECK_EQ(send(wire, frame, sizeof(frame), 0), sizeof(frame));
		head = driver_wait(loop, 0, &len);
		CHECK_EQ(head, i);
		CHECK_EQ(len, 72);
		CHECK_EQ(memcmp(drv.mem + DATA(8 * i) + 12, frame, 60), 0);
		/* One goes out, too. */
		memset(drv.mem + DATA(100), 0, 12);
		memset(drv.mem + DATA(100) + 12, (int)i, 60);
		driver_add(1,
		    &(const struct driver_buffer) { DATA(100), 72, false }, 1);
		driver_kick(1);
		CHECK(driver_wait(loop, 1, &len) != -1);
		CHECK_EQ(recv(wire, back, sizeof(back), 0), 60);
		CHECK_EQ(back[0], i);
		REQUIRE(stop() == 0);
		CHECK_EQ(drv.at.next[0], i + 1);
		CHECK_EQ(drv.at.next[1], i + 1);
		net_process_end();
		REQUIRE(net_process(driver_link()));
		driver_continue(loop, 0);
	}
	net_process_end();
	driver_close();
}

int
main(void)
{
	TEST(indexes_wrap);
	TEST(index_that_is_none);
	TEST(disk_requests_are_done_once);
	TEST(disk_requests_of_threads_are_done_once);
	TEST(receive_buffers_wait_on);
	return CHECK_EXIT();
}
