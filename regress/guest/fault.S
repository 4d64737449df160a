/* SPDX-License-Identifier: ISC */
/*
 * In protected mode, an invalid instruction with an empty IDT: its fault and
 * the double fault cannot be delivered either.
 */
	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	lgdtl	gdtr
	lidtl	empty
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$8, $1f
	.code32
1:	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	ud2
	hlt
	.align	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
gdtr:	.word	23
	.long	gdt
empty:	.word	0
	.long	0
