/* SPDX-License-Identifier: ISC */
/*
 * Two processors that do nothing but port I/O: the boot processor wakes the
 * other by INIT and SIPI; each writes its number to port 0xf0 and reads port
 * 0xf1, over and over, while that is 0.  At 2 both do nothing but look at byte
 * 0x500 until that is not 0 and then go on as before; at anything else the boot
 * processor ends the machine by a triple fault.
 */
#include "chips.inc"

	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	X2APIC_ON
	X2APIC_WAKE_OTHERS
1:	xorb	%al, %al
	outb	%al, $0xf0
	inb	$0xf1, %al
	testb	%al, %al
	jz	1b
	cmpb	$2, %al
	jne	3f
2:	cmpb	$0, 0x500
	je	2b
	jmp	1b
3:	PROTECTED_MODE empty		/* as in fault.S */
	ud2
	hlt
	.code16

	FLAT_SEGMENTS
empty:	.word	0
	.long	0

	.org	0x1000			/* 0x2000, where the SIPI points */
	cli
1:	movb	$1, %al
	outb	%al, $0xf0
	inb	$0xf1, %al
	cmpb	$2, %al
	jne	1b
2:	cmpb	$0, 0x500
	je	2b
	jmp	1b
