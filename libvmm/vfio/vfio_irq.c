/* SPDX-License-Identifier: ISC */
/*
 * Interrupts of an assigned device: VFIO signals an eventfd, KVM takes it as
 * an irqfd, and no thread of this process is in between.  A device has one
 * kind of interrupt at a time, as VFIO wants it.  Invariant: a vector that is
 * bound has an eventfd, and each eventfd here is known to VFIO.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "../handle.h"
#include "pptdev.h"

/* VFIO's numbers of what it reports besides interrupts, by our event. */
static const uint32_t irq_events[] = {
	[VM_PPTDEV_EVENT_ERROR] = VFIO_PCI_ERR_IRQ_INDEX,
	[VM_PPTDEV_EVENT_REQUEST] = VFIO_PCI_REQ_IRQ_INDEX,
};

#define IRQ_EVENTS (sizeof(irq_events) / sizeof(irq_events[0]))

static const uint32_t irq_index[] = {
	[VFIO_IRQ_INTX] = VFIO_PCI_INTX_IRQ_INDEX,
	[VFIO_IRQ_MSI] = VFIO_PCI_MSI_IRQ_INDEX,
	[VFIO_IRQ_MSIX] = VFIO_PCI_MSIX_IRQ_INDEX,
};

/* Connects count vectors from start to eventfds (-1: to none). */
static int
irq_set_fds(struct vm_pptdev *dev, uint32_t index, uint32_t action,
    uint32_t start, uint32_t count, const int32_t *fds)
{
	size_t size = sizeof(struct vfio_irq_set) + count * sizeof(*fds);
	struct vfio_irq_set *set = calloc(1, size);
	int rc, err;

	if (set == NULL)
		return -1;
	set->argsz = (uint32_t)size;
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | action;
	set->index = index;
	set->start = start;
	set->count = count;
	memcpy(set->data, fds, count * sizeof(*fds));
	rc = vfio_ioctl(dev, VFIO_DEVICE_SET_IRQS, set);
	err = errno;
	free(set);
	/* More than 0: so many vectors the host could have given. */
	errno = rc > 0 ? ENOSPC : err;
	return rc == 0 ? 0 : -1;
}

/* No eventfd of that index any more. */
static int
irq_set_none(struct vm_pptdev *dev, uint32_t index)
{
	struct vfio_irq_set set = { .argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index };

	return vfio_ioctl(dev, VFIO_DEVICE_SET_IRQS, &set);
}

static int
irq_limit(struct vm_pptdev *dev, uint32_t index, uint32_t *limit)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	if (vfio_ioctl(dev, VFIO_DEVICE_GET_IRQ_INFO, &info) == -1)
		return -1;
	*limit = (info.flags & VFIO_IRQ_INFO_EVENTFD) != 0 ? info.count : 0;
	return 0;
}

int
vfio_irq_init(struct vm_pptdev *dev)
{
	uint32_t i, n, limit;

	if (irq_limit(dev, VFIO_PCI_INTX_IRQ_INDEX, &dev->intx_limit) == -1 ||
	    irq_limit(dev, VFIO_PCI_MSI_IRQ_INDEX, &dev->msi_limit) == -1 ||
	    irq_limit(dev, VFIO_PCI_MSIX_IRQ_INDEX, &dev->msix_limit) == -1)
		return -1;
	if (dev->msi_limit > VFIO_MSI_MAX || dev->msix_limit > VFIO_MSIX_MAX) {
		errno = EPROTO;
		return -1;
	}
	/* Kernels that know less of these say EINVAL. */
	for (i = 0; i < IRQ_EVENTS; i++)
		dev->can_notify[i] =
		    irq_limit(dev, irq_events[i], &limit) == 0 && limit > 0;
	n = dev->msi_limit > dev->msix_limit ? dev->msi_limit : dev->msix_limit;
	if (n == 0)
		n = 1; /* INTx */
	dev->vector = calloc(n, sizeof(dev->vector[0]));
	if (dev->vector == NULL)
		return -1;
	for (i = 0; i < n; i++)
		dev->vector[i].fd = -1;
	return 0;
}

/* Makes a vector's eventfd, unless it has one. */
static int
irq_open(struct vm_pptdev *dev, struct vfio_vector *v)
{
	if (v->fd == -1)
		v->fd = dev->vfio->ops->eventfd(dev->vfio->arg);
	return v->fd == -1 ? -1 : 0;
}

/* Has KVM take a vector's eventfd as that message. */
static int
irq_bind(
    struct vm_pptdev *dev, struct vfio_vector *v, uint64_t addr, uint32_t data)
{
	if (v->bound)
		return vm_irqfd_update(dev->vm, v->route, addr, data);
	if (vm_irqfd_msi(dev->vm, v->fd, addr, data, &v->route) == -1)
		return -1;
	v->bound = true;
	return 0;
}

static int
irq_unbind(struct vm_pptdev *dev, struct vfio_vector *v)
{
	if (v->bound && vm_irqfd_remove(dev->vm, v->fd, v->route) == -1)
		return -1;
	v->bound = false;
	return 0;
}

/*
 * Ends the vectors of whatever kind there is.  Closing an eventfd ends what an
 * error leaves of it, in VFIO's hands or KVM's.
 */
static int
irq_release(struct vm_pptdev *dev)
{
	const struct vfio *vfio = dev->vfio;
	int rc = 0, err = 0;
	uint32_t i;

	for (i = 0; i < dev->nvectors; i++) {
		struct vfio_vector *v = &dev->vector[i];

		if (irq_unbind(dev, v) == -1) {
			err = errno;
			rc = -1;
		}
		v->bound = false;
		if (v->fd != -1)
			vfio->ops->close(vfio->arg, v->fd);
		v->fd = -1;
	}
	if (dev->resample_fd != -1)
		vfio->ops->close(vfio->arg, dev->resample_fd);
	dev->resample_fd = -1;
	dev->nvectors = 0;
	dev->irq = VFIO_IRQ_NONE;
	if (rc == -1)
		errno = err;
	return rc;
}

/* Ends interrupts of whatever kind there is. */
static int
irq_stop(struct vm_pptdev *dev)
{
	if (dev->irq == VFIO_IRQ_NONE)
		return 0;
	if (irq_set_none(dev, irq_index[dev->irq]) == -1)
		return -1;
	return irq_release(dev);
}

/* Undoes what has been begun, with the errno of the reason. */
static int
irq_give_up(struct vm_pptdev *dev)
{
	int err = errno;

	if (dev->irq != VFIO_IRQ_NONE)
		(void)irq_set_none(dev, irq_index[dev->irq]);
	(void)irq_release(dev);
	errno = err;
	return -1;
}

void
vfio_irq_fini(struct vm_pptdev *dev)
{
	if (dev->vector == NULL)
		return;
	if (dev->irq != VFIO_IRQ_NONE)
		(void)irq_set_none(dev, irq_index[dev->irq]);
	(void)irq_release(dev);
	free(dev->vector);
	dev->vector = NULL;
}

int
vm_get_pptdev_limits(struct vm_pptdev *dev, int *msi_limit, int *msix_limit)
{
	*msi_limit = (int)dev->msi_limit;
	*msix_limit = (int)dev->msix_limit;
	return 0;
}

/*
 * A level: VFIO masks the device when it signals, KVM signals resample_fd when
 * the guest is done, and that unmasks it.
 */
static int
irq_intx(struct vm_pptdev *dev, uint32_t gsi)
{
	struct vfio_vector *v = &dev->vector[0];
	int32_t fd;

	dev->nvectors = 1;
	dev->resample_fd = dev->vfio->ops->eventfd(dev->vfio->arg);
	if (dev->resample_fd == -1 || irq_open(dev, v) == -1 ||
	    vm_irqfd_add(dev->vm, v->fd, gsi, dev->resample_fd) == -1)
		return irq_give_up(dev);
	v->bound = true;
	v->route = gsi;
	fd = v->fd;
	if (irq_set_fds(dev, VFIO_PCI_INTX_IRQ_INDEX,
		VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, &fd) == -1)
		return irq_give_up(dev);
	dev->irq = VFIO_IRQ_INTX;
	fd = dev->resample_fd;
	if (irq_set_fds(dev, VFIO_PCI_INTX_IRQ_INDEX,
		VFIO_IRQ_SET_ACTION_UNMASK, 0, 1, &fd) == -1)
		return irq_give_up(dev);
	return 0;
}

int
vfio_irq_end(struct vm_pptdev *dev, enum vfio_irq_kind kind)
{
	if (dev->irq == kind && irq_stop(dev) == -1)
		return -1;
	/* As hardware does: without messages the line speaks again. */
	if (dev->irq == VFIO_IRQ_NONE && dev->intx_gsi != -1)
		return irq_intx(dev, (uint32_t)dev->intx_gsi);
	return 0;
}

int
vm_setup_intx(struct vm_pptdev *dev, int gsi)
{
	int rc = 0;

	if (gsi < -1 || gsi >= VMM_FIRST_MSI_ROUTE) {
		errno = EINVAL;
		return -1;
	}
	if (dev->intx_limit == 0) {
		errno = ENOTSUP;
		return -1;
	}
	pthread_mutex_lock(&dev->lock);
	if (gsi != dev->intx_gsi) {
		dev->intx_gsi = gsi;
		rc = vfio_irq_end(dev, VFIO_IRQ_INTX);
		if (rc == -1)
			dev->intx_gsi = -1;
	}
	pthread_mutex_unlock(&dev->lock);
	return rc;
}

int
vfio_irq_msi(
    struct vm_pptdev *dev, uint64_t addr, uint32_t data, uint32_t count)
{
	bool on = dev->irq == VFIO_IRQ_MSI && dev->nvectors == count;
	int32_t fds[VFIO_MSI_MAX];
	uint32_t i;

	if (count == 0)
		return vfio_irq_end(dev, VFIO_IRQ_MSI);
	if (count > dev->msi_limit || (count & (count - 1)) != 0) {
		errno = EINVAL;
		return -1;
	}
	if (!on && irq_stop(dev) == -1)
		return -1;
	dev->nvectors = count;
	for (i = 0; i < count; i++) {
		struct vfio_vector *v = &dev->vector[i];

		if (irq_open(dev, v) == -1 ||
		    irq_bind(dev, v, addr, data + i) == -1)
			return irq_give_up(dev);
		fds[i] = v->fd;
	}
	if (on)
		return 0;
	if (irq_set_fds(dev, VFIO_PCI_MSI_IRQ_INDEX,
		VFIO_IRQ_SET_ACTION_TRIGGER, 0, count, fds) == -1)
		return irq_give_up(dev);
	dev->irq = VFIO_IRQ_MSI;
	return 0;
}

int
vm_setup_msi(
    struct vm_pptdev *dev, uint64_t addr, uint32_t data, uint32_t count)
{
	int rc;

	pthread_mutex_lock(&dev->lock);
	rc = vfio_irq_msi(dev, addr, data, count);
	pthread_mutex_unlock(&dev->lock);
	return rc;
}

/*
 * All vectors at once, without eventfds: older kernels cannot add vectors to
 * those that are in use.
 */
int
vfio_irq_msix_on(struct vm_pptdev *dev)
{
	int32_t *fds;
	uint32_t i;
	int rc, err;

	if (dev->irq == VFIO_IRQ_MSIX)
		return 0;
	if (irq_stop(dev) == -1)
		return -1;
	fds = calloc(dev->msix_limit, sizeof(*fds));
	if (fds == NULL)
		return -1;
	for (i = 0; i < dev->msix_limit; i++)
		fds[i] = -1;
	rc = irq_set_fds(dev, VFIO_PCI_MSIX_IRQ_INDEX,
	    VFIO_IRQ_SET_ACTION_TRIGGER, 0, dev->msix_limit, fds);
	err = errno;
	free(fds);
	errno = err;
	if (rc == -1)
		return -1;
	dev->irq = VFIO_IRQ_MSIX;
	dev->nvectors = dev->msix_limit;
	return 0;
}

int
vfio_irq_msix(struct vm_pptdev *dev, uint32_t idx, uint64_t addr, uint32_t data,
    uint32_t control)
{
	struct vfio_vector *v;
	int32_t fd;
	int err;

	if (idx >= dev->msix_limit) {
		errno = EINVAL;
		return -1;
	}
	if (vfio_irq_msix_on(dev) == -1)
		return -1;
	v = &dev->vector[idx];
	if (v->fd == -1) {
		if (irq_open(dev, v) == -1)
			return -1;
		fd = v->fd;
		if (irq_set_fds(dev, VFIO_PCI_MSIX_IRQ_INDEX,
			VFIO_IRQ_SET_ACTION_TRIGGER, idx, 1, &fd) == -1) {
			err = errno;
			dev->vfio->ops->close(dev->vfio->arg, v->fd);
			v->fd = -1;
			errno = err;
			return -1;
		}
	}
	/* What comes while it is masked stays in the eventfd, and KVM looks
	 * there when it is bound again. */
	if ((control & 1) != 0)
		return irq_unbind(dev, v);
	return irq_bind(dev, v, addr, data);
}

int
vm_setup_msix(struct vm_pptdev *dev, uint32_t idx, uint64_t addr, uint32_t data,
    uint32_t control)
{
	int rc;

	pthread_mutex_lock(&dev->lock);
	rc = vfio_irq_msix(dev, idx, addr, data, control);
	pthread_mutex_unlock(&dev->lock);
	return rc;
}

int
vm_disable_msix(struct vm_pptdev *dev)
{
	int rc;

	pthread_mutex_lock(&dev->lock);
	rc = vfio_irq_end(dev, VFIO_IRQ_MSIX);
	pthread_mutex_unlock(&dev->lock);
	return rc;
}

int
vm_pptdev_notify(struct vm_pptdev *dev, enum vm_pptdev_event event, int fd)
{
	int32_t fd32 = fd;
	int rc;

	if ((unsigned int)event >= IRQ_EVENTS) {
		errno = EINVAL;
		return -1;
	}
	if (!dev->can_notify[event]) {
		errno = ENOTSUP;
		return -1;
	}
	pthread_mutex_lock(&dev->lock);
	rc = irq_set_fds(
	    dev, irq_events[event], VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, &fd32);
	pthread_mutex_unlock(&dev->lock);
	return rc;
}
