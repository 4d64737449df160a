/* SPDX-License-Identifier: ISC */
/*
 * What CPUID tells a guest: the policy, a table of rows over what the host
 * can give, and the leaves that differ per vCPU.  Pure functions.
 */
#ifndef CPUID_H
#define CPUID_H

#include <stdbool.h>
#include <stdint.h>

#define CPUID_MAX 256

enum cpuid_reg { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

struct cpuid_leaf {
	uint32_t leaf;
	uint32_t subleaf;
	bool has_subleaf; /* subleaf counts; else one answer for all */
	uint32_t reg[4]; /* by enum cpuid_reg */
};

struct cpuid_set {
	uint32_t count;
	struct cpuid_leaf leaf[CPUID_MAX];
};

/* The vCPU that the answers are for. */
struct cpuid_context {
	uint32_t id; /* also its APIC id */
	uint32_t ncpus;
	uint32_t tsc_khz; /* 0: unknown */
	bool irqchip; /* LAPIC in the kernel: x2APIC and TSC deadline */
	bool no_x2apic; /* not even then */
	uint32_t cores, threads; /* per socket, per core; ids without gaps */
};

/* Turns what the host can give into what the guest gets, in place. */
void cpuid_apply(struct cpuid_set *set, const struct cpuid_context *ctx);

/* Puts what names a vCPU (APIC ids) into a table made for another of the VM. */
void cpuid_rename(struct cpuid_set *set, uint32_t id);

/* The leaf (borrowed), or NULL.  subleaf counts where the leaf has any. */
struct cpuid_leaf *cpuid_find(
    struct cpuid_set *set, uint32_t leaf, uint32_t subleaf);

#endif /* CPUID_H */
