/* SPDX-License-Identifier: ISC */
/*
 * The VM that the tests of dumps look at: two vCPUs with something of their own
 * in each register, RAM on both sides of the hole, of which little is touched,
 * and memory mapped at run time: fresh, of a file, of a device.
 */
#ifndef DUMPED_H
#define DUMPED_H

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../../libvmm/kvm/kvm.h"
#include "guest.h"
#include "guest_dump.h"
#include "vmm_dump.h"

#define DUMPED_CPUS 2U
#define DUMPED_SMALL (1ULL << 20)
#define DUMPED_HIGH (16ULL << 20)
#define DUMPED_MEMORY (VMM_LOWMEM_END + DUMPED_HIGH)
#define DUMPED_MARK 0x7000ULL /* a byte that the guest wrote */
#define DUMPED_TEXT 0x123456ULL /* text that we wrote, across two pages */
#define DUMPED_TOP (VMM_HIGHMEM_START + DUMPED_HIGH - 8) /* its last bytes */
#define DUMPED_OWN 0x200000000ULL /* two pages of fresh memory */
#define DUMPED_FILE 0x200100000ULL /* two pages of a file, one cut off */
#define DUMPED_DEVICE 0x200200000ULL /* a page of a device */
#define DUMPED_GS_BASE 0xffff888012345000ULL
#define DUMPED_WORD 0x0123456789abcdefULL

static const char dumped_text[] = "what the guest had to remember";

/* A file that had other contents before. */
static inline int
dumped_file(size_t len)
{
	char path[] = "/tmp/g_dump.XXXXXX", junk[4096];
	int fd = mkstemp(path);

	memset(junk, 0xff, sizeof(junk));
	unlink(path);
	for (; fd != -1 && len > 0; len -= sizeof(junk))
		if (write(fd, junk, sizeof(junk)) != sizeof(junk))
			return -1;
	return fd;
}

/* Registers of their own for a vCPU; the guest leaves them alone. */
static inline bool
dumped_registers(struct vcpu *vcpu)
{
	uint64_t n = (uint64_t)(vcpu_id(vcpu) + 1) << 56;
	struct vcpu_regs r = { .rax = n | 0x01,
		.rbx = n | 0x02,
		.rcx = n | 0x03,
		.rdx = n | 0x04,
		.rsi = n | 0x05,
		.rdi = n | 0x06,
		.rbp = n | 0x07,
		.rsp = n | 0x0f08,
		.r8 = n | 0x09,
		.r9 = n | 0x0a,
		.r10 = n | 0x0b,
		.r11 = n | 0x0c,
		.r12 = n | 0x0d,
		.r13 = n | 0x0e,
		.r14 = n | 0x0f,
		.r15 = n | 0x10,
		.rip = GUEST_ENTRY,
		.rflags = 2 };

	return guest_enter(vcpu) == 0 && vcpu_set_regs(vcpu, &r) == 0 &&
	    vcpu_set_msr(vcpu, 0xc0000102, DUMPED_GS_BASE + vcpu_id(vcpu)) == 0;
}

/*
 * XMM0 by KVM itself, as not every KVM's guests can use it.  Returns XCR0, with
 * the upper halves of YMM where there are any; 0 with errno.
 */
static inline uint64_t
dumped_xmm0(struct vcpu *vcpu, uint8_t byte)
{
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs = { { .value = 7 } } };
	uint8_t *area = (uint8_t *)xsave.region;

	if (ioctl(kvm_vcpu_fd(vcpu), KVM_SET_XCRS, &xcrs) == -1) {
		xcrs.xcrs[0].value = 3;
		/* A CPU without XSAVE has no XCR0. */
		if (ioctl(kvm_vcpu_fd(vcpu), KVM_SET_XCRS, &xcrs) == -1 &&
		    errno != EINVAL)
			return 0;
	}
	if (ioctl(kvm_vcpu_fd(vcpu), KVM_GET_XSAVE, &xsave) == -1)
		return 0;
	memset(area + 160, byte, 16);
	area[512] |= 2; /* SSE is in use */
	if (ioctl(kvm_vcpu_fd(vcpu), KVM_SET_XSAVE, &xsave) == -1)
		return 0;
	return xcrs.xcrs[0].value;
}

/* Regions mapped at run time; the file is cut short behind their back. */
static inline bool
dumped_regions(struct vm *vm)
{
	static const uint64_t word = DUMPED_WORD;
	int file = memfd_create("dumped", MFD_CLOEXEC), device;
	bool good;

	device = open("/dev/zero", O_RDWR | O_CLOEXEC);
	good = file != -1 && device != -1 && ftruncate(file, 0x2000) == 0 &&
	    pwrite(file, &word, 8, 0xff8) == 8 &&
	    pwrite(file, &word, 8, 0x1000) == 8 &&
	    vm_map_memory(vm, DUMPED_OWN, 0x2000, -1, 0, VMM_PROT_ALL) == 0 &&
	    vm_map_memory(vm, DUMPED_FILE, 0x2000, file, 0, VMM_PROT_READ) ==
		0 &&
	    vm_map_memory(vm, DUMPED_DEVICE, 0x1000, device, 0, VMM_PROT_ALL) ==
		0 &&
	    vm_copyin(vm, &word, DUMPED_OWN + 0x1ff8, 8) == 0 &&
	    vm_copyin(vm, &word, DUMPED_DEVICE, 8) == 0 &&
	    ftruncate(file, 0x1000) == 0;
	if (file != -1)
		close(file);
	if (device != -1)
		close(device);
	return good;
}

/* A VM of memory bytes whose vCPUs have run and stand. */
static inline bool
dumped_start_small(struct guest *g, uint64_t memory)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = memory,
		.ncpus = DUMPED_CPUS };
	struct vm_exit e;
	uint32_t i;

	memset(g, 0, sizeof(*g));
	g->kvm = vmm_open(NULL);
	if (g->kvm == -1 || vm_create(g->kvm, &params, &g->vm) == -1 ||
	    vm_copyin(g->vm, guest_dump, GUEST_ENTRY, sizeof(guest_dump)) == -1)
		return false;
	for (i = 0; i < DUMPED_CPUS; i++)
		if (vcpu_open(g->vm, i, &g->vcpu[i]) == -1 ||
		    !dumped_registers(g->vcpu[i]) ||
		    !guest_writes(g->vcpu[i], 0xf0, 1) ||
		    vcpu_complete(g->vcpu[i], &e) == -1 ||
		    dumped_xmm0(g->vcpu[i], (uint8_t)(0xa0 + i)) == 0)
			return false;
	return true;
}

static inline bool
dumped_start(struct guest *g)
{
	static const uint64_t word = DUMPED_WORD;

	return dumped_start_small(g, DUMPED_MEMORY) &&
	    vm_copyin(g->vm, dumped_text, DUMPED_TEXT, sizeof(dumped_text)) ==
	    0 &&
	    vm_copyin(g->vm, &word, DUMPED_TOP, 8) == 0 &&
	    dumped_regions(g->vm);
}

#endif /* DUMPED_H */
