/* SPDX-License-Identifier: ISC */
/*
 * CPUID tables between callers and vCPUs.
 */
#ifndef CPUID_TABLE_H
#define CPUID_TABLE_H

struct cpuid_set;
struct vcpu;

/* Gives it to the vCPU, which keeps a copy of what it was given last. */
int cpuid_table_give(struct vcpu *vcpu, const struct cpuid_set *set);

#endif /* CPUID_TABLE_H */
