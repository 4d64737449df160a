/* SPDX-License-Identifier: ISC */
/*
 * Roles blk and net: the process that is one virtio device of one VM, and
 * perhaps its rng device too.
 *
 * Holds guest memory, one disk or one tap (or socket of frames), the eventfds
 * of its queues, and nothing else: no KVM, no network, no files.  It learns
 * from its first message which device it is, makes what it needs (the I/O
 * ring, at most) and seals its jail.  It ends when its VM or vmm does, after
 * what is in flight.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev/blk.h"
#include "dev/net.h"
#include "dev/rng.h"
#include "jail/jail.h"
#include "role/child.h"
#include "role/role.h"

#define FD_LINK JAIL_FD_EXTRA
#define FD_BACKEND (JAIL_FD_EXTRA + 1)

struct device_process {
	struct child child;
	struct loop *loop;
	bool started;
	unsigned int alive; /* devices whose VM process is there */
	struct blk *blk;
	struct net *net;
	struct rng *rng;
};

static void
device_process_gone(void *arg)
{
	struct device_process *p = arg;

	/* The last one has nothing in flight any more. */
	if (--p->alive == 0)
		loop_end(p->loop);
}

static struct device *
device_process_main(struct device_process *p)
{
	if (p->blk != NULL)
		return blk_device(p->blk);
	return p->net != NULL ? net_device(p->net) : NULL;
}

/* vmm is gone, or wants us gone: it ends our links. */
static void
device_up_gone(void *arg, const char *why)
{
	struct device_process *p = arg;
	struct device *dev = device_process_main(p);

	(void)why;
	if (dev == NULL || (!msg_link_is_open(&dev->link) && !dev->leaving))
		_exit(0);
	/* There is nobody to tell; what is in flight is finished. */
	log_set_sink(NULL, NULL);
	if (p->child.reader != NULL)
		event_del(p->child.reader);
	p->alive = 1;
	if (!dev->leaving)
		device_leave(dev);
}

static int
device_open_blk(struct device_process *p, const struct msg_device_start *m)
{
	struct image image;

	if (image_open_raw(&image, FD_BACKEND, m->flags & FILE_READONLY) ==
		-1 ||
	    (p->blk = blk_new(&image, p->loop, NULL)) == NULL)
		return -1;
	p->alive++;
	return blk_start(p->blk, FD_LINK, m, device_process_gone, p);
}

static int
device_open_net(struct device_process *p, const struct msg_device_start *m)
{
	if ((p->net = net_new(FD_BACKEND, p->loop)) == NULL)
		return -1;
	p->alive++;
	return net_start(p->net, FD_LINK, m, device_process_gone, p);
}

static int
device_open_rng(
    struct device_process *p, const struct msg_device_start *m, int fd)
{
	if ((p->rng = calloc(1, sizeof(*p->rng))) == NULL)
		return -1;
	p->alive++;
	return rng_init(p->rng, p->loop, fd, m, device_process_gone, p);
}

static int
device_open_rng_alone(
    struct device_process *p, const struct msg_device_start *m)
{
	return device_open_rng(p, m, FD_LINK);
}

/* Which role serves which kind, and how. */
static const struct {
	uint32_t roles;
	int (*open)(struct device_process *, const struct msg_device_start *);
} device_kinds[DEVICE__COUNT] = {
	[DEVICE_BLK] = { ROLE_BIT(ROLE_BLK), device_open_blk },
	[DEVICE_NET] = { ROLE_BIT(ROLE_NET), device_open_net },
	[DEVICE_RNG] = { ROLE_BIT(ROLE_BLK) | ROLE_BIT(ROLE_NET),
	    device_open_rng_alone },
};

static void
device_start(void *arg, struct msg *msg)
{
	struct device_process *p = arg;
	const struct msg_device_start *m = msg->payload;
	char name[VMD_NAME_MAX + 1];

	if (p->started || m->kind >= DEVICE__COUNT ||
	    !(device_kinds[m->kind].roles & ROLE_BIT(p->child.role)))
		fatalx("device", "started as what it is not");
	p->started = true;
	p->child.vm_id = msg->peerid;
	MSG_STR(name, m->name);
	log_procname(
	    "%s%u/%s", virtio_class_get(m->kind)->name, m->index, name);
	setproctitle(
	    "%s%u/%s", virtio_class_get(m->kind)->name, m->index, name);
	if (device_kinds[m->kind].open(p, m) == -1)
		fatal("device", "vm %s: cannot start %s%u", name,
		    virtio_class_get(m->kind)->name, m->index);
	if (jail_seal(p->child.role) == -1)
		fatal("jail", "vm %s: cannot seal the sandbox of %s%u", name,
		    virtio_class_get(m->kind)->name, m->index);
}

static void
device_add(void *arg, struct msg *msg)
{
	struct device_process *p = arg;
	const struct msg_device_start *m = msg->payload;
	int fd = msg->fd;

	if (!p->started || m->kind != DEVICE_RNG || p->rng != NULL)
		fatalx("device", "asked to serve what it cannot");
	msg->fd = -1;
	if (device_open_rng(p, m, fd) == -1)
		fatal("device", "cannot start rng%u", m->index);
}

const msg_handler device_from_vmm[MSG__COUNT] = {
	[MSG_LOG_LEVEL] = child_log_level,
	[MSG_DEVICE_START] = device_start,
	[MSG_DEVICE_ADD] = device_add,
};

int
device_main(enum role role)
{
	struct device_process p;

	memset(&p, 0, sizeof(p));
	child_begin(&p.child, role, PEER_DEVICE, PEER_VMM, device_from_vmm, &p);
	child_events(&p.child);
	msg_link_on_gone(&p.child.up, device_up_gone);
	if ((p.loop = loop_new(p.child.base)) == NULL)
		fatal("device", "event loop");
	loop_run(p.loop);
	/* The kernel takes back what we hold. */
	return 0;
}
