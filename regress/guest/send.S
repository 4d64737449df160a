/* SPDX-License-Identifier: ISC */
/*
 * Writes a number to each page from 0x20000 to 0x50000, then the same one to
 * 0x800, and begins again with the next.
 */
	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	xorl	%ebx, %ebx
1:	incl	%ebx
	movw	$0x2000, %ax
2:	movw	%ax, %es
	movl	%ebx, %es:0x10
	addw	$0x100, %ax
	cmpw	$0x5000, %ax
	jb	2b
	movl	%ebx, 0x800
	jmp	1b
