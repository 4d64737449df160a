/* SPDX-License-Identifier: ISC */
/*
 * A guest's linear addresses as a debugger sees them; see space.h.  What
 * guards a kernel against mistakes (WP, SMEP, SMAP) is left out: the person
 * at the debugger asked for that very byte.  Only RAM is reached, never a
 * device.
 */
#include "space.h"

#include <errno.h>

#include "../handle.h"

#define PAGE_SIZE 4096ULL
#define CR0_WP (1ULL << 16)
#define CR4_SMEP_SMAP (3ULL << 20)

static int
space_paging(struct vcpu *vcpu, struct vm_guest_paging *paging)
{
	if (vm_get_paging(vcpu, paging) == -1)
		return -1;
	paging->cpl = 0;
	paging->cr0 &= ~CR0_WP;
	paging->cr4 &= ~CR4_SMEP_SMAP;
	return 0;
}

static int
space_page(struct vcpu *vcpu, const struct vm_guest_paging *paging,
    uint64_t gla, size_t len, uint64_t *gpa, struct vm_fault *fault)
{
	if (vm_gla2gpa_nofault(vcpu, paging, gla, VMM_PROT_READ, gpa, fault) ==
	    -1)
		return -1;
	return vm_map_gpa(vcpu->vm, *gpa, len) == NULL ? -1 : 0;
}

int
space_translate(
    struct vcpu *vcpu, uint64_t gla, uint64_t *gpa, struct vm_fault *fault)
{
	struct vm_guest_paging paging;

	*fault = (struct vm_fault) { 0, 0 };
	if (space_paging(vcpu, &paging) == -1)
		return -1;
	return space_page(vcpu, &paging, gla, 1, gpa, fault);
}

/* How much of len lies in the page of gla. */
static size_t
space_in_page(uint64_t gla, size_t len)
{
	uint64_t n = PAGE_SIZE - gla % PAGE_SIZE;

	return n < len ? (size_t)n : len;
}

size_t
space_read(struct vcpu *vcpu, const struct breakpoints *b, uint64_t gla,
    uint8_t *dst, size_t len)
{
	struct vm_guest_paging paging;
	struct vm_fault fault;
	size_t n, done = 0;
	uint64_t gpa;

	if (space_paging(vcpu, &paging) == -1)
		return 0;
	for (; done < len; done += n) {
		n = space_in_page(gla + done, len - done);
		if (space_page(vcpu, &paging, gla + done, n, &gpa, &fault) ==
			-1 ||
		    breakpoint_copyout(b, gpa, dst + done, n) == -1)
			break;
	}
	return done;
}

int
space_write(struct vcpu *vcpu, struct breakpoints *b, const uint8_t *src,
    uint64_t gla, size_t len)
{
	struct vm_guest_paging paging;
	struct vm_fault fault;
	size_t n, done;
	uint64_t gpa;

	if (space_paging(vcpu, &paging) == -1)
		return -1;
	for (done = 0; done < len; done += n) {
		n = space_in_page(gla + done, len - done);
		if (space_page(vcpu, &paging, gla + done, n, &gpa, &fault) ==
		    -1)
			return -1;
	}
	for (done = 0; done < len; done += n) {
		n = space_in_page(gla + done, len - done);
		if (space_page(vcpu, &paging, gla + done, n, &gpa, &fault) ==
			-1 ||
		    breakpoint_copyin(b, src + done, gpa, n) == -1)
			return -1;
	}
	return 0;
}
