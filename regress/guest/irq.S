/* SPDX-License-Identifier: ISC */
/*
 * Interrupts by PIC (vectors 0x20 up) and by message (vector 0x50): each
 * handler writes its own number to port 0xf0.  Real mode; the LAPIC is
 * switched to x2APIC, so that it is reached by MSRs.
 */
#include "chips.inc"

	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	$handler5, 4 * 0x25	/* IRQ 5 */
	movw	%ax, 4 * 0x25 + 2
	movw	$handler0, 4 * 0x20	/* IRQ 0 */
	movw	%ax, 4 * 0x20 + 2
	movw	$handlerm, 4 * 0x50	/* MSI */
	movw	%ax, 4 * 0x50 + 2
	PICS_INIT 0xde			/* IRQ 0 and 5 */
	X2APIC_ON
	X2APIC_EXTINT
	movb	$0xff, %al		/* ready */
	outb	%al, $0xf0
1:	sti
	hlt
	jmp	1b

handler0:
	movb	$0x20, %al
	outb	%al, $0x20
	outb	%al, $0xf0
	iretw
handler5:
	movb	$0x20, %al
	outb	%al, $0x20
	movb	$0x25, %al
	outb	%al, $0xf0
	iretw
handlerm:
	movl	$0x80b, %ecx		/* EOI */
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	movb	$0x50, %al
	outb	%al, $0xf0
	iretw
