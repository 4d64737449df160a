/* SPDX-License-Identifier: ISC */
/*
 * CPUID tables between callers and vCPUs.  What a vCPU was given is kept: what
 * KVM would tell of it has bits in it that follow the guest's registers.
 */
#include "cpuid_table.h"

#include <errno.h>
#include <stdlib.h>

#include "cpuid_check.h"
#include "handle.h"
#include "vmm.h"

int
cpuid_table_give(struct vcpu *vcpu, const struct cpuid_set *set)
{
	if (vcpu->cpuid == NULL) {
		vcpu->cpuid = malloc(sizeof(*vcpu->cpuid));
		if (vcpu->cpuid == NULL)
			return -1;
		vcpu->cpuid->count = 0;
	}
	if (vcpu->be->cpuid_set(vcpu, set) == -1)
		return -1;
	*vcpu->cpuid = *set;
	return 0;
}

int
vcpu_get_cpuid_table(struct vcpu *vcpu, struct vcpu_cpuid *table, uint32_t max)
{
	const struct cpuid_set *set = vcpu->cpuid;
	uint32_t i;

	for (i = 0; i < set->count && i < max; i++) {
		const struct cpuid_leaf *l = &set->leaf[i];

		table[i] = (struct vcpu_cpuid) { .leaf = l->leaf,
			.subleaf = l->subleaf,
			.flags = l->has_subleaf ? VCPU_CPUID_SUBLEAF : 0,
			.eax = l->reg[CPUID_EAX],
			.ebx = l->reg[CPUID_EBX],
			.ecx = l->reg[CPUID_ECX],
			.edx = l->reg[CPUID_EDX] };
	}
	return (int)set->count;
}

/* Returned owned. */
static struct cpuid_set *
cpuid_table_take(const struct vcpu_cpuid *table, uint32_t count)
{
	struct cpuid_set *set;
	uint32_t i;

	if (count > CPUID_MAX) {
		errno = EINVAL;
		return NULL;
	}
	set = malloc(sizeof(*set));
	if (set == NULL)
		return NULL;
	set->count = 0;
	for (i = 0; i < count; i++) {
		const struct vcpu_cpuid *e = &table[i];
		struct cpuid_leaf l = { e->leaf, e->subleaf,
			(e->flags & VCPU_CPUID_SUBLEAF) != 0,
			{ e->eax, e->ebx, e->ecx, e->edx } };

		if ((e->flags & ~VCPU_CPUID_SUBLEAF) != 0 ||
		    cpuid_clashes(set, &l)) {
			free(set);
			errno = EINVAL;
			return NULL;
		}
		set->leaf[set->count++] = l;
	}
	return set;
}

int
vcpu_set_cpuid_table(
    struct vcpu *vcpu, const struct vcpu_cpuid *table, uint32_t count)
{
	struct cpuid_set *set = cpuid_table_take(table, count);
	int rc, err;

	if (set == NULL)
		return -1;
	cpuid_rename(set, vcpu->id);
	rc = cpuid_table_give(vcpu, set);
	err = errno;
	free(set);
	errno = err;
	return rc;
}

/* What this host would give the first vCPU of the VM; returned owned. */
static struct cpuid_set *
cpuid_table_host(struct vm *vm)
{
	struct vcpu boot = { .vm = vm };
	struct cpuid_context ctx;
	struct cpuid_set *set = malloc(sizeof(*set));

	if (set == NULL)
		return NULL;
	vcpu_cpuid_context(&boot, &ctx);
	*set = vm->cpuid;
	cpuid_apply(set, &ctx);
	return set;
}

int
vm_check_cpuid(struct vm *vm, const struct vcpu_cpuid *table, uint32_t count,
    char *missing, size_t size)
{
	struct cpuid_set *guest = cpuid_table_take(table, count), *host = NULL;
	int rc = -1, err;

	if (size > 0)
		missing[0] = '\0';
	if (guest != NULL)
		host = cpuid_table_host(vm);
	if (host != NULL) {
		rc = cpuid_check(host, guest, missing, size) == 0 ? 0 : -1;
		if (rc == -1)
			errno = ENOTSUP;
	}
	err = errno;
	free(guest);
	free(host);
	errno = err;
	return rc;
}
