/* SPDX-License-Identifier: ISC */
/* Ten ticks of the PIT at 1 kHz, then a byte to port 0xf0. */
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
	movb	$1, %al			/* from here the test takes the time */
	outb	%al, $0xf0
	movb	$0x34, %al		/* channel 0, rate generator */
	outb	%al, $0x43
	movb	$0xa9, %al		/* 1193 */
	outb	%al, $0x40
	movb	$0x04, %al
	outb	%al, $0x40
	xorw	%bx, %bx
1:	sti
	hlt
	cmpw	$10, %bx
	jb	1b
	cli
	movb	%bl, %al
	outb	%al, $0xf0
	hlt

tick:	incw	%bx
	movb	$0x20, %al
	outb	%al, $0x20
	iretw
