/* SPDX-License-Identifier: ISC */
/* A multiboot kernel that does nothing but crash: no interrupt table, then an
 * invalid instruction, which no handler catches: a triple fault. */
	.code32
	.text
	.globl _start
	.align 4
	.long 0x1badb002	/* magic, flags, checksum */
	.long 0
	.long -0x1badb002
_start:
	lidt empty
	ud2
	.align 4
empty:
	.word 0
	.long 0
