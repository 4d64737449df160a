/* SPDX-License-Identifier: ISC */
/*
 * Tells a network that a MAC address is to be found here now: a machine that
 * has moved takes its address along, and switches learn where frames for it go
 * by frames from it.
 *
 * Runs in net processes, in their main thread.  Sends RARP requests (RFC 903),
 * as others do who move machines: they need no IP address and mean nothing to
 * whoever else gets them.  A frame that the network does not take is lost; a
 * later one may arrive.
 */
#ifndef ANNOUNCE_H
#define ANNOUNCE_H

#include <stddef.h>
#include <stdint.h>

#include "dev/loop.h"

#define ANNOUNCE_FRAME                                         \
	60 /* bytes: the smallest of Ethernet, without its sum \
	    */

struct announce {
	struct loop *loop;
	struct loop_timer timer;
	unsigned int sent; /* of those that are to be sent */
	void (*send)(void *arg, const uint8_t *frame, size_t len);
	void *arg;
	uint8_t frame[ANNOUNCE_FRAME];
};

/* Frames go to send(arg), which must not wait.  Borrows loop; lives in the
 * caller's memory. */
void announce_init(struct announce *, struct loop *, const uint8_t mac[6],
    void (*send)(void *arg, const uint8_t *frame, size_t len), void *arg);
void announce_fini(struct announce *);
/* Sends the first frame now and the others with growing pauses; what is left
 * of an earlier start is not sent. */
void announce_start(struct announce *);

#endif /* ANNOUNCE_H */
