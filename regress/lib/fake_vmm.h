/* SPDX-License-Identifier: ISC */
/*
 * A VM of libvmm without a hypervisor: real memory, and vCPUs whose state is
 * what was last set.  Paging is off, so a linear address is a physical one.
 */
#ifndef FAKE_VMM_H
#define FAKE_VMM_H

#include "fake_vm.h"

#define FAKE_CPUS 3
#define FAKE_MEMORY (64 * 1024)

struct fake_vcpu {
	struct vcpu_regs regs;
	struct vcpu_sregs sregs;
	struct vcpu_fpu fpu;
	struct vcpu_debugregs debugregs;
	uint64_t kernel_gs;
	struct vcpu_debug debug; /* as last set */
	int injected; /* the vector; 0: none */
};

static struct fake_vmm {
	struct vm *vm;
	struct vcpu *vcpu[FAKE_CPUS];
	struct fake_vcpu state[FAKE_CPUS];
	int refuse; /* errno of the next settings; 0: none */
} fake_vmm;

#define FAKE_ACCESS(name, type)                                                \
	static inline int fake_get_##name(struct vcpu *vcpu, type *to)         \
	{                                                                      \
		*to = fake_vmm.state[vcpu->id].name;                           \
		return 0;                                                      \
	}                                                                      \
	static inline int fake_set_##name(struct vcpu *vcpu, const type *from) \
	{                                                                      \
		if (fake_vmm.refuse != 0) {                                    \
			errno = fake_vmm.refuse;                               \
			return -1;                                             \
		}                                                              \
		fake_vmm.state[vcpu->id].name = *from;                         \
		return 0;                                                      \
	}
FAKE_ACCESS(regs, struct vcpu_regs)
FAKE_ACCESS(sregs, struct vcpu_sregs)
FAKE_ACCESS(fpu, struct vcpu_fpu)
FAKE_ACCESS(debugregs, struct vcpu_debugregs)
FAKE_ACCESS(debug, struct vcpu_debug)
#undef FAKE_ACCESS

static inline int
fake_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
	(void)index;
	*value = fake_vmm.state[vcpu->id].kernel_gs;
	return 0;
}

static inline int
fake_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	(void)index;
	fake_vmm.state[vcpu->id].kernel_gs = value;
	return 0;
}

static inline int
fake_inject(struct vcpu *vcpu, const struct vmm_event *event)
{
	fake_vmm.state[vcpu->id].injected = event->vector;
	return 0;
}

static inline int
fake_vcpu_open(struct vcpu *vcpu, int fd)
{
	(void)vcpu;
	(void)fd;
	return 0;
}

static inline void
fake_vcpu_close(struct vcpu *vcpu, bool close_fd)
{
	(void)vcpu;
	(void)close_fd;
}

static inline int
fake_cpuid_set(struct vcpu *vcpu, const struct cpuid_set *set)
{
	(void)vcpu;
	(void)set;
	return 0;
}

static inline int
fake_tsc_khz(struct vcpu *vcpu, uint32_t *khz)
{
	(void)vcpu;
	*khz = 1000000;
	return 0;
}

static const struct vmm_backend fake_backend = {
	.name = "fake",
	.vm_destroy = fake_vm_backend_destroy,
	.slot_set = fake_vm_slot_set,
	.slot_clear = fake_vm_slot_clear,
	.vcpu_open = fake_vcpu_open,
	.vcpu_close = fake_vcpu_close,
	.cpuid_set = fake_cpuid_set,
	.tsc_khz = fake_tsc_khz,
	.get_regs = fake_get_regs,
	.set_regs = fake_set_regs,
	.get_sregs = fake_get_sregs,
	.set_sregs = fake_set_sregs,
	.get_fpu = fake_get_fpu,
	.set_fpu = fake_set_fpu,
	.get_debugregs = fake_get_debugregs,
	.set_debugregs = fake_set_debugregs,
	.set_debug = fake_set_debug,
	.get_msr = fake_get_msr,
	.set_msr = fake_set_msr,
	.inject = fake_inject,
};

/* Memory of NOPs, protected mode without paging, RIP at 0x1000. */
static inline bool
fake_vmm_start(void)
{
	struct vm *vm = fake_vm_make(&fake_backend, FAKE_CPUS, 0);
	uint8_t *p;
	uint32_t i;

	memset(&fake_vmm, 0, sizeof(fake_vmm));
	if (vm == NULL)
		return false;
	fake_vmm.vm = vm;
	if (vm_setup_memory(vm, FAKE_MEMORY) == -1)
		return false;
	p = vm_map_gpa(vm, 0, FAKE_MEMORY);
	memset(p, 0x90, FAKE_MEMORY);
	for (i = 0; i < FAKE_CPUS; i++) {
		fake_vmm.state[i].sregs.cr0 = 1;
		fake_vmm.state[i].regs.rip = 0x1000 + i;
		if (vcpu_open(vm, i, &fake_vmm.vcpu[i]) == -1)
			return false;
	}
	return true;
}

static inline void
fake_vmm_stop(void)
{
	vm_destroy(fake_vmm.vm);
	memset(&fake_vmm, 0, sizeof(fake_vmm));
}

/* A byte of the guest as the guest sees it. */
static inline uint8_t *
fake_byte(uint64_t gpa)
{
	return vm_map_gpa(fake_vmm.vm, gpa, 1);
}

#endif /* FAKE_VMM_H */
