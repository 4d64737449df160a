/* SPDX-License-Identifier: ISC */
/*
 * A deadline per run: a POSIX timer that signals the running thread, whose
 * handler stops the vCPU as a cancel does.  Whether the signal comes before
 * KVM_RUN, inside or after it, immediate_exit or EINTR ends the run, so there
 * is no gap, no retry and no second thread.  A signal that was sent is handled
 * at the latest when the call that disarms the timer returns; therefore none
 * is left for a later run.
 */
#include "deadline.h"

#include <errno.h>
#include <unistd.h>

#include "handle.h"
#include "vmm.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

#define NS 1000000000ULL

/*
 * Which vCPU this thread runs with a deadline, and whose timer it made last.
 * Thread-local, for a signal handler has no other way to ask; initial-exec,
 * for then reading it allocates nothing.
 */
static _Thread_local struct {
	struct vcpu *volatile armed;
	const struct vcpu *made_for;
	uint64_t made;
} deadline_here __attribute__((tls_model("initial-exec")));

static void
deadline_stop(struct vcpu *vcpu)
{
	atomic_fetch_or(&vcpu->stop, VCPU_STOP_DEADLINE);
	vcpu->be->vcpu_kick(vcpu);
}

void
deadline_signal(const siginfo_t *info)
{
	struct vcpu *vcpu = deadline_here.armed;

	if (vcpu != NULL && info->si_code == SI_TIMER &&
	    info->si_value.sival_ptr == vcpu)
		deadline_stop(vcpu);
}

static uint64_t
deadline_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS + (uint64_t)now.tv_nsec;
}

void
deadline_close(struct deadline *deadline)
{
	if (deadline->have_timer)
		(void)timer_delete(deadline->timer);
	deadline->have_timer = false;
}

/* A timer for this thread; thread ids and addresses are used again, times not.
 */
static int
deadline_make(struct vcpu *vcpu)
{
	int signo = vcpu->vm->params.cancel_signal;
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = signo != 0 ? signo : SIGRTMIN,
		.sigev_value.sival_ptr = vcpu };
	struct deadline *d = &vcpu->deadline;

	if (d->have_timer && deadline_here.made_for == vcpu &&
	    deadline_here.made == d->made)
		return 0;
	deadline_close(d);
	event.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &d->timer) == -1)
		return -1;
	d->have_timer = true;
	d->made = deadline_now();
	deadline_here.made_for = vcpu;
	deadline_here.made = d->made;
	return 0;
}

/* The timer, from nothing to deadline_ns; 0 stops it. */
static int
deadline_set(struct vcpu *vcpu, uint64_t deadline_ns)
{
	struct itimerspec at = { .it_value = {
				     .tv_sec = (time_t)(deadline_ns / NS),
				     .tv_nsec = (long)(deadline_ns % NS) } };

	return timer_settime(vcpu->deadline.timer, TIMER_ABSTIME, &at, NULL);
}

int
vm_run_until(struct vcpu *vcpu, struct vm_exit *exit, uint64_t deadline_ns)
{
	int rc = 0, err;

	if (deadline_make(vcpu) == -1)
		return -1;
	deadline_here.armed = vcpu;
	/* A timer that is past fires soon, which need not be before the guest
	 * runs. */
	if (deadline_ns <= deadline_now())
		deadline_stop(vcpu);
	else
		rc = deadline_set(vcpu, deadline_ns);
	if (rc == 0)
		rc = vm_run(vcpu, exit);
	err = errno;
	/* It came, or it will never come. */
	if ((atomic_load(&vcpu->stop) & VCPU_STOP_DEADLINE) == 0)
		(void)deadline_set(vcpu, 0);
	deadline_here.armed = NULL;
	atomic_fetch_and(&vcpu->stop, ~VCPU_STOP_DEADLINE);
	errno = err;
	return rc;
}
