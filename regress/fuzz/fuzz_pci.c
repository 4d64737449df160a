/* SPDX-License-Identifier: ISC */
/*
 * What a guest writes to PCI, to the registers of a virtio device and to its
 * MSI-X table, and what a device process that went mad says meanwhile.
 * Reaches all of vmd/pci.  Eight bytes are one step: what, where (3), value
 * (4).
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <unistd.h>

#include "fake_host.h"
#include "pci/virtio_flush.h"
#include "pci/virtio_pci.h"
#include "quiet.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct pci *pci;
static struct virtio_device *dev;
static int wire = -1;

static void
attach(void)
{
	int sv[2];

	if (wire != -1)
		close(wire);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		sv) == -1 ||
	    virtio_attach(dev, sv[0]) == -1)
		abort();
	wire = sv[1];
}

/* A message of the device process, its content from the input. */
static void
say(uint8_t which, uint32_t value)
{
	/* Old seeds mean what they did: what is new has numbers of its own. */
	static const uint32_t types[] = { MSG_DEV_HELLO, MSG_DEV_STOPPED,
		MSG_DEV_RESET_DONE, MSG_DEV_BROKEN, MSG_DEV_FLUSHED };
	static const uint32_t lens[] = { sizeof(struct msg_dev_hello),
		sizeof(struct msg_dev_stopped), 0, sizeof(struct msg_dev_index),
		sizeof(struct msg_dev_flushed) };
	unsigned int type = (which & 7) == 4 ? 4 : which & 3;
	struct {
		uint32_t type, len, peerid, pid;
		struct msg_dev_hello hello;
	} m = { .type = types[type] };
	char drain[4096];

	m.hello.features = 1ULL << 32 | value;
	m.hello.virtio_id = 2;
	m.hello.queues = 1;
	m.hello.queue_size = 128;
	m.len = 16 + lens[type];
	send(wire, &m, m.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (recv(wire, drain, sizeof(drain), MSG_DONTWAIT) > 0)
		continue;
}

static void
step(const uint8_t *p)
{
	static const unsigned int lens[] = { 1, 2, 4, 8 };
	uint32_t where = p[1] | (uint32_t)p[2] << 8 | (uint32_t)p[3] << 16;
	uint32_t value, base = fake_config_in(2, 0x10, 4) & 0xfffc;
	uint64_t table = fake_config_in(2, 0x14, 4);
	unsigned int len = lens[p[0] >> 4 & 3];

	memcpy(&value, p + 4, 4);
	switch (p[0] & 15) {
	case 0:
		fake_out((uint16_t)(0xcf8 + (where & 7)), len & 7, value);
		break;
	case 1:
	case 2:
		fake_config_out(2, where & 0xff, len & 7 ? len & 7 : 4, value);
		break;
	case 3:
	case 4:
	case 5:
		fake_out((uint16_t)(base + (where & 0x3ff)), len & 7, value);
		break;
	case 6:
		fake_in((uint16_t)(base + (where & 0x3ff)), 1 << (len & 1));
		break;
	case 7:
		bus_write(fake_machine.bus, BUS_MMIO, table + (where & 0xfff),
		    len, value);
		break;
	case 8:
		bus_read(
		    fake_machine.bus, BUS_MMIO, table + (where & 0xfff), len);
		break;
	case 9:
		say((uint8_t)where, value);
		break;
	case 10:
		fake_poll(0);
		break;
	case 11:
		virtio_stop(dev);
		if (where & 1)
			virtio_flush(dev);
		break;
	case 12:
		virtio_continue(dev);
		break;
	case 13:
		attach();
		break;
	case 14:
		fake_config_in(where & 31, where >> 8 & 0xff, 1);
		break;
	default:
		pci_reset(pci);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct virtio_memory memory = { .fd = -1,
		.map = { .count = 1 } };

	if (memory.fd == -1) {
		quiet_log();
		memory.fd = memfd_create("guest", MFD_CLOEXEC);
	}
	if ((pci = fake_pci()) == NULL ||
	    (dev = virtio_new(pci, virtio_class_get(DEVICE_BLK), 0, &memory,
		 &quiet_events)) == NULL)
		abort();
	attach();
	for (size_t i = 0; i + 8 <= size && i < 8 * 4096; i += 8)
		step(data + i);
	virtio_free(dev);
	if (fake_count_ioeventfds() != 0 || fake_count_irqfds() != 0 ||
	    fake.collisions != 0)
		abort();
	fake_pci_free(pci);
	close(wire);
	wire = -1;
	return 0;
}
