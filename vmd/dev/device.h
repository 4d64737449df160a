/* SPDX-License-Identifier: ISC */
/*
 * A virtio device as seen from inside: the control link to the VM process, the
 * queues, and the operations of the kind of device.
 *
 * Runs in blk, net and rng processes.  The VM process is trusted with the
 * control plane (which addresses, which features), not with this process's
 * memory: what it sends is checked.  A process serves one or more devices.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/guestmem.h"
#include "dev/loop.h"
#include "dev/virtq.h"
#include "ipc/log.h"
#include "ipc/msg.h"
#include "pci/virtio_class.h"

struct device;

/* What a kind of device does; arg is the kind's own state. */
struct device_ops {
	enum device_kind kind;
	/* Offered, besides VERSION_1, INDIRECT and EVENT_IDX. */
	uint64_t (*features)(void *arg);
	/* Fills in configuration space; its length. */
	size_t (*config)(void *arg, uint8_t config[VIRTIO_CONFIG_MAX]);
	/* The driver's choice, before a start.  -1 refuses it.  May be NULL. */
	int (*accept)(void *arg, uint64_t features);
	/* Serve a queue.  Called after a notification and at start. */
	void (*kick)(void *arg, unsigned int queue);
	/* Running begins or ends.  May be NULL. */
	void (*run)(void *arg, bool running);
	/* Requests that will still touch guest memory; when it falls to 0
	 * the device calls device_drained.  May be NULL: never any. */
	unsigned int (*in_flight)(void *arg);
};

enum device_wait { DEVICE_WAIT_NONE, DEVICE_WAIT_STOP, DEVICE_WAIT_RESET };

struct device {
	const struct virtio_class *class;
	const struct device_ops *ops;
	void *arg;
	char name[32]; /* "blk0" */
	char vm[VMD_NAME_MAX + 1];
	struct loop *loop;
	struct msg_link link;
	struct loop_source link_source;
	void (*gone)(void *arg); /* the VM process has gone */
	void *gone_arg;
	struct guestmem mem;
	uint64_t offered;
	uint64_t features;
	bool running;
	bool broken; /* until the next reset */
	enum device_wait wait; /* for in_flight to become 0 */
	struct device_queue {
		struct virtq vq;
		struct device *dev;
		struct loop_source kick;
		int call; /* owned, -1 none */
		unsigned int index;
	} queue[VIRTIO_QUEUES_MAX];
	struct log_limit limit;
};

/*
 * Takes link_fd, says hello and serves the device from the loop.  Borrows ops,
 * arg and loop; device lives in the caller's memory.  -1 with errno.
 */
int device_init(struct device *, const struct device_ops *, void *arg,
    struct loop *, int link_fd, const struct msg_device_start *);
void device_fini(struct device *);
/* gone(arg) is called once when the VM process has gone. */
void device_on_gone(struct device *, void (*gone)(void *), void *arg);

static inline struct virtq *
device_queue(struct device *dev, unsigned int queue)
{
	return &dev->queue[queue].vq;
}

/* Publishes what was pushed and signals the guest if it wants that. */
void device_publish(struct device *, unsigned int queue);
/* A ring or request that breaks the rules: stops the device, tells the VM
 * process.  why is a constant text. */
void device_break(struct device *, unsigned int queue, const char *why);
/* See in_flight. */
void device_drained(struct device *);

#endif /* DEVICE_H */
