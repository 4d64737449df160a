/* SPDX-License-Identifier: ISC */
/*
 * Rows "vm-life" and "vm-life-cpu": a VM with the chips of a PC is made, exits
 * once and is destroyed, through libvmm and by the same ioctls bare, in turn
 * and in the order that is fastest.  Most of that time the kernel waits for
 * grace periods of its own; the second row is the CPU time alone.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vmm.h"

#define ROUNDS 21 /* samples, of which the medians count */
#define LIVES 5 /* per sample, of which the shortest counts */
#define ENTRY 0x1000
#define MEMORY (64 << 20)
#define BAR 1.10
#define LEAVES 256

static const uint8_t code[] = { 0xe6, 0xf0, 0xeb, 0xfc };

static struct {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 leaf[LEAVES];
} cpuid;

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

static clockid_t clock_id;

static double
now(void)
{
	struct timespec t;

	clock_gettime(clock_id, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double
ours_life(int kvm, uint32_t flags)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = MEMORY,
		.ncpus = 1,
		.flags = flags };
	struct vcpu_regs regs = { .rip = ENTRY, .rflags = 2 };
	double t = now();
	struct vcpu_sregs s;
	struct vcpu *vcpu;
	struct vm_exit e;
	struct vm *vm;

	if (vm_create(kvm, &params, &vm) == -1 ||
	    vm_copyin(vm, code, ENTRY, sizeof(code)) == -1 ||
	    vcpu_open(vm, 0, &vcpu) == -1 || vcpu_get_sregs(vcpu, &s) == -1)
		die("libvmm");
	s.cs.base = 0;
	s.cs.selector = 0;
	if (vcpu_set_sregs(vcpu, &s) == -1 ||
	    vcpu_set_regs(vcpu, &regs) == -1 || vm_run(vcpu, &e) == -1 ||
	    e.reason != VM_EXIT_PIO)
		die("libvmm");
	vm_destroy(vm);
	return now() - t;
}

/* The bare VM, its memory and its vCPU. */
static int
bare_make(int kvm, uint32_t flags, uint8_t **mem, int *vm)
{
	struct kvm_userspace_memory_region slot = { .memory_size = MEMORY };
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int fd, vcpu;

	cpuid.head.nent = LEAVES;
	*vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (*vm == -1 || ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid.head) == -1)
		die("bare VM");
	fd = memfd_create("bare", MFD_CLOEXEC);
	if (fd == -1 || ftruncate(fd, MEMORY) == -1)
		die("bare memory");
	*mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*mem == MAP_FAILED)
		die("bare memory");
	close(fd);
	memcpy(*mem + ENTRY, code, sizeof(code));
	slot.userspace_addr = (uintptr_t)*mem;
	if (ioctl(*vm, KVM_SET_USER_MEMORY_REGION, &slot) == -1)
		die("bare memory");
	if ((flags & VM_IRQCHIP) != 0 &&
	    (ioctl(*vm, KVM_CREATE_IRQCHIP, 0) == -1 ||
		ioctl(*vm, KVM_CREATE_PIT2, &pit) == -1))
		die("bare chips");
	vcpu = ioctl(*vm, KVM_CREATE_VCPU, 0);
	if (vcpu == -1 || ioctl(vcpu, KVM_SET_CPUID2, &cpuid.head) == -1)
		die("bare vCPU");
	return vcpu;
}

static double
bare_life(int kvm, uint32_t flags)
{
	struct kvm_regs regs = { .rip = ENTRY, .rflags = 2 };
	double t = now();
	struct kvm_sregs s;
	struct kvm_run *run;
	uint8_t *mem;
	size_t size;
	int vm, vcpu;

	vcpu = bare_make(kvm, flags, &mem, &vm);
	size = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED || ioctl(vcpu, KVM_GET_SREGS, &s) == -1)
		die("bare vCPU");
	s.cs.base = 0;
	s.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &s) == -1 ||
	    ioctl(vcpu, KVM_SET_REGS, &regs) == -1 ||
	    ioctl(vcpu, KVM_RUN, 0) == -1 || run->exit_reason != KVM_EXIT_IO)
		die("bare run");
	munmap(run, size);
	close(vcpu);
	close(vm);
	munmap(mem, MEMORY);
	return now() - t;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

/* The shortest of a few lives: others on the host only ever add. */
static double
sample(double (*life)(int, uint32_t), int kvm, uint32_t flags)
{
	double t, best = life(kvm, flags);
	int i;

	for (i = 1; i < LIVES; i++) {
		t = life(kvm, flags);
		if (t < best)
			best = t;
	}
	return best;
}

static int
row(const char *name, int kvm, uint32_t flags)
{
	double ours[ROUNDS], peer[ROUNDS], o, p;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ours[i] = sample(ours_life, kvm, flags);
		peer[i] = sample(bare_life, kvm, flags);
	}
	o = median(ours, ROUNDS);
	p = median(peer, ROUNDS);
	printf("%s %.2fms %.2fms %.3f %.2f %s\n", name, o / 1e3, p / 1e3, o / p,
	    BAR, o / p <= BAR ? "ok" : "OVER");
	return o / p <= BAR ? 0 : 1;
}

int
main(void)
{
	int kvm = vmm_open(NULL), over;

	if (kvm == -1) {
		printf("vm-life - - - %.2f skipped: no usable /dev/kvm\n", BAR);
		return 0;
	}
	clock_id = CLOCK_MONOTONIC;
	over = row("vm-life", kvm, VM_IRQCHIP | VM_PIT);
	clock_id = CLOCK_THREAD_CPUTIME_ID;
	over |= row("vm-life-cpu", kvm, VM_IRQCHIP | VM_PIT);
	return over;
}
