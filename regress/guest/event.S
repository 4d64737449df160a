/* SPDX-License-Identifier: ISC */
/*
 * In protected mode, asks port 0xf1 for ever; NMI, #GP and vector 0x50 write
 * their number, #GP also its error code, to port 0xf0 and start over.
 */
#include "chips.inc"

	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	PROTECTED_MODE idtr
	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %ss
loop:	movl	$0xf00, %esp
	inb	$0xf1, %al		/* with interrupts off */
	sti
	nop
	inb	$0xf1, %al		/* and on */
	cli
	jmp	loop
nmi:	movb	$2, %al
	outb	%al, $0xf0
	jmp	loop
gp:	movb	$13, %al
	outb	%al, $0xf0
	popl	%eax
	outb	%al, $0xf0
	jmp	loop
intr:	movb	$0x50, %al
	outb	%al, $0xf0
	jmp	loop
	FLAT_SEGMENTS
	.align	8
idt:	.fill	2, 8, 0
	.word	nmi, 8, 0x8e00, 0
	.fill	10, 8, 0
	.word	gp, 8, 0x8e00, 0
	.fill	0x50 - 14, 8, 0
	.word	intr, 8, 0x8e00, 0
idtr:	.word	0x51 * 8 - 1
	.long	idt
