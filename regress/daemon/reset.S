/* SPDX-License-Identifier: ISC */
/* A multiboot kernel that says "up" on COM1 and resets its machine, by a triple
 * fault, when a key is typed. */
	.code32
	.text
	.globl _start
	.align 4
	.long 0x1badb002	/* magic, flags, checksum */
	.long 0
	.long -0x1badb002
_start:
	movl $text, %esi
1:	movw $0x3fd, %dx
	inb %dx, %al
	testb $0x20, %al
	jz 1b
	lodsb
	movw $0x3f8, %dx
	outb %al, %dx
	cmpb $0, (%esi)
	jne 1b
2:	movw $0x3fd, %dx
	inb %dx, %al
	testb $1, %al
	jz 2b
	lidt empty
	ud2
text:
	.asciz "up\r\n"
	.align 4
empty:
	.word 0
	.long 0
