/* SPDX-License-Identifier: ISC */
/* A multiboot kernel that says "up" on COM1 and, when a key is typed, jumps to
 * where there is no memory: code there no KVM can run or emulate, on any
 * processor, and the VM ends with an internal error. */
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
	movl $0xd0000000, %eax	/* between RAM and the chips: nothing */
	jmp *%eax
text:
	.asciz "up\r\n"
