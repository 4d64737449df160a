/* SPDX-License-Identifier: ISC */
/*
 * Rows of the vm process: the KVM requests libvmm makes, by number.  Its
 * spawners never make one; their filters let the whole KVM group by, so that
 * a guest's exits pass one short test there and the exact list here.
 */
#include "jail/table.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

#define KVM(phase_, request_, reason_) \
	ROW_LEAF(V, phase_, ioctl, reason_, ARG_INT(1, request_))
#define IOCTL_GROUP_MASK 0xff00ULL

static const struct jail_row rows[] = {
	ROW_IF(SPAWNERS, RUN, ioctl, "KVM requests of the vm below",
	    ARG_BITS(1, IOCTL_GROUP_MASK, KVMIO << 8)),

	/* The device. */
	KVM(SETUP, KVM_GET_API_VERSION, "is this KVM"),
	KVM(RUN, KVM_CHECK_EXTENSION, "what can it do"),
	KVM(SETUP, KVM_CREATE_VM, "the VM"),
	KVM(SETUP, KVM_GET_VCPU_MMAP_SIZE, "the run page"),
	KVM(SETUP, KVM_GET_SUPPORTED_CPUID, "CPUID policy"),
	KVM(SETUP, KVM_GET_MSR_INDEX_LIST, "state of a vCPU"),
	KVM(SETUP, KVM_GET_MSR_FEATURE_INDEX_LIST, "state of a vCPU"),

	/* The VM. */
	KVM(SETUP, KVM_CREATE_VCPU, "vCPUs"),
	KVM(SETUP, KVM_GET_STATS_FD, "counters of the VM and its vCPUs"),
	KVM(SETUP, KVM_CREATE_IRQCHIP, "PIC, IOAPIC, LAPIC"),
	KVM(SETUP, KVM_CREATE_PIT2, "PIT"),
	KVM(SETUP, KVM_SET_TSS_ADDR, "Intel's real mode"),
	KVM(SETUP, KVM_SET_IDENTITY_MAP_ADDR, "Intel's real mode"),
	KVM(SETUP, KVM_ENABLE_CAP, "features of the VM"),
	KVM(SETUP, KVM_SET_BOOT_CPU_ID, "which vCPU starts"),
	KVM(RUN, KVM_SET_USER_MEMORY_REGION, "PCI memory windows"),
	KVM(RUN, KVM_GET_DIRTY_LOG, "pages written"),
	KVM(RUN, KVM_IRQFD, "interrupts of the device processes"),
	KVM(RUN, KVM_IOEVENTFD, "notifications to the device processes"),
	KVM(RUN, KVM_SET_GSI_ROUTING, "MSI-X, INTx"),
	KVM(RUN, KVM_IRQ_LINE, "interrupts of the chips"),
	KVM(RUN, KVM_IRQ_LINE_STATUS, "interrupts of the chips"),
	KVM(RUN, KVM_SIGNAL_MSI, "interrupts of the chips"),
	KVM(RUN, KVM_GET_IRQCHIP, "reset, saved state"),
	KVM(RUN, KVM_SET_IRQCHIP, "reset, saved state"),
	KVM(RUN, KVM_GET_PIT2, "reset, saved state"),
	KVM(RUN, KVM_SET_PIT2, "reset, saved state"),
	KVM(RUN, KVM_GET_CLOCK, "pause, saved state"),
	KVM(RUN, KVM_SET_CLOCK, "pause, saved state"),

	/* A vCPU. */
	KVM(RUN, KVM_RUN, "the guest"),
	KVM(RUN, KVM_GET_REGS, "reset, saved state"),
	KVM(RUN, KVM_SET_REGS, "reset, saved state"),
	KVM(RUN, KVM_GET_SREGS, "reset, saved state"),
	KVM(RUN, KVM_SET_SREGS, "reset, saved state"),
	KVM(RUN, KVM_GET_SREGS2, "reset, saved state"),
	KVM(RUN, KVM_SET_SREGS2, "reset, saved state"),
	KVM(RUN, KVM_GET_MSRS, "reset, saved state"),
	KVM(RUN, KVM_SET_MSRS, "reset, saved state"),
	KVM(RUN, KVM_GET_FPU, "reset, saved state, debugger"),
	KVM(RUN, KVM_SET_FPU, "reset, saved state, debugger"),
	KVM(RUN, KVM_GET_XSAVE, "reset, saved state"),
	KVM(RUN, KVM_GET_XSAVE2, "reset, saved state"),
	KVM(RUN, KVM_SET_XSAVE, "reset, saved state"),
	KVM(RUN, KVM_GET_XCRS, "reset, saved state"),
	KVM(RUN, KVM_SET_XCRS, "reset, saved state"),
	KVM(RUN, KVM_GET_DEBUGREGS, "reset, saved state"),
	KVM(RUN, KVM_SET_DEBUGREGS, "reset, saved state"),
	KVM(RUN, KVM_GET_LAPIC, "reset, saved state"),
	KVM(RUN, KVM_SET_LAPIC, "reset, saved state"),
	KVM(RUN, KVM_GET_MP_STATE, "reset, saved state"),
	KVM(RUN, KVM_SET_MP_STATE, "reset, saved state"),
	KVM(RUN, KVM_GET_VCPU_EVENTS, "reset, saved state"),
	KVM(RUN, KVM_SET_VCPU_EVENTS, "reset, saved state"),
	KVM(RUN, KVM_GET_CPUID2, "CPUID policy"),
	KVM(RUN, KVM_SET_CPUID2, "CPUID policy"),
	KVM(RUN, KVM_GET_TSC_KHZ, "frequency of the TSC"),
	KVM(RUN, KVM_SET_TSC_KHZ, "frequency of the TSC"),
	KVM(RUN, KVM_HAS_DEVICE_ATTR, "offset of the TSC"),
	KVM(RUN, KVM_GET_DEVICE_ATTR, "offset of the TSC: pause, saved state"),
	KVM(RUN, KVM_SET_DEVICE_ATTR, "offset of the TSC: pause, saved state"),
	KVM(RUN, KVM_INTERRUPT, "interrupts without irqchip"),
	KVM(RUN, KVM_NMI, "NMI"),
	KVM(RUN, KVM_TRANSLATE, "addresses for the debugger"),
	KVM(RUN, KVM_SET_GUEST_DEBUG, "debugger"),
	KVM(RUN, KVM_KVMCLOCK_CTRL, "tells the guest it was paused"),
	ROW(V, RUN, timer_create, "the end of a slowed vCPU's turn"),
	ROW(V, RUN, timer_settime, "the end of a slowed vCPU's turn"),
	ROW(V, RUN, timer_delete, "the end of a slowed vCPU's turn"),
	ROW(V, RUN, eventfd2, "eventfds of a device that starts again"),

	/* The console. */
	ROW_IF(V, RUN, ioctl, "pty: raw mode", ARG_INT(1, TCSETS)),
};

const struct jail_rules jail_rules_kvm = { rows,
	sizeof(rows) / sizeof(rows[0]) };
