/* SPDX-License-Identifier: ISC */
/* Port and memory accesses of every size, at 0:0x1000 in real mode. */
	.code16
	.globl _start
_start:
	movw	$0x3f8, %dx
	movb	$0x41, %al
	outb	%al, %dx		/* 1 byte out */
	movw	$0x4142, %ax
	outw	%ax, %dx
	movl	$0x41424344, %eax
	outl	%eax, %dx
	inb	%dx, %al		/* what comes in goes out again */
	movw	$0x3f9, %dx
	outb	%al, %dx
	movw	$0x3f8, %dx
	inl	%dx, %eax
	movw	$0x3f9, %dx
	outl	%eax, %dx
	movw	$0x3fa, %dx		/* a string of 4 */
	movw	$text, %si
	movw	$4, %cx
	cld
	rep outsb
	movw	$0xb800, %ax		/* memory that is not there */
	movw	%ax, %es
	movb	$0x5a, %es:4
	movl	$0x01020304, %es:8
	movl	%es:16, %eax
	movw	$0x3f9, %dx
	outl	%eax, %dx
	hlt
text:	.ascii	"vmm!"
