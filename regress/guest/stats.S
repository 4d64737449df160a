/* SPDX-License-Identifier: ISC */
/* 100 writes to port 0x80, 3 to memory that is not there, a halt; then writes
 * to port 0x81 for ever, at 0x1100. */
	.code16
	.globl _start
_start:
	movw	$100, %cx
1:	outb	%al, $0x80
	decw	%cx
	jnz	1b
	movw	$0xb800, %ax
	movw	%ax, %es
	movb	%al, %es:0
	movb	%al, %es:1
	movb	%al, %es:2
	hlt

	.org	0x100
1:	outb	%al, $0x81
	jmp	1b

	.org	0x200
1:	jmp	1b
