/* SPDX-License-Identifier: ISC */
/*
 * Guest linear addresses: translated by the guest's own tables, and copies
 * through them.  Included by vmm.h.
 */
#ifndef VMM_PAGING_H
#define VMM_PAGING_H

#include <stddef.h>
#include <stdint.h>

struct vcpu;

/* What decides how a guest's address is translated. */
struct vm_guest_paging {
	uint64_t cr0, cr3, cr4, efer, rflags;
	int cpl; /* of the access; 0..2: supervisor */
};

/* The exception that the guest's own access would have got. */
struct vm_fault {
	int vector; /* 14 page fault, 13 not canonical, 0 none */
	uint32_t error_code;
};

/* Takes it from the vCPU's registers, in the vCPU's thread. */
int vm_get_paging(struct vcpu *vcpu, struct vm_guest_paging *paging);

/*
 * The guest physical address of gla for one kind of access, a VMM_PROT_*:
 * without paging, 32-bit, PAE, 4 and 5 levels, large pages, with all rights
 * but protection keys.  PAE's PDPTEs are read from memory.  Changes nothing:
 * accessed and dirty bits stay.  paging NULL: the vCPU's own, and then in its
 * thread.  EFAULT: fault says which exception the guest would have got;
 * vector 0 means that a table is no memory.  EINVAL: prot.
 */
int vm_gla2gpa_nofault(struct vcpu *vcpu, const struct vm_guest_paging *paging,
    uint64_t gla, int prot, uint64_t *gpa, struct vm_fault *fault);

/*
 * As vm_gla2gpa_nofault(), and the guest gets the fault: the exception is put
 * into the vCPU, for a page fault with CR2, to be delivered at the next
 * vm_run() at the instruction where the vCPU stands.  In its thread; the last
 * exit is answered (vcpu_complete()).  EFAULT with a vector in fault: that was
 * done; EBUSY: it could not be, as another event waits.
 */
int vm_gla2gpa(struct vcpu *vcpu, const struct vm_guest_paging *paging,
    uint64_t gla, int prot, uint64_t *gpa, struct vm_fault *fault);

/*
 * As vm_copyin() and vm_copyout() by guest linear address, across pages, with
 * the rights of paging.  EFAULT: as above, or with vector 0 no memory there;
 * nothing is copied then, unless the guest changed its tables meanwhile.
 */
int vm_copyin_gla(struct vcpu *vcpu, const struct vm_guest_paging *paging,
    const void *src, uint64_t gla, size_t len, struct vm_fault *fault);
int vm_copyout_gla(struct vcpu *vcpu, const struct vm_guest_paging *paging,
    uint64_t gla, void *dst, size_t len, struct vm_fault *fault);

#endif /* VMM_PAGING_H */
