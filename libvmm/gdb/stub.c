/* SPDX-License-Identifier: ISC */
/*
 * The gdb stub's states and its calls to and from the program that runs the
 * vCPUs; the public functions of vmm_gdb.h.  lock guards what the vCPUs'
 * threads touch and is never held in a callback.  The invariant: breakpoints
 * exist only between an attach and the detach() that answers it, and change
 * only while all vCPUs stand.
 */
#include "stub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../handle.h"
#include "target.h"

#define ALL (~0ULL)
#define REPEATS_MAX 8

/* --- helpers ---------------------------------------------------------------
 */

struct vcpu *
stub_vcpu(const struct vm_gdb *g, uint64_t id)
{
	return id < VMM_MAX_VCPUS ? atomic_load(&g->vm->vcpus[id]) : NULL;
}

struct vcpu *
stub_next_vcpu(const struct vm_gdb *g, uint64_t id)
{
	struct vcpu *vcpu = NULL;

	for (; id < VMM_MAX_VCPUS && vcpu == NULL; id++)
		vcpu = stub_vcpu(g, id);
	return vcpu;
}

enum stub_state
stub_state(struct vm_gdb *g)
{
	enum stub_state state;

	pthread_mutex_lock(&g->lock);
	state = g->state;
	pthread_mutex_unlock(&g->lock);
	return state;
}

/* From one state to another; whether it was in the first. */
static bool
stub_move(struct vm_gdb *g, enum stub_state from, enum stub_state to)
{
	bool moved;

	pthread_mutex_lock(&g->lock);
	moved = g->state == from;
	if (moved)
		g->state = to;
	pthread_mutex_unlock(&g->lock);
	return moved;
}

void
stub_reply(struct vm_gdb *g)
{
	if (g->out.overflow) {
		packet_begin(&g->out);
		packet_printf(&g->out, "E%02x", ENOBUFS);
	}
	g->wire_len = packet_frame(&g->out, g->wire);
	g->repeats = 0;
	g->host.send(g->arg, g->wire, g->wire_len);
}

void
stub_reply_stop(struct vm_gdb *g)
{
	cause_put(g, g->thread_last, &g->last);
	stub_reply(g);
}

/* --- life ------------------------------------------------------------------
 */

int
vm_gdb_create(struct vm *vm, const struct vm_gdb_host *host, void *arg,
    struct vm_gdb **gp)
{
	struct vm_gdb *g;

	if (host->size != sizeof(*host)) {
		errno = EINVAL;
		return -1;
	}
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return -1;
	g->target = target_describe(&g->target_len);
	if (g->target == NULL) {
		int err = errno;

		free(g);
		errno = err;
		return -1;
	}
	g->vm = g->breakpoints.vm = vm;
	g->host = *host;
	g->arg = arg;
	g->state = STUB_IDLE;
	g->runnable = ALL;
	pthread_mutex_init(&g->lock, NULL);
	*gp = g;
	return 0;
}

/* No vCPU exits for us, no byte of the guest is ours. */
static void
stub_disarm(struct vm_gdb *g)
{
	const struct vcpu_debug none = { .flags = 0 };
	struct vcpu *vcpu;
	uint64_t id;

	breakpoint_clear(&g->breakpoints);
	for (id = 0; (vcpu = stub_next_vcpu(g, id)) != NULL;
	     id = vcpu_id(vcpu) + 1ULL)
		(void)vcpu_set_debug(vcpu, &none);
}

void
vm_gdb_destroy(struct vm_gdb *g)
{
	if (g == NULL)
		return;
	if (stub_state(g) != STUB_IDLE)
		stub_disarm(g);
	pthread_mutex_destroy(&g->lock);
	free(g->target);
	free(g);
}

/* --- the client ------------------------------------------------------------
 */

/* How a client finds things; the vCPU that crashed is kept. */
static void
stub_welcome(struct vm_gdb *g)
{
	packet_in_reset(&g->in);
	g->wire_len = 0;
	g->no_ack = g->says_swbreak = g->says_hwbreak = false;
	g->waiting = false;
	g->attaching = true;
	g->resumed = NULL;
	if (!g->crashed) {
		g->last = (struct stub_event) { .cause = CAUSE_ATTACH };
		g->thread_last = stub_next_vcpu(g, 0);
	}
	g->thread = g->thread_last;
}

int
vm_gdb_attach(struct vm_gdb *g)
{
	if (!stub_move(g, STUB_IDLE, STUB_STOPPING)) {
		errno = EBUSY;
		return -1;
	}
	stub_welcome(g);
	if (g->thread == NULL) {
		(void)stub_move(g, STUB_STOPPING, STUB_IDLE);
		errno = ENOENT;
		return -1;
	}
	memset(g->event, 0, sizeof(g->event));
	g->runnable = 0;
	if (g->crashed)
		vm_gdb_stopped(g);
	else
		g->host.stop(g->arg);
	return 0;
}

bool
vm_gdb_is_attached(const struct vm_gdb *g)
{
	/* The lock is no part of what the caller sees. */
	return stub_state((struct vm_gdb *)(uintptr_t)g) != STUB_IDLE;
}

static void
stub_interrupt(struct vm_gdb *g)
{
	if (!stub_move(g, STUB_RUNNING, STUB_STOPPING))
		return;
	g->runnable = 0;
	g->host.stop(g->arg);
}

static void
stub_repeat(struct vm_gdb *g)
{
	if (g->no_ack || g->wire_len == 0 || g->repeats == REPEATS_MAX)
		return;
	g->repeats++;
	g->host.send(g->arg, g->wire, g->wire_len);
}

static void
stub_packet(struct vm_gdb *g, enum packet_event event)
{
	if (event == PACKET_BAD) {
		if (!g->no_ack)
			g->host.send(g->arg, "-", 1);
		return;
	}
	if (!g->no_ack)
		g->host.send(g->arg, "+", 1);
	if (event == PACKET_LONG) {
		packet_begin(&g->out);
		packet_printf(&g->out, "E%02x", EMSGSIZE);
		stub_reply(g);
	} else if (stub_state(g) == STUB_STOPPED)
		command_run(g);
	else
		g->waiting = true;
}

static void
stub_event(struct vm_gdb *g, enum packet_event event)
{
	switch (event) {
	case PACKET_ACK:
		g->wire_len = 0;
		break;
	case PACKET_NAK:
		stub_repeat(g);
		break;
	case PACKET_INTERRUPT:
		stub_interrupt(g);
		break;
	case PACKET_READY:
	case PACKET_BAD:
	case PACKET_LONG:
		stub_packet(g, event);
		break;
	case PACKET_NOTHING:
	default:
		break;
	}
}

/* Whether there is someone to answer. */
static bool
stub_has_client(struct vm_gdb *g)
{
	enum stub_state state = stub_state(g);

	return state != STUB_IDLE && state != STUB_LEAVING;
}

void
vm_gdb_input(struct vm_gdb *g, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	size_t i;

	for (i = 0; i < len && stub_has_client(g); i++) {
		/* While a packet waits its sender does, too. */
		if (!g->waiting)
			stub_event(g, packet_in_byte(&g->in, p[i]));
		else if (p[i] == 3)
			stub_interrupt(g);
	}
}

void
stub_release(struct vm_gdb *g)
{
	stub_disarm(g);
	pthread_mutex_lock(&g->lock);
	g->state = STUB_IDLE;
	g->stepping = 0;
	pthread_mutex_unlock(&g->lock);
	g->runnable = ALL;
	if (!g->crashed)
		g->host.resume(g->arg);
	g->host.detach(g->arg);
}

void
vm_gdb_hangup(struct vm_gdb *g)
{
	if (stub_state(g) == STUB_STOPPED) {
		stub_release(g);
		return;
	}
	if (stub_move(g, STUB_STOPPING, STUB_LEAVING))
		return;
	if (stub_move(g, STUB_RUNNING, STUB_LEAVING)) {
		g->runnable = 0;
		g->host.stop(g->arg);
	} else if (stub_state(g) == STUB_STOPPING)
		/* A vCPU stopped in this moment. */
		(void)stub_move(g, STUB_STOPPING, STUB_LEAVING);
}

/* --- running and stopping --------------------------------------------------
 */

bool
vm_gdb_exit(struct vm_gdb *g, struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct stub_event event;
	bool ask;

	if (!cause_find(g, vcpu, exit, &event)) {
		if (exit->reason == VM_EXIT_DEBUG)
			cause_give_back(g, vcpu, exit);
		return false;
	}
	pthread_mutex_lock(&g->lock);
	g->event[vcpu_id(vcpu)] = event;
	ask = g->state == STUB_RUNNING;
	if (ask)
		g->state = STUB_STOPPING;
	pthread_mutex_unlock(&g->lock);
	if (ask) {
		g->runnable = 0;
		g->host.stop(g->arg);
	}
	return true;
}

bool
vm_gdb_may_run(const struct vm_gdb *g, const struct vcpu *vcpu)
{
	return (atomic_load(&g->runnable) & 1ULL << vcpu_id(vcpu)) != 0;
}

/* Takes the next event of the vCPUs in mask: in turn, so that none starves. */
static bool
stub_take_event(struct vm_gdb *g, uint64_t mask)
{
	uint32_t i, id, after = vcpu_id(g->thread_last);
	struct vcpu *vcpu;

	for (i = 1; i <= VMM_MAX_VCPUS; i++) {
		id = (after + i) % VMM_MAX_VCPUS;
		vcpu = stub_vcpu(g, id);
		if (vcpu == NULL || (mask & 1ULL << id) == 0 ||
		    g->event[id].cause == CAUSE_NONE)
			continue;
		g->last = g->event[id];
		g->event[id].cause = CAUSE_NONE;
		g->thread = g->thread_last = vcpu;
		return true;
	}
	return false;
}

/* A client that attaches asks by itself why the guest stands. */
static void
stub_report(struct vm_gdb *g)
{
	if (g->attaching) {
		g->attaching = false;
		return;
	}
	if (!stub_take_event(g, ALL))
		g->last = (struct stub_event) { .cause = CAUSE_INTERRUPT };
	stub_reply_stop(g);
}

static void
stub_do_waiting(struct vm_gdb *g)
{
	if (!g->waiting)
		return;
	g->waiting = false;
	command_run(g);
}

void
vm_gdb_stopped(struct vm_gdb *g)
{
	if (stub_state(g) == STUB_LEAVING) {
		stub_release(g);
		return;
	}
	if (!stub_move(g, STUB_STOPPING, STUB_STOPPED))
		return;
	stub_report(g);
	stub_do_waiting(g);
}

/* Events that were not reported and that running on would lose. */
static bool
stub_take_missed(struct vm_gdb *g, uint64_t run)
{
	uint32_t id;

	for (id = 0; id < VMM_MAX_VCPUS; id++)
		if ((run & 1ULL << id) != 0 &&
		    !cause_still_holds(g, &g->event[id]))
			g->event[id].cause = CAUSE_NONE;
	return stub_take_event(g, run);
}

static int
stub_arm(struct vm_gdb *g, uint64_t step)
{
	struct vcpu_debug debug;
	struct vcpu *vcpu;
	uint64_t id;

	breakpoint_arm(&g->breakpoints, &debug);
	for (id = 0; (vcpu = stub_next_vcpu(g, id)) != NULL; id++) {
		struct vcpu_debug mine = debug;

		id = vcpu_id(vcpu);
		if ((step & 1ULL << id) != 0)
			mine.flags |= VCPU_DEBUG_STEP | VCPU_DEBUG_QUIET;
		if (vcpu_set_debug(vcpu, &mine) == -1)
			return -1;
	}
	return 0;
}

int
stub_resume(struct vm_gdb *g, uint64_t run, uint64_t step)
{
	if (stub_take_missed(g, run)) {
		stub_reply_stop(g);
		return 0;
	}
	if (stub_arm(g, step) == -1)
		return -1;
	pthread_mutex_lock(&g->lock);
	g->state = STUB_RUNNING;
	g->stepping = step;
	pthread_mutex_unlock(&g->lock);
	g->runnable = run;
	g->host.resume(g->arg);
	return 0;
}

/* --- the guest's end -------------------------------------------------------
 */

void
vm_gdb_crashed(struct vm_gdb *g, struct vcpu *vcpu, const char *why)
{
	enum stub_state state;

	pthread_mutex_lock(&g->lock);
	state = g->state;
	if (state == STUB_RUNNING)
		g->state = STUB_STOPPING;
	pthread_mutex_unlock(&g->lock);
	g->crashed = true;
	if (state != STUB_IDLE)
		g->runnable = 0;
	(void)snprintf(g->why, sizeof(g->why), "%s", why);
	if (!g->attaching && state == STUB_RUNNING) {
		packet_begin(&g->out);
		packet_put(&g->out, "O");
		packet_put_hex(&g->out, "The guest crashed: ", 19);
		packet_put_hex(&g->out, g->why, strlen(g->why));
		packet_put_hex(&g->out, "\n", 1);
		stub_reply(g);
	}
	memset(g->event, 0, sizeof(g->event));
	g->event[vcpu_id(vcpu)].cause = CAUSE_CRASH;
	g->last = (struct stub_event) { .cause = CAUSE_CRASH };
	g->thread = g->thread_last = vcpu;
	if (state == STUB_STOPPING || state == STUB_RUNNING ||
	    state == STUB_LEAVING)
		vm_gdb_stopped(g);
}

void
vm_gdb_ended(struct vm_gdb *g)
{
	enum stub_state state = stub_state(g);

	if (state == STUB_IDLE)
		return;
	if (state == STUB_RUNNING ||
	    (state == STUB_STOPPING && !g->attaching)) {
		packet_begin(&g->out);
		packet_put(&g->out, "W00");
		stub_reply(g);
	}
	pthread_mutex_lock(&g->lock);
	g->state = STUB_IDLE;
	pthread_mutex_unlock(&g->lock);
	stub_disarm(g);
	g->runnable = ALL;
	g->host.detach(g->arg);
}
