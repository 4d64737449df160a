/* SPDX-License-Identifier: ISC */
/*
 * What gdb is tried on: 64-bit kernel code at the top of the address space,
 * in pages that the guest itself may not write.  The boot processor counts
 * and calls; the other only counts.  regress/lib/gdbguest.c enters both.
 */
	.globl	_start, other, loop, bump, reader, own, crash, speak
	.globl	counter, other_counter, seen

	.text
_start:
	xorl	%eax, %eax
loop:
	incq	%rbx
	call	bump
	call	reader
	jmp	loop

	.type	bump, @function
bump:
	pushq	%rbp
	movq	%rsp, %rbp
	incq	counter
	popq	%rbp
	ret
	.size	bump, . - bump

	.type	reader, @function
reader:
	pushq	%rbp
	movq	%rsp, %rbp
	movq	seen, %rax
	popq	%rbp
	ret
	.size	reader, . - reader

	.org	0x100			/* GDBGUEST_OTHER */
	.type	other, @function
other:
	incq	other_counter
	nop				/* no PAUSE: QEMU loses its step */
	jmp	other
	.size	other, . - other

	.org	0x180			/* GDBGUEST_PROBE */
	incq	counter
	nop
	outb	%al, $0xf0		/* GDBGUEST_PROBE_OUT */
1:	jmp	1b

/*
 * An INT3 and a step of the guest's own, and who handles them: how often, from
 * where, and what DR6 said.
 */
	.org	0x200			/* GDBGUEST_OWN */
own:
	lgdt	gdtr
	movq	$own_int3, %rax
	movl	$3 * 16, %edi
	call	gate
	movq	$own_step, %rax
	movl	$1 * 16, %edi
	call	gate
	lidt	idtr
	int3
	pushfq
	orq	$0x100, (%rsp)
	popfq
	nop
	incq	own_done
1:	jmp	1b

own_int3:
	incq	own_traps
	movq	(%rsp), %rcx
	movq	%rcx, own_rip
	iretq

own_step:
	incq	own_steps
	movq	%dr6, %rcx
	movq	%rcx, own_dr6
	andq	$~0x100, 16(%rsp)
	iretq

gate:
	movw	%ax, idt(%rdi)
	movw	$8, idt + 2(%rdi)
	movw	$0x8e00, idt + 4(%rdi)
	shrq	$16, %rax
	movw	%ax, idt + 6(%rdi)
	shrq	$16, %rax
	movl	%eax, idt + 8(%rdi)
	ret

/* A triple fault; and a word to the outside. */
	.type	crash, @function
crash:
	lidt	no_table
	ud2
	.size	crash, . - crash

	.type	speak, @function
speak:
	movb	$42, %al
	outb	%al, $0xf0
	jmp	loop
	.size	speak, . - speak

	.data
counter:	.quad	0
other_counter:	.quad	0
seen:		.quad	0x1122334455667788
own_done:	.quad	0		/* GDBGUEST_OWN_DONE and so on */
own_traps:	.quad	0
own_rip:	.quad	0
own_steps:	.quad	0
own_dr6:	.quad	0
gdt:		.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdtr:		.word	23
		.quad	gdt
idtr:		.word	63
		.quad	idt
		.align	16
idt:		.skip	64
no_table:	.word	0
		.quad	0
