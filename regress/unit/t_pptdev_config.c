/* SPDX-License-Identifier: ISC */
/*
 * What a guest sees and can do in the configuration space of an assigned
 * device and in its MSI-X table: the registers that libvmm keeps, those that
 * it lets through, those that nobody but the host may write.
 */
#include "fake_pptdev.h"

#define MSI (FAKE_CAP_MSI + PCI_MSI_FLAGS)
#define MSIX (FAKE_CAP_MSIX + PCI_MSIX_FLAGS)
#define ADDR 0xfee00000U

static bool
begin(void)
{
	return fake_pptdev_begin(0x10000) && fake_pptdev_assign();
}

static uint32_t
get(uint32_t off, uint32_t len)
{
	uint32_t value = 0xdead;

	if (vm_pptdev_config_read(dev, off, len, &value) == -1)
		return 0xdead;
	return value;
}

static bool
put(uint32_t off, uint32_t len, uint32_t value)
{
	return vm_pptdev_config_write(dev, off, len, value) == 0;
}

static void
test_sizes_of_bars(void)
{
	static const struct {
		uint32_t off, sized;
	} rows[] = {
		{ 0x10, 0xffffe000 }, { 0x14, 0xffffffe1 },
		{ 0x18, 0xffffc00c }, { 0x1c, 0xffffffff },
		{ 0x20, 0xffff0000 }, { 0x24, 0xffffff00 },
		{ 0x30, 0 }, /* the ROM is the VMM's to offer */
	};
	struct vm_pptdev_bar bar;
	size_t i;

	REQUIRE(begin());
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* Not where the host has it. */
		CHECK_EQ(get(rows[i].off, 4) & 0xfffffff0 & rows[i].sized, 0);
		CHECK(put(rows[i].off, 4, 0xffffffff));
		CHECK_EQ(get(rows[i].off, 4), rows[i].sized);
	}
	CHECK(put(0x18, 4, 0xe0000000));
	CHECK(put(0x1c, 4, 0x12));
	CHECK(vm_get_pptdev_bar(dev, 2, &bar) == 0);
	CHECK_EQ(bar.guest, 0x12e0000000ULL);
	CHECK(put(0x14, 2, 0xc123));
	CHECK(vm_get_pptdev_bar(dev, 1, &bar) == 0);
	CHECK_EQ(bar.guest & 0xffff, 0xc120);
	fake_pptdev_end();
}

static void
test_what_passes(void)
{
	uint16_t word = 0;

	REQUIRE(begin());
	CHECK_EQ(get(PCI_VENDOR_ID, 4), 0x11e81234);
	CHECK(put(PCI_VENDOR_ID, 4, 0));
	CHECK_EQ(get(PCI_VENDOR_ID, 2), 0x1234);
	/* Of the command only what a driver needs. */
	CHECK(put(PCI_COMMAND, 2, 0xffff));
	CHECK(pread(host.dev.fd, &word, 2,
		  (off_t)FAKE_REGION(VFIO_PCI_CONFIG_REGION_INDEX) +
		      PCI_COMMAND) == 2);
	CHECK_EQ(word, 0x0547);
	/* The line is the guest's note, in no device. */
	CHECK(put(PCI_INTERRUPT_LINE, 1, 11));
	CHECK_EQ(get(PCI_INTERRUPT_LINE, 1), 11);
	CHECK_EQ(get(PCI_INTERRUPT_PIN, 1), 1);
	/* The power state is what was written, the device stays on. */
	CHECK(put(FAKE_CAP_PM + PCI_PM_CTRL, 2, 0xffff));
	CHECK_EQ(get(FAKE_CAP_PM + PCI_PM_CTRL, 2), 3);
	/* Payload sizes are the host's. */
	CHECK(put(FAKE_CAP_EXP + PCI_EXP_DEVCTL, 2, 0x7fff));
	CHECK_EQ(get(FAKE_CAP_EXP + PCI_EXP_DEVCTL, 2) &
		(PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ),
	    0x2810 & (PCI_EXP_DEVCTL_PAYLOAD | PCI_EXP_DEVCTL_READRQ));
	/* Beyond byte 255 there is only reading. */
	CHECK(put(0x100, 4, 0));
	CHECK_EQ(get(0x100, 4), 0x00010001);
	fake_pptdev_end();
}

static void
test_wrong_accesses(void)
{
	static const uint32_t bad[][2] = { { 0, 3 }, { 1, 2 }, { 2, 4 },
		{ 0, 0 }, { 0, 8 }, { 4096, 4 }, { UINT32_MAX - 3, 4 } };
	uint32_t value;
	size_t i;

	REQUIRE(begin());
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(vm_pptdev_config_read(
			  dev, bad[i][0], bad[i][1], &value) == -1 &&
		    errno == EINVAL);
		CHECK(vm_pptdev_config_write(dev, bad[i][0], bad[i][1], 0) ==
			-1 &&
		    errno == EINVAL);
	}
	fake_pptdev_end();
}

static void
test_msi_by_register(void)
{
	REQUIRE(begin());
	/* 8 vectors can be, without masks. */
	CHECK_EQ(get(MSI, 2), PCI_MSI_FLAGS_64BIT | 3 << 1);
	CHECK(put(FAKE_CAP_MSI + PCI_MSI_ADDRESS_LO, 4, ADDR | 3));
	CHECK(put(FAKE_CAP_MSI + PCI_MSI_DATA_64, 2, 0x52));
	CHECK_EQ(host.dev.type, -1);
	CHECK(put(MSI, 2, PCI_MSI_FLAGS_ENABLE | 1 << 4));
	CHECK_EQ(host.dev.type, VFIO_PCI_MSI_IRQ_INDEX);
	CHECK_EQ(host.dev.enabled, 2);
	CHECK_EQ(fake_vm.routes.msi[0].addr, ADDR);
	CHECK_EQ(fake_vm.routes.msi[1].data, 0x53);
	CHECK_EQ(get(MSI, 2),
	    PCI_MSI_FLAGS_64BIT | 3 << 1 | PCI_MSI_FLAGS_ENABLE | 1 << 4);
	/* While it is on a new message takes effect at once. */
	CHECK(put(FAKE_CAP_MSI + PCI_MSI_DATA_64, 2, 0x60));
	CHECK_EQ(fake_vm.routes.msi[1].data, 0x61);
	/* More than there are is as many as there are. */
	CHECK(put(MSI, 2, PCI_MSI_FLAGS_ENABLE | 7 << 4));
	CHECK_EQ(host.dev.enabled, FAKE_MSI);
	CHECK(put(MSI, 2, 0));
	CHECK_EQ(host.dev.type, -1);
	fake_pptdev_end();
}

static bool
table_put(uint32_t idx, uint32_t word, uint32_t value)
{
	return vm_pptdev_bar_write(dev, FAKE_TABLE_BAR,
		   FAKE_TABLE + idx * VFIO_TABLE_ENTRY + 4 * word, 4,
		   value) == 0;
}

static void
test_msix_by_register(void)
{
	uint64_t v = 0;

	REQUIRE(begin());
	CHECK_EQ(get(MSIX, 2), FAKE_MSIX - 1);
	CHECK(vm_pptdev_bar_read(
		  dev, FAKE_TABLE_BAR, FAKE_TABLE + 0x1c, 4, &v) == 0);
	CHECK_EQ(v, 1); /* masked at power-up */
	CHECK(table_put(1, 0, ADDR));
	CHECK(table_put(1, 2, 0x51));
	CHECK(table_put(1, 3, 0));
	CHECK_EQ(host.dev.type, -1);
	/* All masked: the device is switched, the guest hears nothing. */
	CHECK(put(MSIX, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL));
	CHECK_EQ(host.dev.type, VFIO_PCI_MSIX_IRQ_INDEX);
	CHECK_EQ(fake_vm.irqfds, 0);
	CHECK(put(MSIX, 2, PCI_MSIX_FLAGS_ENABLE));
	CHECK_EQ(fake_vm.irqfds, 1);
	CHECK_EQ(fake_vm.routes.msi[0].data, 0x51);
	CHECK(vm_pptdev_bar_write(dev, FAKE_TABLE_BAR,
		  FAKE_TABLE + 2 * VFIO_TABLE_ENTRY + 8, 8, 0x52) == 0);
	CHECK_EQ(fake_vm.irqfds, 2);
	CHECK(table_put(1, 3, 1));
	CHECK_EQ(fake_vm.irqfds, 1);
	CHECK(put(MSIX, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL));
	CHECK_EQ(fake_vm.irqfds, 0);
	CHECK_EQ(host.dev.type, VFIO_PCI_MSIX_IRQ_INDEX);
	CHECK(put(MSIX, 2, 0));
	CHECK_EQ(host.dev.type, -1);
	/* Halves of words are nothing that PCI defines. */
	CHECK(vm_pptdev_bar_write(dev, FAKE_TABLE_BAR, FAKE_TABLE + 2, 2, 0) ==
		-1 &&
	    errno == EINVAL);
	/* The first byte behind the table is the device's. */
	CHECK(vm_pptdev_bar_write(dev, FAKE_TABLE_BAR,
		  FAKE_TABLE + FAKE_MSIX * VFIO_TABLE_ENTRY, 1, 7) == 0);
	fake_pptdev_end();
}

static void
test_reset_by_register(void)
{
	REQUIRE(begin());
	CHECK(put(0x10, 4, 0xe0000000));
	CHECK(put(MSI, 2, PCI_MSI_FLAGS_ENABLE));
	CHECK(put(FAKE_CAP_EXP + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR));
	CHECK_EQ(host.dev.resets, 1);
	CHECK_EQ(host.dev.type, -1);
	CHECK_EQ(get(0x10, 4), 0);
	CHECK_EQ(get(0x18, 4), 0xc); /* its kind it keeps */
	CHECK_EQ(get(MSI, 2), PCI_MSI_FLAGS_64BIT | 3 << 1);
	fake_pptdev_end();
}

/* Chains that no device should have: an end is found, or an error. */
static void
test_hostile_chains(void)
{
	static const struct {
		uint8_t off, value;
		int err;
	} rows[] = {
		{ FAKE_CAP_EXP + 1, FAKE_CAP_PM, 0 }, /* a ring */
		{ FAKE_CAP_EXP + 1, 0x10, EPROTO }, /* into the header */
		{ FAKE_CAP_EXP + 1, 0xfc, 0 }, /* the last word */
		{ FAKE_CAP_MSIX + PCI_MSIX_TABLE, 7, EPROTO }, /* no BAR */
		{ FAKE_CAP_MSIX + PCI_MSIX_TABLE, 3, EPROTO }, /* none there */
		{ FAKE_CAP_MSIX + PCI_MSIX_TABLE + 1, 0x40, EPROTO },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		REQUIRE(fake_pptdev_begin(0x10000));
		host.dev.patch[rows[i].off] = rows[i].value;
		errno = 0;
		if (fake_pptdev_assign())
			errno = 0;
		CHECK_EQ(errno, rows[i].err);
		fake_pptdev_end();
	}
}

int
main(void)
{
	TEST(test_sizes_of_bars);
	TEST(test_what_passes);
	TEST(test_wrong_accesses);
	TEST(test_msi_by_register);
	TEST(test_msix_by_register);
	TEST(test_reset_by_register);
	TEST(test_hostile_chains);
	return CHECK_EXIT();
}
