/* SPDX-License-Identifier: ISC */
/*
 * The control link from the VM process to a device process.
 *
 * Runs in the VM process, machine lock held.  The device process is less
 * trusted: what it says is checked, and what it can do wrong ends its link.
 * One request is under way at a time (reset or stop), so that a process which
 * hangs never has more than a few messages waiting for it.
 */
#include "pci/virtio_pci.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ipc/log.h"
#include "pci/virtio_state.h"

static void
virtio_stopped(struct virtio_device *v)
{
	v->stopping = false;
	if (v->paused)
		v->events->stopped(v->events->arg, v);
}

bool
virtio_is_stopping(const struct virtio_device *v)
{
	return v->paused && (v->stopping || v->resetting);
}

/*
 * A process that dies may do so between a write and its note in the log.  What
 * it has put into buffers without telling the guest does not matter, but what
 * the guest has been told does.
 */
static void
virtio_link_used(const struct virtio_device *v)
{
	for (unsigned int i = 0; v->live && i < v->class->queues; i++)
		if (v->queue[i].enabled)
			machine_wrote(pci_get_machine(v->pci),
			    v->queue[i].device, 6 + 8ULL * v->queue[i].size);
}

/* Who waits for a process that is gone has waited enough. */
static void
virtio_link_end(struct virtio_device *v)
{
	bool waited = virtio_is_stopping(v), live = v->live;
	bool flushed = virtio_flush_close(v);

	virtio_link_used(v);
	if (v->resetting)
		virtio_drain(v);
	virtio_link_close(v);
	virtio_update(v);
	if (live)
		virtio_needs_reset(v);
	if (waited)
		virtio_stopped(v);
	if (flushed && v->events->flushed != NULL)
		v->events->flushed(v->events->arg, v);
}

void
virtio_link_gone(void *arg, const char *why)
{
	struct virtio_device *v = arg;

	virtio_link_end(v);
	v->events->broken(v->events->arg, v, true, why);
}

static void
virtio_link_ready(void *arg)
{
	struct virtio_device *v = arg;

	msg_link_read(&v->link);
}

int
virtio_link_send_fd(struct virtio_device *v, enum msg_type type, int fd,
    const void *payload, size_t len)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy == -1)
		return -1;
	return msg_send(&v->link, type, 0, copy, payload, len, NULL, 0);
}

static bool
virtio_hello_ok(const struct virtio_device *v, const struct msg_dev_hello *h,
    size_t config_len)
{
	return h->virtio_id == v->class->virtio_id &&
	    h->queues == v->class->queues &&
	    h->queue_size >= v->class->queue_size &&
	    (h->features & VIRTIO_F_VERSION_1) &&
	    config_len <= sizeof(v->config);
}

void
virtio_link_config(struct virtio_device *v, const void *config, size_t len)
{
	if (v->offered != 0 &&
	    (v->config_len != len || memcmp(v->config, config, len) != 0)) {
		v->generation++;
		v->config_new = v->loaded;
	}
	v->config_len = len;
	memcpy(v->config, config, len);
}

/* It must know that pages may be missing before it maps them. */
static int
virtio_send_memory(struct virtio_device *v)
{
	const struct virtio_memory *memory = v->memory;

	if (memory->on_demand &&
	    virtio_link_send_fd(
		v, MSG_DEV_FAULTS, memory->faults_fd, NULL, 0) == -1)
		return -1;
	return virtio_link_send_fd(
	    v, MSG_DEV_MEMORY, memory->fd, &memory->map, sizeof(memory->map));
}

static void
virtio_hello(void *arg, struct msg *m)
{
	struct virtio_device *v = arg;
	const struct msg_dev_hello *h = m->payload;

	if (v->hello || !virtio_hello_ok(v, h, m->tail_len)) {
		virtio_link_gone(v, "says hello wrongly");
		return;
	}
	v->hello = true;
	virtio_link_config(v, m->tail, m->tail_len);
	v->offered = h->features & FEATURES_ALLOWED;
	if (virtio_send_memory(v) == -1 || virtio_log_hello(v) == -1) {
		virtio_link_gone(v, "does not take messages");
		return;
	}
	virtio_link_push(v);
	if (v->announce)
		virtio_announce(v);
	v->events->ready(v->events->arg, v);
}

static int
virtio_send_queues(struct virtio_device *v)
{
	const struct msg_dev_features features = { v->driver_features };

	if (MSG_SEND(&v->link, MSG_DEV_FEATURES, 0, &features) == -1)
		return -1;
	for (unsigned int i = 0; i < v->class->queues; i++) {
		const struct virtio_queue *q = &v->queue[i];
		const struct msg_dev_queue m = { .desc = q->desc,
			.driver = q->driver,
			.device = q->device,
			.index = i,
			.size = q->size,
			.next = q->next };
		const struct msg_dev_index index = { .index = i };

		if (!q->enabled)
			continue;
		if (virtio_link_send_fd(
			v, MSG_DEV_QUEUE, q->kick, &m, sizeof(m)) == -1 ||
		    virtio_link_send_fd(v, MSG_DEV_CALL, q->call.fd, &index,
			sizeof(index)) == -1)
			return -1;
	}
	return v->paused ? 0 : MSG_SEND_EMPTY(&v->link, MSG_DEV_START, 0);
}

void
virtio_link_push(struct virtio_device *v)
{
	if (!v->hello || v->live || v->resetting ||
	    (v->status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET)) !=
		STATUS_DRIVER_OK)
		return;
	/* What an earlier process or driver left behind. */
	virtio_drain(v);
	v->live = true;
	virtio_update(v);
	for (unsigned int i = 0; i < v->class->queues; i++) {
		if (v->queue[i].waits)
			eventfd_write(v->queue[i].call.fd, 1);
		v->queue[i].waits = false;
	}
	if (virtio_send_queues(v) == -1)
		virtio_link_gone(v, "does not take messages");
}

void
virtio_link_reset(struct virtio_device *v)
{
	if (!v->live)
		return;
	v->live = false;
	v->resetting = true;
	if (MSG_SEND_EMPTY(&v->link, MSG_DEV_RESET, 0) == -1)
		virtio_link_gone(v, "does not take messages");
}

static void
virtio_reset_done(void *arg, struct msg *m)
{
	struct virtio_device *v = arg;

	(void)m;
	if (!v->resetting) {
		virtio_link_gone(v, "was not asked to reset");
		return;
	}
	v->resetting = false;
	/* Before the driver sets vectors, which would find it. */
	virtio_drain(v);
	if (v->paused && !v->stopping)
		virtio_stopped(v);
	virtio_link_push(v);
}

static void
virtio_link_stopped(void *arg, struct msg *m)
{
	struct virtio_device *v = arg;

	const struct msg_dev_stopped *stopped = m->payload;

	if (!v->stopping) {
		virtio_link_gone(v, "was not asked to stop");
		return;
	}
	/* Of queues that the driver has reset since it is too late. */
	for (unsigned int i = 0; v->live && i < v->class->queues; i++)
		v->queue[i].next = stopped->next[i];
	virtio_stopped(v);
	/* Went on again before it had stopped. */
	if (!v->paused && v->live &&
	    MSG_SEND_EMPTY(&v->link, MSG_DEV_START, 0) == -1)
		virtio_link_gone(v, "does not take messages");
}

static void
virtio_broken(void *arg, struct msg *m)
{
	struct virtio_device *v = arg;
	char why[VMD_DETAIL_MAX + 1];

	if (!v->live || (v->status & STATUS_NEEDS_RESET))
		return;
	snprintf(why, sizeof(why), "%.*s", (int)m->tail_len, m->tail);
	virtio_needs_reset(v);
	v->events->broken(v->events->arg, v, false, why);
}

/* Where it asks for its pages; until it has been answered it waits. */
static void
virtio_faults(void *arg, struct msg *m)
{
	struct virtio_device *v = arg;
	int fd = m->fd;

	if (!v->memory->on_demand || !v->hello || v->faults) {
		virtio_link_gone(v, "was not asked for its missing pages");
		return;
	}
	v->faults = true;
	m->fd = -1;
	v->events->faults(v->events->arg, v, fd, m->payload);
}

const msg_handler vm_from_device[MSG__COUNT] = {
	[MSG_DEV_HELLO] = virtio_hello,
	[MSG_DEV_FAULTS_FD] = virtio_faults,
	[MSG_DEV_STOPPED] = virtio_link_stopped,
	[MSG_DEV_RESET_DONE] = virtio_reset_done,
	[MSG_DEV_BROKEN] = virtio_broken,
	[MSG_DEV_LOG_ON] = virtio_log_answer,
	[MSG_DEV_FLUSHED] = virtio_flush_answer,
};

void
virtio_link_close(struct virtio_device *v)
{
	const struct pci_host *host = pci_get_host(v->pci);

	if (v->link_watch != NULL)
		host->unwatch(host->arg, v->link_watch);
	v->link_watch = NULL;
	msg_link_fini(&v->link);
	if (v->faults)
		v->events->faults(v->events->arg, v, -1, NULL);
	v->faults = false;
	v->hello = v->live = v->resetting = v->stopping = false;
	virtio_log_close(v);
	virtio_flush_close(v);
}

int
virtio_attach(struct virtio_device *v, int fd)
{
	const struct pci_host *host = pci_get_host(v->pci);

	/* That the one before is gone may not have been noticed yet. */
	if (msg_link_is_open(&v->link))
		virtio_link_end(v);
	if (msg_link_init(
		&v->link, fd, PEER_VM, PEER_DEVICE, vm_from_device, v) == -1) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	msg_link_on_gone(&v->link, virtio_link_gone);
	v->link_watch = host->watch(host->arg, fd, virtio_link_ready, v);
	if (v->link_watch == NULL) {
		virtio_link_close(v);
		return -1;
	}
	return 0;
}

bool
virtio_is_attached(const struct virtio_device *v)
{
	return msg_link_is_open(&v->link);
}

bool
virtio_is_ready(const struct virtio_device *v)
{
	return v->hello;
}

void
virtio_stop(struct virtio_device *v)
{
	v->paused = true;
	if (v->stopping || v->resetting)
		return;
	if (!v->live) {
		virtio_stopped(v);
		return;
	}
	v->stopping = true;
	if (MSG_SEND_EMPTY(&v->link, MSG_DEV_STOP, 0) == -1)
		virtio_link_gone(v, "does not take messages");
}

/*
 * What was on its way to the guest when the state was saved may not be in it:
 * an interrupt for nothing does no harm, one too few does.
 */
static void
virtio_link_wake(struct virtio_device *v)
{
	for (unsigned int i = 0; i < v->class->queues; i++)
		if (v->queue[i].enabled && v->queue[i].call.handle != -1)
			eventfd_write(v->queue[i].call.fd, 1);
	if (v->config_new)
		virtio_config_changed(v);
	v->loaded = v->config_new = false;
}

void
virtio_continue(struct virtio_device *v)
{
	v->paused = false;
	if (v->loaded)
		virtio_link_wake(v);
	if (v->live && !v->stopping &&
	    MSG_SEND_EMPTY(&v->link, MSG_DEV_START, 0) == -1)
		virtio_link_gone(v, "does not take messages");
}

void
virtio_announce(struct virtio_device *v)
{
	v->announce = v->class->kind == DEVICE_NET && !v->hello;
	if (v->class->kind == DEVICE_NET && v->hello &&
	    MSG_SEND_EMPTY(&v->link, MSG_DEV_ANNOUNCE, 0) == -1)
		virtio_link_gone(v, "does not take messages");
}
