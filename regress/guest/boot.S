/* SPDX-License-Identifier: ISC */
/*
 * A kernel in 600 bytes for every way of booting: tells its command line to the
 * UART, then switches the machine off by ACPI.  Runs at any address.  +0 is the
 * 32-bit entry of PVH, multiboot and Linux, +0x200 the 64-bit entry of Linux.
 * It reloads CS and DS, so the GDT that the loader made is proved, too.
 */
	.text
	.code32
	.globl	_start
_start:
	cmp	$0x2BADB002, %eax
	jne	1f
	mov	16(%ebx), %edi		/* multiboot: cmdline */
	jmp	3f
1:	test	%ebx, %ebx
	jz	2f
	cmpl	$0x336ec578, (%ebx)
	jne	fail32
	mov	24(%ebx), %edi		/* PVH: cmdline_paddr */
	jmp	3f
2:	mov	0x228(%esi), %edi	/* Linux: cmd_line_ptr */
3:	mov	$0x18, %cx
	mov	%cx, %ds
	mov	%cx, %es
	mov	%cx, %ss
	push	$0x10
	call	4f
4:	addl	$5f - 4b, (%esp)
	lret
5:	mov	$0x3f8, %dx
6:	mov	(%edi), %al
	inc	%edi
	test	%al, %al
	jz	7f
	outb	%al, %dx
	jmp	6b
7:	mov	$0x3400, %ax		/* SLP_TYP 5, SLP_EN */
	mov	$0x604, %dx
	outw	%ax, %dx
fail32:	hlt
	jmp	fail32

	.org	0x200
	.code64
entry64:
	mov	0x228(%rsi), %edi
	mov	$0x18, %cx
	mov	%cx, %ds
	mov	%cx, %ss
	mov	$0x3f8, %dx
1:	mov	(%rdi), %al
	inc	%rdi
	test	%al, %al
	jz	2f
	outb	%al, %dx
	jmp	1b
2:	mov	$0x3400, %ax
	mov	$0x604, %dx
	outw	%ax, %dx
3:	hlt
	jmp	3b
