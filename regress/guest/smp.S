/* SPDX-License-Identifier: ISC */
/*
 * The boot processor wakes all others by INIT and SIPI; each of them counts
 * itself at 0x800 and writes its x2APIC id to port 0xf1.  The boot processor
 * waits for the three and writes the count to port 0xf0.
 */
#include "chips.inc"

	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movl	%eax, 0x800
	X2APIC_ON
	X2APIC_WAKE_OTHERS
1:	pause
	cmpl	$3, 0x800
	jb	1b
	movb	0x800, %al
	outb	%al, $0xf0
	hlt

	.org	0x1000			/* 0x2000, where the SIPI points */
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	X2APIC_MODE
	movl	$0x802, %ecx
	rdmsr
	outb	%al, $0xf1
	lock incl 0x800
1:	hlt
	jmp	1b
