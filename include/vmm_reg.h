/* SPDX-License-Identifier: ISC */
/*
 * Registers of a vCPU in a form that no backend owns: by number for
 * vm_get_register(3), in groups for vcpu_get_regs(3) and vcpu_get_sregs(3).
 * Included by vmm.h.
 */
#ifndef VMM_REG_H
#define VMM_REG_H

#include <stdint.h>

/* One register, for vm_get_register() and vm_set_register(). */
enum vm_reg_name {
	VM_REG_GUEST_RAX,
	VM_REG_GUEST_RBX,
	VM_REG_GUEST_RCX,
	VM_REG_GUEST_RDX,
	VM_REG_GUEST_RSI,
	VM_REG_GUEST_RDI,
	VM_REG_GUEST_RBP,
	VM_REG_GUEST_RSP,
	VM_REG_GUEST_R8,
	VM_REG_GUEST_R9,
	VM_REG_GUEST_R10,
	VM_REG_GUEST_R11,
	VM_REG_GUEST_R12,
	VM_REG_GUEST_R13,
	VM_REG_GUEST_R14,
	VM_REG_GUEST_R15,
	VM_REG_GUEST_RIP,
	VM_REG_GUEST_RFLAGS,
	VM_REG_GUEST_CR0,
	VM_REG_GUEST_CR2,
	VM_REG_GUEST_CR3,
	VM_REG_GUEST_CR4,
	VM_REG_GUEST_CR8,
	VM_REG_GUEST_EFER,
	VM_REG_GUEST_APIC_BASE,
	/* Selectors; base, limit and access are vm_get_desc()'s. */
	VM_REG_GUEST_ES,
	VM_REG_GUEST_CS,
	VM_REG_GUEST_SS,
	VM_REG_GUEST_DS,
	VM_REG_GUEST_FS,
	VM_REG_GUEST_GS,
	VM_REG_GUEST_LDTR,
	VM_REG_GUEST_TR,
	/* Tables: for vm_get_desc() and vm_set_desc() only. */
	VM_REG_GUEST_GDTR,
	VM_REG_GUEST_IDTR,
	VM_REG_GUEST_DR0,
	VM_REG_GUEST_DR1,
	VM_REG_GUEST_DR2,
	VM_REG_GUEST_DR3,
	VM_REG_GUEST_DR6,
	VM_REG_GUEST_DR7,
	VM_REG_LAST
};

/*
 * A segment register.  access is in the layout of the VMX access rights
 * (SDM 3, 25.4.1): type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15,
 * unusable 16.
 */
struct vcpu_seg {
	uint64_t base;
	uint32_t limit; /* in bytes, whatever G says */
	uint32_t access;
	uint16_t selector;
};

#define VCPU_SEG_UNUSABLE (1U << 16)

struct vcpu_table {
	uint64_t base;
	uint16_t limit;
};

struct vcpu_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
};

struct vcpu_sregs {
	struct vcpu_seg es, cs, ss, ds, fs, gs, ldtr, tr;
	struct vcpu_table gdtr, idtr;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, apic_base;
};

/* The x87 and SSE state, as FXSAVE has it. */
struct vcpu_fpu {
	uint8_t st[8][16]; /* ST(0) first; the lower 10 bytes */
	uint16_t fcw, fsw, fop;
	uint8_t ftw; /* bit n: physical register n is in use */
	uint32_t mxcsr;
	uint64_t fip, fdp; /* of the last x87 instruction: code, data */
	uint8_t xmm[16][16];
};

/* What a debugger of the guest wants exits for. */
#define VCPU_DEBUG_STEP 0x1U /* after each instruction */
#define VCPU_DEBUG_QUIET 0x2U /* with _STEP: interrupts wait meanwhile */
#define VCPU_DEBUG_INT3 0x4U /* at each INT3 */

enum vcpu_point_kind {
	VCPU_POINT_NONE,
	VCPU_POINT_EXEC, /* before the instruction; len 1 */
	VCPU_POINT_WRITE, /* after it */
	VCPU_POINT_ACCESS /* read or written; after it */
};

#define VCPU_POINTS 4

struct vcpu_debug {
	uint32_t flags; /* VCPU_DEBUG_* */
	struct vcpu_point {
		enum vcpu_point_kind kind;
		uint32_t len; /* 1, 2, 4, 8 */
		uint64_t addr; /* linear, a multiple of len */
	} point[VCPU_POINTS]; /* n is bit n of DR6 in u.debug */
};

#endif /* VMM_REG_H */
