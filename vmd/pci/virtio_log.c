/* SPDX-License-Identifier: ISC */
/*
 * The log of what a device process writes: see virtio_log.h.
 *
 * Runs in the VM process, machine lock held.  At most one DEV_LOG is
 * unanswered, and its end is sent after the answer, so that a process which
 * hangs does not collect them, and an answer never means an earlier question.
 */
#include "pci/virtio_log.h"

#include "pci/virtio_state.h"

static int
virtio_log_send(struct virtio_device *v)
{
	const struct msg_dev_log m = { .pages = v->log->pages };
	const struct virtio_disk_log *disk = v->disk_log;
	struct msg_dev_disk_log chunks;

	v->log_asked = true;
	if (disk != NULL) {
		chunks.chunks = disk->chunks;
		if (virtio_link_send_fd(v, MSG_DEV_DISK_LOG, disk->fd, &chunks,
			sizeof(chunks)) == -1)
			return -1;
	}
	return virtio_link_send_fd(v, MSG_DEV_LOG, v->log->fd, &m, sizeof(m));
}

static int
virtio_log_send_end(struct virtio_device *v)
{
	v->log_on = false;
	return MSG_SEND_EMPTY(&v->link, MSG_DEV_LOG_END, 0);
}

void
virtio_disk_log(struct virtio_device *v, struct virtio_disk_log *log)
{
	v->disk_log = log;
}

/* A process ends, and what it wrote last may have gone without a note; the one
 * after it finds all of that on the disk. */
static void
virtio_log_lost(struct virtio_device *v)
{
	if (v->log != NULL && v->disk_log != NULL)
		__atomic_store_n(&v->disk_log->lost, 1, __ATOMIC_SEQ_CST);
}

void
virtio_log(struct virtio_device *v, const struct virtio_log *log)
{
	int r = 0;

	v->log = log;
	if (!v->hello || v->log_asked)
		return;
	if (log != NULL && !v->log_on)
		r = virtio_log_send(v);
	else if (log == NULL && v->log_on)
		r = virtio_log_send_end(v);
	if (r == -1)
		virtio_link_gone(v, "does not take messages");
}

bool
virtio_log_is_on(const struct virtio_device *v)
{
	return v->log != NULL && (!v->hello || v->log_on);
}

int
virtio_log_hello(struct virtio_device *v)
{
	virtio_log_lost(v);
	return v->log != NULL ? virtio_log_send(v) : 0;
}

void
virtio_log_close(struct virtio_device *v)
{
	virtio_log_lost(v);
	v->log_asked = v->log_on = false;
}

void
virtio_log_answer(void *arg, struct msg *m)
{
	struct virtio_device *v = arg;

	(void)m;
	if (!v->log_asked) {
		virtio_link_gone(v, "was not asked for a log");
		return;
	}
	v->log_asked = false;
	v->log_on = true;
	if (v->log == NULL) {
		if (virtio_log_send_end(v) == -1)
			virtio_link_gone(v, "does not take messages");
	} else if (v->events->logging != NULL)
		v->events->logging(v->events->arg, v);
}
