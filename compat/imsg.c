/* SPDX-License-Identifier: ISC */
/*
 * Messages with a header and at most one descriptor over a stream socket.
 * Runs in every process of vmd and in vmctl; the other end is hostile.
 *
 * Which message a descriptor belongs to: the sender sends it with the first
 * byte of its message, and the kernel ends a read behind the bytes that
 * carried descriptors (unix(7)).  So what a read brings belongs to a message
 * that begins in the bytes of that read: to the first marked one, or to the
 * unfinished one at the end, for which rfd keeps it.  Anything else was never
 * announced and is closed.
 */
#include "imsg.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMSG_FD_MARK 0x80000000U
#define IMSG_ALLOW_FDPASS 1
#define IMSG_IOV_MAX 64
/* Room for more than one, so that what is too many can be closed by us too. */
#define IMSG_CMSG_FDS 4
/* What a queued message costs beyond its bytes: makes empty ones count. */
#define IMSG_COST sizeof(struct ibuf)

union imsg_control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(IMSG_CMSG_FDS * sizeof(int))];
};

/* --- life ------------------------------------------------------------ */

int
imsgbuf_init(struct imsgbuf *imsgbuf, int fd)
{
	memset(imsgbuf, 0, sizeof(*imsgbuf));
	if ((imsgbuf->rbuf = malloc(MAX_IMSGSIZE)) == NULL)
		return -1;
	imsgbuf->fd = fd;
	imsgbuf->rfd = -1;
	imsgbuf->pid = getpid();
	imsgbuf->maxsize = MAX_IMSGSIZE;
	imsgbuf->wmax = IMSG_MAXQUEUE;
	TAILQ_INIT(&imsgbuf->rqueue);
	TAILQ_INIT(&imsgbuf->wqueue);
	return 0;
}

void
imsgbuf_allow_fdpass(struct imsgbuf *imsgbuf)
{
	imsgbuf->flags |= IMSG_ALLOW_FDPASS;
}

int
imsgbuf_set_maxsize(struct imsgbuf *imsgbuf, uint32_t max)
{
	unsigned char *rbuf;

	if (max < IMSG_HEADER_SIZE || max >= IMSG_FD_MARK) {
		errno = EINVAL;
		return -1;
	}
	if (imsgbuf->rlen > 0 || !TAILQ_EMPTY(&imsgbuf->rqueue) ||
	    !TAILQ_EMPTY(&imsgbuf->wqueue)) {
		errno = EBUSY;
		return -1;
	}
	if ((rbuf = malloc(max)) == NULL)
		return -1;
	free(imsgbuf->rbuf);
	imsgbuf->rbuf = rbuf;
	imsgbuf->maxsize = max;
	return 0;
}

void
imsgbuf_set_maxqueue(struct imsgbuf *imsgbuf, size_t max)
{
	imsgbuf->wmax = max;
}

static void
imsg_queue_free(struct ibufqueue *queue)
{
	struct ibuf *buf;

	while ((buf = TAILQ_FIRST(queue)) != NULL) {
		TAILQ_REMOVE(queue, buf, entry);
		ibuf_free(buf);
	}
}

static void
imsgbuf_drop_rfd(struct imsgbuf *imsgbuf)
{
	if (imsgbuf->rfd != -1)
		ibuf_close(imsgbuf->rfd);
	imsgbuf->rfd = -1;
}

void
imsgbuf_clear(struct imsgbuf *imsgbuf)
{
	/* Also legal twice, and on zeroed memory that init never saw. */
	if (imsgbuf->rbuf == NULL)
		return;
	imsg_queue_free(&imsgbuf->rqueue);
	imsg_queue_free(&imsgbuf->wqueue);
	imsgbuf_drop_rfd(imsgbuf);
	free(imsgbuf->rbuf);
	imsgbuf->rbuf = NULL;
	imsgbuf->rlen = 0;
	imsgbuf->rqueued = imsgbuf->wqueued = 0;
	imsgbuf->wcount = 0;
	imsgbuf->rerror = EBADF;
}

/* --- receiving ------------------------------------------------------- */

/* Keeps the first descriptor that came with a read and closes the others. */
static int
imsg_control_fd(struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	size_t i, n;
	int fd, first = -1;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (i = 0; i < n; i++) {
			memcpy(
			    &fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			if (first == -1)
				first = fd;
			else
				ibuf_close(fd);
		}
	}
	return first;
}

/* Queues the message whose len bytes are at data; takes *fd. */
static int
imsg_accept(
    struct imsgbuf *imsgbuf, const unsigned char *data, uint32_t len, int *fd)
{
	struct ibuf *buf;

	if ((buf = ibuf_open(len)) == NULL)
		return -1;
	ibuf_add(buf, data, len);
	if (fd != NULL) {
		buf->fd = *fd;
		*fd = -1;
	}
	TAILQ_INSERT_TAIL(&imsgbuf->rqueue, buf, entry);
	imsgbuf->rqueued += len + IMSG_COST;
	return 0;
}

/*
 * Moves the whole messages in rbuf to rqueue.  fd came with the read that
 * filled rbuf from byte fresh on: a message that began before may own rfd
 * only, one that began there *fd only.
 */
static int
imsgbuf_parse(struct imsgbuf *imsgbuf, uint32_t fresh, int *fd)
{
	struct imsg_hdr hdr;
	uint32_t pos = 0, len;
	bool marked;
	int *own;

	while (imsgbuf->rlen - pos >= IMSG_HEADER_SIZE) {
		memcpy(&hdr, imsgbuf->rbuf + pos, sizeof(hdr));
		marked = (hdr.len & IMSG_FD_MARK) != 0;
		len = hdr.len & ~IMSG_FD_MARK;
		if (len < IMSG_HEADER_SIZE || len > imsgbuf->maxsize) {
			errno = ERANGE;
			return -1;
		}
		if (imsgbuf->rlen - pos < len)
			break;
		own = pos < fresh ? &imsgbuf->rfd : fd;
		if (imsg_accept(imsgbuf, imsgbuf->rbuf + pos, len,
			marked ? own : NULL) == -1)
			return -1;
		imsgbuf_drop_rfd(imsgbuf);
		pos += len;
	}
	imsgbuf->rlen -= pos;
	memmove(imsgbuf->rbuf, imsgbuf->rbuf + pos, imsgbuf->rlen);
	if (imsgbuf->rlen > 0 && pos >= fresh) {
		imsgbuf->rfd = *fd;
		*fd = -1;
	}
	return 0;
}

static ssize_t
imsgbuf_recv(struct imsgbuf *imsgbuf, int *fd)
{
	union imsg_control control;
	struct iovec iov = { imsgbuf->rbuf + imsgbuf->rlen,
		imsgbuf->maxsize - imsgbuf->rlen };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	/* With no room for them the kernel drops descriptors itself. */
	if (imsgbuf->flags & IMSG_ALLOW_FDPASS) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.buf);
	}
	do {
		n = recvmsg(imsgbuf->fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	/*
	 * MSG_CTRUNC (too many sent, or our own limit reached) needs nothing
	 * more: the kernel closed what did not fit, and a message left without
	 * its descriptor says so through imsg_get_fd().
	 */
	if (n != -1 && msg.msg_control != NULL)
		*fd = imsg_control_fd(&msg);
	return n;
}

int
imsgbuf_read(struct imsgbuf *imsgbuf)
{
	uint32_t fresh = imsgbuf->rlen;
	ssize_t n;
	int fd = -1, r = 1;

	if (imsgbuf->rerror != 0) {
		errno = imsgbuf->rerror;
		return -1;
	}
	if (imsgbuf->rqueued > imsgbuf->maxsize)
		return 1;
	if ((n = imsgbuf_recv(imsgbuf, &fd)) == -1)
		return errno == EAGAIN ? 1 : -1;
	if (n == 0)
		r = 0;
	else {
		imsgbuf->rlen += (uint32_t)n;
		if (imsgbuf_parse(imsgbuf, fresh, &fd) == -1) {
			imsgbuf->rerror = errno;
			r = -1;
		}
	}
	if (fd != -1)
		ibuf_close(fd);
	if (r == -1)
		errno = imsgbuf->rerror;
	return r;
}

ssize_t
imsg_get(struct imsgbuf *imsgbuf, struct imsg *imsg)
{
	struct ibuf *buf = TAILQ_FIRST(&imsgbuf->rqueue);

	if (buf == NULL)
		return 0;
	TAILQ_REMOVE(&imsgbuf->rqueue, buf, entry);
	imsgbuf->rqueued -= buf->size + IMSG_COST;
	imsg->buf = buf;
	ibuf_get(buf, &imsg->hdr, sizeof(imsg->hdr));
	imsg->hdr.len &= ~IMSG_FD_MARK;
	imsg->data = ibuf_size(buf) > 0 ? ibuf_data(buf) : NULL;
	return (ssize_t)imsg->hdr.len;
}

void
imsg_free(struct imsg *imsg)
{
	ibuf_free(imsg->buf);
	imsg->buf = NULL;
	imsg->data = NULL;
}

uint32_t
imsg_get_type(const struct imsg *imsg)
{
	return imsg->hdr.type;
}

uint32_t
imsg_get_id(const struct imsg *imsg)
{
	return imsg->hdr.peerid;
}

pid_t
imsg_get_pid(const struct imsg *imsg)
{
	return (pid_t)imsg->hdr.pid;
}

size_t
imsg_get_len(const struct imsg *imsg)
{
	return ibuf_size(imsg->buf);
}

int
imsg_get_fd(struct imsg *imsg)
{
	return ibuf_fd_get(imsg->buf);
}

int
imsg_get_data(struct imsg *imsg, void *data, size_t len)
{
	if (ibuf_size(imsg->buf) != len) {
		errno = EBADMSG;
		return -1;
	}
	return ibuf_get(imsg->buf, data, len);
}

int
imsg_get_buf(struct imsg *imsg, void *data, size_t len)
{
	return ibuf_get(imsg->buf, data, len);
}

int
imsg_get_ibuf(struct imsg *imsg, struct ibuf *view)
{
	return ibuf_get_ibuf(imsg->buf, ibuf_size(imsg->buf), view);
}

/* --- composing ------------------------------------------------------- */

struct ibuf *
imsg_create(
    struct imsgbuf *imsgbuf, uint32_t type, uint32_t id, pid_t pid, size_t len)
{
	struct imsg_hdr hdr = { .type = type, .peerid = id };
	struct ibuf *buf;

	if (len > imsgbuf->maxsize - IMSG_HEADER_SIZE) {
		errno = ERANGE;
		return NULL;
	}
	if (imsgbuf->wqueued + len + IMSG_HEADER_SIZE + IMSG_COST >
	    imsgbuf->wmax) {
		errno = ENOBUFS;
		return NULL;
	}
	hdr.pid = (uint32_t)(pid != 0 ? pid : imsgbuf->pid);
	buf = ibuf_dynamic(len + IMSG_HEADER_SIZE, imsgbuf->maxsize);
	if (buf != NULL)
		ibuf_add(buf, &hdr, sizeof(hdr));
	return buf;
}

int
imsg_add(struct ibuf *buf, const void *data, size_t len)
{
	if (ibuf_add(buf, data, len) == -1) {
		ibuf_free(buf);
		return -1;
	}
	return (int)len;
}

void
imsg_close(struct imsgbuf *imsgbuf, struct ibuf *buf)
{
	uint32_t len = (uint32_t)ibuf_size(buf);

	imsgbuf->wqueued += len + IMSG_COST;
	imsgbuf->wcount++;
	if (ibuf_fd_avail(buf))
		len |= IMSG_FD_MARK;
	ibuf_set(buf, offsetof(struct imsg_hdr, len), &len, sizeof(len));
	TAILQ_INSERT_TAIL(&imsgbuf->wqueue, buf, entry);
}

static bool
imsg_fd_allowed(const struct imsgbuf *imsgbuf, int fd)
{
	if (fd == -1 || (imsgbuf->flags & IMSG_ALLOW_FDPASS) != 0)
		return true;
	errno = EINVAL;
	return false;
}

int
imsg_composev(struct imsgbuf *imsgbuf, uint32_t type, uint32_t id, pid_t pid,
    int fd, const struct iovec *iov, int iovcnt)
{
	struct ibuf *buf;
	size_t len = 0;
	int i;

	for (i = 0; i < iovcnt; i++) {
		if (iov[i].iov_len > imsgbuf->maxsize - len) {
			errno = ERANGE;
			return -1;
		}
		len += iov[i].iov_len;
	}
	if (!imsg_fd_allowed(imsgbuf, fd) ||
	    (buf = imsg_create(imsgbuf, type, id, pid, len)) == NULL)
		return -1;
	for (i = 0; i < iovcnt; i++)
		if (imsg_add(buf, iov[i].iov_base, iov[i].iov_len) == -1)
			return -1;
	ibuf_fd_set(buf, fd);
	imsg_close(imsgbuf, buf);
	return 1;
}

int
imsg_compose(struct imsgbuf *imsgbuf, uint32_t type, uint32_t id, pid_t pid,
    int fd, const void *data, size_t len)
{
	struct ibuf *buf;

	if (!imsg_fd_allowed(imsgbuf, fd) ||
	    (buf = imsg_create(imsgbuf, type, id, pid, len)) == NULL)
		return -1;
	if (imsg_add(buf, data, len) == -1)
		return -1;
	ibuf_fd_set(buf, fd);
	imsg_close(imsgbuf, buf);
	return 1;
}

int
imsg_compose_ibuf(struct imsgbuf *imsgbuf, uint32_t type, uint32_t id,
    pid_t pid, struct ibuf *buf)
{
	int r;

	r = imsg_compose(
	    imsgbuf, type, id, pid, buf->fd, ibuf_data(buf), ibuf_size(buf));
	if (r != -1)
		buf->fd = -1;
	ibuf_free(buf);
	return r;
}

int
imsg_forward(struct imsgbuf *imsgbuf, struct imsg *imsg)
{
	int r;

	r = imsg_compose(imsgbuf, imsg->hdr.type, imsg->hdr.peerid,
	    (pid_t)imsg->hdr.pid, imsg->buf->fd, imsg->data,
	    imsg->hdr.len - IMSG_HEADER_SIZE);
	if (r != -1)
		imsg->buf->fd = -1;
	return r;
}

/* --- sending --------------------------------------------------------- */

/*
 * Messages for one sendmsg(2).  One with a descriptor must be the first of
 * them: the descriptor travels with the first byte.
 */
static int
imsgbuf_gather(struct imsgbuf *imsgbuf, struct iovec *iov)
{
	struct ibuf *buf = TAILQ_FIRST(&imsgbuf->wqueue);
	int n = 0;

	for (; buf != NULL; buf = TAILQ_NEXT(buf, entry)) {
		if (n == IMSG_IOV_MAX || (n > 0 && ibuf_fd_avail(buf)))
			break;
		iov[n].iov_base = ibuf_data(buf);
		iov[n].iov_len = ibuf_size(buf);
		n++;
	}
	return n;
}

static void
imsg_attach_fd(struct msghdr *msg, union imsg_control *control, int fd)
{
	struct cmsghdr *cmsg;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(sizeof(fd));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
}

/* The first n queued bytes are sent: their messages go. */
static void
imsgbuf_sent(struct imsgbuf *imsgbuf, size_t n)
{
	struct ibuf *buf;
	size_t len;

	while (n > 0 && (buf = TAILQ_FIRST(&imsgbuf->wqueue)) != NULL) {
		ibuf_fd_set(buf, -1);
		len = ibuf_size(buf);
		if (n < len) {
			ibuf_skip(buf, n);
			imsgbuf->wqueued -= n;
			break;
		}
		n -= len;
		TAILQ_REMOVE(&imsgbuf->wqueue, buf, entry);
		imsgbuf->wqueued -= len + IMSG_COST;
		imsgbuf->wcount--;
		ibuf_free(buf);
	}
}

int
imsgbuf_write(struct imsgbuf *imsgbuf)
{
	union imsg_control control;
	struct iovec iov[IMSG_IOV_MAX];
	struct msghdr msg = { .msg_iov = iov };
	struct ibuf *first = TAILQ_FIRST(&imsgbuf->wqueue);
	ssize_t n;

	if (first == NULL)
		return 0;
	msg.msg_iovlen = (size_t)imsgbuf_gather(imsgbuf, iov);
	if (ibuf_fd_avail(first))
		imsg_attach_fd(&msg, &control, first->fd);
	do {
		n = sendmsg(imsgbuf->fd, &msg, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EAGAIN || errno == ENOBUFS ? 0 : -1;
	imsgbuf_sent(imsgbuf, (size_t)n);
	return 0;
}

int
imsgbuf_flush(struct imsgbuf *imsgbuf)
{
	struct pollfd pfd = { .fd = imsgbuf->fd, .events = POLLOUT };

	while (imsgbuf->wcount > 0) {
		if (imsgbuf_write(imsgbuf) == -1)
			return -1;
		if (imsgbuf->wcount > 0 && poll(&pfd, 1, -1) == -1 &&
		    errno != EINTR)
			return -1;
	}
	return 0;
}

uint32_t
imsgbuf_queuelen(const struct imsgbuf *imsgbuf)
{
	return imsgbuf->wcount;
}
