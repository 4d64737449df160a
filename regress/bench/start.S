/* SPDX-License-Identifier: ISC */
/* A multiboot kernel whose first instructions write one byte to the console:
 * when that is seen, the guest runs. */
	.code32
	.text
	.globl _start
	.align 4
	.long 0x1badb002	/* magic, flags, checksum */
	.long 0
	.long -0x1badb002
_start:
	movw $0x3f8, %dx
	movb $'!', %al
	outb %al, %dx
1:	hlt
	jmp 1b
