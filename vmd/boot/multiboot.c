/* SPDX-License-Identifier: ISC */
/*
 * Multiboot, version 1 (0.6.96): kernels as ELF files (elf.c loads those) or
 * as plain images whose header has the addresses.  The initrd is the one
 * module.  Part of load.h.
 */
#include "boot/load.h"

#include <string.h>

#include "boot/layout.h"
#include "boot/le.h"
#include "boot/memmap.h"
#include "pci/machine.h"

#define HEADER_MAGIC 0x1BADB002U
#define LOADED_MAGIC 0x2BADB002U
#define HEADER_SIZE 12
#define HEADER_ADDRESSES 32 /* the header with its address fields */
#define HEADER_HAS_ADDRESSES 0x10000U
/* Requirements: page-aligned modules, memory sizes, video mode.  The last is
 * for a display, which there is none of: the kernel is told so. */
#define HEADER_KNOWN 0x0007U
#define HEADER_REQUIRED 0xffffU

#define INFO_SIZE 120
#define INFO_MEMORY 0x001U
#define INFO_CMDLINE 0x004U
#define INFO_MODULES 0x008U
#define INFO_MEMMAP 0x040U
#define INFO_LOADER 0x200U

#define MODULE_SIZE 16
#define MEMMAP_SIZE 24
#define TEXT_SIZE 16

/* Finds the header in head; -1 when there is none. */
static int
multiboot_find(const struct load *load)
{
	uint32_t at;

	for (at = 0; at + HEADER_SIZE <= load->head_len; at += 4)
		if (le32_get(load->head + at) == HEADER_MAGIC &&
		    HEADER_MAGIC + le32_get(load->head + at + 4) +
			    le32_get(load->head + at + 8) ==
			0)
			return (int)at;
	return -1;
}

bool
multiboot_is(const struct load *load)
{
	return multiboot_find(load) != -1;
}

/* Loads a plain image by the addresses of its header; *entry is checked. */
static int
multiboot_load_image(struct load *load, uint32_t at, uint32_t *entry)
{
	const uint8_t *header = load->head + at;
	uint32_t header_addr = le32_get(header + 12);
	uint32_t load_addr = le32_get(header + 16);
	uint32_t load_end = le32_get(header + 20);
	uint32_t bss_end = le32_get(header + 24);
	uint64_t offset, size, room;

	*entry = le32_get(header + 28);
	if (header_addr < load_addr || header_addr - load_addr > at)
		return load_fail(load, VM_ERROR_FILE_CORRUPT, VM_FILE_KERNEL,
		    "the addresses of its multiboot header are not its own");
	offset = at - (header_addr - load_addr);
	size = load->kernel.size - offset;
	if (load_end != 0)
		size = load_end > load_addr ? load_end - load_addr : 0;
	room = size;
	if (bss_end > load_addr && bss_end - load_addr > room)
		room = bss_end - load_addr;
	if (*entry < load_addr || *entry - load_addr >= size)
		return load_fail(load, VM_ERROR_FILE_CORRUPT, VM_FILE_KERNEL,
		    "its entry point 0x%x is outside of what is loaded",
		    *entry);
	load->kernel_end = load_addr + room;
	if (load_check_room(load, "image", load_addr, room) == -1)
		return -1;
	return load_into(load, &load->kernel, offset, load_addr, size);
}

int
multiboot_load(struct load *load)
{
	int at = multiboot_find(load);
	uint32_t entry;

	if (!(le32_get(load->head + at + 4) & HEADER_HAS_ADDRESSES) ||
	    (uint32_t)at + HEADER_ADDRESSES > load->head_len)
		return load_fail(load, VM_ERROR_FILE_FORMAT, VM_FILE_KERNEL,
		    "it has a multiboot header without addresses and is no ELF "
		    "file");
	if (multiboot_load_image(load, (uint32_t)at, &entry) == -1)
		return -1;
	return multiboot_start(load, entry);
}

/* The memory map: entries of a size field and what it counts. */
static uint32_t
multiboot_fill_map(const struct load *load, uint8_t *p)
{
	struct memmap_entry map[MEMMAP_MAX];
	unsigned int i, count;

	count = memmap_fill(map, load->machine->memory, load->machine->lowmem);
	for (i = 0; i < count; i++, p += MEMMAP_SIZE) {
		le32_put(p, MEMMAP_SIZE - 4);
		le64_put(p + 4, map[i].base);
		le64_put(p + 12, map[i].size);
		le32_put(p + 20, map[i].type);
	}
	return count * MEMMAP_SIZE;
}

static void
multiboot_fill_info(struct load *load)
{
	const uint32_t modules = LAYOUT_START_INFO + INFO_SIZE;
	const uint32_t text = modules + MODULE_SIZE;
	const uint32_t memmap = text + TEXT_SIZE;
	uint8_t *p = load_low(
	    load, LAYOUT_START_INFO, LAYOUT_START_INFO_END - LAYOUT_START_INFO);
	uint32_t flags = INFO_MEMORY | INFO_CMDLINE | INFO_MEMMAP | INFO_LOADER;

	if (load->initrd_size != 0) {
		flags |= INFO_MODULES;
		le32_put(p + 20, 1);
		le32_put(p + 24, modules);
		le32_put(p + INFO_SIZE, (uint32_t)load->initrd);
		le32_put(p + INFO_SIZE + 4,
		    (uint32_t)(load->initrd + load->initrd_size));
		le32_put(p + INFO_SIZE + 8, text);
	}
	le32_put(p, flags);
	le32_put(p + 4, LAYOUT_EBDA >> 10);
	le32_put(
	    p + 8, (uint32_t)((load->machine->lowmem - LAYOUT_HIGH) >> 10));
	le32_put(p + 16, LAYOUT_CMDLINE);
	memcpy(p + (text - LAYOUT_START_INFO), "initrd\0vmd", 11);
	le32_put(p + 64, text + 7);
	le32_put(
	    p + 44, multiboot_fill_map(load, p + (memmap - LAYOUT_START_INFO)));
	le32_put(p + 48, memmap);
}

int
multiboot_start(struct load *load, uint32_t entry)
{
	uint32_t flags = le32_get(load->head + multiboot_find(load) + 4);

	if (flags & HEADER_REQUIRED & ~HEADER_KNOWN)
		return load_fail(load, VM_ERROR_FILE_FORMAT, VM_FILE_KERNEL,
		    "its multiboot header asks for unknown features (0x%x)",
		    flags & HEADER_REQUIRED & ~HEADER_KNOWN);
	if (load_initrd(load, UINT32_MAX) == -1 ||
	    load_cmdline(load, UINT32_MAX) == -1 || load_platform(load) == -1)
		return -1;
	multiboot_fill_info(load);
	load_cpu_protected(load, entry);
	load->result->cpu.rax = LOADED_MAGIC;
	load->result->cpu.rbx = LAYOUT_START_INFO;
	return 0;
}
