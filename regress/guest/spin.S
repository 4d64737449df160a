/* SPDX-License-Identifier: ISC */
/* Counts at 0x800 for ever; every write to port 0xf0 comes from 0x1100. */
	.code16
	.globl _start
_start:
	xorw	%ax, %ax
	movw	%ax, %ds
1:	incl	0x800
	jmp	1b

	.org	0x100
1:	outb	%al, $0xf0
	incb	%al
	jmp	1b
