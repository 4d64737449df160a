/* SPDX-License-Identifier: ISC */
/* MSI-X: masking, pending bits, sources bound and unbound. */
#include "pci/msix.h"

#include <sys/eventfd.h>

#include <unistd.h>

#include "check.h"
#include "fake_host.h"

#define CAP 0x40
#define ENABLE 0x8000
#define FUNCTION_MASK 0x4000

static struct pci *pci;
static struct pci_device *dev;
static struct msix *msix;
static struct msix_source source;
static unsigned int changes;
static uint64_t table;

static void
config_write(void *arg, unsigned int off, unsigned int len)
{
	(void)arg;
	msix_config_write(msix, off, len);
}

static const struct pci_device_ops dev_ops = { .config_write = config_write };

static void
changed(void *arg)
{
	(void)arg;
	changes++;
}

static bool
setup(void)
{
	const struct pci_ids ids = { .vendor = 1, .device = 2 };

	pci = fake_pci();
	changes = 0;
	dev = pci_add(pci, 3, "test", &ids, &dev_ops, NULL);
	msix = msix_new(dev, 1, 3, changed, NULL);
	if (msix == NULL)
		return false;
	source.fd = eventfd(0, EFD_NONBLOCK);
	if (msix_add(msix, &source) == -1)
		return false;
	fake_config_out(3, 4, 2, 6);
	table = pci_bar_addr(dev, 1);
	return true;
}

static void
teardown(void)
{
	msix_remove(msix, &source);
	close(source.fd);
	msix_free(msix);
	fake_pci_free(pci);
}

static uint32_t
in(uint32_t off)
{
	return (uint32_t)bus_read(fake_machine.bus, BUS_MMIO, table + off, 4);
}

static void
out(uint32_t off, uint32_t value)
{
	bus_write(fake_machine.bus, BUS_MMIO, table + off, 4, value);
}

static void
program(unsigned int vector, uint32_t addr, uint32_t value)
{
	out(16 * vector, addr);
	out(16 * vector + 4, 0);
	out(16 * vector + 8, value);
	out(16 * vector + 12, 0);
}

static void
capability(void)
{
	REQUIRE(setup());
	CHECK_EQ(fake_config_in(3, CAP, 1), 0x11);
	CHECK_EQ(fake_config_in(3, CAP + 2, 2), 2);
	CHECK_EQ(fake_config_in(3, CAP + 4, 4), 1);
	CHECK_EQ(fake_config_in(3, CAP + 8, 4), 0x801);
	for (unsigned int i = 0; i < 3; i++)
		CHECK_EQ(in(16 * i + 12), 1);
	fake_config_out(3, CAP + 2, 2, 0xffff);
	CHECK_EQ(fake_config_in(3, CAP + 2, 2), 0xc002);
	CHECK_EQ(changes, 1);
	fake_config_out(3, CAP + 2, 2, 0);
	CHECK_EQ(changes, 2);
	teardown();
}

static void
table_registers(void)
{
	REQUIRE(setup());
	out(16, 0xfee01003);
	CHECK_EQ(in(16), 0xfee01000);
	bus_write(
	    fake_machine.bus, BUS_MMIO, table + 24, 8, 0xfffffffe00000041);
	CHECK_EQ(in(24), 0x41);
	CHECK_EQ(in(28), 0);
	/* No bytes, nothing beyond the last vector. */
	bus_write(fake_machine.bus, BUS_MMIO, table + 24, 1, 0x99);
	CHECK_EQ(in(24), 0x41);
	out(48, 0x1234);
	CHECK_EQ(in(48), 0);
	teardown();
}

static void
send_and_mask(void)
{
	REQUIRE(setup());
	program(1, 0xfee00000, 0x51);
	msix_send(msix, 1);
	CHECK_EQ(fake.nmsi, 0); /* not enabled: not even pending */
	fake_config_out(3, CAP + 2, 2, ENABLE);
	CHECK_EQ(fake.nmsi, 0);
	msix_send(msix, 1);
	REQUIRE(fake.nmsi == 1);
	CHECK_EQ(fake.msi[0].addr, 0xfee00000);
	CHECK_EQ(fake.msi[0].value, 0x51);
	out(16 + 12, 1);
	msix_send(msix, 1);
	msix_send(msix, 1);
	CHECK_EQ(fake.nmsi, 1);
	CHECK_EQ(in(0x800), 2);
	out(16 + 12, 0);
	CHECK_EQ(fake.nmsi, 2);
	CHECK_EQ(in(0x800), 0);
	fake_config_out(3, CAP + 2, 2, ENABLE | FUNCTION_MASK);
	msix_send(msix, 1);
	CHECK_EQ(fake.nmsi, 2);
	CHECK_EQ(in(0x800), 2);
	fake_config_out(3, CAP + 2, 2, ENABLE);
	CHECK_EQ(fake.nmsi, 3);
	msix_send(msix, 7);
	msix_send(msix, MSIX_NO_VECTOR);
	CHECK_EQ(fake.nmsi, 3);
	teardown();
}

static void
sources_follow_their_vector(void)
{
	REQUIRE(setup());
	CHECK_EQ(msix_set_vector(msix, &source, 9), MSIX_NO_VECTOR);
	CHECK_EQ(msix_set_vector(msix, &source, 2), 2);
	program(2, 0xfee02000, 0x62);
	CHECK_EQ(fake_count_irqfds(), 0);
	fake_config_out(3, CAP + 2, 2, ENABLE);
	REQUIRE(source.handle != -1);
	CHECK_EQ(fake.irqfd[source.handle].fd, source.fd);
	CHECK_EQ(fake.irqfd[source.handle].addr, 0xfee02000);
	CHECK_EQ(fake.irqfd[source.handle].value, 0x62);
	/* Another message without masking. */
	out(32 + 8, 0x63);
	CHECK_EQ(fake.irqfd[source.handle].value, 0x63);
	/* Masked: unbound, and the PBA tells what waits in the eventfd. */
	out(32 + 12, 1);
	CHECK_EQ(fake_count_irqfds(), 0);
	CHECK_EQ(in(0x800), 0);
	eventfd_write(source.fd, 1);
	CHECK_EQ(in(0x800), 4);
	out(32 + 12, 0);
	CHECK_EQ(fake_count_irqfds(), 1);
	CHECK_EQ(in(0x800), 0);
	msix_set_vector(msix, &source, MSIX_NO_VECTOR);
	CHECK_EQ(fake_count_irqfds(), 0);
	msix_set_vector(msix, &source, 0);
	CHECK_EQ(fake_count_irqfds(), 0); /* vector 0 is masked */
	msix_set_vector(msix, &source, 2);
	fake_config_out(3, CAP + 2, 2, 0);
	CHECK_EQ(fake_count_irqfds(), 0);
	teardown();
}

static void
reset_unbinds(void)
{
	REQUIRE(setup());
	program(0, 0xfee00000, 1);
	fake_config_out(3, CAP + 2, 2, ENABLE);
	msix_set_vector(msix, &source, 0);
	CHECK_EQ(fake_count_irqfds(), 1);
	pci_reset(pci);
	msix_reset(msix);
	CHECK_EQ(fake_count_irqfds(), 0);
	CHECK_EQ(source.vector, MSIX_NO_VECTOR);
	CHECK(!msix_is_enabled(msix));
	CHECK_EQ(changes, 2);
	teardown();
}

int
main(void)
{
	TEST(capability);
	TEST(table_registers);
	TEST(send_and_mask);
	TEST(sources_follow_their_vector);
	TEST(reset_unbinds);
	return CHECK_EXIT();
}
