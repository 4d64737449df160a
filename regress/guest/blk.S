/* SPDX-License-Identifier: ISC */
/*
 * A driver of virtio-blk in slot 2, in real mode.  It writes sector 3 and waits
 * for the interrupt on line 10; resets the device; reads the sector back and
 * waits for an MSI-X message.  Port 0xf0 gets the status of the write, 0xf1
 * that of the read, 0xf2 the number of interrupts, 0xff what went wrong; a read
 * of 0xf3 takes a millisecond.
 */
	.set	CONFIG, 0x80001000
	.set	WINDOW, 0x84		/* capability: window to the BARs */
	.set	MSIX, 0x98		/* capability */
	.set	DESC, 0x4000
	.set	AVAIL, 0x4800
	.set	USED, 0x5000
	.set	HEADER, 0x6000
	.set	STATUS, 0x6010
	.set	OUT, 0x7000
	.set	IN, 0x8000
	.set	LINE_VECTOR, 0x72	/* of line 10 */
	.set	MSI_VECTOR, 0x31

	.macro	config reg, value
	movl	$(CONFIG + (\reg & 0xfc)), %eax
	movw	$0xcf8, %dx
	outl	%eax, %dx
	movl	$(\value), %eax
	movw	$0xcfc, %dx
	outl	%eax, %dx
	.endm

	.macro	reg8 off, value
	leaw	\off(%bp), %dx
	movb	$(\value), %al
	outb	%al, %dx
	.endm

	.macro	reg16 off, value
	leaw	\off(%bp), %dx
	movw	$(\value), %ax
	outw	%ax, %dx
	.endm

	.macro	reg32 off, value
	leaw	\off(%bp), %dx
	movl	$(\value), %eax
	outl	%eax, %dx
	.endm

	.macro	port number, value
	movb	$(\value), %al
	outb	%al, $\number
	.endm

	.macro	table off, value
	config	WINDOW+8, \off
	config	WINDOW+16, \value
	.endm

	.code16
	.globl	_start
_start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x0f00, %sp
	movw	$line, LINE_VECTOR * 4
	movw	$0, LINE_VECTOR * 4 + 2
	movw	$message, MSI_VECTOR * 4
	movw	$0, MSI_VECTOR * 4 + 2

	/* Two PICs at 0x68 and 0x70, line 10 open and level triggered. */
	port	0x20, 0x11
	port	0xa0, 0x11
	port	0x21, 0x68
	port	0xa1, 0x70
	port	0x21, 0x04
	port	0xa1, 0x02
	port	0x21, 0x01
	port	0xa1, 0x01
	port	0x21, 0xfb
	port	0xa1, 0xfb
	movw	$0x4d1, %dx
	movb	$0x04, %al
	outb	%al, %dx

	/* Decode and master; where is BAR 0? */
	config	4, 7
	movl	$(CONFIG + 0x10), %eax
	movw	$0xcf8, %dx
	outl	%eax, %dx
	movw	$0xcfc, %dx
	inl	%dx, %eax
	andw	$0xfffc, %ax
	movw	%ax, %bp

	call	setup
	reg8	20, 0x0f
	movl	$1, HEADER		/* OUT */
	movw	$OUT, %di
	movw	$0xa55a, %ax
	movw	$256, %cx
	rep stosw
	movl	$OUT, DESC + 16
	movw	$1, DESC + 28		/* next */
	call	request
	movb	STATUS, %al
	outb	%al, $0xf0

	/* Reset, and wait for it. */
	reg8	20, 0
1:	leaw	20(%bp), %dx
	inb	%dx, %al
	testb	%al, %al
	jnz	1b

	/* Messages: the local APIC is above what real mode reaches. */
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	movw	$8, %cx
	movw	%cx, %fs
	andb	$0xfe, %al
	movl	%eax, %cr0
	movl	$0xfee000f0, %ebx
	movl	$0x1ff, %fs:(%ebx)
	config	WINDOW+4, 1
	config	WINDOW+12, 4
	table	16, 0xfee00000
	table	20, 0
	table	24, MSI_VECTOR
	table	28, 0
	config	MSIX, 0x80000000

	call	setup
	reg16	26, 1
	reg8	20, 0x0f
	movl	$0, HEADER		/* IN */
	movl	$IN, DESC + 16
	movw	$3, DESC + 28		/* next, write */
	call	request
	movb	STATUS, %al
	outb	%al, $0xf1
	movb	interrupts, %al
	outb	%al, $0xf2
	cli
	hlt

/* Everything up to but without DRIVER_OK. */
setup:
	reg8	20, 1
	reg8	20, 3
	reg32	8, 1
	reg32	12, 1			/* VERSION_1 */
	reg8	20, 0x0b
	leaw	20(%bp), %dx
	inb	%dx, %al
	testb	$8, %al
	jz	wrong
	reg16	22, 0
	reg16	24, 8
	reg32	32, DESC
	reg32	40, AVAIL
	reg32	48, USED
	reg16	28, 1
	xorl	%eax, %eax
	movl	%eax, AVAIL
	movl	%eax, USED
	ret

/* One request by the descriptors, to its end. */
request:
	movb	interrupts, %al
	movb	%al, before
	movl	$3, HEADER + 8		/* sector */
	movl	$0, HEADER + 12
	movb	$0xee, STATUS
	movl	$HEADER, DESC
	movl	$16, DESC + 8
	movw	$1, DESC + 12
	movw	$1, DESC + 14
	movl	$512, DESC + 24
	movw	$2, DESC + 30
	movl	$STATUS, DESC + 32
	movl	$1, DESC + 40
	movw	$2, DESC + 44
	movw	$0, AVAIL + 4
	movw	$1, AVAIL + 2
	reg16	0x100, 0
1:	cli
	cmpw	$1, USED + 2
	je	2f
	sti
	hlt
	jmp	1b
2:	sti
	/* The interrupt comes behind the ring, and may be on its way still:
	 * a millisecond each time. */
	movw	$10000, %cx
3:	movb	interrupts, %al
	cmpb	before, %al
	jne	4f
	inb	$0xf3, %al
	decw	%cx
	jnz	3b
4:	ret

wrong:
	port	0xff, 1
	cli
	hlt

line:
	pushw	%ax
	pushw	%dx
	leaw	0x200(%bp), %dx
	inb	%dx, %al
	addb	$1, interrupts
	port	0xa0, 0x20
	port	0x20, 0x20
	popw	%dx
	popw	%ax
	iretw

message:
	pushl	%ebx
	addb	$0x10, interrupts
	movl	$0xfee000b0, %ebx
	movl	$0, %fs:(%ebx)
	popl	%ebx
	iretw

	.balign	8
gdt:
	.quad	0
	.quad	0x00cf92000000ffff	/* all of memory, data */
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt
interrupts:
	.byte	0
before:
	.byte	0
