/* SPDX-License-Identifier: ISC */
/*
 * Byte buffers with a write end, a read position and at most one file
 * descriptor: OpenBSD's ibuf interface, on which imsg.h builds.  No call here
 * reads or writes outside the buffer, whatever lengths it is given; those that
 * cannot be met fail and change nothing.
 *
 * Errors: -1 or NULL with errno ERANGE (buffer full), EBADMSG (asked for more
 * than is left), EINVAL (value does not fit its width) or ENOMEM.
 * A buffer belongs to one thread at a time.
 */
#ifndef IBUF_H
#define IBUF_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ibuf {
	TAILQ_ENTRY(ibuf) entry;
	unsigned char *buf;
	size_t size; /* bytes allocated */
	size_t max; /* bytes it may grow to */
	size_t wpos; /* end of what was written */
	size_t rpos; /* start of what was not yet read */
	int fd; /* owned, -1 when there is none */
	bool view; /* borrows buf: made by ibuf_from_*() or ibuf_get_ibuf() */
};

/* Returns an owned buffer of exactly len bytes / of len growing to max. */
struct ibuf *ibuf_open(size_t len);
struct ibuf *ibuf_dynamic(size_t len, size_t max);
/* Frees the buffer and closes the descriptor in it.  NULL is accepted.  The
 * memory of a view stays. */
void ibuf_free(struct ibuf *);

/*
 * How descriptors that nobody wants are closed, in this process; fn takes them.
 * NULL, the default: by close(2), which may wait for a file system.
 */
void ibuf_on_close(void (*fn)(int fd));
void ibuf_close(int fd);

/* Makes *buf, in the caller's memory, a view of data; borrows data, which must
 * outlive it.  Nothing can be added to a view. */
void ibuf_from_buffer(struct ibuf *buf, void *data, size_t len);
void ibuf_from_ibuf(struct ibuf *buf, const struct ibuf *from);

/* Append.  n = network byte order, h = host order; the value must fit. */
int ibuf_add(struct ibuf *, const void *data, size_t len);
int ibuf_add_ibuf(struct ibuf *, const struct ibuf *from);
int ibuf_add_zero(struct ibuf *, size_t len);
int ibuf_add_n8(struct ibuf *, uint64_t);
int ibuf_add_n16(struct ibuf *, uint64_t);
int ibuf_add_n32(struct ibuf *, uint64_t);
int ibuf_add_n64(struct ibuf *, uint64_t);
int ibuf_add_h16(struct ibuf *, uint64_t);
int ibuf_add_h32(struct ibuf *, uint64_t);
int ibuf_add_h64(struct ibuf *, uint64_t);
/* Appends len bytes of space and returns it, borrowed until the next add. */
void *ibuf_reserve(struct ibuf *, size_t len);
/* Overwrites len unread bytes at pos, counted from the read position. */
int ibuf_set(struct ibuf *, size_t pos, const void *data, size_t len);

/* Unread bytes: where they start (borrowed), how many; space left to add. */
void *ibuf_data(const struct ibuf *);
size_t ibuf_size(const struct ibuf *);
size_t ibuf_left(const struct ibuf *);
/* Cuts or (with zeroes) extends the unread bytes to len. */
int ibuf_truncate(struct ibuf *, size_t len);
/* Makes everything read so far unread again. */
void ibuf_rewind(struct ibuf *);

/* Read and advance. */
int ibuf_get(struct ibuf *, void *data, size_t len);
/* *view becomes a view of the next len bytes, valid while the buffer is. */
int ibuf_get_ibuf(struct ibuf *, size_t len, struct ibuf *view);
int ibuf_get_n8(struct ibuf *, uint8_t *);
int ibuf_get_n16(struct ibuf *, uint16_t *);
int ibuf_get_n32(struct ibuf *, uint32_t *);
int ibuf_get_n64(struct ibuf *, uint64_t *);
int ibuf_get_h16(struct ibuf *, uint16_t *);
int ibuf_get_h32(struct ibuf *, uint32_t *);
int ibuf_get_h64(struct ibuf *, uint64_t *);
/* Returns the next len bytes as an owned string; a NUL among them ends it. */
char *ibuf_get_string(struct ibuf *, size_t len);
int ibuf_skip(struct ibuf *, size_t len);

/* The descriptor: is there one; take it (caller owns, -1 when none); give one
 * (the buffer owns it, an earlier one is closed). */
bool ibuf_fd_avail(const struct ibuf *);
int ibuf_fd_get(struct ibuf *);
void ibuf_fd_set(struct ibuf *, int fd);

#endif /* IBUF_H */
