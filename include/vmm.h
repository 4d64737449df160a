/* SPDX-License-Identifier: ISC */
/*
 * libvmm: virtual machines on KVM, without a policy.  It never logs, never
 * exits, keeps no globals (a thread that runs with a deadline knows its vCPU)
 * and calls nobody back, but for what a call was given to call meanwhile.  Its
 * parts, included here: vmm_cpu.h, vmm_event.h, vmm_memory.h, vmm_move.h,
 * vmm_paging.h, vmm_reg.h, vmm_snapshot.h, vmm_state.h, vmm_stats.h; on their
 * own: vmm_dump.h, vmm_gdb.h, vmm_pptdev.h.
 *
 * Every function that returns int returns 0, or -1 with errno set, unless it
 * says otherwise; every function that returns a pointer returns NULL with
 * errno.
 *
 * Structures: one with a member size may grow, and a program that was built for
 * another one is told so (EINVAL).  All others are fixed as long as the symbols
 * of libvmm.so have the version VMM_0.1; a new exit has room in vm_exit's
 * union, which u.error makes larger than any needs.
 *
 * Threads: a vCPU is used by one thread at a time (vm_run, registers, reset);
 * vcpu_cancel(), vm_cancel_all(), vcpu_id() and all functions of a VM may be
 * called by any thread at any time between creation and destruction.
 * vm_create, vm_destroy, vcpu_open and vcpu_close need the VM for themselves.
 *
 * What a jail must allow, per phase, is listed in libvmm/kvm/kvm.h.
 */
#ifndef VMM_H
#define VMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm_cpu.h"
#include "vmm_event.h"
#include "vmm_memory.h"
#include "vmm_move.h"
#include "vmm_paging.h"
#include "vmm_reg.h"
#include "vmm_snapshot.h"
#include "vmm_state.h"
#include "vmm_stats.h"

struct vm;
struct vcpu;
struct vm_exit;

#define VMM_MAX_VCPUS 64
#define VMM_LOWMEM_END 0xC0000000ULL /* RAM below ends here at most */
#define VMM_HIGHMEM_START 0x100000000ULL /* and goes on here */
#define VMM_REASON_MAX 160
#define VMM_FIRST_MSI_ROUTE 24

/* --- the host ------------------------------------------------------------ */

/*
 * Opens the KVM device (NULL: /dev/kvm), close-on-exec.  Returns an owned
 * descriptor, or -1: ENOENT and ENODEV (no module), EACCES (no permission),
 * and as vmm_check().
 */
int vmm_open(const char *path);

/*
 * Whether a descriptor that somebody else opened is one of the KVM device, of
 * the interface's version 12.  Borrows fd.  ENOTTY: something else; EPROTO:
 * another version; EIO: a VM or a vCPU that another process made.
 */
int vmm_check(int fd);

/*
 * What to do about errno of vmm_open() or another function that takes a
 * descriptor: one sentence, static storage.
 */
const char *vmm_open_hint(int err);

struct vmm_probe {
	int api_version; /* 12 is the only one there is */
	bool usable; /* version and capabilities suffice */
	bool hardware_speed; /* guest kernel code is not emulated */
	uint32_t max_vcpus; /* per VM, at most VMM_MAX_VCPUS */
	uint64_t insn_picoseconds; /* measured, per kernel instruction */
	char reason[VMM_REASON_MAX]; /* one sentence for a person */
};

/*
 * Looks what KVM offers and measures, in a few milliseconds, how fast guest
 * kernel code runs.  Borrows kvm_fd.  -1 only when nothing could be asked; a
 * KVM that lacks something is 0 with usable false.
 */
int vmm_probe(int kvm_fd, struct vmm_probe *probe);

/*
 * The host's memory, and what of it programs could still get, in bytes (what
 * open VMs touched is gone from it).  The latter reads /proc/meminfo; where
 * that cannot be read it is less: only what is wholly unused.
 */
int vmm_get_mem_total(uint64_t *bytes);
int vmm_get_mem_free(uint64_t *bytes);

/*
 * Installs the handler, without SA_RESTART, that a cancel and a deadline need
 * for their signal; signo 0 means SIGRTMIN.  Once per process, before the first
 * vm_run(); the threads that run vCPUs must not block that signal.
 */
int vmm_cancel_signal_init(int signo);

/* --- VMs ----------------------------------------------------------------- */

#define VM_IRQCHIP 0x1U /* PIC, IOAPIC and LAPICs in the kernel */
#define VM_PIT 0x2U /* the PIT too; needs VM_IRQCHIP */
#define VM_ACTIVATE 0x4U /* vCPUs run after vm_activate_cpu() only */

struct vm_params {
	size_t size; /* sizeof(struct vm_params) */
	uint64_t memory_bytes; /* RAM, page multiple; 0: none yet */
	uint32_t ncpus; /* vCPUs that will be opened, 1..VMM_MAX_VCPUS */
	uint32_t flags; /* VM_* */
	int cancel_signal; /* 0: SIGRTMIN */
	uint32_t tsc_khz; /* for the guest's CPUID; 0: as the host has it */
};

/*
 * Makes a VM and, with memory_bytes, its RAM (the fastest moment to do so).
 * Borrows kvm_fd for the call only: no later function needs it.  KVM serves
 * a VM in the process that made it and in no other.  EINVAL: params.
 */
int vm_create(int kvm_fd, const struct vm_params *params, struct vm **vmp);

/*
 * The same for a VM that this process made by other means: takes vm_fd, after
 * success only.  It has no memory yet; chips and vCPUs it may have, and
 * vcpu_open_fd() takes those.  ENOTTY: vm_fd is something else; EIO: another
 * process made it, and KVM would refuse every call here.
 */
int vm_open(
    int kvm_fd, int vm_fd, const struct vm_params *params, struct vm **vmp);

/* Takes the VM: closes its vCPUs, devices and memory.  NULL is allowed. */
void vm_destroy(struct vm *vm);

/*
 * Puts the chips that the kernel has (PIC, IOAPIC, PIT) into their power-up
 * state; for a guest reset together with vcpu_reset() of every vCPU, while
 * none runs.  Interrupt routes stay.
 */
int vm_reset_chips(struct vm *vm);

/* The time of the guest's kvm-clock in ns; set it while no vCPU runs. */
int vm_clock_get(struct vm *vm, uint64_t *ns);
int vm_clock_set(struct vm *vm, uint64_t ns);

/* --- memory -------------------------------------------------------------- */

#define VMM_PROT_READ 0x1
#define VMM_PROT_WRITE 0x2
#define VMM_PROT_EXEC 0x4
#define VMM_PROT_ALL (VMM_PROT_READ | VMM_PROT_WRITE | VMM_PROT_EXEC)

struct vm_memseg {
	uint64_t gpa;
	uint64_t len;
	uint64_t offset; /* in the descriptor of vm_memory_fd() */
};

/*
 * Makes the RAM: one sealed memfd of bytes bytes, mapped at 0 up to
 * VMM_LOWMEM_END and the rest at VMM_HIGHMEM_START, left out of core files.
 * vm_create() does this for memory_bytes.  EEXIST: there is RAM already.
 */
int vm_setup_memory(struct vm *vm, uint64_t bytes);

/* The memfd of the RAM (borrowed), or -1 with ENOENT. */
int vm_memory_fd(struct vm *vm);

/* Fills at most max entries of segs with the RAM's layout; returns how many. */
int vm_memory_layout(struct vm *vm, struct vm_memseg *segs, int max);

/*
 * Backs the RAM in [gpa, gpa+len) with large pages (2 MiB), now: as far as
 * whole ones lie inside.  For what is going to be filled anyway (kernel,
 * initrd, where a kernel allocates first): the host then has 500 times fewer
 * page faults and the guest's page walks are shorter.  What is there stays.
 * Costs the memory at once.  ENOTSUP: not with this kernel (before 6.1);
 * ENOMEM: no large page free; EAGAIN: somebody uses a page of it just now.  The
 * range works as well without.
 */
int vm_memory_large(struct vm *vm, uint64_t gpa, uint64_t len);

/*
 * Maps len bytes of fd from off (fd -1: fresh zeroed memory) at gpa.  Borrows
 * fd.  Without VMM_PROT_WRITE a guest's write is a VM_EXIT_ACCESS, and of a
 * real fd the host's view is read-only too; VMM_PROT_READ must be there, and
 * VMM_PROT_EXEC is only noted, as KVM forbids no execution.  EINVAL: gpa, len
 * or off not page aligned, or out of range; EEXIST: overlap; ENOSPC: no slot
 * left.
 */
int vm_map_memory(
    struct vm *vm, uint64_t gpa, uint64_t len, int fd, uint64_t off, int prot);

/*
 * Unmaps what one vm_map_memory() mapped; exactly that gpa and len, else
 * ENOENT.  Pointers of vm_map_gpa() into it die.
 */
int vm_unmap_memory(struct vm *vm, uint64_t gpa, uint64_t len);

/*
 * The host address of guest memory (borrowed until unmapped); NULL with
 * EFAULT unless [gpa, gpa+len) is wholly inside one region.  The guest may
 * change what is there at any time: read once, then check.
 */
void *vm_map_gpa(struct vm *vm, uint64_t gpa, size_t len);

/*
 * Copy from host to guest (in) or guest to host (out) by guest physical
 * address, across regions.  EFAULT: not all of it is memory, nothing is
 * copied; EACCES: copyin to a read-only file mapping.
 */
int vm_copyin(struct vm *vm, const void *src, uint64_t gpa, size_t len);
int vm_copyout(struct vm *vm, uint64_t gpa, void *dst, size_t len);

/*
 * Notes which pages of the RAM the guest and vm_copyin() write.  What this
 * process writes otherwise (vm_map_gpa()) is not noted, and a page that was
 * only read may be.  ENOENT: there is no RAM; EBUSY: a snapshot has the log.
 */
int vm_dirty_enable(struct vm *vm, bool on);

/*
 * Fills bitmap with the pages written since the last call and forgets them:
 * bit n of word w is page w * 64 + n of the part of the RAM that starts at
 * exactly gpa (vm_memory_layout()).  ENOENT: none, or not enabled; ENOBUFS:
 * fewer words than its pages need.
 */
int vm_dirty_get(struct vm *vm, uint64_t gpa, uint64_t *bitmap, size_t words);

/* --- interrupts (VM_IRQCHIP) --------------------------------------------- */

/* Sets the level of a line; gsi 0..23. */
int vm_irq_line(struct vm *vm, uint32_t gsi, bool level);

/* Sends one message signalled interrupt.  A masked one is no error. */
int vm_raise_msi(struct vm *vm, uint64_t addr, uint32_t data);

/*
 * A write to eventfd fd raises line gsi; edge if resample_fd is -1, else a
 * level that the guest's EOI takes down and announces on resample_fd.
 * Borrows both.  EBUSY: fd is bound already.
 */
int vm_irqfd_add(struct vm *vm, int fd, uint32_t gsi, int resample_fd);

/* The same for an MSI: allocates *route, which _update changes in place. */
int vm_irqfd_msi(
    struct vm *vm, int fd, uint64_t addr, uint32_t data, uint32_t *route);
int vm_irqfd_update(
    struct vm *vm, uint32_t route, uint64_t addr, uint32_t data);

/* Unbinds fd from a route or a gsi; an MSI route is free again. */
int vm_irqfd_remove(struct vm *vm, int fd, uint32_t route);

#define VMM_PIO 0
#define VMM_MMIO 1

/* A write by the guest that becomes a count on an eventfd and no exit. */
struct vm_ioevent {
	int space; /* VMM_PIO or VMM_MMIO */
	uint64_t addr;
	uint32_t len; /* 1, 2, 4, 8; 0: any, and then no match */
	bool match; /* only when the value written is datamatch */
	uint64_t datamatch;
};

/* Borrows fd.  _del names the same event and fd. */
int vm_ioeventfd_add(struct vm *vm, int fd, const struct vm_ioevent *event);
int vm_ioeventfd_del(struct vm *vm, int fd, const struct vm_ioevent *event);

/* --- vCPUs --------------------------------------------------------------- */

/*
 * Opens vCPU id (0 is the boot processor), in its power-up state, its CPUID
 * set by the policy (libvmm/cpuid.c).  The vCPU is owned by the VM;
 * vcpu_close() ends it earlier.  EINVAL: id >= ncpus; EEXIST.
 */
int vcpu_open(struct vm *vm, uint32_t id, struct vcpu **vcpup);

/*
 * The same for vCPU id of this VM that this process made by other means and
 * that has not run: takes fd, after success only.  Its registers stay.  Which
 * VM a vCPU belongs to KVM does not tell.  Errors as of vm_open().
 */
int vcpu_open_fd(struct vm *vm, uint32_t id, int fd, struct vcpu **vcpup);
void vcpu_close(struct vcpu *vcpu);
uint32_t vcpu_id(const struct vcpu *vcpu);

/*
 * The full power-up state (SDM 3, table 10-1): general, segment, control,
 * debug registers, XCR0, FPU and vector state, MSRs with MTRRs, PAT and TSC,
 * LAPIC, pending events; id 0 runnable, the others waiting for INIT and SIPI.
 * While it does not run; the last exit needs no answer.
 */
int vcpu_reset(struct vcpu *vcpu);

/* Gives the guest the CPUID of the policy; vcpu_open() does it. */
int vcpu_set_cpuid(struct vcpu *vcpu);

/*
 * Registers of a vCPU that does not run, in the caller's thread.  An exit that
 * has not been answered (vcpu_complete()) is so only by the next run, and then
 * changes the registers that were set.
 */
int vcpu_get_regs(struct vcpu *vcpu, struct vcpu_regs *regs);
int vcpu_set_regs(struct vcpu *vcpu, const struct vcpu_regs *regs);
int vcpu_get_sregs(struct vcpu *vcpu, struct vcpu_sregs *sregs);
int vcpu_set_sregs(struct vcpu *vcpu, const struct vcpu_sregs *sregs);

/* EINVAL: no such MSR, or a value that it refuses. */
int vcpu_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value);
int vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);

/*
 * The x87 and SSE registers.  EINVAL: mxcsr has a bit that the CPU refuses;
 * nothing is written then.
 */
int vcpu_get_fpu(struct vcpu *vcpu, struct vcpu_fpu *fpu);
int vcpu_set_fpu(struct vcpu *vcpu, const struct vcpu_fpu *fpu);

/*
 * What the vCPU shall exit for with VM_EXIT_DEBUG; it stays until it is set
 * again.  Set registers before, not after, when a step follows.  While a point
 * is set the guest's own debug registers do nothing; with _INT3 the guest's
 * own INT3 exits, too, and vm_inject_event(VM_HW_EXCEPTION, 3) right after
 * that exit gives it to the guest.  mtrap_exit is VCPU_DEBUG_STEP.  EINVAL:
 * no such flag, kind or len, addr not a multiple of len.
 */
int vcpu_set_debug(struct vcpu *vcpu, const struct vcpu_debug *debug);
int vcpu_get_debug(struct vcpu *vcpu, struct vcpu_debug *debug);

/* One register (enum vm_reg_name); EINVAL: not a register of that kind. */
int vm_get_register(struct vcpu *vcpu, int reg, uint64_t *value);
int vm_set_register(struct vcpu *vcpu, int reg, uint64_t value);

/*
 * Several registers, each kind of them read and written once.  EINVAL: one is
 * not a register of that kind, or there is none; nothing is written then.
 */
int vm_get_register_set(
    struct vcpu *vcpu, unsigned int count, const int *regs, uint64_t *values);
int vm_set_register_set(struct vcpu *vcpu, unsigned int count, const int *regs,
    const uint64_t *values);

/* Base, limit, access of a segment, LDTR, TR, GDTR, IDTR (access 0). */
int vm_get_desc(struct vcpu *vcpu, int reg, uint64_t *base, uint32_t *limit,
    uint32_t *access);
int vm_set_desc(
    struct vcpu *vcpu, int reg, uint64_t base, uint32_t limit, uint32_t access);

/*
 * Binds the calling thread, which is the one that runs the vCPU, to a host
 * CPU; -1 gives it back the CPUs that it had before.  EINVAL: no such CPU.
 */
int vm_set_pinning(struct vcpu *vcpu, int host_cpu);
int vm_get_pinning(struct vcpu *vcpu, int *host_cpu);

/* Tells the guest that it was stopped, so that its watchdogs keep quiet. */
int vcpu_clock_paused(struct vcpu *vcpu);

/* --- capabilities -------------------------------------------------------- */

enum vm_cap_type {
	VM_CAP_HALT_EXIT, /* "hlt_exit": 1 without VM_IRQCHIP, else 0 */
	VM_CAP_MTRAP_EXIT, /* "mtrap_exit": VM_EXIT_DEBUG per instruction */
	VM_CAP_PAUSE_EXIT, /* "pause_exit": 0 */
	VM_CAP_UNRESTRICTED_GUEST, /* "unrestricted_guest": of the host */
	VM_CAP_MAX
};

/* EINVAL (-1, NULL): no such name, no such type.  Names are static. */
int vm_capability_name2type(const char *name);
const char *vm_capability_type2name(enum vm_cap_type type);

/*
 * In the vCPU's thread.  Only mtrap_exit can be changed; another one takes
 * the value that it has.  ENOTSUP: it cannot be changed to that, or the host
 * does not say (unrestricted_guest reads /sys); EINVAL: value is not 0 or 1.
 */
int vm_get_capability(struct vcpu *vcpu, enum vm_cap_type type, int *value);
int vm_set_capability(struct vcpu *vcpu, enum vm_cap_type type, int value);

/* --- running ------------------------------------------------------------- */

enum vm_exit_reason {
	VM_EXIT_CANCELLED, /* vcpu_cancel(); the guest is unaware */
	VM_EXIT_PIO, /* u.pio */
	VM_EXIT_MMIO, /* u.mmio */
	VM_EXIT_HLT, /* only without VM_IRQCHIP */
	VM_EXIT_SHUTDOWN, /* triple fault */
	VM_EXIT_SYSTEM_EVENT, /* u.event */
	VM_EXIT_DEBUG, /* u.debug */
	VM_EXIT_IRQ_WINDOW, /* an interrupt can be injected */
	VM_EXIT_INTERNAL_ERROR, /* u.error: what KVM could not emulate */
	VM_EXIT_FAIL_ENTRY, /* u.entry: the CPU refused the state */
	VM_EXIT_DEADLINE, /* vm_run_until(); the guest is unaware */
	VM_EXIT_ACCESS, /* u.access: its region forbids it */
	VM_EXIT_SUSPENDED, /* u.suspended: the vCPU may not run now */
	VM_EXIT_UNKNOWN, /* u.unknown */
	VM_EXIT_MAX
};

struct vm_exit {
	enum vm_exit_reason reason;
	union {
		struct {
			uint16_t port;
			uint8_t size; /* 1, 2 or 4 bytes per access */
			bool write;
			uint32_t count; /* accesses, of a string instruction */
			uint8_t *data; /* size * count bytes */
		} pio;
		struct {
			uint64_t gpa;
			uint32_t len; /* 1..8 */
			bool write;
			uint8_t *data; /* 8 bytes, of which len count */
		} mmio;
		struct {
			uint64_t gpa;
			uint32_t len; /* 1..8 */
			int attempted; /* one VMM_PROT_*: WRITE */
			int allowed; /* the region's VMM_PROT_* */
			uint8_t *data; /* 8 bytes, of which len count */
		} access;
		struct {
			int how; /* enum vm_suspend_how */
		} suspended;
		struct {
			uint32_t type; /* 1 shutdown, 2 reset, 3 crash */
			uint64_t flags;
		} event;
		struct {
			uint32_t exception;
			uint64_t pc, dr6, dr7;
		} debug;
		struct {
			uint32_t suberror;
			uint32_t ndata;
			uint64_t data[16];
		} error;
		struct {
			uint64_t hardware_reason;
			uint32_t cpu;
		} entry;
		struct {
			uint32_t number; /* the backend's own */
		} unknown;
	} u;
};

/*
 * Runs the vCPU in the calling thread until an exit.  The data of a PIO or
 * MMIO exit is borrowed until the next vm_run(): a write's value is there,
 * a read's answer is put there and taken by the next vm_run() or
 * vcpu_complete().  A signal that is not a cancel does not end the run.
 */
int vm_run(struct vcpu *vcpu, struct vm_exit *exit);

/*
 * As vm_run(), but ends with VM_EXIT_DEADLINE at deadline_ns, absolute and in
 * ns of CLOCK_MONOTONIC; at once when that is past.  An exit that is there
 * first is returned, and a deadline never ends a later run.  It comes by the
 * signal of a cancel, whose handler vmm_cancel_signal_init() must have
 * installed.  Two system calls more than vm_run().  EAGAIN: no timer left.
 */
int vm_run_until(struct vcpu *vcpu, struct vm_exit *exit, uint64_t deadline_ns);

/*
 * As vm_run(), but runs no guest code: it only takes the answer of the last
 * exit, so that the registers are whole (for pause and saving).  The reason
 * is VM_EXIT_CANCELLED when nothing is left; any other exit is to be handled
 * as one of vm_run()'s and vcpu_complete() called again.
 */
int vcpu_complete(struct vcpu *vcpu, struct vm_exit *exit);

/*
 * Ends the run in progress, or the very next one, with VM_EXIT_CANCELLED;
 * never a later one.  Any thread, also from a signal handler.  The thread
 * that last ran the vCPU must not be joined while this is in progress.
 */
int vcpu_cancel(struct vcpu *vcpu);
int vm_cancel_all(struct vm *vm);

/* "port I/O" and so on, for messages; static storage. */
const char *vm_exit_name(enum vm_exit_reason reason);

#endif /* VMM_H */
