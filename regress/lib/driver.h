/* SPDX-License-Identifier: ISC */
/*
 * The other side of a device process: a VM process's end of the control link
 * and a guest's driver on rings in a memfd.  Everything is in one thread with
 * the device under test; tests turn the device's loop by hand.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "dev/loop.h"
#include "dev/virtq.h"
#include "ipc/msg.h"
#include "pci/virtio_class.h"

#define DRIVER_GPA 0x100000ULL
#define DRIVER_MEMORY (4U << 20)
#define DRIVER_RINGS 0x10000U /* bytes for the rings of one queue */
#define DRIVER_DATA (VIRTIO_QUEUES_MAX * DRIVER_RINGS) /* free for tests */
#define DRIVER_VERSION_1 (1ULL << 32)

struct driver_queue {
	int kick, call;
	unsigned int size;
	uint32_t desc, avail, used; /* offsets in memory */
	uint16_t avail_idx, used_idx;
	unsigned int next_desc;
};

static struct driver {
	int memfd;
	uint8_t *mem;
	struct msg_link link;
	bool hello, gone;
	unsigned int stopped, reset_done, broken, logging, flushed;
	uint32_t flush_error; /* of the last */
	struct msg_dev_stopped at; /* where queues stood when it stopped */
	uint64_t offered;
	uint32_t virtio_id, queues;
	uint8_t config[VIRTIO_CONFIG_MAX];
	size_t config_len;
	char why[VMD_DETAIL_MAX + 1];
	struct driver_queue queue[VIRTIO_QUEUES_MAX];
} drv;

struct driver_buffer {
	uint32_t off; /* in memory */
	uint32_t len;
	bool write; /* by the device */
};

static inline void
driver_on_hello(void *arg, struct msg *m)
{
	const struct msg_dev_hello *h = m->payload;

	(void)arg;
	drv.hello = true;
	drv.offered = h->features;
	drv.virtio_id = h->virtio_id;
	drv.queues = h->queues;
	drv.config_len = m->tail_len;
	memcpy(drv.config, m->tail, m->tail_len);
}

static inline void
driver_on_stopped(void *arg, struct msg *m)
{
	(void)arg;
	drv.stopped++;
	drv.at = *(const struct msg_dev_stopped *)m->payload;
}

static inline void
driver_on_reset_done(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	drv.reset_done++;
}

static inline void
driver_on_log(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
	drv.logging++;
}

static inline void
driver_on_flushed(void *arg, struct msg *m)
{
	(void)arg;
	drv.flushed++;
	drv.flush_error = ((const struct msg_dev_flushed *)m->payload)->error;
}

static inline void
driver_on_broken(void *arg, struct msg *m)
{
	(void)arg;
	drv.broken++;
	memcpy(drv.why, m->tail, m->tail_len);
	drv.why[m->tail_len] = '\0';
}

static inline void
driver_on_gone(void *arg, const char *why)
{
	(void)arg;
	(void)why;
	drv.gone = true;
}

static const msg_handler driver_handlers[MSG__COUNT] = {
	[MSG_DEV_HELLO] = driver_on_hello,
	[MSG_DEV_STOPPED] = driver_on_stopped,
	[MSG_DEV_RESET_DONE] = driver_on_reset_done,
	[MSG_DEV_BROKEN] = driver_on_broken,
	[MSG_DEV_LOG_ON] = driver_on_log,
	[MSG_DEV_FLUSHED] = driver_on_flushed,
};

/* A link to a new device process: its end; -1 when something is missing. */
static inline int
driver_link(void)
{
	int sv[2];

	drv.hello = drv.gone = false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1 ||
	    msg_link_init(&drv.link, sv[0], PEER_VM, PEER_DEVICE,
		driver_handlers, NULL) == -1)
		return -1;
	msg_link_on_gone(&drv.link, driver_on_gone);
	return sv[1];
}

/* The device's end of the link; -1 when something is missing. */
static inline int
driver_open(void)
{

	memset(&drv, 0, sizeof(drv));
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++)
		drv.queue[i].kick = drv.queue[i].call = -1;
	drv.memfd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (drv.memfd == -1 || ftruncate(drv.memfd, DRIVER_MEMORY) == -1 ||
	    fcntl(drv.memfd, F_ADD_SEALS, F_SEAL_SHRINK) == -1)
		return -1;
	drv.mem = mmap(NULL, DRIVER_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED,
	    drv.memfd, 0);
	return drv.mem == MAP_FAILED ? -1 : driver_link();
}

static inline void
driver_close(void)
{
	msg_link_fini(&drv.link);
	munmap(drv.mem, DRIVER_MEMORY);
	close(drv.memfd);
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++)
		if (drv.queue[i].kick != -1) {
			close(drv.queue[i].kick);
			close(drv.queue[i].call);
		}
}

/* Both sides say what they have to say. */
static inline void
driver_pump(struct loop *loop)
{
	for (unsigned int i = 0; i < 8; i++) {
		loop_once(loop, false);
		if (msg_link_is_open(&drv.link))
			msg_link_read(&drv.link);
	}
}

static inline void
driver_send(enum msg_type type)
{
	MSG_SEND_EMPTY(&drv.link, type, 0);
}

static inline void
driver_send_memory(void)
{
	struct msg_dev_memory m = { .count = 1 };

	m.region[0].gpa = DRIVER_GPA;
	m.region[0].len = DRIVER_MEMORY;
	msg_send(&drv.link, MSG_DEV_MEMORY, 0,
	    fcntl(drv.memfd, F_DUPFD_CLOEXEC, 0), &m, sizeof(m), NULL, 0);
}

/* Tells the process of a queue that begins at entry next. */
static inline void
driver_tell_queue(unsigned int i, uint16_t next)
{
	struct driver_queue *q = &drv.queue[i];
	const struct msg_dev_queue m = { .desc = DRIVER_GPA + q->desc,
		.driver = DRIVER_GPA + q->avail,
		.device = DRIVER_GPA + q->used,
		.index = i,
		.size = q->size,
		.next = next };
	const struct msg_dev_index index = { .index = i };

	msg_send(&drv.link, MSG_DEV_QUEUE, 0,
	    fcntl(q->kick, F_DUPFD_CLOEXEC, 0), &m, sizeof(m), NULL, 0);
	msg_send(&drv.link, MSG_DEV_CALL, 0, fcntl(q->call, F_DUPFD_CLOEXEC, 0),
	    &index, sizeof(index), NULL, 0);
}

static inline void
driver_send_queue(unsigned int i, unsigned int size)
{
	struct driver_queue *q = &drv.queue[i];

	if (q->kick == -1) {
		q->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		q->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
	q->size = size;
	q->desc = i * DRIVER_RINGS;
	q->avail = q->desc + 0x4000;
	q->used = q->desc + 0x8000;
	q->avail_idx = q->used_idx = 0;
	q->next_desc = 0;
	memset(drv.mem + q->desc, 0, DRIVER_RINGS);
	driver_tell_queue(i, 0);
}

/* All of what a driver does up to DRIVER_OK. */
static inline void
driver_start(struct loop *loop, uint64_t features, unsigned int size)
{
	struct msg_dev_features f = { features | DRIVER_VERSION_1 };

	driver_pump(loop);
	driver_send_memory();
	MSG_SEND(&drv.link, MSG_DEV_FEATURES, 0, &f);
	for (unsigned int i = 0; i < drv.queues; i++)
		driver_send_queue(i, size);
	driver_send(MSG_DEV_START);
	driver_pump(loop);
}

/* What a VM process tells a new device process of a loaded VM: queues as the
 * driver left them, where the last process said that they stand. */
static inline void
driver_continue(struct loop *loop, uint64_t features)
{
	const struct msg_dev_features f = { features | DRIVER_VERSION_1 };

	driver_pump(loop);
	driver_send_memory();
	MSG_SEND(&drv.link, MSG_DEV_FEATURES, 0, &f);
	for (unsigned int i = 0; i < drv.queues; i++)
		driver_tell_queue(i, drv.at.next[i]);
	driver_send(MSG_DEV_START);
	driver_pump(loop);
}

static inline void
driver_desc(uint32_t table, unsigned int i, uint64_t addr, uint32_t len,
    uint16_t flags, uint16_t next)
{
	uint8_t *d = drv.mem + table + 16 * i;

	memcpy(d, &addr, 8);
	memcpy(d + 8, &len, 4);
	memcpy(d + 12, &flags, 2);
	memcpy(d + 14, &next, 2);
}

/* Makes a chain that begins at head available. */
static inline void
driver_avail(unsigned int queue, uint16_t head)
{
	struct driver_queue *q = &drv.queue[queue];
	uint16_t *ring = (uint16_t *)(void *)(drv.mem + q->avail);

	ring[2 + (q->avail_idx & (q->size - 1))] = head;
	__atomic_store_n(&ring[1], ++q->avail_idx, __ATOMIC_RELEASE);
}

/* Adds a chain of direct descriptors; its head. */
static inline uint16_t
driver_add(unsigned int queue, const struct driver_buffer *b, unsigned int n)
{
	struct driver_queue *q = &drv.queue[queue];
	uint16_t head = (uint16_t)(q->next_desc & (q->size - 1));

	for (unsigned int i = 0; i < n; i++) {
		unsigned int at = q->next_desc++ & (q->size - 1);

		driver_desc(q->desc, at, DRIVER_GPA + b[i].off, b[i].len,
		    (uint16_t)((b[i].write ? 2 : 0) | (i + 1 < n ? 1 : 0)),
		    (uint16_t)(q->next_desc & (q->size - 1)));
	}
	driver_avail(queue, head);
	return head;
}

static inline void
driver_kick(unsigned int queue)
{
	eventfd_write(drv.queue[queue].kick, 1);
}

/* Whether the device wants to be told of the last buffer that was added. */
static inline bool
driver_is_asked(unsigned int queue, bool event_idx)
{
	const struct driver_queue *q = &drv.queue[queue];
	const uint16_t *used = (uint16_t *)(void *)(drv.mem + q->used);

	return event_idx ? (uint16_t)(used[2 + 4 * q->size] + 1) == q->avail_idx
			 : (used[0] & 1) == 0;
}

static inline bool
driver_has_used(unsigned int queue)
{
	struct driver_queue *q = &drv.queue[queue];
	uint16_t *ring = (uint16_t *)(void *)(drv.mem + q->used);

	return __atomic_load_n(&ring[1], __ATOMIC_ACQUIRE) != q->used_idx;
}

/* Takes the next used chain; its head, or -1. */
static inline int
driver_used(unsigned int queue, uint32_t *len)
{
	struct driver_queue *q = &drv.queue[queue];
	uint32_t *e;

	*len = 0;
	if (!driver_has_used(queue))
		return -1;
	e = (uint32_t *)(void *)(drv.mem + q->used + 4 +
	    8 * (q->used_idx++ & (q->size - 1)));
	*len = e[1];
	return (int)e[0];
}

/* Waits (some seconds at most) until the device has used a chain. */
static inline int
driver_wait(struct loop *loop, unsigned int queue, uint32_t *len)
{
	for (unsigned int i = 0; i < 20000; i++) {
		int head = driver_used(queue, len);

		if (head != -1)
			return head;
		loop_once(loop, false);
		if (i > 20)
			usleep(100);
	}
	return -1;
}

/* Interrupts since the last call. */
static inline unsigned int
driver_interrupts(unsigned int queue)
{
	eventfd_t n;

	return eventfd_read(drv.queue[queue].call, &n) == 0 ? (unsigned int)n
							    : 0;
}

#endif /* DRIVER_H */
