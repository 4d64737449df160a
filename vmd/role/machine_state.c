/* SPDX-License-Identifier: ISC */
/*
 * The machine in a state stream; see machine_state.h.  Runs in the VM process.
 *
 * One structure for both directions: what _take() fills in from a VM and
 * _write() puts is what _load() fills in from a stream and _finish() gives to a
 * VM.
 */
#include "role/machine_state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/state_read.h"
#include "image/state_write.h"
#include "role/board.h"
#include "role/hold.h"
#include "role/machine_board.h"
#include "role/machine_wire.h"
#include "role/vcpus.h"
#include "vmm.h"

#define ERROR_MAX 320
#define MISSING_MAX 200
#define SEGMENTS_MAX 128
/* What a ROM is put in at a time. */
#define ROM_PART (1U << 20)
#define INVARIANT_TSC_LEAF 0x80000007U
#define INVARIANT_TSC (1U << 8)

struct machine_state {
	struct vcpus *vcpus; /* borrowed */
	struct vcpu_state *vcpu[VMD_CPUS_MAX]; /* owned */
	uint8_t *chips; /* owned, as board */
	size_t chips_len;
	uint8_t *board;
	size_t board_len;
	struct machine_time time;
	bool has_cpu, has_time;
	/* Receiving: the ROM of which the last part came, and how much of all.
	 */
	struct machine_rom rom;
	uint32_t roms;
	char error[ERROR_MAX];
};

struct machine_state *
machine_state_new(struct vcpus *vcpus)
{
	struct machine_state *m = calloc(1, sizeof(*m));

	if (m != NULL)
		m->vcpus = vcpus;
	return m;
}

static void
machine_drop(struct machine_state *m)
{
	for (unsigned int i = 0; i < VMD_CPUS_MAX; i++) {
		free(m->vcpu[i]);
		m->vcpu[i] = NULL;
	}
	free(m->chips);
	free(m->board);
	m->chips = m->board = NULL;
	m->has_time = false;
}

void
machine_state_free(struct machine_state *m)
{
	if (m == NULL)
		return;
	machine_drop(m);
	free(m);
}

const char *
machine_state_error(const struct machine_state *m)
{
	return m->error;
}

__attribute__((format(printf, 3, 4))) static int
machine_failed(struct machine_state *m, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(m->error, sizeof(m->error), fmt, ap);
	va_end(ap);
	errno = error;
	return -1;
}

static int
machine_errno(struct machine_state *m, const char *what)
{
	return machine_failed(m, errno, "%s: %s", what, strerror(errno));
}

/* --- sending -------------------------------------------------------------- */

int
machine_state_write_cpu(struct machine_state *m, struct state_writer *w)
{
	struct machine_cpu *cpu = calloc(1, sizeof(*cpu));
	uint8_t *payload = malloc(STATE_CPU_MAX);
	int rc = -1, n;

	if (cpu != NULL && payload != NULL) {
		n = vcpu_get_cpuid_table(
		    m->vcpus->vcpu[0], cpu->table, VCPU_CPUID_MAX);
		cpu->count = (uint32_t)n;
		rc = vm_get_tsc_khz(m->vcpus->board->vm, &cpu->tsc_khz);
	}
	if (rc == 0)
		rc = state_write_section(
		    w, STATE_CPU, payload, machine_cpu_encode(cpu, payload));
	if (rc == -1)
		(void)machine_errno(m, "the vCPUs' features");
	free(cpu);
	free(payload);
	return rc;
}

static int
machine_take_board(struct machine_state *m)
{
	struct board *board = m->vcpus->board;
	char why[MACHINE_BOARD_ERROR];

	if ((m->board = malloc(STATE_BOARD_MAX)) == NULL)
		return machine_errno(m, "the board");
	pthread_mutex_lock(&board->lock);
	m->board_len =
	    machine_board_save(board, m->board, STATE_BOARD_MAX, why);
	pthread_mutex_unlock(&board->lock);
	return m->board_len > 0 ? 0 : machine_failed(m, errno, "%s", why);
}

static int
machine_take_vcpus(struct machine_state *m)
{
	for (unsigned int i = 0; i < m->vcpus->count; i++)
		if ((m->vcpu[i] = malloc(sizeof(*m->vcpu[i]))) == NULL ||
		    vcpu_get_state(m->vcpus->vcpu[i], m->vcpu[i]) == -1)
			return machine_errno(m, "the vCPUs' registers");
	return 0;
}

static int
machine_take_chips(struct machine_state *m)
{
	struct vm *vm = m->vcpus->board->vm;

	if (vm_get_chips(vm, NULL, &m->chips_len) == -1 ||
	    (m->chips = calloc(1, m->chips_len)) == NULL ||
	    vm_get_chips(vm, m->chips, &m->chips_len) == -1)
		return machine_errno(m, "the kernel's chips");
	return 0;
}

int
machine_state_take(
    struct machine_state *m, const struct hold *hold, bool paused)
{
	machine_drop(m);
	/* The board first: what is due in it raises lines of the chips. */
	if (machine_take_board(m) == -1 || machine_take_vcpus(m) == -1 ||
	    machine_take_chips(m) == -1)
		return -1;
	m->time = (struct machine_time) { .time = hold->time,
		.flags = paused ? MACHINE_TIME_PAUSED : 0 };
	if (vm_get_tsc_khz(m->vcpus->board->vm, &m->time.tsc_khz) == -1)
		return machine_errno(m, "the frequency of the TSC");
	m->has_time = true;
	return 0;
}

static int
machine_write_rom(
    struct state_writer *w, const struct vm_memory_seg *seg, uint8_t *payload)
{
	struct machine_rom rom = { .gpa = seg->gpa,
		.size = (uint32_t)seg->len };

	for (; rom.offset < rom.size; rom.offset += rom.len) {
		rom.len = rom.size - rom.offset;
		if (rom.len > ROM_PART)
			rom.len = ROM_PART;
		machine_rom_encode(&rom, payload);
		memcpy(payload + MACHINE_ROM_HEAD,
		    (const uint8_t *)seg->host + rom.offset, rom.len);
		if (state_write_section(w, STATE_ROM, payload,
			MACHINE_ROM_HEAD + rom.len) == -1)
			return -1;
	}
	return 0;
}

static int
machine_write_roms(struct machine_state *m, struct state_writer *w)
{
	struct vm_memory_seg seg[SEGMENTS_MAX];
	uint8_t *payload = malloc(MACHINE_ROM_HEAD + ROM_PART);
	int rc = payload == NULL ? -1 : 0;
	int n = vm_get_memory_segs(m->vcpus->board->vm, seg, SEGMENTS_MAX);

	for (int i = 0; i < n && i < SEGMENTS_MAX && rc == 0; i++)
		if (!seg[i].ram && (seg[i].prot & VMM_PROT_WRITE) == 0)
			rc = machine_write_rom(w, &seg[i], payload);
	free(payload);
	return rc;
}

static int
machine_write_vcpus(struct machine_state *m, struct state_writer *w)
{
	uint8_t *payload = malloc(STATE_VCPU_MAX);
	int rc = payload == NULL ? -1 : 0;

	for (unsigned int i = 0; i < m->vcpus->count && rc == 0; i++)
		rc = state_write_section(w, STATE_VCPU, payload,
		    machine_vcpu_encode(i, m->vcpu[i], payload));
	free(payload);
	return rc;
}

int
machine_state_write(struct machine_state *m, struct state_writer *w)
{
	uint8_t time[MACHINE_TIME_LEN];

	if (!m->has_time) {
		errno = EINVAL;
		return machine_errno(m, "the machine was not taken");
	}
	if (machine_write_roms(m, w) == -1 || machine_write_vcpus(m, w) == -1 ||
	    state_write_section(w, STATE_CHIPS, m->chips, m->chips_len) == -1 ||
	    state_write_section(w, STATE_BOARD, m->board, m->board_len) == -1 ||
	    state_write_section(
		w, STATE_TIME, time, machine_time_encode(&m->time, time)) == -1)
		return machine_errno(m, "writing the machine");
	return 0;
}

/* --- receiving ------------------------------------------------------------ */

/* Whether the guest relies on a TSC that always runs at one frequency. */
static bool
machine_needs_tsc(const struct machine_cpu *cpu)
{
	for (uint32_t i = 0; i < cpu->count; i++)
		if (cpu->table[i].leaf == INVARIANT_TSC_LEAF)
			return (cpu->table[i].edx & INVARIANT_TSC) != 0;
	return false;
}

static int
machine_set_tsc(struct machine_state *m, const struct machine_cpu *cpu)
{
	struct vm *vm = m->vcpus->board->vm;
	uint32_t khz = 0;

	if (cpu->tsc_khz == 0 || vm_set_tsc_khz(vm, cpu->tsc_khz) == 0)
		return 0;
	if (errno != ENOTSUP)
		return machine_errno(m, "setting the frequency of the TSC");
	if (!machine_needs_tsc(cpu))
		return 0;
	(void)vm_get_tsc_khz(vm, &khz);
	return machine_failed(m, ENOTSUP,
	    "the guest counts on a TSC of %u kHz, and this host, whose own "
	    "runs "
	    "at %u kHz, cannot give it another",
	    cpu->tsc_khz, khz);
}

static int
machine_give_cpu(struct machine_state *m, const struct machine_cpu *cpu)
{
	struct vm *vm = m->vcpus->board->vm;
	char missing[MISSING_MAX];

	if (vm_check_cpuid(
		vm, cpu->table, cpu->count, missing, sizeof(missing)) == -1)
		return errno == ENOTSUP
		    ? machine_failed(m, ENOTSUP,
			  "this host cannot give the guest what its CPU had: "
			  "%s",
			  missing)
		    : machine_failed(m, errno == EINVAL ? EBADMSG : errno,
			  "CPUID that cannot be");
	if (machine_set_tsc(m, cpu) == -1)
		return -1;
	for (unsigned int i = 0; i < m->vcpus->count; i++)
		if (vcpu_set_cpuid_table(
			m->vcpus->vcpu[i], cpu->table, cpu->count) == -1)
			return machine_failed(m, ENOTSUP,
			    "KVM refuses the guest's CPUID: %s",
			    strerror(errno));
	m->has_cpu = true;
	return 0;
}

static int
machine_load_cpu(struct machine_state *m, const uint8_t *payload, size_t len)
{
	struct machine_cpu *cpu = malloc(sizeof(*cpu));
	const char *why;
	int rc;

	if (cpu == NULL)
		return machine_errno(m, "CPUID");
	if (machine_cpu_decode(cpu, payload, len, &why) == -1)
		rc = machine_failed(m, EBADMSG, "CPUID: %s", why);
	else
		rc = machine_give_cpu(m, cpu);
	free(cpu);
	return rc;
}

/* A part of the ROM that the last one was of, or the first of another. */
static int
machine_check_rom(struct machine_state *m, const struct machine_rom *rom)
{
	const struct machine_rom *last = &m->rom;
	uint32_t done = last->offset + last->len;

	if (done < last->size ? rom->gpa != last->gpa ||
		    rom->size != last->size || rom->offset != done
			      : rom->offset != 0)
		return machine_failed(
		    m, EBADMSG, "a ROM whose parts are not in order");
	if (rom->offset != 0)
		return 0;
	if (rom->size > MACHINE_ROM_MAX - m->roms)
		return machine_failed(m, EBADMSG, "more ROM than a VM has");
	return 0;
}

/* Where the ROM is already (the same file was loaded) it is written over. */
static int
machine_map_rom(struct machine_state *m, const struct machine_rom *rom)
{
	struct vm *vm = m->vcpus->board->vm;
	struct vm_memory_seg seg;

	m->roms += rom->size;
	if (vm_map_memory(vm, rom->gpa, rom->size, -1, 0,
		VMM_PROT_READ | VMM_PROT_EXEC) == 0)
		return 0;
	if (errno != EEXIST)
		return machine_errno(m, "memory for a ROM");
	if (vm_get_memory_seg(vm, rom->gpa, &seg) == 0 && !seg.ram &&
	    seg.gpa == rom->gpa && seg.len == rom->size &&
	    (seg.prot & VMM_PROT_WRITE) == 0)
		return 0;
	return machine_failed(m, EBADMSG, "a ROM where there is memory");
}

static int
machine_load_rom(struct machine_state *m, const uint8_t *payload, size_t len)
{
	struct machine_rom rom;
	const char *why;

	if (machine_rom_decode(&rom, payload, len, &why) == -1)
		return machine_failed(m, EBADMSG, "a ROM: %s", why);
	if (machine_check_rom(m, &rom) == -1 ||
	    (rom.offset == 0 && machine_map_rom(m, &rom) == -1))
		return -1;
	m->rom = rom;
	m->rom.bytes = NULL;
	if (vm_copyin(m->vcpus->board->vm, rom.bytes, rom.gpa + rom.offset,
		rom.len) == -1)
		return machine_errno(m, "a ROM");
	return 0;
}

static int
machine_load_vcpu(struct machine_state *m, const uint8_t *payload, size_t len)
{
	struct vcpu_state *state;
	const char *why;
	uint32_t id;

	if (!m->has_cpu)
		return machine_failed(m, EBADMSG, "a vCPU before its CPUID");
	if ((state = malloc(sizeof(*state))) == NULL)
		return machine_errno(m, "a vCPU");
	if (machine_vcpu_decode(&id, state, payload, len, &why) == -1) {
		free(state);
		return machine_failed(m, EBADMSG, "a vCPU: %s", why);
	}
	if (id >= m->vcpus->count || m->vcpu[id] != NULL) {
		free(state);
		return machine_failed(m, EBADMSG,
		    "a vCPU that the VM does not have, or a second time");
	}
	m->vcpu[id] = state;
	return 0;
}

/* A copy of a payload for later; once. */
static int
machine_keep(struct machine_state *m, uint8_t **bytes, size_t *kept,
    const uint8_t *payload, size_t len)
{
	if (*bytes != NULL)
		return machine_failed(m, EBADMSG, "a part for the second time");
	if ((*bytes = malloc(len)) == NULL)
		return machine_errno(m, "keeping a part");
	memcpy(*bytes, payload, len);
	*kept = len;
	return 0;
}

static int
machine_load_chips(struct machine_state *m, const uint8_t *payload, size_t len)
{
	size_t want;

	if (vm_get_chips(m->vcpus->board->vm, NULL, &want) == -1)
		return machine_errno(m, "the kernel's chips");
	if (len != want)
		return machine_failed(
		    m, EBADMSG, "the kernel's chips are of another machine");
	return machine_keep(m, &m->chips, &m->chips_len, payload, len);
}

static int
machine_load_board(struct machine_state *m, const uint8_t *payload, size_t len)
{
	return machine_keep(m, &m->board, &m->board_len, payload, len);
}

static int
machine_load_time(struct machine_state *m, const uint8_t *payload, size_t len)
{
	const char *why;

	if (machine_time_decode(&m->time, payload, len, &why) == -1)
		return machine_failed(m, EBADMSG, "the clocks: %s", why);
	m->has_time = true;
	return 0;
}

int
machine_state_load(struct machine_state *m, const struct state_section *section)
{
	static const struct {
		enum state_type type;
		int (*load)(struct machine_state *, const uint8_t *, size_t);
	} rows[] = {
		{ STATE_CPU, machine_load_cpu },
		{ STATE_ROM, machine_load_rom },
		{ STATE_VCPU, machine_load_vcpu },
		{ STATE_CHIPS, machine_load_chips },
		{ STATE_BOARD, machine_load_board },
		{ STATE_TIME, machine_load_time },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].type == section->head.type)
			return rows[i].load(m, section->payload,
				   (size_t)section->head.length) == 0
			    ? 1
			    : -1;
	return 0;
}

static int
machine_is_whole(struct machine_state *m)
{
	for (unsigned int i = 0; i < m->vcpus->count; i++)
		if (m->vcpu[i] == NULL)
			return machine_failed(
			    m, EBADMSG, "vCPU %u is missing", i);
	if (m->chips == NULL || m->board == NULL || !m->has_time)
		return machine_failed(
		    m, EBADMSG, "chips, board or clocks are missing");
	if (m->rom.offset + m->rom.len != m->rom.size)
		return machine_failed(m, EBADMSG, "a part of a ROM is missing");
	return 0;
}

static int
machine_finish_board(struct machine_state *m, struct hold *hold)
{
	struct board *board = m->vcpus->board;
	char why[MACHINE_BOARD_ERROR];
	int rc;

	pthread_mutex_lock(&board->lock);
	if (!hold->still) {
		board_clock_stop(board);
		hold->still = true;
	}
	hold->time = m->time.time;
	rc = machine_board_load(board, m->board, m->board_len, why);
	pthread_mutex_unlock(&board->lock);
	if (rc == -1)
		return machine_failed(m,
		    errno == EINVAL		   ? EBADMSG
			: errno == EPROTONOSUPPORT ? ENOTSUP
						   : errno,
		    "%s", why);
	return 0;
}

int
machine_state_finish(struct machine_state *m, struct hold *hold)
{
	struct vm_machine machine = {
		.vcpu = (const struct vcpu_state *const *)m->vcpu,
		.nvcpus = m->vcpus->count,
		.chips = m->chips,
		.chips_len = m->chips_len,
		.time = m->time.time,
	};
	char why[VMM_REASON_MAX];

	if (machine_is_whole(m) == -1 || machine_finish_board(m, hold) == -1)
		return -1;
	if (vm_set_machine(m->vcpus->board->vm, &machine, why) == -1)
		return machine_failed(m, errno == EINVAL ? EBADMSG : errno,
		    "this host does not take %s", why);
	machine_drop(m);
	m->has_time = true;
	return 0;
}

bool
machine_state_was_paused(const struct machine_state *m)
{
	return (m->time.flags & MACHINE_TIME_PAUSED) != 0;
}

void
machine_state_start_clocks(struct machine_state *m, struct hold *hold)
{
	hold->time = m->time.time;
	hold->catch_up = !machine_state_was_paused(m);
}
