/* SPDX-License-Identifier: ISC */
/*
 * The registers of a vCPU by gdb's numbers: one table, of which the target
 * description is made, too.  The vCPU stands still.
 */
#ifndef REGISTERS_H
#define REGISTERS_H

#include <stddef.h>
#include <stdint.h>

#include "vmm.h"

/* The longest register in bytes. */
#define REGISTERS_WIDEST 16

/* A feature of the target description; names that gdb knows are its own. */
enum registers_feature {
	FEATURE_CORE,
	FEATURE_SSE,
	FEATURE_SEGMENTS,
	FEATURE_SYSTEM,
	FEATURE_COUNT
};

/* What vcpu_get_* and its twins move at a time. */
enum registers_group {
	GROUP_REGS,
	GROUP_SREGS,
	GROUP_FPU,
	GROUP_KERNEL_GS, /* an MSR */
	GROUP_TAGS, /* the FPU's, in the form before FXSAVE */
	GROUP_COUNT
};

struct registers_row {
	const char *name;
	const char *type; /* of the target description */
	enum registers_feature feature;
	enum registers_group group;
	uint16_t bits; /* as gdb sees it */
	uint16_t offset, width; /* in the group's structure, bytes */
};

/* The numbers that a stop reply carries. */
#define REGISTERS_RBP 6
#define REGISTERS_RSP 7
#define REGISTERS_RIP 16

extern const struct registers_row registers_rows[];
extern const unsigned int registers_count;

/* The groups of one vCPU, each loaded when it is first needed. */
struct registers {
	struct vcpu *vcpu;
	unsigned int loaded, changed; /* bits 1 << enum registers_group */
	struct vcpu_regs regs;
	struct vcpu_sregs sregs;
	struct vcpu_fpu fpu;
	uint64_t kernel_gs;
};

/* Borrows vcpu. */
void registers_init(struct registers *r, struct vcpu *vcpu);

/* The value of register n < registers_count, bits / 8 bytes.  0, -1. */
int registers_get(struct registers *r, unsigned int n, void *value);

/* Takes a value; registers_store() writes what has changed.  0, -1. */
int registers_put(struct registers *r, unsigned int n, const void *value);
int registers_store(struct registers *r);

/* One 64-bit register of the table, for convenience.  0, -1. */
int registers_set_rip(struct vcpu *vcpu, uint64_t rip);

#endif /* REGISTERS_H */
