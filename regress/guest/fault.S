/* SPDX-License-Identifier: ISC */
/*
 * In protected mode, an invalid instruction with an empty IDT: its fault and
 * the double fault cannot be delivered either.
 */
#include "chips.inc"

	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	PROTECTED_MODE empty
	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	ud2
	hlt
	FLAT_SEGMENTS
empty:	.word	0
	.long	0
