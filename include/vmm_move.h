/* SPDX-License-Identifier: ISC */
/*
 * What a VM that goes on elsewhere takes along beside its memory: CPUID, the
 * whole state of its vCPUs, its clocks.  "Elsewhere" is a VM that was made with
 * the same parameters, in another process, perhaps on another host.  The parts
 * are plain numbers; how they are stored is the caller's business.  Included by
 * vmm.h.
 */
#ifndef VMM_MOVE_H
#define VMM_MOVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm_reg.h"
#include "vmm_state.h"

struct vm;
struct vcpu;

/* --- CPUID ---------------------------------------------------------------- */

#define VCPU_CPUID_MAX 256U /* entries of a table */
#define VCPU_CPUID_SUBLEAF 0x1U /* subleaf counts; else one answer for all */

/* What CPUID answers for a leaf. */
struct vcpu_cpuid {
	uint32_t leaf;
	uint32_t subleaf;
	uint32_t flags; /* VCPU_CPUID_* */
	uint32_t eax, ebx, ecx, edx;
};

/*
 * The table as the guest was given it: fills at most max entries and returns
 * how many there are, at most VCPU_CPUID_MAX.
 */
int vcpu_get_cpuid_table(
    struct vcpu *vcpu, struct vcpu_cpuid *table, uint32_t max);

/*
 * Gives the vCPU a table in place of the policy's, before it has run; that of
 * any vCPU of the VM, for what names the vCPU itself (APIC ids) is put in.
 * EINVAL: too many entries, unknown flags, an entry twice, or it ran already.
 */
int vcpu_set_cpuid_table(
    struct vcpu *vcpu, const struct vcpu_cpuid *table, uint32_t count);

/*
 * Whether a guest that was given that table could go on in this VM: the vendor
 * is the same, and each feature that the table tells of is one that this host
 * has and libvmm gives to guests.  What only informs (topology, caches, brand,
 * frequencies, APIC ids) may differ.  ENOTSUP: not, and missing names what
 * lacks, for a person, cut to size: "avx2, sha_ni, CPUID leaf 0x21 eax bit 5";
 * EINVAL: no such table, as of vcpu_set_cpuid_table().
 */
int vm_check_cpuid(struct vm *vm, const struct vcpu_cpuid *table,
    uint32_t count, char *missing, size_t size);

/* --- clocks --------------------------------------------------------------- */

/* The clocks of a guest at one moment. */
struct vm_time {
	uint64_t realtime_ns; /* CLOCK_REALTIME of the host */
	uint64_t clock_ns; /* kvm-clock */
	uint64_t tsc; /* of the first vCPU */
};

/* While no vCPU runs.  ENOENT: the first vCPU is not open. */
int vm_get_time(struct vm *vm, struct vm_time *time);

/*
 * Sets kvm-clock and the TSC of all vCPUs to time and advance_ns later, and
 * lets them go on from there; what vCPUs' TSCs differ by stays, and timers that
 * wait for a TSC are set again.  While no vCPU runs; realtime_ns is not used.
 */
int vm_set_time(struct vm *vm, const struct vm_time *time, uint64_t advance_ns);

/* The frequency of the guest's TSC; 0: the host does not know.  Any thread,
 * while vCPUs run, too. */
int vm_get_tsc_khz(struct vm *vm, uint32_t *khz);

/*
 * Makes the TSC of all open vCPUs run at khz, before one has run; what CPUID
 * tells of frequencies stays.  A difference that KVM tolerates (250 ppm) is
 * none.  ENOTSUP: the host cannot scale to it, and nothing has changed.
 */
int vm_set_tsc_khz(struct vm *vm, uint32_t khz);

/* --- vCPUs ---------------------------------------------------------------- */

/* What waits to be delivered to a vCPU, and what keeps it from being so. */
struct vcpu_events {
	uint8_t exception_injected, exception_nr, exception_has_error;
	uint8_t exception_pending;
	uint32_t exception_error;
	uint8_t interrupt_injected, interrupt_nr, interrupt_soft;
	uint8_t interrupt_shadow; /* 1 MOV SS, 2 STI */
	uint8_t nmi_injected, nmi_pending, nmi_masked;
	uint8_t smm, smi_pending, smm_inside_nmi, init_latched;
	uint8_t zero;
	uint32_t sipi_vector;
};

#define VCPU_STATE_XSAVE 16384U /* AMX' tiles need 11 KiB */
#define VCPU_STATE_MSRS 512U

struct vcpu_state {
	struct vcpu_regs regs;
	struct vcpu_sregs sregs; /* with APIC base and EFER */
	struct vcpu_debugregs debug;
	struct vcpu_events events;
	bool has_xcr0;
	uint64_t xcr0;
	/* What its TSC is ahead of the first vCPU's by; vm_set_time(). */
	int64_t tsc_ahead;
	uint32_t xsave_len;
	uint32_t nmsrs;
	/* As vcpu_get_xsave() gives it; where the host has no XSAVE what FXSAVE
	 * stores, with a header. */
	uint8_t xsave[VCPU_STATE_XSAVE];
	struct vcpu_msr msr[VCPU_STATE_MSRS];
};

/*
 * All of a vCPU but what vm_get_chips() has: while it does not run, and its
 * last exit is answered (vcpu_complete()).  MSRs are those of vmm_msr_list()
 * that CPUID gives the guest; not in it are TSC and kvm-clock's time, which
 * struct vm_time has, and Hyper-V's, which no guest here is told of.
 */
int vcpu_get_state(struct vcpu *vcpu, struct vcpu_state *state);

struct vm_machine {
	const struct vcpu_state *const *vcpu; /* by id, for each open vCPU */
	uint32_t nvcpus;
	const void *chips; /* of vm_get_chips(); NULL: without VM_IRQCHIP */
	size_t chips_len;
	struct vm_time time;
};

/*
 * Puts all of it into this VM, in the order that KVM needs: registers, TSC,
 * chips, MSRs, timers, events; CPUID and memory are there before.  The clocks
 * show time then, and vm_set_time() is called once more right before the guest
 * runs.  While no vCPU runs.  EINVAL, ENOTSUP: this host refuses a part, which
 * why (VMM_REASON_MAX bytes; never NULL) names for a person; the VM is of no
 * use then.
 */
int vm_set_machine(struct vm *vm, const struct vm_machine *machine, char *why);

#endif /* VMM_MOVE_H */
