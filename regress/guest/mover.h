/* SPDX-License-Identifier: ISC */
/*
 * The guest of move.S for tests that take it from VM to VM: making a VM for it,
 * running it for a while, and what it must have done by then.
 */
#ifndef MOVER_H
#define MOVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"
#include "guest.h"
#include "guest_move.h"

#define CPUS 2
#define TICKS 0x800
#define TIMER 0x804
#define ROUNDS 0x810
#define OTHERS 0x814
#define XMM 0x830
#define SLOW_S 20

static struct guest g;
static atomic_int wrong; /* what the guest wrote to port 0xf2, or 100 */

static uint32_t
word(uint64_t gpa)
{
	uint32_t value = 0;

	(void)vm_copyout(g.vm, gpa, &value, sizeof(value));
	return value;
}

static void
wait_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static void *
run(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm_exit e;

	while (vm_run(vcpu, &e) == 0 && e.reason != VM_EXIT_CANCELLED) {
		if (e.reason == VM_EXIT_PIO && e.u.pio.port == 0xf2)
			atomic_store(&wrong, e.u.pio.data[0]);
		else if (e.reason != VM_EXIT_PIO) {
			printf("# vCPU %u: %s\n", vcpu_id(vcpu),
			    vm_exit_name(e.reason));
			atomic_store(&wrong, 100);
		}
		if (atomic_load(&wrong) != 0)
			break;
	}
	/* What the last exit asked for is answered. */
	while (vcpu_complete(vcpu, &e) == 0 && e.reason != VM_EXIT_CANCELLED)
		continue;
	return NULL;
}

/* Runs until all four counters are by above their values and ms are over. */
static bool
run_for(long ms, uint32_t by)
{
	static const uint64_t at[] = { TICKS, TIMER, ROUNDS, OTHERS };
	uint32_t from[4], i, slow = 0;
	pthread_t t[CPUS];
	bool all = false;

	for (i = 0; i < 4; i++)
		from[i] = word(at[i]);
	for (i = 0; i < CPUS; i++)
		if (pthread_create(&t[i], NULL, run, g.vcpu[i]) != 0)
			return false;
	wait_ms(ms);
	while (!all && slow++ < SLOW_S * 100 && atomic_load(&wrong) == 0) {
		all = true;
		for (i = 0; i < 4; i++)
			all = all && word(at[i]) - from[i] >= by;
		if (!all)
			wait_ms(10);
	}
	(void)vm_cancel_all(g.vm);
	for (i = 0; i < CPUS; i++)
		pthread_join(t[i], NULL);
	if (!all)
		for (i = 0; i < 4; i++)
			printf("# 0x%x: %u, from %u\n", (unsigned int)at[i],
			    word(at[i]), from[i]);
	return all;
}

static bool
make(void)
{
	struct vm_params params = { .size = sizeof(params),
		.memory_bytes = GUEST_MEMORY,
		.ncpus = CPUS,
		.flags = VM_IRQCHIP | VM_PIT };

	g.kvm = vmm_open(NULL);
	if (g.kvm == -1 || vm_create(g.kvm, &params, &g.vm) == -1)
		return false;
	for (uint32_t i = 0; i < CPUS; i++)
		if (vcpu_open(g.vm, i, &g.vcpu[i]) == -1)
			return false;
	return true;
}

/* The guest from its beginning. */
static bool
begin(void)
{
	return vmm_cancel_signal_init(0) == 0 && make() &&
	    vm_copyin(g.vm, guest_move, GUEST_ENTRY, sizeof(guest_move)) == 0 &&
	    guest_enter(g.vcpu[0]) == 0;
}

static void
check_pattern(void)
{
	static const uint64_t pattern[] = { 0x0123456789abcdef,
		0xfedcba9876543210 };
	uint64_t xmm[2] = { 0, 0 };

	CHECK(vm_copyout(g.vm, XMM, xmm, sizeof(xmm)) == 0);
	CHECK(memcmp(xmm, pattern, sizeof(xmm)) == 0);
}

#endif /* MOVER_H */
