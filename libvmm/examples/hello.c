/* SPDX-License-Identifier: ISC */
/*
 * hello: the smallest guest.  It writes one byte to a port, which is all that
 * it and this program have to say to each other.
 *
 *	cc hello.c $(pkg-config --cflags --libs libvmm)
 */
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <vmm.h>

#define ENTRY 0x1000
#define PORT 0xe9

/* Real mode, as every x86 starts: mov al, '!'; out 0xe9, al */
static const uint8_t code[] = { 0xb0, '!', 0xe6, PORT };

/* A vCPU starts 16 bytes below 4 GiB, where a PC has its firmware. */
static void
set_entry(struct vcpu *vcpu)
{
	struct vcpu_regs regs = { .rip = ENTRY, .rflags = 2 };
	struct vcpu_sregs sregs;

	if (vcpu_get_sregs(vcpu, &sregs) == -1)
		err(1, "cannot read the registers");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (vcpu_set_sregs(vcpu, &sregs) == -1 ||
	    vcpu_set_regs(vcpu, &regs) == -1)
		err(1, "cannot set the registers");
}

int
main(void)
{
	struct vm_params params = {
		.size = sizeof(params), .memory_bytes = 0x10000, .ncpus = 1
	};
	struct vm_exit exit;
	struct vcpu *vcpu;
	struct vm *vm;
	int kvm = vmm_open(NULL);

	if (kvm == -1)
		err(1, "%s", vmm_open_hint(errno));
	if (vm_create(kvm, &params, &vm) == -1)
		err(1, "cannot create a VM");
	if (vm_copyin(vm, code, ENTRY, sizeof(code)) == -1)
		err(1, "cannot load the guest");
	if (vcpu_open(vm, 0, &vcpu) == -1)
		err(1, "cannot open a vCPU");
	set_entry(vcpu);
	if (vm_run(vcpu, &exit) == -1)
		err(1, "cannot run the guest");
	if (exit.reason != VM_EXIT_PIO || !exit.u.pio.write)
		errx(1, "the guest ended with: %s", vm_exit_name(exit.reason));
	printf("the guest wrote '%c' to port 0x%x\n", exit.u.pio.data[0],
	    exit.u.pio.port);
	vm_destroy(vm);
	close(kvm);
	return 0;
}
