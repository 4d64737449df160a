/* SPDX-License-Identifier: ISC */
/*
 * A deadline ends the run it was given for, at its time and not before, also
 * when it is past; never a later one; in whatever thread the vCPU runs; and
 * together with cancels.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "guest.h"
#include "guest_spin.h"

/* ThreadSanitizer keeps a signal back until the next call that it knows. */
#ifdef __SANITIZE_THREAD__
#define SIGNALS_WAIT true
#else
#define SIGNALS_WAIT false
#endif
#define US 1000ULL
#define MS 1000000ULL
#define ROUNDS 2000
#define SAMPLES 200

#define WRITER 0x1100 /* of spin.S */

static struct guest g;

static uint64_t
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

static uint32_t
guest_count(void)
{
	uint32_t n = 0;

	(void)vm_copyout(g.vm, 0x800, &n, sizeof(n));
	return n;
}

static void
test_start(void)
{
	GUEST_NEEDS_KVM();
	REQUIRE(vmm_cancel_signal_init(0) == 0);
	CHECK(guest_start(&g, guest_spin, sizeof(guest_spin), VM_IRQCHIP, 2));
}

static void
test_ends_a_run(void)
{
	struct vm_exit e;
	uint64_t until;

	/* On a busy machine all of that time may be another's. */
	for (unsigned int i = 0; i < 100 && guest_count() == 0; i++) {
		until = now() + 20 * MS;
		REQUIRE(vm_run_until(g.vcpu[0], &e, until) == 0);
		CHECK_EQ(e.reason, VM_EXIT_DEADLINE);
		CHECK(now() >= until);
	}
	CHECK(guest_count() > 0);
	CHECK_STR(vm_exit_name(e.reason), "deadline");
}

static void
test_past(void)
{
	static const uint64_t past[] = { 0, 1, 1000 * MS };
	uint32_t before = guest_count();
	struct vm_exit e;
	size_t i;

	for (i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
		REQUIRE(vm_run_until(g.vcpu[0], &e, past[i]) == 0);
		CHECK_EQ(e.reason, VM_EXIT_DEADLINE);
	}
	CHECK_EQ(guest_count(), before);
}

/* One that waits for its SIPI: KVM_RUN sleeps in the kernel. */
static void
test_asleep(void)
{
	uint64_t until = now() + 5 * MS;
	struct vm_exit e;

	REQUIRE(vm_run_until(g.vcpu[1], &e, until) == 0);
	CHECK_EQ(e.reason, VM_EXIT_DEADLINE);
	CHECK(now() >= until);
}

static void
test_far_away(void)
{
	struct vm_exit e;

	REQUIRE(guest_enter_at(g.vcpu[0], WRITER));
	REQUIRE(vm_run_until(g.vcpu[0], &e, UINT64_MAX) == 0);
	CHECK_EQ(e.reason, VM_EXIT_PIO);
	REQUIRE(vcpu_cancel(g.vcpu[0]) == 0);
	REQUIRE(vm_run_until(g.vcpu[0], &e, UINT64_MAX) == 0);
	CHECK_EQ(e.reason, VM_EXIT_CANCELLED);
}

/*
 * Deadlines around the time that an exit takes, before KVM_RUN, in it and
 * after it; the run after each has none, and must not end by one.
 */
static void
test_never_later(void)
{
	unsigned int i, ended = 0, late = 0, wrong = 0;
	struct vm_exit e;

	REQUIRE(guest_enter_at(g.vcpu[0], WRITER));
	for (i = 0; i < ROUNDS; i++) {
		REQUIRE(
		    vm_run_until(g.vcpu[0], &e, now() + i % 100 * US / 2) == 0);
		ended += e.reason == VM_EXIT_DEADLINE;
		wrong +=
		    e.reason != VM_EXIT_DEADLINE && e.reason != VM_EXIT_PIO;
		REQUIRE(vm_run(g.vcpu[0], &e) == 0);
		late += e.reason != VM_EXIT_PIO;
	}
	printf("# %u of %u runs ended by their deadline\n", ended, ROUNDS);
	CHECK(ended > 0);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(late, 0);
}

static atomic_uint rounds;
static atomic_bool over;

/* Ends a run that misses its deadline, so that the test can say so. */
static void *
watch(void *arg)
{
	struct timespec t = { .tv_nsec = 900 * 1000 * 1000 };
	unsigned int before;

	while (!atomic_load(&over)) {
		before = atomic_load(&rounds);
		nanosleep(&t, NULL);
		if (!atomic_load(&over) && atomic_load(&rounds) == before)
			(void)vcpu_cancel(arg);
	}
	return NULL;
}

/* The guest makes no exit: each deadline must be met, however near it is. */
static void
test_never_missed(void)
{
	unsigned int i, missed = 0;
	struct vm_exit e;
	pthread_t t;

	REQUIRE(guest_enter(g.vcpu[0]) == 0);
	REQUIRE(pthread_create(&t, NULL, watch, g.vcpu[0]) == 0);
	for (i = 0; i < 2 * ROUNDS && missed == 0; i++) {
		if (vm_run_until(g.vcpu[0], &e, now() + i % 400 * 50) == -1)
			break;
		missed += e.reason != VM_EXIT_DEADLINE;
		atomic_fetch_add(&rounds, 1);
	}
	atomic_store(&over, true);
	pthread_join(t, NULL);
	CHECK_EQ(missed, 0);
	CHECK_EQ(i, 2 * ROUNDS);
}

static void *
run_in_thread(void *arg)
{
	struct vm_exit *e = arg;

	if (vm_run_until(g.vcpu[0], e, now() + 2 * MS) == -1)
		e->reason = VM_EXIT_MAX;
	return NULL;
}

/* The timer follows the vCPU from thread to thread. */
static void
test_threads(void)
{
	struct vm_exit e;
	pthread_t t;
	int i;

	REQUIRE(guest_enter(g.vcpu[0]) == 0);
	for (i = 0; i < 20; i++) {
		e.reason = VM_EXIT_MAX;
		REQUIRE(pthread_create(&t, NULL, run_in_thread, &e) == 0);
		pthread_join(t, NULL);
		CHECK_EQ(e.reason, VM_EXIT_DEADLINE);
		e.reason = VM_EXIT_MAX;
		(void)run_in_thread(&e);
		CHECK_EQ(e.reason, VM_EXIT_DEADLINE);
	}
}

static atomic_bool stop;

static void *
cancel_often(void *arg)
{
	struct timespec t = { .tv_nsec = 50000 };

	while (!atomic_load(&stop)) {
		(void)vcpu_cancel(arg);
		nanosleep(&t, NULL);
	}
	return NULL;
}

static void
test_with_cancels(void)
{
	unsigned int i, cancelled = 0, ended = 0;
	struct vm_exit e;
	pthread_t t;

	REQUIRE(guest_enter(g.vcpu[0]) == 0);
	REQUIRE(pthread_create(&t, NULL, cancel_often, g.vcpu[0]) == 0);
	for (i = 0; i < 500; i++) {
		if (vm_run_until(g.vcpu[0], &e, now() + 100 * US) == -1)
			break;
		cancelled += e.reason == VM_EXIT_CANCELLED;
		ended += e.reason == VM_EXIT_DEADLINE;
	}
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	CHECK_EQ(i, 500);
	CHECK_EQ(cancelled + ended, 500);
	CHECK(cancelled > 0);
	printf("# %u cancelled, %u by deadline\n", cancelled, ended);
	(void)vm_run_until(g.vcpu[0], &e, now());
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
test_how_late(void)
{
	uint64_t late[SAMPLES], until;
	struct vm_exit e;
	int i;

	REQUIRE(guest_enter(g.vcpu[0]) == 0);
	for (i = 0; i < SAMPLES; i++) {
		until = now() + 500 * US;
		REQUIRE(vm_run_until(g.vcpu[0], &e, until) == 0);
		late[i] = now() - until;
		CHECK_EQ(e.reason, VM_EXIT_DEADLINE);
		CHECK(late[i] < INT64_MAX); /* not early */
	}
	qsort(late, SAMPLES, sizeof(late[0]), by_size);
	printf("# late: p50 %llu us, p99 %llu us\n",
	    (unsigned long long)late[SAMPLES / 2] / 1000,
	    (unsigned long long)late[SAMPLES * 99 / 100] / 1000);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_start);
	if (g.vm != NULL) {
		TEST(test_ends_a_run);
		TEST(test_past);
		TEST(test_asleep);
		TEST(test_far_away);
		TEST(test_never_later);
		if (!SIGNALS_WAIT)
			TEST(test_never_missed);
		TEST(test_threads);
		TEST(test_with_cancels);
		TEST(test_how_late);
	}
	return CHECK_EXIT();
}
