/* SPDX-License-Identifier: ISC */
/* A multiboot kernel that says "up" on COM1 and then each key that is typed,
 * with "key " in front.  But x makes a triple fault, and c runs code where there
 * is no memory, which KVM cannot emulate.  ebp shows that it is this guest. */
	.code32
	.text
	.globl _start
	.align 4
	.long 0x1badb002	/* magic, flags, checksum */
	.long 0
	.long -0x1badb002
_start:
	movl $0x1badcafe, %ebp
	movl $up, %esi
	jmp say
next:
	movl $key, %esi
say:
	movw $0x3fd, %dx
	inb %dx, %al
	testb $0x20, %al
	jz say
	lodsb
	movw $0x3f8, %dx
	outb %al, %dx
	cmpb $0, (%esi)
	jne say
wait:
	movw $0x3fd, %dx
	inb %dx, %al
	testb $1, %al
	jz wait
	movw $0x3f8, %dx
	inb %dx, %al
	cmpb $'x', %al
	je fault
	cmpb $'c', %al
	je crash
	movb %al, what
	jmp next
fault:
	lidt empty
	ud2
crash:
	movl $0xe0000000, %eax
	jmp *%eax
up:
	.asciz "up\r\n"
key:
	.ascii "key "
what:
	.asciz "?\r\n"
	.align 4
empty:
	.word 0
	.long 0
