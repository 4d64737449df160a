/* SPDX-License-Identifier: ISC */
/*
 * What the unit tests of assigned devices share: a VM without KVM, a VFIO
 * without a kernel, the device, and the check that all of it is given back.
 */
#ifndef FAKE_PPTDEV_H
#define FAKE_PPTDEV_H

#include "check.h"
#include "fake_vfio.h"
#include "fake_vm.h"
#include "vmm_pptdev.h"

static struct fake_vfio host;
static struct vm *vm;
static struct vm_pptdev *dev; /* NULL: not assigned */

static inline bool
fake_pptdev_begin(uint64_t ram)
{
	fake_vfio_init(&host);
	dev = NULL;
	vm = fake_vm_new(ram);
	return vm != NULL;
}

static inline bool
fake_pptdev_assign(void)
{
	return vfio_assign(vm, FAKE_ADDRESS, &fake_vfio_ops, &host, &dev) == 0;
}

/* All is given back: VFIO's part and KVM's. */
static inline void
fake_pptdev_end(void)
{
	vm_unassign_pptdev(dev);
	CHECK(fake_vfio_is_empty(&host));
	CHECK_EQ(fake_vm.irqfds, 0);
	CHECK_EQ(vm->routes.top, 0);
	CHECK(vm->vfio == NULL);
	vm_destroy(vm);
	dev = NULL;
	vm = NULL;
}

#endif /* FAKE_PPTDEV_H */
