/* SPDX-License-Identifier: ISC */
/*
 * What a VM boots, into its memory; see vmload.h.  Runs in the VM process while
 * it is set up: kernel, initrd and firmware are read here, and whoever wrote
 * them may be hostile.
 */
#include "role/vmload.h"

#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"
#include "chip/genid.h"
#include "ipc/log.h"
#include "ipc/vmspec.h"
#include "role/board.h"
#include "vmm.h"

#define LARGE_PAGE (2ULL << 20)
/* What Linux takes from the end of RAM while it boots, and how many times that
 * a VM must have for it to be given at once. */
#define EARLY_MEMORY (24ULL << 20)
#define EARLY_SHARE 8

static void *
vmload_rom(void *arg, uint64_t gpa, uint64_t len)
{
	struct board *b = arg;

	if (vm_map_memory(
		b->vm, gpa, len, -1, 0, VMM_PROT_READ | VMM_PROT_EXEC) == -1)
		return NULL;
	return vm_map_gpa(b->vm, gpa, len);
}

/* A small page costs a fault in the host, and another in the guest's page
 * walks: what a file fills gets large ones, with what the kernel puts right
 * behind itself.  Where the host has none to give, small ones do. */
static void
vmload_fill(void *arg, uint64_t gpa, uint64_t len)
{
	struct board *b = arg;
	uint64_t start = gpa & ~(LARGE_PAGE - 1);
	uint64_t end = (gpa + len + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);

	if (vm_memory_large(b->vm, start, end - start) == -1)
		log_debug("vm", "no large pages at 0x%llx",
		    (unsigned long long)start);
}

/*
 * Where a kernel goes next: it takes its first memory from the end of RAM, and
 * real-mode trampolines and DMA buffers from the beginning.  A VM with little
 * RAM keeps what it does not use.
 */
static void
vmload_fill_early(struct board *b)
{
	uint64_t lowmem = b->machine.lowmem;

	if (lowmem < EARLY_SHARE * EARLY_MEMORY)
		return;
	vmload_fill(b, 0, LARGE_PAGE);
	vmload_fill(b, lowmem - EARLY_MEMORY, EARLY_MEMORY);
}

/* Each start is a generation of its own. */
static void
vmload_genid(struct board *b)
{
	uint8_t guid[GENID_SIZE];

	arc4random_buf(guid, sizeof(guid));
	genid_set(b->genid, guid);
}

int
vmload(struct board *b, const struct vmspec *spec, struct boot_result *result)
{
	const struct boot_params params = {
		.kernel_fd = vmspec_get(spec, VM_FILE_KERNEL, 0),
		.initrd_fd = vmspec_get(spec, VM_FILE_INITRD, 0),
		.firmware_fd = vmspec_get(spec, VM_FILE_FIRMWARE, 0),
		.cmdline = spec->cmdline,
		.machine = &b->machine,
		.rom = vmload_rom,
		.fill = vmload_fill,
		.arg = b,
	};

	memset(result, 0, sizeof(*result));
	if (boot_load(&params, result) == -1)
		return -1;
	if (result->cpu.mode != BOOT_RESET)
		vmload_fill_early(b);
	vmload_genid(b);
	return 0;
}
