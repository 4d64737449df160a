/* SPDX-License-Identifier: ISC */
/* A vCPU by bare ioctls, made ready to run in real mode at an address below. */
#ifndef BARE_VCPU_H
#define BARE_VCPU_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "measure.h"

/* The page shared with KVM, of *run_size bytes. */
static inline struct kvm_run *
bare_vcpu_ready(int kvm, int vcpu, uint64_t entry, size_t *run_size)
{
	struct kvm_regs regs = { .rip = entry, .rflags = 2 };
	struct kvm_run *run;
	struct kvm_sregs s;

	*run_size = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	run =
	    mmap(NULL, *run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED || ioctl(vcpu, KVM_GET_SREGS, &s) == -1)
		die("bare vCPU");
	s.cs.base = 0;
	s.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &s) == -1 ||
	    ioctl(vcpu, KVM_SET_REGS, &regs) == -1)
		die("bare vCPU");
	return run;
}

#endif /* BARE_VCPU_H */
