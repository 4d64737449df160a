/* SPDX-License-Identifier: ISC */
/*
 * Statistics of libvmm: counters of a VM and of its vCPUs, those that the
 * hypervisor keeps (KVM's binary statistics) and libvmm's own, each with a
 * name, a unit and a kind.  Included by vmm.h.
 */
#ifndef VMM_STATS_H
#define VMM_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct vm;
struct vcpu;

#define VM_STAT_NAME_MAX 63

enum vm_stat_kind {
	VM_STAT_CUMULATIVE, /* grows */
	VM_STAT_INSTANT, /* goes up and down */
	VM_STAT_PEAK, /* the highest there was */
	VM_STAT_LINEAR_HIST, /* values per bucket of equal size */
	VM_STAT_LOG_HIST /* bucket n: 2^(n-1) up to 2^n */
};

enum vm_stat_unit {
	VM_STAT_COUNT,
	VM_STAT_BYTES,
	VM_STAT_SECONDS,
	VM_STAT_CYCLES,
	VM_STAT_BOOLEAN
};

/* One counter.  A value v of it is v * base^exponent units. */
struct vm_stat_desc {
	size_t size; /* sizeof(struct vm_stat_desc), set by the caller */
	char name[VM_STAT_NAME_MAX + 1]; /* libvmm's own: "vmm_..." */
	enum vm_stat_kind kind;
	enum vm_stat_unit unit;
	uint32_t base; /* 10 or 2 */
	int32_t exponent; /* nanoseconds: base 10, exponent -9 */
	uint32_t bucket; /* of VM_STAT_LINEAR_HIST: its size */
	uint32_t first; /* index of its first value in vm_get_stats() */
	uint32_t values; /* 1, or the buckets of a histogram */
};

/*
 * Describes counter index (from 0) of the VM as a whole (vcpu NULL) or of a
 * vCPU; all vCPUs of a VM have the same, and they stay the same.  Any thread.
 * ENOENT: there are fewer; EINVAL: desc->size.
 */
int vm_get_stat_desc(struct vm *vm, struct vcpu *vcpu, unsigned int index,
    struct vm_stat_desc *desc);

/*
 * Takes the counters of the VM (vcpu NULL) or of a vCPU, while vCPUs run: at
 * most max values into values, in the order of vm_stat_desc.first, and, when
 * not NULL, the time (CLOCK_MONOTONIC).  Returns how many values there are,
 * which may be more than max, or -1.  Any thread.
 *
 * It reads from descriptors that vm_create() and vcpu_open() have opened.  A
 * host whose KVM has no statistics (Linux before 5.14) leaves libvmm's own.
 * EPROTO: KVM describes them as no version of it does.
 */
int vm_get_stats(struct vm *vm, struct vcpu *vcpu, struct timespec *when,
    uint64_t *values, size_t max);

/*
 * Whether libvmm measures vmm_guest_time, the time inside vm_run() (a halt in
 * the kernel included), and vmm_host_time, the time between runs.  Off at
 * first, for it reads the clock twice per exit, some 50 ns.  Takes effect at
 * the next vm_run().  Any thread.
 */
void vm_stats_time(struct vm *vm, bool on);

#endif /* VMM_STATS_H */
