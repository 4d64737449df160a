/* SPDX-License-Identifier: ISC */
/*
 * Two CPUs that notice when they are not what they were.  The boot processor
 * counts the PIT's ticks at 0x800 and its rounds in ESI and at 0x810; in each
 * round it compares the two, sees that TSC and STAR are what they should be,
 * and writes XMM1 to 0x830.  The other one counts ticks of its LAPIC's timer at
 * 0x804 and its rounds in EDI and at 0x814, and compares these.  What is wrong
 * is written to port 0xf2.
 */
#include "chips.inc"

	.set	TICKS, 0x800
	.set	TIMER, 0x804
	.set	ROUNDS, 0x810
	.set	OTHERS, 0x814
	.set	SEEN_TSC, 0x820
	.set	XMM, 0x830
	.set	STAR, 0xc0000081
	.set	VALUE, 0x12345678

	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	$tick, 4 * 0x20
	movw	%ax, 4 * 0x20 + 2
	movw	$timer, 4 * 0x40
	movw	%ax, 4 * 0x40 + 2
	PICS_INIT 0xfe
	X2APIC_ON
	X2APIC_EXTINT
	movl	%cr4, %eax		/* OSFXSR */
	orl	$0x200, %eax
	movl	%eax, %cr4
	movl	$STAR, %ecx
	movl	$VALUE, %eax
	movl	$VALUE, %edx
	wrmsr
	movups	pattern, %xmm1
	movb	$0x34, %al		/* PIT, channel 0: 1 kHz */
	outb	%al, $0x43
	movb	$0xa9, %al
	outb	%al, $0x40
	movb	$0x04, %al
	outb	%al, $0x40
	X2APIC_WAKE_OTHERS
	xorl	%esi, %esi
	sti

round:	cmpl	%esi, ROUNDS
	movb	$1, %bl
	jne	wrong
	incl	%esi
	movl	%esi, ROUNDS
	rdtsc
	movb	$2, %bl
	cmpl	SEEN_TSC + 4, %edx
	jb	wrong
	ja	1f
	cmpl	SEEN_TSC, %eax
	jb	wrong
1:	movl	%eax, SEEN_TSC
	movl	%edx, SEEN_TSC + 4
	movl	$STAR, %ecx
	rdmsr
	movb	$3, %bl
	cmpl	$VALUE, %eax
	jne	wrong
	cmpl	$VALUE, %edx
	jne	wrong
	movups	%xmm1, XMM
	jmp	round

wrong:	movb	%bl, %al
	outb	%al, $0xf2
	hlt
	jmp	wrong

tick:	pushl	%eax
	incl	TICKS
	movb	$0x20, %al
	outb	%al, $0x20
	popl	%eax
	iretw

timer:	pushal
	incl	TIMER
	movl	$0x80b, %ecx		/* EOI */
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	popal
	iretw

pattern:
	.quad	0x0123456789abcdef, 0xfedcba9876543210

	.org	0x1000			/* 0x2000, where the SIPI points */
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$0x7000, %sp
	X2APIC_ON
	movl	$0x83e, %ecx		/* timer: divide by 1 */
	movl	$0xb, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$0x832, %ecx		/* periodic, vector 0x40 */
	movl	$0x20040, %eax
	wrmsr
	movl	$0x838, %ecx		/* 1 ms */
	movl	$1000000, %eax
	wrmsr
	xorl	%edi, %edi
	sti
1:	cmpl	%edi, OTHERS
	jne	2f
	incl	%edi
	movl	%edi, OTHERS
	pause
	jmp	1b
2:	movb	$4, %al
	outb	%al, $0xf2
	hlt
	jmp	2b
