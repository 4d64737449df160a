/* SPDX-License-Identifier: ISC */
/*
 * Links: sockets between two processes of vmd, or a client and control, that
 * carry the messages of include/vmd_msg.h.
 *
 * Every message that arrives is compared with its row (direction, length,
 * descriptor) before a handler sees it; a message that its row does not allow,
 * or for which there is no handler, ends the link.  The peer may be hostile.
 *
 * A link belongs to one thread.  With an event base it reads and writes by
 * itself; without, its owner polls msg_link_fd() and calls msg_link_read() and
 * msg_link_flush().
 */
#ifndef MSG_H
#define MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imsg.h"
#include "vmd_msg.h"

struct event;
struct event_base;

struct msg {
	enum msg_type type;
	uint32_t peerid;
	const void
	    *payload; /* as the row says, aligned; valid in the handler */
	const char *tail; /* tail_len bytes, no NUL; valid in the handler */
	size_t tail_len;
	int fd; /* a handler that keeps it sets this to -1 */
};

/* A handler may end its own link. */
typedef void (*msg_handler)(void *arg, struct msg *);

struct msg_link {
	struct imsgbuf ibuf;
	int fd; /* owned; -1: the link is not in use */
	enum msg_peer self;
	enum msg_peer other;
	const msg_handler *handlers; /* MSG__COUNT of them */
	void *arg;
	/* The peer is gone or broke the rules (why, a constant text); called
	 * once, after which the owner calls msg_link_fini. */
	void (*gone)(void *arg, const char *why);
	struct event *reader;
	struct event *writer;
	bool *ended; /* set while reading: tells the reader of a fini */
	bool quiet; /* its owner traces what is sent: see msg_trace */
};

/* "VM_START", or "?" for a number that is none. */
const char *msg_name(unsigned int type);
const char *msg_peer_name(unsigned int peer);
/* Bytes of the fixed payload of a type. */
size_t msg_payload_size(enum msg_type);
/* Whether a row has the edge. */
bool msg_allowed(unsigned int type, enum msg_peer from, enum msg_peer to);
/* Whether a client that gets it is to wait for more. */
bool msg_is_part(unsigned int type);
/*
 * Why a message that came from `from` may not be handled by `to`: a constant
 * text, NULL when it may.
 */
const char *msg_check(unsigned int type, enum msg_peer from, enum msg_peer to,
    size_t len, bool has_fd);

/* Takes fd (made non-blocking), unless it fails; borrows handlers and arg.  -1
 * with errno. */
int msg_link_init(struct msg_link *, int fd, enum msg_peer self,
    enum msg_peer other, const msg_handler *handlers, void *arg);
void msg_link_on_gone(
    struct msg_link *, void (*gone)(void *arg, const char *why));
/* Lets an event loop drive the link.  -1 with errno. */
int msg_link_attach(struct msg_link *, struct event_base *);
/* Closes the socket and drops what was queued.  May be called twice. */
void msg_link_fini(struct msg_link *);

static inline int
msg_link_fd(const struct msg_link *l)
{
	return l->fd;
}

static inline bool
msg_link_is_open(const struct msg_link *l)
{
	return l->fd != -1;
}

/*
 * Reads what is there and calls handlers.  0, or -1 when the link is gone (gone
 * was called, or a handler ended the link).
 */
int msg_link_read(struct msg_link *);
/* Reads all that a peer has said, for its last words; bounded, should it live
 * and go on talking; see msg_link_read. */
void msg_link_drain(struct msg_link *);
/* Writes what is queued, waiting for the peer to take it.  -1 with errno. */
int msg_link_flush(struct msg_link *);

/*
 * Queues a message and writes what the socket takes.  Takes fd in every case
 * (-1: none).  The row must allow it: anything else is our own bug and fatal.
 * -1 with errno when the peer is gone or does not read; the link's owner hears
 * of it by gone() from the event loop, not from here.
 */
int msg_send(struct msg_link *, enum msg_type, uint32_t peerid, int fd,
    const void *payload, size_t len, const void *tail, size_t tail_len);
/* The common case: fixed payload, no descriptor, no tail. */
#define MSG_SEND(link, type, peerid, payload)                                 \
	msg_send((link), (type), (peerid), -1, (payload), sizeof(*(payload)), \
	    NULL, 0)
#define MSG_SEND_EMPTY(link, type, peerid) \
	msg_send((link), (type), (peerid), -1, NULL, 0, NULL, 0)
/*
 * The trace line of a message that is about to be sent.  msg_send writes it
 * itself, but not on a link that is quiet: there its owner holds a lock that
 * the log needs, and calls this before.
 */
void msg_trace(const struct msg_link *, enum msg_type, size_t len, bool has_fd);
/* Passes a received message on as it is; its descriptor moves with it. */
int msg_forward(struct msg_link *, struct msg *, uint32_t peerid);

/* Copies a string of a payload into dst and terminates it. */
#define MSG_STR(dst, src) msg_str((dst), sizeof(dst), (src), sizeof(src))
void msg_str(char *dst, size_t dst_size, const char *src, size_t src_size);

#endif /* MSG_H */
