/* SPDX-License-Identifier: ISC */
/* An interrupt with an empty IDT, whose fault and double fault fail as well. */
	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	lidtw	empty
	int	$0x30
	hlt
empty:	.word	0
	.long	0
