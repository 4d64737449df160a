/* SPDX-License-Identifier: ISC */
/*
 * The KVM backend's own state and functions; no file outside this folder
 * knows KVM's interface.
 *
 * System calls, for the jail of a process that runs a VM.  KVM serves a VM
 * only in the process that created it, so all of setup happens there too, on
 * a /dev/kvm descriptor that somebody else opened.
 *
 * Setup (vm_create, vm_setup_memory, vm_map_memory, vcpu_open):
 *	memfd_create, ftruncate, fcntl(F_ADD_SEALS), fstat (vm_map_memory of a
 *	descriptor), mmap, munmap, madvise(MADV_DONTDUMP;
 *	MADV_COLLAPSE of vm_memory_large), close, brk (malloc)
 *	ioctl on /dev/kvm: KVM_CREATE_VM KVM_GET_SUPPORTED_CPUID
 *	    KVM_GET_VCPU_MMAP_SIZE; vmm_open(), vmm_check() and vmm_probe()
 *	    KVM_GET_API_VERSION; vmm_probe() KVM_CHECK_EXTENSION;
 *	    vm_create() and vmm_msr_list() KVM_GET_MSR_INDEX_LIST
 *	ioctl on the VM: KVM_SET_TSS_ADDR KVM_SET_IDENTITY_MAP_ADDR
 *	    KVM_SET_USER_MEMORY_REGION KVM_CREATE_IRQCHIP KVM_CREATE_PIT2
 *	    KVM_CREATE_VCPU KVM_GET_STATS_FD; vm_open() KVM_GET_CLOCK
 *	ioctl on a vCPU: KVM_SET_CPUID2 KVM_GET_TSC_KHZ (KVM_SET_TSC_KHZ)
 *	    KVM_GET_STATS_FD; vcpu_open_fd() KVM_GET_MP_STATE
 *
 * State (registers, reset, clock; the thread that owns the vCPU):
 *	ioctl on a vCPU: KVM_GET_REGS KVM_SET_REGS KVM_GET_SREGS KVM_SET_SREGS
 *	    KVM_GET_DEBUGREGS KVM_SET_DEBUGREGS KVM_SET_XCRS KVM_SET_XSAVE
 *	    KVM_GET_MSRS KVM_SET_MSRS KVM_GET_LAPIC KVM_SET_LAPIC
 *	    KVM_SET_VCPU_EVENTS KVM_SET_MP_STATE KVM_KVMCLOCK_CTRL
 *	    and for vm_inject_event() KVM_GET_VCPU_EVENTS KVM_NMI,
 *	    for vcpu_get_xsave() and its like KVM_GET_XSAVE KVM_GET_XSAVE2
 *	    KVM_GET_XCRS and KVM_CHECK_EXTENSION on the VM,
 *	    for vm_get_chips() KVM_GET_MP_STATE,
 *	    for vcpu_set_debug() and vm_set_capability() KVM_SET_GUEST_DEBUG,
 *	    for vcpu_get_fpu() and vcpu_set_fpu() KVM_GET_XSAVE,
 *	    for vcpu_get_state() and vm_set_machine() all of these; with them
 *	    and for vm_get_time() and vm_set_time() KVM_HAS_DEVICE_ATTR
 *	    KVM_GET_DEVICE_ATTR KVM_SET_DEVICE_ATTR (of a vCPU's TSC),
 *	    for vm_set_tsc_khz() KVM_GET_TSC_KHZ KVM_SET_TSC_KHZ and, on the VM,
 *	    KVM_CHECK_EXTENSION
 *	ioctl on the VM: KVM_GET_IRQCHIP KVM_SET_IRQCHIP KVM_SET_PIT2
 *	    KVM_GET_CLOCK KVM_SET_CLOCK; vm_get_chips() KVM_GET_PIT2
 *
 * Run, a vCPU's thread (vm_run, vcpu_complete):
 *	ioctl on a vCPU: KVM_RUN; rt_sigreturn (the signal of a cancel)
 *
 *	for vm_run_until() also gettid timer_create timer_settime, and for
 *	vcpu_close() then timer_delete
 *
 * Run, any thread (vcpu_cancel, vm_suspend): rt_sigprocmask getpid tgkill
 * Run, any thread (interrupts, notifications, regions):
 *	ioctl on the VM: KVM_IRQ_LINE KVM_SIGNAL_MSI KVM_IRQFD
 *	    KVM_SET_GSI_ROUTING KVM_IOEVENTFD KVM_SET_USER_MEMORY_REGION
 *	for vm_dirty_get() KVM_GET_DIRTY_LOG
 *	futex (the VM's lock), brk mmap munmap (malloc), and for
 *	    vm_map_memory() what setup lists for it
 *
 * Statistics, any thread: pread (and malloc)
 *
 * Only by these: sched_getaffinity sched_setaffinity (vm_set_pinning), sysinfo
 *	openat read (vmm_get_mem_free), openat read access (vm_get_capability),
 *	mlock munlock madvise (vm_set_memflags), mbind (vm_set_memory_domain),
 *	lseek (vm_snapshot_take)
 *
 * Only by vm_dump(), any thread: KVM_GET_REGS KVM_GET_SREGS KVM_GET_MSRS
 *	KVM_GET_XSAVE KVM_GET_XSAVE2 KVM_GET_XCRS on the vCPUs, on the VM
 *	KVM_CHECK_EXTENSION; fstat ftruncate pwrite64 or write on the dump's
 *	descriptor; lseek on the RAM's; brk mmap munmap (malloc)
 *
 * Devices of the host (vmm_pptdev.h): ioctl on the VM: KVM_CREATE_DEVICE; on
 *	what it makes: KVM_SET_DEVICE_ATTR; the rest is in libvmm/vfio/pptdev.h
 *
 * End (vm_destroy): munmap, close
 */
#ifndef KVM_H
#define KVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm.h"

struct cpuid_set;
struct kvm_run;
struct kvm_stats_header;
struct memmap_region;
struct route_table;
struct vcpu_debugregs;
struct stats_table;
struct vcpu_events;
struct vmm_event;

/*
 * Pages that VMX needs for real mode, in the hole below 4 GiB where neither
 * RAM nor devices nor firmware are.
 */
#define KVM_IDENTITY_PAGE 0xfeffc000ULL
#define KVM_TSS_PAGES 0xfeffd000ULL

struct kvm_vm {
	int fd;
	size_t run_size; /* of the shared page(s) of a vCPU */
	int vfio_fd; /* KVM's pseudo device for groups; -1: not made */
	int stats_fd; /* owned; see kvm_stats_open() */
	uint32_t stats_offset[2]; /* of the values: the VM's, a vCPU's */
};

struct kvm_vcpu {
	int fd;
	struct kvm_run *run; /* shared with the kernel */
	size_t run_size;
	int stats_fd; /* owned; see kvm_stats_open() */
	/* Asked for once: KVM answers only while the vCPU does not run. */
	bool tsc_known;
	uint32_t tsc_khz;
};

/* The rows of vmm_backend_kvm; contracts in ../backend.h. */
int kvm_host_probe(int fd, struct vmm_probe *probe);
int kvm_host_check(int fd);
int kvm_vm_create(struct vm *vm, int fd, int vm_fd);
void kvm_vm_destroy(struct vm *vm, bool close_fd);
int kvm_vm_make_chips(struct vm *vm);
int kvm_vm_reset_chips(struct vm *vm);
int kvm_vm_clock_get(struct vm *vm, uint64_t *ns);
int kvm_vm_clock_set(struct vm *vm, uint64_t ns);
int kvm_slot_set(struct vm *vm, const struct memmap_region *region);
int kvm_slot_clear(struct vm *vm, const struct memmap_region *region);
int kvm_slot_dirty_get(
    struct vm *vm, const struct memmap_region *region, uint64_t *bitmap);
int kvm_irq_line(struct vm *vm, uint32_t gsi, bool level);
int kvm_irq_trigger(struct vm *vm, uint32_t irq, bool level);
int kvm_irq_msi(struct vm *vm, uint64_t addr, uint32_t data);
int kvm_irq_irqfd(
    struct vm *vm, int fd, uint32_t gsi, int resample_fd, bool add);
int kvm_irq_routes_set(struct vm *vm, const struct route_table *routes);
int kvm_irq_ioeventfd(
    struct vm *vm, int fd, const struct vm_ioevent *event, bool add);
int kvm_vfio_group(struct vm *vm, int group_fd, bool add);
int kvm_vcpu_open(struct vcpu *vcpu, int fd);
void kvm_vcpu_close(struct vcpu *vcpu, bool close_fd);
int kvm_run_vcpu(struct vcpu *vcpu, struct vm_exit *exit);
int kvm_run_complete(struct vcpu *vcpu, struct vm_exit *exit);
void kvm_run_kick(struct vcpu *vcpu);
int kvm_reset_vcpu(struct vcpu *vcpu);
int kvm_cpuid_get(int fd, struct cpuid_set *set);
int kvm_cpuid_set(struct vcpu *vcpu, const struct cpuid_set *set);
int kvm_tsc_khz(struct vcpu *vcpu, uint32_t *khz);
int kvm_tsc_set_khz(struct vcpu *vcpu, uint32_t khz);
int kvm_tsc_get_offset(struct vcpu *vcpu, uint64_t *offset);
int kvm_tsc_set_offset(struct vcpu *vcpu, uint64_t offset);
int kvm_state_get_regs(struct vcpu *vcpu, struct vcpu_regs *regs);
int kvm_state_set_regs(struct vcpu *vcpu, const struct vcpu_regs *regs);
int kvm_state_get_sregs(struct vcpu *vcpu, struct vcpu_sregs *sregs);
int kvm_state_set_sregs(struct vcpu *vcpu, const struct vcpu_sregs *sregs);
int kvm_state_get_debugregs(struct vcpu *vcpu, struct vcpu_debugregs *regs);
int kvm_state_set_debugregs(
    struct vcpu *vcpu, const struct vcpu_debugregs *regs);
int kvm_state_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value);
int kvm_state_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);
int kvm_event_get_lapic(struct vcpu *vcpu, size_t reg, uint32_t *value);
int kvm_event_inject(struct vcpu *vcpu, const struct vmm_event *event);
int kvm_debug_set(struct vcpu *vcpu, const struct vcpu_debug *debug);
int kvm_fpu_get(struct vcpu *vcpu, struct vcpu_fpu *fpu);
int kvm_fpu_set(struct vcpu *vcpu, const struct vcpu_fpu *fpu);
int kvm_vcpu_clock_paused(struct vcpu *vcpu);
int kvm_xstate_size(struct vcpu *vcpu, size_t *len);
int kvm_xstate_get(struct vcpu *vcpu, void *area, size_t len);
int kvm_xstate_set(struct vcpu *vcpu, const void *area);
int kvm_xstate_get_xcr(struct vcpu *vcpu, uint32_t index, uint64_t *value);
int kvm_xstate_set_xcr(struct vcpu *vcpu, uint32_t index, uint64_t value);
int kvm_xstate_msr_list(int fd, uint32_t *indices, uint32_t max);
int kvm_xstate_get_msrs(
    struct vcpu *vcpu, struct vcpu_msr *msrs, uint32_t count);
int kvm_xstate_set_msrs(
    struct vcpu *vcpu, const struct vcpu_msr *msrs, uint32_t count);
uint32_t kvm_reset_msrs(struct vcpu_msr *msrs, uint32_t max);
int kvm_event_get(struct vcpu *vcpu, struct vcpu_events *events);
int kvm_event_set(struct vcpu *vcpu, const struct vcpu_events *events);
size_t kvm_chips_size(struct vm *vm);
int kvm_chips_get(struct vm *vm, void *chips);
int kvm_chips_set(
    struct vm *vm, const void *chips, size_t len, uint64_t *clock);
int kvm_stats_describe(
    struct vm *vm, struct vcpu *vcpu, struct stats_table *table);
int kvm_stats_read(
    struct vm *vm, struct vcpu *vcpu, uint64_t *values, size_t n);

/*
 * The descriptor of the statistics of a VM or a vCPU, by its own; returns
 * owned.  A KVM without statistics is no failure: then it is a negative number
 * other than -1.  Of a vCPU before it runs: the request waits for its run.
 */
int kvm_stats_open(int fd);
/* Takes it. */
void kvm_stats_close(int fd);
/* Adds the descriptions in the len bytes of block to the table, their values
 * behind those that are there.  EPROTO: they cannot be true. */
int kvm_stats_parse(const struct kvm_stats_header *h, const void *block,
    size_t len, struct stats_table *table);

/* The KVM descriptors of the two handles. */
int kvm_vm_fd(const struct vm *vm);
int kvm_vcpu_fd(const struct vcpu *vcpu);

#endif /* KVM_H */
