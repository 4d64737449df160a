/* SPDX-License-Identifier: ISC */
/*
 * Letting vCPUs run: vCont and its older forms.  A signal that is to be
 * passed on is nothing to a guest and left out.  In the debugger's thread,
 * while all vCPUs stand; the answer is the next stop.
 */
#include <errno.h>

#include "registers.h"
#include "server.h"

#define ALL (~0ULL)

/* Which vCPUs run and which step; known: those that an action has named. */
struct resume_plan {
	uint64_t known, run, step;
};

static uint64_t
resume_open_vcpus(const struct vm_gdb *g)
{
	struct vcpu *vcpu;
	uint64_t id, mask = 0;

	for (id = 0; (vcpu = server_next_vcpu(g, id)) != NULL;
	     id = vcpu_id(vcpu) + 1ULL)
		mask |= 1ULL << vcpu_id(vcpu);
	return mask;
}

static bool
resume_go(struct vm_gdb *g, uint64_t run, uint64_t step)
{
	run &= resume_open_vcpus(g);
	if (run == 0)
		return command_errno(g, EINVAL);
	if (server_resume(g, run, step & run) == -1)
		return command_refuse(
		    g, "KVM does not take the breakpoints or the step");
	return false;
}

bool
resume_vcont_actions(struct vm_gdb *g, struct packet_text *args)
{
	(void)args;
	packet_put(&g->out, "vCont;c;C;s;S;t");
	return true;
}

/* "c", "s", "t", or "Cnn" and "Snn". */
static bool
resume_take_action(struct packet_text *t, bool *run, bool *step)
{
	uint64_t signal;

	*step = packet_take(t, 's');
	*run = *step || packet_take(t, 'c');
	if (*run || packet_take(t, 't'))
		return true;
	*step = packet_take(t, 'S');
	*run = *step || packet_take(t, 'C');
	return *run && packet_take_u64(t, &signal);
}

/* One action; the first that names a vCPU counts. */
static bool
resume_plan(struct vm_gdb *g, struct packet_text *t, struct resume_plan *plan)
{
	struct vcpu *vcpu;
	uint64_t mask = ALL;
	bool run, step;

	if (!resume_take_action(t, &run, &step))
		return false;
	if (packet_take(t, ':')) {
		if (!command_take_thread(g, t, &vcpu))
			return false;
		if (vcpu != NULL)
			mask = 1ULL << vcpu_id(vcpu);
	}
	if (!packet_at_end(t))
		return false;
	mask &= ~plan->known;
	plan->known |= mask;
	if (run)
		plan->run |= mask;
	if (step)
		plan->step |= mask;
	return true;
}

bool
resume_vcont(struct vm_gdb *g, struct packet_text *args)
{
	struct resume_plan plan = { 0, 0, 0 };
	struct packet_text action;

	if (g->crashed)
		return command_refuse(g, "the guest crashed; it cannot go on");
	if (packet_at_end(args))
		return command_errno(g, EINVAL);
	while (!packet_at_end(args)) {
		action = packet_take_until(args, ';');
		if (!resume_plan(g, &action, &plan))
			return command_errno(g, EINVAL);
	}
	return resume_go(g, plan.run, plan.step);
}

/* "[nn;][address]" behind C and S, "[address]" behind c and s. */
static bool
resume_take_address(
    struct vm_gdb *g, struct packet_text *args, struct vcpu *vcpu)
{
	bool has_signal = g->in.buf[0] == 'C' || g->in.buf[0] == 'S';
	uint64_t value;

	if (has_signal &&
	    (!packet_take_u64(args, &value) ||
		(!packet_at_end(args) && !packet_take(args, ';'))))
		return false;
	if (packet_at_end(args))
		return true;
	if (!packet_take_u64(args, &value) || !packet_at_end(args))
		return false;
	return registers_set_rip(vcpu, value) == 0;
}

bool
resume_continue(struct vm_gdb *g, struct packet_text *args)
{
	if (!resume_take_address(g, args, g->thread))
		return command_errno(g, EINVAL);
	return resume_go(
	    g, g->resumed == NULL ? ALL : 1ULL << vcpu_id(g->resumed), 0);
}

bool
resume_step(struct vm_gdb *g, struct packet_text *args)
{
	struct vcpu *vcpu = g->resumed != NULL ? g->resumed : g->thread;
	uint64_t mask = 1ULL << vcpu_id(vcpu);

	if (!resume_take_address(g, args, vcpu))
		return command_errno(g, EINVAL);
	return resume_go(g, mask, mask);
}
