/* SPDX-License-Identifier: ISC */
/*
 * A guest of two vCPUs that goes from VM to VM, stopped wherever it is: each
 * time all of it becomes bytes, as in a state stream, the VM is destroyed, and
 * another one is made of the bytes.  Counters, registers, MSRs and XMM go on,
 * timers tick, the TSC never goes back.
 */
#include <stdlib.h>

#include "image/state.h"
#include "mover.h"
#include "role/machine_wire.h"

#define MOVES 12
#define NS_PER_MS 1000000ULL

/* A VM as bytes. */
static struct {
	uint8_t cpu[STATE_CPU_MAX], vcpu[CPUS][STATE_VCPU_MAX];
	uint8_t time[MACHINE_TIME_LEN], memory[GUEST_MEMORY];
	size_t cpu_len, vcpu_len[CPUS], chips_len;
	uint8_t *chips;
} saved;

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
test_moves(void)
{
	uint64_t zero[2] = { 0, 0 };
	struct timespec now;
	uint32_t rounds;

	GUEST_NEEDS_KVM();
	REQUIRE(begin());
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
