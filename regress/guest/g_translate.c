/* SPDX-License-Identifier: ISC */
/*
 * Guest linear addresses on a real vCPU in 64-bit mode: our walk against the
 * kernel's own, and copies across pages that do not follow each other.
 */
#include "../../libvmm/handle.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "../../libvmm/kvm/kvm.h"
#include "check.h"
#include "guest.h"

#define BASE 0x40000000ULL /* linear; 2 MiB per page table */

static struct guest g;
static const uint8_t hlt = 0xf4;

static void
put(uint64_t gpa, uint64_t entry)
{
	REQUIRE(vm_copyin(g.vm, &entry, gpa, sizeof(entry)) == 0);
}

/* Pages 0..15 of BASE are the RAM's backwards, 16 is missing. */
static void
tables(void)
{
	uint64_t i;

	put(0x2000, 0x3000 | 7);
	put(0x3000 + 8, 0x4000 | 7);
	put(0x4000, 0x5000 | 7);
	put(0x4000 + 8, 0x200000 | 0x87);
	for (i = 0; i < 16; i++)
		put(0x5000 + 8 * i, (15 - i) << 12 | 7);
}

static void
test_start(void)
{
	struct vcpu_sregs s;

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(&g, &hlt, 1, 0, 1));
	tables();
	REQUIRE(vcpu_get_sregs(g.vcpu[0], &s) == 0);
	s.cr0 = 0x80000011;
	s.cr3 = 0x2000;
	s.cr4 = 0x20;
	s.efer = 0x500;
	s.cs.access = 0xa09b;
	s.ss.access = 0xc093;
	REQUIRE(vcpu_set_sregs(g.vcpu[0], &s) == 0);
}

static void
test_like_kvm(void)
{
	static const uint64_t at[] = { 0, 0x1234, 0xffff, 0x10000, 0x1fffff,
		0x200000, 0x3fffff, 0x400000 };
	struct kvm_translation t;
	struct vm_fault fault;
	uint64_t gpa;
	size_t i;
	int rc;

	REQUIRE(g.vm != NULL);
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		t = (struct kvm_translation) { .linear_address = BASE + at[i] };
		REQUIRE(ioctl(kvm_vcpu_fd(g.vcpu[0]), KVM_TRANSLATE, &t) == 0);
		rc = vm_gla2gpa_nofault(
		    g.vcpu[0], NULL, BASE + at[i], VMM_PROT_READ, &gpa, &fault);
		CHECK_EQ(rc, t.valid ? 0 : -1);
		if (rc == 0)
			CHECK_EQ(gpa, t.physical_address);
		else
			CHECK_EQ(fault.vector, 14);
	}
}

static void
test_copy(void)
{
	uint8_t in[0x2010], out[0x2010];
	struct vm_guest_paging p;
	struct vm_fault fault;
	size_t i;

	REQUIRE(g.vm != NULL);
	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);
	/* Linear pages 2..5 are the physical pages 13..10. */
	REQUIRE(vm_copyin_gla(g.vcpu[0], NULL, in, BASE + 0x2ff8, sizeof(in),
		    &fault) == 0);
	REQUIRE(vm_copyout_gla(g.vcpu[0], NULL, BASE + 0x2ff8, out, sizeof(out),
		    &fault) == 0);
	CHECK(memcmp(in, out, sizeof(in)) == 0);
	REQUIRE(vm_copyout(g.vm, 0xc000, out, 8) == 0);
	CHECK(memcmp(in + 8, out, 8) == 0);
	REQUIRE(vm_copyout(g.vm, 0xdff8, out, 8) == 0);
	CHECK(memcmp(in, out, 8) == 0);

	/* The second page is missing: nothing is copied to the first. */
	memset(out, 0xee, sizeof(out));
	CHECK(vm_copyin_gla(g.vcpu[0], NULL, in, BASE + 0xfff8, 16, &fault) ==
		-1 &&
	    errno == EFAULT);
	CHECK_EQ(fault.vector, 14);
	CHECK_EQ(fault.error_code, 2);
	REQUIRE(vm_copyout(g.vm, 0x0ff8, out, 8) == 0);
	for (i = 0; i < 8; i++)
		CHECK_EQ(out[i], 0);
	/* A translation to where no memory is. */
	CHECK(vm_copyout_gla(
		  g.vcpu[0], NULL, BASE + 0x200000, out, 1, &fault) == -1 &&
	    errno == EFAULT);
	CHECK_EQ(fault.vector, 0);
	/* Rights that the caller names. */
	put(0x5000, 0xf000 | 3);
	REQUIRE(vm_get_paging(g.vcpu[0], &p) == 0);
	CHECK_EQ(p.cpl, 0);
	CHECK(vm_copyout_gla(g.vcpu[0], &p, BASE, out, 1, &fault) == 0);
	p.cpl = 3;
	CHECK(vm_copyout_gla(g.vcpu[0], &p, BASE, out, 1, &fault) == -1);
	CHECK_EQ(fault.error_code, 5);
	CHECK(vm_gla2gpa_nofault(g.vcpu[0], &p, BASE, VMM_PROT_ALL,
		  &(uint64_t) { 0 }, &fault) == -1 &&
	    errno == EINVAL);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_start);
	TEST(test_like_kvm);
	TEST(test_copy);
	return CHECK_EXIT();
}
