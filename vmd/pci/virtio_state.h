/* SPDX-License-Identifier: ISC */
/*
 * What virtio_pci.c (the PCI device), virtio_common.c (its common registers),
 * virtio_link.c, virtio_log.c and virtio_flush.c (the control link) and
 * virtio_save.c (the state as bytes) share; for these files only.
 */
#ifndef VIRTIO_STATE_H
#define VIRTIO_STATE_H

#include "ipc/log.h"
#include "ipc/msg.h"
#include "pci/msix.h"
#include "pci/virtio_pci.h"

/* Device status (virtio 1.2, 2.1). */
#define STATUS_ACKNOWLEDGE 0x01
#define STATUS_DRIVER 0x02
#define STATUS_DRIVER_OK 0x04
#define STATUS_FEATURES_OK 0x08
#define STATUS_NEEDS_RESET 0x40
#define STATUS_FAILED 0x80

#define ISR_QUEUE 0x01
#define ISR_CONFIG 0x02

#define VIRTIO_F_VERSION_1 (1ULL << 32)
/* Never offered to the driver, whatever a device process says. */
#define FEATURES_ALLOWED                                                 \
	(VIRTIO_F_VERSION_1 | 0xffffffULL /* the device's own: 0-23 */ | \
	    1ULL << 28 /* INDIRECT_DESC */ | 1ULL << 29 /* EVENT_IDX */)

struct virtio_queue {
	struct virtio_device *dev;
	struct msix_source call; /* owns its eventfd: device to guest */
	int kick; /* owned eventfd: guest to device */
	void *watch; /* of call, while INTx is in use */
	uint16_t port; /* of the ioeventfd, 0: none */
	uint16_t size;
	bool enabled;
	/* Where both rings stand, as the process said when it stopped; it has
	 * nothing in flight then.  It begins there when it is told again. */
	uint16_t next;
	bool waits; /* loaded: an interrupt that the guest has masked */
	uint64_t desc; /* guest physical addresses */
	uint64_t driver;
	uint64_t device;
};

struct virtio_device {
	struct pci *pci;
	struct pci_device *pdev;
	struct msix *msix;
	const struct virtio_class *class;
	const struct virtio_memory *memory;
	const struct virtio_events *events;
	unsigned int index;
	char name[16];
	struct log_limit limit; /* of lines that the driver can cause */
	unsigned int window; /* offset of the pci-cfg capability */

	/* registers */
	uint32_t device_feature_select;
	uint32_t driver_feature_select;
	uint64_t offered;
	uint64_t driver_features;
	uint16_t config_vector;
	uint16_t queue_select;
	uint8_t status;
	uint8_t isr;
	uint8_t generation;
	struct virtio_queue queue[VIRTIO_QUEUES_MAX];
	uint8_t config[VIRTIO_CONFIG_MAX];
	size_t config_len;

	/* the device process */
	struct msg_link link;
	void *link_watch;
	bool hello;
	bool live; /* it was told of the queues and not reset since */
	bool resetting; /* it was told to reset and has not done so yet */
	bool faults; /* it has sent where it asks for missing pages */
	uint8_t status_before; /* what the guest reads meanwhile */
	bool paused; /* the VM is, or is about to be */
	bool stopping; /* it was told to stop and has not done so yet */
	bool loaded; /* and not gone on since */
	bool config_new; /* loaded, and the process has another one */
	const struct virtio_log *log; /* borrowed; NULL: off */
	struct virtio_disk_log *disk_log; /* borrowed; NULL: none */
	bool log_asked; /* it was given the log and has not answered */
	bool log_on; /* it has answered */
	bool announce; /* once it has said hello */
	bool flushing; /* it was told to flush and has not answered */
	bool flush_again; /* as soon as it has */
	int flush_error; /* of the last flush */
};

/* virtio_common.c */

#define VIRTIO_COMMON_LENGTH 56
/* A register, by its exact offset and width; others read 0. */
uint32_t virtio_common_read(
    struct virtio_device *, uint64_t off, unsigned int len);
void virtio_common_write(
    struct virtio_device *, uint64_t off, unsigned int len, uint32_t value);
/* What a driver's reset does. */
void virtio_common_reset(struct virtio_device *);

/* virtio_link.c */

/* Tells the process what the driver has set up, if it is time to. */
void virtio_link_push(struct virtio_device *);
/* The driver has reset the device, whose registers are clear already. */
void virtio_link_reset(struct virtio_device *);
/* The configuration space that a process brought; a guest that knows another
 * one learns it by the generation. */
void virtio_link_config(struct virtio_device *, const void *config, size_t len);
/* Closes the link, if there is one, without any effect on the guest. */
void virtio_link_close(struct virtio_device *);

/* Ends the link because of what the process did; arg is the device. */
void virtio_link_gone(void *arg, const char *why);
/* Sends a duplicate of fd.  -1 with errno. */
int virtio_link_send_fd(struct virtio_device *, enum msg_type, int fd,
    const void *payload, size_t len);

/* virtio_log.c */

/* The process has said hello and is told of memory, of nothing else yet.  -1
 * when it does not take messages. */
int virtio_log_hello(struct virtio_device *);
/* The link is closed. */
void virtio_log_close(struct virtio_device *);
/* Handler of DEV_LOG_ON. */
void virtio_log_answer(void *arg, struct msg *);

/* virtio_flush.c */

/* The link is closed; whether somebody waits for the answer. */
bool virtio_flush_close(struct virtio_device *);
/* Handler of DEV_FLUSHED. */
void virtio_flush_answer(void *arg, struct msg *);

/* virtio_pci.c */

/* ioeventfds and watches, after what they depend on has changed. */
void virtio_update(struct virtio_device *);
/* Sends a configuration change interrupt. */
void virtio_config_changed(struct virtio_device *);
/* The device is of no use until the driver resets it. */
void virtio_needs_reset(struct virtio_device *);
/* Forgets what is pending in the queues' eventfds. */
void virtio_drain(struct virtio_device *);

#endif /* VIRTIO_STATE_H */
