/* SPDX-License-Identifier: ISC */
/*
 * The machine in a state stream, as it comes from somewhere else: payloads of
 * CPU, ROM, VCPU, TIME and DISKDATA sections.  What is taken is within its
 * limits, and is the same after it has been put and taken again.  A table of
 * CPUID is also compared with another, as with a host's, and given to another
 * vCPU.
 *
 * The first byte says which payload the rest is.
 */
#include <stdlib.h>
#include <string.h>

#include "../../libvmm/cpuid_check.h"
#include "image/state.h"
#include "image/state_disk.h"
#include "role/machine_wire.h"
#include "vmd_limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint8_t again[STATE_VCPU_MAX];

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
set_of(struct cpuid_set *set, const struct machine_cpu *cpu)
{
	set->count = 0;
	for (uint32_t i = 0; i < cpu->count; i++) {
		const struct vcpu_cpuid *e = &cpu->table[i];
		const struct cpuid_leaf l = { e->leaf, e->subleaf,
			(e->flags & VCPU_CPUID_SUBLEAF) != 0,
			{ e->eax, e->ebx, e->ecx, e->edx } };

		if (!cpuid_clashes(set, &l))
			set->leaf[set->count++] = l;
	}
}

static void
compare(const struct machine_cpu *cpu)
{
	static struct cpuid_set guest, host;
	char missing[160];
	unsigned int count;

	set_of(&guest, cpu);
	host = guest;
	/* Without a leaf 0 there is no vendor. */
	count = cpuid_check(&host, &guest, missing, sizeof(missing));
	must(count <= 1 && (count == 0) == (cpuid_find(&guest, 0, 0) != NULL));
	host.count /= 2;
	for (uint32_t i = 0; i < host.count; i++)
		host.leaf[i].reg[i % 4] ^= guest.leaf[i].reg[(i + 1) % 4];
	(void)cpuid_check(&host, &guest, missing, sizeof(missing));
	must(strlen(missing) < sizeof(missing));
	cpuid_rename(&guest, 5);
}

static void
cpu(const uint8_t *data, size_t size)
{
	static struct machine_cpu one, two;
	const char *why;
	size_t len;

	if (machine_cpu_decode(&one, data, size, &why) == -1)
		return;
	must(one.count <= VCPU_CPUID_MAX);
	len = machine_cpu_encode(&one, again);
	must(len == size && memcmp(again, data, len) == 0);
	must(machine_cpu_decode(&two, again, len, &why) == 0);
	compare(&one);
}

static void
vcpu(const uint8_t *data, size_t size)
{
	static struct vcpu_state one, two;
	uint32_t id, id2;
	const char *why;
	size_t len;

	if (machine_vcpu_decode(&id, &one, data, size, &why) == -1)
		return;
	must(one.xsave_len <= VCPU_STATE_XSAVE && one.nmsrs <= VCPU_STATE_MSRS);
	len = machine_vcpu_encode(id, &one, again);
	must(len <= size);
	must(machine_vcpu_decode(&id2, &two, again, len, &why) == 0);
	must(id == id2);
	two.xsave_len = one.xsave_len; /* its zeroes may be gone */
	must(memcmp(&one, &two, sizeof(one)) == 0);
}

static void
time_(const uint8_t *data, size_t size)
{
	struct machine_time one;
	const char *why;

	if (machine_time_decode(&one, data, size, &why) == -1)
		return;
	must(machine_time_encode(&one, again) == size);
	must(memcmp(again, data, size) == 0);
}

static void
rom(const uint8_t *data, size_t size)
{
	struct machine_rom one;
	const char *why;

	if (machine_rom_decode(&one, data, size, &why) == -1)
		return;
	must(one.gpa + one.size <= MACHINE_ROM_END && one.len > 0);
	must((uint64_t)one.offset + one.len <= one.size);
	must(one.bytes + one.len == data + size);
	must(machine_rom_encode(&one, again) == MACHINE_ROM_HEAD);
	must(memcmp(again, data, MACHINE_ROM_HEAD) == 0);
}

static void
disk(const uint8_t *data, size_t size)
{
	struct state_disk one;
	const char *why;

	if (state_disk_decode(&one, data, size, &why) == -1)
		return;
	must(one.index < VMD_DISKS_MAX && one.packing < STATE_DISK_PACKINGS);
	must(one.length > 0 && one.length <= STATE_DISK_CHUNK);
	must(one.offset + one.length <= INT64_MAX);
	must(one.data_len <= one.length &&
	    one.data + one.data_len == data + size);
	state_disk_encode(&one, again);
	must(memcmp(again, data, STATE_DISK_HEAD) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(
	    const uint8_t *, size_t) = { cpu, vcpu, time_, rom, disk };

	/* No section of these is longer. */
	if (size == 0 || size > STATE_ROM_MAX)
		return 0;
	if (data[0] % 5 < 3 && size - 1 > STATE_VCPU_MAX)
		return 0;
	kinds[data[0] % 5](data + 1, size - 1);
	return 0;
}
