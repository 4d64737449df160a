/* SPDX-License-Identifier: ISC */
/*
 * KVM's row of operations, and what KVM must offer for them.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "../backend.h"
#include "kvm.h"

const struct vmm_backend vmm_backend_kvm = {
	.name = "kvm",
	.host_probe = kvm_host_probe,
	.host_check = kvm_host_check,
	.host_msrs = kvm_xstate_msr_list,
	.vm_create = kvm_vm_create,
	.vm_destroy = kvm_vm_destroy,
	.vm_make_chips = kvm_vm_make_chips,
	.vm_reset_chips = kvm_vm_reset_chips,
	.vm_clock_get = kvm_vm_clock_get,
	.vm_clock_set = kvm_vm_clock_set,
	.slot_set = kvm_slot_set,
	.slot_clear = kvm_slot_clear,
	.dirty_get = kvm_slot_dirty_get,
	.irq_line = kvm_irq_line,
	.msi = kvm_irq_msi,
	.irq_trigger = kvm_irq_trigger,
	.irqfd = kvm_irq_irqfd,
	.routes_set = kvm_irq_routes_set,
	.ioeventfd = kvm_irq_ioeventfd,
	.vfio_group = kvm_vfio_group,
	.vcpu_open = kvm_vcpu_open,
	.vcpu_close = kvm_vcpu_close,
	.vcpu_run = kvm_run_vcpu,
	.vcpu_complete = kvm_run_complete,
	.vcpu_kick = kvm_run_kick,
	.vcpu_reset = kvm_reset_vcpu,
	.cpuid_set = kvm_cpuid_set,
	.tsc_khz = kvm_tsc_khz,
	.set_tsc_khz = kvm_tsc_set_khz,
	.get_tsc_offset = kvm_tsc_get_offset,
	.set_tsc_offset = kvm_tsc_set_offset,
	.get_regs = kvm_state_get_regs,
	.set_regs = kvm_state_set_regs,
	.get_sregs = kvm_state_get_sregs,
	.set_sregs = kvm_state_set_sregs,
	.get_debugregs = kvm_state_get_debugregs,
	.set_debugregs = kvm_state_set_debugregs,
	.get_msr = kvm_state_get_msr,
	.set_msr = kvm_state_set_msr,
	.inject = kvm_event_inject,
	.get_lapic = kvm_event_get_lapic,
	.get_fpu = kvm_fpu_get,
	.set_fpu = kvm_fpu_set,
	.set_debug = kvm_debug_set,
	.clock_paused = kvm_vcpu_clock_paused,
	.xsave_size = kvm_xstate_size,
	.get_xsave = kvm_xstate_get,
	.set_xsave = kvm_xstate_set,
	.get_xcr = kvm_xstate_get_xcr,
	.set_xcr = kvm_xstate_set_xcr,
	.get_msrs = kvm_xstate_get_msrs,
	.set_msrs = kvm_xstate_set_msrs,
	.reset_msrs = kvm_reset_msrs,
	.get_events = kvm_event_get,
	.set_events = kvm_event_set,
	.chips_size = kvm_chips_size,
	.chips_get = kvm_chips_get,
	.chips_set = kvm_chips_set,
	.stats_describe = kvm_stats_describe,
	.stats_read = kvm_stats_read,
};

static const struct {
	int cap;
	const char *name;
} kvm_needs[] = {
	{ KVM_CAP_USER_MEMORY, "user memory" },
	{ KVM_CAP_READONLY_MEM, "read-only memory" },
	{ KVM_CAP_IMMEDIATE_EXIT, "immediate exit" },
	{ KVM_CAP_IRQCHIP, "in-kernel irqchip" },
	{ KVM_CAP_PIT2, "in-kernel PIT" },
	{ KVM_CAP_IRQ_ROUTING, "interrupt routing" },
	{ KVM_CAP_IRQFD, "irqfd" },
	{ KVM_CAP_IRQFD_RESAMPLE, "irqfd resampling" },
	{ KVM_CAP_SIGNAL_MSI, "MSI" },
	{ KVM_CAP_IOEVENTFD, "ioeventfd" },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH, "ioeventfd of any length" },
	{ KVM_CAP_EXT_CPUID, "CPUID" },
	{ KVM_CAP_GET_TSC_KHZ, "TSC frequency" },
	{ KVM_CAP_MP_STATE, "multiprocessor state" },
	{ KVM_CAP_VCPU_EVENTS, "vCPU events" },
	{ KVM_CAP_DEBUGREGS, "debug registers" },
	{ KVM_CAP_XSAVE, "XSAVE state" },
	{ KVM_CAP_ADJUST_CLOCK, "clock adjustment" },
	{ KVM_CAP_SET_TSS_ADDR, "TSS address" },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, "identity map address" },
};

int
kvm_host_check(int fd)
{
	int version = ioctl(fd, KVM_GET_API_VERSION, 0);

	if (version == KVM_API_VERSION)
		return 0;
	if (version != -1)
		errno = EPROTO;
	else if (errno == EINVAL) /* a vCPU */
		errno = ENOTTY;
	return -1;
}

int
kvm_host_probe(int fd, struct vmm_probe *probe)
{
	size_t i;
	int n;

	probe->api_version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (probe->api_version == -1)
		return -1;
	if (probe->api_version != KVM_API_VERSION) {
		(void)snprintf(probe->reason, sizeof(probe->reason),
		    "KVM's interface has version %d, not %d",
		    probe->api_version, KVM_API_VERSION);
		return 0;
	}
	for (i = 0; i < sizeof(kvm_needs) / sizeof(kvm_needs[0]); i++) {
		if (ioctl(fd, KVM_CHECK_EXTENSION, kvm_needs[i].cap) > 0)
			continue;
		(void)snprintf(probe->reason, sizeof(probe->reason),
		    "KVM on this host lacks %s", kvm_needs[i].name);
		return 0;
	}
	n = ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (n < 1)
		n = 4; /* what KVM's manual says of a host that says nothing */
	probe->max_vcpus = n < VMM_MAX_VCPUS ? (uint32_t)n : VMM_MAX_VCPUS;
	probe->usable = true;
	return 0;
}
