/* SPDX-License-Identifier: ISC */
/*
 * Reads and writes the page at 0xc0000 as often as told: BL 0 reads a byte and
 * writes it to port 0xf0, BL 1 writes 0x77, else stops.  Before each round it
 * asks port 0xf1 for BL.
 */
	.code16
	.globl _start
_start:
	movw	$0xc000, %ax
	movw	%ax, %es
1:	inb	$0xf1, %al
	testb	%al, %al
	jz	2f
	cmpb	$1, %al
	jne	3f
	movb	$0x77, %es:0x10
	jmp	1b
2:	movb	%es:0x10, %al
	outb	%al, $0xf0
	jmp	1b
3:	hlt
