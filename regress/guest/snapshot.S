/* SPDX-License-Identifier: ISC */
/*
 * Counts at 0x5000 and writes the count to port 0xf0; reads from port 0xf1 how
 * many pages from 0x6000 on it writes before the next round.
 */
	.code16
	.globl _start
_start:
	xorw	%ax, %ax
	movw	%ax, %ds
1:	incw	0x5000
	movw	0x5000, %ax
	outw	%ax, $0xf0
	inb	$0xf1, %al
	movzbw	%al, %cx
	movw	$0x600, %dx
2:	jcxz	1b
	movw	%dx, %es
	movw	$0x7777, %es:0x123
	addw	$0x100, %dx
	decw	%cx
	jmp	2b
