/* SPDX-License-Identifier: ISC */
/*
 * Guest linear addresses: from a vCPU's registers and the guest's own tables
 * to guest physical ones, and copies through them page by page.  Runs in the
 * process that owns the VM; the guest may change its tables at any time, and
 * then gets what it asked for, within its own memory.
 */
#include <errno.h>

#include "handle.h"
#include "paging.h"
#include "vmm.h"

#define PAGE_SIZE 4096ULL
#define VECTOR_PF 14
#define CPUID_1GB_PAGES (1U << 26)

static bool
translate_read(void *ctx, uint64_t gpa, void *entry, size_t len)
{
	return vm_copyout(ctx, gpa, entry, len) == 0;
}

int
vm_get_paging(struct vcpu *vcpu, struct vm_guest_paging *paging)
{
	struct vcpu_sregs sregs;
	struct vcpu_regs regs;

	if (vcpu->be->get_sregs(vcpu, &sregs) == -1 ||
	    vcpu->be->get_regs(vcpu, &regs) == -1)
		return -1;
	*paging = (struct vm_guest_paging) { .cr0 = sregs.cr0,
		.cr3 = sregs.cr3,
		.cr4 = sregs.cr4,
		.efer = sregs.efer,
		.rflags = regs.rflags,
		.cpl = (sregs.ss.access >> 5) & 3 };
	return 0;
}

/* The facts of the CPU model, and the registers unless given. */
static int
translate_begin(struct vcpu *vcpu, const struct vm_guest_paging *paging,
    struct paging_walk *w)
{
	const struct cpuid_set *set = &vcpu->vm->cpuid;
	uint32_t i, bits;

	*w = (struct paging_walk) {
		.phys_bits = 52, .read = translate_read, .ctx = vcpu->vm
	};
	for (i = 0; i < set->count; i++) {
		const struct cpuid_leaf *l = &set->leaf[i];

		bits = l->reg[CPUID_EAX] & 0xff;
		if (l->leaf == 0x80000008 && bits >= 32 && bits <= 52)
			w->phys_bits = bits;
		if (l->leaf == 0x80000001)
			w->gbpages = (l->reg[CPUID_EDX] & CPUID_1GB_PAGES) != 0;
	}
	if (paging == NULL)
		return vm_get_paging(vcpu, &w->paging);
	w->paging = *paging;
	return 0;
}

static int
translate_check(int prot)
{
	if (prot != VMM_PROT_READ && prot != VMM_PROT_WRITE &&
	    prot != VMM_PROT_EXEC) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int
vm_gla2gpa_nofault(struct vcpu *vcpu, const struct vm_guest_paging *paging,
    uint64_t gla, int prot, uint64_t *gpa, struct vm_fault *fault)
{
	struct paging_walk w;

	*fault = (struct vm_fault) { 0, 0 };
	if (translate_check(prot) == -1 ||
	    translate_begin(vcpu, paging, &w) == -1)
		return -1;
	return paging_translate(&w, gla, prot, gpa, fault);
}

/* Puts the fault into the guest, as its own access would have got it. */
static int
translate_inject(struct vcpu *vcpu, uint64_t gla, const struct vm_fault *fault)
{
	struct vcpu_sregs s;

	if (vm_inject_event2(
		vcpu, VM_HW_EXCEPTION, fault->vector, fault->error_code) == -1)
		return -1;
	if (fault->vector != VECTOR_PF)
		return 0;
	if (vcpu->be->get_sregs(vcpu, &s) == -1)
		return -1;
	s.cr2 = gla;
	return vcpu->be->set_sregs(vcpu, &s);
}

int
vm_gla2gpa(struct vcpu *vcpu, const struct vm_guest_paging *paging,
    uint64_t gla, int prot, uint64_t *gpa, struct vm_fault *fault)
{
	if (vm_gla2gpa_nofault(vcpu, paging, gla, prot, gpa, fault) == 0)
		return 0;
	if (errno == EFAULT && fault->vector != 0) {
		if (translate_inject(vcpu, gla, fault) == -1)
			return -1;
		errno = EFAULT;
	}
	return -1;
}

/* One pass over the pages: buf NULL only looks. */
static int
translate_pass(const struct paging_walk *w, uint64_t gla, uint8_t *buf,
    size_t len, int prot, struct vm_fault *fault)
{
	struct vm *vm = w->ctx;
	uint64_t gpa, n;
	int rc = 0;

	while (len > 0 && rc == 0) {
		n = PAGE_SIZE - gla % PAGE_SIZE;
		if (n > len)
			n = len;
		if (paging_translate(w, gla, prot, &gpa, fault) == -1)
			return -1;
		if (buf == NULL) {
			if (vm_map_gpa(vm, gpa, n) == NULL)
				return -1;
		} else {
			rc = prot == VMM_PROT_WRITE
			    ? vm_copyin(vm, buf, gpa, n)
			    : vm_copyout(vm, gpa, buf, n);
			buf += n;
		}
		gla += n;
		len -= n;
	}
	return rc;
}

static int
translate_copy(struct vcpu *vcpu, const struct vm_guest_paging *paging,
    uint64_t gla, uint8_t *buf, size_t len, int prot, struct vm_fault *fault)
{
	struct paging_walk w;

	*fault = (struct vm_fault) { 0, 0 };
	if (translate_begin(vcpu, paging, &w) == -1 ||
	    translate_pass(&w, gla, NULL, len, prot, fault) == -1)
		return -1;
	return translate_pass(&w, gla, buf, len, prot, fault);
}

int
vm_copyin_gla(struct vcpu *vcpu, const struct vm_guest_paging *paging,
    const void *src, uint64_t gla, size_t len, struct vm_fault *fault)
{
	return translate_copy(vcpu, paging, gla, (uint8_t *)(uintptr_t)src, len,
	    VMM_PROT_WRITE, fault);
}

int
vm_copyout_gla(struct vcpu *vcpu, const struct vm_guest_paging *paging,
    uint64_t gla, void *dst, size_t len, struct vm_fault *fault)
{
	return translate_copy(
	    vcpu, paging, gla, dst, len, VMM_PROT_READ, fault);
}
