/* SPDX-License-Identifier: ISC */
/*
 * Payloads of the sections that hold the machine; see machine_wire.h.  Runs in
 * the VM process.  Numbers are little endian, of fixed width and without
 * padding.
 */
#include "role/machine_wire.h"

#include <errno.h>
#include <string.h>

#include "image/state.h"
#include "image/state_wire.h"

#define CPU_HEAD 16U
#define CPU_ENTRY 28U
#define VCPU_HEAD 16U
#define VCPU_HAS_XCR0 0x01U
#define VCPU_MSR 16U
#define XSAVE_UNIT 64U
#define XSAVE_MIN 576U /* what FXSAVE stores, and the header */
#define PAGE 4096U

/* Numbers of one width that lie one after the other in struct vcpu_state. */
static const struct wire_row {
	size_t offset;
	unsigned int width;
	unsigned int count;
} wire_rows[] = {
#define ROW(member, width, count)                                 \
	{                                                         \
		offsetof(struct vcpu_state, member), width, count \
	}
#define SEGMENT(s)                                         \
	ROW(sregs.s.base, 8, 1), ROW(sregs.s.limit, 4, 1), \
	    ROW(sregs.s.access, 4, 1), ROW(sregs.s.selector, 2, 1)
#define TABLE(t) ROW(sregs.t.base, 8, 1), ROW(sregs.t.limit, 2, 1)
	ROW(regs, 8, 18), /* rax ... rflags */
	SEGMENT(es),
	SEGMENT(cs),
	SEGMENT(ss),
	SEGMENT(ds),
	SEGMENT(fs),
	SEGMENT(gs),
	SEGMENT(ldtr),
	SEGMENT(tr),
	TABLE(gdtr),
	TABLE(idtr),
	ROW(sregs.cr0, 8, 7), /* cr0 ... apic_base */
	ROW(debug, 8, 6), /* db[4], dr6, dr7 */
	ROW(xcr0, 8, 1),
	ROW(tsc_ahead, 8, 1),
	ROW(events.exception_injected, 1, 4), /* ... exception_pending */
	ROW(events.exception_error, 4, 1),
	ROW(events.interrupt_injected, 1, 12), /* ... zero */
	ROW(events.sipi_vector, 4, 1),
};
#define ROWS (sizeof(wire_rows) / sizeof(wire_rows[0]))

_Static_assert(sizeof(struct vcpu_regs) == (size_t)18 * 8, "regs");
_Static_assert(sizeof(struct vcpu_debugregs) == (size_t)6 * 8, "debugregs");
_Static_assert(
    offsetof(struct vcpu_sregs, apic_base) - offsetof(struct vcpu_sregs, cr0) ==
	(size_t)6 * 8,
    "control registers");
_Static_assert(offsetof(struct vcpu_events, exception_error) == 4, "events");
_Static_assert(offsetof(struct vcpu_events, sipi_vector) -
	    offsetof(struct vcpu_events, interrupt_injected) ==
	12,
    "events");

static int
wire_bad(const char **why, const char *text)
{
	*why = text;
	errno = EBADMSG;
	return -1;
}

/* --- CPU ------------------------------------------------------------------ */

size_t
machine_cpu_encode(const struct machine_cpu *cpu, uint8_t *payload)
{
	uint8_t *p = payload + CPU_HEAD;

	memset(payload, 0, CPU_HEAD);
	state_put32(payload, cpu->count);
	state_put32(payload + 4, cpu->tsc_khz);
	for (uint32_t i = 0; i < cpu->count; i++, p += CPU_ENTRY) {
		const struct vcpu_cpuid *e = &cpu->table[i];

		state_put32(p, e->leaf);
		state_put32(p + 4, e->subleaf);
		state_put32(p + 8, e->flags);
		state_put32(p + 12, e->eax);
		state_put32(p + 16, e->ebx);
		state_put32(p + 20, e->ecx);
		state_put32(p + 24, e->edx);
	}
	return (size_t)(p - payload);
}

int
machine_cpu_decode(struct machine_cpu *cpu, const uint8_t *payload, size_t len,
    const char **why)
{
	const uint8_t *p = payload + CPU_HEAD;

	if (len < CPU_HEAD || !state_is_zero(payload + 8, 8))
		return wire_bad(why, "a head that is none");
	cpu->count = state_get32(payload);
	cpu->tsc_khz = state_get32(payload + 4);
	if (cpu->count == 0 || cpu->count > VCPU_CPUID_MAX ||
	    len != CPU_HEAD + (size_t)cpu->count * CPU_ENTRY)
		return wire_bad(why, "a number of entries that does not fit");
	for (uint32_t i = 0; i < cpu->count; i++, p += CPU_ENTRY) {
		struct vcpu_cpuid *e = &cpu->table[i];

		e->leaf = state_get32(p);
		e->subleaf = state_get32(p + 4);
		e->flags = state_get32(p + 8);
		e->eax = state_get32(p + 12);
		e->ebx = state_get32(p + 16);
		e->ecx = state_get32(p + 20);
		e->edx = state_get32(p + 24);
		if ((e->flags & ~VCPU_CPUID_SUBLEAF) != 0)
			return wire_bad(why, "an entry with unknown flags");
	}
	return 0;
}

/* --- VCPU ----------------------------------------------------------------- */

/* Bytes of the rows, in the order of their bits. */
static uint8_t *
wire_put_rows(const struct vcpu_state *state, uint8_t *to)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct wire_row *row = &wire_rows[i];
		size_t bytes = (size_t)row->width * row->count;

		/* The host is little endian (x86), too. */
		memcpy(to, (const uint8_t *)state + row->offset, bytes);
		to += bytes;
	}
	return to;
}

static bool
wire_get_rows(struct vcpu_state *state, struct state_cursor *c)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct wire_row *row = &wire_rows[i];
		size_t bytes = (size_t)row->width * row->count;
		const uint8_t *p = state_take(c, bytes);

		if (p == NULL)
			return false;
		memcpy((uint8_t *)state + row->offset, p, bytes);
	}
	return true;
}

/* The area without the zeroes at its end. */
static uint32_t
wire_xsave_len(const struct vcpu_state *state)
{
	uint32_t len = state->xsave_len;

	while (len > XSAVE_MIN && state->xsave[len - 1] == 0)
		len--;
	return (len + XSAVE_UNIT - 1) / XSAVE_UNIT * XSAVE_UNIT;
}

size_t
machine_vcpu_encode(
    uint32_t id, const struct vcpu_state *state, uint8_t *payload)
{
	uint32_t len = wire_xsave_len(state);
	uint8_t *p = wire_put_rows(state, payload + VCPU_HEAD);

	state_put32(payload, id);
	state_put32(payload + 4, state->has_xcr0 ? VCPU_HAS_XCR0 : 0);
	state_put32(payload + 8, len);
	state_put32(payload + 12, state->nmsrs);
	memcpy(p, state->xsave, len);
	p += len;
	for (uint32_t i = 0; i < state->nmsrs; i++, p += VCPU_MSR) {
		state_put32(p, state->msr[i].index);
		state_put32(p + 4, 0);
		state_put64(p + 8, state->msr[i].value);
	}
	return (size_t)(p - payload);
}

static bool
wire_get_msrs(struct vcpu_state *state, struct state_cursor *c)
{
	for (uint32_t i = 0; i < state->nmsrs; i++) {
		const uint8_t *p = state_take(c, VCPU_MSR);

		if (p == NULL || !state_is_zero(p + 4, 4))
			return false;
		state->msr[i].index = state_get32(p);
		state->msr[i].value = state_get64(p + 8);
	}
	return true;
}

/* What KVM would take for something else than what it says. */
static bool
wire_events_ok(const struct vcpu_events *e)
{
	const uint8_t flags = e->exception_injected | e->exception_has_error |
	    e->exception_pending | e->interrupt_injected | e->interrupt_soft |
	    e->nmi_injected | e->nmi_masked | e->smm | e->smi_pending |
	    e->smm_inside_nmi | e->init_latched;

	return flags <= 1 && e->exception_nr <= 31 &&
	    e->interrupt_shadow <= 3 && e->nmi_pending <= 2 && e->zero == 0 &&
	    e->sipi_vector <= 0xff;
}

int
machine_vcpu_decode(uint32_t *id, struct vcpu_state *state,
    const uint8_t *payload, size_t len, const char **why)
{
	struct state_cursor c = { payload, len };
	const uint8_t *head = state_take(&c, VCPU_HEAD), *area;
	uint32_t flags;

	memset(state, 0, sizeof(*state));
	if (head == NULL)
		return wire_bad(why, "a head that is none");
	*id = state_get32(head);
	flags = state_get32(head + 4);
	state->has_xcr0 = (flags & VCPU_HAS_XCR0) != 0;
	state->xsave_len = state_get32(head + 8);
	state->nmsrs = state_get32(head + 12);
	if ((flags & ~VCPU_HAS_XCR0) != 0)
		return wire_bad(why, "unknown flags");
	if (state->xsave_len < XSAVE_MIN ||
	    state->xsave_len > VCPU_STATE_XSAVE ||
	    state->xsave_len % XSAVE_UNIT != 0 ||
	    state->nmsrs > VCPU_STATE_MSRS)
		return wire_bad(why, "lengths that no vCPU has");
	if (!wire_get_rows(state, &c) ||
	    (area = state_take(&c, state->xsave_len)) == NULL ||
	    !wire_get_msrs(state, &c) || c.left != 0)
		return wire_bad(why, "lengths that do not fit");
	memcpy(state->xsave, area, state->xsave_len);
	if (!wire_events_ok(&state->events))
		return wire_bad(why, "pending events that cannot be");
	return 0;
}

/* --- TIME, ROM ------------------------------------------------------------ */

size_t
machine_time_encode(const struct machine_time *time, uint8_t *payload)
{
	state_put64(payload, time->time.realtime_ns);
	state_put64(payload + 8, time->time.clock_ns);
	state_put64(payload + 16, time->time.tsc);
	state_put32(payload + 24, time->tsc_khz);
	state_put32(payload + 28, time->flags);
	return MACHINE_TIME_LEN;
}

int
machine_time_decode(struct machine_time *time, const uint8_t *payload,
    size_t len, const char **why)
{
	if (len != MACHINE_TIME_LEN)
		return wire_bad(why, "a length no such section has");
	time->time.realtime_ns = state_get64(payload);
	time->time.clock_ns = state_get64(payload + 8);
	time->time.tsc = state_get64(payload + 16);
	time->tsc_khz = state_get32(payload + 24);
	time->flags = state_get32(payload + 28);
	if ((time->flags & ~MACHINE_TIME_FLAGS) != 0)
		return wire_bad(why, "unknown flags");
	if (time->time.clock_ns >> 62 != 0 || time->time.realtime_ns >> 63 != 0)
		return wire_bad(why, "a time that cannot be");
	return 0;
}

size_t
machine_rom_encode(const struct machine_rom *rom, uint8_t *payload)
{
	state_put64(payload, rom->gpa);
	state_put32(payload + 8, rom->size);
	state_put32(payload + 12, rom->offset);
	return MACHINE_ROM_HEAD;
}

int
machine_rom_decode(struct machine_rom *rom, const uint8_t *payload, size_t len,
    const char **why)
{
	if (len <= MACHINE_ROM_HEAD)
		return wire_bad(why, "no bytes");
	rom->gpa = state_get64(payload);
	rom->size = state_get32(payload + 8);
	rom->offset = state_get32(payload + 12);
	rom->len = (uint32_t)(len - MACHINE_ROM_HEAD);
	rom->bytes = payload + MACHINE_ROM_HEAD;
	if (rom->gpa % PAGE != 0 || rom->size % PAGE != 0 || rom->size == 0 ||
	    rom->size > MACHINE_ROM_MAX || rom->gpa >= MACHINE_ROM_END ||
	    rom->gpa + rom->size > MACHINE_ROM_END)
		return wire_bad(why, "a place where no ROM can be");
	if (rom->offset > rom->size || rom->len > rom->size - rom->offset)
		return wire_bad(why, "more bytes than the ROM has");
	return 0;
}
