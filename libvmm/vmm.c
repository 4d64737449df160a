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
#include <unistd.h>

#include "backend.h"
#include "deadline.h"

#define KVM_DEVICE "/dev/kvm"

int
vmm_check(int fd)
{
	return vmm_backend_kvm.host_check(fd);
}

int
vmm_open(const char *path)
{
	int fd, err;

	fd = open(path != NULL ? path : KVM_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (vmm_check(fd) == -1) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

int
vmm_msr_list(int kvm_fd, uint32_t *indices, uint32_t max)
{
	return vmm_backend_kvm.host_msrs(kvm_fd, indices, max);
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
		{ ENOTTY,
		    "that is not the KVM device: give the path of it, or a "
		    "descriptor of it" },
		{ EPROTO,
		    "the KVM device speaks another version of the interface "
		    "than 12: this kernel is too old" },
		{ EIO,
		    "that VM was made by another process, and KVM serves it "
		    "there only: pass on the KVM device instead" },
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
vmm_cancel_signal(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	deadline_signal(info);
}

int
vmm_cancel_signal_init(int signo)
{
	struct sigaction sa = { .sa_sigaction = vmm_cancel_signal,
		.sa_flags = SA_SIGINFO };

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
		[VM_EXIT_DEADLINE] = "deadline",
		[VM_EXIT_ACCESS] = "forbidden memory access",
		[VM_EXIT_SUSPENDED] = "suspended",
		[VM_EXIT_UNKNOWN] = "unknown",
	};

	return (unsigned int)reason < VM_EXIT_MAX ? names[reason] : "unknown";
}
