/* SPDX-License-Identifier: ISC */
/*
 * What the loaders of all kernel formats share: the files, errors, guest
 * memory, and the structures that every kernel gets.  Private to vmd/boot.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/boot.h"

struct machine;

/* All headers of a kernel are looked for here: 8 KiB is multiboot's rule. */
#define LOAD_HEAD 8192

struct load_file {
	int fd;
	const uint8_t *bytes; /* not NULL: its content instead of fd's */
	enum vm_file which;
	uint64_t size;
};

struct load {
	const struct boot_params *params;
	const struct machine *machine;
	struct boot_result *result;
	struct load_file kernel;
	/* The first bytes of the kernel, read once; zeroes follow. */
	uint8_t head[LOAD_HEAD];
	uint32_t head_len;
	uint8_t *unpacked; /* owned: a kernel that was packed */
	uint64_t kernel_end; /* guest memory from here on is free */
	uint64_t initrd, initrd_size; /* 0, 0: none */
};

/* Fills in the error of the result; returns -1. */
int load_fail(struct load *, enum vm_error, enum vm_file, const char *detail,
    ...) __attribute__((format(printf, 4, 5)));

/* Finds out the size; an empty file is an error. */
int load_open(struct load *, struct load_file *, int fd, enum vm_file which);

/* Reads all of [offset, offset + len); a file that ends before is an error. */
int load_read(
    struct load *, const struct load_file *, uint64_t offset, void *, size_t);

/*
 * Checks that [gpa, gpa + len) is RAM above 1 MiB and below 4 GiB; what names
 * it in the error.
 */
int load_check_room(
    struct load *, const char *what, uint64_t gpa, uint64_t len);

/* Reads file [offset, offset + len) into guest memory that was checked. */
int load_into(struct load *, const struct load_file *, uint64_t offset,
    uint64_t gpa, uint64_t len);

/* Guest memory at a fixed low place of layout.h, which always exists. */
void *load_low(struct load *, uint64_t gpa, size_t len);

/*
 * Puts the initrd, if there is one, as high as it goes with its last byte at
 * most at last, behind the kernel.  Sets initrd and initrd_size.
 */
int load_initrd(struct load *, uint64_t last);

/* Writes the command line to LAYOUT_CMDLINE; one of more than max characters
 * is an error. */
int load_cmdline(struct load *, uint32_t max);

/* ACPI tables, RSDP and the BIOS data area's words on memory size. */
int load_platform(struct load *);

/* The processor's state for the two modes of kernels: cpu.c. */
void load_cpu_protected(struct load *, uint32_t entry);
void load_cpu_long(struct load *, uint64_t entry);

/* A kernel packed by gzip, and its replacement by what is in it. */
bool gzip_is(const struct load *);
int gzip_unpack(struct load *);

/*
 * The formats.  _is looks at head only; the loaders load kernel and initrd and
 * set the processor's state.
 */
bool linux_is(const struct load *);
int linux_load(struct load *);
bool elf_is(const struct load *);
int elf_load(struct load *);
bool multiboot_is(const struct load *);
/* A kernel that is no ELF file. */
int multiboot_load(struct load *);
int firmware_load(struct load *);

/* The second halves of elf_load(): the kernel is in memory, the entry point is
 * a checked guest address. */
int pvh_start(struct load *, uint32_t entry);
int multiboot_start(struct load *, uint32_t entry);

#endif /* LOAD_H */
