/* SPDX-License-Identifier: ISC */
/*
 * VFIO's container of a VM and the IOMMU groups in it.  A group is opened once
 * and shared by its devices; the container lives as long as it has a group.
 * Everything here is called with the VM's lock held.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>

#include "../handle.h"
#include "pptdev.h"

#define VFIO_CONTAINER "/dev/vfio/vfio"

/* Whether the kernel speaks our language: an errno, or 0. */
static int
container_check(struct vfio *v)
{
	int n;

	n = v->ops->control(v->arg, v->fd, VFIO_GET_API_VERSION, NULL);
	if (n != VFIO_API_VERSION)
		return n == -1 ? errno : EPROTO;
	n = v->ops->control(v->arg, v->fd, VFIO_CHECK_EXTENSION,
	    (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU);
	if (n != 1)
		return n == -1 ? errno : ENOTSUP;
	return 0;
}

struct vfio *
vfio_get(struct vm *vm, const struct vfio_ops *ops, void *arg)
{
	struct vfio *v = vm->vfio;
	int err;

	if (v != NULL) {
		if (v->ops == ops && v->arg == arg)
			return v;
		errno = EINVAL;
		return NULL;
	}
	v = calloc(1, sizeof(*v));
	if (v == NULL)
		return NULL;
	v->ops = ops;
	v->arg = arg;
	v->fd = ops->open_rw(arg, VFIO_CONTAINER);
	if (v->fd == -1) {
		/* The file stands for a module that may not be there. */
		err = errno == ENODEV || errno == ENXIO ? ENOENT : errno;
		goto fail;
	}
	err = container_check(v);
	if (err != 0)
		goto fail;
	vm->vfio = v;
	return v;
fail:
	if (v->fd != -1)
		ops->close(arg, v->fd);
	free(v);
	errno = err;
	return NULL;
}

void
vfio_put(struct vm *vm)
{
	struct vfio *v = vm->vfio;
	int i;

	for (i = 0; i < VFIO_GROUPS; i++)
		if (v->group[i].users > 0)
			return;
	v->ops->close(v->arg, v->fd);
	free(v);
	vm->vfio = NULL;
}

/* Whether all devices of the group are given up by the host's drivers. */
static int
group_check(struct vfio *v, int fd)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	if (v->ops->control(v->arg, fd, VFIO_GROUP_GET_STATUS, &status) == -1)
		return -1;
	if ((status.flags & VFIO_GROUP_FLAGS_VIABLE) == 0)
		errno = EXDEV;
	else if ((status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET) != 0)
		errno = EBUSY;
	else
		return 0;
	return -1;
}

/* Puts an open group into the container; what was done is undone on errors. */
static int
group_enter(struct vm *vm, int fd)
{
	struct vfio *v = vm->vfio;
	int err;

	if (group_check(v, fd) == -1 ||
	    v->ops->control(v->arg, fd, VFIO_GROUP_SET_CONTAINER, &v->fd) == -1)
		return -1;
	/* KVM asks whether DMA is coherent, which depends on the IOMMU. */
	if ((v->dma || vfio_dma_start(vm) == 0) &&
	    v->ops->kvm_group(v->arg, vm, fd, true) == 0)
		return 0;
	err = errno;
	/* With its last group a container forgets all mappings. */
	(void)v->ops->control(v->arg, fd, VFIO_GROUP_UNSET_CONTAINER, NULL);
	errno = err;
	return -1;
}

struct vfio_group *
vfio_group_get(struct vm *vm, uint32_t number)
{
	struct vfio_group *g = NULL;
	struct vfio *v = vm->vfio;
	char path[32];
	int i, err;

	for (i = 0; i < VFIO_GROUPS; i++) {
		if (v->group[i].users == 0) {
			g = &v->group[i];
		} else if (v->group[i].number == number) {
			v->group[i].users++;
			return &v->group[i];
		}
	}
	if (g == NULL) {
		errno = ENOSPC;
		return NULL;
	}
	(void)snprintf(path, sizeof(path), "/dev/vfio/%u", number);
	g->fd = v->ops->open_rw(v->arg, path);
	if (g->fd == -1)
		return NULL;
	if (group_enter(vm, g->fd) == -1) {
		err = errno;
		v->ops->close(v->arg, g->fd);
		errno = err;
		return NULL;
	}
	g->number = number;
	g->users = 1;
	return g;
}

void
vfio_group_put(struct vm *vm, struct vfio_group *group)
{
	struct vfio *v = vm->vfio;

	if (--group->users > 0)
		return;
	(void)v->ops->kvm_group(v->arg, vm, group->fd, false);
	(void)v->ops->control(
	    v->arg, group->fd, VFIO_GROUP_UNSET_CONTAINER, NULL);
	v->ops->close(v->arg, group->fd);
}
