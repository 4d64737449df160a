/* SPDX-License-Identifier: ISC */
/*
 * Leaves registers, MSRs and the LAPIC as no power-up does, then says so on
 * port 0xf0.
 */
	.code16
	.globl _start
_start:
	movl	$0xc0000081, %ecx	/* STAR */
	movl	$0x11223344, %eax
	movl	$0x55667788, %edx
	wrmsr
	movl	$0xc0000102, %ecx	/* KERNEL_GS_BASE */
	movl	$0x12345000, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$0x277, %ecx		/* PAT */
	movl	$0x06060606, %eax
	movl	$0x06060606, %edx
	wrmsr
	movl	$0x2ff, %ecx		/* MTRRs on, write-back */
	movl	$0xc06, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$0x1b, %ecx		/* x2APIC */
	rdmsr
	orl	$0xc00, %eax
	wrmsr
	movl	$0x80f, %ecx
	movl	$0x1ff, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$0x808, %ecx		/* TPR */
	movl	$0x30, %eax
	wrmsr
	movl	$0x12345678, %eax
	movl	%eax, %dr0
	movl	%eax, %cr2
	movl	$0x700, %eax
	movl	%eax, %cr4
	movl	$0x13572468, %esi
	movb	$1, %al
	outb	%al, $0xf0
	hlt
