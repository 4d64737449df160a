/* SPDX-License-Identifier: ISC */
/*
 * Why a vCPU stopped: whose a debug exit is, the debugger's or the guest's
 * own, and how gdb is told.  cause_find() and cause_give_back() run in the
 * vCPU's thread.
 */
#include <string.h>

#include "registers.h"
#include "space.h"
#include "server.h"

#define VECTOR_DB 1
#define VECTOR_BP 3

/* DR6 (SDM 3, 17.2.3). */
#define DR6_POINTS 0xfULL
#define DR6_BS (1ULL << 14)
#define DR6_CAUSES (DR6_POINTS | 7ULL << 13) /* and BD, BS, BT */

/* Signals by gdb's numbers, and what the stop reply says. */
static const struct cause_row {
	int signal;
	const char *name; /* NULL: the signal says it all */
	size_t says; /* whether the client knows it; 0: it must */
} cause_rows[CAUSE_COUNT] = {
	[CAUSE_NONE] = { 0, NULL, 0 },
	[CAUSE_ATTACH] = { 5, NULL, 0 },
	[CAUSE_INTERRUPT] = { 2, NULL, 0 },
	[CAUSE_STEP] = { 5, NULL, 0 },
	[CAUSE_SOFTWARE] = { 5, "swbreak",
	    offsetof(struct vm_gdb, says_swbreak) },
	[CAUSE_HARDWARE] = { 5, "hwbreak",
	    offsetof(struct vm_gdb, says_hwbreak) },
	[CAUSE_WATCH] = { 5, NULL, 0 },
	[CAUSE_CRASH] = { 11, NULL, 0 },
};

static const char *const cause_watches[BREAKPOINT_TYPES] = {
	[BREAKPOINT_WRITE] = "watch",
	[BREAKPOINT_READ] = "rwatch",
	[BREAKPOINT_ACCESS] = "awatch",
};

/* Whether one of our INT3s is at the linear address pc. */
static bool
cause_is_int3(struct vm_gdb *g, struct vcpu *vcpu, uint64_t pc)
{
	struct vm_fault fault;
	uint64_t gpa;

	return space_translate(vcpu, pc, &gpa, &fault) == 0 &&
	    breakpoint_is_at(&g->breakpoints, gpa);
}

/* Data before code before step: only the former cannot happen again. */
static bool
cause_find_point(
    const struct vm_gdb *g, uint64_t dr6, struct server_event *event)
{
	bool found = false;
	int i;

	for (i = 0; i < VCPU_POINTS; i++) {
		const struct breakpoint_slot *s = &g->breakpoints.slot[i];

		if ((dr6 & 1ULL << i) == 0 || s->point.kind == VCPU_POINT_NONE)
			continue;
		if (s->type != BREAKPOINT_HARDWARE) {
			*event = (struct server_event) { CAUSE_WATCH, s->type,
				s->gla };
			return true;
		}
		*event = (struct server_event) { .cause = CAUSE_HARDWARE };
		found = true;
	}
	return found;
}

static bool
cause_is_stepping(struct vm_gdb *g, const struct vcpu *vcpu)
{
	bool yes;

	pthread_mutex_lock(&g->lock);
	yes = (g->stepping & 1ULL << vcpu_id(vcpu)) != 0;
	pthread_mutex_unlock(&g->lock);
	return yes;
}

static bool
cause_find_debug(struct vm_gdb *g, struct vcpu *vcpu,
    const struct vm_exit *exit, struct server_event *event)
{
	uint64_t dr6 = exit->u.debug.dr6;

	if (exit->u.debug.exception == VECTOR_BP) {
		*event = (struct server_event) { .cause = CAUSE_SOFTWARE };
		return cause_is_int3(g, vcpu, exit->u.debug.pc);
	}
	if (exit->u.debug.exception != VECTOR_DB)
		return false;
	if (cause_find_point(g, dr6, event))
		return true;
	*event = (struct server_event) { .cause = CAUSE_STEP };
	return (dr6 & DR6_BS) != 0 && cause_is_stepping(g, vcpu);
}

/*
 * A KVM that emulates kernel code may know no INT3, and gives up there.  It
 * has queued an exception for the guest by then; setting registers drops it.
 */
static bool
cause_find_error(
    struct vm_gdb *g, struct vcpu *vcpu, struct server_event *event)
{
	struct vcpu_sregs s;
	struct vcpu_regs r;

	*event = (struct server_event) { .cause = CAUSE_SOFTWARE };
	return g->breakpoints.count > 0 && vcpu_get_sregs(vcpu, &s) == 0 &&
	    vcpu_get_regs(vcpu, &r) == 0 &&
	    cause_is_int3(g, vcpu, s.cs.base + r.rip) &&
	    vcpu_set_regs(vcpu, &r) == 0;
}

bool
cause_find(struct vm_gdb *g, struct vcpu *vcpu, const struct vm_exit *exit,
    struct server_event *event)
{
	if (exit->reason == VM_EXIT_DEBUG)
		return cause_find_debug(g, vcpu, exit, event);
	return exit->reason == VM_EXIT_INTERNAL_ERROR &&
	    cause_find_error(g, vcpu, event);
}

/*
 * RIP is at the INT3 on Intel and on AMD, and KVM moves it on when it enters
 * the guest with the exception.  Where no INT3 is any more (a breakpoint that
 * was taken away in that moment) the guest just goes on.
 */
static void
cause_give_int3(struct vcpu *vcpu, uint64_t pc)
{
	struct vm_fault fault;
	uint8_t byte;

	if (vm_copyout_gla(vcpu, NULL, pc, &byte, 1, &fault) == 0 &&
	    byte != BREAKPOINT_INT3)
		return;
	(void)vm_inject_event(vcpu, VM_HW_EXCEPTION, VECTOR_BP);
}

void
cause_give_back(struct vm_gdb *g, struct vcpu *vcpu, const struct vm_exit *exit)
{
	uint64_t dr6;

	(void)g;
	if (exit->u.debug.exception == VECTOR_BP) {
		cause_give_int3(vcpu, exit->u.debug.pc);
		return;
	}
	if (exit->u.debug.exception != VECTOR_DB ||
	    (exit->u.debug.dr6 & DR6_CAUSES) == 0)
		return;
	/* KVM left the guest's DR6 as it was. */
	if (vm_get_register(vcpu, VM_REG_GUEST_DR6, &dr6) == -1)
		return;
	dr6 = (dr6 & ~DR6_POINTS) | (exit->u.debug.dr6 & DR6_CAUSES);
	(void)vm_set_register(vcpu, VM_REG_GUEST_DR6, dr6);
	(void)vm_inject_event(vcpu, VM_HW_EXCEPTION, VECTOR_DB);
}

bool
cause_still_holds(const struct vm_gdb *g, const struct server_event *event)
{
	int i;

	/* At a code breakpoint the vCPU stops again, if it still is there. */
	if (event->cause != CAUSE_WATCH)
		return false;
	for (i = 0; i < VCPU_POINTS; i++)
		if (g->breakpoints.slot[i].point.kind != VCPU_POINT_NONE &&
		    g->breakpoints.slot[i].type == event->type &&
		    g->breakpoints.slot[i].gla == event->gla)
			return true;
	return false;
}

static bool
cause_is_known(const struct vm_gdb *g, const struct cause_row *row)
{
	if (row->name == NULL || row->says == 0)
		return false;
	return *(const bool *)((const char *)g + row->says);
}

void
cause_put(struct vm_gdb *g, struct vcpu *vcpu, const struct server_event *event)
{
	static const unsigned int expedited[] = { REGISTERS_RBP, REGISTERS_RSP,
		REGISTERS_RIP };
	const struct cause_row *row = &cause_rows[event->cause];
	uint8_t value[REGISTERS_WIDEST];
	struct registers r;
	size_t i;

	packet_begin(&g->out);
	packet_printf(
	    &g->out, "T%02xthread:%x;", row->signal, vcpu_id(vcpu) + 1);
	if (event->cause == CAUSE_WATCH)
		packet_printf(&g->out, "%s:%llx;", cause_watches[event->type],
		    (unsigned long long)event->gla);
	else if (cause_is_known(g, row))
		packet_printf(&g->out, "%s:;", row->name);
	registers_init(&r, vcpu);
	for (i = 0; i < sizeof(expedited) / sizeof(expedited[0]); i++) {
		if (registers_get(&r, expedited[i], value) == -1)
			continue;
		packet_printf(&g->out, "%02x:", expedited[i]);
		packet_put_hex(
		    &g->out, value, registers_rows[expedited[i]].bits / 8U);
		packet_put(&g->out, ";");
	}
}
