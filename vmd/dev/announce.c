/* SPDX-License-Identifier: ISC */
/* Announcements of a MAC address: see announce.h. */
#include "dev/announce.h"

#include <string.h>

/* Milliseconds after each frame but the last: the first switch port may not
 * forward yet, and a later frame costs nothing. */
static const unsigned int announce_pauses[] = { 50, 150, 250, 350 };
#define ANNOUNCE_PAUSES (sizeof(announce_pauses) / sizeof(announce_pauses[0]))

/*
 * Ethernet: to all, from mac, of type RARP.  Then (RFC 903, as RFC 826)
 * hardware Ethernet, protocol IPv4, lengths 6 and 4, operation 3 (who am I);
 * hardware and protocol address of the sender and of the one who is asked for,
 * who is the sender, too.
 */
static void
announce_build(uint8_t frame[ANNOUNCE_FRAME], const uint8_t mac[6])
{
	static const uint8_t fixed[] = { 0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3 };

	memset(frame, 0, ANNOUNCE_FRAME);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	memcpy(frame + 12, fixed, sizeof(fixed));
	memcpy(frame + 22, mac, 6);
	memcpy(frame + 32, mac, 6);
}

static void
announce_next(void *arg)
{
	struct announce *a = arg;

	a->send(a->arg, a->frame, sizeof(a->frame));
	/* Without a timer, what was sent has to do. */
	if (a->sent == ANNOUNCE_PAUSES ||
	    loop_set_timer(a->loop, &a->timer, announce_pauses[a->sent++]) ==
		-1)
		loop_clear_timer(a->loop, &a->timer);
}

void
announce_init(struct announce *a, struct loop *loop, const uint8_t mac[6],
    void (*send)(void *arg, const uint8_t *frame, size_t len), void *arg)
{
	memset(a, 0, sizeof(*a));
	a->loop = loop;
	a->timer = (struct loop_timer) { .ready = announce_next, .arg = a };
	a->send = send;
	a->arg = arg;
	announce_build(a->frame, mac);
}

void
announce_fini(struct announce *a)
{
	loop_clear_timer(a->loop, &a->timer);
}

void
announce_start(struct announce *a)
{
	a->sent = 0;
	announce_next(a);
}
