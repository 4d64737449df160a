/* SPDX-License-Identifier: ISC */
/* fw_cfg through its ports and through DMA, as firmware and as an enemy. */
#include "chip/fwcfg.h"

#include <endian.h>

#include "boot/acpi.h"
#include "boot/le.h"
#include "check.h"
#include "pc.h"

#define SELECT 0x510
#define DATA 0x511
#define DMA 0x514
#define RAM (16ULL << 20)

#define DMA_ERROR 1
#define DMA_READ 2
#define DMA_SKIP 4
#define DMA_SELECT 8
#define DMA_WRITE 16

static struct pc pc;
static struct fwcfg *fwcfg;

static void
setup(void)
{
	pc_init(&pc, RAM, 3);
	fwcfg = fwcfg_new(&pc.machine);
}

static void
teardown(void)
{
	fwcfg_free(fwcfg);
	CHECK_EQ(pc_inb(&pc, DATA), 0xff);
	pc_fini(&pc);
}

static uint64_t
data(unsigned int len)
{
	uint64_t value = 0;
	unsigned int i;

	for (i = 0; i < len; i++)
		value |= (uint64_t)pc_inb(&pc, DATA) << i * 8;
	return value;
}

static uint64_t
data_be(unsigned int len)
{
	uint64_t value = 0;

	while (len-- > 0)
		value = value << 8 | pc_inb(&pc, DATA);
	return value;
}

/* Selects a file by name; returns its size, -1 when there is none. */
static long
open_file(const char *name)
{
	unsigned int i, j, count;
	char entry[56];

	pc_outw(&pc, SELECT, 0x19);
	count = (unsigned int)data_be(4);
	for (i = 0; i < count; i++) {
		long size = (long)data_be(4);
		uint16_t key = (uint16_t)data_be(2);

		data(2);
		for (j = 0; j < sizeof(entry); j++)
			entry[j] = (char)pc_inb(&pc, DATA);
		if (strncmp(entry, name, sizeof(entry)) == 0) {
			pc_outw(&pc, SELECT, key);
			return size;
		}
	}
	return -1;
}

static void
test_items(void)
{
	setup();
	pc_outw(&pc, SELECT, 0);
	CHECK_EQ(data(4), 'Q' | 'E' << 8 | 'M' << 16 | 'U' << 24);
	CHECK_EQ(data(8), 0); /* behind the end */
	pc_outw(&pc, SELECT, 1);
	CHECK_EQ(data(4), 3);
	pc_outw(&pc, SELECT, 5);
	CHECK_EQ(data(2), 3);
	pc_outw(&pc, SELECT, 0x0f);
	CHECK_EQ(data(2), 3);
	pc_outw(&pc, SELECT, 3);
	CHECK_EQ(data(8), RAM);
	pc_outw(&pc, SELECT, 0xffff);
	CHECK_EQ(data(4), 0);
	/* Writes to the data port change nothing. */
	pc_outw(&pc, SELECT, 0);
	pc_outb(&pc, DATA, 'x');
	CHECK_EQ(data(1), 'Q');
	teardown();
}

static void
test_files(void)
{
	setup();
	CHECK_EQ(open_file("etc/e820"), 40);
	CHECK_EQ(data(8), 0);
	CHECK_EQ(data(8), RAM - 0x1000);
	CHECK_EQ(data(4), 1);
	/* The generation ID's page. */
	CHECK_EQ(data(8), RAM - 0x1000);
	CHECK_EQ(data(8), 0x1000);
	CHECK_EQ(data(4), 2);
	CHECK_EQ(open_file("etc/sercon-port"), 2);
	CHECK_EQ(data(2), 0x3f8);
	CHECK_EQ(open_file("etc/show-boot-menu"), 2);
	CHECK_EQ(data(2), 0);
	CHECK_EQ(open_file("etc/acpi/rsdp"), 36);
	CHECK_EQ(data(8), le64_get("RSD PTR "));
	CHECK(open_file("etc/acpi/tables") > 1000);
	CHECK_EQ(data(4), le32_get("FACS"));
	CHECK_EQ(open_file("etc/table-loader") % ACPI_LOADER_ENTRY, 0);
	CHECK_EQ(open_file("nothing"), -1);
	teardown();
}

static void
test_add_file(void)
{
	static const uint8_t big[1];
	char name[64];
	int i;

	setup();
	CHECK_EQ(fwcfg_add_file(fwcfg, "opt/x", "abc", 3), 0);
	CHECK_EQ(fwcfg_add_file(fwcfg, "opt/x", "abc", 3), -1);
	CHECK_EQ(errno, EEXIST);
	CHECK_EQ(fwcfg_add_file(fwcfg, "opt/empty", NULL, 0), 0);
	memset(name, 'n', sizeof(name) - 1);
	name[63] = '\0';
	CHECK_EQ(fwcfg_add_file(fwcfg, name, "abc", 3), -1);
	CHECK_EQ(errno, ENAMETOOLONG);
	name[55] = '\0';
	CHECK_EQ(fwcfg_add_file(fwcfg, name, "abc", 3), 0);
	CHECK_EQ(fwcfg_add_file(fwcfg, "opt/big", big, FWCFG_FILE_MAX + 1), -1);
	CHECK_EQ(errno, EFBIG);
	CHECK_EQ(open_file("opt/x"), 3);
	CHECK_EQ(data(4), 'a' | 'b' << 8 | 'c' << 16);
	CHECK_EQ(open_file("opt/empty"), 0);
	CHECK_EQ(open_file(name), 3);
	for (i = 0; i < FWCFG_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "opt/%d", i);
		if (fwcfg_add_file(fwcfg, name, "x", 1) == -1)
			break;
	}
	CHECK_EQ(errno, ENOSPC);
	CHECK(i < FWCFG_FILES_MAX);
	teardown();
}

/* One DMA request with its descriptor at gpa; returns the control it ends
 * with. */
static uint32_t
dma(uint64_t gpa, uint32_t control, uint32_t length, uint64_t address)
{
	uint32_t be32[2] = { htobe32(control), htobe32(length) };
	uint64_t be64 = htobe64(address);

	memcpy(pc.ram + gpa, be32, 8);
	memcpy(pc.ram + gpa + 8, &be64, 8);
	if (gpa & 8) {
		bus_write(pc.machine.bus, BUS_PIO, DMA, 8, htobe64(gpa));
	} else {
		pc_outl(&pc, DMA, 0);
		pc_outl(&pc, DMA + 4, htobe32((uint32_t)gpa));
	}
	memcpy(be32, pc.ram + gpa, 4);
	return be32toh(be32[0]);
}

static void
test_dma(void)
{
	setup();
	CHECK_EQ(pc_inl(&pc, DMA), le32_get("QEMU"));
	CHECK_EQ(pc_inl(&pc, DMA + 4), le32_get(" CFG"));
	CHECK_EQ(
	    bus_read(pc.machine.bus, BUS_PIO, DMA, 8), le64_get("QEMU CFG"));
	REQUIRE(fwcfg_add_file(fwcfg, "opt/x", "0123456789", 10) == 0);
	CHECK_EQ(open_file("opt/x"), 10);
	CHECK_EQ(dma(0x1000, DMA_READ, 4, 0x2000), 0);
	CHECK(memcmp(pc.ram + 0x2000, "0123", 4) == 0);
	CHECK_EQ(dma(0x1008, DMA_SKIP, 3, 0), 0);
	CHECK_EQ(dma(0x1008, 0, 3, 0x2000), 0); /* no command: nothing */
	memset(pc.ram + 0x2000, 0xee, 16);
	CHECK_EQ(dma(0x1008, DMA_READ, 8, 0x2000), 0);
	CHECK(memcmp(pc.ram + 0x2000, "789\0\0\0\0\0\xee", 9) == 0);
	/* Select and read in one. */
	CHECK_EQ(dma(0x1000, DMA_SELECT | DMA_READ, 4, 0x2000), 0);
	CHECK(memcmp(pc.ram + 0x2000, "QEMU", 4) == 0);
	teardown();
}

static struct {
	unsigned int calls;
	uint64_t gpa[4], len[4];
} noted;

static void
note_wrote(void *arg, uint64_t gpa, uint64_t len)
{
	CHECK(arg == &pc);
	noted.gpa[noted.calls % 4] = gpa;
	noted.len[noted.calls++ % 4] = len;
}

/* Whoever copies the memory while the guest runs is told. */
static void
test_dma_is_noted(void)
{
	setup();
	memset(&noted, 0, sizeof(noted));
	pc.machine.wrote = note_wrote;
	CHECK_EQ(dma(0x1000, DMA_SELECT | DMA_READ, 0x3000, 0x5008), 0);
	CHECK_EQ(noted.calls, 2);
	CHECK(noted.gpa[0] == 0x5008 && noted.len[0] == 0x3000);
	CHECK(noted.gpa[1] == 0x1000 && noted.len[1] == 4);
	/* Only the answer. */
	CHECK_EQ(dma(0x1000, DMA_READ, 4, RAM - 3), DMA_ERROR);
	CHECK_EQ(noted.calls, 3);
	CHECK(noted.gpa[2] == 0x1000 && noted.len[2] == 4);
	teardown();
}

static void
test_dma_hostile(void)
{
	setup();
	pc_outw(&pc, SELECT, 0);
	CHECK_EQ(dma(0x1000, DMA_WRITE, 4, 0x2000), DMA_ERROR);
	CHECK_EQ(dma(0x1000, DMA_READ, 4, RAM - 3), DMA_ERROR);
	CHECK_EQ(dma(0x1000, DMA_READ, 4, UINT64_MAX - 1), DMA_ERROR);
	CHECK_EQ(dma(0x1000, DMA_READ, UINT32_MAX, 0), DMA_ERROR);
	CHECK_EQ(dma(0x1000, DMA_READ, 0, UINT64_MAX), 0);
	CHECK_EQ(dma(0x1000, DMA_SKIP, UINT32_MAX, 0), 0);
	CHECK_EQ(dma(0x1000, DMA_SKIP, UINT32_MAX, 0), 0);
	CHECK_EQ(data(1), 0);
	CHECK_EQ(dma(0x1000, UINT32_MAX & ~DMA_SELECT, 1, RAM), DMA_ERROR);
	/* The descriptor reads over itself. */
	CHECK_EQ(dma(0x1000, DMA_SELECT | DMA_READ, 16, 0x1000), 0);
	CHECK_EQ(dma(RAM - 16, DMA_SELECT | DMA_READ, 4, 0x2000), 0);
	/* Descriptors outside of memory do nothing. */
	bus_write(pc.machine.bus, BUS_PIO, DMA, 8, htobe64(RAM - 15));
	bus_write(pc.machine.bus, BUS_PIO, DMA, 8, UINT64_MAX);
	pc_outl(&pc, DMA, 0xffffffff);
	pc_outl(&pc, DMA + 4, 0xffffffff);
	CHECK_EQ(dma(0x1000, DMA_SELECT | DMA_READ, 4, 0x2000), 0);
	teardown();
}

/* --- a file that the guest writes ----------------------------------------- */

static struct {
	uint8_t bytes[8], beyond[8];
	uint32_t at, len;
	unsigned int calls;
} written;

static void
note_written(void *arg, uint32_t offset, uint32_t len)
{
	CHECK(arg == &written);
	written.at = offset;
	written.len = len;
	written.calls++;
}

static const struct fwcfg_writer writer = { written.bytes, note_written,
	&written };

static void
test_writable(void)
{
	setup();
	memset(&written, 0, sizeof(written));
	memcpy(written.bytes, "abcdefgh", 8);
	REQUIRE(fwcfg_add_writable(fwcfg, "opt/w", 8, &writer) == 0);
	CHECK_EQ(fwcfg_add_writable(fwcfg, "opt/w", 8, &writer), -1);
	CHECK_EQ(errno, EEXIST);
	CHECK_EQ(open_file("opt/w"), 8);
	CHECK_EQ(data(2), 'a' | 'b' << 8);
	/* From where the reading came to. */
	memcpy(pc.ram + 0x2000, "0123456789", 10);
	CHECK_EQ(dma(0x1000, DMA_WRITE, 4, 0x2000), 0);
	CHECK(memcmp(written.bytes, "ab0123gh", 8) == 0);
	CHECK(written.calls == 1 && written.at == 2 && written.len == 4);
	CHECK_EQ(data(2), 'g' | 'h' << 8);
	CHECK_EQ(open_file("opt/w"), 8);
	CHECK_EQ(dma(0x1000, DMA_WRITE, 8, 0x2001), 0);
	CHECK(memcmp(written.bytes, "12345678", 8) == 0);
	CHECK(written.calls == 2 && written.at == 0 && written.len == 8);
	CHECK_EQ(open_file("opt/w"), 8);
	CHECK_EQ(data(8), le64_get("12345678"));
	teardown();
}

static void
test_writable_hostile(void)
{
	setup();
	memset(&written, 0, sizeof(written));
	REQUIRE(fwcfg_add_writable(fwcfg, "opt/w", 8, &writer) == 0);
	memset(pc.ram + 0x2000, 0xee, 64);
	CHECK_EQ(open_file("opt/w"), 8);
	CHECK_EQ(dma(0x1000, DMA_WRITE, 9, 0x2000), DMA_ERROR);
	CHECK_EQ(dma(0x1000, DMA_WRITE, UINT32_MAX, 0x2000), DMA_ERROR);
	CHECK_EQ(dma(0x1000, DMA_WRITE, 8, RAM - 7), DMA_ERROR);
	CHECK_EQ(dma(0x1000, DMA_WRITE, 8, UINT64_MAX - 3), DMA_ERROR);
	CHECK_EQ(dma(0x1000, DMA_WRITE, 0, UINT64_MAX), 0);
	CHECK_EQ(dma(0x1000, DMA_SKIP, 7, 0), 0);
	CHECK_EQ(dma(0x1000, DMA_WRITE, 2, 0x2000), DMA_ERROR);
	CHECK_EQ(dma(0x1000, DMA_SKIP, UINT32_MAX, 0), 0);
	CHECK_EQ(dma(0x1000, DMA_WRITE, 1, 0x2000), DMA_ERROR);
	/* By the data port: never. */
	CHECK_EQ(open_file("opt/w"), 8);
	pc_outb(&pc, DATA, 0xee);
	/* A file that is only read, and none at all. */
	CHECK_EQ(open_file("etc/e820"), 40);
	CHECK_EQ(dma(0x1000, DMA_WRITE, 4, 0x2000), DMA_ERROR);
	CHECK_EQ(dma(0x1000, 0xffffU << 16 | DMA_SELECT | DMA_WRITE, 4, 0x2000),
	    DMA_ERROR);
	CHECK_EQ(open_file("etc/e820"), 40);
	CHECK_EQ(data(8), 0);
	CHECK_EQ(written.calls, 0);
	CHECK_EQ(le64_get(written.bytes), 0);
	CHECK_EQ(le64_get(written.beyond), 0);
	teardown();
}

int
main(void)
{
	TEST(test_items);
	TEST(test_files);
	TEST(test_add_file);
	TEST(test_dma);
	TEST(test_dma_is_noted);
	TEST(test_dma_hostile);
	TEST(test_writable);
	TEST(test_writable_hostile);
	return CHECK_EXIT();
}
