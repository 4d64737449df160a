/* SPDX-License-Identifier: ISC */
/*
 * gdb's "monitor" commands: what of a machine gdb has no words for.  All of
 * them read.  In the debugger's thread, while all vCPUs stand.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "space.h"
#include "server.h"

#define LINE_MAX_LEN 256
#define WORDS_MAX 4
#define DUMP_MAX 256ULL
#define DUMP_LINE 16ULL

#define CR0_PE 1ULL
#define CR0_PG (1ULL << 31)
#define EFER_LMA (1ULL << 10)
#define ACCESS_L (1U << 13)
#define ACCESS_DB (1U << 14)

/* The text of an answer; half of a packet, as it travels in digits. */
struct monitor_out {
	struct packet_out text;
	struct vm_gdb *g;
	int words;
	char *word[WORDS_MAX];
};

const char *
monitor_mode(struct vcpu *vcpu)
{
	struct vcpu_sregs s;

	if (vcpu_get_sregs(vcpu, &s) == -1)
		return "unknown mode";
	if ((s.cr0 & CR0_PE) == 0)
		return "real mode";
	if ((s.efer & EFER_LMA) != 0 && (s.cs.access & ACCESS_L) != 0)
		return (s.ss.access >> 5 & 3) == 3 ? "64-bit, user"
						   : "64-bit, kernel";
	return (s.cs.access & ACCESS_DB) != 0 ? "32-bit" : "16-bit";
}

static bool
monitor_number(const char *word, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(word, &end, 0);
	return errno == 0 && end != word && *end == '\0' && *word != '-';
}

static void
monitor_segment(
    struct monitor_out *m, const char *name, const struct vcpu_seg *s)
{
	packet_printf(&m->text,
	    "%-4s %04x base %016" PRIx64 " limit %08x access %05x\n", name,
	    s->selector, s->base, s->limit, s->access);
}

static void
monitor_registers(struct monitor_out *m)
{
	struct vcpu_sregs s;

	if (vcpu_get_sregs(m->g->thread, &s) == -1)
		return;
	monitor_segment(m, "cs", &s.cs);
	monitor_segment(m, "ss", &s.ss);
	monitor_segment(m, "ds", &s.ds);
	monitor_segment(m, "es", &s.es);
	monitor_segment(m, "fs", &s.fs);
	monitor_segment(m, "gs", &s.gs);
	monitor_segment(m, "ldtr", &s.ldtr);
	monitor_segment(m, "tr", &s.tr);
	packet_printf(&m->text,
	    "gdtr base %016" PRIx64 " limit %04x\n"
	    "idtr base %016" PRIx64 " limit %04x\n"
	    "apic_base %016" PRIx64 "\n",
	    s.gdtr.base, s.gdtr.limit, s.idtr.base, s.idtr.limit, s.apic_base);
}

static void
monitor_translate(struct monitor_out *m)
{
	struct vm_fault fault;
	uint64_t gla, gpa;

	if (m->words != 2 || !monitor_number(m->word[1], &gla)) {
		packet_put(&m->text, "gla2gpa needs one address\n");
		return;
	}
	if (space_translate(m->g->thread, gla, &gpa, &fault) == 0)
		packet_printf(&m->text, "0x%" PRIx64 "\n", gpa);
	else if (fault.vector != 0)
		packet_printf(&m->text,
		    "exception %d, error code 0x%x: not mapped\n", fault.vector,
		    fault.error_code);
	else
		packet_put(&m->text, "there is no memory\n");
}

static void
monitor_dump_line(struct monitor_out *m, uint64_t gpa, uint64_t len)
{
	uint8_t bytes[DUMP_LINE];

	packet_printf(&m->text, "%012" PRIx64, gpa);
	if (breakpoint_copyout(&m->g->breakpoints, gpa, bytes, len) == -1)
		packet_put(&m->text, " there is no memory");
	else
		for (uint64_t i = 0; i < len; i++)
			packet_printf(&m->text, " %02x", bytes[i]);
	packet_put(&m->text, "\n");
}

static void
monitor_physical(struct monitor_out *m)
{
	uint64_t gpa, len = DUMP_LINE, n;

	if (m->words < 2 || m->words > 3 || !monitor_number(m->word[1], &gpa) ||
	    (m->words == 3 && !monitor_number(m->word[2], &len)) ||
	    len > DUMP_MAX) {
		packet_put(&m->text,
		    "physical needs an address and at most 256 bytes\n");
		return;
	}
	for (; len > 0; len -= n, gpa += n) {
		n = len < DUMP_LINE ? len : DUMP_LINE;
		monitor_dump_line(m, gpa, n);
	}
}

static void
monitor_breakpoints(struct monitor_out *m)
{
	static const char *const types[BREAKPOINT_TYPES] = { "int3", "hbreak",
		"watch", "rwatch", "awatch" };
	const struct breakpoints *b = &m->g->breakpoints;
	size_t i, shown = b->count < 64 ? b->count : 64;
	int n;

	packet_printf(&m->text, "%zu in memory\n", b->count);
	for (i = 0; i < shown; i++)
		packet_printf(&m->text,
		    "  0x%" PRIx64 " physical 0x%" PRIx64 "\n", b->row[i].gla,
		    b->row[i].gpa);
	for (n = 0; n < VCPU_POINTS; n++)
		if (b->slot[n].point.kind != VCPU_POINT_NONE)
			packet_printf(&m->text, "dr%d %s 0x%" PRIx64 " +%u\n",
			    n, types[b->slot[n].type], b->slot[n].point.addr,
			    b->slot[n].point.len);
}

static void
monitor_status(struct monitor_out *m)
{
	struct vcpu *vcpu;
	uint64_t id;

	if (m->g->crashed)
		packet_printf(&m->text, "crashed: %s\n", m->g->why);
	for (id = 0; (vcpu = server_next_vcpu(m->g, id)) != NULL;
	     id = vcpu_id(vcpu) + 1ULL)
		packet_printf(&m->text, "vCPU %u: %s\n", vcpu_id(vcpu),
		    monitor_mode(vcpu));
}

static void monitor_help(struct monitor_out *m);

static const struct monitor_row {
	const char *name, *args, *help;
	void (*run)(struct monitor_out *m);
} monitor_rows[] = {
	{ "help", "", "this list", monitor_help },
	{ "status", "", "the vCPUs, and why the guest crashed",
	    monitor_status },
	{ "registers", "", "segments and tables of the thread",
	    monitor_registers },
	{ "gla2gpa", "address", "the physical address behind a virtual one",
	    monitor_translate },
	{ "physical", "address [length]", "memory by physical address",
	    monitor_physical },
	{ "breakpoints", "", "in memory and in the debug registers",
	    monitor_breakpoints },
};

#define MONITOR_ROWS (sizeof(monitor_rows) / sizeof(monitor_rows[0]))

static void
monitor_help(struct monitor_out *m)
{
	size_t i;

	for (i = 0; i < MONITOR_ROWS; i++)
		packet_printf(&m->text, "%s %s%s-- %s\n", monitor_rows[i].name,
		    monitor_rows[i].args, monitor_rows[i].args[0] ? " " : "",
		    monitor_rows[i].help);
}

static void
monitor_split(struct monitor_out *m, char *line)
{
	char *save = NULL, *word;

	for (word = strtok_r(line, " \t\n", &save); word != NULL;
	     word = strtok_r(NULL, " \t\n", &save)) {
		if (m->words < WORDS_MAX)
			m->word[m->words] = word;
		m->words++;
	}
}

bool
monitor_run(struct vm_gdb *g, struct packet_text *args)
{
	char line[LINE_MAX_LEN] = "";
	struct monitor_out m = { .g = g };
	size_t i, len = (size_t)(args->end - args->at) / 2;

	if (len >= sizeof(line) || !packet_take_hex(args, line, len) ||
	    !packet_at_end(args))
		return command_errno(g, EINVAL);
	monitor_split(&m, line);
	for (i = 0; i < MONITOR_ROWS && m.words > 0; i++)
		if (strcmp(m.word[0], monitor_rows[i].name) == 0) {
			monitor_rows[i].run(&m);
			break;
		}
	if (m.words == 0 || i == MONITOR_ROWS)
		packet_put(&m.text, "There is no such command; try help.\n");
	if (m.text.len == 0)
		return command_ok(g);
	packet_put_hex(&g->out, m.text.buf, m.text.len);
	return true;
}
