/* SPDX-License-Identifier: ISC */
/*
 * sandbox: calls a function inside a guest and gets its result, thousands of
 * times.  The function is plain 64-bit code without privileges; around it there
 * is no kernel, no interrupt and no device, only the two pages that it is
 * given. A call is one vm_run(): arguments and result lie in memory that both
 * see.
 */
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <vmm.h>

#define TABLES 0x1000 /* four levels of page tables, a page each */
#define MAILBOX 0x8000
#define CODE 0x9000
#define DOOR 0xa000 /* no memory there: touching it ends vm_run() */
#define MEMORY 0xa000
#define PAGE_USER 0x7ULL /* present, writable, user */

struct mailbox {
	uint64_t arg, result;
};

/* For ever: take arg, add up the numbers from 1 to arg, tell the sum. */
__asm__(".pushsection .rodata\n"
	"guest:	mov	0x8000, %rdi\n"
	"	xor	%eax, %eax\n"
	"1:	add	%rdi, %rax\n"
	"	dec	%rdi; jnz 1b\n"
	"	mov	%rax, 0x8008\n"
	"	mov	%al, 0xa000\n"
	"	jmp	guest\n"
	"guest_end:\n"
	".popsection");
extern const uint8_t guest[], guest_end[]; /* assembled above */
#define GUEST_SIZE ((uintptr_t)guest_end - (uintptr_t)guest)

/* From MAILBOX up; the tables themselves are out of the guest's reach. */
static void
load(struct vm *vm)
{
	uint64_t *table = vm_map_gpa(vm, TABLES, 4 * 0x1000), i;

	if (table == NULL || vm_copyin(vm, guest, CODE, GUEST_SIZE) == -1)
		err(1, "cannot load the guest");
	for (i = 0; i < 3; i++)
		table[i * 512] = (TABLES + (i + 1) * 0x1000) | PAGE_USER;
	for (i = MAILBOX / 0x1000; i < 512; i++)
		table[3 * 512 + i] = i * 0x1000 | PAGE_USER;
}

/* Straight into user mode of 64-bit code. */
static void
enter(struct vcpu *vcpu)
{
	struct vcpu_regs regs = { .rip = CODE, .rflags = 2 };
	struct vcpu_sregs s;

	if (vcpu_get_sregs(vcpu, &s) == -1)
		err(1, "cannot read the registers");
	s.cs = (struct vcpu_seg) { 0, 0xffffffff, 0xa0fb, 0x1b };
	s.ss = (struct vcpu_seg) { 0, 0xffffffff, 0xc0f3, 0x23 };
	s.ds = s.es = s.fs = s.gs = s.ss;
	s.cr3 = TABLES;
	s.cr0 = 0x80000011; /* PG, ET, PE */
	s.cr4 = 0x20; /* PAE */
	s.efer = 0x500; /* LME, LMA */
	if (vcpu_set_sregs(vcpu, &s) == -1 || vcpu_set_regs(vcpu, &regs) == -1)
		err(1, "cannot set the registers");
}

static uint64_t
call(struct vcpu *vcpu, volatile struct mailbox *box, uint64_t arg)
{
	struct vm_exit e;

	box->arg = arg;
	if (vm_run(vcpu, &e) == -1)
		err(1, "cannot run the guest");
	if (e.reason != VM_EXIT_MMIO || e.u.mmio.gpa != DOOR)
		errx(1, "the guest ended with: %s", vm_exit_name(e.reason));
	return box->result;
}

int
main(int argc, char **argv)
{
	struct vm_params params = {
		.size = sizeof(params), .memory_bytes = MEMORY, .ncpus = 1
	};
	uint64_t i, calls = argc > 1 ? strtoull(argv[1], NULL, 10) : 5000;
	struct mailbox *box;
	struct vcpu *vcpu;
	struct vm *vm;
	int kvm = vmm_open(NULL);

	if (kvm == -1)
		err(1, "%s", vmm_open_hint(errno));
	if (vm_create(kvm, &params, &vm) == -1 ||
	    vcpu_open(vm, 0, &vcpu) == -1 ||
	    (box = vm_map_gpa(vm, MAILBOX, sizeof(*box))) == NULL)
		err(1, "cannot create a VM");
	load(vm);
	enter(vcpu);
	for (i = 1; i <= calls; i++)
		if (call(vcpu, box, i) != i * (i + 1) / 2)
			errx(1, "the guest counts wrongly");
	printf("%ju calls\n", (uintmax_t)calls);
	vm_destroy(vm);
	close(kvm);
	return 0;
}
