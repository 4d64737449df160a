/* SPDX-License-Identifier: ISC */
/*
 * The control side of a device process: see device.h.
 *
 * A stop or reset is answered when the last request that could still touch
 * guest memory has finished.  A VM process that breaks the protocol is left.
 */
#include "dev/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define VIRTIO_F_VERSION_1 (1ULL << 32)

static unsigned int
device_in_flight(const struct device *dev)
{
	return dev->ops->in_flight == NULL ? 0 : dev->ops->in_flight(dev->arg);
}

void
device_publish(struct device *dev, unsigned int queue)
{
	struct device_queue *q = &dev->queue[queue];

	if (virtq_publish(&q->vq) && q->call != -1)
		eventfd_write(q->call, 1);
}

/* --- running ---------------------------------------------------------------
 */

static void
device_kick(struct device_queue *q)
{
	if (q->dev->running && !q->dev->broken && q->vq.mem != NULL)
		q->dev->ops->kick(q->dev->arg, q->index);
}

static void
device_kick_ready(void *arg)
{
	device_kick(arg);
}

static bool
device_poll(void *arg)
{
	struct device *dev = arg;

	return dev->running && !dev->broken && dev->ops->poll != NULL &&
	    dev->ops->poll(dev->arg);
}

static bool
device_sleep(void *arg)
{
	struct device *dev = arg;

	return dev->running && !dev->broken && dev->ops->sleep != NULL &&
	    dev->ops->sleep(dev->arg);
}

static void
device_set_running(struct device *dev, bool running)
{
	if (dev->running == running)
		return;
	dev->running = running;
	for (unsigned int i = 0; i < dev->class->queues; i++) {
		struct device_queue *q = &dev->queue[i];

		if (!running)
			loop_remove(dev->loop, &q->kick);
		else if (q->vq.mem != NULL &&
		    loop_add(dev->loop, &q->kick, LOOP_IN | LOOP_EDGE) == -1)
			log_warn(dev->class->name, "vm %s: %s: event loop",
			    dev->vm, dev->name);
	}
	if (dev->ops->run != NULL)
		dev->ops->run(dev->arg, running);
	for (unsigned int i = 0; running && i < dev->class->queues; i++)
		device_kick(&dev->queue[i]);
}

void
device_break(struct device *dev, unsigned int queue, const char *why)
{
	const struct msg_dev_index m = { .index = queue };

	if (dev->broken)
		return;
	dev->broken = true;
	for (unsigned int i = 0; i < dev->class->queues; i++)
		virtq_break(&dev->queue[i].vq, why);
	log_guest(&dev->limit, dev->class->name,
	    "vm %s: %s: the guest broke queue %u: %s", dev->vm, dev->name,
	    queue, why);
	if (msg_send(&dev->link, MSG_DEV_BROKEN, 0, -1, &m, sizeof(m), why,
		strlen(why)) == 0)
		msg_link_flush(&dev->link);
}

/* --- messages of the VM process --------------------------------------------
 */

static void
device_answer(struct device *dev, enum msg_type type)
{
	if (MSG_SEND_EMPTY(&dev->link, type, 0) == 0)
		msg_link_flush(&dev->link);
}

/* Everything that was popped has been pushed: the rings stand alike. */
static void
device_answer_stopped(struct device *dev)
{
	struct msg_dev_stopped m = { .next = { 0 } };

	for (unsigned int i = 0; i < dev->class->queues; i++)
		m.next[i] = dev->queue[i].vq.next_avail;
	if (MSG_SEND(&dev->link, MSG_DEV_STOPPED, 0, &m) == 0)
		msg_link_flush(&dev->link);
}

static void
device_queue_clear(struct device_queue *q)
{
	loop_remove(q->dev->loop, &q->kick);
	virtq_fini(&q->vq);
	if (q->kick.fd != -1)
		close(q->kick.fd);
	if (q->call != -1)
		close(q->call);
	q->kick.fd = q->call = -1;
}

void
device_drained(struct device *dev)
{
	if (device_in_flight(dev) != 0)
		return;
	if (dev->resetting) {
		dev->resetting = false;
		dev->broken = false;
		dev->features = 0;
		for (unsigned int i = 0; i < dev->class->queues; i++)
			device_queue_clear(&dev->queue[i]);
		device_answer(dev, MSG_DEV_RESET_DONE);
	}
	if (dev->stopping) {
		dev->stopping = false;
		device_answer_stopped(dev);
	}
	if (dev->leaving) {
		dev->leaving = false;
		dev->gone(dev->gone_arg);
	}
}

void
device_leave(struct device *dev)
{
	device_set_running(dev, false);
	loop_remove(dev->loop, &dev->link_source);
	msg_link_fini(&dev->link);
	dev->stopping = dev->resetting = false;
	dev->leaving = true;
	device_drained(dev);
}

/* The VM process did what its protocol does not allow. */
static void
device_refuse(struct device *dev, const char *what)
{
	log_warnx(dev->class->name, "vm %s: %s: the VM process sent %s",
	    dev->vm, dev->name, what);
	device_leave(dev);
}

/* The memory that follows has pages only where somebody asks for them. */
static void
device_on_faults(void *arg, struct msg *m)
{
	struct device *dev = arg;

	if (dev->mem.count != 0 || dev->faults_fd != -1) {
		device_refuse(dev, "its memory twice");
		return;
	}
	dev->faults_fd = m->fd;
	m->fd = -1;
}

/* Before anything touches it: a page that is touched unwatched is zero, for
 * all processes of the VM. */
static int
device_watch_memory(struct device *dev)
{
	struct msg_dev_faults m = { .base = { 0 } };
	int fd = guestmem_watch(&dev->mem, dev->faults_fd);

	close(dev->faults_fd);
	dev->faults_fd = -1;
	if (fd == -1)
		return -1;
	for (unsigned int i = 0; i < dev->mem.count; i++)
		m.base[i] = (uintptr_t)dev->mem.region[i].base;
	if (msg_send(&dev->link, MSG_DEV_FAULTS_FD, 0, fd, &m, sizeof(m), NULL,
		0) == -1)
		return -1;
	return msg_link_flush(&dev->link);
}

static void
device_on_memory(void *arg, struct msg *m)
{
	struct device *dev = arg;

	if (dev->mem.count != 0) {
		device_refuse(dev, "its memory twice");
		return;
	}
	if (guestmem_map(&dev->mem, m->fd, m->payload) == 0 &&
	    (dev->faults_fd == -1 || device_watch_memory(dev) == 0))
		return;
	log_warn(dev->class->name, "vm %s: %s: mapping guest memory", dev->vm,
	    dev->name);
	device_refuse(dev, "memory that cannot be mapped");
}

static void
device_on_disk_log(void *arg, struct msg *m)
{
	struct device *dev = arg;
	const struct msg_dev_disk_log *p = m->payload;

	if (dev->ops->log_disk == NULL || dev->mem.log != NULL)
		device_refuse(dev, "a log of a disk at the wrong time");
	else if (dev->ops->log_disk(dev->arg, m->fd, p->chunks) == -1) {
		log_warn(dev->class->name, "vm %s: %s: mapping the disk's log",
		    dev->vm, dev->name);
		device_refuse(dev, "a log that cannot be used");
	}
}

static void
device_on_log(void *arg, struct msg *m)
{
	struct device *dev = arg;
	const struct msg_dev_log *p = m->payload;

	if (dev->mem.count == 0 || dev->mem.log != NULL)
		device_refuse(dev, "a log at the wrong time");
	else if (guestmem_log_start(&dev->mem, m->fd, p->pages) == -1) {
		log_warn(dev->class->name, "vm %s: %s: mapping the log",
		    dev->vm, dev->name);
		device_refuse(dev, "a log that cannot be used");
	} else
		device_answer(dev, MSG_DEV_LOG_ON);
}

static void
device_on_log_end(void *arg, struct msg *m)
{
	struct device *dev = arg;

	(void)m;
	guestmem_log_stop(&dev->mem);
	if (dev->ops->log_disk != NULL)
		dev->ops->log_disk(dev->arg, -1, 0);
}

static void
device_on_features(void *arg, struct msg *m)
{
	struct device *dev = arg;
	uint64_t features =
	    ((const struct msg_dev_features *)m->payload)->features;

	if (dev->running || dev->resetting || dev->mem.count == 0 ||
	    (features & ~dev->offered) != 0 ||
	    !(features & VIRTIO_F_VERSION_1)) {
		device_refuse(dev, "features that were not offered");
		return;
	}
	dev->features = features;
	if (dev->ops->accept != NULL &&
	    dev->ops->accept(dev->arg, features) == -1) {
		log_guest(&dev->limit, dev->class->name,
		    "vm %s: %s: features %#llx: %s", dev->vm, dev->name,
		    (unsigned long long)features, strerror(errno));
		device_break(dev, 0, "features that cannot be had");
	}
}

static void
device_on_queue(void *arg, struct msg *m)
{
	struct device *dev = arg;
	const struct msg_dev_queue *p = m->payload;
	struct device_queue *q;

	if (dev->running || dev->resetting || dev->features == 0 ||
	    p->index >= dev->class->queues ||
	    dev->queue[p->index].kick.fd != -1) {
		device_refuse(dev, "a queue at the wrong time");
		return;
	}
	q = &dev->queue[p->index];
	if (p->size > dev->class->queue_size ||
	    virtq_init(&q->vq, &dev->mem, p, dev->features) == -1) {
		device_break(dev, p->index, "a ring outside guest memory");
		return;
	}
	q->kick.fd = m->fd;
	m->fd = -1;
}

static void
device_on_call(void *arg, struct msg *m)
{
	struct device *dev = arg;
	uint32_t index = ((const struct msg_dev_index *)m->payload)->index;

	if (index >= dev->class->queues) {
		device_refuse(dev, "a queue that does not exist");
		return;
	}
	if (dev->queue[index].call != -1)
		close(dev->queue[index].call);
	dev->queue[index].call = m->fd;
	m->fd = -1;
}

static void
device_on_start(void *arg, struct msg *m)
{
	struct device *dev = arg;

	(void)m;
	if (dev->features == 0 || dev->resetting || dev->stopping)
		device_refuse(dev, "a start at the wrong time");
	else
		device_set_running(dev, true);
}

static void
device_on_stop(void *arg, struct msg *m)
{
	struct device *dev = arg;

	(void)m;
	device_set_running(dev, false);
	dev->stopping = true;
	device_drained(dev);
}

static void
device_on_reset(void *arg, struct msg *m)
{
	struct device *dev = arg;

	(void)m;
	device_set_running(dev, false);
	dev->resetting = true;
	device_drained(dev);
}

static void
device_on_announce(void *arg, struct msg *m)
{
	struct device *dev = arg;

	(void)m;
	if (dev->ops->announce == NULL)
		device_refuse(dev, "an announcement, but it is no net device");
	else
		dev->ops->announce(dev->arg);
}

static void
device_on_flush(void *arg, struct msg *m)
{
	struct device *dev = arg;

	(void)m;
	if (dev->ops->flush == NULL || dev->flushing) {
		device_refuse(dev, "a flush at the wrong time");
		return;
	}
	dev->flushing = true;
	dev->ops->flush(dev->arg);
}

void
device_flushed(struct device *dev, int error)
{
	const struct msg_dev_flushed m = { .error = (uint32_t)error };

	dev->flushing = false;
	if (!dev->leaving && MSG_SEND(&dev->link, MSG_DEV_FLUSHED, 0, &m) == 0)
		msg_link_flush(&dev->link);
}

const msg_handler device_from_vm[MSG__COUNT] = {
	[MSG_DEV_FAULTS] = device_on_faults,
	[MSG_DEV_MEMORY] = device_on_memory,
	[MSG_DEV_FEATURES] = device_on_features,
	[MSG_DEV_QUEUE] = device_on_queue,
	[MSG_DEV_CALL] = device_on_call,
	[MSG_DEV_START] = device_on_start,
	[MSG_DEV_STOP] = device_on_stop,
	[MSG_DEV_RESET] = device_on_reset,
	[MSG_DEV_DISK_LOG] = device_on_disk_log,
	[MSG_DEV_LOG] = device_on_log,
	[MSG_DEV_LOG_END] = device_on_log_end,
	[MSG_DEV_ANNOUNCE] = device_on_announce,
	[MSG_DEV_FLUSH] = device_on_flush,
};

static void
device_link_ready(void *arg)
{
	struct device *dev = arg;

	msg_link_read(&dev->link);
}

static void
device_link_gone(void *arg, const char *why)
{
	struct device *dev = arg;

	log_debug(dev->class->name, "vm %s: %s: %s", dev->vm, dev->name, why);
	device_leave(dev);
}

/* --- life -------------------------------------------------------------------
 */

static int
device_hello(struct device *dev)
{
	uint8_t config[VIRTIO_CONFIG_MAX] = { 0 };
	struct msg_dev_hello m = {
		.virtio_id = dev->class->virtio_id,
		.queues = dev->class->queues,
		.queue_size = dev->class->queue_size,
	};
	size_t len = 0;

	dev->offered =
	    VIRTIO_F_VERSION_1 | VIRTQ_F_INDIRECT | VIRTQ_F_EVENT_IDX;
	if (dev->ops->features != NULL)
		dev->offered |= dev->ops->features(dev->arg);
	if (dev->ops->config != NULL)
		len = dev->ops->config(dev->arg, config);
	m.features = dev->offered;
	if (msg_send(&dev->link, MSG_DEV_HELLO, 0, -1, &m, sizeof(m), config,
		len) == -1)
		return -1;
	return msg_link_flush(&dev->link);
}

int
device_init(struct device *dev, const struct device_ops *ops, void *arg,
    struct loop *loop, int link_fd, const struct msg_device_start *start,
    void (*gone)(void *), void *gone_arg)
{
	memset(dev, 0, sizeof(*dev));
	dev->class = virtio_class_get(ops->kind);
	dev->ops = ops;
	dev->arg = arg;
	dev->loop = loop;
	dev->gone = gone;
	dev->gone_arg = gone_arg;
	dev->faults_fd = -1;
	snprintf(dev->name, sizeof(dev->name), "%s%u", dev->class->name,
	    start->index);
	MSG_STR(dev->vm, start->name);
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		struct device_queue *q = &dev->queue[i];

		q->dev = dev;
		q->index = i;
		q->call = -1;
		q->kick = (struct loop_source) {
			.fd = -1, .ready = device_kick_ready, .arg = q
		};
	}
	if (msg_link_init(&dev->link, link_fd, PEER_DEVICE, PEER_VM,
		device_from_vm, dev) == -1)
		return -1;
	msg_link_on_gone(&dev->link, device_link_gone);
	dev->link_source = (struct loop_source) {
		.fd = link_fd, .ready = device_link_ready, .arg = dev
	};
	dev->idle = (struct loop_idle) {
		.poll = device_poll, .sleep = device_sleep, .arg = dev
	};
	loop_add_idle(loop, &dev->idle);
	if (loop_add(loop, &dev->link_source, LOOP_IN) == -1 ||
	    device_hello(dev) == -1) {
		int error = errno;

		device_fini(dev);
		errno = error;
		return -1;
	}
	return 0;
}

void
device_fini(struct device *dev)
{
	if (dev->running && dev->ops->run != NULL)
		dev->ops->run(dev->arg, false);
	dev->running = false;
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++)
		device_queue_clear(&dev->queue[i]);
	loop_remove_idle(dev->loop, &dev->idle);
	loop_remove(dev->loop, &dev->link_source);
	msg_link_fini(&dev->link);
	if (dev->faults_fd != -1)
		close(dev->faults_fd);
	dev->faults_fd = -1;
	guestmem_unmap(&dev->mem);
}
