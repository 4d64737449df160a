/* SPDX-License-Identifier: ISC */
/*
 * Messages over a stream socket, each with at most one file descriptor:
 * OpenBSD's imsg interface.  A message is a 16 byte header in host byte order
 * and its payload.  The top bit of the header's length says that a descriptor
 * belongs to this message; the descriptor is sent with its first byte.
 *
 * Everything is bounded: the size of a message, the bytes read but not taken
 * by imsg_get(), the bytes composed but not written.  Descriptors nobody
 * announced, and those beyond one per message, are closed on arrival.
 *
 * An imsgbuf belongs to one thread at a time.  Only sockets are supported; the
 * descriptor may be blocking or not.
 */
#ifndef IMSG_H
#define IMSG_H

#include <sys/types.h>

#include <stdint.h>

#include "ibuf.h"

struct iovec;

#define MAX_IMSGSIZE 16384 /* header and payload, unless set otherwise */
#define IMSG_HEADER_SIZE sizeof(struct imsg_hdr)
#define IMSG_MAXQUEUE                                          \
	(1024 * 1024) /* unwritten bytes, unless set otherwise \
		       */

struct imsg_hdr {
	uint32_t type;
	uint32_t len; /* whole message, the mark already removed */
	uint32_t peerid;
	uint32_t pid;
};
_Static_assert(sizeof(struct imsg_hdr) == 16, "imsg header on the wire");

struct imsg {
	struct imsg_hdr hdr;
	void *data; /* payload, borrowed from buf; NULL when empty */
	struct ibuf *buf;
};

TAILQ_HEAD(ibufqueue, ibuf);

struct imsgbuf {
	int fd; /* borrowed: the caller opens and closes it */
	pid_t pid; /* put into messages composed with pid 0 */
	uint32_t maxsize;
	int flags;

	/* private to imsg.c */
	unsigned char *rbuf; /* maxsize bytes, rlen of them filled */
	uint32_t rlen;
	int rfd; /* came with the unfinished message in rbuf, or -1 */
	int rerror; /* errno that ended the incoming stream */
	size_t rqueued; /* bytes in rqueue, cost of its elements included */
	size_t wqueued;
	size_t wmax;
	uint32_t wcount;
	struct ibufqueue rqueue;
	struct ibufqueue wqueue;
};

/* Prepares *imsgbuf for fd, which it borrows.  -1 with errno ENOMEM. */
int imsgbuf_init(struct imsgbuf *, int fd);
/* Without this, descriptors are neither sent (EINVAL) nor received. */
void imsgbuf_allow_fdpass(struct imsgbuf *);
/* Largest message, header included; only while nothing is queued or half
 * read.  -1 with errno EINVAL, EBUSY or ENOMEM. */
int imsgbuf_set_maxsize(struct imsgbuf *, uint32_t max);
/* Most bytes that may wait to be written.  A compose beyond it fails with
 * ENOBUFS: the reader does not read. */
void imsgbuf_set_maxqueue(struct imsgbuf *, size_t max);
/* Frees both queues, closing the descriptors in them; fd itself stays open. */
void imsgbuf_clear(struct imsgbuf *);

/* Reads once.  1 = go on (also EAGAIN, and when so much is queued already that
 * nothing was read), 0 = end of stream, -1 = errno; ERANGE is a header whose
 * length is impossible, after which the stream cannot be used. */
int imsgbuf_read(struct imsgbuf *);
/* Writes what the socket takes now.  0, or -1 with errno (EPIPE: peer gone). */
int imsgbuf_write(struct imsgbuf *);
/* Writes everything, waiting as long as it takes. */
int imsgbuf_flush(struct imsgbuf *);
/* Messages not yet fully written: when not 0, ask for writability. */
uint32_t imsgbuf_queuelen(const struct imsgbuf *);

/* Takes the next whole message.  Its length, 0 = none, -1 = errno.  What it
 * returns goes to imsg_free(). */
ssize_t imsg_get(struct imsgbuf *, struct imsg *);
/* Frees the message; closes its descriptor unless that was taken. */
void imsg_free(struct imsg *);

uint32_t imsg_get_type(const struct imsg *);
uint32_t imsg_get_id(const struct imsg *);
pid_t imsg_get_pid(const struct imsg *);
/* Payload bytes not yet read. */
size_t imsg_get_len(const struct imsg *);
/* Takes the descriptor, -1 when the message has none. */
int imsg_get_fd(struct imsg *);
/* Copies the payload, which must be exactly len bytes (EBADMSG). */
int imsg_get_data(struct imsg *, void *data, size_t len);
/* Copies and consumes the next len bytes of the payload. */
int imsg_get_buf(struct imsg *, void *data, size_t len);
/* Consumes the whole unread payload as a view, valid until imsg_free(). */
int imsg_get_ibuf(struct imsg *, struct ibuf *view);

/* Queue a message: 1, or -1 with errno (ERANGE too large, ENOBUFS queue full,
 * EINVAL descriptor not allowed, ENOMEM).  On success fd is taken and closed
 * once sent; on failure it stays the caller's.  id becomes hdr.peerid. */
int imsg_compose(struct imsgbuf *, uint32_t type, uint32_t id, pid_t pid,
    int fd, const void *data, size_t len);
int imsg_composev(struct imsgbuf *, uint32_t type, uint32_t id, pid_t pid,
    int fd, const struct iovec *, int iovcnt);
/* Payload and descriptor from buf, which is taken in every case. */
int imsg_compose_ibuf(
    struct imsgbuf *, uint32_t type, uint32_t id, pid_t pid, struct ibuf *buf);
/* Queues a received message unchanged; its descriptor moves with it. */
int imsg_forward(struct imsgbuf *, struct imsg *);

/* In steps: create (owned; len is a hint), add or ibuf_add_*() or
 * ibuf_fd_set(), then close, which takes the buffer and queues the message.
 * imsg_add() frees the buffer when it fails. */
struct ibuf *imsg_create(
    struct imsgbuf *, uint32_t type, uint32_t id, pid_t pid, size_t len);
int imsg_add(struct ibuf *, const void *data, size_t len);
void imsg_close(struct imsgbuf *, struct ibuf *);

#endif /* IMSG_H */
