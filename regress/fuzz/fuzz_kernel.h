/* SPDX-License-Identifier: ISC */
/*
 * Boots a fuzzer's input as a kernel: the file of a hostile user, on a machine
 * of 16 MiB with an initrd of one byte.  Fails (aborts) when a load that
 * succeeded leaves a processor state that a vCPU cannot start from.
 */
#ifndef FUZZ_KERNEL_H
#define FUZZ_KERNEL_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot/boot.h"
#include "pci/machine.h"

#define FUZZ_RAM (16U << 20)

static uint8_t *fuzz_ram;

static void *
fuzz_memory_at(void *arg, uint64_t gpa, uint64_t len)
{
	(void)arg;
	return gpa <= FUZZ_RAM && len <= FUZZ_RAM - gpa ? fuzz_ram + gpa : NULL;
}

static int
fuzz_kernel(const uint8_t *bytes, size_t len)
{
	static int kernel = -1, initrd = -1;
	struct machine machine = { .memory = FUZZ_RAM,
		.lowmem = FUZZ_RAM,
		.ncpus = 1,
		.memory_at = fuzz_memory_at };
	struct boot_params params = { .firmware_fd = -1,
		.cmdline = "console=ttyS0",
		.machine = &machine };
	struct boot_result result;

	if (kernel == -1) {
		fuzz_ram = mmap(NULL, FUZZ_RAM, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		kernel = memfd_create("kernel", MFD_CLOEXEC);
		initrd = memfd_create("initrd", MFD_CLOEXEC);
		if (fuzz_ram == MAP_FAILED || kernel == -1 || initrd == -1 ||
		    pwrite(initrd, "x", 1, 0) != 1)
			abort();
	}
	if (ftruncate(kernel, 0) == -1 ||
	    pwrite(kernel, bytes, len, 0) != (ssize_t)len)
		abort();
	params.kernel_fd = kernel;
	params.initrd_fd = initrd;
	if (boot_load(&params, &result) == 0 &&
	    (result.cpu.rip < (1U << 20) || result.cpu.rip >= FUZZ_RAM ||
		result.cpu.mode == BOOT_RESET))
		abort();
	return 0;
}

#endif /* FUZZ_KERNEL_H */
