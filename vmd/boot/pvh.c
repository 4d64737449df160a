/* SPDX-License-Identifier: ISC */
/*
 * The start of a PVH kernel (Xen's docs/misc/pvh.pandoc and
 * public/arch-x86/hvm/start_info.h, version 1): its information, module list
 * and memory map at LAYOUT_START_INFO.  Part of load.h.
 */
#include "boot/load.h"

#include "boot/layout.h"
#include "boot/le.h"
#include "boot/memmap.h"
#include "pci/machine.h"

#define START_MAGIC 0x336ec578
#define START_SIZE 64
#define MODULE_SIZE 32
#define MEMMAP_SIZE 24

int
pvh_start(struct load *load, uint32_t entry)
{
	struct memmap_entry map[MEMMAP_MAX];
	const uint64_t modules = LAYOUT_START_INFO + START_SIZE;
	const uint64_t memmap = modules + MODULE_SIZE;
	unsigned int i, count;
	uint8_t *p;

	if (load_initrd(load, UINT32_MAX) == -1 ||
	    load_cmdline(load, UINT32_MAX) == -1 || load_platform(load) == -1)
		return -1;
	count = memmap_fill(map, load->machine->memory, load->machine->lowmem);
	p = load_low(
	    load, LAYOUT_START_INFO, LAYOUT_START_INFO_END - LAYOUT_START_INFO);
	le32_put(p, START_MAGIC);
	le32_put(p + 4, 1);
	le32_put(p + 12, load->initrd_size != 0);
	le64_put(p + 16, load->initrd_size != 0 ? modules : 0);
	le64_put(p + 24, LAYOUT_CMDLINE);
	le64_put(p + 32, LAYOUT_RSDP);
	le64_put(p + 40, memmap);
	le32_put(p + 48, count);
	le64_put(p + START_SIZE, load->initrd);
	le64_put(p + START_SIZE + 8, load->initrd_size);
	for (i = 0, p += START_SIZE + MODULE_SIZE; i < count;
	     i++, p += MEMMAP_SIZE) {
		le64_put(p, map[i].base);
		le64_put(p + 8, map[i].size);
		le32_put(p + 16, map[i].type);
	}
	load_cpu_protected(load, entry);
	load->result->cpu.rbx = LAYOUT_START_INFO;
	return 0;
}
