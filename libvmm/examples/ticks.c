/* SPDX-License-Identifier: ISC */
/*
 * ticks: a guest that sleeps until its timer interrupts it, ten times at 100
 * Hz.  Interrupt controllers and timer are the kernel's, so that nothing of
 * them is seen here: an exit happens only when the guest tells of a tick.
 */
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <vmm.h>

#define ENTRY 0x1000
#define STACK 0x0f00
#define PORT 0xf0
#define TICKS 10

/* Real mode: line 0 of the first PIC is vector 0x20, with its handler at 2:. */
__asm__(".pushsection .rodata\n"
	".code16\n"
	"guest:	movw	$0x1000 + 2f - guest, 4 * 0x20\n"
	"	movw	$0, 4 * 0x20 + 2\n"
	"	mov	$0x11, %al\n" /* PIC: ICW1 to ICW4, then the mask */
	"	out	%al, $0x20\n"
	"	mov	$0x20, %al\n"
	"	out	%al, $0x21\n"
	"	mov	$0x04, %al\n"
	"	out	%al, $0x21\n"
	"	mov	$0x01, %al\n"
	"	out	%al, $0x21\n"
	"	mov	$0xfe, %al\n"
	"	out	%al, $0x21\n"
	"	mov	$0x34, %al\n" /* PIT: channel 0, rate generator */
	"	out	%al, $0x43\n"
	"	mov	$11932 & 0xff, %al\n" /* of 1193182 Hz: 100 Hz */
	"	out	%al, $0x40\n"
	"	mov	$11932 >> 8, %al\n"
	"	out	%al, $0x40\n"
	"	xor	%bx, %bx\n"
	"	sti\n"
	"1:	hlt\n"
	"	jmp	1b\n"
	"2:	mov	$0x20, %al\n" /* end of interrupt */
	"	out	%al, $0x20\n"
	"	inc	%bx\n"
	"	mov	%bl, %al\n"
	"	out	%al, $0xf0\n"
	"	iretw\n"
	"guest_end:\n"
	".code64\n"
	".popsection");
extern const uint8_t guest[], guest_end[]; /* assembled above */
#define GUEST_SIZE ((uintptr_t)guest_end - (uintptr_t)guest)

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
enter(struct vcpu *vcpu)
{
	struct vcpu_regs regs = { .rip = ENTRY, .rsp = STACK, .rflags = 2 };
	struct vcpu_sregs s;

	if (vcpu_get_sregs(vcpu, &s) == -1)
		err(1, "cannot read the registers");
	s.cs.base = 0;
	s.cs.selector = 0;
	if (vcpu_set_sregs(vcpu, &s) == -1 || vcpu_set_regs(vcpu, &regs) == -1)
		err(1, "cannot set the registers");
}

int
main(void)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = 0x10000,
		.ncpus = 1,
		.flags = VM_IRQCHIP | VM_PIT };
	int kvm = vmm_open(NULL), tick;
	struct vcpu *vcpu;
	struct vm_exit e;
	double last, t;
	struct vm *vm;

	if (kvm == -1)
		err(1, "%s", vmm_open_hint(errno));
	if (vm_create(kvm, &params, &vm) == -1 ||
	    vcpu_open(vm, 0, &vcpu) == -1 ||
	    vm_copyin(vm, guest, ENTRY, GUEST_SIZE) == -1)
		err(1, "cannot create a VM");
	enter(vcpu);
	last = now();
	for (tick = 1; tick <= TICKS; tick++) {
		if (vm_run(vcpu, &e) == -1)
			err(1, "cannot run the guest");
		if (e.reason != VM_EXIT_PIO || e.u.pio.port != PORT ||
		    e.u.pio.data[0] != tick)
			errx(1, "the guest ended with: %s",
			    vm_exit_name(e.reason));
		t = now();
		printf("tick %d after %.1f ms\n", tick, t - last);
		last = t;
	}
	vm_destroy(vm);
	close(kvm);
	return 0;
}
