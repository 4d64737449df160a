/* SPDX-License-Identifier: ISC */
/*
 * Ten ticks of the PIT at 1 kHz; the tenth writes its number to port 0xf0 and
 * masks the line, for on a slow host the next may be pending already.
 */
	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	$tick, 4 * 0x20
	movw	%ax, 4 * 0x20 + 2
	movb	$0x11, %al
	outb	%al, $0x20
	movb	$0x20, %al
	outb	%al, $0x21
	movb	$0x04, %al
	outb	%al, $0x21
	movb	$0x01, %al
	outb	%al, $0x21
	movb	$0xfe, %al
	outb	%al, $0x21
	xorw	%bx, %bx
	movb	$1, %al			/* from here the test takes the time */
	outb	%al, $0xf0
	movb	$0x34, %al		/* channel 0, rate generator */
	outb	%al, $0x43
	movb	$0xa9, %al		/* 1193 */
	outb	%al, $0x40
	movb	$0x04, %al
	outb	%al, $0x40
1:	sti
	hlt
	jmp	1b

tick:	incw	%bx
	cmpw	$10, %bx
	jne	2f
	movb	$0xff, %al
	outb	%al, $0x21
	movb	%bl, %al
	outb	%al, $0xf0
2:	movb	$0x20, %al
	outb	%al, $0x20
	iretw
