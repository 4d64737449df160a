/* SPDX-License-Identifier: ISC */
/*
 * See acpi.h.  Pure: works on the caller's buffer.  Tables are appended one
 * after the other; each pointer and each checksum is noted as it is made, and
 * the two ways of delivery only walk those notes.  Numbers of sections and
 * tables are those of ACPI 6.4.
 */
#include "boot/acpi.h"

#include <string.h>

#include "boot/layout.h"
#include "boot/le.h"
#include "dsdt_aml.h"

#define HEADER_SIZE 36
#define HEADER_LENGTH 4
#define HEADER_CHECKSUM 9

#define FACS_SIZE 64
#define FADT_SIZE 276
#define RSDP_CHECKSUM 8
#define RSDP_RSDT 16
#define RSDP_XSDT 24
#define RSDP_EXTENDED_CHECKSUM 32
#define RSDP_V1_SIZE 20

/* The room for the largest set: DSDT and 64 CPUs. */
_Static_assert(sizeof(dsdt_aml) + 0x1000 < ACPI_TABLES_MAX, "room for tables");
_Static_assert(LAYOUT_ACPI + ACPI_TABLES_MAX <= LAYOUT_ACPI_END, "low room");

/* A field of a table that is not 0. */
struct field {
	uint16_t offset;
	uint8_t size;
	uint32_t value;
};

#define FADT_FLAGS                                                            \
	(1U << 0 /* WBINVD works */ | 1U << 2 /* HLT works */ |               \
	    1U << 5 /* no sleep button */ | 1U << 6 /* RTC: no wake status */ \
	    | 1U << 8 /* 32-bit timer */ | 1U << 10 /* reset register */)
#define GAS_IO 1
#define GAS_BYTE 1
#define GAS_WORD 2
#define GAS_DWORD 3
/* A generic address (5.2.3.2) of a port. */
#define GAS(at, bits, width, port)                                        \
	{ at, 1, GAS_IO }, { (at) + 1, 1, bits }, { (at) + 3, 1, width }, \
	{                                                                 \
		(at) + 4, 4, port                                         \
	}

/* Table 5.9 */
static const struct field fadt_fields[] = {
	{ 46, 2, LAYOUT_SCI_IRQ },
	{ 56, 4, LAYOUT_PM_PORT + LAYOUT_PM_EVENT },
	{ 64, 4, LAYOUT_PM_PORT + LAYOUT_PM_CONTROL },
	{ 76, 4, LAYOUT_PM_PORT + LAYOUT_PM_TIMER },
	{ 80, 4, LAYOUT_PM_PORT + LAYOUT_PM_GPE },
	{ 88, 1, 4 }, /* PM1_EVT_LEN */
	{ 89, 1, 2 }, /* PM1_CNT_LEN */
	{ 91, 1, 4 }, /* PM_TMR_LEN */
	{ 92, 1, LAYOUT_GPE_SIZE }, /* GPE0_BLK_LEN */
	{ 96, 2, 0x0fff }, /* no C2 */
	{ 98, 2, 0x0fff }, /* no C3 */
	{ 108, 1, 0x32 }, /* CENTURY */
	/* IAPC_BOOT_ARCH: ISA devices, no 8042 (bit 1), no VGA (bit 2) */
	{ 109, 2, 0x0005 },
	{ 112, 4, FADT_FLAGS },
	GAS(116, 8, GAS_BYTE, LAYOUT_PM_PORT + LAYOUT_PM_RESET),
	{ 128, 1, LAYOUT_PM_RESET_VALUE },
	{ 131, 1, 4 }, /* minor version */
	GAS(148, 32, GAS_WORD, LAYOUT_PM_PORT + LAYOUT_PM_EVENT),
	GAS(172, 16, GAS_WORD, LAYOUT_PM_PORT + LAYOUT_PM_CONTROL),
	GAS(208, 32, GAS_DWORD, LAYOUT_PM_PORT + LAYOUT_PM_TIMER),
	GAS(220, 16, GAS_BYTE, LAYOUT_PM_PORT + LAYOUT_PM_GPE),
};
#define FADT_FACS 36
#define FADT_DSDT 40
#define FADT_X_DSDT 140

/* Interrupt source overrides (5.2.12.5): ISA IRQ, GSI, MPS INTI flags. */
#define INTI_LEVEL_HIGH 0x000d
static const struct {
	uint8_t irq, gsi;
	uint16_t flags;
} overrides[] = {
	{ 0, 2, 0 }, /* the PIT */
	{ LAYOUT_SCI_IRQ, LAYOUT_SCI_IRQ, INTI_LEVEL_HIGH },
	{ LAYOUT_INTX_GSI(1), LAYOUT_INTX_GSI(1), INTI_LEVEL_HIGH },
	{ LAYOUT_INTX_GSI(3), LAYOUT_INTX_GSI(3), INTI_LEVEL_HIGH },
};

/* Room of len zeroed bytes in the tables; returns its offset. */
static uint32_t
acpi_room(struct acpi_tables *acpi, uint32_t len)
{
	uint32_t at = acpi->length;

	acpi->length += len;
	return at;
}

static void
acpi_pointer(struct acpi_tables *acpi, uint32_t at, uint32_t size, uint32_t to)
{
	le32_put(acpi->tables + at, to); /* the high half is 0 */
	acpi->pointer[acpi->npointers++] = (struct acpi_pointer) { at, size };
}

/* Starts a table (5.2.6) at the end; acpi_finish() gives it its length. */
static uint32_t
acpi_start(struct acpi_tables *acpi, const char *signature, uint8_t revision)
{
	uint32_t at;
	uint8_t *header;

	acpi->length = (acpi->length + 7) & ~7U;
	at = acpi_room(acpi, HEADER_SIZE);
	header = acpi->tables + at;
	memcpy(header, signature, 4);
	header[8] = revision;
	memcpy(header + 10, "VMD   VMDTABLE", 14);
	le32_put(header + 24, 1);
	memcpy(header + 28, "VMD ", 4);
	le32_put(header + 32, 1);
	return at;
}

static void
acpi_finish(struct acpi_tables *acpi, uint32_t at)
{
	uint32_t length = acpi->length - at;

	le32_put(acpi->tables + at + HEADER_LENGTH, length);
	acpi->sum[acpi->nsums++] =
	    (struct acpi_sum) { at + HEADER_CHECKSUM, at, length };
}

static uint32_t
acpi_facs(struct acpi_tables *acpi)
{
	uint32_t at = acpi_room(acpi, FACS_SIZE);
	uint8_t *facs = acpi->tables + at;

	memcpy(facs, "FACS", 4);
	le32_put(facs + 4, FACS_SIZE);
	facs[32] = 2; /* version */
	return at;
}

/* The value of a Name that holds a DWord (20.2.5.1, 20.2.3). */
static uint8_t *
acpi_dword(uint8_t *aml, size_t len, const char *name)
{
	while (len > 9 && (memcmp(aml, name, 4) != 0 || aml[4] != 0x0c)) {
		aml++;
		len--;
	}
	return aml + 5;
}

static uint32_t
acpi_dsdt(struct acpi_tables *acpi, uint32_t genid)
{
	uint32_t at = acpi_room(acpi, sizeof(dsdt_aml));
	uint8_t *dsdt = acpi->tables + at;

	/* iasl made it whole but for the address. */
	memcpy(dsdt, dsdt_aml, sizeof(dsdt_aml));
	le32_put(acpi_dword(dsdt, sizeof(dsdt_aml), "GIDA"), genid);
	dsdt[HEADER_CHECKSUM] = 0;
	acpi_finish(acpi, at);
	return at;
}

static uint32_t
acpi_fadt(struct acpi_tables *acpi, uint32_t facs, uint32_t dsdt)
{
	uint32_t at = acpi_start(acpi, "FACP", 6);
	uint8_t *fadt = acpi->tables + at;
	unsigned int i;

	acpi_room(acpi, FADT_SIZE - HEADER_SIZE);
	for (i = 0; i < sizeof(fadt_fields) / sizeof(fadt_fields[0]); i++) {
		uint32_t value = htole32(fadt_fields[i].value);

		memcpy(
		    fadt + fadt_fields[i].offset, &value, fadt_fields[i].size);
	}
	acpi_pointer(acpi, at + FADT_FACS, 4, facs);
	acpi_pointer(acpi, at + FADT_DSDT, 4, dsdt);
	acpi_pointer(acpi, at + FADT_X_DSDT, 8, dsdt);
	acpi_finish(acpi, at);
	return at;
}

static uint32_t
acpi_madt(struct acpi_tables *acpi, unsigned int ncpus)
{
	uint32_t at = acpi_start(acpi, "APIC", 5);
	unsigned int i;
	uint8_t *p;

	p = acpi->tables + acpi_room(acpi, 8);
	le32_put(p, LAYOUT_LAPIC);
	le32_put(p + 4, 1); /* there are PICs as well */
	for (i = 0; i < ncpus; i++) {
		p = acpi->tables + acpi_room(acpi, 8);
		p[0] = 0; /* local APIC */
		p[1] = 8;
		p[2] = p[3] = (uint8_t)i;
		le32_put(p + 4, 1); /* enabled */
	}
	p = acpi->tables + acpi_room(acpi, 12);
	p[0] = 1; /* IOAPIC, with the id that KVM's has after reset */
	p[1] = 12;
	le32_put(p + 4, LAYOUT_IOAPIC);
	for (i = 0; i < sizeof(overrides) / sizeof(overrides[0]); i++) {
		p = acpi->tables + acpi_room(acpi, 10);
		p[0] = 2;
		p[1] = 10;
		p[3] = overrides[i].irq;
		le32_put(p + 4, overrides[i].gsi);
		le16_put(p + 8, overrides[i].flags);
	}
	p = acpi->tables + acpi_room(acpi, 6);
	p[0] = 4; /* NMI at LINT1 of every CPU */
	p[1] = 6;
	p[2] = 0xff;
	p[5] = 1;
	acpi_finish(acpi, at);
	return at;
}

/* RSDT and XSDT differ in the size of their pointers only. */
static uint32_t
acpi_root(struct acpi_tables *acpi, const char *signature, uint32_t size,
    const uint32_t table[2])
{
	uint32_t at = acpi_start(acpi, signature, 1);
	unsigned int i;

	for (i = 0; i < 2; i++)
		acpi_pointer(acpi, acpi_room(acpi, size), size, table[i]);
	acpi_finish(acpi, at);
	return at;
}

void
acpi_build(struct acpi_tables *acpi, unsigned int ncpus, uint64_t genid)
{
	uint32_t facs, dsdt, tables[2];

	memset(acpi, 0, sizeof(*acpi));
	facs = acpi_facs(acpi); /* first: it wants 64-byte alignment */
	dsdt = acpi_dsdt(acpi, (uint32_t)genid);
	tables[0] = acpi_fadt(acpi, facs, dsdt);
	tables[1] = acpi_madt(acpi, ncpus);
	memcpy(acpi->rsdp, "RSD PTR ", 8);
	memcpy(acpi->rsdp + 9, "VMD   ", 6);
	acpi->rsdp[15] = 2;
	le32_put(acpi->rsdp + 20, ACPI_RSDP_SIZE);
	le32_put(acpi->rsdp + RSDP_RSDT, acpi_root(acpi, "RSDT", 4, tables));
	le64_put(acpi->rsdp + RSDP_XSDT, acpi_root(acpi, "XSDT", 8, tables));
}

static uint8_t
acpi_checksum(const uint8_t *bytes, uint32_t len)
{
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *bytes++);
	return (uint8_t)-sum;
}

void
acpi_place(struct acpi_tables *acpi, uint64_t base)
{
	uint8_t *rsdp = acpi->rsdp, *p;
	uint32_t i;

	for (i = 0; i < acpi->npointers; i++) {
		p = acpi->tables + acpi->pointer[i].offset;
		if (acpi->pointer[i].size == 8)
			le64_put(p, le64_get(p) + base);
		else
			le32_put(p, (uint32_t)(le32_get(p) + base));
	}
	for (i = 0; i < acpi->nsums; i++) {
		const struct acpi_sum *sum = &acpi->sum[i];

		acpi->tables[sum->offset] =
		    acpi_checksum(acpi->tables + sum->start, sum->length);
	}
	le32_put(
	    rsdp + RSDP_RSDT, (uint32_t)(le32_get(rsdp + RSDP_RSDT) + base));
	le64_put(rsdp + RSDP_XSDT, le64_get(rsdp + RSDP_XSDT) + base);
	rsdp[RSDP_CHECKSUM] = acpi_checksum(rsdp, RSDP_V1_SIZE);
	rsdp[RSDP_EXTENDED_CHECKSUM] = acpi_checksum(rsdp, ACPI_RSDP_SIZE);
}

/* --- the firmware's linker (QEMU's bios-linker-loader) ---------------------
 */

#define TABLES_FILE "etc/acpi/tables"
#define RSDP_FILE "etc/acpi/rsdp"
#define LOADER_NAME 56

enum loader_command { LOADER_ALLOCATE = 1, LOADER_POINTER, LOADER_CHECKSUM };
enum loader_zone { ZONE_HIGH = 1, ZONE_FSEG };

struct loader {
	uint8_t *script;
	size_t used;
};

/* A new entry: the command and the file it works on. */
static uint8_t *
loader_entry(
    struct loader *loader, enum loader_command command, const char *file)
{
	uint8_t *entry = loader->script + loader->used;

	loader->used += ACPI_LOADER_ENTRY;
	memset(entry, 0, ACPI_LOADER_ENTRY);
	le32_put(entry, command);
	memcpy(entry + 4, file, strlen(file));
	return entry + 4 + LOADER_NAME;
}

static void
loader_allocate(struct loader *loader, const char *file, uint32_t align,
    enum loader_zone zone)
{
	uint8_t *p = loader_entry(loader, LOADER_ALLOCATE, file);

	le32_put(p, align);
	p[4] = (uint8_t)zone;
}

static void
loader_pointer(
    struct loader *loader, const char *file, uint32_t offset, uint32_t size)
{
	uint8_t *p = loader_entry(loader, LOADER_POINTER, file);

	memcpy(p, TABLES_FILE, strlen(TABLES_FILE));
	le32_put(p + LOADER_NAME, offset);
	p[LOADER_NAME + 4] = (uint8_t)size;
}

static void
loader_checksum(
    struct loader *loader, const char *file, const struct acpi_sum *sum)
{
	uint8_t *p = loader_entry(loader, LOADER_CHECKSUM, file);

	le32_put(p, sum->offset);
	le32_put(p + 4, sum->start);
	le32_put(p + 8, sum->length);
}

size_t
acpi_loader_script(const struct acpi_tables *acpi, uint8_t *script)
{
	static const struct acpi_sum rsdp_sums[] = {
		{ RSDP_CHECKSUM, 0, RSDP_V1_SIZE },
		{ RSDP_EXTENDED_CHECKSUM, 0, ACPI_RSDP_SIZE },
	};
	struct loader loader = { .script = script };
	uint32_t i;

	loader_allocate(&loader, TABLES_FILE, 64, ZONE_HIGH);
	loader_allocate(&loader, RSDP_FILE, 16, ZONE_FSEG);
	for (i = 0; i < acpi->npointers; i++)
		loader_pointer(&loader, TABLES_FILE, acpi->pointer[i].offset,
		    acpi->pointer[i].size);
	for (i = 0; i < acpi->nsums; i++)
		loader_checksum(&loader, TABLES_FILE, &acpi->sum[i]);
	loader_pointer(&loader, RSDP_FILE, RSDP_RSDT, 4);
	loader_pointer(&loader, RSDP_FILE, RSDP_XSDT, 8);
	for (i = 0; i < 2; i++)
		loader_checksum(&loader, RSDP_FILE, &rsdp_sums[i]);
	return loader.used;
}
