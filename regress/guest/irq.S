/* SPDX-License-Identifier: ISC */
/*
 * Interrupts by PIC (vectors 0x20 up) and by message (vector 0x50): each
 * handler writes its own number to port 0xf0.  Real mode; the LAPIC is
 * switched to x2APIC, so that it is reached by MSRs.
 */
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
	movb	$0x11, %al		/* the PICs: ICW1 to ICW4, mask */
	outb	%al, $0x20
	outb	%al, $0xa0
	movb	$0x20, %al
	outb	%al, $0x21
	movb	$0x28, %al
	outb	%al, $0xa1
	movb	$0x04, %al
	outb	%al, $0x21
	movb	$0x02, %al
	outb	%al, $0xa1
	movb	$0x01, %al
	outb	%al, $0x21
	outb	%al, $0xa1
	movb	$0xde, %al		/* IRQ 0 and 5 */
	outb	%al, $0x21
	movl	$0x1b, %ecx		/* APIC base: x2APIC */
	rdmsr
	orl	$0xc00, %eax
	wrmsr
	movl	$0x80f, %ecx		/* SVR: enable */
	movl	$0x1ff, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$0x835, %ecx		/* LINT0: ExtINT */
	movl	$0x700, %eax
	wrmsr
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
