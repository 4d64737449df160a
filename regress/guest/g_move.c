/* SPDX-License-Identifier: ISC */
/*
 * A guest of two vCPUs that goes from VM to VM, stopped wherever it is: each
 * time all of it becomes bytes, as in a state stream, the VM is destroyed, and
 * another one is made of the bytes.  Counters, registers, MSRs and XMM go on,
 * timers tick, the TSC never goes back.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "guest.h"
#include "guest_move.h"
#include "image/state.h"
#include "role/machine_wire.h"

#define CPUS 2
#define MOVES 12
#define NS_PER_MS 1000000ULL
#define TICKS 0x800
#define TIMER 0x804
#define ROUNDS 0x810
#define OTHERS 0x814
#define XMM 0x830
#define SLOW_S 20

static struct guest g;
static atomic_int wrong; /* what the guest wrote to port 0xf2, or 100 */

/* A VM as bytes. */
static struct {
	uint8_t cpu[STATE_CPU_MAX], vcpu[CPUS][STATE_VCPU_MAX];
	uint8_t time[MACHINE_TIME_LEN], memory[GUEST_MEMORY];
	size_t cpu_len, vcpu_len[CPUS], chips_len;
	uint8_t *chips;
} saved;

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
save(void)
{
	static struct vcpu_state state;
	static struct machine_cpu cpu;
	struct machine_time time = { .flags = 0 };
	int n;

	if (vm_get_time(g.vm, &time.time) == -1 ||
	    vm_get_tsc_khz(g.vm, &cpu.tsc_khz) == -1 ||
	    vm_copyout(g.vm, 0, saved.memory, GUEST_MEMORY) == -1)
		return false;
	n = vcpu_get_cpuid_table(g.vcpu[0], cpu.table, VCPU_CPUID_MAX);
	cpu.count = (uint32_t)n;
	saved.cpu_len = machine_cpu_encode(&cpu, saved.cpu);
	machine_time_encode(&time, saved.time);
	for (uint32_t i = 0; i < CPUS; i++) {
		if (vcpu_get_state(g.vcpu[i], &state) == -1)
			return false;
		saved.vcpu_len[i] =
		    machine_vcpu_encode(i, &state, saved.vcpu[i]);
	}
	free(saved.chips);
	return vm_get_chips(g.vm, NULL, &saved.chips_len) == 0 &&
	    (saved.chips = malloc(saved.chips_len)) != NULL &&
	    vm_get_chips(g.vm, saved.chips, &saved.chips_len) == 0;
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

static bool
load_cpuid(void)
{
	static struct machine_cpu cpu;
	char missing[200];
	const char *why;

	if (machine_cpu_decode(&cpu, saved.cpu, saved.cpu_len, &why) == -1)
		return false;
	if (vm_check_cpuid(
		g.vm, cpu.table, cpu.count, missing, sizeof(missing)) == -1) {
		printf("# missing: %s\n", missing);
		return false;
	}
	if (cpu.tsc_khz != 0 && vm_set_tsc_khz(g.vm, cpu.tsc_khz) == -1)
		return false;
	for (uint32_t i = 0; i < CPUS; i++)
		if (vcpu_set_cpuid_table(g.vcpu[i], cpu.table, cpu.count) == -1)
			return false;
	return true;
}

static bool
load(uint64_t advance_ns)
{
	static struct vcpu_state state[CPUS];
	const struct vcpu_state *states[CPUS];
	struct vm_machine machine = { .vcpu = states,
		.nvcpus = CPUS,
		.chips = saved.chips,
		.chips_len = saved.chips_len };
	struct machine_time time;
	char reason[VMM_REASON_MAX];
	const char *why = "";
	uint32_t id;

	for (uint32_t i = 0; i < CPUS; i++) {
		if (machine_vcpu_decode(&id, &state[i], saved.vcpu[i],
			saved.vcpu_len[i], &why) == -1 ||
		    id != i)
			goto bad;
		states[i] = &state[i];
	}
	if (machine_time_decode(&time, saved.time, MACHINE_TIME_LEN, &why) ==
	    -1)
		goto bad;
	machine.time = time.time;
	if (vm_copyin(g.vm, saved.memory, 0, GUEST_MEMORY) == -1)
		goto bad;
	if (vm_set_machine(g.vm, &machine, reason) == -1) {
		printf("# %s\n", reason);
		return false;
	}
	return vm_set_time(g.vm, &time.time, advance_ns) == 0;
bad:
	printf("# %s\n", why);
	return false;
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

static void
test_moves(void)
{
	uint64_t zero[2] = { 0, 0 };
	struct timespec now;
	uint32_t rounds;

	GUEST_NEEDS_KVM();
	REQUIRE(vmm_cancel_signal_init(0) == 0);
	REQUIRE(make());
	REQUIRE(
	    vm_copyin(g.vm, guest_move, GUEST_ENTRY, sizeof(guest_move)) == 0 &&
	    guest_enter(g.vcpu[0]) == 0);
	CHECK(run_for(1, 3));
	for (int i = 0; i < MOVES; i++) {
		rounds = word(ROUNDS);
		REQUIRE(save());
		guest_stop(&g);
		REQUIRE(make());
		REQUIRE(load_cpuid() && load(i % 3 * 40 * NS_PER_MS));
		CHECK_EQ(word(ROUNDS), rounds);
		REQUIRE(vm_copyin(g.vm, zero, XMM, sizeof(zero)) == 0);
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		CHECK(run_for(now.tv_nsec / 1000 % 15, 3));
		CHECK_EQ(atomic_load(&wrong), 0);
		check_pattern();
	}
	guest_stop(&g);
	free(saved.chips);
	saved.chips = NULL;
}

int
main(void)
{
	TEST(test_moves);
	return CHECK_EXIT();
}
