/* SPDX-License-Identifier: ISC */
/* virtio-net on a socket of frames: both directions, odd sizes, no buffers. */
#include "dev/net.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <time.h>

#include "check.h"
#include "driver.h"

#define RX 0
#define TX 1
#define HEADER 12U
#define BUF(i) (DRIVER_DATA + 0x1000 * (i))

static struct loop *loop;
static struct net *net;
static int wire; /* the other end of the backend */
static int near; /* the backend */

static void
on_gone(void *arg)
{
	(void)arg;
}

static bool
setup(uint64_t features)
{
	struct msg_device_start start = { .kind = DEVICE_NET,
		.mac = { 2, 3, 4, 5, 6, 7 } };
	int sv[2], link;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, sv) == -1 ||
	    (loop = loop_new(NULL)) == NULL ||
	    (net = net_new(sv[0], loop)) == NULL ||
	    (link = driver_open()) == -1 ||
	    net_start(net, link, &start, on_gone, NULL) == -1)
		return false;
	near = sv[0];
	wire = sv[1];
	driver_start(loop, features, 16);
	return drv.hello;
}

static void
teardown(void)
{
	net_free(net);
	loop_free(loop);
	close(wire);
	driver_close();
}

static void
rx_buffer(uint32_t off, uint32_t len)
{
	struct driver_buffer b = { off, len, true };

	driver_add(RX, &b, 1);
}

static void
frame(unsigned int len, uint8_t fill)
{
	uint8_t buf[70000];

	memset(buf, fill, sizeof(buf));
	CHECK_EQ(send(wire, buf, len, 0), len);
}

static uint16_t
num_buffers(uint32_t off)
{
	uint16_t n;

	memcpy(&n, drv.mem + off + 10, 2);
	return n;
}

static void
says_what_it_is(void)
{
	struct virtio_net_config c;

	REQUIRE(setup(0));
	CHECK_EQ(drv.virtio_id, 1);
	CHECK_EQ(drv.queues, 2);
	CHECK(drv.offered & 1 << VIRTIO_NET_F_MAC);
	CHECK(drv.offered & 1 << VIRTIO_NET_F_MRG_RXBUF);
	/* A socket has no offloads. */
	CHECK(!(drv.offered & 1 << VIRTIO_NET_F_CSUM));
	CHECK(!(drv.offered & 1 << VIRTIO_NET_F_GUEST_TSO4));
	memcpy(&c, drv.config, sizeof(c));
	CHECK(memcmp(c.mac, "\2\3\4\5\6\7", 6) == 0);
	CHECK_EQ(c.status, 1);
	teardown();
}

static void
receives(void)
{
	uint32_t len;

	REQUIRE(setup(0));
	rx_buffer(BUF(0), 1600);
	rx_buffer(BUF(1), 1600);
	driver_kick(RX);
	frame(60, 0xaa);
	CHECK(driver_wait(loop, RX, &len) != -1);
	CHECK_EQ(len, HEADER + 60);
	CHECK_EQ(num_buffers(BUF(0)), 1);
	CHECK_EQ(drv.mem[BUF(0) + HEADER], 0xaa);
	CHECK_EQ(drv.mem[BUF(0) + HEADER + 59], 0xaa);
	CHECK_EQ(drv.mem[BUF(0) + HEADER + 60], 0);
	CHECK(driver_interrupts(RX) > 0);
	frame(1514, 0xbb);
	CHECK(driver_wait(loop, RX, &len) != -1);
	CHECK_EQ(len, HEADER + 1514);
	teardown();
}

static void
waits_for_buffers(void)
{
	uint32_t len;

	REQUIRE(setup(0));
	frame(60, 1);
	frame(61, 2);
	driver_pump(loop);
	CHECK_EQ(driver_used(RX, &len), -1);
	rx_buffer(BUF(0), 1600);
	driver_kick(RX);
	CHECK(driver_wait(loop, RX, &len) != -1);
	CHECK_EQ(len, HEADER + 60);
	driver_pump(loop);
	rx_buffer(BUF(1), 1600);
	driver_kick(RX);
	CHECK(driver_wait(loop, RX, &len) != -1);
	CHECK_EQ(len, HEADER + 61);
	CHECK_EQ(drv.mem[BUF(1) + HEADER], 2);
	teardown();
}

static void
merges_buffers(void)
{
	uint32_t len;

	REQUIRE(setup(1 << VIRTIO_NET_F_MRG_RXBUF));
	for (unsigned int i = 0; i < 3; i++)
		rx_buffer(BUF(i), 500);
	driver_kick(RX);
	/* Three are not enough; nothing is lost until there are more. */
	frame(1514, 0xcc);
	driver_pump(loop);
	CHECK_EQ(driver_used(RX, &len), -1);
	rx_buffer(BUF(3), 500);
	driver_kick(RX);
	CHECK(driver_wait(loop, RX, &len) != -1);
	CHECK_EQ(len, 500);
	CHECK_EQ(num_buffers(BUF(0)), 4);
	for (unsigned int i = 1; i < 4; i++) {
		CHECK(driver_used(RX, &len) != -1);
		CHECK_EQ(len, i < 3 ? 500 : HEADER + 1514 - 1500);
	}
	CHECK_EQ(drv.mem[BUF(3)], 0xcc);
	teardown();
}

/* A driver that tells of a buffer only when it is asked to, as all do: one by
 * one, until they are enough. */
static void
asks_for_more_buffers(bool event_idx)
{
	uint64_t features =
	    1 << VIRTIO_NET_F_MRG_RXBUF | (event_idx ? VIRTQ_F_EVENT_IDX : 0);
	unsigned int got = 0;
	uint32_t len;

	REQUIRE(setup(features));
	for (unsigned int i = 0; i < 40; i++) {
		if (i % 4 == 0)
			frame(1514, 0xcc);
		driver_pump(loop);
		rx_buffer(BUF(i % 4), 500);
		if (driver_is_asked(RX, event_idx))
			driver_kick(RX);
		driver_pump(loop);
		while (driver_used(RX, &len) != -1)
			got++;
		if (!CHECK_EQ(got, (i + 1) / 4 * 4))
			printf("# buffer %u\n", i);
	}
	teardown();
}

static void
asks_for_more_buffers_by_flag(void)
{
	asks_for_more_buffers(false);
}

static void
asks_for_more_buffers_by_index(void)
{
	asks_for_more_buffers(true);
}

static void
odd_frames_are_dropped(void)
{
	uint32_t len;

	REQUIRE(setup(0));
	rx_buffer(BUF(0), 200);
	driver_kick(RX);
	frame(300, 1); /* more than the buffer */
	frame(13, 2); /* less than a header */
	frame(70, 3);
	CHECK(driver_wait(loop, RX, &len) != -1);
	CHECK_EQ(len, HEADER + 70);
	CHECK_EQ(drv.mem[BUF(0) + HEADER], 3);
	CHECK_EQ(drv.broken, 0);
	teardown();
}

static int
send_one(uint32_t off, uint32_t len)
{
	struct driver_buffer b = { off, len, false };
	uint32_t used;

	driver_add(TX, &b, 1);
	driver_kick(TX);
	return driver_wait(loop, TX, &used);
}

static void
transmits(void)
{
	struct driver_buffer b[3] = { { BUF(0), 5, false },
		{ BUF(0) + 5, 7 + 10, false }, { BUF(1), 50, false } };
	char buf[2000];
	uint32_t len;

	REQUIRE(setup(0));
	memset(drv.mem + BUF(0) + HEADER, 0x11, 10);
	memset(drv.mem + BUF(1), 0x22, 50);
	driver_add(TX, b, 3);
	driver_kick(TX);
	CHECK(driver_wait(loop, TX, &len) != -1);
	CHECK_EQ(recv(wire, buf, sizeof(buf), 0), 60);
	CHECK(buf[0] == 0x11 && buf[9] == 0x11 && buf[10] == 0x22);
	/* Runt and giant: gone, and used. */
	CHECK(send_one(BUF(0), HEADER + 13) != -1);
	CHECK(send_one(BUF(0), HEADER) != -1);
	CHECK(send_one(BUF(0), 4) != -1);
	CHECK(send_one(BUF(0), HEADER + 1519) != -1);
	CHECK_EQ(recv(wire, buf, sizeof(buf), 0), -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK(send_one(BUF(0), HEADER + 1514) != -1);
	CHECK_EQ(recv(wire, buf, sizeof(buf), 0), 1514);
	teardown();
}

static void
full_backend_holds_frames_back(void)
{
	unsigned int sent = 0, got = 0;
	char buf[2000];
	uint32_t len;

	REQUIRE(setup(0));
	/* Until it takes no more. */
	for (unsigned int i = 0; i < 2000; i++) {
		struct driver_buffer b = { BUF(0), HEADER + 1514, false };

		driver_add(TX, &b, 1);
		driver_kick(TX);
		driver_pump(loop);
		sent++;
		if (driver_used(TX, &len) == -1)
			break;
	}
	CHECK(sent < 2000);
	while (recv(wire, buf, sizeof(buf), 0) == 1514)
		got++;
	CHECK_EQ(got, sent - 1);
	CHECK(driver_wait(loop, TX, &len) != -1);
	CHECK_EQ(recv(wire, buf, sizeof(buf), 0), 1514);
	teardown();
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* A request of RARP (RFC 903) by and for the device's address. */
static bool
is_announcement(const uint8_t *frame, ssize_t n)
{
	static const uint8_t want[42] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
		3, 4, 5, 6, 7, 0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3, 2, 3, 4, 5,
		6, 7, 0, 0, 0, 0, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0 };

	return n == 60 && memcmp(frame, want, sizeof(want)) == 0;
}

/* Those that come within ms milliseconds, and when. */
static unsigned int
count_announcements(unsigned int ms, uint64_t at[8])
{
	uint64_t start = now_ms();
	unsigned int count = 0;
	uint8_t frame[100];

	while (now_ms() < start + ms) {
		ssize_t n;

		loop_once(loop, false);
		n = recv(wire, frame, sizeof(frame), 0);
		if (n == -1) {
			usleep(1000);
			continue;
		}
		CHECK(is_announcement(frame, n));
		if (count < 8)
			at[count] = now_ms() - start;
		count++;
	}
	return count;
}

static void
announces(void)
{
	uint64_t at[8];

	REQUIRE(setup(0));
	driver_send(MSG_DEV_ANNOUNCE);
	CHECK_EQ(count_announcements(1200, at), 5);
	CHECK(at[1] >= at[0] + 45 && at[2] >= at[1] + 145 &&
	    at[3] >= at[2] + 245 && at[4] >= at[3] + 345);
	/* Begun anew, it is not announced twice as often; a device that is
	 * stopped announces as well. */
	driver_send(MSG_DEV_STOP);
	driver_send(MSG_DEV_ANNOUNCE);
	CHECK_EQ(count_announcements(30, at), 1);
	driver_send(MSG_DEV_ANNOUNCE);
	CHECK_EQ(count_announcements(1000, at), 5);
	CHECK(!drv.gone);
	teardown();
}

/* A network that takes nothing holds neither the device nor the guest up. */
static void
announces_into_a_full_network(void)
{
	uint8_t frame[100] = { 0 };
	uint64_t at[8];

	REQUIRE(setup(0));
	while (send(near, frame, sizeof(frame), MSG_DONTWAIT) != -1)
		continue;
	driver_send(MSG_DEV_ANNOUNCE);
	driver_pump(loop);
	while (recv(wire, frame, sizeof(frame), 0) != -1)
		continue;
	CHECK_EQ(count_announcements(300, at), 2);
	teardown();
}

static void
bad_rings_break_it(void)
{
	struct driver_buffer in = { BUF(0), 100, true },
			     tiny = { BUF(0), 4, true };

	REQUIRE(setup(0));
	driver_add(TX, &in, 1);
	driver_kick(TX);
	driver_pump(loop);
	CHECK_EQ(drv.broken, 1);
	/* Frames that come meanwhile do not spin it. */
	frame(60, 1);
	driver_pump(loop);
	teardown();

	REQUIRE(setup(0));
	driver_add(RX, &tiny, 1);
	driver_kick(RX);
	frame(60, 1);
	driver_pump(loop);
	CHECK_EQ(drv.broken, 1);
	CHECK_STR(drv.why, "a receive buffer with no room");
	teardown();
}

static void
stopped_devices_rest(void)
{
	uint32_t len;

	REQUIRE(setup(0));
	rx_buffer(BUF(0), 1600);
	driver_kick(RX);
	driver_send(MSG_DEV_STOP);
	driver_pump(loop);
	CHECK_EQ(drv.stopped, 1);
	frame(60, 9);
	driver_pump(loop);
	CHECK_EQ(driver_used(RX, &len), -1);
	driver_send(MSG_DEV_START);
	CHECK(driver_wait(loop, RX, &len) != -1);
	/* A frame that waits for a buffer waits for it afterwards as well. */
	frame(61, 9);
	driver_pump(loop);
	driver_send(MSG_DEV_STOP);
	driver_pump(loop);
	driver_send(MSG_DEV_START);
	driver_pump(loop);
	rx_buffer(BUF(1), 1600);
	CHECK(driver_is_asked(RX, false));
	driver_kick(RX);
	CHECK(driver_wait(loop, RX, &len) != -1);
	CHECK_EQ(len, HEADER + 61);
	teardown();
}

/* --- on a tap, in a network of its own
 * ----------------------------------------- */

/* The tap, and in wire a socket that sees its frames; -1 without. */
static int
open_tap(void)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
		.sll_protocol = 0x0300 /* every protocol */ };
	int tap, s;

	if (unshare(CLONE_NEWNET) == -1)
		return -1;
	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0x0300);
	if (tap == -1 || s == -1 || ioctl(tap, TUNSETIFF, &ifr) == -1)
		return -1;
	ll.sll_ifindex = (int)if_nametoindex(ifr.ifr_name);
	ifr.ifr_flags = IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &ifr) == -1 ||
	    bind(s, (struct sockaddr *)&ll, sizeof(ll)) == -1)
		return -1;
	wire = s;
	return tap;
}

static void
on_a_tap(void)
{
	struct msg_device_start start = { .kind = DEVICE_NET };
	uint8_t frame_out[60] = { 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 0x88,
		0xb5 };
	char buf[2000];
	uint32_t len;
	ssize_t n;
	int tap = open_tap(), link;

	if (tap == -1)
		SKIP("no permission to make a tap");
	loop = loop_new(NULL);
	net = net_new(tap, loop);
	link = driver_open();
	REQUIRE(net != NULL && link != -1 &&
	    net_start(net, link, &start, on_gone, NULL) == 0);
	driver_pump(loop);
	CHECK(drv.offered & 1 << VIRTIO_NET_F_CSUM);
	CHECK(drv.offered & 1 << VIRTIO_NET_F_GUEST_TSO4);
	driver_start(loop,
	    1 << VIRTIO_NET_F_CSUM | 1 << VIRTIO_NET_F_GUEST_CSUM |
		1 << VIRTIO_NET_F_GUEST_TSO4 | 1 << VIRTIO_NET_F_HOST_TSO4,
	    16);
	CHECK_EQ(drv.broken, 0);
	memcpy(drv.mem + BUF(0) + HEADER, frame_out, sizeof(frame_out));
	CHECK(send_one(BUF(0), HEADER + 60) != -1);
	/* The interface may say something of its own before. */
	do
		n = recv(wire, buf, sizeof(buf), 0);
	while (n > 0 && memcmp(buf, frame_out, 14) != 0);
	CHECK_EQ(n, 60);
	/* A header that no kernel believes costs the frame only. */
	memset(drv.mem + BUF(1), 0xff, HEADER);
	CHECK(send_one(BUF(1), HEADER + 60) != -1);
	frame_out[0] = 4;
	CHECK_EQ(send(wire, frame_out, 60, 0), 60);
	for (unsigned int i = 0; i < 8; i++)
		rx_buffer(BUF(2 + i), 0x1000);
	driver_kick(RX);
	for (n = 0; n < 8; n++)
		if (driver_wait(loop, RX, &len) == -1 ||
		    memcmp(drv.mem + BUF(2 + n) + HEADER, frame_out, 14) == 0)
			break;
	CHECK_EQ(len, HEADER + 60);
	CHECK_EQ(num_buffers(BUF(2 + (uint32_t)n)), 1);
	teardown();
	close(tap);
}

static void
wrong_backends(void)
{
	int p[2], sv[2];

	loop = loop_new(NULL);
	REQUIRE(loop != NULL && pipe(p) == 0 &&
	    socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	CHECK(net_new(p[0], loop) == NULL);
	CHECK(net_new(sv[0], loop) == NULL);
	CHECK_EQ(errno, EINVAL);
	CHECK(net_new(-1, loop) == NULL);
	close(p[0]), close(p[1]), close(sv[0]), close(sv[1]);
	loop_free(loop);
}

int
main(void)
{
	TEST(says_what_it_is);
	TEST(receives);
	TEST(waits_for_buffers);
	TEST(merges_buffers);
	TEST(asks_for_more_buffers_by_flag);
	TEST(asks_for_more_buffers_by_index);
	TEST(odd_frames_are_dropped);
	TEST(transmits);
	TEST(full_backend_holds_frames_back);
	TEST(announces);
	TEST(announces_into_a_full_network);
	TEST(bad_rings_break_it);
	TEST(stopped_devices_rest);
	TEST(wrong_backends);
	TEST(on_a_tap);
	return CHECK_EXIT();
}
