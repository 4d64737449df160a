/* SPDX-License-Identifier: ISC */
/*
 * The probe's answer is whole, quick, leaves nothing open, and is the same
 * twice; the clock of a VM can be read and set.
 */
#include <time.h>

#include "check.h"
#include "guest.h"
#include "guest_spin.h"

static void
test_probe(void)
{
	struct vmm_probe a, b;
	struct timespec t0, t1;
	int fd, before;
	long ms;

	GUEST_NEEDS_KVM();
	fd = vmm_open(NULL);
	before = guest_count_fds();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
	REQUIRE(vmm_probe(fd, &a) == 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
	REQUIRE(vmm_probe(fd, &b) == 0);
	ms = (t1.tv_sec - t0.tv_sec) * 1000 +
	    (t1.tv_nsec - t0.tv_nsec) / 1000000;
	printf("# %ld ms of CPU, %llu ps per instruction, %u vCPUs: %s\n", ms,
	    (unsigned long long)a.insn_picoseconds, a.max_vcpus, a.reason);
	CHECK_EQ(a.api_version, 12);
	CHECK(a.usable);
	CHECK(a.max_vcpus >= 1 && a.max_vcpus <= VMM_MAX_VCPUS);
	CHECK_EQ(a.hardware_speed, b.hardware_speed);
	CHECK_EQ(a.hardware_speed, a.insn_picoseconds <= 100000);
	CHECK(a.reason[0] != '\0');
	CHECK(ms < 500);
	CHECK_EQ(guest_count_fds(), before);
	close(fd);
}

static void
test_not_kvm(void)
{
	struct vmm_probe p;

	CHECK(vmm_probe(-1, &p) == -1 && errno == EBADF);
	CHECK(vmm_open("/nonexistent/kvm") == -1 && errno == ENOENT);
	CHECK(strstr(vmm_open_hint(ENOENT), "kvm_intel") != NULL);
	CHECK(strstr(vmm_open_hint(EACCES), "group kvm") != NULL);
	CHECK(vmm_open_hint(12345)[0] != '\0');
}

static void
test_clock(void)
{
	uint64_t a = 0, b = 0;
	struct guest g;

	GUEST_NEEDS_KVM();
	REQUIRE(guest_start(&g, guest_spin, sizeof(guest_spin), VM_IRQCHIP, 1));
	REQUIRE(vm_clock_get(g.vm, &a) == 0);
	REQUIRE(vm_clock_set(g.vm, a + 3600000000000ULL) == 0);
	REQUIRE(vm_clock_get(g.vm, &b) == 0);
	CHECK(b >= a + 3600000000000ULL && b < a + 3660000000000ULL);
	CHECK(vcpu_clock_paused(g.vcpu[0]) == 0);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_probe);
	TEST(test_not_kvm);
	TEST(test_clock);
	return CHECK_EXIT();
}
