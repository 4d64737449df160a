/* SPDX-License-Identifier: ISC */
/*
 * The smallest VM, twice: through libvmm and by bare ioctls.  Real mode, one
 * vCPU, 64 KiB of memory that begins at 0, no chips; the guest begins at
 * SMALL_ENTRY.  Both see its CPUID, else their guests would not be the same.
 */
#ifndef SMALL_H
#define SMALL_H

#include <linux/kvm.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bare_vcpu.h"
#include "measure.h"
#include "vmm.h"

#define SMALL_ENTRY 0x1000
#define SMALL_MEMORY 0x10000
#define SMALL_PORT 0xf0
#define SMALL_LEAVES 256

struct small_ours {
	struct vm *vm;
	struct vcpu *vcpu;
	uint8_t *mem;
};

struct small_bare {
	int vm;
	int vcpu;
	uint8_t *mem;
	struct kvm_run *run;
	size_t run_size;
};

static inline void
small_ours_open(int kvm, struct small_ours *o, const void *code, size_t len)
{
	struct vm_params params = {
		.size = sizeof(params), .memory_bytes = SMALL_MEMORY, .ncpus = 1
	};
	struct vcpu_regs regs = { .rip = SMALL_ENTRY, .rflags = 2 };
	struct vcpu_sregs s;

	if (vm_create(kvm, &params, &o->vm) == -1 ||
	    vm_copyin(o->vm, code, SMALL_ENTRY, len) == -1 ||
	    vcpu_open(o->vm, 0, &o->vcpu) == -1 ||
	    vcpu_get_sregs(o->vcpu, &s) == -1)
		die("libvmm");
	s.cs.base = 0;
	s.cs.selector = 0;
	o->mem = vm_map_gpa(o->vm, 0, SMALL_MEMORY);
	if (o->mem == NULL || vcpu_set_sregs(o->vcpu, &s) == -1 ||
	    vcpu_set_regs(o->vcpu, &regs) == -1)
		die("libvmm");
}

static inline void
small_bare_cpuid(int kvm, int vcpu)
{
	static union {
		struct kvm_cpuid2 head;
		char room[sizeof(struct kvm_cpuid2) +
		    SMALL_LEAVES * sizeof(struct kvm_cpuid_entry2)];
	} cpuid;

	cpuid.head.nent = SMALL_LEAVES;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid.head) == -1 ||
	    ioctl(vcpu, KVM_SET_CPUID2, &cpuid.head) == -1)
		die("bare CPUID");
}

static inline void
small_bare_open(int kvm, struct small_bare *b, const void *code, size_t len)
{
	struct kvm_userspace_memory_region slot = { .memory_size =
							SMALL_MEMORY };

	b->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	b->mem = mmap(NULL, SMALL_MEMORY, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->vm == -1 || b->mem == MAP_FAILED)
		die("bare VM");
	memcpy(b->mem + SMALL_ENTRY, code, len);
	slot.userspace_addr = (uintptr_t)b->mem;
	if (ioctl(b->vm, KVM_SET_USER_MEMORY_REGION, &slot) == -1 ||
	    (b->vcpu = ioctl(b->vm, KVM_CREATE_VCPU, 0)) == -1)
		die("bare vCPU");
	small_bare_cpuid(kvm, b->vcpu);
	b->run = bare_vcpu_ready(kvm, b->vcpu, SMALL_ENTRY, &b->run_size);
}

static inline void
small_bare_close(const struct small_bare *b)
{
	munmap(b->run, b->run_size);
	close(b->vcpu);
	close(b->vm);
	munmap(b->mem, SMALL_MEMORY);
}

/* Runs to the write to SMALL_PORT. */
static inline void
small_ours_run(const struct small_ours *o)
{
	struct vm_exit e;

	if (vm_run(o->vcpu, &e) == -1 || e.reason != VM_EXIT_PIO ||
	    e.u.pio.port != SMALL_PORT)
		die("vm_run");
}

static inline void
small_bare_run(const struct small_bare *b)
{
	if (ioctl(b->vcpu, KVM_RUN, 0) == -1 ||
	    b->run->exit_reason != KVM_EXIT_IO || b->run->io.port != SMALL_PORT)
		die("KVM_RUN");
}

#endif
