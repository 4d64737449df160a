/* SPDX-License-Identifier: ISC */
/*
 * The rule of a cancel: it ends the run in progress or the very next one, and
 * never a later one; it reaches a vCPU that spins, that halts and that waits
 * for its SIPI; other signals do not end a run.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"
#include "guest.h"
#include "guest_spin.h"
#include "runner.h"

#define ROUNDS 500

#define WRITER 0x1100 /* of spin.S */

static struct guest g;

static void
nap(void)
{
	struct timespec t = { .tv_nsec = 200000 };

	nanosleep(&t, NULL);
}

/* Whether the guest's counter moved on. */
static bool
guest_spins(void)
{
	uint32_t a = 0, b = 0;
	int i;

	(void)vm_copyout(g.vm, 0x800, &a, sizeof(a));
	for (i = 0; i < 5000; i++) {
		(void)vm_copyout(g.vm, 0x800, &b, sizeof(b));
		if (a != b)
			return true;
		nap();
	}
	return false;
}

static void
test_start(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(vmm_cancel_signal_init(0) == 0);
	CHECK(guest_start(&g, guest_spin, sizeof(guest_spin), VM_IRQCHIP, 2));
}

static void
test_before_run(void)
{
	struct vm_exit e;

	REQUIRE(guest_enter_at(g.vcpu[0], WRITER));
	REQUIRE(vcpu_cancel(g.vcpu[0]) == 0);
	REQUIRE(vcpu_cancel(g.vcpu[0]) == 0); /* two are one */
	REQUIRE(vm_run(g.vcpu[0], &e) == 0);
	CHECK_EQ(e.reason, VM_EXIT_CANCELLED);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 0));
	CHECK(guest_writes(g.vcpu[0], 0xf0, 1));
}

/* A cancel between an exit and its completion waits for the next run. */
static void
test_complete_keeps_it(void)
{
	struct vm_exit e;

	REQUIRE(vcpu_cancel(g.vcpu[0]) == 0);
	REQUIRE(vcpu_complete(g.vcpu[0], &e) == 0);
	REQUIRE(vm_run(g.vcpu[0], &e) == 0);
	CHECK_EQ(e.reason, VM_EXIT_CANCELLED);
	CHECK(guest_writes(g.vcpu[0], 0xf0, 2));
}

static void
test_in_progress(void)
{
	pthread_t t;

	REQUIRE(guest_enter(g.vcpu[0]) == 0);
	REQUIRE(pthread_create(&t, NULL, run_once, g.vcpu[0]) == 0);
	CHECK(guest_spins());
	CHECK(vcpu_cancel(g.vcpu[0]) == 0);
	pthread_join(t, NULL);
	CHECK_EQ(last.reason, VM_EXIT_CANCELLED);
}

static void
ignore(int signo)
{
	(void)signo;
}

static void
test_other_signal(void)
{
	struct sigaction sa = { .sa_handler = ignore };
	pthread_t t;
	int i;

	REQUIRE(sigaction(SIGUSR1, &sa, NULL) == 0);
	REQUIRE(guest_enter(g.vcpu[0]) == 0);
	atomic_store(&ended, false);
	REQUIRE(pthread_create(&t, NULL, run_once, g.vcpu[0]) == 0);
	for (i = 0; i < 20; i++) {
		CHECK(guest_spins());
		pthread_kill(t, SIGUSR1);
	}
	CHECK(guest_spins());
	CHECK(!atomic_load(&ended));
	CHECK(vm_cancel_all(g.vm) == 0);
	pthread_join(t, NULL);
	CHECK_EQ(last.reason, VM_EXIT_CANCELLED);
	/* vm_cancel_all() also waits for the other vCPU's next run. */
	REQUIRE(vm_run(g.vcpu[1], &last) == 0);
	CHECK_EQ(last.reason, VM_EXIT_CANCELLED);
}

static void
test_waiting_for_sipi(void)
{
	pthread_t t;
	int i;

	atomic_store(&ended, false);
	REQUIRE(pthread_create(&t, NULL, run_once, g.vcpu[1]) == 0);
	for (i = 0; i < 25; i++)
		nap();
	CHECK(!atomic_load(&ended));
	CHECK(vcpu_cancel(g.vcpu[1]) == 0);
	pthread_join(t, NULL);
	CHECK_EQ(last.reason, VM_EXIT_CANCELLED);
}

/* --- many cancels against many exits ------------------------------------- */

static atomic_uint runs; /* runs begun */
static atomic_uint cancelled; /* runs ended by a cancel */
static atomic_uint hit; /* the number of the run that was */
static atomic_bool stop;
static atomic_int failed;

static void *
run_many(void *arg)
{
	struct vm_exit e;

	while (!atomic_load(&stop)) {
		unsigned int n = atomic_fetch_add(&runs, 1) + 1;

		if (vm_run(arg, &e) == -1)
			atomic_fetch_add(&failed, 1);
		else if (e.reason == VM_EXIT_CANCELLED) {
			atomic_store(&hit, n);
			atomic_fetch_add(&cancelled, 1);
		} else if (e.reason != VM_EXIT_PIO)
			atomic_fetch_add(&failed, 1);
	}
	return NULL;
}

static void
test_never_later(void)
{
	unsigned int i, before, after, late = 0, early = 0;
	pthread_t t;

	REQUIRE(guest_enter_at(g.vcpu[0], WRITER));
	REQUIRE(pthread_create(&t, NULL, run_many, g.vcpu[0]) == 0);
	for (i = 0; i < ROUNDS; i++) {
		before = atomic_load(&runs);
		if (vcpu_cancel(g.vcpu[0]) == -1)
			atomic_fetch_add(&failed, 1);
		after = atomic_load(&runs);
		while (atomic_load(&cancelled) != i + 1)
			sched_yield();
		if (atomic_load(&hit) > after + 1)
			late++;
		if (atomic_load(&hit) < before)
			early++;
	}
	before = atomic_load(&runs);
	while (atomic_load(&runs) < before + 50)
		sched_yield();
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	CHECK_EQ(late, 0);
	CHECK_EQ(early, 0);
	CHECK_EQ(atomic_load(&failed), 0);
	CHECK_EQ(atomic_load(&cancelled), ROUNDS);
	printf("# %u cancels in %u runs\n", ROUNDS, atomic_load(&runs));
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_start);
	if (g.vm != NULL) {
		TEST(test_before_run);
		TEST(test_complete_keeps_it);
		TEST(test_in_progress);
		TEST(test_other_signal);
		TEST(test_waiting_for_sipi);
		TEST(test_never_later);
	}
	return CHECK_EXIT();
}
