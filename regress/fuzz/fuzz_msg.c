/* SPDX-License-Identifier: ISC */
/*
 * A hostile client of a link: the input becomes messages on a socket pair, at
 * whose other end the receivers of control and the parent are put together, as
 * a description of a VM passes through them.  Reaches vmd/ipc/msg.c (the check
 * of every row), vmspec.c and compat/imsg.c.
 *
 * No handler may see a message that its row does not allow, and after each run
 * every descriptor is gone.
 *
 * Input: pieces of a control byte and what follows it:
 *   0x80 set	raw bytes, as many as the low six bits say
 *   else	a message: its type is that of the low six bits, then a byte of
 *		flags (1: descriptor, 2: announced or not against that, 4: the
 *		length is off by the next byte), then as many bytes of body as
 *		the row has, tail limited by the next byte
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "ipc/msg.h"
#include "ipc/vmspec.h"
#include "vm_error.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define MARK 0x80000000U
#define BODY_MAX 4096

struct server {
	struct msg_link link;
	struct vmspec *spec;
	enum vm_error error;
	bool dropped;
};

struct input {
	const uint8_t *data;
	size_t size;
};

struct row {
	size_t payload, tail;
	enum msg_fd fd;
};
#define S(type) sizeof(struct type)
#define ROW(name, edges, payload, tail, fd) \
	[MSG_##name] = { payload, tail, fd },
static const struct row rows[MSG__COUNT] = { VMD_MESSAGES(ROW) };

static int
count_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* --- the daemon's side ------------------------------------------------------
 */

static void
check(const struct msg *m)
{
	const struct row *r = &rows[m->type];

	if (!msg_allowed(m->type, PEER_CLIENT, PEER_CONTROL) ||
	    m->tail_len > r->tail || (m->fd != -1) != (r->fd == FD_MUST))
		abort();
}

static void
on_start(void *arg, struct msg *m)
{
	struct server *s = arg;

	check(m);
	vmspec_free(s->spec);
	s->spec = vmspec_new();
	s->error = vmspec_begin(s->spec, m);
}

static void
on_file(void *arg, struct msg *m)
{
	struct server *s = arg;

	check(m);
	if (s->spec != NULL && s->error == VM_ERROR_OK)
		s->error = vmspec_file(s->spec, m);
}

static void
on_cmdline(void *arg, struct msg *m)
{
	struct server *s = arg;

	check(m);
	if (s->spec != NULL && s->error == VM_ERROR_OK)
		s->error = vmspec_cmdline(s->spec, m);
	if (s->spec != NULL && s->spec->cmdline != NULL &&
	    strlen(s->spec->cmdline) > VMD_CMDLINE_MAX)
		abort();
}

/* What is accepted must be what the rest of the daemon relies on. */
static void
on_start_end(void *arg, struct msg *m)
{
	struct server *s = arg;
	const struct msg_vm_start *v;

	check(m);
	if (s->spec == NULL || s->error != VM_ERROR_OK)
		return;
	v = &s->spec->start;
	if (v->disks > VMD_DISKS_MAX || v->nics > VMD_NICS_MAX ||
	    v->cpus > VMD_CPUS_MAX || v->memory > VMD_MEMORY_MAX ||
	    (v->target.id == 0 && !vmspec_name_ok(v->target.name)))
		abort();
	for (unsigned int i = 0; i < v->nics; i++)
		if (strnlen(v->nic[i].ifname, sizeof(v->nic[i].ifname)) >
		    VMD_IFNAME_MAX)
			abort();
	vmspec_free(s->spec);
	s->spec = NULL;
}

static void
on_request(void *arg, struct msg *m)
{
	struct server *s = arg;
	const struct msg_result r = { .error = VM_ERROR_NOT_FOUND };

	check(m);
	MSG_SEND(&s->link, MSG_RESULT, VMD_PROTOCOL, &r);
	if (m->peerid == 13)
		msg_link_fini(&s->link); /* a handler may end its own link */
}

static const msg_handler handlers[MSG__COUNT] = {
	[MSG_VM_START] = on_start,
	[MSG_VM_FILE] = on_file,
	[MSG_VM_CMDLINE] = on_cmdline,
	[MSG_VM_START_END] = on_start_end,
	[MSG_VM_STOP] = on_request,
	[MSG_VM_WAIT] = on_request,
	[MSG_VM_PAUSE] = on_request,
	[MSG_VM_GDB] = on_request,
	[MSG_STATUS] = on_request,
	[MSG_RESET] = on_request,
	[MSG_LOG_LEVEL] = on_request,
};

static void
gone(void *arg, const char *why)
{
	struct server *s = arg;

	if (s->dropped || why == NULL)
		abort();
	s->dropped = true;
	msg_link_fini(&s->link);
}

/* --- the client's side -------------------------------------------------------
 */

static uint8_t
take(struct input *in)
{
	if (in->size == 0)
		return 0;
	in->size--;
	return *in->data++;
}

static void
send_piece(int sock, const void *data, size_t len, bool fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	const int zero = 0;

	memset(&control, 0, sizeof(control));
	if (fd) {
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.align), &zero, sizeof(zero));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.buf);
	}
	(void)sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
send_message(int sock, struct input *in, uint32_t type)
{
	uint8_t flags = take(in);
	size_t len = type < MSG__COUNT ? rows[type].payload : 0, n;
	uint8_t off = (flags & 4) ? take(in) : 0, tail = take(in);
	struct imsg_hdr h = { .type = type, .peerid = flags >> 4 };
	char bytes[sizeof(h) + BODY_MAX];
	bool fd = (flags & 1) != 0, mark = fd != ((flags & 2) != 0);

	memset(bytes, 0, sizeof(bytes));
	len += tail;
	n = len < in->size ? len : in->size;
	memcpy(bytes + sizeof(h), in->data, n);
	in->data += n;
	in->size -= n;
	h.len = (uint32_t)(sizeof(h) + len + off) | (mark ? MARK : 0);
	memcpy(bytes, &h, sizeof(h));
	send_piece(sock, bytes, sizeof(h) + len, fd);
}

static void
send_raw(int sock, struct input *in, size_t len)
{
	if (len > in->size)
		len = in->size;
	if (len > 0)
		send_piece(sock, in->data, len, false);
	in->data += len;
	in->size -= len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct server s = { .error = VM_ERROR_OK };
	int sv[2], before = count_fds();

	log_setverbose(0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1 ||
	    msg_link_init(
		&s.link, sv[0], PEER_CONTROL, PEER_CLIENT, handlers, &s) == -1)
		abort();
	msg_link_on_gone(&s.link, gone);
	imsgbuf_set_maxqueue(&s.link.ibuf, 4096);
	while (in.size > 0 && msg_link_is_open(&s.link)) {
		uint8_t what = take(&in);

		if (what & 0x80)
			send_raw(sv[1], &in, what & 0x3f);
		else
			send_message(sv[1], &in, what & 0x3f);
		msg_link_read(&s.link);
	}
	close(sv[1]);
	msg_link_drain(&s.link);
	msg_link_fini(&s.link);
	vmspec_free(s.spec);
	if (count_fds() != before)
		abort();
	return 0;
}
