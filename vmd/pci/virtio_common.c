/* SPDX-License-Identifier: ISC */
/*
 * The common configuration registers of a virtio device (virtio 1.2, 4.1.4.3):
 * negotiation, status, the parameters of queues.
 *
 * Runs in the VM process, machine lock held.  A register is a row with what
 * reads and what writes it; a queue that is enabled does not change any more
 * before a reset, and features do not after FEATURES_OK.
 */
#include <stddef.h>

#include "pci/virtio_state.h"

static struct virtio_queue *
virtio_selected(struct virtio_device *v)
{
	return v->queue_select < v->class->queues ? &v->queue[v->queue_select]
						  : NULL;
}

/* The selected queue, while its parameters may still be changed. */
static struct virtio_queue *
virtio_setup(struct virtio_device *v)
{
	struct virtio_queue *q = virtio_selected(v);

	return q == NULL || q->enabled ? NULL : q;
}

static uint32_t
get_device_feature_select(struct virtio_device *v)
{
	return v->device_feature_select;
}

static void
set_device_feature_select(struct virtio_device *v, uint32_t value)
{
	v->device_feature_select = value;
}

static uint32_t
get_device_feature(struct virtio_device *v)
{
	return v->device_feature_select > 1
	    ? 0
	    : (uint32_t)(v->offered >> 32 * v->device_feature_select);
}

static uint32_t
get_driver_feature_select(struct virtio_device *v)
{
	return v->driver_feature_select;
}

static void
set_driver_feature_select(struct virtio_device *v, uint32_t value)
{
	v->driver_feature_select = value;
}

static uint32_t
get_driver_feature(struct virtio_device *v)
{
	return v->driver_feature_select > 1
	    ? 0
	    : (uint32_t)(v->driver_features >> 32 * v->driver_feature_select);
}

static void
set_driver_feature(struct virtio_device *v, uint32_t value)
{
	unsigned int shift = 32 * v->driver_feature_select;

	if (v->driver_feature_select > 1 || (v->status & STATUS_FEATURES_OK))
		return;
	v->driver_features &= ~(0xffffffffULL << shift);
	v->driver_features |= (uint64_t)value << shift;
}

static uint32_t
get_config_vector(struct virtio_device *v)
{
	return v->config_vector;
}

static void
set_config_vector(struct virtio_device *v, uint32_t value)
{
	v->config_vector =
	    value < msix_vectors(v->msix) ? (uint16_t)value : MSIX_NO_VECTOR;
}

static uint32_t
get_num_queues(struct virtio_device *v)
{
	return v->class->queues;
}

static uint32_t
get_status(struct virtio_device *v)
{
	/* Zero only once the process no longer touches the rings. */
	return v->status == 0 && v->resetting ? v->status_before : v->status;
}

void
virtio_common_reset(struct virtio_device *v)
{
	v->status_before = v->status;
	v->status = 0;
	v->driver_features = 0;
	v->device_feature_select = v->driver_feature_select = 0;
	v->queue_select = 0;
	v->config_vector = MSIX_NO_VECTOR;
	v->isr = 0;
	v->loaded = v->config_new = false;
	pci_set_intx(v->pdev, false);
	for (unsigned int i = 0; i < v->class->queues; i++) {
		struct virtio_queue *q = &v->queue[i];

		q->size = (uint16_t)v->class->queue_size;
		q->enabled = q->waits = false;
		q->next = 0;
		q->desc = q->driver = q->device = 0;
		msix_set_vector(v->msix, &q->call, MSIX_NO_VECTOR);
	}
	virtio_drain(v);
	virtio_link_reset(v);
	virtio_update(v);
}

static void
set_status(struct virtio_device *v, uint32_t value)
{
	uint8_t set = (uint8_t)value & ~v->status;

	if ((uint8_t)value == 0) {
		virtio_common_reset(v);
		return;
	}
	v->status |= set & (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FAILED);
	if ((set & STATUS_FEATURES_OK) &&
	    (v->driver_features & ~v->offered) == 0 &&
	    (v->driver_features & VIRTIO_F_VERSION_1))
		v->status |= STATUS_FEATURES_OK;
	if ((set & STATUS_DRIVER_OK) && (v->status & STATUS_FEATURES_OK)) {
		v->status |= STATUS_DRIVER_OK;
		virtio_link_push(v);
	}
}

static uint32_t
get_generation(struct virtio_device *v)
{
	return v->generation;
}

static uint32_t
get_queue_select(struct virtio_device *v)
{
	return v->queue_select;
}

static void
set_queue_select(struct virtio_device *v, uint32_t value)
{
	v->queue_select = (uint16_t)value;
}

static uint32_t
get_queue_size(struct virtio_device *v)
{
	struct virtio_queue *q = virtio_selected(v);

	return q == NULL ? 0 : q->size;
}

static void
set_queue_size(struct virtio_device *v, uint32_t value)
{
	struct virtio_queue *q = virtio_setup(v);

	if (q != NULL && value != 0 && value <= v->class->queue_size &&
	    (value & (value - 1)) == 0)
		q->size = (uint16_t)value;
}

static uint32_t
get_queue_vector(struct virtio_device *v)
{
	struct virtio_queue *q = virtio_selected(v);

	return q == NULL ? MSIX_NO_VECTOR : q->call.vector;
}

static void
set_queue_vector(struct virtio_device *v, uint32_t value)
{
	struct virtio_queue *q = virtio_selected(v);

	if (q != NULL)
		msix_set_vector(v->msix, &q->call, (uint16_t)value);
}

static uint32_t
get_queue_enable(struct virtio_device *v)
{
	struct virtio_queue *q = virtio_selected(v);

	return q != NULL && q->enabled;
}

static void
set_queue_enable(struct virtio_device *v, uint32_t value)
{
	struct virtio_queue *q = virtio_setup(v);

	if (q != NULL && value == 1 && !(v->status & STATUS_DRIVER_OK))
		q->enabled = true;
}

static uint32_t
get_queue_notify_off(struct virtio_device *v)
{
	return v->queue_select;
}

#define QUEUE_ADDRESS(part)                                                  \
	static uint32_t get_queue_##part##_lo(struct virtio_device *v)       \
	{                                                                    \
		struct virtio_queue *q = virtio_selected(v);                 \
                                                                             \
		return q == NULL ? 0 : (uint32_t)q->part;                    \
	}                                                                    \
	static uint32_t get_queue_##part##_hi(struct virtio_device *v)       \
	{                                                                    \
		struct virtio_queue *q = virtio_selected(v);                 \
                                                                             \
		return q == NULL ? 0 : (uint32_t)(q->part >> 32);            \
	}                                                                    \
	static void set_queue_##part##_lo(                                   \
	    struct virtio_device *v, uint32_t value)                         \
	{                                                                    \
		struct virtio_queue *q = virtio_setup(v);                    \
                                                                             \
		if (q != NULL)                                               \
			q->part = (q->part & ~0xffffffffULL) | value;        \
	}                                                                    \
	static void set_queue_##part##_hi(                                   \
	    struct virtio_device *v, uint32_t value)                         \
	{                                                                    \
		struct virtio_queue *q = virtio_setup(v);                    \
                                                                             \
		if (q != NULL)                                               \
			q->part = (uint32_t)q->part | (uint64_t)value << 32; \
	}
QUEUE_ADDRESS(desc)
QUEUE_ADDRESS(driver)
QUEUE_ADDRESS(device)

/* The registers of virtio 1.2, 4.1.4.3; a driver uses their exact width. */
static const struct virtio_register {
	uint8_t off;
	uint8_t len;
	uint32_t (*get)(struct virtio_device *);
	void (*set)(struct virtio_device *, uint32_t);
} registers[] = {
	{ 0, 4, get_device_feature_select, set_device_feature_select },
	{ 4, 4, get_device_feature, NULL },
	{ 8, 4, get_driver_feature_select, set_driver_feature_select },
	{ 12, 4, get_driver_feature, set_driver_feature },
	{ 16, 2, get_config_vector, set_config_vector },
	{ 18, 2, get_num_queues, NULL },
	{ 20, 1, get_status, set_status },
	{ 21, 1, get_generation, NULL },
	{ 22, 2, get_queue_select, set_queue_select },
	{ 24, 2, get_queue_size, set_queue_size },
	{ 26, 2, get_queue_vector, set_queue_vector },
	{ 28, 2, get_queue_enable, set_queue_enable },
	{ 30, 2, get_queue_notify_off, NULL },
	{ 32, 4, get_queue_desc_lo, set_queue_desc_lo },
	{ 36, 4, get_queue_desc_hi, set_queue_desc_hi },
	{ 40, 4, get_queue_driver_lo, set_queue_driver_lo },
	{ 44, 4, get_queue_driver_hi, set_queue_driver_hi },
	{ 48, 4, get_queue_device_lo, set_queue_device_lo },
	{ 52, 4, get_queue_device_hi, set_queue_device_hi },
};
static const struct virtio_register *
virtio_common_find(uint64_t off, unsigned int len)
{
	for (unsigned int i = 0; i < sizeof(registers) / sizeof(registers[0]);
	     i++)
		if (registers[i].off == off && registers[i].len == len)
			return &registers[i];
	return NULL;
}

uint32_t
virtio_common_read(struct virtio_device *v, uint64_t off, unsigned int len)
{
	const struct virtio_register *r = virtio_common_find(off, len);

	return r == NULL ? 0 : r->get(v);
}

void
virtio_common_write(
    struct virtio_device *v, uint64_t off, unsigned int len, uint32_t value)
{
	const struct virtio_register *r = virtio_common_find(off, len);

	if (r != NULL && r->set != NULL)
		r->set(v, value);
}
