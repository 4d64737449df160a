/* SPDX-License-Identifier: ISC */
/*
 * Makes a golden stream of a whole VM from one that `vmctl send -s -z 19` wrote
 * of the guest in regress/daemon/ticks.c (see README): such a stream has the
 * features of the CPU it was made on, and a golden one must be received by any
 * x86-64 host of its vendor.
 *
 * What is taken away is what that host may lack: CPUID is cut down to the first
 * x86-64, MSRs to those of SYSCALL and PAT, XSAVE to what FXSAVE stores, and
 * the frequency of the TSC is not asked for.  All else stays byte for byte.
 *
 * Usage: goldenvm VENDOR <stream >golden	VENDOR as CPUID has it
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/state_config.h"
#include "image/state_read.h"
#include "image/state_write.h"
#include "role/machine_wire.h"
#include "state_sample.h"

#define VENDOR_LEN 12
/* FXSAVE's and the header, whose first bits are x87 and SSE. */
#define XSAVE_LEN 576U
#define XSAVE_HEADER 512U
#define XSAVE_STATES 3U
#define STREAM_MAX (64U << 20)

/* What a register may have, of what the stream's has. */
static const struct leaf_row {
	uint32_t leaf;
	uint32_t eax, ebx, ecx, edx;
} leaves[] = {
	{ 0x0, 0, 0, 0, 0 }, /* see cut_leaf() */
	/* Hypervisor; FPU, PSE to PAE, CX8, APIC, SEP to PGE, CMOV, PAT,
	 * CLFLUSH, MMX to SSE2: not even VME is everywhere. */
	{ 0x1, ~0U, ~0U, 0x80000000U, 0x0789bb79U },
	{ 0x80000000U, 0, 0, 0, 0 },
	{ 0x80000001U, ~0U, 0, 0, 0x20100800U }, /* SYSCALL, NX, long mode */
	{ 0x80000008U, 0, 0, 0, 0 },
};

static const uint32_t msrs[] = { 0x174, 0x175, 0x176, 0x277, 0xc0000081,
	0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102 };

static const char *vendor;

/* Whether a leaf stays, and what of it. */
static bool
cut_leaf(struct vcpu_cpuid *e)
{
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
		const struct leaf_row *row = &leaves[i];

		if (row->leaf != e->leaf)
			continue;
		e->eax &= row->eax;
		e->ebx &= row->ebx;
		e->ecx &= row->ecx;
		e->edx &= row->edx;
		if (e->leaf == 0x0) {
			e->eax = 1;
			memcpy(&e->ebx, vendor, 4);
			memcpy(&e->edx, vendor + 4, 4);
			memcpy(&e->ecx, vendor + 8, 4);
		} else if (e->leaf == 0x80000000U)
			e->eax = 0x80000008U;
		else if (e->leaf == 0x80000008U)
			e->eax = 48U << 8 | 36;
		return true;
	}
	return false;
}

static size_t
cut_cpu(const struct state_section *s, uint8_t *payload)
{
	static struct machine_cpu cpu;
	uint32_t count = 0;
	const char *why;

	if (machine_cpu_decode(
		&cpu, s->payload, (size_t)s->head.length, &why) == -1)
		errx(1, "CPU: %s", why);
	for (uint32_t i = 0; i < cpu.count; i++)
		if (cut_leaf(&cpu.table[i]))
			cpu.table[count++] = cpu.table[i];
	cpu.count = count;
	cpu.tsc_khz = 0;
	return machine_cpu_encode(&cpu, payload);
}

static void
cut_xsave(struct vcpu_state *state)
{
	uint64_t states;

	memcpy(&states, state->xsave + XSAVE_HEADER, sizeof(states));
	states &= XSAVE_STATES;
	memset(state->xsave + XSAVE_HEADER, 0,
	    sizeof(state->xsave) - XSAVE_HEADER);
	memcpy(state->xsave + XSAVE_HEADER, &states, sizeof(states));
	state->xsave_len = XSAVE_LEN;
	state->has_xcr0 = false;
	state->xcr0 = 0;
}

static size_t
cut_vcpu(const struct state_section *s, uint8_t *payload)
{
	static struct vcpu_state state;
	uint32_t count = 0, id;
	const char *why;

	if (machine_vcpu_decode(
		&id, &state, s->payload, (size_t)s->head.length, &why) == -1)
		errx(1, "VCPU: %s", why);
	for (uint32_t i = 0; i < state.nmsrs; i++)
		for (size_t k = 0; k < sizeof(msrs) / sizeof(msrs[0]); k++)
			if (state.msr[i].index == msrs[k])
				state.msr[count++] = state.msr[i];
	state.nmsrs = count;
	cut_xsave(&state);
	return machine_vcpu_encode(id, &state, payload);
}

/* The kernel's path, which the receiver is told by -b. */
static size_t
cut_config(const struct state_section *s, uint8_t *payload)
{
	static struct state_config c;
	const char *why;
	size_t len;

	if (state_config_decode(&c, s->payload, (size_t)s->head.length, &why) ==
	    -1)
		errx(1, "CONFIG: %s", why);
	for (uint32_t i = 0; i < c.files; i++) {
		strcpy(c.file[i].path, "/nowhere");
		c.file[i].generation = 0;
	}
	if ((len = state_config_encode(&c, payload, &why)) == 0)
		errx(1, "CONFIG: %s", why);
	return len;
}

static const struct {
	enum state_type type;
	size_t (*cut)(const struct state_section *, uint8_t *payload);
} cuts[] = {
	{ STATE_CONFIG, cut_config },
	{ STATE_CPU, cut_cpu },
	{ STATE_VCPU, cut_vcpu },
};

static void
put_section(struct state_writer *w, const struct state_section *s)
{
	static uint8_t payload[STATE_VCPU_MAX];
	struct state_head head = { .type = s->head.type,
		.version = s->head.version,
		.flags = s->head.flags };
	const uint8_t *bytes = s->payload;
	size_t len = (size_t)s->head.length;

	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
		if (cuts[i].type == s->head.type) {
			len = cuts[i].cut(s, payload);
			bytes = payload;
		}
	if (state_write_raw(w, &head, bytes, len) == -1)
		err(1, "section of type %u", s->head.type);
}

static void
read_stream(struct state_bytes *b)
{
	ssize_t n;

	b->size = STREAM_MAX;
	if ((b->bytes = malloc(b->size)) == NULL)
		err(1, "memory");
	while (
	    (n = read(STDIN_FILENO, b->bytes + b->len, b->size - b->len)) > 0)
		b->len += (size_t)n;
	if (n == -1 || b->len == b->size)
		errx(1, "standard input: no stream of a small VM");
}

int
main(int argc, char *argv[])
{
	struct state_bytes from = { 0 }, to = { 0 };
	struct state_writer *w = state_writer_new(sample_put, &to, NULL);
	struct state_reader *r = state_reader_new(sample_get, &from);
	struct state_section section;
	int more;

	if (argc != 2 || strlen(argv[1]) != VENDOR_LEN)
		errx(2, "usage: goldenvm AuthenticAMD|GenuineIntel");
	vendor = argv[1];
	read_stream(&from);
	if (w == NULL || r == NULL || state_write_begin(w) == -1)
		err(1, "memory");
	while ((more = state_next(r, &section)) == 1)
		if (section.head.type != STATE_END)
			put_section(w, &section);
	if (more == -1)
		errx(1, "%s", state_reader_error(r));
	if (state_write_end(w) == -1 ||
	    fwrite(to.bytes, 1, to.len, stdout) != to.len ||
	    fflush(stdout) != 0)
		err(1, "standard output");
	state_reader_free(r);
	state_writer_free(w);
	sample_free(&from);
	sample_free(&to);
	return 0;
}
