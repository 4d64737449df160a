/* SPDX-License-Identifier: ISC */
/*
 * The registers of a virtio device on PCI (virtio 1.2, 4.1): see virtio_pci.h.
 *
 * Runs in the VM process, machine lock held.  All registers are in one I/O BAR,
 * whose exits are cheaper than those of memory: common configuration at 0,
 * notifications at 0x100, ISR at 0x200, device configuration at 0x300.  A
 * write to a queue's notification port does not even leave the kernel.
 */
#include "pci/virtio_pci.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "pci/virtio_state.h"

#define BAR_IO 0
#define BAR_MSIX 1
#define REGION_SIZE 0x100
#define REGION_COMMON (0 * REGION_SIZE)
#define REGION_NOTIFY (1 * REGION_SIZE)
#define REGION_ISR (2 * REGION_SIZE)
#define REGION_DEVICE (3 * REGION_SIZE)
#define BAR_IO_SIZE (4 * REGION_SIZE)
#define NOTIFY_STEP 4 /* ports from one queue's to the next's */
#define NOTIFY_LEN 2 /* what drivers write without NOTIFICATION_DATA */

#define CAP_VENDOR 0x09
#define CAP_COMMON 1
#define CAP_NOTIFY 2
#define CAP_ISR 3
#define CAP_DEVICE 4
#define CAP_PCI 5
#define CAP_BAR 4 /* offsets in a capability */
#define CAP_OFFSET 8
#define CAP_LENGTH 12
#define CAP_WINDOW 16
#define CAP_SIZE 16
#define CAP_SIZE_EXTRA 20

/* --- the I/O BAR ---------------------------------------------------------- */

static uint64_t
virtio_config_read(
    const struct virtio_device *v, uint64_t off, unsigned int len)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < len && off + i < v->config_len; i++)
		value |= (uint64_t)v->config[off + i] << 8 * i;
	return value;
}

static uint64_t
virtio_isr_read(struct virtio_device *v)
{
	uint8_t isr = v->isr;

	v->isr = 0;
	pci_set_intx(v->pdev, false);
	return isr;
}

static uint64_t
virtio_io_read(void *arg, uint64_t off, unsigned int len)
{
	struct virtio_device *v = arg;
	uint64_t in = off % REGION_SIZE;

	switch (off - in) {
	case REGION_COMMON:
		return virtio_common_read(v, in, len);
	case REGION_ISR:
		return in == 0 ? virtio_isr_read(v) : 0;
	case REGION_DEVICE:
		return virtio_config_read(v, in, len);
	default:
		return 0;
	}
}

/* A notification that took the long way: before DRIVER_OK, or by a width or
 * window that KVM does not watch. */
static void
virtio_notify(struct virtio_device *v, uint64_t in)
{
	uint64_t queue = in / NOTIFY_STEP;

	if (in % NOTIFY_STEP == 0 && queue < v->class->queues)
		eventfd_write(v->queue[queue].kick, 1);
}

static void
virtio_io_write(void *arg, uint64_t off, unsigned int len, uint64_t value)
{
	struct virtio_device *v = arg;
	uint64_t in = off % REGION_SIZE;

	if (off - in == REGION_NOTIFY)
		virtio_notify(v, in);
	else if (off - in == REGION_COMMON)
		virtio_common_write(v, in, len, (uint32_t)value);
}

static const struct bus_ops virtio_io_ops = {
	.read = virtio_io_read,
	.write = virtio_io_write,
};

/* --- interrupts and notifications ----------------------------------------- */

static void
virtio_interrupt(struct virtio_device *v, uint8_t isr)
{
	v->isr |= isr;
	pci_set_intx(v->pdev, true);
}

void
virtio_config_changed(struct virtio_device *v)
{
	if (!(v->status & STATUS_DRIVER_OK))
		return;
	if (msix_is_enabled(v->msix))
		msix_send(v->msix, v->config_vector);
	else
		virtio_interrupt(v, ISR_CONFIG);
}

void
virtio_needs_reset(struct virtio_device *v)
{
	if (v->status == 0 || (v->status & STATUS_NEEDS_RESET))
		return;
	v->status |= STATUS_NEEDS_RESET;
	virtio_config_changed(v);
}

/* The device process has signalled a queue, and INTx is in use. */
static void
virtio_call_ready(void *arg)
{
	struct virtio_queue *q = arg;
	eventfd_t count;

	if (eventfd_read(q->call.fd, &count) == 0)
		virtio_interrupt(q->dev, ISR_QUEUE);
}

static void
virtio_update_watch(struct virtio_queue *q, bool wanted)
{
	const struct pci_host *host = pci_get_host(q->dev->pci);

	if (wanted && q->watch == NULL) {
		q->watch =
		    host->watch(host->arg, q->call.fd, virtio_call_ready, q);
		if (q->watch == NULL)
			log_guest(&q->dev->limit, "virtio",
			    "%s: watching interrupts: %s", q->dev->name,
			    strerror(errno));
	} else if (!wanted && q->watch != NULL) {
		host->unwatch(host->arg, q->watch);
		q->watch = NULL;
	}
}

static void
virtio_update_port(struct virtio_queue *q, uint16_t port)
{
	const struct pci_host *host = pci_get_host(q->dev->pci);

	if (q->port == port)
		return;
	if (q->port != 0)
		host->ioeventfd_remove(host->arg, q->port, NOTIFY_LEN, q->kick);
	q->port = 0;
	if (port == 0)
		return;
	if (host->ioeventfd_add(host->arg, port, NOTIFY_LEN, q->kick) == 0)
		q->port = port;
	else
		log_guest(&q->dev->limit, "virtio",
		    "%s: notifications take the slow way: %s", q->dev->name,
		    strerror(errno));
}

void
virtio_update(struct virtio_device *v)
{
	bool intx = !msix_is_enabled(v->msix);
	uint32_t base = pci_bar_is_mapped(v->pdev, BAR_IO)
	    ? pci_bar_addr(v->pdev, BAR_IO) + REGION_NOTIFY
	    : 0;

	for (unsigned int i = 0; i < v->class->queues; i++) {
		struct virtio_queue *q = &v->queue[i];
		bool on = v->live && q->enabled;

		virtio_update_watch(q, on && intx);
		virtio_update_port(q,
		    on && base != 0 ? (uint16_t)(base + i * NOTIFY_STEP) : 0);
	}
}

void
virtio_drain(struct virtio_device *v)
{
	for (unsigned int i = 0; i < v->class->queues; i++) {
		eventfd_t count;

		eventfd_read(v->queue[i].call.fd, &count);
		eventfd_read(v->queue[i].kick, &count);
	}
}

static void
virtio_msix_changed(void *arg)
{
	struct virtio_device *v = arg;

	if (msix_is_enabled(v->msix))
		pci_set_intx(v->pdev, false);
	virtio_update(v);
}

/* --- the window in configuration space (4.1.4.9) -------------------------- */

static bool
virtio_window(struct virtio_device *v, unsigned int off, unsigned int len,
    uint32_t *bar_off, unsigned int *bar_len)
{
	const uint8_t *c = pci_config(v->pdev) + v->window;

	if (off >= v->window + CAP_SIZE_EXTRA ||
	    off + len <= v->window + CAP_WINDOW)
		return false;
	memcpy(bar_off, c + CAP_OFFSET, 4);
	memcpy(bar_len, c + CAP_LENGTH, 4);
	return (*bar_len == 1 || *bar_len == 2 || *bar_len == 4) &&
	    *bar_off % *bar_len == 0;
}

static void
virtio_pci_config_read(void *arg, unsigned int off, unsigned int len)
{
	struct virtio_device *v = arg;
	uint8_t *c = pci_config(v->pdev) + v->window;
	uint32_t bar_off, value;
	unsigned int bar_len;

	if (!virtio_window(v, off, len, &bar_off, &bar_len))
		return;
	value = (uint32_t)pci_bar_read(v->pdev, c[CAP_BAR], bar_off, bar_len);
	memcpy(c + CAP_WINDOW, &value, bar_len);
}

static void
virtio_pci_config_write(void *arg, unsigned int off, unsigned int len)
{
	struct virtio_device *v = arg;
	const uint8_t *c = pci_config(v->pdev) + v->window;
	uint32_t bar_off, value;
	unsigned int bar_len;

	msix_config_write(v->msix, off, len);
	if (!virtio_window(v, off, len, &bar_off, &bar_len))
		return;
	memcpy(&value, c + CAP_WINDOW, 4);
	pci_bar_write(v->pdev, c[CAP_BAR], bar_off, bar_len, value);
}

static void
virtio_bar_mapped(void *arg, unsigned int bar, bool mapped)
{
	(void)mapped;
	if (bar == BAR_IO)
		virtio_update(arg);
}

static void
virtio_pci_reset(void *arg)
{
	struct virtio_device *v = arg;

	msix_reset(v->msix);
	virtio_common_reset(v);
}

static const struct pci_device_ops virtio_pci_ops = {
	.config_read = virtio_pci_config_read,
	.config_write = virtio_pci_config_write,
	.bar_mapped = virtio_bar_mapped,
	.reset = virtio_pci_reset,
};

/* --- life ------------------------------------------------------------------
 */

static int
virtio_add_caps(struct virtio_device *v)
{
	static const struct {
		uint8_t type, len;
		uint16_t off, length;
	} rows[] = {
		{ CAP_COMMON, CAP_SIZE, REGION_COMMON, VIRTIO_COMMON_LENGTH },
		{ CAP_ISR, CAP_SIZE, REGION_ISR, 1 },
		{ CAP_DEVICE, CAP_SIZE, REGION_DEVICE, REGION_SIZE },
		{ CAP_NOTIFY, CAP_SIZE_EXTRA, REGION_NOTIFY, REGION_SIZE },
		{ CAP_PCI, CAP_SIZE_EXTRA, 0, 0 },
	};
	int at = -1;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t cap[CAP_SIZE_EXTRA] = { CAP_VENDOR, 0, rows[i].len,
			rows[i].type, BAR_IO };

		cap[CAP_OFFSET + 1] = (uint8_t)(rows[i].off >> 8);
		cap[CAP_LENGTH] = (uint8_t)rows[i].length;
		cap[CAP_LENGTH + 1] = (uint8_t)(rows[i].length >> 8);
		if (rows[i].type == CAP_NOTIFY)
			cap[CAP_SIZE] = NOTIFY_STEP;
		if ((at = pci_add_cap(v->pdev, cap, rows[i].len)) == -1)
			return -1;
	}
	v->window = (unsigned int)at;
	pci_config_wmask(v->pdev)[v->window + CAP_BAR] = 0xff;
	memset(pci_config_wmask(v->pdev) + v->window + CAP_OFFSET, 0xff,
	    CAP_SIZE_EXTRA - CAP_OFFSET);
	return 0;
}

static int
virtio_add_queues(struct virtio_device *v)
{
	for (unsigned int i = 0; i < v->class->queues; i++) {
		struct virtio_queue *q = &v->queue[i];

		q->dev = v;
		q->call.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		q->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (q->call.fd == -1 || q->kick == -1 ||
		    msix_add(v->msix, &q->call) == -1)
			return -1;
	}
	return 0;
}

static int
virtio_setup_pci(struct virtio_device *v)
{
	const struct pci_ids ids = {
		.vendor = 0x1af4,
		.device = (uint16_t)(0x1040 + v->class->virtio_id),
		.sub_vendor = 0x1af4,
		.sub_device = 0x1100,
		.class = v->class->pci_class,
		.revision = 1,
		.intx = true,
	};

	v->pdev = pci_add(v->pci, -1, v->name, &ids, &virtio_pci_ops, v);
	if (v->pdev == NULL ||
	    pci_add_bar(v->pdev, BAR_IO, BUS_PIO, BAR_IO_SIZE, &virtio_io_ops,
		v) == -1 ||
	    virtio_add_caps(v) == -1)
		return -1;
	/* One vector per queue and one for configuration changes. */
	v->msix = msix_new(
	    v->pdev, BAR_MSIX, v->class->queues + 1, virtio_msix_changed, v);
	return v->msix == NULL ? -1 : virtio_add_queues(v);
}

struct virtio_device *
virtio_new(struct pci *pci, const struct virtio_class *class,
    unsigned int index, const struct virtio_memory *memory,
    const struct virtio_events *events)
{
	struct virtio_device *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->pci = pci;
	v->class = class;
	v->index = index;
	v->memory = memory;
	v->events = events;
	v->link.fd = -1;
	snprintf(v->name, sizeof(v->name), "%s%u", class->name, index);
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++)
		v->queue[i].kick = v->queue[i].call.fd = -1;
	if (virtio_setup_pci(v) == -1) {
		int error = errno;

		virtio_free(v);
		errno = error;
		return NULL;
	}
	virtio_common_reset(v);
	return v;
}

void
virtio_free(struct virtio_device *v)
{
	if (v == NULL)
		return;
	v->live = false;
	if (v->msix != NULL)
		virtio_update(v);
	virtio_link_close(v);
	if (v->pdev != NULL)
		pci_remove(v->pdev);
	msix_free(v->msix);
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		if (v->queue[i].kick != -1)
			close(v->queue[i].kick);
		if (v->queue[i].call.fd != -1)
			close(v->queue[i].call.fd);
	}
	free(v);
}

const char *
virtio_name(const struct virtio_device *v)
{
	return v->name;
}

const struct virtio_class *
virtio_get_class(const struct virtio_device *v)
{
	return v->class;
}

unsigned int
virtio_index(const struct virtio_device *v)
{
	return v->index;
}
