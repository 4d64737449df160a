/* SPDX-License-Identifier: ISC */
/*
 * Loading of what a VM starts with: a kernel (bzImage, ELF with a PVH note,
 * multiboot; each also packed by gzip) or firmware.
 *
 * Runs in the VM process before any vCPU does.  All files are hostile: they
 * are read with pread(2) from descriptors, each header once, every offset,
 * size and address checked.
 */
#ifndef BOOT_H
#define BOOT_H

#include <stddef.h>
#include <stdint.h>

#include "vm_error.h"

struct machine;

#define BOOT_DETAIL_MAX 200

struct boot_params {
	int kernel_fd; /* -1: start firmware_fd instead */
	int initrd_fd; /* -1: none */
	int firmware_fd; /* used when there is no kernel */
	const char *cmdline; /* NULL or "": none */
	const struct machine *machine; /* memory, lowmem, ncpus, memory_at */
	/*
	 * Makes len (page multiple) bytes of read-only memory at gpa and
	 * returns the host's writable view of it, NULL with errno.
	 */
	void *(*rom)(void *arg, uint64_t gpa, uint64_t len);
	/* Guest memory that is about to be filled from a file: whoever owns it
	 * may back it with larger pages first.  May be NULL. */
	void (*fill)(void *arg, uint64_t gpa, uint64_t len);
	void *arg; /* of both */
};

/* How the boot processor starts. */
enum boot_mode {
	BOOT_RESET, /* at the reset vector: leave the power-up state alone */
	BOOT_PROTECTED, /* 32 bit, no paging */
	BOOT_LONG /* 64 bit, identity mapped first 4 GiB */
};

/* access as in the VMX access rights (SDM 3, 25.4.1), as libvmm has it. */
struct boot_segment {
	uint64_t base;
	uint32_t limit; /* in bytes */
	uint32_t access;
	uint16_t selector;
};

/*
 * The registers to set over the power-up state; others stay.  With BOOT_RESET
 * nothing is to be set.  data is for DS, ES, SS, FS and GS.
 */
struct boot_cpu {
	enum boot_mode mode;
	uint64_t rax, rbx, rsi, rsp, rip, rflags;
	uint64_t cr0, cr3, cr4, efer;
	struct boot_segment code, data, task;
	uint64_t gdt_base;
	uint16_t gdt_limit;
};

struct boot_result {
	struct boot_cpu cpu;
	/* What went wrong, for the user: code, the file it is about, errno or
	 * 0, and a text that may be empty. */
	enum vm_error error;
	enum vm_file file;
	int sys_errno;
	char detail[BOOT_DETAIL_MAX + 1];
};

/*
 * Loads into the machine's memory, which must be all zero (a fresh VM's).
 * Borrows the descriptors.  -1 with result->error, file, sys_errno and detail
 * filled in; guest memory is then undefined.
 */
int boot_load(const struct boot_params *, struct boot_result *result);

#endif /* BOOT_H */
