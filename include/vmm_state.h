/* SPDX-License-Identifier: ISC */
/*
 * State of a vCPU and of the chips beyond registers by name: debug registers,
 * the XSAVE area, sets of MSRs, the chips whole, and the devices that libvmmapi
 * has in its kernel and KVM has not.  Included by vmm.h.
 */
#ifndef VMM_STATE_H
#define VMM_STATE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct vm;
struct vcpu;

/* --- of a vCPU, in its thread -------------------------------------------- */

struct vcpu_debugregs {
	uint64_t db[4], dr6, dr7;
};

int vcpu_get_debugregs(struct vcpu *vcpu, struct vcpu_debugregs *regs);
int vcpu_set_debugregs(struct vcpu *vcpu, const struct vcpu_debugregs *regs);

/*
 * The XSAVE area in its standard format (SDM 1, 13.4): x87, SSE and whatever
 * else XCR0 may switch on.  *len is the room in area and becomes the size,
 * which is the same for all vCPUs of a VM; area NULL asks for it only.
 * ENOBUFS: too little room.  _set takes exactly that size; EINVAL: another
 * one, or a state that the CPU does not have.
 */
int vcpu_get_xsave(struct vcpu *vcpu, void *area, size_t *len);
int vcpu_set_xsave(struct vcpu *vcpu, const void *area, size_t len);

/* An extended control register; 0 is XCR0.  EINVAL: no such, or its value. */
int vcpu_get_xcr(struct vcpu *vcpu, uint32_t index, uint64_t *value);
int vcpu_set_xcr(struct vcpu *vcpu, uint32_t index, uint64_t value);

struct vcpu_msr {
	uint32_t index;
	uint64_t value;
};

/*
 * Several MSRs in one call, in their order.  Return how many were read or
 * written: fewer than count, and msrs[that many] was refused.
 */
int vcpu_get_msrs(struct vcpu *vcpu, struct vcpu_msr *msrs, uint32_t count);
int vcpu_set_msrs(
    struct vcpu *vcpu, const struct vcpu_msr *msrs, uint32_t count);

/*
 * The MSRs that make up the state of a vCPU on this host: fills at most max of
 * indices and returns how many there are.  Borrows kvm_fd.
 */
int vmm_msr_list(int kvm_fd, uint32_t *indices, uint32_t max);

/* --- of the chips --------------------------------------------------------- */

/*
 * PICs, IOAPIC, PIT, each vCPU's LAPIC and the clock, as they are, for this
 * or a later libvmm on a host of the same kind: what they are begins with its
 * version and length.  While no vCPU runs.  *len is the room
 * in chips and becomes the size; chips NULL asks for it only.  ENOBUFS: too
 * little room; ENXIO: VM without VM_IRQCHIP.
 */
int vm_get_chips(struct vm *vm, void *chips, size_t *len);

/*
 * Puts them back, after the vCPUs' registers (APIC base, TSC); the clock stays
 * as it is until vm_restore_time().  EINVAL: not made by vm_get_chips() of a
 * VM with the same flags and vCPUs.  What KVM refuses midway is not undone.
 */
int vm_set_chips(struct vm *vm, const void *chips, size_t len);

/*
 * Sets the guest's kvm-clock to the time of the last vm_set_chips(), and tells
 * each vCPU that it was stopped.  While no vCPU runs.  ENOENT: there was none.
 */
int vm_restore_time(struct vm *vm);

/* --- what KVM does not have ---------------------------------------------- */

/*
 * KVM has neither RTC nor HPET; a program that uses libvmm has its own.  All
 * of these fail with ENOTSUP.
 */
int vm_rtc_write(struct vm *vm, int offset, uint8_t value);
int vm_rtc_read(struct vm *vm, int offset, uint8_t *value);
int vm_rtc_settime(struct vm *vm, time_t secs);
int vm_rtc_gettime(struct vm *vm, time_t *secs);
int vm_get_hpet_capabilities(struct vm *vm, uint32_t *capabilities);

#endif /* VMM_STATE_H */
