/* SPDX-License-Identifier: ISC */
/*
 * PC firmware: the whole image read-only at the top of the first 4 GiB, where
 * the processor starts, and its last 256 KiB as RAM below 1 MiB, which the
 * image finds shadowed already: SeaBIOS's set-up code reaches below 0xE0000.
 * Part of load.h.
 */
#include "boot/load.h"

#include <errno.h>
#include <string.h>

#include "boot/layout.h"

#define FIRMWARE_MIN 0x10000 /* the segment that the reset vector is in */
#define FIRMWARE_MAX 0x1000000
#define SHADOW_MAX (LAYOUT_HIGH - LAYOUT_SHADOW)
#define PAGE 4096

int
firmware_load(struct load *load)
{
	const struct boot_params *params = load->params;
	struct load_file file;
	uint64_t shadow;
	uint8_t *rom;

	if (params->firmware_fd == -1)
		return load_fail(load, VM_ERROR_FIRMWARE_MISSING,
		    VM_FILE_FIRMWARE, "%s", "");
	if (load_open(load, &file, params->firmware_fd, VM_FILE_FIRMWARE) == -1)
		return -1;
	if (file.size < FIRMWARE_MIN || file.size > FIRMWARE_MAX ||
	    file.size % PAGE != 0)
		return load_fail(load, VM_ERROR_FILE_FORMAT, VM_FILE_FIRMWARE,
		    "it has %llu bytes; firmware has 64 KiB to 16 MiB in whole "
		    "pages",
		    (unsigned long long)file.size);
	rom = params->rom(
	    params->arg, LAYOUT_HIGHMEM_START - file.size, file.size);
	if (rom == NULL) {
		load->result->sys_errno = errno;
		return load_fail(
		    load, VM_ERROR_NO_MEMORY, VM_FILE_FIRMWARE, "%s", "");
	}
	if (load_read(load, &file, 0, rom, file.size) == -1)
		return -1;
	shadow = file.size < SHADOW_MAX ? file.size : SHADOW_MAX;
	memcpy(load_low(load, LAYOUT_HIGH - shadow, shadow),
	    rom + file.size - shadow, shadow);
	load->result->cpu.mode = BOOT_RESET;
	return 0;
}
