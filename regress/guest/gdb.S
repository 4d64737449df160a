/* SPDX-License-Identifier: ISC */
/*
 * What gdb is tried on: 64-bit kernel code at the top of the address space,
 * in pages that the guest itself may not write.  The boot processor counts
 * and calls; the other only counts.  regress/lib/gdbguest.c enters both.
 */
	.globl	_start, other, loop, bump, reader, crash, speak
	.globl	counter, other_counter, seen, text_end

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
text_end:

	.data
counter:	.quad	0
other_counter:	.quad	0
seen:		.quad	0x1122334455667788
no_table:	.word	0
		.quad	0
