/* SPDX-License-Identifier: ISC */
/*
 * Says what the host's hypervisor is good for, by asking and by measuring: a
 * loop of kernel-mode (CPL 0) instructions in a VM of two pages.  Some
 * hypervisors run guest user code natively and emulate guest kernel code one
 * instruction at a time, about a microsecond each; there no kernel boots in
 * acceptable time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backend.h"
#include "vmm.h"

#define PROBE_MEMORY 8192
#define PROBE_SHORT 16 /* loop iterations, two instructions each */
#define PROBE_LONG 1000
/*
 * Emulation costs 700 ns and more; hardware below 1 ns, and hardware that is
 * itself emulated by translation below 30.
 */
#define PROBE_LIMIT_PS 100000

/* 32-bit code at 0: counts ECX down, then tells the host. */
static const uint8_t probe_code[] = {
	0x49, /* 0: dec ecx */
	0x75, 0xfd, /* 1: jnz 0 */
	0xe6, 0x80, /* 3: out 0x80, al */
	0xeb, 0xf9, /* 5: jmp 0 */
};

/* Flat 32-bit protected mode, which needs no real mode of the host. */
static int
probe_prepare(struct vm *vm, struct vcpu *vcpu)
{
	struct vcpu_seg data = { 0, 0xffffffff, 0xc093, 0x10 };
	struct vcpu_sregs s;

	if (vm_copyin(vm, probe_code, 0, sizeof(probe_code)) == -1 ||
	    vcpu_get_sregs(vcpu, &s) == -1)
		return -1;
	s.cs = (struct vcpu_seg) { 0, 0xffffffff, 0xc09b, 0x8 };
	s.ds = s.es = s.ss = s.fs = s.gs = data;
	s.cr0 |= 1;
	return vcpu_set_sregs(vcpu, &s);
}

/* Runs the loop; ns from entry to exit. */
static int
probe_run(struct vcpu *vcpu, uint32_t iterations, int64_t *ns)
{
	struct vcpu_regs regs = { .rcx = iterations, .rflags = 2 };
	struct vm_exit exit;
	struct timespec a, b;

	if (vcpu_set_regs(vcpu, &regs) == -1)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &a);
	if (vm_run(vcpu, &exit) == -1)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (exit.reason != VM_EXIT_PIO) {
		errno = EPROTO;
		return -1;
	}
	*ns = (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec;
	return 0;
}

/* The least of tries runs: what else the host does only ever adds. */
static int
probe_least(struct vcpu *vcpu, uint32_t iterations, int tries, int64_t *ns)
{
	int64_t took;

	*ns = INT64_MAX;
	while (tries-- > 0) {
		if (probe_run(vcpu, iterations, &took) == -1)
			return -1;
		if (took < *ns)
			*ns = took;
	}
	return 0;
}

/*
 * The loop without its exit.  The short runs are cheap and there are several,
 * for one that is too long would make emulation look fast.
 */
static int
probe_speed(struct vcpu *vcpu, uint64_t *picoseconds)
{
	int64_t little, much, loop;

	if (probe_least(vcpu, PROBE_SHORT, 8, &little) == -1 ||
	    probe_least(vcpu, PROBE_LONG, 3, &much) == -1)
		return -1;
	loop = much > little ? much - little : 0;
	*picoseconds = (uint64_t)loop * 1000 / (2 * (PROBE_LONG - PROBE_SHORT));
	return 0;
}

static int
probe_measure(int kvm_fd, uint64_t *picoseconds)
{
	struct vm_params params = {
		.size = sizeof(params), .memory_bytes = PROBE_MEMORY, .ncpus = 1
	};
	struct vcpu *vcpu;
	struct vm *vm;
	int rc = -1, err;

	if (vm_create(kvm_fd, &params, &vm) == -1)
		return -1;
	if (vcpu_open(vm, 0, &vcpu) == 0 && probe_prepare(vm, vcpu) == 0)
		rc = probe_speed(vcpu, picoseconds);
	err = errno;
	vm_destroy(vm);
	errno = err;
	return rc;
}

int
vmm_probe(int kvm_fd, struct vmm_probe *probe)
{
	memset(probe, 0, sizeof(*probe));
	if (vmm_backend_kvm.host_probe(kvm_fd, probe) == -1)
		return -1;
	if (!probe->usable)
		return 0;
	if (probe_measure(kvm_fd, &probe->insn_picoseconds) == -1) {
		probe->usable = false;
		(void)snprintf(probe->reason, sizeof(probe->reason),
		    "KVM on this host does not run a small test guest: %m");
		return 0;
	}
	probe->hardware_speed = probe->insn_picoseconds <= PROBE_LIMIT_PS;
	if (probe->hardware_speed)
		(void)snprintf(probe->reason, sizeof(probe->reason),
		    "KVM runs guest kernels at hardware speed");
	else
		(void)snprintf(probe->reason, sizeof(probe->reason),
		    "KVM on this host emulates guest kernel code, %u ns per "
		    "instruction: a kernel would take half an hour to boot",
		    (unsigned int)(probe->insn_picoseconds / 1000));
	return 0;
}
