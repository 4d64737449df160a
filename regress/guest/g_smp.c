/* SPDX-License-Identifier: ISC */
/*
 * Four vCPUs, each in a thread: the boot processor starts the others by INIT
 * and SIPI; they see different APIC ids and one memory.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "guest.h"
#include "guest_smp.h"

static struct guest g;
static atomic_uint ids; /* bit: this APIC id said hello */
static atomic_uint count; /* what the boot processor counted */
static atomic_int wrong; /* exits that should not be */

static void *
run(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm_exit e;

	for (;;) {
		if (vm_run(vcpu, &e) == -1) {
			atomic_fetch_add(&wrong, 1);
			return NULL;
		}
		if (e.reason == VM_EXIT_CANCELLED)
			return NULL;
		if (e.reason != VM_EXIT_PIO || !e.u.pio.write) {
			printf("# vCPU %u: %s\n", vcpu_id(vcpu),
			    vm_exit_name(e.reason));
			atomic_fetch_add(&wrong, 1);
			return NULL;
		}
		if (e.u.pio.port == 0xf1) {
			if (e.u.pio.data[0] != vcpu_id(vcpu))
				atomic_fetch_add(&wrong, 1);
			atomic_fetch_or(&ids, 1U << e.u.pio.data[0]);
		} else if (e.u.pio.port == 0xf0) {
			atomic_store(&count, e.u.pio.data[0]);
			(void)vm_cancel_all(g.vm);
		}
	}
}

static void
test_smp(void)
{
	pthread_t t[GUEST_CPUS];
	uint32_t i;

	GUEST_NEEDS_KVM();
	REQUIRE(vmm_cancel_signal_init(0) == 0);
	REQUIRE(guest_start(
	    &g, guest_smp, sizeof(guest_smp), VM_IRQCHIP, GUEST_CPUS));
	for (i = 0; i < GUEST_CPUS; i++)
		REQUIRE(pthread_create(&t[i], NULL, run, g.vcpu[i]) == 0);
	for (i = 0; i < GUEST_CPUS; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(atomic_load(&wrong), 0);
	CHECK_EQ(atomic_load(&ids), 0xe);
	CHECK_EQ(atomic_load(&count), 3);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_smp);
	return CHECK_EXIT();
}
