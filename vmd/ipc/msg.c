/* SPDX-License-Identifier: ISC */
/*
 * Links and the check of every message against its row; see msg.h.  Runs in
 * every process.  This is the only file that knows lengths on the wire.
 */
#include "ipc/msg.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/closer.h"
#include "ipc/log.h"

/* A full socket holds a few hundred messages, and a read may bring just one. */
#define DRAIN_READS_MAX 1024

struct msg_row {
	const char *name;
	uint64_t edges;
	uint16_t payload;
	uint16_t tail;
	enum msg_fd fd;
};

#define S(type) sizeof(struct type)
#define MSG_ROW(name, edges, payload, tail, fd) \
	[MSG_##name] = { #name, edges, payload, tail, fd },
static const struct msg_row rows[MSG__COUNT] = { VMD_MESSAGES(MSG_ROW) };

#define MSG_FITS(name, edges, payload, tail, fd)                          \
	_Static_assert(                                                   \
	    (payload) + (tail) + sizeof(struct imsg_hdr) <= MAX_IMSGSIZE, \
	    #name " fits into one imsg");
VMD_MESSAGES(MSG_FITS)

#define MSG_PEER_ROW(name, text) [PEER_##name] = text,
static const char *const peers[PEER__COUNT] = { MSG_PEERS(MSG_PEER_ROW) };

const char *
msg_name(unsigned int type)
{
	return type > MSG_NONE_ && type < MSG__COUNT ? rows[type].name : "?";
}

const char *
msg_peer_name(unsigned int peer)
{
	return peer < PEER__COUNT ? peers[peer] : "?";
}

size_t
msg_payload_size(enum msg_type type)
{
	return rows[type].payload;
}

bool
msg_allowed(unsigned int type, enum msg_peer from, enum msg_peer to)
{
	return type > MSG_NONE_ && type < MSG__COUNT &&
	    (rows[type].edges & (1ULL << (from * 8 + to))) != 0;
}

bool
msg_is_part(unsigned int type)
{
	return type > MSG_NONE_ && type < MSG__COUNT &&
	    (rows[type].edges & MSG_PART) != 0;
}

const char *
msg_check(unsigned int type, enum msg_peer from, enum msg_peer to, size_t len,
    bool has_fd)
{
	const struct msg_row *row;

	if (type <= MSG_NONE_ || type >= MSG__COUNT)
		return "unknown message type";
	if (!msg_allowed(type, from, to))
		return "message type not allowed on this link";
	row = &rows[type];
	if (len < row->payload)
		return "message too short";
	if (len > (size_t)row->payload + row->tail)
		return "message too long";
	if (row->fd == FD_MUST && !has_fd)
		return "descriptor missing";
	if (row->fd == FD_NONE && has_fd)
		return "unexpected descriptor";
	return NULL;
}

int
msg_link_init(struct msg_link *l, int fd, enum msg_peer self,
    enum msg_peer other, const msg_handler *handlers, void *arg)
{
	int flags;

	memset(l, 0, sizeof(*l));
	l->fd = -1;
	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    imsgbuf_init(&l->ibuf, fd) == -1)
		return -1;
	imsgbuf_allow_fdpass(&l->ibuf);
	l->fd = fd;
	l->self = self;
	l->other = other;
	l->handlers = handlers;
	l->arg = arg;
	return 0;
}

void
msg_link_on_gone(struct msg_link *l, void (*gone)(void *arg, const char *why))
{
	l->gone = gone;
}

static void
msg_link_read_cb(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	msg_link_read(arg);
}

static void
msg_link_write_cb(int fd, short what, void *arg)
{
	struct msg_link *l = arg;

	(void)fd;
	(void)what;
	if (imsgbuf_write(&l->ibuf) == -1 && errno != EAGAIN) {
		/* The reader sees the end of the stream and reports it. */
		event_del(l->writer);
		return;
	}
	if (imsgbuf_queuelen(&l->ibuf) == 0)
		event_del(l->writer);
}

int
msg_link_attach(struct msg_link *l, struct event_base *base)
{
	l->reader =
	    event_new(base, l->fd, EV_READ | EV_PERSIST, msg_link_read_cb, l);
	l->writer =
	    event_new(base, l->fd, EV_WRITE | EV_PERSIST, msg_link_write_cb, l);
	if (l->reader == NULL || l->writer == NULL ||
	    event_add(l->reader, NULL) == -1 ||
	    (imsgbuf_queuelen(&l->ibuf) > 0 &&
		event_add(l->writer, NULL) == -1)) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

void
msg_link_fini(struct msg_link *l)
{
	if (l->fd == -1)
		return;
	if (l->ended != NULL)
		*l->ended = true;
	if (l->reader != NULL)
		event_free(l->reader);
	if (l->writer != NULL)
		event_free(l->writer);
	l->reader = l->writer = NULL;
	imsgbuf_clear(&l->ibuf);
	close(l->fd);
	l->fd = -1;
}

static int
msg_link_broken(struct msg_link *l, const char *why)
{
	if (l->reader != NULL)
		event_del(l->reader);
	if (l->writer != NULL)
		event_del(l->writer);
	if (l->gone != NULL)
		l->gone(l->arg, why);
	return -1;
}

/* Hands one message to its handler; a constant text says why not. */
static const char *
msg_dispatch(struct msg_link *l, struct imsg *imsg)
{
	unsigned int type = imsg_get_type(imsg);
	size_t len = imsg_get_len(imsg);
	struct msg m = { .type = type, .peerid = imsg_get_id(imsg) };
	/* Copied so that the payload is aligned and the handler's own. */
	union {
		char bytes[1024];
		uint64_t align;
	} payload;
	const char *why;

	_Static_assert(
	    sizeof(struct msg_vm_start) <= sizeof(payload), "payloads fit");
	m.fd = imsg_get_fd(imsg);
	why = msg_check(type, l->other, l->self, len, m.fd != -1);
	if (why == NULL && l->handlers[type] == NULL)
		why = "no handler for this message";
	if (why != NULL) {
		closer_close(m.fd);
		return why;
	}
	memset(&payload, 0, sizeof(payload));
	if (rows[type].payload > 0)
		memcpy(payload.bytes, imsg->data, rows[type].payload);
	m.payload = payload.bytes;
	m.tail_len = len - rows[type].payload;
	m.tail =
	    m.tail_len > 0 ? (const char *)imsg->data + rows[type].payload : "";
	if (type != MSG_LOG_LINE)
		log_trace("msg", "%s -> %s : %zu %s%s", msg_peer_name(l->other),
		    msg_peer_name(l->self), len, rows[type].name,
		    m.fd != -1 ? " fd" : "");
	l->handlers[type](l->arg, &m);
	closer_close(m.fd);
	return NULL;
}

int
msg_link_read(struct msg_link *l)
{
	struct imsg imsg;
	bool ended = false;
	const char *why = NULL;
	ssize_t n;
	int r;

	if ((r = imsgbuf_read(&l->ibuf)) == -1)
		why = errno == ERANGE ? "bad message header" : "read error";
	l->ended = &ended;
	while ((n = imsg_get(&l->ibuf, &imsg)) > 0) {
		const char *bad = msg_dispatch(l, &imsg);

		imsg_free(&imsg);
		if (ended)
			return -1;
		if (bad != NULL) {
			why = bad;
			break;
		}
	}
	l->ended = NULL;
	if (n == -1 && why == NULL)
		why = "bad message header";
	if (why == NULL && r == 0)
		why = "end of stream";
	return why == NULL ? 0 : msg_link_broken(l, why);
}

void
msg_link_drain(struct msg_link *l)
{
	struct pollfd p = { .fd = l->fd, .events = POLLIN };

	/* A peer that is there after all may write as fast as we read. */
	for (int i = 0; i < DRAIN_READS_MAX; i++)
		if (l->fd == -1 || poll(&p, 1, 0) != 1 ||
		    msg_link_read(l) == -1)
			return;
}

int
msg_link_flush(struct msg_link *l)
{
	return imsgbuf_flush(&l->ibuf);
}

void
msg_trace(const struct msg_link *l, enum msg_type type, size_t len, bool has_fd)
{
	/* A line about a log line would be another one. */
	if (type != MSG_LOG_LINE)
		log_trace("msg", "%s -> %s : %zu %s%s", msg_peer_name(l->self),
		    msg_peer_name(l->other), len, rows[type].name,
		    has_fd ? " fd" : "");
}

int
msg_send(struct msg_link *l, enum msg_type type, uint32_t peerid, int fd,
    const void *payload, size_t len, const void *tail, size_t tail_len)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = len },
		{ .iov_base = (void *)(uintptr_t)tail, .iov_len = tail_len },
	};
	const char *why;

	if (l->fd == -1) {
		closer_close(fd);
		errno = ENOTCONN;
		return -1;
	}
	why = msg_check(type, l->self, l->other, len + tail_len, fd != -1);
	if (why != NULL || (size_t)rows[type].payload != len)
		fatalx("msg", "%s to %s: %s", msg_name(type),
		    msg_peer_name(l->other), why ? why : "wrong payload");
	if (!l->quiet)
		msg_trace(l, type, len + tail_len, fd != -1);
	if (imsg_composev(&l->ibuf, type, peerid, 0, fd, iov, 2) == -1) {
		closer_close(fd);
		return -1;
	}
	if (imsgbuf_write(&l->ibuf) == -1 && errno != EAGAIN)
		return -1;
	if (imsgbuf_queuelen(&l->ibuf) > 0 && l->writer != NULL)
		return event_add(l->writer, NULL);
	return 0;
}

int
msg_forward(struct msg_link *l, struct msg *m, uint32_t peerid)
{
	int fd = m->fd;

	m->fd = -1;
	return msg_send(l, m->type, peerid, fd, m->payload,
	    rows[m->type].payload, m->tail, m->tail_len);
}

void
msg_str(char *dst, size_t dst_size, const char *src, size_t src_size)
{
	size_t n = strnlen(src, src_size);

	if (n >= dst_size)
		n = dst_size - 1;
	memcpy(dst, src, n);
	memset(dst + n, 0, dst_size - n);
}
