/* SPDX-License-Identifier: ISC */
/*
 * Split virtqueues, device side (virtio 1.2, 2.7).  The only file that touches
 * ring memory.
 *
 *	guest                                  device process
 *	  avail ring --> virtq_pop() --> chain of checked iovecs --> work
 *	  used ring  <-- virtq_publish() <-- virtq_push(head, bytes written)
 *
 * The guest is hostile and writes the rings while they are read.  Every index,
 * address and length is loaded once and checked; loops are bounded by the
 * queue's size; a chain holds only addresses inside guest memory.  A ring that
 * breaks the rules makes the queue broken until it is set up anew; nothing is
 * read or written through it any more.
 */
#ifndef VIRTQ_H
#define VIRTQ_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "dev/guestmem.h"

#define VIRTQ_SIZE_MAX 256
#define VIRTQ_F_INDIRECT (1ULL << 28)
#define VIRTQ_F_EVENT_IDX (1ULL << 29)

/* Buffers of a request, in order: nout the driver wrote, then nin to fill. */
struct virtq_chain {
	uint16_t head;
	uint16_t nout;
	uint16_t nin;
	uint32_t out_len; /* bytes in all */
	uint32_t in_len;
	struct iovec iov[VIRTQ_SIZE_MAX];
};

struct virtq {
	const struct guestmem *mem; /* borrowed; NULL: not set up */
	uint16_t size; /* a power of two */
	uint16_t next_avail; /* next entry to pop */
	uint16_t next_used; /* next entry to fill */
	uint16_t published; /* used index the guest was last told of */
	uint16_t in_flight; /* popped and not pushed */
	bool event_idx;
	bool indirect;
	const char *broken; /* why, a constant text; NULL: it works */
	/* ring memory */
	volatile uint64_t *desc;
	volatile uint16_t *avail;
	volatile uint16_t *used;
};

/*
 * Sets the queue up at guest physical addresses, to begin at entry next of both
 * rings.  Borrows mem.
 * -1 with errno EINVAL: size, alignment or address out of bounds.
 */
int virtq_init(struct virtq *, const struct guestmem *mem,
    const struct msg_dev_queue *, uint64_t features);
/* Not set up any more. */
void virtq_fini(struct virtq *);
/* Breaks the queue by decision of the device; why is a constant text. */
void virtq_break(struct virtq *, const char *why);

/* Takes the next request: 1, 0 when there is none, -1 when the queue is (now)
 * broken.  iov is valid until the queue's memory is unmapped. */
int virtq_pop(struct virtq *, struct virtq_chain *);
/* Gives back the n requests popped last, none of them pushed. */
void virtq_unpop(struct virtq *, unsigned int n);
/* Whether the guest has made more requests available: cheap, for polling. */
bool virtq_has_work(const struct virtq *);
/* Puts a finished request into the used ring, not yet visible to the guest.
 * written counts the bytes written to its in buffers. */
void virtq_push(struct virtq *, uint16_t head, uint32_t written);
/* Notes that the first len bytes of the chain's in buffers may have been
 * written, pushed or not: after they were, and before a push. */
void virtq_wrote(const struct virtq *, const struct virtq_chain *, size_t len);
/* Shows what was pushed; true when the guest wants an interrupt for it. */
bool virtq_publish(struct virtq *);

/* Asks for notifications, or asks to be spared them.  After enabling, true when
 * requests have come meanwhile: they must be taken, no notification tells. */
bool virtq_enable_notify(struct virtq *);
void virtq_disable_notify(struct virtq *);

/* Copies at most len bytes between buf and an iovec array from offset off on;
 * the bytes copied. */
size_t virtq_copy_out(
    const struct iovec *, unsigned int n, size_t off, void *buf, size_t len);
size_t virtq_copy_in(const struct iovec *, unsigned int n, size_t off,
    const void *buf, size_t len);
/* Drops off bytes from the front of an iovec array in place; the entries that
 * are left, *iov moved to the first of them. */
unsigned int virtq_skip(struct iovec **iov, unsigned int n, size_t off);

#endif /* VIRTQ_H */
