/* SPDX-License-Identifier: ISC */
/*
 * The payloads of CPU, ROM, VCPU and TIME sections as bytes and as numbers.
 * Pure functions; what is decoded is hostile, and checked for all that can be
 * known without the VM.
 *
 * CPU:	0	4	entries of CPUID, at most VCPU_CPUID_MAX
 *	4	4	frequency of the TSC in kHz; 0: unknown
 *	8	8	0
 *	16	28 each	leaf, subleaf, VCPU_CPUID_*, eax, ebx, ecx, edx
 *
 * ROM:	0	8	where it begins in guest memory, page-aligned
 *	8	4	its size, whole pages
 *	12	4	where in it these bytes begin
 *	16	...	the bytes
 * A larger one comes in several sections, one after the other.
 *
 * VCPU: 0	4	its number
 *	4	4	1: it has XCR0
 *	8	4	length of the XSAVE area, a multiple of 64
 *	12	4	MSRs
 *	16	...	the members of struct vcpu_state without padding, in the
 *			order of wire_rows in machine_wire.c
 *	...		the XSAVE area in its standard format (SDM 1, 13.4);
 *			what is zero at its end is left out
 *	...	16 each	MSRs: index (4), 0 (4), value (8)
 *
 * TIME: 0	8	CLOCK_REALTIME in ns when the VM stood still
 *	8	8	kvm-clock in ns then
 *	16	8	TSC of the first vCPU then
 *	24	4	frequency of the TSC in kHz; 0: unknown
 *	28	4	flags, MACHINE_TIME_*
 */
#ifndef MACHINE_WIRE_H
#define MACHINE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "vmm.h"

#define MACHINE_ROM_HEAD 16U
#define MACHINE_ROM_END 0x100000000ULL /* no ROM lies beyond */
#define MACHINE_ROM_MAX (16U << 20) /* of all of them */
#define MACHINE_TIME_LEN 32U

struct machine_cpu {
	uint32_t count;
	uint32_t tsc_khz;
	struct vcpu_cpuid table[VCPU_CPUID_MAX];
};

/* A part of a ROM. */
struct machine_rom {
	uint64_t gpa;
	uint32_t size; /* of the whole */
	uint32_t offset;
	uint32_t len;
	const uint8_t *bytes; /* borrowed: of the payload */
};

#define MACHINE_TIME_PAUSED 0x01U /* by its user */
#define MACHINE_TIME_FLAGS MACHINE_TIME_PAUSED
struct machine_time {
	struct vm_time time;
	uint32_t tsc_khz;
	uint32_t flags;
};

/* Return the length; payload has STATE_CPU_MAX, STATE_VCPU_MAX,
 * MACHINE_TIME_LEN, MACHINE_ROM_HEAD bytes. */
size_t machine_cpu_encode(const struct machine_cpu *, uint8_t *payload);
size_t machine_vcpu_encode(
    uint32_t id, const struct vcpu_state *, uint8_t *payload);
size_t machine_time_encode(const struct machine_time *, uint8_t *payload);
/* The head only. */
size_t machine_rom_encode(const struct machine_rom *, uint8_t *payload);

/* 0, or -1 with *why (borrowed, constant) and errno EBADMSG. */
int machine_cpu_decode(
    struct machine_cpu *, const uint8_t *payload, size_t len, const char **why);
int machine_vcpu_decode(uint32_t *id, struct vcpu_state *,
    const uint8_t *payload, size_t len, const char **why);
int machine_time_decode(struct machine_time *, const uint8_t *payload,
    size_t len, const char **why);
int machine_rom_decode(
    struct machine_rom *, const uint8_t *payload, size_t len, const char **why);

#endif /* MACHINE_WIRE_H */
