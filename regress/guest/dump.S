/* SPDX-License-Identifier: ISC */
/*
 * Leaves a mark in memory and tells the test, its registers as they were: what
 * each processor has in them is the test's choice.
 */
	.code16
	.globl _start
_start:
	movb	$0x5a, 0x7000
	outb	%al, $0xf0
	hlt
