/* SPDX-License-Identifier: ISC */
/*
 * Writes the enable bits of APIC base to port 0xf0, switches the x2APIC on, and
 * writes to port 0xf1 0 or, if that was a #GP, 13.  Real mode.
 */
	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0xf00, %sp
	movw	$gp, 4 * 13
	movw	%ax, 4 * 13 + 2
	movl	$0x1b, %ecx
	rdmsr
	movl	%eax, %ebx
	andw	$0xc00, %ax
	outw	%ax, $0xf0
	movl	%ebx, %eax
	orw	$0xc00, %ax
	wrmsr
	xorb	%al, %al
	outb	%al, $0xf1
	hlt
gp:	movb	$13, %al
	outb	%al, $0xf1
	hlt
