/* SPDX-License-Identifier: ISC */
/*
 * A parent with one VM that runs, two clients, and the other ends of its links
 * to control and vmm: for tests of what it does for a VM that moves.
 */
#ifndef FAKE_PARENT_H
#define FAKE_PARENT_H

#include <sys/file.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "ipc/vmspec.h"
#include "role/parent.h"

#define DISK_BYTES 8192

/* The other ends: what control and vmm get. */
struct peer {
	struct msg_link link;
	unsigned int results;
	unsigned int sends;
	unsigned int stops;
	uint32_t peerid;
	struct msg_vm_send send;
	struct msg_result result;
	struct msg_vm_disks_done done;
	char detail[VMD_DETAIL_MAX + 1];
	int config_fd; /* owned */
	unsigned int disks; /* VM_DISK_DATA since the last VM_CONFIG */
	int disk_fd[VMD_DISKS_MAX]; /* owned */
};

static struct parent parent;
static struct peer control, vmm;
static struct vment *v;
static char path[2][32];
static const char *tail = ""; /* of what the VM says */

static inline void
got(void *arg, struct msg *m)
{
	struct peer *p = arg;

	p->peerid = m->peerid;
	if (m->type == MSG_RESULT) {
		p->results++;
		memcpy(&p->result, m->payload, sizeof(p->result));
		snprintf(p->detail, sizeof(p->detail), "%.*s", (int)m->tail_len,
		    m->tail);
	} else if (m->type == MSG_VM_SEND) {
		p->sends++;
		memcpy(&p->send, m->payload, sizeof(p->send));
	} else if (m->type == MSG_VM_DISKS_DONE) {
		memcpy(&p->done, m->payload, sizeof(p->done));
	} else if (m->type == MSG_VM_STOP) {
		p->stops++;
	} else if (m->type == MSG_VM_DISK_DATA) {
		const struct msg_vm_disk_data *disk = m->payload;

		p->disks++;
		if (disk->index < VMD_DISKS_MAX) {
			p->disk_fd[disk->index] = m->fd;
			m->fd = -1;
		}
	} else if (m->type == MSG_VM_CONFIG) {
		p->disks = 0;
		if (p->config_fd != -1)
			close(p->config_fd);
		p->config_fd = m->fd;
		m->fd = -1;
	}
}

static const msg_handler handlers[MSG__COUNT] = {
	[MSG_RESULT] = got,
	[MSG_VM_SEND] = got,
	[MSG_VM_CONFIG] = got,
	[MSG_VM_DISK_DATA] = got,
	[MSG_VM_CANCEL] = got,
	[MSG_VM_DISKS_DONE] = got,
	[MSG_VM_STOP] = got,
};

static inline bool
join(int proc, struct peer *peer, enum msg_peer who)
{
	struct parent_proc *pp = &parent.proc[proc];
	int sv[2];

	memset(peer, 0, sizeof(*peer));
	peer->config_fd = -1;
	memset(peer->disk_fd, 0xff, sizeof(peer->disk_fd)); /* all -1 */
	pp->parent = &parent;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0 &&
	    msg_link_init(&pp->link, sv[0], PEER_PARENT, who, handlers, pp) ==
	    0 &&
	    msg_link_init(
		&peer->link, sv[1], who, PEER_PARENT, handlers, peer) == 0;
}

static inline void
client(uint32_t id, uid_t uid)
{
	const struct msg_client_open open = { .uid = uid };
	struct msg m = { .type = MSG_CLIENT_OPEN,
		.peerid = id,
		.payload = &open,
		.fd = -1 };

	parent_from_control[MSG_CLIENT_OPEN](&parent.proc[PROC_CONTROL], &m);
}

static inline void
client_left(uint32_t id)
{
	struct msg m = { .type = MSG_CLIENT_CLOSE, .peerid = id, .fd = -1 };

	parent_from_control[MSG_CLIENT_CLOSE](&parent.proc[PROC_CONTROL], &m);
}

/* What has arrived at both ends by now. */
static inline void
settle(void)
{
	struct peer *peers[] = { &control, &vmm };

	for (unsigned int i = 0; i < 2; i++) {
		peers[i]->results = peers[i]->sends = peers[i]->stops = 0;
		msg_link_flush(
		    &parent.proc[i == 0 ? PROC_CONTROL : PROC_VMM].link);
		msg_link_drain(&peers[i]->link);
	}
}

static inline int
disk_make(unsigned int i)
{
	int fd;

	snprintf(path[i], sizeof(path[i]), "/tmp/vmd-test-disk.XXXXXX");
	fd = mkstemp(path[i]);
	if (fd != -1 && ftruncate(fd, DISK_BYTES) == -1)
		return -1;
	return fd;
}

/* A VM with two disks, the first of which a client sent, and two interfaces,
 * the address of the second of which is configured. */
static inline struct vmspec *
description(void)
{
	struct vmspec *s = vmspec_new();

	s->start = (struct msg_vm_start) {
		.memory = 64 << 20,
		.cpus = 2,
		.disks = 2,
		.nics = 2,
		.debug = DEBUG_GDB,
		.nic = { { .type = NIC_USER, .mac = { 2, 0, 0, 0, 0, 1 } },
		    { .type = NIC_TAP,
			.flags = NIC_FIXED | NIC_DOWN,
			.mac = { 2, 0, 0, 0, 0, 2 },
			.ifname = "tap7" } },
	};
	for (unsigned int i = 0; i < 2; i++)
		vmspec_put(s, VM_FILE_DISK, i, disk_make(i),
		    i == 1 ? FILE_READONLY : 0);
	s->path[VM_FILE_DISK][1] = strdup("/srv/second.img");
	s->cmdline = strdup("console=ttyS0");
	return s;
}

static inline bool
begin(void)
{
	uint32_t index, busy = 0;

	memset(&parent, 0, sizeof(parent));
	TAILQ_INIT(&parent.sessions);
	vmlist_init(&parent.vms);
	v = vmlist_add(&parent.vms, "web1", 1000);
	v->run = description();
	v->defined = true;
	v->started_by = 1000;
	vment_event(v, EVENT_START);
	vment_event(v, EVENT_READY);
	if (!join(PROC_CONTROL, &control, PEER_CONTROL) ||
	    !join(PROC_VMM, &vmm, PEER_VMM))
		return false;
	client(7, 0);
	client(8, 1000);
	return vmdisks_lock(v->run, &busy, &index) == VM_ERROR_OK;
}

static inline void
end(void)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&parent.sessions)) != NULL)
		request_session_close(&parent, s);
	vmlist_fini(&parent.vms);
	msg_link_fini(&parent.proc[PROC_CONTROL].link);
	msg_link_fini(&parent.proc[PROC_VMM].link);
	msg_link_fini(&control.link);
	msg_link_fini(&vmm.link);
	if (vmm.config_fd != -1)
		close(vmm.config_fd);
	unlink(path[0]);
	unlink(path[1]);
}

/* Takes fd. */
static inline void
send_to(uint32_t id, uint32_t flags, int fd)
{
	const struct msg_vm_send send = { .ask.target.id = v->id,
		.ask.flags = flags,
		.downtime_ms = 300,
		.level = 3 };
	struct msg m = { .type = MSG_VM_SEND,
		.peerid = id,
		.payload = &send,
		.tail = "",
		.fd = fd };

	parent_from_control[MSG_VM_SEND](&parent.proc[PROC_CONTROL], &m);
	if (m.fd != -1)
		close(m.fd);
	settle();
}

static inline void
from_vm(enum msg_type type, const void *payload)
{
	struct msg m = { .type = type,
		.peerid = v->id,
		.payload = payload,
		.tail = tail,
		.tail_len = strlen(tail),
		.fd = -1 };

	parent_from_vmm[type](&parent.proc[PROC_VMM], &m);
	settle();
}

static inline enum vm_error
disks(uint32_t what)
{
	const struct msg_vm_disks d = { .what = what };

	memset(&vmm.done, 0xff, sizeof(vmm.done));
	from_vm(MSG_VM_DISKS, &d);
	CHECK_EQ(vmm.done.what, what);
	return vmm.done.error;
}

static inline int
pipe_end(bool writes)
{
	int fds[2];

	if (pipe(fds) == -1)
		return -1;
	close(fds[!writes]);
	return fds[writes];
}

static inline int
socket_end(void)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		return -1;
	close(sv[1]);
	return sv[0];
}

/* Whether somebody else could take disk i now. */
static inline bool
is_free(unsigned int i)
{
	int fd = open(path[i], O_RDWR);
	bool is = flock(fd, LOCK_EX | LOCK_NB) == 0;

	close(fd);
	return is;
}

#endif /* FAKE_PARENT_H */
