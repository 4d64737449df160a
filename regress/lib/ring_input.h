/* SPDX-License-Identifier: ISC */
/*
 * Bytes of a fuzzer as a guest's rings.  Descriptors are 12 bytes (address,
 * length, flags, next), of which the address counts from guest memory unless
 * its top bit is set; then come the avail index, 16 heads, and what the
 * buffers hold.  tests of the devices in regress/fuzz.
 */
#ifndef RING_INPUT_H
#define RING_INPUT_H

#include <stdlib.h>

#include "driver.h"

#define RING_SIZE 16
#define RING_DESC_BYTES 12
#define RING_BYTES (RING_SIZE * RING_DESC_BYTES + 1 + RING_SIZE)

static inline void
ring_load_desc(uint32_t table, unsigned int i, const uint8_t *p)
{
	uint32_t addr, len;
	uint16_t flags, next;

	memcpy(&addr, p, 4);
	memcpy(&len, p + 4, 4);
	memcpy(&flags, p + 8, 2);
	memcpy(&next, p + 10, 2);
	driver_desc(
	    table, i, addr >> 31 ? addr : DRIVER_GPA + addr, len, flags, next);
}

/* The device must not give its link up, whatever the driver does. */
static inline void
ring_gone(void *arg)
{
	(void)arg;
	abort();
}

/* Fills a queue and the buffers from the input and kicks. */
static inline void
ring_load(unsigned int queue, const uint8_t *data, size_t size)
{
	struct driver_queue *q = &drv.queue[queue];
	uint8_t in[RING_BYTES] = { 0 };
	uint16_t *avail = (uint16_t *)(void *)(drv.mem + q->avail);
	size_t n = size < RING_BYTES ? size : RING_BYTES;

	memcpy(in, data, n);
	for (unsigned int i = 0; i < RING_SIZE; i++)
		ring_load_desc(q->desc, i, in + RING_DESC_BYTES * i);
	for (unsigned int i = 0; i < RING_SIZE; i++)
		avail[2 + i] = in[RING_SIZE * RING_DESC_BYTES + 1 + i];
	if (size > n)
		memcpy(drv.mem + DRIVER_DATA, data + n,
		    size - n < 0x10000 ? size - n : 0x10000);
	avail[1] = in[RING_SIZE * RING_DESC_BYTES];
	driver_kick(queue);
}

/* A device that is as after its start, whatever was before. */
static inline void
ring_restart(struct loop *loop, uint64_t features)
{
	struct msg_dev_features f = { features | DRIVER_VERSION_1 };
	unsigned int done = drv.reset_done;

	driver_send(MSG_DEV_RESET);
	for (unsigned int i = 0; i < 5000 && drv.reset_done == done; i++) {
		driver_pump(loop);
		if (i > 10)
			usleep(1000);
	}
	if (drv.reset_done == done)
		abort(); /* something is in flight for ever */
	MSG_SEND(&drv.link, MSG_DEV_FEATURES, 0, &f);
	for (unsigned int i = 0; i < drv.queues; i++)
		driver_send_queue(i, RING_SIZE);
	driver_send(MSG_DEV_START);
	driver_pump(loop);
}

#endif /* RING_INPUT_H */
