/* SPDX-License-Identifier: ISC */
/*
 * Interrupts of an assigned device: which eventfds VFIO has of it and which
 * messages KVM makes of them, for each kind and from one kind to another.
 */
#include "fake_pptdev.h"

#define RAM 0x100000ULL

/* The message that the eventfd behind a vector stands for; 0: none. */
static uint32_t
message_of(uint32_t vector)
{
	const struct vfio_vector *v = &dev->vector[vector];

	if (!v->bound || v->route < VMM_FIRST_MSI_ROUTE)
		return 0;
	return fake_vm.routes.msi[v->route - VMM_FIRST_MSI_ROUTE].data;
}

static void
test_msi(void)
{
	int msi = 0, msix = 0;

	REQUIRE(fake_pptdev_begin(RAM));
	REQUIRE(fake_pptdev_assign());
	CHECK(vm_get_pptdev_limits(dev, &msi, &msix) == 0);
	CHECK_EQ(msi, FAKE_MSI);
	CHECK_EQ(msix, FAKE_MSIX);
	CHECK(vm_setup_msi(dev, 0xfee00000, 0x50, 3) == -1 && errno == EINVAL);
	CHECK(vm_setup_msi(dev, 0xfee00000, 0x50, 16) == -1 && errno == EINVAL);
	CHECK(vm_setup_msi(dev, 0xfee00000, 0x50, 0) == 0);
	REQUIRE(vm_setup_msi(dev, 0xfee00000, 0x50, 4) == 0);
	CHECK_EQ(host.dev.type, VFIO_PCI_MSI_IRQ_INDEX);
	CHECK_EQ(host.dev.enabled, 4);
	CHECK_EQ(fake_vm.irqfds, 4);
	CHECK_EQ(message_of(3), 0x53);
	/* Another message needs no other eventfd. */
	CHECK(vm_setup_msi(dev, 0xfee00000, 0x60, 4) == 0);
	CHECK_EQ(message_of(3), 0x63);
	CHECK_EQ(host.dev.irq_fds, 4);
	/* Another count does. */
	CHECK(vm_setup_msi(dev, 0xfee00000, 0x60, 1) == 0);
	CHECK_EQ(host.dev.irq_fds, 1);
	CHECK_EQ(fake_vm.irqfds, 1);
	CHECK(vm_setup_msi(dev, 0, 0, 0) == 0);
	CHECK_EQ(host.dev.type, -1);
	CHECK_EQ(vm->routes.top, 0);
	host.dev.host_vectors = 2;
	CHECK(vm_setup_msi(dev, 0, 0, 4) == -1 && errno == ENOSPC);
	CHECK_EQ(vm->routes.top, 0);
	fake_pptdev_end();
}

static void
test_msix(void)
{
	REQUIRE(fake_pptdev_begin(RAM));
	REQUIRE(fake_pptdev_assign());
	REQUIRE(vm_setup_msi(dev, 0xfee00000, 0x50, 4) == 0);
	CHECK(vm_setup_msix(dev, 16, 0, 0, 0) == -1 && errno == EINVAL);
	REQUIRE(vm_setup_msix(dev, 15, 0xfee00000, 0x71, 0) == 0);
	CHECK_EQ(host.dev.type, VFIO_PCI_MSIX_IRQ_INDEX);
	CHECK_EQ(host.dev.enabled, FAKE_MSIX);
	CHECK_EQ(host.dev.irq_fds, 1);
	CHECK_EQ(fake_vm.irqfds, 1);
	CHECK_EQ(message_of(15), 0x71);
	REQUIRE(vm_setup_msix(dev, 2, 0xfee00000, 0x72, 0) == 0);
	CHECK_EQ(message_of(2), 0x72);
	/* A masked one keeps its eventfd, which remembers for it. */
	CHECK(vm_setup_msix(dev, 15, 0xfee00000, 0x71, 1) == 0);
	CHECK_EQ(fake_vm.irqfds, 1);
	CHECK_EQ(host.dev.irq_fds, 2);
	CHECK(fake_device_signal(&host.dev, VFIO_PCI_MSIX_IRQ_INDEX, 15));
	CHECK(vm_setup_msix(dev, 15, 0xfee00000, 0x73, 0) == 0);
	CHECK_EQ(message_of(15), 0x73);
	CHECK(vm_disable_msix(dev) == 0);
	CHECK(vm_disable_msix(dev) == 0);
	CHECK_EQ(host.dev.type, -1);
	CHECK_EQ(fake_vm.irqfds, 0);
	host.dev.host_vectors = 8;
	CHECK(vm_setup_msix(dev, 0, 0, 0, 0) == -1 && errno == ENOSPC);
	fake_pptdev_end();
}

static void
test_intx(void)
{
	REQUIRE(fake_pptdev_begin(RAM));
	REQUIRE(fake_pptdev_assign());
	CHECK(vm_setup_intx(dev, 24) == -1 && errno == EINVAL);
	CHECK(vm_setup_intx(dev, -2) == -1 && errno == EINVAL);
	REQUIRE(vm_setup_intx(dev, 11) == 0);
	CHECK_EQ(host.dev.type, VFIO_PCI_INTX_IRQ_INDEX);
	CHECK_EQ(host.dev.irq_fds, 2);
	REQUIRE(fake_vm.irqfds == 1);
	CHECK_EQ(fake_vm.irqfd[0].gsi, 11);
	CHECK_EQ(fake_vm.irqfd[0].resample_fd, dev->resample_fd);
	CHECK(vm_setup_intx(dev, 10) == 0);
	CHECK_EQ(fake_vm.irqfd[0].gsi, 10);
	/* Messages silence the line, which comes back behind them. */
	CHECK(vm_setup_msi(dev, 0xfee00000, 0x50, 1) == 0);
	CHECK_EQ(host.dev.type, VFIO_PCI_MSI_IRQ_INDEX);
	CHECK(vm_setup_msi(dev, 0, 0, 0) == 0);
	CHECK_EQ(host.dev.type, VFIO_PCI_INTX_IRQ_INDEX);
	CHECK(vm_setup_msix(dev, 0, 0xfee00000, 0x50, 0) == 0);
	CHECK(vm_setup_intx(dev, -1) == 0);
	CHECK_EQ(host.dev.type, VFIO_PCI_MSIX_IRQ_INDEX);
	CHECK(vm_disable_msix(dev) == 0);
	CHECK_EQ(host.dev.type, -1);
	fake_pptdev_end();
}

int
main(void)
{
	TEST(test_msi);
	TEST(test_msix);
	TEST(test_intx);
	return CHECK_EXIT();
}
