/* SPDX-License-Identifier: ISC */
/*
 * Two processors that do nothing but port I/O: the boot processor wakes the
 * other by INIT and SIPI; each writes its number to port 0xf0 and reads port
 * 0xf1, over and over, until that is not 0.  Then the boot processor ends the
 * machine by a triple fault.
 */
	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	call	x2apic
	movl	$0x830, %ecx		/* ICR, all but self */
	xorl	%edx, %edx
	movl	$0x000c4500, %eax	/* INIT */
	wrmsr
	movl	$0x000c4602, %eax	/* SIPI to 0x2000 */
	wrmsr
1:	xorb	%al, %al
	outb	%al, $0xf0
	inb	$0xf1, %al
	testb	%al, %al
	jz	1b
	lgdtl	gdtr			/* as in fault.S */
	lidtl	empty
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$8, $1f
	.code32
1:	ud2
	hlt
	.code16

x2apic:
	movl	$0x1b, %ecx
	rdmsr
	orl	$0xc00, %eax
	wrmsr
	movl	$0x80f, %ecx
	movl	$0x1ff, %eax
	xorl	%edx, %edx
	wrmsr
	retw
	.align	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
gdtr:	.word	23
	.long	gdt
empty:	.word	0
	.long	0

	.org	0x1000			/* 0x2000, where the SIPI points */
	cli
1:	movb	$1, %al
	outb	%al, $0xf0
	inb	$0xf1, %al
	jmp	1b
