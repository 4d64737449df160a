/* SPDX-License-Identifier: ISC */
/*
 * A net device on a socket and a hostile driver, while frames come in.
 * Reaches dev/net.c, dev/device.c, dev/virtq.c.
 */
#include <linux/virtio_net.h>
#include <stdlib.h>

#include "dev/net.h"
#include "quiet.h"
#include "ring_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct loop *loop;
static struct net *net;
static int wire;

static void
setup(void)
{
	struct msg_device_start start = { .kind = DEVICE_NET };
	int sv[2], link;

	quiet_log();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, sv) == -1 ||
	    (loop = loop_new(NULL)) == NULL ||
	    (net = net_new(sv[0], loop)) == NULL ||
	    (link = driver_open()) == -1 ||
	    net_start(net, link, &start, ring_gone, NULL) == -1)
		abort();
	wire = sv[1];
	driver_start(loop, 0, RING_SIZE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t frame[2048];
	uint64_t features;

	if (loop == NULL)
		setup();
	if (size < 2)
		return 0;
	features = (uint64_t)(data[0] & 3) << 28;
	if (data[0] & 4)
		features |= 1 << VIRTIO_NET_F_MRG_RXBUF;
	ring_restart(loop, features);
	for (unsigned int i = 0; i < (data[0] >> 4); i++)
		send(wire, frame, 1 + data[1] * 6U, MSG_DONTWAIT);
	ring_load(data[0] >> 3 & 1, data + 2, size - 2);
	driver_pump(loop);
	while (recv(wire, frame, sizeof(frame), MSG_DONTWAIT) > 0)
		continue;
	return 0;
}
