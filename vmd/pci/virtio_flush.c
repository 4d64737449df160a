/* SPDX-License-Identifier: ISC */
/*
 * Writing back a disk: see virtio_flush.h.
 *
 * Runs in the VM process, machine lock held.  At most one DEV_FLUSH is
 * unanswered: who asks while the medium takes its time is answered by one more.
 */
#include "pci/virtio_flush.h"

#include <errno.h>

#include "pci/virtio_state.h"

#define ERROR_MAX 4095U /* no errno is greater */

static void
virtio_flush_send(struct virtio_device *v)
{
	v->flush_again = false;
	v->flushing = true;
	if (MSG_SEND_EMPTY(&v->link, MSG_DEV_FLUSH, 0) == -1)
		virtio_link_gone(v, "does not take messages");
}

void
virtio_flush(struct virtio_device *v)
{
	v->flush_error = 0;
	if (v->class->kind != DEVICE_BLK)
		return;
	if (v->flushing)
		v->flush_again = true;
	else if (v->hello)
		virtio_flush_send(v);
	else
		v->flush_error = ENOTCONN;
}

bool
virtio_is_flushing(const struct virtio_device *v)
{
	return v->flushing;
}

int
virtio_flush_error(const struct virtio_device *v)
{
	return v->flush_error;
}

bool
virtio_flush_close(struct virtio_device *v)
{
	bool waited = v->flushing;

	v->flushing = v->flush_again = false;
	if (waited)
		v->flush_error = ENOTCONN;
	return waited;
}

void
virtio_flush_answer(void *arg, struct msg *m)
{
	const struct msg_dev_flushed *flushed = m->payload;
	struct virtio_device *v = arg;

	if (!v->flushing) {
		virtio_link_gone(v, "was not asked to flush");
		return;
	}
	if (v->flush_again) {
		virtio_flush_send(v);
		return;
	}
	v->flushing = false;
	v->flush_error =
	    flushed->error <= ERROR_MAX ? (int)flushed->error : EIO;
	if (v->events->flushed != NULL)
		v->events->flushed(v->events->arg, v);
}
