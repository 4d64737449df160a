/* SPDX-License-Identifier: ISC */
/*
 * Statistics: libvmm's own counters are exact, KVM's are there with a name, a
 * kind and a unit, both are read by any thread while vCPUs run, and the time
 * in guest and host is all of the time.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"
#include "guest.h"
#include "guest_stats.h"
#include "runner.h"

#define WRITER 0x1100 /* writes to port 0x81 for ever */
#define SPINNER 0x1200 /* does not leave the guest */
#define VALUES_MAX 2048

static struct guest g;

static bool
begin(uint32_t flags, uint32_t ncpus)
{
	return guest_start(&g, guest_stats, sizeof(guest_stats), flags, ncpus);
}

/* The counter of this name; false: there is none. */
static bool
find(struct vcpu *vcpu, const char *name, struct vm_stat_desc *d)
{
	d->size = sizeof(*d);
	for (unsigned int i = 0; vm_get_stat_desc(g.vm, vcpu, i, d) == 0; i++)
		if (strcmp(d->name, name) == 0)
			return true;
	return false;
}

static uint64_t
value(struct vcpu *vcpu, const char *name)
{
	static uint64_t values[VALUES_MAX];
	struct vm_stat_desc d;
	int n = vm_get_stats(g.vm, vcpu, NULL, values, VALUES_MAX);

	if (!CHECK(find(vcpu, name, &d)) || !CHECK(n > (int)d.first))
		return UINT64_MAX;
	return values[d.first];
}

static unsigned int
count_descs(struct vcpu *vcpu)
{
	struct vm_stat_desc d = { .size = sizeof(d) };
	unsigned int n = 0;

	while (vm_get_stat_desc(g.vm, vcpu, n, &d) == 0)
		n++;
	CHECK_EQ(errno, ENOENT);
	return n;
}

/* Of one handle: each has a name of its own, and the values are all there. */
static void
check_descs(struct vcpu *vcpu)
{
	unsigned int n = count_descs(vcpu), all = 0;
	struct vm_stat_desc a = { .size = sizeof(a) }, b = a;

	for (unsigned int i = 0; i < n; i++) {
		REQUIRE(vm_get_stat_desc(g.vm, vcpu, i, &a) == 0);
		CHECK(a.name[0] != '\0' && strstr(a.name, "null") == NULL);
		CHECK(strlen(a.name) <= VM_STAT_NAME_MAX);
		CHECK(a.kind <= VM_STAT_LOG_HIST);
		CHECK(a.unit <= VM_STAT_BOOLEAN);
		CHECK(a.base == 10 || a.base == 2);
		CHECK(a.values > 0);
		all += a.values;
		for (unsigned int j = 0; j < i; j++) {
			REQUIRE(vm_get_stat_desc(g.vm, vcpu, j, &b) == 0);
			CHECK(strcmp(a.name, b.name) != 0);
			CHECK(a.first >= b.first + b.values ||
			    b.first >= a.first + a.values);
		}
	}
	CHECK_EQ(vm_get_stats(g.vm, vcpu, NULL, NULL, 0), all);
	a.size--;
	CHECK_EQ(vm_get_stat_desc(g.vm, vcpu, 0, &a), -1);
	CHECK_EQ(errno, EINVAL);
}

static void
test_descriptions(void)
{
	struct vm_stat_desc d;

	GUEST_NEEDS_KVM();
	REQUIRE(begin(VM_IRQCHIP, 2));
	check_descs(NULL);
	check_descs(g.vcpu[0]);
	CHECK_EQ(count_descs(g.vcpu[0]), count_descs(g.vcpu[1]));
	CHECK(!find(NULL, "vmm_runs", &d));
	REQUIRE(find(g.vcpu[1], "vmm_guest_time", &d));
	CHECK_EQ(d.unit, VM_STAT_SECONDS);
	CHECK_EQ(d.base, 10);
	CHECK_EQ(d.exponent, -9);
	REQUIRE(find(g.vcpu[1], "vmm_exit_pio", &d));
	CHECK_EQ(d.unit, VM_STAT_COUNT);
	CHECK_EQ(d.kind, VM_STAT_CUMULATIVE);
	guest_stop(&g);
}

/* Of the kernel's; those of 5.14 and later have it. */
static void
test_kvm_has_its_own(void)
{
	struct vm_stat_desc d;

	GUEST_NEEDS_KVM();
	REQUIRE(begin(0, 1));
	if (!find(g.vcpu[0], "exits", &d)) {
		guest_stop(&g);
		SKIP("this KVM has no binary statistics");
	}
	CHECK_EQ(d.unit, VM_STAT_COUNT);
	CHECK(find(NULL, "remote_tlb_flush", &d));
	REQUIRE(find(g.vcpu[0], "halt_wait_ns", &d));
	CHECK_EQ(d.unit, VM_STAT_SECONDS);
	CHECK_EQ(d.exponent, -9);
	REQUIRE(find(g.vcpu[0], "halt_wait_hist", &d));
	CHECK_EQ(d.kind, VM_STAT_LOG_HIST);
	CHECK(d.values > 1);
	for (unsigned int i = 0; i < 100; i++)
		REQUIRE(guest_writes(g.vcpu[0], 0x80, 0));
	CHECK(value(g.vcpu[0], "exits") >= 100);
	guest_stop(&g);
}

static void
test_exact(void)
{
	struct vm_exit e;
	unsigned int n = 0;

	GUEST_NEEDS_KVM();
	REQUIRE(begin(0, 2));
	CHECK_EQ(value(g.vcpu[0], "vmm_runs"), 0);
	do {
		REQUIRE(vm_run(g.vcpu[0], &e) == 0);
		n++;
	} while (e.reason == VM_EXIT_PIO || e.reason == VM_EXIT_MMIO);
	CHECK_EQ(n, 104);
	CHECK_EQ(value(g.vcpu[0], "vmm_runs"), 104);
	CHECK_EQ(value(g.vcpu[0], "vmm_exit_pio"), 100);
	CHECK_EQ(value(g.vcpu[0], "vmm_exit_mmio"), 3);
	CHECK_EQ(value(g.vcpu[0], "vmm_exit_halt"), 1);
	CHECK_EQ(value(g.vcpu[0], "vmm_exit_cancelled"), 0);
	CHECK_EQ(value(g.vcpu[0], "vmm_exit_unknown"), 0);
	CHECK_EQ(value(g.vcpu[0], "vmm_guest_time"), 0);
	CHECK_EQ(value(g.vcpu[0], "vmm_host_time"), 0);
	/* To complete is no run, and nothing left is no exit. */
	REQUIRE(vcpu_complete(g.vcpu[0], &e) == 0);
	CHECK_EQ(value(g.vcpu[0], "vmm_runs"), 104);
	CHECK_EQ(value(g.vcpu[0], "vmm_exit_cancelled"), 0);
	CHECK_EQ(value(g.vcpu[1], "vmm_runs"), 0);
	CHECK_EQ(value(g.vcpu[1], "vmm_exit_pio"), 0);
	guest_stop(&g);
}

/* --- cancels -------------------------------------------------------------- */

static void
test_cancels(void)
{
	struct timespec nap = { .tv_nsec = 50000000 };
	pthread_t t;

	GUEST_NEEDS_KVM();
	REQUIRE(begin(VM_IRQCHIP, 1));
	REQUIRE(vmm_cancel_signal_init(0) == 0);
	REQUIRE(guest_enter_at(g.vcpu[0], SPINNER));
	REQUIRE(vcpu_cancel(g.vcpu[0]) == 0 && vcpu_cancel(g.vcpu[0]) == 0);
	(void)run_once(g.vcpu[0]);
	CHECK_EQ(last.reason, VM_EXIT_CANCELLED);
	CHECK_EQ(value(g.vcpu[0], "vmm_cancels"), 2);
	CHECK_EQ(value(g.vcpu[0], "vmm_kicks"), 0);
	CHECK_EQ(value(g.vcpu[0], "vmm_exit_cancelled"), 1);
	REQUIRE(pthread_create(&t, NULL, run_once, g.vcpu[0]) == 0);
	while (value(g.vcpu[0], "vmm_runs") != 2)
		nanosleep(&nap, NULL);
	nanosleep(&nap, NULL);
	REQUIRE(vm_cancel_all(g.vm) == 0);
	pthread_join(t, NULL);
	CHECK_EQ(value(g.vcpu[0], "vmm_cancels"), 3);
	CHECK_EQ(value(g.vcpu[0], "vmm_kicks"), 1);
	CHECK_EQ(value(g.vcpu[0], "vmm_exit_cancelled"), 2);
	guest_stop(&g);
}

/* --- time ----------------------------------------------------------------- */

static uint64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void
test_time(void)
{
	struct timespec nap = { .tv_nsec = 30000000 }, when;
	uint64_t start, guest, host, all;
	pthread_t t;

	GUEST_NEEDS_KVM();
	REQUIRE(begin(VM_IRQCHIP, 1));
	REQUIRE(vmm_cancel_signal_init(0) == 0);
	REQUIRE(guest_enter_at(g.vcpu[0], SPINNER));
	vm_stats_time(g.vm, true);
	start = now();
	REQUIRE(pthread_create(&t, NULL, run_once, g.vcpu[0]) == 0);
	while (value(g.vcpu[0], "vmm_guest_time") == 0)
		nanosleep(&nap, NULL);
	/* A run in progress counts. */
	guest = value(g.vcpu[0], "vmm_guest_time");
	nanosleep(&nap, NULL);
	CHECK(value(g.vcpu[0], "vmm_guest_time") >= guest + 30000000);
	REQUIRE(vm_cancel_all(g.vm) == 0);
	pthread_join(t, NULL);
	guest = value(g.vcpu[0], "vmm_guest_time");
	nanosleep(&nap, NULL);
	CHECK_EQ(value(g.vcpu[0], "vmm_guest_time"), guest);
	host = value(g.vcpu[0], "vmm_host_time");
	CHECK(host >= 30000000);
	all = now() - start;
	CHECK(guest + host <= all);
	/* Switched off it stays as it is, and goes on from there. */
	vm_stats_time(g.vm, false);
	REQUIRE(guest_enter_at(g.vcpu[0], WRITER));
	REQUIRE(guest_writes(g.vcpu[0], 0x81, 0));
	host = value(g.vcpu[0], "vmm_host_time");
	nanosleep(&nap, NULL);
	CHECK_EQ(value(g.vcpu[0], "vmm_host_time"), host);
	CHECK_EQ(value(g.vcpu[0], "vmm_guest_time"), guest);
	REQUIRE(vm_get_stats(g.vm, NULL, &when, NULL, 0) >= 0);
	CHECK((uint64_t)when.tv_sec * 1000000000 + (uint64_t)when.tv_nsec >=
	    start);
	guest_stop(&g);
}

/* --- who reads ------------------------------------------------------------ */

static void
test_part(void)
{
	uint64_t values[4] = { 7, 7, 7, 7 };
	int all;

	GUEST_NEEDS_KVM();
	REQUIRE(begin(0, 1));
	all = vm_get_stats(g.vm, g.vcpu[0], NULL, values, 3);
	CHECK(all > 3);
	CHECK_EQ(values[0], 0);
	CHECK_EQ(values[3], 7);
	guest_stop(&g);
}

static void
test_descriptors(void)
{
	int before, open;

	GUEST_NEEDS_KVM();
	before = guest_count_fds();
	REQUIRE(begin(0, 2));
	open = guest_count_fds();
	for (int i = 0; i < 3; i++) {
		CHECK(vm_get_stats(g.vm, NULL, NULL, NULL, 0) >= 0);
		CHECK(vm_get_stats(g.vm, g.vcpu[0], NULL, NULL, 0) > 0);
		CHECK(vm_get_stats(g.vm, g.vcpu[1], NULL, NULL, 0) > 0);
	}
	CHECK_EQ(guest_count_fds(), open);
	guest_stop(&g);
	CHECK_EQ(guest_count_fds(), before);
}

static atomic_bool stop;
static atomic_uint wrong;

static void *
run_many(void *arg)
{
	struct vm_exit e;

	while (!atomic_load(&stop))
		if (vm_run(arg, &e) == -1)
			atomic_fetch_add(&wrong, 1);
	return NULL;
}

/* What only grows is never less than before, and belongs together. */
static void *
read_many(void *arg)
{
	uint64_t a[VALUES_MAX] = { 0 }, b[VALUES_MAX] = { 0 };
	struct vm_stat_desc runs, pio, guest, host;
	struct vcpu *vcpu = arg;
	uint64_t started = now();

	if (!find(vcpu, "vmm_runs", &runs) ||
	    !find(vcpu, "vmm_exit_pio", &pio) ||
	    !find(vcpu, "vmm_guest_time", &guest) ||
	    !find(vcpu, "vmm_host_time", &host))
		atomic_fetch_add(&wrong, 1);
	while (!atomic_load(&stop)) {
		if (vm_get_stats(g.vm, vcpu, NULL, b, VALUES_MAX) < 0 ||
		    vm_get_stats(g.vm, NULL, NULL, NULL, 0) < 0)
			atomic_fetch_add(&wrong, 1);
		if (b[runs.first] < a[runs.first] ||
		    b[pio.first] < a[pio.first] ||
		    b[guest.first] < a[guest.first] ||
		    b[host.first] < a[host.first] ||
		    b[guest.first] + b[host.first] >
			now() - started + 1000000000)
			atomic_fetch_add(&wrong, 1);
		memcpy(a, b, sizeof(a));
	}
	return NULL;
}

static void
test_while_vcpus_run(void)
{
	struct timespec nap = { .tv_nsec = 400000000 };
	pthread_t t[4];

	GUEST_NEEDS_KVM();
	REQUIRE(begin(0, 2));
	REQUIRE(guest_enter_at(g.vcpu[0], WRITER) &&
	    guest_enter_at(g.vcpu[1], WRITER));
	vm_stats_time(g.vm, true);
	atomic_store(&stop, false);
	for (int i = 0; i < 4; i++)
		REQUIRE(pthread_create(&t[i], NULL,
			    i < 2 ? run_many : read_many, g.vcpu[i % 2]) == 0);
	for (int i = 0; i < 3; i++) {
		nanosleep(&nap, NULL);
		vm_stats_time(g.vm, i % 2 != 0);
		vm_cancel_all(g.vm);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(atomic_load(&wrong), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(value(g.vcpu[i], "vmm_runs"),
		    value(g.vcpu[i], "vmm_exit_pio") +
			value(g.vcpu[i], "vmm_exit_cancelled"));
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_descriptions);
	TEST(test_kvm_has_its_own);
	TEST(test_exact);
	TEST(test_cancels);
	TEST(test_time);
	TEST(test_part);
	TEST(test_descriptors);
	TEST(test_while_vcpus_run);
	return CHECK_EXIT();
}
