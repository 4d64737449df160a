/* SPDX-License-Identifier: ISC */
/*
 * A multiboot kernel that has touched all of its memory: it fills everything
 * from 2 MiB on, up to 1 GiB, with words of which no two are alike, and says
 * '!' on COM1.  Then it idles, or if the last word of its command line is a
 * number, that many cycles of the TSC apart it writes to the next page of a
 * working set of 256 MiB, and with every 12th page says '.'.
 *
 * The work is done as a 64-bit user, which any KVM runs at the machine's speed.
 */
	.equ	FILL, 0x200000
	.equ	TOP, 0x40000000
	.equ	SET, 0x10000000		/* from here on the working set */
	.equ	SET_END, 0x20000000
	.equ	BEAT, 12
	.equ	LATE, 1024		/* so many pages behind, it forgets them */
	.equ	COM1, 0x3f8

	.code32
	.text
	.globl _start
	.align 4
	.long 0x1badb002	/* magic, flags, checksum */
	.long 2			/* wants the size of memory */
	.long -(0x1badb002 + 2)
_start:
	cld
	movl	$0x8000, %esp
	movl	8(%ebx), %ebp	/* KiB from 1 MiB on */
	addl	$1024, %ebp
	shll	$10, %ebp
	cmpl	$TOP, %ebp
	jbe	1f
	movl	$TOP, %ebp
1:	xorl	%edi, %edi	/* the number */
	testl	$4, (%ebx)
	jz	paging
	movl	16(%ebx), %esi
next:	lodsb
	testb	%al, %al
	jz	paging
	subb	$'0', %al
	cmpb	$9, %al
	ja	1f
	movzbl	%al, %eax
	imull	$10, %edi
	addl	%eax, %edi
	jmp	next
1:	xorl	%edi, %edi
	jmp	next

/* All of it is the user's, in large pages. */
paging:
	movl	$(tables + 0x1007), tables
	movl	$(tables + 0x2007), tables + 0x1000
	movl	$0x87, %eax
	movl	$(tables + 0x2000), %ecx
1:	movl	%eax, (%ecx)
	addl	$8, %ecx
	addl	$0x200000, %eax
	cmpl	$TOP, %eax
	jb	1b
	movl	$0x20, %eax	/* PAE */
	movl	%eax, %cr4
	movl	$tables, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x100, %eax	/* EFER: LME */
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000001, %eax
	movl	%eax, %cr0
	movl	$idle, %eax		/* for what a user may not do */
	movw	%ax, idt + 13 * 16
	shrl	$16, %eax
	movw	%ax, idt + 13 * 16 + 6
	lidt	idtr
	lgdt	gdtr
	ljmp	$8, $kernel

	.code64
kernel:
	movl	$16, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$0x28, %eax
	ltr	%ax
	pushq	$0x1b
	pushq	$0x7000
	pushq	$2
	pushq	$0x23
	movl	$user, %eax
	pushq	%rax
	iretq
idle:	hlt
	jmp	idle

user:
	movl	$FILL, %ebx
	movl	$1, %eax
	movabsq	$0x9e3779b97f4a7c15, %rcx
1:	movq	%rax, (%rbx)
	addq	%rcx, %rax
	addl	$8, %ebx
	cmpl	%ebp, %ebx
	jb	1b
	movl	$COM1, %edx
	movb	$'!', %al
	outb	%al, %dx
	testl	%edi, %edi
	jnz	1f
	hlt			/* to idle */
1:	movl	%edi, %r9d
	imulq	$LATE, %r9, %r9
	movl	$SET, %ebx
	movl	$BEAT, %ecx
late:	rdtsc
	shlq	$32, %rdx
	leaq	(%rdx, %rax), %r8	/* when the last page was due */
wait:	rdtsc
	shlq	$32, %rdx
	orq	%rdx, %rax
	subq	%r8, %rax
	cmpq	%rdi, %rax
	jb	wait
	cmpq	%r9, %rax		/* a clock that went back is late, too */
	ja	late
	addq	%rdi, %r8
	incq	(%rbx)
	addl	$0x1000, %ebx
	cmpl	$SET_END, %ebx
	jb	1f
	movl	$SET, %ebx
1:	decl	%ecx
	jnz	wait
	movl	$BEAT, %ecx
	movl	$COM1, %edx
	movb	$'.', %al
	outb	%al, %dx
	jmp	wait

	.align	8
gdt:	.quad	0
	.quad	0x00af9b000000ffff	/* 8: kernel code */
	.quad	0x00cf93000000ffff	/* 16: kernel data */
	.quad	0x00cff3000000ffff	/* 24: user data */
	.quad	0x00affb000000ffff	/* 32: user code */
	.quad	0x00008910080000e8, 0	/* 40: the TSS at 0x100800 */
gdtr:	.word	. - gdt - 1
	.long	gdt

	.align	8
idt:	.fill	13 * 2, 8, 0
	.word	0, 8, 0x8e00, 0		/* #GP */
	.quad	0
idtr:	.word	. - idt - 1
	.long	idt

	/* That of 64-bit mode, for the ports that the user may use: COM1's. */
	.org	0x800
	.long	0
	.quad	0x8000			/* the kernel's stack */
	.fill	90, 1, 0
	.word	104
	.fill	COM1 / 8, 1, 0xff
	.byte	0, 0xff

	.bss
	.align	4096
tables:	.fill	0x3000, 1, 0
