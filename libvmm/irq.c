/* SPDX-License-Identifier: ISC */
/*
 * Interrupts into the guest and notifications out of it.  The routes of MSIs
 * live in the VM's table; the backend gets the whole table, under the lock,
 * only when an entry really changed, since setting it is a slow call.
 */
#include <errno.h>

#include "handle.h"
#include "vmm.h"

#define IRQ_PINS 24 /* of the IOAPIC */

int
vm_irq_line(struct vm *vm, uint32_t gsi, bool level)
{
	if (gsi >= IRQ_PINS) {
		errno = EINVAL;
		return -1;
	}
	if (vm_need_chips(vm) == -1)
		return -1;
	return vm->be->irq_line(vm, gsi, level);
}

int
vm_raise_msi(struct vm *vm, uint64_t addr, uint32_t data)
{
	if (vm_need_chips(vm) == -1)
		return -1;
	return vm->be->msi(vm, addr, data);
}

int
vm_irqfd_add(struct vm *vm, int fd, uint32_t gsi, int resample_fd)
{
	if (gsi >= IRQ_PINS || fd < 0) {
		errno = EINVAL;
		return -1;
	}
	if (vm_need_chips(vm) == -1)
		return -1;
	return vm->be->irqfd(vm, fd, gsi, resample_fd, true);
}

int
vm_irqfd_msi(
    struct vm *vm, int fd, uint64_t addr, uint32_t data, uint32_t *route)
{
	uint32_t number;
	int rc = -1;

	if (vm_need_chips(vm) == -1)
		return -1;
	pthread_mutex_lock(&vm->lock);
	number = route_alloc(&vm->routes, addr, data);
	if (number == 0) {
		errno = ENOSPC;
		goto out;
	}
	if (vm->be->routes_set(vm, &vm->routes) == -1 ||
	    vm->be->irqfd(vm, fd, number, -1, true) == -1) {
		/* The stale route stays with the backend, where it does
		 * nothing until its number is used again. */
		route_free(&vm->routes, number);
		goto out;
	}
	*route = number;
	rc = 0;
out:
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

int
vm_irqfd_update(struct vm *vm, uint32_t route, uint64_t addr, uint32_t data)
{
	struct route *r, old;
	int rc = 0;

	pthread_mutex_lock(&vm->lock);
	r = route_find(&vm->routes, route);
	if (r == NULL) {
		errno = ENOENT;
		rc = -1;
	} else if (r->addr != addr || r->data != data) {
		old = *r;
		r->addr = addr;
		r->data = data;
		rc = vm->be->routes_set(vm, &vm->routes);
		if (rc == -1)
			*r = old;
	}
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

int
vm_irqfd_remove(struct vm *vm, int fd, uint32_t route)
{
	int rc = -1;

	if (vm_need_chips(vm) == -1)
		return -1;
	if (route < IRQ_PINS)
		return vm->be->irqfd(vm, fd, route, -1, false);
	pthread_mutex_lock(&vm->lock);
	if (route_find(&vm->routes, route) == NULL) {
		errno = ENOENT;
	} else {
		rc = vm->be->irqfd(vm, fd, route, -1, false);
		if (rc == 0)
			route_free(&vm->routes, route);
	}
	pthread_mutex_unlock(&vm->lock);
	return rc;
}

static int
irq_ioevent_check(const struct vm_ioevent *e)
{
	bool size_ok = e->len == 0 || e->len == 1 || e->len == 2 ||
	    e->len == 4 || (e->len == 8 && e->space == VMM_MMIO);

	if ((e->space != VMM_PIO && e->space != VMM_MMIO) || !size_ok ||
	    (e->len == 0 && e->match) ||
	    (e->space == VMM_PIO && e->addr > UINT16_MAX)) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int
vm_ioeventfd_add(struct vm *vm, int fd, const struct vm_ioevent *event)
{
	if (irq_ioevent_check(event) == -1)
		return -1;
	return vm->be->ioeventfd(vm, fd, event, true);
}

int
vm_ioeventfd_del(struct vm *vm, int fd, const struct vm_ioevent *event)
{
	if (irq_ioevent_check(event) == -1)
		return -1;
	return vm->be->ioeventfd(vm, fd, event, false);
}
