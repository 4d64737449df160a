/* SPDX-License-Identifier: ISC */
/*
 * The state of a virtio device on PCI: what the driver has set up, and where
 * its queues stand.
 *
 * Runs in the VM process, machine lock held, while the device process is
 * stopped.  Requests in flight are none then.  Addresses of rings are loaded as
 * they are: the device process checks them, as it does those of a driver.
 */
#include <errno.h>
#include <string.h>

#include "pci/state.h"
#include "pci/virtio_state.h"

static const struct state_field virtio_fields[] = {
	STATE_ANY(struct virtio_device, device_feature_select),
	STATE_ANY(struct virtio_device, driver_feature_select),
	STATE_BITS(struct virtio_device, offered, FEATURES_ALLOWED),
	STATE_ANY(struct virtio_device, driver_features),
	STATE_ANY(struct virtio_device, config_vector),
	STATE_ANY(struct virtio_device, queue_select),
	STATE_BITS(struct virtio_device, status,
	    STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK |
		STATUS_FEATURES_OK | STATUS_NEEDS_RESET | STATUS_FAILED),
	STATE_BITS(struct virtio_device, isr, ISR_QUEUE | ISR_CONFIG),
	STATE_ANY(struct virtio_device, generation),
	STATE_ARRAY(struct virtio_device, config),
	STATE_MAX(struct virtio_device, config_len, VIRTIO_CONFIG_MAX),
};
static const struct state_table virtio_table =
    STATE_TABLE("virtio", 1, virtio_fields);

static const struct state_field virtio_queue_fields[] = {
	STATE_ANY(struct virtio_queue, size),
	STATE_BOOL(struct virtio_queue, enabled),
	STATE_ANY(struct virtio_queue, next),
	STATE_BOOL(struct virtio_queue, waits),
	STATE_ANY(struct virtio_queue, desc),
	STATE_ANY(struct virtio_queue, driver),
	STATE_ANY(struct virtio_queue, device),
	STATE_ANY(struct virtio_queue, call.vector),
};
static const struct state_table virtio_queue_table =
    STATE_TABLE("virtio queue", 1, virtio_queue_fields);

int
virtio_save(struct virtio_device *v, struct state_buf *buf)
{
	if (!v->paused || virtio_is_stopping(v)) {
		errno = EBUSY;
		return -1;
	}
	if (state_save(buf, &virtio_table, v) == -1)
		return -1;
	for (unsigned int i = 0; i < v->class->queues; i++) {
		struct virtio_queue q = v->queue[i];

		q.waits |= msix_source_waits(&q.call);
		if (state_save(buf, &virtio_queue_table, &q) == -1)
			return -1;
	}
	return msix_save(v->msix, buf);
}

static bool
virtio_vector_ok(const struct virtio_device *v, uint16_t vector)
{
	return vector == MSIX_NO_VECTOR || vector < msix_vectors(v->msix);
}

/* What negotiation would not have led to, with the process there is. */
static int
virtio_check(struct state_buf *buf, const struct virtio_device *v,
    const struct virtio_device *copy)
{
	uint8_t status = copy->status;
	uint64_t offered = copy->offered & (v->hello ? v->offered : UINT64_MAX);

	if (state_check(buf, &virtio_table, "config_vector",
		virtio_vector_ok(v, copy->config_vector)) == -1 ||
	    state_check(buf, &virtio_table, "status",
		!(status & STATUS_DRIVER_OK) ||
		    (status & STATUS_FEATURES_OK)) == -1)
		return -1;
	return state_check(buf, &virtio_table, "driver_features",
	    !(status & STATUS_FEATURES_OK) ||
		((copy->driver_features & ~offered) == 0 &&
		    (copy->driver_features & VIRTIO_F_VERSION_1)));
}

static int
virtio_load_queue(struct state_buf *buf, const struct virtio_device *v,
    struct virtio_queue *q)
{
	if (state_load(buf, &virtio_queue_table, q) == -1 ||
	    state_check(buf, &virtio_queue_table, "size",
		q->size != 0 && q->size <= v->class->queue_size &&
		    (q->size & (q->size - 1)) == 0) == -1)
		return -1;
	return state_check(buf, &virtio_queue_table, "call.vector",
	    virtio_vector_ok(v, q->call.vector));
}

/* Takes the registers of copy; the process, if there is one, stays. */
static void
virtio_become(struct virtio_device *v, const struct virtio_device *copy)
{
	const struct virtio_device was = *v;

	state_copy(&virtio_table, v, copy);
	v->loaded = true;
	if (v->hello) {
		virtio_link_config(v, was.config, was.config_len);
		v->offered = was.offered;
	}
	for (unsigned int i = 0; i < v->class->queues; i++) {
		struct virtio_queue *q = &v->queue[i];

		state_copy(&virtio_queue_table, q, &copy->queue[i]);
		msix_set_vector(v->msix, &q->call, q->call.vector);
	}
	virtio_link_push(v);
}

int
virtio_load(struct virtio_device *v, struct state_buf *buf)
{
	struct virtio_device copy = *v;

	if (!v->paused || v->live || v->resetting || v->status != 0) {
		errno = EBUSY;
		return -1;
	}
	if (state_load(buf, &virtio_table, &copy) == -1 ||
	    virtio_check(buf, v, &copy) == -1)
		return -1;
	for (unsigned int i = 0; i < v->class->queues; i++)
		if (virtio_load_queue(buf, v, &copy.queue[i]) == -1)
			return -1;
	if (msix_load(v->msix, buf) == -1)
		return -1;
	if (!buf->check)
		virtio_become(v, &copy);
	return 0;
}
