/* SPDX-License-Identifier: ISC */
/*
 * A VM with the chips of a PC by bare ioctls, in the order that is fastest:
 * what the rows "vm-life" and "start" are compared with.  It runs one port
 * write in real mode.  Whatever fails ends the program.
 */
#ifndef BARE_H
#define BARE_H

#include <linux/kvm.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bare_vcpu.h"
#include "measure.h"

#define BARE_ENTRY 0x1000
#define BARE_LEAVES 256

/* 0: out 0xf0, al; jmp 0 */
static const uint8_t bare_code[] = { 0xe6, 0xf0, 0xeb, 0xfc };

struct bare {
	int vm;
	int vcpu;
	size_t mem_size;
	uint8_t *mem;
	struct kvm_run *run;
	size_t run_size;
};

static void
bare_memory(struct bare *b)
{
	struct kvm_userspace_memory_region slot = { .memory_size =
							b->mem_size };
	int fd;

	fd = memfd_create("bare", MFD_CLOEXEC);
	if (fd == -1 || ftruncate(fd, b->mem_size) == -1)
		die("bare memory");
	b->mem =
	    mmap(NULL, b->mem_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (b->mem == MAP_FAILED)
		die("bare memory");
	close(fd);
	memcpy(b->mem + BARE_ENTRY, bare_code, sizeof(bare_code));
	slot.userspace_addr = (uintptr_t)b->mem;
	if (ioctl(b->vm, KVM_SET_USER_MEMORY_REGION, &slot) == -1)
		die("bare memory");
}

/* The VM, its memory of that many MiB, its chips, and a vCPU that is ready to
 * run. */
static void
bare_open(int kvm, size_t mib, struct bare *b)
{
	static union {
		struct kvm_cpuid2 head;
		char room[sizeof(struct kvm_cpuid2) +
		    BARE_LEAVES * sizeof(struct kvm_cpuid_entry2)];
	} cpuid;
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	cpuid.head.nent = BARE_LEAVES;
	b->mem_size = mib << 20;
	b->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (b->vm == -1 ||
	    ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid.head) == -1)
		die("bare VM");
	bare_memory(b);
	if (ioctl(b->vm, KVM_CREATE_IRQCHIP, 0) == -1 ||
	    ioctl(b->vm, KVM_CREATE_PIT2, &pit) == -1)
		die("bare chips");
	b->vcpu = ioctl(b->vm, KVM_CREATE_VCPU, 0);
	if (b->vcpu == -1 || ioctl(b->vcpu, KVM_SET_CPUID2, &cpuid.head) == -1)
		die("bare vCPU");
	b->run = bare_vcpu_ready(kvm, b->vcpu, BARE_ENTRY, &b->run_size);
}

/* Runs to the port write. */
static void
bare_run(const struct bare *b)
{
	if (ioctl(b->vcpu, KVM_RUN, 0) == -1 ||
	    b->run->exit_reason != KVM_EXIT_IO || b->run->io.port != 0xf0)
		die("bare run");
}

static void
bare_close(const struct bare *b)
{
	munmap(b->run, b->run_size);
	close(b->vcpu);
	close(b->vm);
	munmap(b->mem, b->mem_size);
}

#endif
