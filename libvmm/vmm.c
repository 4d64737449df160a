/* SPDX-License-Identifier: ISC */
/*
 * The host's side: opening the KVM device, saying what to do when that fails,
 * the signal of a cancel, names of exits.
 */
#include "vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#define KVM_DEVICE "/dev/kvm"

int
vmm_open(const char *path)
{
	return open(path != NULL ? path : KVM_DEVICE, O_RDWR | O_CLOEXEC);
}

const char *
vmm_open_hint(int err)
{
	static const struct {
		int err;
		const char *hint;
	} hints[] = {
		{ ENOENT,
		    "there is no KVM device: load the module kvm_intel or "
		    "kvm_amd, or switch on virtualisation in the firmware" },
		{ ENODEV,
		    "the KVM device has no driver: load the module kvm_intel "
		    "or kvm_amd, or switch on virtualisation in the firmware" },
		{ ENXIO,
		    "the KVM device has no driver: load the module kvm_intel "
		    "or kvm_amd" },
		{ EACCES,
		    "no permission for the KVM device: join the group kvm "
		    "(usermod -aG kvm USER) and log in again" },
		{ EPERM,
		    "the host forbids the KVM device here: allow it in the "
		    "container's device list" },
		{ EMFILE, "too many open files: raise the limit" },
	};
	size_t i;

	for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (hints[i].err == err)
			return hints[i].hint;
	return "the KVM device cannot be opened: see the kernel's log";
}

/* A signal that is ignored interrupts nothing, so there must be a handler. */
static void
vmm_cancel_signal(int signo)
{
	(void)signo;
}

int
vmm_cancel_signal_init(int signo)
{
	struct sigaction sa = { .sa_handler = vmm_cancel_signal };

	sigemptyset(&sa.sa_mask);
	return sigaction(signo != 0 ? signo : SIGRTMIN, &sa, NULL);
}

const char *
vm_exit_name(enum vm_exit_reason reason)
{
	static const char *const names[VM_EXIT_MAX] = {
		[VM_EXIT_CANCELLED] = "cancelled",
		[VM_EXIT_PIO] = "port I/O",
		[VM_EXIT_MMIO] = "memory-mapped I/O",
		[VM_EXIT_HLT] = "halt",
		[VM_EXIT_SHUTDOWN] = "triple fault",
		[VM_EXIT_SYSTEM_EVENT] = "system event",
		[VM_EXIT_DEBUG] = "debug",
		[VM_EXIT_IRQ_WINDOW] = "interrupt window",
		[VM_EXIT_INTERNAL_ERROR] = "internal error",
		[VM_EXIT_FAIL_ENTRY] = "failed entry",
		[VM_EXIT_UNKNOWN] = "unknown",
	};

	return (unsigned int)reason < VM_EXIT_MAX ? names[reason] : "unknown";
}
