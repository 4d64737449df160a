/* SPDX-License-Identifier: ISC */
/* Interrupts of a virtio device: by line, by message, and none of before a
 * reset. */
#include "pci/virtio_pci.h"

#include "check.h"
#include "fake_device.h"

static void
interrupts_by_line(void)
{
	REQUIRE(setup());
	drive();
	CHECK(!fake.level[10]);
	eventfd_write(proc.irq[0], 1);
	pump();
	CHECK(fake.level[10]);
	CHECK_EQ(IN(0x200, 1), 1);
	CHECK(!fake.level[10]);
	CHECK_EQ(IN(0x200, 1), 0);
	/* A reset takes it back. */
	eventfd_write(proc.irq[0], 1);
	pump();
	CHECK(fake.level[10]);
	SET_STATUS(0);
	CHECK(!fake.level[10]);
	CHECK_EQ(IN(0x200, 1), 0);
	teardown();
}

static void
msix_program(unsigned int vector, uint32_t value)
{
	bus_write(
	    fake_machine.bus, BUS_MMIO, table + 16 * vector, 4, 0xfee00000);
	bus_write(
	    fake_machine.bus, BUS_MMIO, table + 16 * vector + 8, 4, value);
	bus_write(fake_machine.bus, BUS_MMIO, table + 16 * vector + 12, 4, 0);
}

static unsigned int
msix_capability(void)
{
	unsigned int at = fake_config_in(SLOT, 0x34, 1);

	while (at != 0 && fake_config_in(SLOT, at, 1) != 0x11)
		at = fake_config_in(SLOT, at + 1, 1);
	return at;
}

static void
interrupts_by_message(void)
{
	unsigned int cap;

	REQUIRE(setup());
	cap = msix_capability();
	fake_config_out(SLOT, cap + 2, 2, 0x8000);
	msix_program(0, 0x40);
	msix_program(1, 0x41);
	OUT(16, 2, 0);
	CHECK_EQ(IN(16, 2), 0);
	OUT(16, 2, 2);
	CHECK_EQ(IN(16, 2), 0xffff);
	OUT(16, 2, 0);
	OUT(22, 2, 0);
	OUT(26, 2, 1);
	CHECK_EQ(IN(26, 2), 1);
	drive();
	REQUIRE(fake_count_irqfds() == 1);
	CHECK_EQ(fake.irqfd[0].value, 0x41);
	/* The line and the ISR stay out of it. */
	eventfd_write(proc.irq[0], 1);
	pump();
	CHECK(!fake.level[10]);
	CHECK_EQ(IN(0x200, 1), 0);
	SET_STATUS(0);
	CHECK_EQ(fake_count_irqfds(), 0);
	teardown();
}

/* Whether the driver, after a reset, sets a vector that finds an interrupt. */
static bool
finds_an_interrupt(void)
{
	eventfd_t n;

	msix_program(1, 0x41);
	OUT(22, 2, 0);
	OUT(26, 2, 1);
	return fake_count_irqfds() != 1 ||
	    eventfd_read(fake.irqfd[0].fd, &n) == 0;
}

/* What nobody had read yet is not for the driver after it (virtio 1.2, 2.4). */
static void
reset_takes_interrupts_back(void)
{
	REQUIRE(setup());
	fake_config_out(SLOT, msix_capability() + 2, 2, 0x8000);
	drive();
	eventfd_write(proc.irq[0], 1);
	SET_STATUS(0);
	eventfd_write(proc.irq[0], 1);
	pump();
	MSG_SEND_EMPTY(&proc.link, MSG_DEV_RESET_DONE, 0);
	pump();
	CHECK_EQ(STATUS(), 0);
	CHECK(!finds_an_interrupt());
	/* And if the process is gone: with its answer due, or before. */
	drive();
	SET_STATUS(0);
	eventfd_write(proc.irq[0], 1);
	msg_link_fini(&proc.link);
	pump();
	CHECK_EQ(STATUS(), 0);
	CHECK(!finds_an_interrupt());
	REQUIRE(spawn());
	hello(V1 | 1ULL << 28);
	OUT(26, 2, 0xffff);
	drive();
	eventfd_write(proc.irq[0], 1);
	msg_link_fini(&proc.link);
	pump();
	SET_STATUS(0);
	CHECK_EQ(STATUS(), 0);
	CHECK(!finds_an_interrupt());
	teardown();
}

int
main(void)
{
	TEST(interrupts_by_line);
	TEST(interrupts_by_message);
	TEST(reset_takes_interrupts_back);
	return CHECK_EXIT();
}
