/* SPDX-License-Identifier: ISC */
/*
 * The gdb server's states and its calls to and from the program that runs the
 * vCPUs; the public functions of vmm_gdb.h.  lock guards what the vCPUs'
 * threads touch and is never held in a callback.  The invariant: breakpoints
 * exist only between an attach and the detach() that answers it, and change
 * only while all vCPUs stand.
 */
#include "server.h"

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
server_vcpu(const struct vm_gdb *g, uint64_t id)
{
	return id < VMM_MAX_VCPUS ? atomic_load(&g->vm->vcpus[id]) : NULL;
}

struct vcpu *
server_next_vcpu(const struct vm_gdb *g, uint64_t id)
{
	struct vcpu *vcpu = NULL;

	for (; id < VMM_MAX_VCPUS && vcpu == NULL; id++)
		vcpu = server_vcpu(g, id);
	return vcpu;
}

enum server_state
server_state(struct vm_gdb *g)
{
	enum server_state state;

	pthread_mutex_lock(&g->lock);
	state = g->state;
	pthread_mutex_unlock(&g->lock);
	return state;
}

/* From one state to another; whether it was in the first. */
static bool
server_move(struct vm_gdb *g, enum server_state from, enum server_state to)
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
server_reply(struct vm_gdb *g)
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
server_reply_stop(struct vm_gdb *g)
{
	cause_put(g, g->thread_last, &g->last);
	server_reply(g);
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
	g->state = SERVER_IDLE;
	g->runnable = ALL;
	pthread_mutex_init(&g->lock, NULL);
	*gp = g;
	return 0;
}

/* No vCPU exits for us, no byte of the guest is ours. */
static void
server_disarm(struct vm_gdb *g)
{
	const struct vcpu_debug none = { .flags = 0 };
	struct vcpu *vcpu;
	uint64_t id;

	breakpoint_clear(&g->breakpoints);
	for (id = 0; (vcpu = server_next_vcpu(g, id)) != NULL;
	     id = vcpu_id(vcpu) + 1ULL)
		(void)vcpu_set_debug(vcpu, &none);
}

void
vm_gdb_destroy(struct vm_gdb *g)
{
	if (g == NULL)
		return;
	if (server_state(g) != SERVER_IDLE)
		server_disarm(g);
	pthread_mutex_destroy(&g->lock);
	free(g->target);
	free(g);
}

/* --- the client ------------------------------------------------------------
 */

/* How a client finds things; the vCPU that crashed is kept. */
static void
server_welcome(struct vm_gdb *g)
{
	packet_in_reset(&g->in);
	g->wire_len = 0;
	g->no_ack = g->says_swbreak = g->says_hwbreak = false;
	g->waiting = false;
	g->attaching = true;
	g->resumed = NULL;
	if (!g->crashed) {
		g->last = (struct server_event) { .cause = CAUSE_ATTACH };
		g->thread_last = server_next_vcpu(g, 0);
	}
	g->thread = g->thread_last;
}

int
vm_gdb_attach(struct vm_gdb *g)
{
	if (!server_move(g, SERVER_IDLE, SERVER_STOPPING)) {
		errno = EBUSY;
		return -1;
	}
	server_welcome(g);
	if (g->thread == NULL) {
		(void)server_move(g, SERVER_STOPPING, SERVER_IDLE);
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
	return server_state((struct vm_gdb *)(uintptr_t)g) != SERVER_IDLE;
}

static void
server_interrupt(struct vm_gdb *g)
{
	if (!server_move(g, SERVER_RUNNING, SERVER_STOPPING))
		return;
	g->runnable = 0;
	g->host.stop(g->arg);
}

static void
server_repeat(struct vm_gdb *g)
{
	if (g->no_ack || g->wire_len == 0 || g->repeats == REPEATS_MAX)
		return;
	g->repeats++;
	g->host.send(g->arg, g->wire, g->wire_len);
}

static void
server_packet(struct vm_gdb *g, enum packet_event event)
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
		server_reply(g);
	} else if (server_state(g) == SERVER_STOPPED)
		command_run(g);
	else
		g->waiting = true;
}

static void
server_event(struct vm_gdb *g, enum packet_event event)
{
	switch (event) {
	case PACKET_ACK:
		g->wire_len = 0;
		break;
	case PACKET_NAK:
		server_repeat(g);
		break;
	case PACKET_INTERRUPT:
		server_interrupt(g);
		break;
	case PACKET_READY:
	case PACKET_BAD:
	case PACKET_LONG:
		server_packet(g, event);
		break;
	case PACKET_NOTHING:
	default:
		break;
	}
}

/* Whether there is someone to answer. */
static bool
server_has_client(struct vm_gdb *g)
{
	enum server_state state = server_state(g);

	return state != SERVER_IDLE && state != SERVER_LEAVING;
}

void
vm_gdb_input(struct vm_gdb *g, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	size_t i;

	for (i = 0; i < len && server_has_client(g); i++) {
		/* While a packet waits its sender does, too. */
		if (!g->waiting)
			server_event(g, packet_in_byte(&g->in, p[i]));
		else if (p[i] == 3)
			server_interrupt(g);
	}
}

void
server_release(struct vm_gdb *g)
{
	server_disarm(g);
	pthread_mutex_lock(&g->lock);
	g->state = SERVER_IDLE;
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
	if (server_state(g) == SERVER_STOPPED) {
		server_release(g);
		return;
	}
	if (server_move(g, SERVER_STOPPING, SERVER_LEAVING))
		return;
	if (server_move(g, SERVER_RUNNING, SERVER_LEAVING)) {
		g->runnable = 0;
		g->host.stop(g->arg);
	} else if (server_state(g) == SERVER_STOPPING)
		/* A vCPU stopped in this moment. */
		(void)server_move(g, SERVER_STOPPING, SERVER_LEAVING);
}

/* --- running and stopping --------------------------------------------------
 */

bool
vm_gdb_exit(struct vm_gdb *g, struct vcpu *vcpu, const struct vm_exit *exit)
{
	struct server_event event;
	bool ask;

	if (!cause_find(g, vcpu, exit, &event)) {
		if (exit->reason == VM_EXIT_DEBUG)
			cause_give_back(g, vcpu, exit);
		return false;
	}
	pthread_mutex_lock(&g->lock);
	g->event[vcpu_id(vcpu)] = event;
	ask = g->state == SERVER_RUNNING;
	if (ask)
		g->state = SERVER_STOPPING;
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
server_take_event(struct vm_gdb *g, uint64_t mask)
{
	uint32_t i, id, after = vcpu_id(g->thread_last);
	struct vcpu *vcpu;

	for (i = 1; i <= VMM_MAX_VCPUS; i++) {
		id = (after + i) % VMM_MAX_VCPUS;
		vcpu = server_vcpu(g, id);
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
server_report(struct vm_gdb *g)
{
	if (g->attaching) {
		g->attaching = false;
		return;
	}
	if (!server_take_event(g, ALL))
		g->last = (struct server_event) { .cause = CAUSE_INTERRUPT };
	server_reply_stop(g);
}

static void
server_do_waiting(struct vm_gdb *g)
{
	if (!g->waiting)
		return;
	g->waiting = false;
	command_run(g);
}

void
vm_gdb_stopped(struct vm_gdb *g)
{
	if (server_state(g) == SERVER_LEAVING) {
		server_release(g);
		return;
	}
	if (!server_move(g, SERVER_STOPPING, SERVER_STOPPED))
		return;
	server_report(g);
	server_do_waiting(g);
}

/* Events that were not reported and that running on would lose. */
static bool
server_take_missed(struct vm_gdb *g, uint64_t run)
{
	uint32_t id;

	for (id = 0; id < VMM_MAX_VCPUS; id++)
		if ((run & 1ULL << id) != 0 &&
		    !cause_still_holds(g, &g->event[id]))
			g->event[id].cause = CAUSE_NONE;
	return server_take_event(g, run);
}

static int
server_arm(struct vm_gdb *g, uint64_t step)
{
	struct vcpu_debug debug;
	struct vcpu *vcpu;
	uint64_t id;

	breakpoint_arm(&g->breakpoints, &debug);
	for (id = 0; (vcpu = server_next_vcpu(g, id)) != NULL; id++) {
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
server_resume(struct vm_gdb *g, uint64_t run, uint64_t step)
{
	if (server_take_missed(g, run)) {
		server_reply_stop(g);
		return 0;
	}
	if (server_arm(g, step) == -1)
		return -1;
	pthread_mutex_lock(&g->lock);
	g->state = SERVER_RUNNING;
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
	enum server_state state;

	pthread_mutex_lock(&g->lock);
	state = g->state;
	if (state == SERVER_RUNNING)
		g->state = SERVER_STOPPING;
	pthread_mutex_unlock(&g->lock);
	g->crashed = true;
	if (state != SERVER_IDLE)
		g->runnable = 0;
	(void)snprintf(g->why, sizeof(g->why), "%s", why);
	if (!g->attaching && state == SERVER_RUNNING) {
		packet_begin(&g->out);
		packet_put(&g->out, "O");
		packet_put_hex(&g->out, "The guest crashed: ", 19);
		packet_put_hex(&g->out, g->why, strlen(g->why));
		packet_put_hex(&g->out, "\n", 1);
		server_reply(g);
	}
	memset(g->event, 0, sizeof(g->event));
	g->event[vcpu_id(vcpu)].cause = CAUSE_CRASH;
	g->last = (struct server_event) { .cause = CAUSE_CRASH };
	g->thread = g->thread_last = vcpu;
	if (state == SERVER_STOPPING || state == SERVER_RUNNING ||
	    state == SERVER_LEAVING)
		vm_gdb_stopped(g);
}

void
vm_gdb_ended(struct vm_gdb *g)
{
	enum server_state state = server_state(g);

	if (state == SERVER_IDLE)
		return;
	if (state == SERVER_RUNNING ||
	    (state == SERVER_STOPPING && !g->attaching)) {
		packet_begin(&g->out);
		packet_put(&g->out, "W00");
		server_reply(g);
	}
	pthread_mutex_lock(&g->lock);
	g->state = SERVER_IDLE;
	pthread_mutex_unlock(&g->lock);
	server_disarm(g);
	g->runnable = ALL;
	g->host.detach(g->arg);
}
