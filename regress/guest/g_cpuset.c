/* SPDX-License-Identifier: ISC */
/*
 * Sets of vCPUs: who may run, who is kept from it, the whole VM's suspension
 * and its reset, topology, and the x2APIC's states.
 */
#include <pthread.h>
#include <time.h>

#include "check.h"
#include "guest.h"
#include "guest_spin.h"
#include "guest_x2apic.h"
#include "runner.h"

#define WRITER 0x1100 /* of spin.S */

static struct guest g;

static uint64_t
set_of(int (*get)(struct vm *, uint64_t *))
{
	uint64_t set = UINT64_MAX;

	(void)get(g.vm, &set);
	return set;
}

/* Ends as suspended, and says how. */
static bool
is_suspended(struct vcpu *vcpu, int how)
{
	struct vm_exit e;

	return vm_run(vcpu, &e) == 0 && e.reason == VM_EXIT_SUSPENDED &&
	    e.u.suspended.how == how;
}

static void
test_start(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(vmm_cancel_signal_init(0) == 0);
	CHECK(guest_start(
	    &g, guest_spin, sizeof(guest_spin), VM_IRQCHIP | VM_ACTIVATE, 2));
}

static void
test_activate(void)
{
	struct vm_exit e;

	CHECK_EQ(set_of(vm_active_cpus), 0);
	CHECK(vm_run(g.vcpu[0], &e) == -1 && errno == EINVAL);
	REQUIRE(vm_activate_cpu(g.vcpu[0]) == 0);
	CHECK(vm_activate_cpu(g.vcpu[0]) == -1 && errno == EBUSY);
	CHECK_EQ(set_of(vm_active_cpus), 1);
	REQUIRE(guest_enter_at(g.vcpu[0], WRITER));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0));
	REQUIRE(vm_activate_cpu(g.vcpu[1]) == 0);
	CHECK_EQ(set_of(vm_active_cpus), 3);
}

static void
test_suspend_one(void)
{
	struct vm_exit e;

	CHECK(vm_resume_cpu(g.vcpu[0]) == -1 && errno == EINVAL);
	REQUIRE(vm_suspend_cpu(g.vcpu[0]) == 0);
	CHECK_EQ(set_of(vm_debug_cpus), 1);
	CHECK(
	    vcpu_complete(g.vcpu[0], &e) == 0 && e.reason == VM_EXIT_CANCELLED);
	CHECK(is_suspended(g.vcpu[0], VM_SUSPEND_NONE));
	CHECK(is_suspended(g.vcpu[0], VM_SUSPEND_NONE));
	/* A cancel is one run's, and does not wait for the resume. */
	REQUIRE(vcpu_cancel(g.vcpu[0]) == 0);
	REQUIRE(vm_run(g.vcpu[0], &e) == 0);
	CHECK_EQ(e.reason, VM_EXIT_CANCELLED);
	CHECK(is_suspended(g.vcpu[0], VM_SUSPEND_NONE));
	REQUIRE(vm_resume_cpu(g.vcpu[0]) == 0);
	CHECK_EQ(set_of(vm_debug_cpus), 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 1));
	REQUIRE(vm_suspend_all_cpus(g.vm) == 0);
	CHECK_EQ(set_of(vm_debug_cpus), 3);
	REQUIRE(vm_resume_all_cpus(g.vm) == 0);
	CHECK_EQ(set_of(vm_debug_cpus), 0);
	CHECK_EQ(set_of(vm_suspended_cpus), 0);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 2));
}

static void
test_suspend_vm(void)
{
	struct timespec nap = { .tv_nsec = 2000000 };
	pthread_t t;

	REQUIRE(guest_enter(g.vcpu[0]) == 0);
	CHECK(vm_reinit(g.vm) == -1 && errno == EBUSY);
	CHECK(vm_suspend(g.vm, VM_SUSPEND_NONE) == -1 && errno == EINVAL);
	CHECK(vm_suspend(g.vm, VM_SUSPEND_LAST) == -1 && errno == EINVAL);
	REQUIRE(pthread_create(&t, NULL, run_once, g.vcpu[0]) == 0);
	nanosleep(&nap, NULL);
	CHECK(vm_suspend(g.vm, VM_SUSPEND_POWEROFF) == 0);
	pthread_join(t, NULL);
	CHECK_EQ(last.reason, VM_EXIT_SUSPENDED);
	CHECK_EQ(last.u.suspended.how, VM_SUSPEND_POWEROFF);
	CHECK(vm_suspend(g.vm, VM_SUSPEND_RESET) == -1 && errno == EALREADY);
	CHECK_EQ(set_of(vm_suspended_cpus), 1);
	CHECK(vm_reinit(g.vm) == -1 && errno == EBUSY);
	CHECK(is_suspended(g.vcpu[1], VM_SUSPEND_POWEROFF));
	CHECK_EQ(set_of(vm_suspended_cpus), 3);
	REQUIRE(vm_reinit(g.vm) == 0);
	CHECK_EQ(set_of(vm_suspended_cpus), 0);
	CHECK_EQ(set_of(vm_active_cpus), 3);
	REQUIRE(guest_enter_at(g.vcpu[0], WRITER));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0));
	guest_stop(&g);
}

static void
test_topology(void)
{
	struct vm_params params = { .size = sizeof(params), .ncpus = 6 };
	static const uint32_t refused[][3] = { { 0, 6, 1 }, { 1, 0, 6 },
		{ 1, 6, 0 }, { 2, 2, 2 }, { 2, 3, 1 }, { 1, 2, 3 },
		{ 65536, 65536, 6 } };
	uint32_t s = 0, c = 0, t = 0;
	size_t i;

	GUEST_NEEDS_KVM();
	g.kvm = vmm_open(NULL);
	REQUIRE(vm_create(g.kvm, &params, &g.vm) == 0);
	CHECK(vm_get_topology(g.vm, &s, &c, &t) == 0);
	CHECK(s == 1 && c == 6 && t == 1);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		CHECK(vm_set_topology(g.vm, refused[i][0], refused[i][1],
			  refused[i][2]) == -1 &&
		    errno == EINVAL);
	CHECK(vm_set_topology(g.vm, 1, 3, 2) == 0);
	CHECK(vm_get_topology(g.vm, &s, &c, &t) == 0);
	CHECK(s == 1 && c == 3 && t == 2);
	REQUIRE(vcpu_open(g.vm, 5, &g.vcpu[0]) == 0);
	CHECK(vm_set_topology(g.vm, 1, 6, 1) == -1 && errno == EBUSY);
	guest_stop(&g);
}

/* The guest tells APIC base, and 13 if it may not switch the mode on. */
static void
test_x2apic(void)
{
	static const struct {
		int set; /* -1: nothing */
		uint32_t base; /* bits 10 and 11 */
		bool may;
	} rows[] = {
		{ -1, 0x800, true },
		{ X2APIC_ENABLED, 0xc00, true },
		{ X2APIC_DISABLED, 0x800, false },
	};
	enum x2apic_state state;
	size_t i;

	GUEST_NEEDS_KVM();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		REQUIRE(guest_start(
		    &g, guest_x2apic, sizeof(guest_x2apic), VM_IRQCHIP, 1));
		if (rows[i].set == X2APIC_DISABLED) /* on and off again */
			REQUIRE(vm_set_x2apic_state(
				    g.vcpu[0], X2APIC_ENABLED) == 0);
		if (rows[i].set != -1)
			REQUIRE(vm_set_x2apic_state(g.vcpu[0],
				    (enum x2apic_state)rows[i].set) == 0);
		REQUIRE(vm_get_x2apic_state(g.vcpu[0], &state) == 0);
		CHECK_EQ(state,
		    (rows[i].base & 0x400) != 0 ? X2APIC_ENABLED
						: X2APIC_DISABLED);
		CHECK(guest_writes(g.vcpu[0], 0xf0, rows[i].base));
		CHECK(guest_writes(g.vcpu[0], 0xf1, rows[i].may ? 0 : 13));
		REQUIRE(vcpu_reset(g.vcpu[0]) == 0);
		REQUIRE(guest_enter(g.vcpu[0]) == 0);
		CHECK(guest_writes(g.vcpu[0], 0xf0, rows[i].base));
		guest_stop(&g);
	}
	REQUIRE(guest_start(&g, guest_x2apic, sizeof(guest_x2apic), 0, 1));
	CHECK(vm_get_x2apic_state(g.vcpu[0], &state) == -1 && errno == ENXIO);
	CHECK(vm_set_x2apic_state(g.vcpu[0], X2APIC_ENABLED) == -1 &&
	    errno == ENXIO);
	CHECK(vm_set_x2apic_state(g.vcpu[0], X2APIC_STATE_LAST) == -1 &&
	    errno == EINVAL);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_start);
	if (g.vm != NULL) {
		TEST(test_activate);
		TEST(test_suspend_one);
		TEST(test_suspend_vm);
	}
	TEST(test_topology);
	TEST(test_x2apic);
	return CHECK_EXIT();
}
