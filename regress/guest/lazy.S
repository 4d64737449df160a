/* SPDX-License-Identifier: ISC */
/*
 * Reads and writes bytes where it is told, in its first 64 KiB: asks port 0xf1
 * for an address (a word), writes the byte there to port 0xf0, and 0x77 to the
 * address above it.
 */
	.code16
	.globl _start
_start:
	inw	$0xf1, %ax
	movw	%ax, %bx
	movb	(%bx), %al
	outb	%al, $0xf0
	movb	$0x77, 1(%bx)
	jmp	_start
