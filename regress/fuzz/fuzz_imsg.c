/* SPDX-License-Identifier: ISC */
/*
 * A hostile peer of an imsgbuf: the input says which bytes are sent in which
 * pieces and with how many descriptors.  Reaches compat/imsg.c and ibuf.c.
 * After each run every descriptor must be gone again, and no message may have
 * got one that it did not announce.
 *
 * Input: pieces of a control byte, which says how many bytes follow (low six
 * bits, 63: 1000) and whether there are descriptors (0x40 one, 0x80 five).
 */
#include "imsg.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define FDS_MAX 5

static int
count_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static void
send_piece(int sock, const uint8_t *data, size_t len, size_t fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	char bytes[1000];
	struct iovec iov = { bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	int list[FDS_MAX] = { 0, 0, 0, 0, 0 };

	memcpy(bytes, data, len);
	memset(&control, 0, sizeof(control));
	if (fds > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_len = CMSG_LEN(fds * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cmsg), list, fds * sizeof(int));
	}
	(void)sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Reads a message as a handler would; what it holds decides what is read. */
static void
take_apart(struct imsg *imsg, struct imsgbuf *out)
{
	struct ibuf view, part;
	uint8_t how;
	uint16_t n16;
	uint32_t n32;
	uint64_t n64;
	char *s;

	if (imsg_get_len(imsg) + IMSG_HEADER_SIZE != imsg->hdr.len)
		abort();
	(void)imsg_forward(out, imsg);
	if (imsg_get_ibuf(imsg, &view) == -1)
		abort();
	while (ibuf_get_n8(&view, &how) == 0) {
		switch (how & 7) {
		case 0:
			(void)ibuf_get_n16(&view, &n16);
			break;
		case 1:
			(void)ibuf_get_n32(&view, &n32);
			break;
		case 2:
			(void)ibuf_get_h64(&view, &n64);
			break;
		case 3:
			free(s = ibuf_get_string(&view, how >> 3));
			break;
		case 4:
			(void)ibuf_skip(&view, how >> 3);
			break;
		case 5:
			if (ibuf_get_ibuf(&view, how >> 3, &part) == 0)
				(void)ibuf_truncate(&part, how >> 4);
			break;
		case 6:
			(void)ibuf_set(&view, how >> 3, &how, 1);
			break;
		default:
			(void)ibuf_truncate(&view, how >> 3);
			break;
		}
	}
}

static void
drain(struct imsgbuf *in, struct imsgbuf *out)
{
	struct imsg imsg;
	uint32_t before;

	while (imsg_get(in, &imsg) > 0) {
		before = imsgbuf_queuelen(out);
		take_apart(&imsg, out);
		if (imsgbuf_queuelen(out) > before + 1)
			abort();
		imsg_free(&imsg);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imsgbuf in, out;
	int sv[2], before = count_fds();
	size_t len, fds;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		sv) == -1 ||
	    imsgbuf_init(&in, sv[0]) == -1 || imsgbuf_init(&out, -1) == -1)
		abort();
	imsgbuf_allow_fdpass(&in);
	imsgbuf_allow_fdpass(&out);
	imsgbuf_set_maxqueue(&out, 4096);
	while (size > 0) {
		len = (*data & 0x3f) == 0x3f ? 1000 : *data & 0x3f;
		fds = (*data & 0x80) ? FDS_MAX : (*data & 0x40) ? 1 : 0;
		data++;
		size--;
		if (len > size)
			len = size;
		if (len > 0)
			send_piece(sv[1], data, len, fds);
		data += len;
		size -= len;
		if (imsgbuf_read(&in) != 1)
			break;
		/* Now and then a caller that does not take yet. */
		if (len % 3 != 0)
			drain(&in, &out);
	}
	drain(&in, &out);
	imsgbuf_clear(&in);
	imsgbuf_clear(&out);
	close(sv[1]);
	close(sv[0]);
	if (count_fds() != before)
		abort();
	return 0;
}
