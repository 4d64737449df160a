/* SPDX-License-Identifier: ISC */
/*
 * Interrupts and notifications as KVM has them.  The routing table is set
 * whole: KVM's own default for the PICs and the IOAPIC, then our MSIs.
 */
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "../handle.h"
#include "kvm.h"

#define PIC_PINS 8
#define DEFAULT_ROUTES (2 * PIC_PINS + KVM_IOAPIC_NUM_PINS)

int
kvm_irq_line(struct vm *vm, uint32_t gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	return ioctl(kvm_vm_fd(vm), KVM_IRQ_LINE, &line);
}

int
kvm_irq_trigger(struct vm *vm, uint32_t irq, bool level)
{
	struct kvm_irqchip chip = { .chip_id = irq < PIC_PINS
		    ? KVM_IRQCHIP_PIC_MASTER
		    : KVM_IRQCHIP_PIC_SLAVE };
	uint8_t bit = (uint8_t)(1U << irq % PIC_PINS);

	if (ioctl(kvm_vm_fd(vm), KVM_GET_IRQCHIP, &chip) == -1)
		return -1;
	if (level)
		chip.chip.pic.elcr |= bit;
	else
		chip.chip.pic.elcr &= (uint8_t)~bit;
	return ioctl(kvm_vm_fd(vm), KVM_SET_IRQCHIP, &chip);
}

int
kvm_irq_msi(struct vm *vm, uint64_t addr, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)addr,
		.address_hi = (uint32_t)(addr >> 32),
		.data = data,
	};

	/* 0: the guest has masked it; more: how many CPUs got it. */
	return ioctl(kvm_vm_fd(vm), KVM_SIGNAL_MSI, &msi) == -1 ? -1 : 0;
}

int
kvm_irq_irqfd(struct vm *vm, int fd, uint32_t gsi, int resample_fd, bool add)
{
	struct kvm_irqfd irqfd = { .fd = (uint32_t)fd, .gsi = gsi };

	if (!add)
		irqfd.flags = KVM_IRQFD_FLAG_DEASSIGN;
	else if (resample_fd != -1) {
		irqfd.flags = KVM_IRQFD_FLAG_RESAMPLE;
		irqfd.resamplefd = (uint32_t)resample_fd;
	}
	return ioctl(kvm_vm_fd(vm), KVM_IRQFD, &irqfd);
}

/* Each ISA line goes to its PIC and to the IOAPIC pin of the same number. */
static uint32_t
kvm_irq_default_routes(struct kvm_irq_routing_entry *e)
{
	uint32_t gsi, n = 0;

	for (gsi = 0; gsi < KVM_IOAPIC_NUM_PINS; gsi++) {
		if (gsi < 2 * PIC_PINS) {
			e[n].gsi = gsi;
			e[n].type = KVM_IRQ_ROUTING_IRQCHIP;
			e[n].u.irqchip.irqchip = gsi < PIC_PINS
			    ? KVM_IRQCHIP_PIC_MASTER
			    : KVM_IRQCHIP_PIC_SLAVE;
			e[n++].u.irqchip.pin = gsi % PIC_PINS;
		}
		e[n].gsi = gsi;
		e[n].type = KVM_IRQ_ROUTING_IRQCHIP;
		e[n].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e[n++].u.irqchip.pin = gsi;
	}
	return n;
}

int
kvm_irq_routes_set(struct vm *vm, const struct route_table *routes)
{
	struct kvm_irq_routing *table;
	uint32_t i, n;
	int rc;

	table = calloc(1,
	    sizeof(*table) +
		(DEFAULT_ROUTES + routes->top) * sizeof(table->entries[0]));
	if (table == NULL)
		return -1;
	n = kvm_irq_default_routes(table->entries);
	for (i = 0; i < routes->top; i++) {
		const struct route *r = &routes->msi[i];
		struct kvm_irq_routing_entry *e = &table->entries[n];

		if (!r->used)
			continue;
		e->gsi = VMM_FIRST_MSI_ROUTE + i;
		e->type = KVM_IRQ_ROUTING_MSI;
		e->u.msi.address_lo = (uint32_t)r->addr;
		e->u.msi.address_hi = (uint32_t)(r->addr >> 32);
		e->u.msi.data = r->data;
		n++;
	}
	table->nr = n;
	rc = ioctl(kvm_vm_fd(vm), KVM_SET_GSI_ROUTING, table);
	free(table);
	return rc;
}

int
kvm_irq_ioeventfd(
    struct vm *vm, int fd, const struct vm_ioevent *event, bool add)
{
	struct kvm_ioeventfd io = { .datamatch = event->datamatch,
		.addr = event->addr,
		.len = event->len,
		.fd = fd };

	if (event->space == VMM_PIO)
		io.flags |= KVM_IOEVENTFD_FLAG_PIO;
	if (event->match)
		io.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
	if (!add)
		io.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	return ioctl(kvm_vm_fd(vm), KVM_IOEVENTFD, &io);
}
