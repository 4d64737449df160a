/* SPDX-License-Identifier: ISC */
/* PCI configuration space by register sequences, BARs and INTx lines. */
#include "pci/pci.h"

#include "check.h"
#include "fake_host.h"

static uint64_t last_write;
static unsigned int bar_events;

static uint64_t
bar_read(void *arg, uint64_t off, unsigned int len)
{
	(void)arg;
	return off * 0x100 + len;
}

static void
bar_write(void *arg, uint64_t off, unsigned int len, uint64_t value)
{
	(void)arg;
	last_write = off << 32 | (uint64_t)len << 24 | value;
}

static const struct bus_ops bar_ops = { bar_read, bar_write };

static void
bar_mapped(void *arg, unsigned int bar, bool mapped)
{
	(void)arg;
	(void)bar;
	bar_events += mapped ? 1 : 0x100;
}

static const struct pci_device_ops dev_ops = { .bar_mapped = bar_mapped };
static const struct pci_ids dev_ids = { .vendor = 0x1234,
	.device = 0x5678,
	.sub_vendor = 0xabcd,
	.sub_device = 0xef01,
	.class = 0x020304,
	.revision = 7,
	.intx = true };

static struct pci_device *
add_device(struct pci *pci)
{
	struct pci_device *dev =
	    pci_add(pci, -1, "test", &dev_ids, &dev_ops, NULL);

	if (dev == NULL ||
	    pci_add_bar(dev, 0, BUS_PIO, 0x400, &bar_ops, NULL) == -1 ||
	    pci_add_bar(dev, 1, BUS_MMIO, 0x1000, &bar_ops, NULL) == -1)
		return NULL;
	return dev;
}

static void
identities(void)
{
	struct pci *pci = fake_pci();

	REQUIRE(pci != NULL && add_device(pci) != NULL);
	CHECK_EQ(fake_config_in(0, 0, 4), 0x12378086);
	CHECK_EQ(fake_config_in(0, 8, 4), 0x06000002);
	/* By which SeaBIOS knows a virtual machine. */
	CHECK_EQ(fake_config_in(0, 0x2c, 4), 0x11001af4);
	CHECK_EQ(fake_config_in(1, 0, 4), 0x70008086);
	CHECK_EQ(fake_config_in(1, 0xa, 2), 0x0601);
	CHECK_EQ(fake_config_in(2, 0, 4), 0x56781234);
	CHECK_EQ(fake_config_in(2, 2, 2), 0x5678);
	CHECK_EQ(fake_config_in(2, 8, 4), 0x02030407);
	CHECK_EQ(fake_config_in(2, 0x2c, 4), 0xef01abcd);
	CHECK_EQ(fake_config_in(2, 0x3d, 1), 1);
	CHECK_EQ(fake_config_in(2, 0x3c, 1), 10);
	/* Read-only. */
	fake_config_out(2, 0, 4, 0);
	CHECK_EQ(fake_config_in(2, 0, 4), 0x56781234);
	fake_pci_free(pci);
}

static void
absent_devices_read_ones(void)
{
	struct pci *pci = fake_pci();

	CHECK_EQ(fake_config_in(5, 0, 4), 0xffffffff);
	CHECK_EQ(fake_config_in(5, 0, 2), 0xffff);
	fake_out(0xcf8, 4, 0x80010000); /* bus 1 */
	CHECK_EQ(fake_in(0xcfc, 4), 0xffffffff);
	fake_out(0xcf8, 4, 0x80000100); /* function 1 */
	CHECK_EQ(fake_in(0xcfc, 4), 0xffffffff);
	fake_out(0xcf8, 4, 0x00000000); /* not enabled */
	CHECK_EQ(fake_in(0xcfc, 4), 0xffffffff);
	fake_out(0xcf8, 4, 0x80000803);
	CHECK_EQ(fake_in(0xcf8, 4), 0x80000800);
	/* Only dwords reach the address register. */
	fake_out(0xcf8, 2, 0xffff);
	CHECK_EQ(fake_in(0xcf8, 4), 0x80000800);
	fake_pci_free(pci);
}

static void
bars_size_and_move(void)
{
	struct pci *pci = fake_pci();
	uint32_t io, mem;

	REQUIRE(pci != NULL && add_device(pci) != NULL);
	bar_events = 0;
	io = fake_config_in(2, 0x10, 4);
	mem = fake_config_in(2, 0x14, 4);
	CHECK_EQ(io & 1, 1);
	CHECK_EQ(mem & 0xf, 0);
	CHECK(io >= 0xc000 && mem >= 0xc0000000 && mem < 0xfec00000);
	io &= ~3U;
	/* Not decoded yet. */
	CHECK_EQ(fake_in((uint16_t)io, 4), 0xffffffff);
	fake_config_out(2, 4, 2, 3);
	CHECK_EQ(bar_events, 2);
	CHECK_EQ(fake_in((uint16_t)(io + 0x10), 2), 0x1002);
	CHECK_EQ(bus_read(fake_machine.bus, BUS_MMIO, mem + 8, 4), 0x804);
	fake_out((uint16_t)(io + 4), 2, 0x99);
	CHECK_EQ(last_write, 4ULL << 32 | 2 << 24 | 0x99);
	/* Sizing, with decoding on as SeaBIOS does it. */
	fake_config_out(2, 0x10, 4, 0xffffffff);
	CHECK_EQ(fake_config_in(2, 0x10, 4), 0xfffffc01);
	fake_config_out(2, 0x14, 4, 0xffffffff);
	CHECK_EQ(fake_config_in(2, 0x14, 4), 0xfffff000);
	CHECK_EQ(fake_in((uint16_t)(io + 0x10), 2), 0xffff);
	/* Moved, a word at a time even. */
	fake_config_out(2, 0x14, 4, 0xe0000000);
	fake_config_out(2, 0x10, 2, 0xd000);
	fake_config_out(2, 0x12, 2, 0);
	CHECK_EQ(fake_in(0xd010, 2), 0x1002);
	CHECK_EQ(bus_read(fake_machine.bus, BUS_MMIO, 0xe0000008, 4), 0x804);
	/* Off. */
	fake_config_out(2, 4, 2, 0);
	CHECK_EQ(fake_in(0xd010, 2), 0xffff);
	fake_pci_free(pci);
}

static void
bars_take_nothing_over(void)
{
	struct pci *pci = fake_pci();
	struct pci_device *dev = add_device(pci);

	REQUIRE(dev != NULL);
	fake_config_out(2, 4, 2, 3);
	/* On top of the configuration ports. */
	fake_config_out(2, 0x10, 4, 0xc00);
	CHECK(!pci_bar_is_mapped(dev, 0));
	CHECK_EQ(fake_config_in(2, 0, 4), 0x56781234);
	/* In RAM, and in the local APIC. */
	fake_config_out(2, 0x14, 4, 0x100000);
	CHECK(!pci_bar_is_mapped(dev, 1));
	fake_config_out(2, 0x14, 4, 0xfee00000);
	CHECK(!pci_bar_is_mapped(dev, 1));
	fake_config_out(2, 0x10, 4, 0);
	CHECK(!pci_bar_is_mapped(dev, 0));
	fake_pci_free(pci);
}

static void
lines_are_shared(void)
{
	struct pci *pci = fake_pci();
	struct pci_device *a = NULL, *b = NULL;

	/* Slots 2 and 5: PIRQB and PIRQA, both on 10. */
	a = pci_add(pci, 2, "a", &dev_ids, &dev_ops, NULL);
	b = pci_add(pci, 5, "b", &dev_ids, &dev_ops, NULL);
	REQUIRE(a != NULL && b != NULL);
	pci_set_intx(a, true);
	CHECK(fake.level[10]);
	CHECK_EQ(fake_config_in(2, 6, 2) & 8, 8);
	CHECK_EQ(fake_config_in(5, 6, 2) & 8, 0);
	pci_set_intx(b, true);
	pci_set_intx(a, false);
	CHECK(fake.level[10]);
	pci_set_intx(b, false);
	CHECK(!fake.level[10]);
	/* Interrupt disable. */
	pci_set_intx(a, true);
	fake_config_out(2, 4, 2, 0x400);
	CHECK(!fake.level[10]);
	CHECK_EQ(fake_config_in(2, 6, 2) & 8, 8);
	fake_config_out(2, 4, 2, 0);
	CHECK(fake.level[10]);
	/* Another route of PIRQB. */
	fake_config_out(1, 0x61, 1, 5);
	CHECK(fake.level[5] && !fake.level[10]);
	fake_config_out(1, 0x61, 1, 0x80);
	CHECK(!fake.level[5]);
	fake_pci_free(pci);
}

static void
slots_3_and_4_are_on_11(void)
{
	struct pci *pci = fake_pci();

	for (int slot = 2; slot < 10; slot++) {
		struct pci_device *d =
		    pci_add(pci, slot, "x", &dev_ids, &dev_ops, NULL);
		unsigned int gsi = ((slot - 1) & 2) ? 11 : 10;

		REQUIRE(d != NULL);
		CHECK_EQ(fake_config_in((unsigned int)slot, 0x3c, 1), gsi);
		pci_set_intx(d, true);
		CHECK(fake.level[gsi]);
		CHECK(!fake.level[gsi ^ 1]);
		pci_set_intx(d, false);
	}
	fake_pci_free(pci);
}

static void
capabilities(void)
{
	struct pci *pci = fake_pci();
	struct pci_device *dev = add_device(pci);
	const uint8_t cap[6] = { 0x09, 0x55, 1, 2, 3, 4 };
	unsigned int at;
	int off = 0;

	REQUIRE(dev != NULL);
	CHECK_EQ(fake_config_in(2, 6, 2) & 0x10, 0);
	CHECK_EQ(pci_add_cap(dev, cap, 6), 0x40);
	CHECK_EQ(pci_add_cap(dev, cap, 6), 0x48);
	CHECK_EQ(fake_config_in(2, 6, 2) & 0x10, 0x10);
	at = fake_config_in(2, 0x34, 1);
	CHECK_EQ(at, 0x40);
	CHECK_EQ(fake_config_in(2, at, 2), 0x4809);
	CHECK_EQ(fake_config_in(2, 0x48, 4), 0x02010009);
	while (off != -1)
		off = pci_add_cap(dev, cap, 6);
	CHECK_EQ(errno, ENOSPC);
	fake_pci_free(pci);
}

static void
shadow_registers_remember(void)
{
	struct pci *pci = fake_pci();

	/* What make_bios_writable() of SeaBIOS does. */
	CHECK_EQ(fake_config_in(0, 0x59, 1) & 0x10, 0x10);
	fake_config_out(0, 0x58, 4, 0x33333000);
	fake_config_out(0, 0x5c, 4, 0x33333333);
	CHECK_EQ(fake_config_in(0, 0x58, 4), 0x33333000);
	CHECK_EQ(fake_config_in(0, 0x5c, 4), 0x33333333);
	fake_pci_free(pci);
}

static void
reset_restores(void)
{
	struct pci *pci = fake_pci();
	struct pci_device *dev = add_device(pci);
	uint32_t io;

	REQUIRE(dev != NULL);
	io = fake_config_in(2, 0x10, 4);
	fake_config_out(2, 4, 2, 0x407);
	fake_config_out(2, 0x10, 4, 0xe000);
	pci_set_intx(dev, true);
	fake_out(0xcf9, 1, 0x02);
	CHECK_EQ(fake.resets, 0);
	fake_out(0xcf9, 1, 0x06);
	CHECK_EQ(fake.resets, 1);
	CHECK_EQ(fake_in(0xcf9, 1), 2);
	pci_reset(pci);
	CHECK_EQ(fake_config_in(2, 0x10, 4), io);
	CHECK_EQ(fake_config_in(2, 4, 2), 0);
	CHECK_EQ(fake_config_in(2, 6, 2) & 8, 0);
	CHECK(!pci_bar_is_mapped(dev, 0));
	CHECK(!fake.level[10]);
	fake_pci_free(pci);
}

static void
slots_run_out(void)
{
	struct pci *pci = fake_pci();
	unsigned int n = 0;

	CHECK(pci_add(pci, 0, "x", &dev_ids, &dev_ops, NULL) == NULL);
	CHECK_EQ(errno, EEXIST);
	while (pci_add(pci, -1, "x", &dev_ids, &dev_ops, NULL) != NULL)
		n++;
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(n, 30);
	fake_pci_free(pci);
}

int
main(void)
{
	TEST(identities);
	TEST(absent_devices_read_ones);
	TEST(bars_size_and_move);
	TEST(bars_take_nothing_over);
	TEST(lines_are_shared);
	TEST(slots_3_and_4_are_on_11);
	TEST(capabilities);
	TEST(shadow_registers_remember);
	TEST(reset_restores);
	TEST(slots_run_out);
	return CHECK_EXIT();
}
