/* SPDX-License-Identifier: ISC */
/*
 * Guest memory as a device process sees it: a few regions of one sealed memfd.
 *
 * Runs in blk, net and rng processes.  The guest writes these bytes at any
 * time: whoever reads a value to judge it copies it first.
 */
#ifndef GUESTMEM_H
#define GUESTMEM_H

#include <stddef.h>
#include <stdint.h>

#include "vmd_msg.h"

struct guestmem {
	unsigned int count;
	struct guestmem_region {
		uint64_t gpa;
		uint64_t len;
		uint64_t offset; /* in the memfd */
		uint8_t *base;
	} region[DEV_REGIONS_MAX];
	uint64_t *log; /* of written pages, shared; NULL: nobody asks */
	size_t log_len; /* bytes */
};

/* Maps the regions of fd, which is borrowed and must be a memfd that cannot
 * shrink.  -1 with errno, EINVAL for a map that makes no sense. */
int guestmem_map(struct guestmem *, int fd, const struct msg_dev_memory *);
void guestmem_unmap(struct guestmem *);
/*
 * Has the pages that the memfd lacks come on demand: whoever touches one in
 * this process waits for somebody who serves the descriptor that is returned
 * (owned; ipc/faults.h).  device is borrowed.  -1 with errno.
 */
int guestmem_watch(const struct guestmem *, int device);

/* Where [gpa, gpa + len) is, NULL unless all of it is in one region. */
static inline void *
guestmem_at(const struct guestmem *gm, uint64_t gpa, uint64_t len)
{
	for (unsigned int i = 0; i < gm->count; i++) {
		const struct guestmem_region *r = &gm->region[i];
		uint64_t off = gpa - r->gpa;

		if (gpa >= r->gpa && off < r->len && len <= r->len - off)
			return r->base + off;
	}
	return NULL;
}

/*
 * The log of written pages (see struct msg_dev_log), for as long as somebody
 * copies guest memory while it changes.  fd is borrowed.  -1 with errno, EINVAL
 * for a log that is not sealed or too small for the regions.
 */
int guestmem_log_start(struct guestmem *, int fd, uint64_t pages);
void guestmem_log_stop(struct guestmem *);
/* As guestmem_wrote(), while there is a log. */
void guestmem_mark(
    const struct guestmem *, const volatile void *at, size_t len);

/*
 * To be called after every write into guest memory, and by no other thread
 * than the one that starts and stops the log.
 */
static inline void
guestmem_wrote(const struct guestmem *gm, const volatile void *at, size_t len)
{
	if (gm->log != NULL)
		guestmem_mark(gm, at, len);
}

#endif /* GUESTMEM_H */
