/* SPDX-License-Identifier: ISC */
/*
 * What the guest tests share: a VM with RAM, a guest of ours at GUEST_ENTRY in
 * real mode, and the ports by which it speaks to the test.
 */
#ifndef GUEST_H
#define GUEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "entries.h"
#include "vmm.h"

#define GUEST_ENTRY 0x1000
#define GUEST_STACK 0x0f00
#define GUEST_MEMORY (64 * 1024) /* beyond is MMIO, also in real mode */
#define GUEST_CPUS 4

struct guest {
	int kvm;
	struct vm *vm;
	struct vcpu *vcpu[GUEST_CPUS];
};

/* Open descriptors of this process, for leak checks. */
static inline int
guest_count_fds(void)
{
	return entries_fds();
}

/* CS:IP = 0:GUEST_ENTRY in real mode; the rest as after power-up. */
static inline int
guest_enter(struct vcpu *vcpu)
{
	struct vcpu_regs regs = {
		.rip = GUEST_ENTRY, .rsp = GUEST_STACK, .rflags = 2
	};
	struct vcpu_sregs s;

	if (vcpu_get_sregs(vcpu, &s) == -1)
		return -1;
	s.cs.base = 0;
	s.cs.selector = 0;
	if (vcpu_set_sregs(vcpu, &s) == -1)
		return -1;
	return vcpu_set_regs(vcpu, &regs);
}

/* The same at rip, without a stack. */
static inline bool
guest_enter_at(struct vcpu *vcpu, uint64_t rip)
{
	struct vcpu_regs regs = { .rip = rip, .rflags = 2 };

	return guest_enter(vcpu) == 0 && vcpu_set_regs(vcpu, &regs) == 0;
}

static inline void
guest_stop(struct guest *g)
{
	vm_destroy(g->vm);
	if (g->kvm != -1)
		close(g->kvm);
	memset(g, 0, sizeof(*g));
	g->kvm = -1;
}

/* A VM with code at GUEST_ENTRY; false with errno, nothing left open. */
static inline bool
guest_start(struct guest *g, const void *code, size_t len, uint32_t flags,
    uint32_t ncpus)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = GUEST_MEMORY,
		.ncpus = ncpus,
		.flags = flags };
	uint32_t i;
	int err;

	memset(g, 0, sizeof(*g));
	g->kvm = vmm_open(NULL);
	if (g->kvm == -1)
		return false;
	if (vm_create(g->kvm, &params, &g->vm) == -1 ||
	    vm_copyin(g->vm, code, GUEST_ENTRY, len) == -1)
		goto fail;
	for (i = 0; i < ncpus; i++)
		if (vcpu_open(g->vm, i, &g->vcpu[i]) == -1)
			goto fail;
	if (guest_enter(g->vcpu[0]) == -1)
		goto fail;
	return true;
fail:
	err = errno;
	perror("# guest_start");
	guest_stop(g);
	errno = err;
	return false;
}

/* "no usable KVM" or NULL: what a test skips for. */
static inline const char *
guest_why_not(void)
{
	int fd = vmm_open(NULL);

	if (fd == -1)
		return "no usable /dev/kvm on this host";
	close(fd);
	return NULL;
}

#define GUEST_NEEDS_KVM()                      \
	do {                                   \
		if (guest_why_not() != NULL)   \
			SKIP(guest_why_not()); \
	} while (0)

/* Whether the next exit is this write (of 1, 2 or 4 bytes) to this port. */
static inline bool
guest_writes(struct vcpu *vcpu, uint16_t port, uint32_t value)
{
	struct vm_exit e;
	uint32_t got = 0;

	if (vm_run(vcpu, &e) == -1) {
		printf("# vm_run: %s\n", strerror(errno));
		return false;
	}
	if (e.reason == VM_EXIT_PIO && e.u.pio.write && e.u.pio.count == 1)
		memcpy(&got, e.u.pio.data, e.u.pio.size);
	if (e.reason != VM_EXIT_PIO || !e.u.pio.write || e.u.pio.port != port ||
	    got != value) {
		printf("# want a write of 0x%x to port 0x%x, got %s", value,
		    port, vm_exit_name(e.reason));
		if (e.reason == VM_EXIT_PIO)
			printf(" port 0x%x write %d value 0x%x", e.u.pio.port,
			    e.u.pio.write, got);
		if (e.reason == VM_EXIT_MMIO)
			printf(" gpa 0x%llx write %d",
			    (unsigned long long)e.u.mmio.gpa, e.u.mmio.write);
		if (e.reason == VM_EXIT_INTERNAL_ERROR)
			printf(" suberror %u", e.u.error.suberror);
		printf("\n");
		return false;
	}
	return true;
}

#endif /* GUEST_H */
