/* SPDX-License-Identifier: ISC */
/*
 * virtio 1.x over PCI: the registers a driver sees (virtio 1.2, 4.1), and the
 * control link to the process that is the device.
 *
 * Runs in the VM process, machine lock held.  Control plane only: rings are
 * never read here.  The guest's notifications go from KVM to the device
 * process (ioeventfd), its interrupts from there to KVM (irqfd).  A device
 * process that breaks or dies costs the guest DEVICE_NEEDS_RESET.
 */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/msg.h"
#include "pci/pci.h"
#include "pci/virtio_class.h"
#include "vmd_msg.h"

struct state_buf;
struct virtio_device;
struct virtio_log;

/* What a device process is told of guest memory, and by which descriptor
 * (borrowed; sent as a duplicate). */
struct virtio_memory {
	int fd;
	struct msg_dev_memory map;
	bool on_demand; /* its pages come when they are touched */
	int faults_fd; /* borrowed, on_demand: /dev/userfaultfd */
};

/* Told about the device by name ("blk0"); machine lock held. */
struct virtio_events {
	void *arg;
	/* The process said hello: the guest may see the device. */
	void (*ready)(void *arg, struct virtio_device *);
	/* The device broke (why, escaped by the log) or, gone true, its
	 * process ended.  A new process may be attached, not from in here. */
	void (*broken)(
	    void *arg, struct virtio_device *, bool gone, const char *why);
	/* The answer to virtio_stop. */
	void (*stopped)(void *arg, struct virtio_device *);
	/* virtio_log_is_on() has become true.  NULL: nobody asks. */
	void (*logging)(void *arg, struct virtio_device *);
	/* virtio_is_flushing() has become false.  NULL: nobody asks. */
	void (*flushed)(void *arg, struct virtio_device *);
	/* With memory on demand: the descriptor (taken) on which the process
	 * asks for its pages, and its addresses; -1 and NULL: it has gone. */
	void (*faults)(void *arg, struct virtio_device *, int fd,
	    const struct msg_dev_faults *);
};

/*
 * Adds a device of a kind to the bus, in the first free slot.  Borrows memory
 * and events.  It works once a process has been attached and is ready.
 * Returns owned; NULL with errno.
 */
struct virtio_device *virtio_new(struct pci *, const struct virtio_class *,
    unsigned int index, const struct virtio_memory *,
    const struct virtio_events *);
void virtio_free(struct virtio_device *);
const char *virtio_name(const struct virtio_device *);
const struct virtio_class *virtio_get_class(const struct virtio_device *);
unsigned int virtio_index(const struct virtio_device *);

/* Connects a (new) device process; takes fd, this end of its link.  What the
 * guest has set up already is passed on as soon as it says hello.  -1 with
 * errno. */
int virtio_attach(struct virtio_device *, int fd);
bool virtio_is_attached(const struct virtio_device *);
/* It has said hello: the guest may be started. */
bool virtio_is_ready(const struct virtio_device *);

/* Pausing: asks the process to finish what it has begun and begin nothing
 * more; events.stopped follows, at once when there is nothing to stop. */
void virtio_stop(struct virtio_device *);
void virtio_continue(struct virtio_device *);
/* It was asked to stop and has not answered. */
bool virtio_is_stopping(const struct virtio_device *);

/* Has a net device tell its network, several times within a second, that its
 * MAC address is here now (RFC 903); nothing on other devices. */
void virtio_announce(struct virtio_device *);

/*
 * State as in pci/state.h; PCI's is loaded before.  Saving wants a device that
 * is stopped (virtio_stop() and events.stopped), loading one that is and that
 * no driver has touched; else errno EBUSY.  A process may be attached before
 * or after: it is told of the queues, and goes on where they stand when the
 * device continues.  One that offers less than the driver uses is refused.
 */
int virtio_save(struct virtio_device *, struct state_buf *);
int virtio_load(struct virtio_device *, struct state_buf *);

/* For the test that walks the message table. */
extern const msg_handler vm_from_device[MSG__COUNT];

#endif /* VIRTIO_PCI_H */
