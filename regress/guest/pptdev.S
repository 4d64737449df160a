/* SPDX-License-Identifier: ISC */
/*
 * A driver that does as it is told, for a device whose BAR is at 0xc0000.  It
 * asks port 0xf1 what to do: 0 reads the word at an offset from port 0xf2 and
 * writes it to port 0xf0; 1 writes a word from port 0xf3 there; 2 halts with
 * interrupts on.  An interrupt writes its vector to port 0xf0: messages 0x50
 * and 0x51, and line 5 (vector 0x25), for which it asks port 0xf4 before its
 * EOI.  Real mode; the LAPIC is in x2APIC mode, so that MSRs reach it.
 */
#include "chips.inc"

	.code16
	.globl _start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	$line5, 4 * 0x25
	movw	%ax, 4 * 0x25 + 2
	movw	$message0, 4 * 0x50
	movw	%ax, 4 * 0x50 + 2
	movw	$message1, 4 * 0x51
	movw	%ax, 4 * 0x51 + 2
	PICS_INIT 0xdf
	movw	$0x4d0, %dx		/* ELCR: line 5 is a level */
	movb	$0x20, %al
	outb	%al, %dx
	X2APIC_ON
	X2APIC_EXTINT
	movw	$0xc000, %ax
	movw	%ax, %es
	movb	$0xff, %al		/* ready */
	outb	%al, $0xf0
ask:
	inb	$0xf1, %al
	cmpb	$1, %al
	jb	read
	je	write
	sti
	hlt
	cli
	jmp	ask
read:
	inl	$0xf2, %eax
	movl	%eax, %ebx
	movl	%es:(%bx), %eax
	outl	%eax, $0xf0
	jmp	ask
write:
	inl	$0xf2, %eax
	movl	%eax, %ebx
	inl	$0xf3, %eax
	movl	%eax, %es:(%bx)
	jmp	ask

line5:
	movb	$0x25, %al
	outb	%al, $0xf0
	inb	$0xf4, %al
	movb	$0x20, %al
	outb	%al, $0x20
	jmp	done
message0:
	movb	$0x50, %bl
	jmp	message
message1:
	movb	$0x51, %bl
message:
	movl	$0x80b, %ecx		/* EOI */
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	movb	%bl, %al
	outb	%al, $0xf0
done:					/* not back to where it halted */
	movw	$0x0f00, %sp
	jmp	ask
