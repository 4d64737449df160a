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
#include <stddef.h>
#include <stdint.h>

#include "vmm.h"

struct cpuid_set;
struct memmap_region;
struct route_table;
struct stats_table;

/* A checked event for a vCPU. */
struct vmm_event {
	enum vm_event_type type;
	int vector;
	bool has_error_code;
	uint32_t error_code;
};

/* Room for any vCPU's XSAVE area. */
#define VMM_XSAVE_MAX VCPU_STATE_XSAVE

struct vmm_backend {
	const char *name;

	/* Version, capabilities, max_vcpus; fills reason when unusable. */
	int (*host_probe)(int fd, struct vmm_probe *probe);

	/* 0: fd is the hypervisor's device, of the version we know. */
	int (*host_check)(int fd);
	int (*host_msrs)(int fd, uint32_t *indices, uint32_t max);

	/*
	 * Also fills vm->cpuid with what the host can give.  vm_fd -1 makes a
	 * VM, else that one is taken.
	 */
	int (*vm_create)(struct vm *vm, int fd, int vm_fd);
	void (*vm_destroy)(struct vm *vm, bool close_fd);
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
	int (*irq_trigger)(struct vm *vm, uint32_t irq, bool level);
	int (*irqfd)(
	    struct vm *vm, int fd, uint32_t gsi, int resample_fd, bool add);
	int (*routes_set)(struct vm *vm, const struct route_table *routes);
	int (*ioeventfd)(
	    struct vm *vm, int fd, const struct vm_ioevent *event, bool add);
	/* A VFIO group of the guest's devices; no error if it need not know. */
	int (*vfio_group)(struct vm *vm, int group_fd, bool add);

	/* fd -1 makes a vCPU, else that one is taken. */
	int (*vcpu_open)(struct vcpu *vcpu, int fd);
	void (*vcpu_close)(struct vcpu *vcpu, bool close_fd);
	int (*vcpu_run)(struct vcpu *vcpu, struct vm_exit *exit);
	int (*vcpu_complete)(struct vcpu *vcpu, struct vm_exit *exit);
	/* Makes the run in progress or the next one return; any thread. */
	void (*vcpu_kick)(struct vcpu *vcpu);
	int (*vcpu_reset)(struct vcpu *vcpu);
	int (*cpuid_set)(struct vcpu *vcpu, const struct cpuid_set *set);
	int (*tsc_khz)(struct vcpu *vcpu, uint32_t *khz);
	/* ENOTSUP: the host cannot scale to it. */
	int (*set_tsc_khz)(struct vcpu *vcpu, uint32_t khz);
	/* What is added to the host's TSC, scaled.  ENOTSUP: a KVM that does
	 * not tell. */
	int (*get_tsc_offset)(struct vcpu *vcpu, uint64_t *offset);
	int (*set_tsc_offset)(struct vcpu *vcpu, uint64_t offset);

	int (*get_regs)(struct vcpu *vcpu, struct vcpu_regs *regs);
	int (*set_regs)(struct vcpu *vcpu, const struct vcpu_regs *regs);
	int (*get_sregs)(struct vcpu *vcpu, struct vcpu_sregs *sregs);
	int (*set_sregs)(struct vcpu *vcpu, const struct vcpu_sregs *sregs);
	int (*get_debugregs)(struct vcpu *vcpu, struct vcpu_debugregs *regs);
	int (*set_debugregs)(
	    struct vcpu *vcpu, const struct vcpu_debugregs *regs);
	int (*get_msr)(struct vcpu *vcpu, uint32_t index, uint64_t *value);
	int (*set_msr)(struct vcpu *vcpu, uint32_t index, uint64_t value);
	int (*inject)(struct vcpu *vcpu, const struct vmm_event *event);
	/* A register of the LAPIC, by its offset. */
	int (*get_lapic)(struct vcpu *vcpu, size_t reg, uint32_t *value);
	int (*get_fpu)(struct vcpu *vcpu, struct vcpu_fpu *fpu);
	int (*set_fpu)(struct vcpu *vcpu, const struct vcpu_fpu *fpu);
	int (*set_debug)(struct vcpu *vcpu, const struct vcpu_debug *debug);
	int (*clock_paused)(struct vcpu *vcpu);

	int (*xsave_size)(struct vcpu *vcpu, size_t *len);
	int (*get_xsave)(struct vcpu *vcpu, void *area, size_t len);
	int (*set_xsave)(struct vcpu *vcpu, const void *area);
	int (*get_xcr)(struct vcpu *vcpu, uint32_t index, uint64_t *value);
	int (*set_xcr)(struct vcpu *vcpu, uint32_t index, uint64_t value);
	/* Return how many, as vcpu_get_msrs(). */
	int (*get_msrs)(
	    struct vcpu *vcpu, struct vcpu_msr *msrs, uint32_t count);
	int (*set_msrs)(
	    struct vcpu *vcpu, const struct vcpu_msr *msrs, uint32_t count);

	/* The MSRs of vcpu_reset with their values; returns how many. */
	uint32_t (*reset_msrs)(struct vcpu_msr *msrs, uint32_t max);
	int (*get_events)(struct vcpu *vcpu, struct vcpu_events *events);
	int (*set_events)(struct vcpu *vcpu, const struct vcpu_events *events);

	/* chips_set checks what is in it; *clock is the clock's time. */
	size_t (*chips_size)(struct vm *vm);
	int (*chips_get)(struct vm *vm, void *chips);
	int (*chips_set)(
	    struct vm *vm, const void *chips, size_t len, uint64_t *clock);
	/* Of the VM (vcpu NULL) or of a vCPU.  Adds its descriptions to the
	 * table, with the VM's lock held. */
	int (*stats_describe)(
	    struct vm *vm, struct vcpu *vcpu, struct stats_table *table);
	/* The first n of what it described; any thread, no lock. */
	int (*stats_read)(
	    struct vm *vm, struct vcpu *vcpu, uint64_t *values, size_t n);
};

extern const struct vmm_backend vmm_backend_kvm;

#endif /* BACKEND_H */
