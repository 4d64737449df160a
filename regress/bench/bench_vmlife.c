/* SPDX-License-Identifier: ISC */
/*
 * Rows "vm-life" and "vm-life-cpu": a VM with the chips of a PC is made, exits
 * once and is destroyed, through libvmm and by the same ioctls bare, in turn
 * and in the order that is fastest.  Most of that time the kernel waits for
 * grace periods of its own; the second row is the CPU time alone.
 */
#include "bare.h"
#include "vmm.h"

#define ROUNDS 21 /* samples, of which the medians count */
#define LIVES 5 /* per sample, of which the shortest counts */
#define BAR 1.10
#define MIB 64

static clockid_t clock_id;

static double
ours_life(int kvm)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = (uint64_t)MIB << 20,
		.ncpus = 1,
		.flags = VM_IRQCHIP | VM_PIT };
	struct vcpu_regs regs = { .rip = BARE_ENTRY, .rflags = 2 };
	double t = measure_clock(clock_id);
	struct vcpu_sregs s;
	struct vcpu *vcpu;
	struct vm_exit e;
	struct vm *vm;

	if (vm_create(kvm, &params, &vm) == -1 ||
	    vm_copyin(vm, bare_code, BARE_ENTRY, sizeof(bare_code)) == -1 ||
	    vcpu_open(vm, 0, &vcpu) == -1 || vcpu_get_sregs(vcpu, &s) == -1)
		die("libvmm");
	s.cs.base = 0;
	s.cs.selector = 0;
	if (vcpu_set_sregs(vcpu, &s) == -1 ||
	    vcpu_set_regs(vcpu, &regs) == -1 || vm_run(vcpu, &e) == -1 ||
	    e.reason != VM_EXIT_PIO)
		die("libvmm");
	vm_destroy(vm);
	return measure_clock(clock_id) - t;
}

static double
bare_life(int kvm)
{
	double t = measure_clock(clock_id);
	struct bare bare;

	bare_open(kvm, MIB, &bare);
	bare_run(&bare);
	bare_close(&bare);
	return measure_clock(clock_id) - t;
}

/* The shortest of a few lives: others on the host only ever add. */
static double
sample(double (*life)(int), int kvm)
{
	double t, best = life(kvm);
	int i;

	for (i = 1; i < LIVES; i++) {
		t = life(kvm);
		if (t < best)
			best = t;
	}
	return best;
}

static int
row(const char *name, int kvm)
{
	double ours[ROUNDS], peer[ROUNDS];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ours[i] = sample(ours_life, kvm);
		peer[i] = sample(bare_life, kvm);
	}
	return measure_row(name, measure_median(ours, ROUNDS),
	    measure_median(peer, ROUNDS), BAR);
}

int
main(void)
{
	int kvm = vmm_open(NULL), over;

	if (kvm == -1)
		return measure_skipped("vm-life", BAR);
	clock_id = CLOCK_MONOTONIC;
	over = row("vm-life", kvm);
	clock_id = CLOCK_THREAD_CPUTIME_ID;
	over |= row("vm-life-cpu", kvm);
	return over;
}
