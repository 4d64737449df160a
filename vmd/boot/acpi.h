/* SPDX-License-Identifier: ISC */
/*
 * The ACPI tables, built once and delivered in two ways: written into guest
 * memory for a kernel that is booted directly, or handed to firmware as two
 * blobs and a linker script over fw_cfg.
 */
#ifndef ACPI_H
#define ACPI_H

#include <stddef.h>
#include <stdint.h>

#define ACPI_TABLES_MAX 0x8000
#define ACPI_RSDP_SIZE 36
#define ACPI_POINTERS_MAX 16
#define ACPI_SUMS_MAX 8

/* A pointer field: size bytes at offset, which hold an offset in tables. */
struct acpi_pointer {
	uint32_t offset;
	uint32_t size;
};

/* A checksum byte at offset over [start, start + length). */
struct acpi_sum {
	uint32_t offset;
	uint32_t start;
	uint32_t length;
};

struct acpi_tables {
	uint8_t tables[ACPI_TABLES_MAX];
	uint8_t rsdp[ACPI_RSDP_SIZE];
	uint32_t length; /* of tables */
	uint32_t npointers, nsums; /* within tables */
	struct acpi_pointer pointer[ACPI_POINTERS_MAX];
	struct acpi_sum sum[ACPI_SUMS_MAX];
};

/*
 * Builds the tables of a machine of ncpus (1-64) CPUs with its generation ID at
 * guest address genid (below 4 GiB; 0: without one).  Pointers hold offsets
 * and checksums are 0 until acpi_place() or the firmware's linker runs.
 */
void acpi_build(struct acpi_tables *, unsigned int ncpus, uint64_t genid);

/* Makes pointers and checksums right for tables at guest address base. */
void acpi_place(struct acpi_tables *, uint64_t base);

#define ACPI_LOADER_ENTRY 128
#define ACPI_LOADER_MAX \
	((2 + ACPI_POINTERS_MAX + 2 + ACPI_SUMS_MAX + 2) * ACPI_LOADER_ENTRY)

/*
 * Writes the linker script for the files etc/acpi/tables and etc/acpi/rsdp
 * (tables as acpi_build() left them) to script, ACPI_LOADER_MAX bytes; returns
 * its length.
 */
size_t acpi_loader_script(const struct acpi_tables *, uint8_t *script);

#endif /* ACPI_H */
