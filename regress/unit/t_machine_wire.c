/* SPDX-License-Identifier: ISC */
/*
 * The payloads of CPU, ROM, VCPU and TIME: what is encoded is decoded, and
 * everything that is cut off, too long or impossible is refused.
 */
#include "role/machine_wire.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "image/state.h"
#include "image/state_wire.h"

static struct machine_cpu cpu, cpu2;
static struct vcpu_state state, state2;
static uint8_t payload[STATE_VCPU_MAX];
static const char *why;

/* Fills with what is different everywhere. */
static void
fill(void *p, size_t len, unsigned int seed)
{
	uint8_t *bytes = p;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(seed + i * 37 + i / 256);
}

static void
sample_state(void)
{
	memset(&state, 0, sizeof(state));
	fill(&state.regs, sizeof(state.regs), 1);
	state.sregs.cs = (struct vcpu_seg) { 0x1111, 0x2222, 0x1009b, 0x33 };
	state.sregs.tr = (struct vcpu_seg) { 0x4444, 0x5555, 0x8b, 0x66 };
	state.sregs.idtr = (struct vcpu_table) { 0x7777, 0x888 };
	state.sregs.cr0 = 0x80000011;
	state.sregs.apic_base = 0xfee00d00;
	fill(&state.debug, sizeof(state.debug), 9);
	state.events.exception_nr = 14;
	state.events.exception_error = 0x99;
	state.events.nmi_masked = 1;
	state.events.interrupt_shadow = 2;
	state.events.sipi_vector = 2;
	state.has_xcr0 = true;
	state.xcr0 = 7;
	state.tsc_ahead = -5;
	state.xsave_len = 4096;
	fill(state.xsave, 900, 3);
	state.xsave[899] = 1;
	state.nmsrs = 3;
	for (uint32_t i = 0; i < state.nmsrs; i++)
		state.msr[i] =
		    (struct vcpu_msr) { 0xc0000080 + i, (uint64_t)i << 40 };
}

static void
vcpu_there_and_back(void)
{
	uint32_t id = 0;
	size_t len;

	sample_state();
	len = machine_vcpu_encode(7, &state, payload);
	/* 900 bytes of the area, in whole 64. */
	CHECK_EQ(state_get32(payload + 8), 960);
	REQUIRE(machine_vcpu_decode(&id, &state2, payload, len, &why) == 0);
	CHECK_EQ(id, 7);
	CHECK_EQ(state2.xsave_len, 960);
	state2.xsave_len = state.xsave_len;
	CHECK(memcmp(&state2.regs, &state.regs, sizeof(state.regs)) == 0);
	CHECK_EQ(state2.sregs.cs.base, 0x1111);
	CHECK_EQ(state2.sregs.cs.limit, 0x2222);
	CHECK_EQ(state2.sregs.cs.access, 0x1009b);
	CHECK_EQ(state2.sregs.cs.selector, 0x33);
	CHECK_EQ(state2.sregs.tr.selector, 0x66);
	CHECK_EQ(state2.sregs.idtr.base, 0x7777);
	CHECK_EQ(state2.sregs.idtr.limit, 0x888);
	CHECK_EQ(state2.sregs.cr0, 0x80000011);
	CHECK_EQ(state2.sregs.apic_base, 0xfee00d00);
	CHECK(memcmp(&state2.debug, &state.debug, sizeof(state.debug)) == 0);
	CHECK(memcmp(&state2.events, &state.events, sizeof(state.events)) == 0);
	CHECK(state2.has_xcr0 && state2.xcr0 == 7 && state2.tsc_ahead == -5);
	CHECK(memcmp(state2.xsave, state.xsave, sizeof(state.xsave)) == 0);
	CHECK_EQ(state2.nmsrs, 3);
	CHECK_EQ(state2.msr[2].index, 0xc0000082);
	CHECK_EQ(state2.msr[2].value, 2ULL << 40);
}

/* The numbers' places are PROTOCOL's; another order is another version. */
static void
vcpu_has_places(void)
{
	sample_state();
	state.regs.rax = 0x0102030405060708;
	state.regs.rflags = 0x202;
	(void)machine_vcpu_encode(1, &state, payload);
	CHECK_EQ(payload[16], 8); /* rax, lowest byte first */
	CHECK_EQ(payload[23], 1);
	CHECK_EQ(state_get64(payload + 16 + 17 * 8), 0x202);
	/* cs is the second segment of 18 bytes. */
	CHECK_EQ(state_get64(payload + 16 + 144 + 18), 0x1111);
	CHECK_EQ(state_get16(payload + 16 + 144 + 18 + 16), 0x33);
	/* XCR0 after segments, tables, control and debug registers. */
	CHECK_EQ(state_get64(payload + 16 + 144 + 144 + 20 + 56 + 48), 7);
}

static void
vcpu_full(void)
{
	uint32_t id;
	size_t len;

	sample_state();
	state.nmsrs = VCPU_STATE_MSRS;
	state.xsave_len = VCPU_STATE_XSAVE;
	state.xsave[VCPU_STATE_XSAVE - 1] = 1;
	len = machine_vcpu_encode(0, &state, payload);
	CHECK(len <= STATE_VCPU_MAX);
	CHECK_EQ(machine_vcpu_decode(&id, &state2, payload, len, &why), 0);
	/* And an area with nothing in it. */
	memset(state.xsave, 0, sizeof(state.xsave));
	len = machine_vcpu_encode(0, &state, payload);
	CHECK_EQ(state_get32(payload + 8), 576);
	CHECK_EQ(machine_vcpu_decode(&id, &state2, payload, len, &why), 0);
}

static void
vcpu_cut_off(void)
{
	uint32_t id;
	size_t len, i;

	sample_state();
	len = machine_vcpu_encode(7, &state, payload);
	for (i = 0; i < len; i++) {
		uint8_t *part = malloc(i + 1);

		REQUIRE(part != NULL);
		memcpy(part, payload, i);
		CHECK(machine_vcpu_decode(&id, &state2, part, i, &why) == -1 &&
		    errno == EBADMSG);
		free(part);
	}
	CHECK_EQ(machine_vcpu_decode(&id, &state2, payload, len + 1, &why), -1);
}

/* A number at its place that no vCPU has. */
static void
vcpu_impossible(void)
{
	static const struct {
		size_t at;
		uint32_t value;
	} rows[] = {
		{ 4, 2 }, /* flags */
		{ 8, 0 }, /* length of the area: too short, not whole, ... */
		{ 8, 512 },
		{ 8, 961 },
		{ 8, VCPU_STATE_XSAVE + 64 },
		{ 8, 0xffffffc0 },
		{ 12, VCPU_STATE_MSRS + 1 },
		{ 12, 0xffffffff },
		{ 12, 2 }, /* the last one would be behind the end */
		{ 12, 4 },
	};
	const size_t events = 16 + 144 + 144 + 20 + 56 + 48 + 16;
	uint32_t id;
	size_t len, i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sample_state();
		len = machine_vcpu_encode(7, &state, payload);
		state_put32(payload + rows[i].at, rows[i].value);
		CHECK_EQ(
		    machine_vcpu_decode(&id, &state2, payload, len, &why), -1);
		CHECK_EQ(errno, EBADMSG);
	}
	/* Each byte of the events. */
	for (i = 0; i < 24; i++) {
		if (i >= 4 && i < 8) /* the error code: any */
			continue;
		if (i == 9) /* the vector of an interrupt: any */
			continue;
		sample_state();
		len = machine_vcpu_encode(7, &state, payload);
		payload[events + i] = i == 20 ? 0 : 0xff;
		payload[events + 21] = i == 20 ? 1 : payload[events + 21];
		CHECK_EQ(
		    machine_vcpu_decode(&id, &state2, payload, len, &why), -1);
	}
	/* What is 0 beside an MSR's index. */
	sample_state();
	len = machine_vcpu_encode(7, &state, payload);
	payload[len - 9] = 1;
	CHECK_EQ(machine_vcpu_decode(&id, &state2, payload, len, &why), -1);
}

/* Whatever bit is wrong, a decoder returns; what it takes is a vCPU. */
static void
vcpu_bits(void)
{
	uint32_t id;
	size_t len, i;

	sample_state();
	len = machine_vcpu_encode(7, &state, payload);
	for (i = 0; i < len * 8; i++) {
		payload[i / 8] ^= (uint8_t)(1U << i % 8);
		if (machine_vcpu_decode(&id, &state2, payload, len, &why) == 0)
			CHECK(state2.xsave_len <= VCPU_STATE_XSAVE &&
			    state2.nmsrs <= VCPU_STATE_MSRS);
		payload[i / 8] ^= (uint8_t)(1U << i % 8);
	}
}

static size_t
sample_cpu(void)
{
	memset(&cpu, 0, sizeof(cpu));
	cpu.count = 3;
	cpu.tsc_khz = 2600000;
	for (uint32_t i = 0; i < cpu.count; i++)
		cpu.table[i] = (struct vcpu_cpuid) { 0x80000000 + i, i,
			i == 1 ? VCPU_CPUID_SUBLEAF : 0, i + 1, i + 2, i + 3,
			i + 4 };
	return machine_cpu_encode(&cpu, payload);
}

static void
cpu_both_ways(void)
{
	size_t len = sample_cpu(), i;

	CHECK_EQ(len, 16 + 3 * 28);
	REQUIRE(machine_cpu_decode(&cpu2, payload, len, &why) == 0);
	CHECK_EQ(cpu2.count, 3);
	CHECK_EQ(cpu2.tsc_khz, 2600000);
	CHECK(memcmp(cpu.table, cpu2.table, 3 * sizeof(cpu.table[0])) == 0);
	for (i = 0; i < len; i++)
		CHECK(machine_cpu_decode(&cpu2, payload, i, &why) == -1);
	CHECK_EQ(machine_cpu_decode(&cpu2, payload, len + 28, &why), -1);
	state_put32(payload, 4);
	CHECK_EQ(machine_cpu_decode(&cpu2, payload, len, &why), -1);
	state_put32(payload, 0);
	CHECK_EQ(machine_cpu_decode(&cpu2, payload, 16, &why), -1);
	state_put32(payload, VCPU_CPUID_MAX + 1);
	CHECK_EQ(machine_cpu_decode(
		     &cpu2, payload, 16 + (VCPU_CPUID_MAX + 1) * 28, &why),
	    -1);
	len = sample_cpu();
	payload[16 + 8 + 3] = 1; /* flags */
	CHECK_EQ(machine_cpu_decode(&cpu2, payload, len, &why), -1);
	len = sample_cpu();
	payload[15] = 1;
	CHECK_EQ(machine_cpu_decode(&cpu2, payload, len, &why), -1);
}

static void
time_both_ways(void)
{
	const struct machine_time time = { { 1709251198ULL * 1000000000,
					       12345678901, 998877665544 },
		2600000, MACHINE_TIME_PAUSED };
	struct machine_time back;

	CHECK_EQ(machine_time_encode(&time, payload), MACHINE_TIME_LEN);
	REQUIRE(
	    machine_time_decode(&back, payload, MACHINE_TIME_LEN, &why) == 0);
	CHECK(memcmp(&time, &back, sizeof(time)) == 0);
	for (size_t i = 0; i < 64; i++)
		if (i != MACHINE_TIME_LEN)
			CHECK_EQ(
			    machine_time_decode(&back, payload, i, &why), -1);
	payload[28] = 2;
	CHECK_EQ(
	    machine_time_decode(&back, payload, MACHINE_TIME_LEN, &why), -1);
	payload[28] = 0;
	payload[15] = 0x40; /* kvm-clock in 146 years */
	CHECK_EQ(
	    machine_time_decode(&back, payload, MACHINE_TIME_LEN, &why), -1);
	payload[15] = 0;
	payload[7] = 0x80;
	CHECK_EQ(
	    machine_time_decode(&back, payload, MACHINE_TIME_LEN, &why), -1);
}

static void
rom_both_ways(void)
{
	static const struct {
		uint64_t gpa;
		uint32_t size, offset, len;
		bool ok;
	} rows[] = {
		{ 0xffffe000, 0x2000, 0, 0x2000, true },
		{ 0xffffe000, 0x2000, 0x1ff0, 0x10, true },
		{ 0xff000000, MACHINE_ROM_MAX, 0, 1, true },
		{ 0xffffe000, 0x2000, 0x1ff0, 0x11, false }, /* too many */
		{ 0xffffe000, 0x2000, 0x2001, 1, false },
		{ 0xffffe000, 0x2000, 0xffffffff, 1, false },
		{ 0xffffe000, 0x2000, 0, 0, false }, /* nothing */
		{ 0xffffe000, 0x3000, 0, 1, false }, /* beyond 4 GiB */
		{ 0x100000000, 0x1000, 0, 1, false },
		{ 0xfffffffffffff000, 0x1000, 0, 1, false },
		{ 0xffffe800, 0x1000, 0, 1, false }, /* no whole pages */
		{ 0xffffe000, 0x1800, 0, 1, false },
		{ 0xffffe000, 0, 0, 1, false },
		{ 0xfe000000, MACHINE_ROM_MAX + 0x1000, 0, 1, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct machine_rom rom = { .gpa = rows[i].gpa,
			.size = rows[i].size,
			.offset = rows[i].offset };
		struct machine_rom back;
		size_t len = machine_rom_encode(&rom, payload) + rows[i].len;
		int rc = machine_rom_decode(&back, payload, len, &why);

		CHECK_EQ(rc == 0, rows[i].ok);
		if (rc == 0)
			CHECK(back.gpa == rom.gpa && back.size == rom.size &&
			    back.offset == rom.offset &&
			    back.len == rows[i].len &&
			    back.bytes == payload + MACHINE_ROM_HEAD);
	}
	for (size_t i = 0; i <= MACHINE_ROM_HEAD; i++) {
		struct machine_rom back;

		CHECK_EQ(machine_rom_decode(&back, payload, i, &why), -1);
	}
}

int
main(void)
{
	TEST(vcpu_there_and_back);
	TEST(vcpu_has_places);
	TEST(vcpu_full);
	TEST(vcpu_cut_off);
	TEST(vcpu_impossible);
	TEST(vcpu_bits);
	TEST(cpu_both_ways);
	TEST(time_both_ways);
	TEST(rom_both_ways);
	return CHECK_EXIT();
}
