/* SPDX-License-Identifier: ISC */
/*
 * Row "exit": one port I/O exit and back through vm_run(), against the same
 * loop on bare ioctls, each on a VM of its own, run in turn.
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

#define ROUNDS 1501 /* many and short: a busy host spoils only some */
#define EXITS 16
#define ENTRY 0x1000
#define MEMORY 0x10000
#define BAR 1.05

/* 0: out 0xf0, al; jmp 0 */
static const uint8_t code[] = { 0xe6, 0xf0, 0xeb, 0xfc };

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct vcpu *
ours_open(int kvm)
{
	struct vm_params params = {
		.size = sizeof(params), .memory_bytes = MEMORY, .ncpus = 1
	};
	struct vcpu_regs regs = { .rip = ENTRY, .rflags = 2 };
	struct vcpu_sregs s;
	struct vcpu *vcpu;
	struct vm *vm;

	if (vm_create(kvm, &params, &vm) == -1 ||
	    vm_copyin(vm, code, ENTRY, sizeof(code)) == -1 ||
	    vcpu_open(vm, 0, &vcpu) == -1 || vcpu_get_sregs(vcpu, &s) == -1)
		die("libvmm");
	s.cs.base = 0;
	s.cs.selector = 0;
	if (vcpu_set_sregs(vcpu, &s) == -1 || vcpu_set_regs(vcpu, &regs) == -1)
		die("libvmm");
	return vcpu;
}

static double
ours_loop(struct vcpu *vcpu)
{
	double t = now();
	struct vm_exit e;
	int i;

	for (i = 0; i < EXITS; i++)
		if (vm_run(vcpu, &e) == -1 || e.reason != VM_EXIT_PIO ||
		    e.u.pio.port != 0xf0)
			die("vm_run");
	return (now() - t) / EXITS;
}

struct bare {
	int fd;
	struct kvm_run *run;
};

static void
bare_open(int kvm, struct bare *b)
{
	struct kvm_userspace_memory_region slot = { .memory_size = MEMORY };
	struct kvm_regs regs = { .rip = ENTRY, .rflags = 2 };
	struct kvm_sregs s;
	uint8_t *mem;
	int vm;

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	mem = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (vm == -1 || mem == MAP_FAILED)
		die("bare VM");
	memcpy(mem + ENTRY, code, sizeof(code));
	slot.userspace_addr = (uintptr_t)mem;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot) == -1 ||
	    (b->fd = ioctl(vm, KVM_CREATE_VCPU, 0)) == -1)
		die("bare vCPU");
	b->run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
	    PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
	if (b->run == MAP_FAILED || ioctl(b->fd, KVM_GET_SREGS, &s) == -1)
		die("bare vCPU");
	s.cs.base = 0;
	s.cs.selector = 0;
	if (ioctl(b->fd, KVM_SET_SREGS, &s) == -1 ||
	    ioctl(b->fd, KVM_SET_REGS, &regs) == -1)
		die("bare vCPU");
}

static double
bare_loop(const struct bare *b)
{
	double t = now();
	int i;

	for (i = 0; i < EXITS; i++)
		if (ioctl(b->fd, KVM_RUN, 0) == -1 ||
		    b->run->exit_reason != KVM_EXIT_IO ||
		    b->run->io.port != 0xf0)
			die("KVM_RUN");
	return (now() - t) / EXITS;
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

int
main(void)
{
	static double ours[ROUNDS], peer[ROUNDS];
	double o, p;
	int kvm = vmm_open(NULL), i;
	struct vcpu *vcpu;
	struct bare bare;

	if (kvm == -1) {
		printf("exit - - - %.2f skipped: no usable /dev/kvm\n", BAR);
		return 0;
	}
	vcpu = ours_open(kvm);
	bare_open(kvm, &bare);
	(void)ours_loop(vcpu); /* warm */
	(void)bare_loop(&bare);
	for (i = 0; i < ROUNDS; i++) {
		if (i % 2 == 0)
			ours[i] = ours_loop(vcpu);
		peer[i] = bare_loop(&bare);
		if (i % 2 != 0)
			ours[i] = ours_loop(vcpu);
	}
	o = median(ours, ROUNDS);
	p = median(peer, ROUNDS);
	printf("exit %.2fus %.2fus %.3f %.2f %s\n", o, p, o / p, BAR,
	    o / p <= BAR ? "ok" : "OVER");
	return o / p <= BAR ? 0 : 1;
}
