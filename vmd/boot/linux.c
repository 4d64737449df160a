/* SPDX-License-Identifier: ISC */
/*
 * Linux's bzImage by its boot protocol (Documentation/arch/x86/boot.rst): the
 * real-mode part is only read for its header, the rest goes to where it wants
 * to run and is entered in 64-bit mode, or in 32-bit mode when it is older than
 * protocol 2.12 or a 32-bit kernel.  Part of load.h.
 */
#include "boot/load.h"

#include <string.h>

#include "boot/layout.h"
#include "boot/le.h"
#include "boot/memmap.h"
#include "pci/machine.h"

/* Offsets in the file, and in the zero page as well. */
#define HDR_SETUP_SECTS 0x1f1
#define HDR_SYSSIZE 0x1f4
#define HDR_BOOT_FLAG 0x1fe
#define HDR_JUMP 0x201 /* its operand says where the header ends */
#define HDR_MAGIC 0x202
#define HDR_VERSION 0x206
#define HDR_LOADER 0x210
#define HDR_LOADFLAGS 0x211
#define HDR_CODE32 0x214
#define HDR_INITRD 0x218
#define HDR_INITRD_SIZE 0x21c
#define HDR_CMDLINE 0x228
#define HDR_INITRD_MAX 0x22c
#define HDR_ALIGNMENT 0x230
#define HDR_RELOCATABLE 0x234
#define HDR_XLOADFLAGS 0x236
#define HDR_CMDLINE_SIZE 0x238
#define HDR_SETUP_DATA 0x250
#define HDR_PREF_ADDRESS 0x258
#define HDR_INIT_SIZE 0x260
#define HDR_END_MAX 0x290

/* In the zero page only. */
#define ZP_RSDP 0x070
#define ZP_MEMORY_KB 0x1e0
#define ZP_E820_COUNT 0x1e8
#define ZP_E820 0x2d0
#define ZP_SIZE 4096

#define LOADED_HIGH 0x01
#define XLF_64 0x0001
#define ENTRY_64 0x200
#define LOADER_UNKNOWN 0xff
#define SECTOR 512
#define INITRD_MAX_DEFAULT 0x37ffffff

struct linux_image {
	uint16_t version;
	uint16_t xloadflags;
	uint32_t header_end;
	uint64_t offset, size; /* of the protected-mode part in the file */
	uint64_t address, room; /* where it goes, and what it needs there */
};

bool
linux_is(const struct load *load)
{
	return load->head_len >= HDR_END_MAX &&
	    memcmp(load->head + HDR_MAGIC, "HdrS", 4) == 0 &&
	    le16_get(load->head + HDR_BOOT_FLAG) == 0xaa55;
}

static int
linux_read_header(struct load *load, struct linux_image *image)
{
	const uint8_t *head = load->head;
	uint32_t sectors = head[HDR_SETUP_SECTS];
	uint64_t promised;

	image->version = le16_get(head + HDR_VERSION);
	if (image->version < 0x0206 || !(head[HDR_LOADFLAGS] & LOADED_HIGH))
		return load_fail(load, VM_ERROR_FILE_FORMAT, VM_FILE_KERNEL,
		    "it is a Linux kernel of boot protocol %u.%02u; a bzImage "
		    "of 2.06 or later is needed",
		    image->version >> 8, image->version & 0xff);
	image->header_end = HDR_MAGIC + head[HDR_JUMP];
	if (image->header_end > HDR_END_MAX)
		image->header_end = HDR_END_MAX;
	image->offset = ((sectors != 0 ? sectors : 4) + 1) * SECTOR;
	promised = le32_get(head + HDR_SYSSIZE) * 16ULL;
	if (image->offset >= load->kernel.size ||
	    promised > load->kernel.size - image->offset)
		return load_fail(load, VM_ERROR_FILE_TRUNCATED, VM_FILE_KERNEL,
		    "its header promises %llu bytes, it has %llu",
		    (unsigned long long)(image->offset + promised),
		    (unsigned long long)load->kernel.size);
	/* What follows, a signature for instance, is not the kernel's. */
	image->size =
	    promised != 0 ? promised : load->kernel.size - image->offset;
	if (image->version >= 0x020c)
		image->xloadflags = le16_get(head + HDR_XLOADFLAGS);
	return 0;
}

static bool
linux_fits(const struct load *load, uint64_t address, uint64_t room)
{
	return address >= LAYOUT_HIGH && address <= load->machine->lowmem &&
	    room <= load->machine->lowmem - address;
}

/* Where the kernel goes: the place it prefers, or, if it can be moved and
 * memory is too small for that, the lowest one. */
static int
linux_choose_address(struct load *load, struct linux_image *image)
{
	const uint8_t *head = load->head;
	uint64_t alignment = le32_get(head + HDR_ALIGNMENT), low;

	image->address = LAYOUT_HIGH;
	image->room = image->size;
	if (image->version >= 0x020a) {
		image->address = le64_get(head + HDR_PREF_ADDRESS);
		if (le32_get(head + HDR_INIT_SIZE) > image->room)
			image->room = le32_get(head + HDR_INIT_SIZE);
	}
	if (head[HDR_RELOCATABLE] &&
	    !linux_fits(load, image->address, image->room)) {
		low = alignment > LAYOUT_HIGH ? alignment : LAYOUT_HIGH;
		image->address = low;
	}
	return load_check_room(load, "code", image->address, image->room);
}

static void
linux_fill_e820(const struct load *load, uint8_t *zero_page)
{
	struct memmap_entry map[MEMMAP_MAX];
	unsigned int i, count;

	count = memmap_fill(map, load->machine->memory, load->machine->lowmem);
	for (i = 0; i < count; i++) {
		uint8_t *entry = zero_page + ZP_E820 + i * 20;

		le64_put(entry, map[i].base);
		le64_put(entry + 8, map[i].size);
		le32_put(entry + 16, map[i].type);
	}
	zero_page[ZP_E820_COUNT] = (uint8_t)count;
}

static void
linux_fill_zero_page(struct load *load, const struct linux_image *image)
{
	uint8_t *zp = load_low(load, LAYOUT_ZERO_PAGE, ZP_SIZE);

	memcpy(zp + HDR_SETUP_SECTS, load->head + HDR_SETUP_SECTS,
	    image->header_end - HDR_SETUP_SECTS);
	zp[HDR_LOADER] = LOADER_UNKNOWN;
	le32_put(zp + HDR_CODE32, (uint32_t)image->address);
	le32_put(zp + HDR_INITRD, (uint32_t)load->initrd);
	le32_put(zp + HDR_INITRD_SIZE, (uint32_t)load->initrd_size);
	le32_put(zp + HDR_CMDLINE, LAYOUT_CMDLINE);
	le64_put(zp + HDR_SETUP_DATA, 0);
	le64_put(zp + ZP_RSDP, LAYOUT_RSDP);
	le32_put(zp + ZP_MEMORY_KB,
	    (uint32_t)((load->machine->lowmem - LAYOUT_HIGH) >> 10));
	linux_fill_e820(load, zp);
}

int
linux_load(struct load *load)
{
	struct linux_image image = { 0 };
	uint32_t initrd_max = le32_get(load->head + HDR_INITRD_MAX);
	bool is_64;

	if (linux_read_header(load, &image) == -1 ||
	    linux_choose_address(load, &image) == -1)
		return -1;
	is_64 = image.xloadflags & XLF_64 && image.size > ENTRY_64;
	load->kernel_end = image.address + image.room;
	if (load_into(load, &load->kernel, image.offset, image.address,
		image.size) == -1 ||
	    load_initrd(load,
		initrd_max != 0 ? initrd_max : INITRD_MAX_DEFAULT) == -1 ||
	    load_cmdline(load, le32_get(load->head + HDR_CMDLINE_SIZE)) == -1 ||
	    load_platform(load) == -1)
		return -1;
	linux_fill_zero_page(load, &image);
	if (is_64)
		load_cpu_long(load, image.address + ENTRY_64);
	else
		load_cpu_protected(load, (uint32_t)image.address);
	load->result->cpu.rsi = LAYOUT_ZERO_PAGE;
	return 0;
}
