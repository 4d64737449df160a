/* SPDX-License-Identifier: ISC */
/*
 * Writes that become eventfd counts (port 0xc0 and memory at 0xd0000), among
 * them one with another value than the one waited for, then port 0xf0.
 */
	.code16
	.globl _start
_start:
	movw	$0xd000, %ax
	movw	%ax, %es
	movb	$1, %al
	outb	%al, $0xc0
	movb	$2, %al
	outb	%al, $0xc0
	outb	%al, $0xc0
	movw	$7, %es:0
	movl	$9, %es:0
	movb	$0xee, %al
	outb	%al, $0xf0
	movb	$1, %al
	outb	%al, $0xc0
	hlt
