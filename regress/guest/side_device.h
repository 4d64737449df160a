/* SPDX-License-Identifier: ISC */
/*
 * A device process, played by a test in the main loop of a VM process: it
 * writes to memory while it runs, through a mapping of its own as a process
 * has, and notes that in the log.
 */
#ifndef SIDE_DEVICE_H
#define SIDE_DEVICE_H

#include <sys/mman.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "ipc/msg.h"
#include "pci/virtio_pci.h"

#define SIDE_MEMORY (2U << 20)
#define SIDE_DEVICE_PAGES 0x100000 /* it writes here */

struct side_device {
	int tick_fd; /* borrowed: when it has something to do */
	struct virtio_device *virtio;
	struct msg_link link;
	bool runs;
	bool hangs; /* it does not answer DEV_STOP, but later */
	unsigned int stops, starts;
	uint8_t *memory; /* as the process maps it */
	uint64_t *log;
	uint64_t value; /* what it writes next */
};

static inline void
side_device_log(void *arg, struct msg *m)
{
	struct side_device *d = arg;
	const struct msg_dev_log *log = m->payload;

	d->log = mmap(NULL, (size_t)(log->pages + 63) / 64 * 8,
	    PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (d->log != MAP_FAILED)
		MSG_SEND_EMPTY(&d->link, MSG_DEV_LOG_ON, 0);
}

static inline void
side_device_log_end(void *arg, struct msg *m)
{
	struct side_device *d = arg;

	(void)m;
	d->log = NULL;
}

static inline void
side_device_memory(void *arg, struct msg *m)
{
	struct side_device *d = arg;

	d->memory = mmap(
	    NULL, SIDE_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
}

static inline void
side_device_start(void *arg, struct msg *m)
{
	struct side_device *d = arg;

	(void)m;
	d->runs = true;
	d->starts++;
}

static inline void
side_device_say_stopped(struct side_device *d)
{
	const struct msg_dev_stopped stopped = { .next = { 5 } };

	d->hangs = false;
	MSG_SEND(&d->link, MSG_DEV_STOPPED, 0, &stopped);
}

static inline void
side_device_stop(void *arg, struct msg *m)
{
	struct side_device *d = arg;

	(void)m;
	d->runs = false;
	d->stops++;
	if (!d->hangs)
		side_device_say_stopped(d);
}

static inline void
side_device_flush(void *arg, struct msg *m)
{
	const struct msg_dev_flushed flushed = { .error = 0 };
	struct side_device *d = arg;

	(void)m;
	MSG_SEND(&d->link, MSG_DEV_FLUSHED, 0, &flushed);
}

static inline void
side_device_ignore(void *arg, struct msg *m)
{
	(void)arg;
	(void)m;
}

static const msg_handler side_device_handlers[MSG__COUNT] = {
	[MSG_DEV_MEMORY] = side_device_memory,
	[MSG_DEV_FEATURES] = side_device_ignore,
	[MSG_DEV_QUEUE] = side_device_ignore,
	[MSG_DEV_CALL] = side_device_ignore,
	[MSG_DEV_START] = side_device_start,
	[MSG_DEV_STOP] = side_device_stop,
	[MSG_DEV_LOG] = side_device_log,
	[MSG_DEV_LOG_END] = side_device_log_end,
	[MSG_DEV_ANNOUNCE] = side_device_ignore,
	[MSG_DEV_FLUSH] = side_device_flush,
};

static inline void
side_device_ready(void *arg, uint32_t events)
{
	struct side_device *d = arg;

	(void)events;
	msg_link_read(&d->link);
}

/* Requests come in: first the memory, then the note of it. */
static inline void
side_device_tick(void *arg, uint32_t events)
{
	struct side_device *d = arg;
	uint64_t n, page;

	(void)events;
	if (read(d->tick_fd, &n, sizeof(n)) == -1 || !d->runs ||
	    d->memory == NULL)
		return;
	d->value++;
	page = SIDE_DEVICE_PAGES / 4096 + d->value % 16;
	memcpy(d->memory + page * 4096, &d->value, sizeof(d->value));
	if (d->log != NULL)
		__atomic_fetch_or(
		    &d->log[page / 64], 1ULL << page % 64, __ATOMIC_SEQ_CST);
}

#endif /* SIDE_DEVICE_H */
