/* SPDX-License-Identifier: ISC */
/*
 * A virtio blk device on a fake host, its process played by the test, and what
 * a driver does with its registers.
 */
#ifndef FAKE_DEVICE_H
#define FAKE_DEVICE_H

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <stdio.h>
#include <unistd.h>

#include "check.h"
#include "fake_host.h"
#include "ipc/msg.h"
#include "pci/virtio_pci.h"

#define SLOT 2
#define V1 (1ULL << 32)
#define ACK 1
#define DRIVER 2
#define DRIVER_OK 4
#define FEATURES_OK 8
#define NEEDS_RESET 0x40

static struct pci *pci;
static struct virtio_device *dev;
static struct virtio_memory memory;
static uint16_t base; /* of the I/O BAR */
static uint64_t table; /* of MSI-X */

/* --- a device process
 * --------------------------------------------------------- */

static struct {
	struct msg_link link;
	unsigned int faults, memory, features, queue, call, start, stop, reset;
	unsigned int log, log_end, announce, flush;
	uint64_t log_pages; /* of the last log */
	unsigned int log_queues; /* told of before it */
	unsigned int disk_log, disk_log_first; /* logs before the last */
	uint64_t disk_log_chunks;
	uint64_t accepted;
	struct msg_dev_queue last_queue;
	int kick[4], irq[4];
	bool gone;
} proc;

static inline void
on_memory(void *arg, struct msg *m)
{
	const struct msg_dev_memory *p = m->payload;

	(void)arg;
	proc.memory +=
	    p->count == 1 && p->region[0].len == 0x10000 && m->fd != -1;
}

/* Before the memory, or it is too late. */
static inline void
on_faults(void *arg, struct msg *m)
{
	(void)arg;
	proc.faults += m->fd != -1 && proc.memory == 0;
}

static inline void
on_features(void *arg, struct msg *m)
{
	(void)arg;
	proc.features++;
	proc.accepted = ((const struct msg_dev_features *)m->payload)->features;
}

static inline void
on_queue(void *arg, struct msg *m)
{
	(void)arg;
	proc.queue++;
	proc.last_queue = *(const struct msg_dev_queue *)m->payload;
	proc.kick[proc.last_queue.index] = m->fd;
	m->fd = -1;
}

static inline void
on_call(void *arg, struct msg *m)
{
	(void)arg;
	proc.call++;
	proc.irq[((const struct msg_dev_index *)m->payload)->index] = m->fd;
	m->fd = -1;
}

static inline void
on_start(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	proc.start++;
}

static inline void
on_stop(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	proc.stop++;
}

static inline void
on_reset(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	proc.reset++;
}

static inline void
on_log(void *arg, struct msg *m)
{
	(void)arg;
	proc.log++;
	proc.log_pages = ((const struct msg_dev_log *)m->payload)->pages;
	proc.log_queues = proc.queue;
}

static inline void
on_disk_log(void *arg, struct msg *m)
{
	(void)arg;
	proc.disk_log++;
	proc.disk_log_first = proc.log;
	proc.disk_log_chunks =
	    ((const struct msg_dev_disk_log *)m->payload)->chunks;
}

static inline void
on_log_end(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	proc.log_end++;
}

static inline void
on_announce(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	proc.announce++;
}

static inline void
on_flush(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	proc.flush++;
}

static const msg_handler proc_handlers[MSG__COUNT] = {
	[MSG_DEV_FAULTS] = on_faults,
	[MSG_DEV_MEMORY] = on_memory,
	[MSG_DEV_FEATURES] = on_features,
	[MSG_DEV_QUEUE] = on_queue,
	[MSG_DEV_CALL] = on_call,
	[MSG_DEV_START] = on_start,
	[MSG_DEV_STOP] = on_stop,
	[MSG_DEV_RESET] = on_reset,
	[MSG_DEV_DISK_LOG] = on_disk_log,
	[MSG_DEV_LOG] = on_log,
	[MSG_DEV_LOG_END] = on_log_end,
	[MSG_DEV_ANNOUNCE] = on_announce,
	[MSG_DEV_FLUSH] = on_flush,
};

static inline void
proc_gone(void *arg, const char *why)
{
	(void)arg;
	(void)why;
	proc.gone = true;
}

/* --- a VM process
 * -------------------------------------------------------------- */

static struct {
	unsigned int faults, no_faults;
	uint64_t faults_base;
	unsigned int ready, broken, gone, stopped, logging, flushed;
	void (*on_stopped)(void); /* NULL: none */
	char why[64];
} seen;

static inline void
on_ready(void *arg, struct virtio_device *v)
{
	(void)arg;
	seen.ready += v == dev;
}

static inline void
on_broken(void *arg, struct virtio_device *v, bool gone, const char *why)
{
	(void)arg;
	(void)v;
	seen.broken += !gone;
	seen.gone += gone;
	snprintf(seen.why, sizeof(seen.why), "%s", why);
}

static inline void
on_stopped(void *arg, struct virtio_device *v)
{
	(void)arg;
	(void)v;
	seen.stopped++;
	if (seen.on_stopped != NULL)
		seen.on_stopped();
}

static inline void
on_device_faults(
    void *arg, struct virtio_device *v, int fd, const struct msg_dev_faults *m)
{
	(void)arg;
	(void)v;
	if (fd == -1) {
		seen.no_faults++;
		return;
	}
	seen.faults++;
	seen.faults_base = m->base[0];
	close(fd);
}

static inline void
on_logging(void *arg, struct virtio_device *v)
{
	(void)arg;
	(void)v;
	seen.logging++;
}

static inline void
on_flushed(void *arg, struct virtio_device *v)
{
	(void)arg;
	(void)v;
	seen.flushed++;
}

static const struct virtio_events events = { .ready = on_ready,
	.broken = on_broken,
	.stopped = on_stopped,
	.faults = on_device_faults,
	.logging = on_logging,
	.flushed = on_flushed };

static inline void
pump(void)
{
	/* One read takes what comes up to the next descriptor. */
	for (unsigned int i = 0; i < 8; i++) {
		fake_poll(0);
		if (msg_link_is_open(&proc.link))
			msg_link_read(&proc.link);
	}
}

static inline void
hello(uint64_t features)
{
	const struct virtio_class *class = virtio_get_class(dev);
	struct msg_dev_hello m = { .features = features,
		.virtio_id = class->virtio_id,
		.queues = class->queues,
		.queue_size = class->queue_size };

	msg_send(
	    &proc.link, MSG_DEV_HELLO, 0, -1, &m, sizeof(m), "\1\2\3\4\5", 5);
	pump();
}

/* The process has stopped, its first queue at next. */
static inline int
say_stopped(uint16_t next)
{
	const struct msg_dev_stopped m = { .next = { next } };

	return MSG_SEND(&proc.link, MSG_DEV_STOPPED, 0, &m);
}

/* A new device process. */
static inline bool
spawn(void)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1 ||
	    virtio_attach(dev, sv[0]) == -1)
		return false;
	if (proc.link.handlers != NULL)
		msg_link_fini(&proc.link);
	memset(&proc, 0, sizeof(proc));
	proc.link.fd = -1;
	if (msg_link_init(&proc.link, sv[1], PEER_DEVICE, PEER_VM,
		proc_handlers, NULL) == -1)
		return false;
	msg_link_on_gone(&proc.link, proc_gone);
	return true;
}

static inline bool
setup_kind(enum device_kind kind)
{
	memset(&seen, 0, sizeof(seen));
	pci = fake_pci();
	memory.fd = memfd_create("guest", MFD_CLOEXEC);
	memory.map.count = 1;
	memory.map.region[0].len = 0x10000;
	dev = virtio_new(pci, virtio_class_get(kind), 0, &memory, &events);
	if (dev == NULL || !spawn())
		return false;
	hello(V1 | 1ULL << 28 | 0x244);
	fake_config_out(SLOT, 4, 2, 7);
	base = (uint16_t)(fake_config_in(SLOT, 0x10, 4) & ~3U);
	table = fake_config_in(SLOT, 0x14, 4);
	return seen.ready == 1;
}

static inline bool
setup(void)
{
	return setup_kind(DEVICE_BLK);
}

static inline void
teardown(void)
{
	virtio_free(dev);
	CHECK_EQ(fake_count_ioeventfds(), 0);
	CHECK_EQ(fake_count_irqfds(), 0);
	for (unsigned int i = 0; i < FAKE_MAX; i++)
		CHECK(!fake.watch[i].used);
	msg_link_fini(&proc.link);
	close(memory.fd);
	fake_pci_free(pci);
}

#define IN(off, len) fake_in((uint16_t)(base + (off)), (len))
#define OUT(off, len, value) fake_out((uint16_t)(base + (off)), (len), (value))
#define STATUS() IN(20, 1)
#define SET_STATUS(v) OUT(20, 1, (v))

static inline void
accept_features(uint64_t features)
{
	OUT(8, 4, 0);
	OUT(12, 4, (uint32_t)features);
	OUT(8, 4, 1);
	OUT(12, 4, (uint32_t)(features >> 32));
}

/* All a driver does, up to and including DRIVER_OK. */
static inline void
drive(void)
{
	SET_STATUS(ACK);
	SET_STATUS(ACK | DRIVER);
	accept_features(V1 | 1ULL << 28);
	SET_STATUS(ACK | DRIVER | FEATURES_OK);
	OUT(22, 2, 0);
	OUT(24, 2, 64);
	OUT(32, 4, 0x1000);
	OUT(36, 4, 1);
	OUT(40, 4, 0x2000);
	OUT(48, 4, 0x3000);
	OUT(28, 2, 1);
	SET_STATUS(ACK | DRIVER | FEATURES_OK | DRIVER_OK);
	pump();
}

#endif /* FAKE_DEVICE_H */
