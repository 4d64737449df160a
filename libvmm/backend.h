/* SPDX-License-Identifier: ISC */
/*
 * What a hypervisor must do for libvmm: one table of operations.  The files
 * of libvmm/ check arguments, keep the books (regions, routes, vCPUs) and call
 * the table; the files of a backend's folder talk to the hypervisor and check
 * nothing twice.  All return 0, or -1 with errno.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm.h"

struct cpuid_set;
struct memmap_region;
struct route_table;

/* Debug registers: only vm_get_register() and its twin need them. */
struct vmm_debugregs {
	uint64_t db[4], dr6, dr7;
};

/* A checked event for a vCPU. */
struct vmm_event {
	enum vm_event_type type;
	int vector;
	bool has_error_code;
	uint32_t error_code;
};

struct vmm_backend {
	const char *name;

	/* Version, capabilities, max_vcpus; fills reason when unusable. */
	int (*host_probe)(int fd, struct vmm_probe *probe);

	/* Also fills vm->cpuid with what the host can give. */
	int (*vm_create)(struct vm *vm, int fd);
	void (*vm_destroy)(struct vm *vm);
	int (*vm_make_chips)(struct vm *vm);
	int (*vm_reset_chips)(struct vm *vm);
	int (*vm_clock_get)(struct vm *vm, uint64_t *ns);
	int (*vm_clock_set)(struct vm *vm, uint64_t ns);

	int (*slot_set)(struct vm *vm, const struct memmap_region *region);
	int (*slot_clear)(struct vm *vm, const struct memmap_region *region);

	int (*dirty_get)(struct vm *vm, const struct memmap_region *region,
	    uint64_t *bitmap);

	int (*irq_line)(struct vm *vm, uint32_t gsi, bool level);
	int (*msi)(struct vm *vm, uint64_t addr, uint32_t data);
	int (*irqfd)(
	    struct vm *vm, int fd, uint32_t gsi, int resample_fd, bool add);
	int (*routes_set)(struct vm *vm, const struct route_table *routes);
	int (*ioeventfd)(
	    struct vm *vm, int fd, const struct vm_ioevent *event, bool add);

	int (*vcpu_open)(struct vcpu *vcpu);
	void (*vcpu_close)(struct vcpu *vcpu);
	int (*vcpu_run)(struct vcpu *vcpu, struct vm_exit *exit);
	int (*vcpu_complete)(struct vcpu *vcpu, struct vm_exit *exit);
	/* Makes the run in progress or the next one return; any thread. */
	void (*vcpu_kick)(struct vcpu *vcpu);
	int (*vcpu_reset)(struct vcpu *vcpu);
	int (*cpuid_set)(struct vcpu *vcpu, const struct cpuid_set *set);
	int (*tsc_khz)(struct vcpu *vcpu, uint32_t *khz);

	int (*get_regs)(struct vcpu *vcpu, struct vcpu_regs *regs);
	int (*set_regs)(struct vcpu *vcpu, const struct vcpu_regs *regs);
	int (*get_sregs)(struct vcpu *vcpu, struct vcpu_sregs *sregs);
	int (*set_sregs)(struct vcpu *vcpu, const struct vcpu_sregs *sregs);
	int (*get_debugregs)(struct vcpu *vcpu, struct vmm_debugregs *regs);
	int (*set_debugregs)(
	    struct vcpu *vcpu, const struct vmm_debugregs *regs);
	int (*get_msr)(struct vcpu *vcpu, uint32_t index, uint64_t *value);
	int (*set_msr)(struct vcpu *vcpu, uint32_t index, uint64_t value);
	int (*inject)(struct vcpu *vcpu, const struct vmm_event *event);
	int (*get_fpu)(struct vcpu *vcpu, struct vcpu_fpu *fpu);
	int (*set_fpu)(struct vcpu *vcpu, const struct vcpu_fpu *fpu);
	int (*set_debug)(struct vcpu *vcpu, const struct vcpu_debug *debug);
	int (*clock_paused)(struct vcpu *vcpu);
};

extern const struct vmm_backend vmm_backend_kvm;

#endif /* BACKEND_H */
