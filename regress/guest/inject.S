/* SPDX-License-Identifier: ISC */
/*
 * In protected mode, with tables for paging (4 MiB at 0, nothing behind) and
 * with interrupts off, asks port 0xf1 for ever.  #BP, #UD, #PF and vector 0x50 write their
 * number, then what was pushed, a #PF also CR2, to port 0xf0 and start over;
 * vector 0x51 has a gate for the kernel only.
 */
	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	lgdtl	gdtr
	lidtl	idtr
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$8, $1f
	.code32
1:	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movl	$0x83, 0x2000		/* one large page */
	movl	$0x2000, %eax
	movl	%eax, %cr3
	movl	$0x10, %eax		/* PSE */
	movl	%eax, %cr4
loop:	movl	$0xf00, %esp
	movl	$0x1234, %eax
	inb	$0xf1, %al
	jmp	loop
bp:	movb	$3, %al
	jmp	1f
intr:	movb	$0x50, %al
	jmp	1f
ud:	movb	$6, %al
1:	outb	%al, $0xf0
	popl	%eax
	outl	%eax, $0xf0
	jmp	loop
pf:	movb	$14, %al
	outb	%al, $0xf0
	popl	%eax
	outl	%eax, $0xf0
	movl	%cr2, %eax
	outl	%eax, $0xf0
	jmp	loop
	.align	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
gdtr:	.word	23
	.long	gdt
	.align	8
idt:	.fill	3, 8, 0
	.word	bp, 8, 0xee00, 0
	.fill	2, 8, 0
	.word	ud, 8, 0x8e00, 0
	.fill	7, 8, 0
	.word	pf, 8, 0x8e00, 0
	.fill	0x50 - 15, 8, 0
	.word	intr, 8, 0xee00, 0
	.word	intr, 8, 0x8e00, 0
idtr:	.word	0x52 * 8 - 1
	.long	idt
