/* SPDX-License-Identifier: ISC */
/*
 * The ACPI tables: pointers, checksums and lengths by hand, contents by iasl,
 * numbers of dsdt.asl against layout.h, and the linker script by running it.
 */
#include "boot/acpi.h"

#include <stdint.h>
#include <unistd.h>

#include "boot/layout.h"
#include "boot/le.h"
#include "check.h"

static struct acpi_tables acpi;

static uint8_t
sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	while (len-- > 0)
		s = (uint8_t)(s + *p++);
	return s;
}

/* The table that a pointer to a guest address means, checked whole. */
static const uint8_t *
table_at(const uint8_t *tables, uint32_t length, uint64_t base, uint64_t addr,
    const char *signature)
{
	const uint8_t *table = tables + (addr - base);
	uint32_t len;

	if (!CHECK(addr >= base && addr - base <= length - 36))
		return NULL;
	len = le32_get(table + 4);
	if (!CHECK(len >= 36 && len <= length - (addr - base)) ||
	    !CHECK(memcmp(table, signature, 4) == 0))
		return NULL;
	if (strcmp(signature, "FACS") != 0)
		CHECK_EQ(sum(table, len), 0);
	return table;
}

/* Walks from the RSDP to every table. */
static void
check_tree(const uint8_t *rsdp, const uint8_t *tables, uint32_t length,
    uint64_t base, unsigned int ncpus)
{
	const uint8_t *rsdt, *xsdt, *fadt, *madt;

	CHECK_EQ(sum(rsdp, 20), 0);
	CHECK_EQ(sum(rsdp, 36), 0);
	rsdt = table_at(tables, length, base, le32_get(rsdp + 16), "RSDT");
	xsdt = table_at(tables, length, base, le64_get(rsdp + 24), "XSDT");
	REQUIRE(rsdt != NULL && xsdt != NULL);
	CHECK_EQ(le32_get(rsdt + 4), 36 + 2 * 4);
	CHECK_EQ(le32_get(xsdt + 4), 36 + 2 * 8);
	CHECK_EQ(le32_get(rsdt + 36), le64_get(xsdt + 36));
	CHECK_EQ(le32_get(rsdt + 40), le64_get(xsdt + 44));
	fadt = table_at(tables, length, base, le64_get(xsdt + 36), "FACP");
	madt = table_at(tables, length, base, le64_get(xsdt + 44), "APIC");
	REQUIRE(fadt != NULL && madt != NULL);
	CHECK_EQ(le32_get(fadt + 4), 276);
	CHECK_EQ(le32_get(fadt + 40), le64_get(fadt + 140));
	table_at(tables, length, base, le32_get(fadt + 40), "DSDT");
	table_at(tables, length, base, le32_get(fadt + 36), "FACS");
	CHECK_EQ(le32_get(fadt + 36) % 64, 0);
	CHECK_EQ(le32_get(madt + 4), 36 + 8 + ncpus * 8 + 12 + 4 * 10 + 6);
	CHECK_EQ(le32_get(fadt + 56), 0x600);
	CHECK_EQ(le64_get(fadt + 116 + 4), 0x60c);
	CHECK_EQ(le16_get(fadt + 109) & 0x2, 0); /* no 8042 */
	CHECK_EQ(le32_get(fadt + 80), 0x60e); /* GPE0 */
	CHECK_EQ(fadt[92], 2);
	CHECK_EQ(le64_get(fadt + 220 + 4), 0x60e);
}

static void
test_placed(void)
{
	static const unsigned int cpus[] = { 1, 2, 64 };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		acpi_build(&acpi, cpus[i], LAYOUT_GENID);
		CHECK(acpi.length <= ACPI_TABLES_MAX);
		CHECK(acpi.npointers <= ACPI_POINTERS_MAX);
		CHECK(acpi.nsums <= ACPI_SUMS_MAX);
		acpi_place(&acpi, LAYOUT_ACPI);
		check_tree(
		    acpi.rsdp, acpi.tables, acpi.length, LAYOUT_ACPI, cpus[i]);
	}
}

/* Does what the firmware does with the script. */
static void
test_linker_script(void)
{
	static uint8_t script[ACPI_LOADER_MAX];
	const uint32_t base = 0x7ffe0000;
	uint8_t tables[ACPI_TABLES_MAX], rsdp[ACPI_RSDP_SIZE];
	size_t at, len;
	unsigned int allocated = 0;

	acpi_build(&acpi, 3, LAYOUT_GENID);
	len = acpi_loader_script(&acpi, script);
	CHECK(len <= sizeof(script) && len % ACPI_LOADER_ENTRY == 0);
	memcpy(tables, acpi.tables, sizeof(tables));
	memcpy(rsdp, acpi.rsdp, sizeof(rsdp));
	for (at = 0; at < len; at += ACPI_LOADER_ENTRY) {
		const uint8_t *e = script + at, *arg = e + 60;
		const char *file = (const char *)e + 4;
		bool is_tables = strcmp(file, "etc/acpi/tables") == 0;
		uint8_t *to = is_tables ? tables : rsdp;

		CHECK(is_tables || strcmp(file, "etc/acpi/rsdp") == 0);
		switch (le32_get(e)) {
		case 1:
			CHECK_EQ(at / ACPI_LOADER_ENTRY, allocated++);
			CHECK_EQ(le32_get(arg), is_tables ? 64 : 16);
			CHECK_EQ(arg[4], is_tables ? 1 : 2);
			break;
		case 2:
			CHECK_STR((const char *)arg, "etc/acpi/tables");
			to += le32_get(arg + 56);
			if (arg[60] == 8)
				le64_put(to, le64_get(to) + base);
			else
				le32_put(to, le32_get(to) + base);
			break;
		case 3:
			to[le32_get(arg)] = (uint8_t)(to[le32_get(arg)] -
			    sum(to + le32_get(arg + 4), le32_get(arg + 8)));
			break;
		default:
			CHECK(false);
		}
	}
	CHECK_EQ(allocated, 2);
	check_tree(rsdp, tables, acpi.length, base, 3);
}

/* Whether a shell script, with $n as name, succeeds in dir. */
static bool
run(const char *dir, const char *name, const char *script)
{
	char command[512];

	snprintf(
	    command, sizeof(command), "cd %s && n=%s && %s", dir, name, script);
	return system(command) == 0;
}

/* iasl takes each table apart and puts it together again. */
static void
test_iasl(void)
{
	static const char *const names[] = { "facp", "apic", "dsdt", "rsdt",
		"xsdt" };
	char dir[] = "/tmp/t_acpi.XXXXXX", path[64];
	unsigned int i, at;

	if (system("iasl -v >/dev/null 2>&1") != 0)
		SKIP("iasl is not installed");
	REQUIRE(mkdtemp(dir) != NULL);
	acpi_build(&acpi, 2, LAYOUT_GENID);
	acpi_place(&acpi, LAYOUT_ACPI);
	for (i = 0; i < 5; i++) {
		char signature[5] = { 0 };
		unsigned int j;
		FILE *f;

		for (j = 0; j < 4; j++)
			signature[j] = (char)(names[i][j] - 32);
		for (at = 0; at < acpi.length - 4; at++)
			if (memcmp(acpi.tables + at, signature, 4) == 0)
				break;
		REQUIRE(at < acpi.length - 4);
		snprintf(path, sizeof(path), "%s/%s.dat", dir, names[i]);
		REQUIRE((f = fopen(path, "w")) != NULL);
		fwrite(acpi.tables + at, 1, le32_get(acpi.tables + at + 4), f);
		fclose(f);
		CHECK(run(dir, names[i],
		    "iasl -d $n.dat >$n.out 2>&1 && "
		    "! grep -E 'Error|Warning|nvalid' $n.out"));
		CHECK(run(dir, names[i], "iasl -we $n.dsl >$n.out 2>&1"));
	}
	/* Facts that iasl names. */
	CHECK(run(
	    dir, "facp", "grep -q 'Reset Register Supported (V2) : 1' $n.dsl"));
	CHECK(run(
	    dir, "apic", "test $(grep -c 'Processor Local APIC' $n.dsl) = 2"));
	CHECK(run(dir, "dsdt", "grep -q _S5 $n.dsl"));
	CHECK(run(dir, "facp", "grep -q 'GPE0 Block Length : 02' $n.dsl"));
	CHECK(run(dir, "dsdt",
	    "grep -q 'Name (GIDA, 0x000EF000)' $n.dsl && "
	    "grep -A3 'Device .*GENI)' $n.dsl | grep -q VMDG0001 && "
	    "grep -A4 'Device .*GENI)' $n.dsl | "
	    "grep -q '_CID, \"VM_Gen_Counter\"' && "
	    "grep -A4 'Method (_E05' $n.dsl | grep -q 'GENI, 0x80'"));
	CHECK(run(dir, "x", "rm -f ./*.dat ./*.dsl ./*.aml ./*.out ./*.hex"));
	CHECK_EQ(rmdir(dir), 0);
}

/* The address is the value of a name, and nothing else changes. */
static void
test_genid(void)
{
	static const uint8_t name[] = { 8, 'G', 'I', 'D', 'A', 0x0c };
	static struct acpi_tables other;
	unsigned int found = 0, differ = 0;

	acpi_build(&acpi, 1, 0xbffff000);
	acpi_build(&other, 1, 0);
	CHECK_EQ(acpi.length, other.length);
	for (uint32_t at = 0; at + 10 < acpi.length; at++) {
		differ += acpi.tables[at] != other.tables[at];
		if (memcmp(acpi.tables + at, name, sizeof(name)) != 0)
			continue;
		found++;
		CHECK_EQ(le32_get(acpi.tables + at + 6), 0xbffff000);
		CHECK_EQ(le32_get(other.tables + at + 6), 0);
	}
	CHECK_EQ(found, 1);
	CHECK_EQ(differ, 3);
	CHECK(memcmp(acpi.tables + 64, "DSDT", 4) == 0);
	acpi_place(&acpi, LAYOUT_ACPI);
	CHECK_EQ(sum(acpi.tables + 64, le32_get(acpi.tables + 68)), 0);
}

/* The bytes of dsdt.asl repeat what layout.h says. */
static void
test_dsdt_numbers(void)
{
	const uint8_t *aml = acpi.tables + 64;
	uint32_t len = le32_get(aml + 4), at;
	unsigned int slots = 0, ports = 0;
	static const struct {
		uint16_t port;
		uint8_t size;
	} expected[] = {
		{ LAYOUT_PM_PORT, LAYOUT_PM_SIZE },
		{ LAYOUT_FWCFG_PORT, 12 },
		{ LAYOUT_UART_PORT, 8 },
		{ LAYOUT_RTC_PORT, 2 },
	};
	unsigned int i;
	bool window = false;
	char event[8];

	acpi_build(&acpi, 1, LAYOUT_GENID);
	REQUIRE(memcmp(aml, "DSDT", 4) == 0 && len > 100);
	for (at = 36; at + 12 < len; at++) {
		const uint8_t *p = aml + at;
		uint16_t slot = le16_get(p + 3);

		/* Package of four: DWord slot and 0xffff, pin 0, 0, GSI. */
		if (p[0] == 0x04 && p[1] == 0x0c && p[2] == 0xff &&
		    p[3] == 0xff && p[6] == 0 && p[7] == 0 && p[8] == 0x0a) {
			slot = le16_get(p + 4);
			CHECK_EQ(p[9], LAYOUT_INTX_GSI(slot));
			slots++;
		}
		/* DWord address space descriptor (6.4.3.5.2). */
		if (p[0] == 0x87 && p[3] == 0 &&
		    le32_get(p + 10) == LAYOUT_MMIO_START)
			window = le32_get(p + 14) == LAYOUT_MMIO_END - 1;
		/* I/O port descriptor (6.4.2.5). */
		for (i = 0; i < 4; i++)
			ports += p[0] == 0x47 && p[1] == 1 &&
			    le16_get(p + 2) == expected[i].port &&
			    p[7] == expected[i].size;
	}
	/* The event's method: its number is its name. */
	snprintf(event, sizeof(event), "_E%02X", LAYOUT_GENID_GPE);
	for (at = 36; at + 8 < len && memcmp(aml + at, event, 4) != 0; at++)
		;
	CHECK(at + 8 < len);
	CHECK_EQ(slots, LAYOUT_PCI_SLOTS - 1);
	CHECK_EQ(ports, 4);
	CHECK(window);
	/* \_S5 */
	for (at = 36; at + 8 < len && memcmp(aml + at, "_S5_", 4) != 0; at++)
		;
	REQUIRE(at + 8 < len);
	CHECK_EQ(aml[at + 4], 0x12); /* package */
	CHECK_EQ(aml[at + 8], LAYOUT_S5_TYPE);
}

int
main(void)
{
	TEST(test_placed);
	TEST(test_linker_script);
	TEST(test_dsdt_numbers);
	TEST(test_genid);
	TEST(test_iasl);
	return CHECK_EXIT();
}
