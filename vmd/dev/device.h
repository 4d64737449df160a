/* SPDX-License-Identifier: ISC */
/*
 * A virtio device as seen from inside: the control link to the VM process, the
 * queues, and the operations of the kind of device.
 *
 * Runs in blk and net processes, in their main thread.  The VM process is
 * trusted with the control plane (which addresses, which features), not with
 * this process's memory: what it sends is checked.  A process may serve
 * several devices, each with a link of its own.
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

/* What a kind of device does; arg is the kind's own state.  NULL: nothing. */
struct device_ops {
	enum device_kind kind;
	/* Offered, besides VERSION_1, INDIRECT_DESC and EVENT_IDX. */
	uint64_t (*features)(void *arg);
	/* Fills in configuration space; its length. */
	size_t (*config)(void *arg, uint8_t config[VIRTIO_CONFIG_MAX]);
	/* The driver's choice, before a start.  -1 refuses it. */
	int (*accept)(void *arg, uint64_t features);
	/* Serve a queue: after a notification and at a start. */
	void (*kick)(void *arg, unsigned int queue);
	/* As in struct loop_idle; only called while running. */
	bool (*poll)(void *arg);
	bool (*sleep)(void *arg);
	/* Running begins or ends. */
	void (*run)(void *arg, bool running);
	/* A log of the disk's chunks to write from now on (borrows fd; -1 with
	 * errno), or, fd -1, no longer; only blk devices have one. */
	int (*log_disk)(void *arg, int fd, uint64_t chunks);
	/* Puts what was written on the medium, then calls device_flushed();
	 * only blk devices do. */
	void (*flush)(void *arg);
	/* Tells the network of the device's address; only net devices do. */
	void (*announce)(void *arg);
	/* Requests that will still touch guest memory.  When it falls to 0 the
	 * kind calls device_drained. */
	unsigned int (*in_flight)(void *arg);
};

struct device {
	const struct virtio_class *class;
	const struct device_ops *ops;
	void *arg;
	char name[16]; /* "blk0" */
	char vm[VMD_NAME_MAX + 1];
	struct loop *loop;
	struct loop_idle idle;
	struct msg_link link;
	struct loop_source link_source;
	void (*gone)(void *arg);
	void *gone_arg;
	struct guestmem mem;
	int faults_fd; /* owned, until the memory is there; -1: none */
	uint64_t offered;
	uint64_t features;
	bool running;
	bool broken; /* until the next reset */
	bool stopping; /* waits for in_flight() to become 0, as do these two */
	bool resetting;
	bool leaving;
	bool flushing;
	struct device_queue {
		struct virtq vq;
		struct device *dev;
		struct loop_source kick;
		int call; /* owned, -1: none */
		unsigned int index;
	} queue[VIRTIO_QUEUES_MAX];
	struct log_limit limit;
};

/*
 * Takes link_fd, says hello and serves the device from the loop.  Borrows ops,
 * arg and loop; the device lives in the caller's memory.  gone(gone_arg) is
 * called once, when the VM process has gone and nothing is in flight any more;
 * it may call device_fini.  -1 with errno.
 */
int device_init(struct device *, const struct device_ops *, void *arg,
    struct loop *, int link_fd, const struct msg_device_start *,
    void (*gone)(void *), void *gone_arg);
void device_fini(struct device *);
/* Finishes what is in flight, then calls gone. */
void device_leave(struct device *);

static inline struct virtq *
device_queue(struct device *dev, unsigned int queue)
{
	return &dev->queue[queue].vq;
}

/* Publishes what was pushed and signals the guest if it wants that. */
void device_publish(struct device *, unsigned int queue);
/* A ring or request that breaks the rules: the queues rest until the driver
 * resets the device.  why is a constant text; the guest is told. */
void device_break(struct device *, unsigned int queue, const char *why);
/* See in_flight. */
void device_drained(struct device *);
/* See flush; error is an errno or 0. */
void device_flushed(struct device *, int error);

extern const msg_handler device_from_vm[MSG__COUNT];

#endif /* DEVICE_H */
