/* SPDX-License-Identifier: ISC */
/*
 * The vCPU threads; see vcpus.h.  Runs in the VM process.
 */
#include "role/vcpus.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipc/clock.h"
#include "ipc/log.h"
#include "pci/bus.h"
#include "role/board.h"
#include "role/thread.h"
#include "role/throttle.h"
#include "vmm.h"
#include "vmm_gdb.h"

/* Enough for the bus, the chips and a log line. */
#define VCPU_STACK (256U * 1024)
#define NS_PER_S 1000000000ULL

struct vcpu_arg {
	struct vcpus *vcpus;
	unsigned int id;
};

/* --- starting --------------------------------------------------------------
 */

static struct vcpu_seg
vcpus_segment(const struct boot_segment *s)
{
	const struct vcpu_seg seg = { .base = s->base,
		.limit = s->limit,
		.access = s->access,
		.selector = s->selector };

	return seg;
}

static int
vcpus_boot(struct vcpu *vcpu, const struct boot_cpu *cpu)
{
	struct vcpu_sregs s;
	struct vcpu_regs r;

	if (cpu->mode == BOOT_RESET)
		return 0;
	if (vcpu_get_sregs(vcpu, &s) == -1 || vcpu_get_regs(vcpu, &r) == -1)
		return -1;
	s.cs = vcpus_segment(&cpu->code);
	s.ds = s.es = s.fs = s.gs = s.ss = vcpus_segment(&cpu->data);
	s.tr = vcpus_segment(&cpu->task);
	s.gdtr.base = cpu->gdt_base;
	s.gdtr.limit = cpu->gdt_limit;
	s.cr0 = cpu->cr0;
	s.cr3 = cpu->cr3;
	s.cr4 = cpu->cr4;
	s.efer = cpu->efer;
	r.rax = cpu->rax;
	r.rbx = cpu->rbx;
	r.rsi = cpu->rsi;
	r.rsp = cpu->rsp;
	r.rip = cpu->rip;
	r.rflags = cpu->rflags;
	if (vcpu_set_sregs(vcpu, &s) == -1)
		return -1;
	return vcpu_set_regs(vcpu, &r);
}

int
vcpus_init(struct vcpus *vs, struct board *board, unsigned int count,
    const struct boot_cpu *cpu)
{
	memset(vs, 0, sizeof(*vs));
	vs->board = board;
	vs->hold = true;
	vs->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vs->event_fd == -1 || vmm_cancel_signal_init(0) == -1)
		return -1;
	pthread_mutex_init(&vs->lock, NULL);
	thread_cond_init(&vs->resume);
	for (; vs->count < count; vs->count++)
		if (vcpu_open(board->vm, vs->count, &vs->vcpu[vs->count]) == -1)
			return -1;
	vm_stats_time(board->vm, true);
	return vcpus_boot(vs->vcpu[0], cpu);
}

/* --- exits -----------------------------------------------------------------
 */

static void
vcpus_signal(struct vcpus *vs)
{
	const uint64_t one = 1;

	if (write(vs->event_fd, &one, sizeof(one)) == -1)
		log_warn("vm", "eventfd");
}

void
vcpus_end(struct vcpus *vs, struct vcpu *crashed, enum vm_end reason,
    const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&vs->lock);
	if (!vs->ended) {
		vs->ended = true;
		vs->reason = reason;
		vs->crashed = crashed;
		va_start(ap, fmt);
		vsnprintf(vs->detail, sizeof(vs->detail), fmt, ap);
		va_end(ap);
	}
	__atomic_store_n(&vs->hold, true, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&vs->resume);
	pthread_mutex_unlock(&vs->lock);
	vcpus_signal(vs);
}

/* Accesses of 1, 2 or 4 bytes; a string instruction has several. */
static void
vcpus_pio(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e)
{
	(void)vcpu;
	uint8_t *data = e->u.pio.data;
	unsigned int size = e->u.pio.size;

	pthread_mutex_lock(&vs->board->lock);
	for (uint32_t i = 0; i < e->u.pio.count; i++, data += size) {
		uint64_t value = 0;

		if (e->u.pio.write) {
			memcpy(&value, data, size);
			bus_write(vs->board->machine.bus, BUS_PIO,
			    e->u.pio.port, size, value);
		} else {
			value = bus_read(vs->board->machine.bus, BUS_PIO,
			    e->u.pio.port, size);
			memcpy(data, &value, size);
		}
	}
	pthread_mutex_unlock(&vs->board->lock);
}

static void
vcpus_mmio(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e)
{
	(void)vcpu;
	struct bus *bus = vs->board->machine.bus;
	uint64_t value = 0;

	pthread_mutex_lock(&vs->board->lock);
	if (e->u.mmio.write) {
		memcpy(&value, e->u.mmio.data, e->u.mmio.len);
		bus_write(bus, BUS_MMIO, e->u.mmio.gpa, e->u.mmio.len, value);
	} else {
		value = bus_read(bus, BUS_MMIO, e->u.mmio.gpa, e->u.mmio.len);
		memcpy(e->u.mmio.data, &value, sizeof(value));
	}
	pthread_mutex_unlock(&vs->board->lock);
}

/* A write to ROM goes nowhere. */
static void
vcpus_access(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e)
{
	(void)vs;
	(void)vcpu;
	(void)e;
}

/* A triple fault resets a PC. */
static void
vcpus_shutdown(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e)
{
	(void)e;
	vcpus_end(vs, vcpu, END_FAULT, "triple fault");
}

static void
vcpus_system_event(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e)
{
	(void)vcpu;
	vcpus_end(vs, NULL, e->u.event.type == 1 ? END_POWEROFF : END_REBOOT,
	    "system event %u", e->u.event.type);
}

/* Where the guest is, for the one line that tells of its end. */
static uint64_t
vcpus_pc(struct vcpu *vcpu)
{
	struct vcpu_sregs s;
	struct vcpu_regs r;

	if (vcpu_get_sregs(vcpu, &s) == -1 || vcpu_get_regs(vcpu, &r) == -1)
		return 0;
	return s.cs.base + r.rip;
}

static void
vcpus_internal_error(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e)
{
	if (vs->gdb != NULL && vm_gdb_exit(vs->gdb, vcpu, e))
		return;
	vcpus_end(vs, vcpu, END_CRASH,
	    "KVM cannot emulate what the guest did (suberror %u) at 0x%" PRIx64,
	    e->u.error.suberror, vcpus_pc(vcpu));
}

static void
vcpus_fail_entry(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e)
{
	vcpus_end(vs, vcpu, END_CRASH,
	    "the processor refused the guest's state (reason 0x%" PRIx64 ")",
	    e->u.entry.hardware_reason);
}

static void
vcpus_unknown(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e)
{
	vcpus_end(vs, vcpu, END_CRASH, "unexpected exit: %s",
	    vm_exit_name(e->reason));
}

/* The debugger's, and then it has asked to hold; or the guest's own, who gets
 * its exception. */
static void
vcpus_debug(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e)
{
	if (vs->gdb == NULL)
		vcpus_unknown(vs, vcpu, e);
	else
		(void)vm_gdb_exit(vs->gdb, vcpu, e);
}

/* Nothing to do: the loop looks whether to hold or to stand. */
static void
vcpus_cancelled(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e)
{
	(void)vcpu;
	(void)vs;
	(void)e;
}

static void (*const vcpus_exits[VM_EXIT_MAX])(
    struct vcpus *, struct vcpu *, struct vm_exit *) = {
	[VM_EXIT_CANCELLED] = vcpus_cancelled,
	[VM_EXIT_DEADLINE] = vcpus_cancelled,
	[VM_EXIT_PIO] = vcpus_pio,
	[VM_EXIT_MMIO] = vcpus_mmio,
	[VM_EXIT_ACCESS] = vcpus_access,
	[VM_EXIT_SHUTDOWN] = vcpus_shutdown,
	[VM_EXIT_SYSTEM_EVENT] = vcpus_system_event,
	[VM_EXIT_DEBUG] = vcpus_debug,
	[VM_EXIT_INTERNAL_ERROR] = vcpus_internal_error,
	[VM_EXIT_FAIL_ENTRY] = vcpus_fail_entry,
};

static void
vcpus_exit(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e)
{
	if (e->reason < VM_EXIT_MAX && vcpus_exits[e->reason] != NULL)
		vcpus_exits[e->reason](vs, vcpu, e);
	else
		vcpus_unknown(vs, vcpu, e);
}

/* --- threads ---------------------------------------------------------------
 */

/* Answers what the last exit asked, so that the registers are whole. */
static void
vcpus_settle(struct vcpus *vs, struct vcpu *vcpu)
{
	struct vm_exit e;

	while (vcpu_complete(vcpu, &e) == 0 && e.reason != VM_EXIT_CANCELLED)
		vcpus_exit(vs, vcpu, &e);
}

/* While the debugger steps one vCPU, the others stay where they are. */
static bool
vcpus_may_run(const struct vcpus *vs, const struct vcpu *vcpu)
{
	return !__atomic_load_n(&vs->hold, __ATOMIC_RELAXED) &&
	    (vs->gdb == NULL || vm_gdb_may_run(vs->gdb, vcpu));
}

static void
vcpus_wait(struct vcpus *vs, struct vcpu *vcpu, bool ran)
{
	if (ran)
		vcpus_settle(vs, vcpu);
	pthread_mutex_lock(&vs->lock);
	vs->held++;
	vcpus_signal(vs);
	while (!vcpus_may_run(vs, vcpu))
		pthread_cond_wait(&vs->resume, &vs->lock);
	vs->held--;
	pthread_mutex_unlock(&vs->lock);
}

/* Stands until a time of CLOCK_MONOTONIC, unless something changes. */
static void
vcpus_stand(struct vcpus *vs, const struct vcpu *vcpu, unsigned int percent,
    uint64_t until_ns)
{
	int error = 0;

	pthread_mutex_lock(&vs->lock);
	while (error == 0 && vs->throttle == percent && vcpus_may_run(vs, vcpu))
		error = thread_cond_wait(&vs->resume, &vs->lock, until_ns);
	pthread_mutex_unlock(&vs->lock);
}

/* As vm_run(), but the vCPU stands a share of the time. */
static int
vcpus_run_share(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e,
    struct throttle *throttle, unsigned int percent)
{
	uint64_t until;
	int r;

	if (!throttle_may_run(
		throttle, percent, (uint64_t)clock_ns(), &until)) {
		vcpus_stand(vs, vcpu, percent, until);
		e->reason = VM_EXIT_CANCELLED;
		return 0;
	}
	r = vm_run_until(vcpu, e, until);
	/* Better too fast than not at all. */
	return r == -1 && errno == EAGAIN ? vm_run(vcpu, e) : r;
}

static int
vcpus_run(struct vcpus *vs, struct vcpu *vcpu, struct vm_exit *e,
    struct throttle *throttle)
{
	unsigned int percent = __atomic_load_n(&vs->throttle, __ATOMIC_RELAXED);

	return percent == 0 ? vm_run(vcpu, e)
			    : vcpus_run_share(vs, vcpu, e, throttle, percent);
}

static void *
vcpus_thread(void *arg)
{
	struct vcpu_arg a = *(struct vcpu_arg *)arg;
	struct vcpus *vs = a.vcpus;
	struct vcpu *vcpu = vs->vcpu[a.id];
	struct throttle throttle = { 0 };
	struct vm_exit e;
	bool ran = false;

	free(arg);
	for (;;) {
		if (!vcpus_may_run(vs, vcpu))
			vcpus_wait(vs, vcpu, ran);
		ran = true;
		if (vcpus_run(vs, vcpu, &e, &throttle) == 0) {
			vcpus_exit(vs, vcpu, &e);
			continue;
		}
		vcpus_end(vs, vcpu, END_CRASH, "vCPU %u cannot run: %s", a.id,
		    strerror(errno));
	}
	return NULL;
}

int
vcpus_start(struct vcpus *vs)
{
	pthread_attr_t attr;
	char name[16];
	uint32_t khz;
	int error = 0;

	/* libvmm keeps it: while a vCPU runs, or halts in KVM, to ask waits. */
	(void)vm_get_tsc_khz(vs->board->vm, &khz);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, VCPU_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (unsigned int i = 0; i < vs->count && error == 0; i++) {
		struct vcpu_arg *a = malloc(sizeof(*a));

		if (a == NULL) {
			error = ENOMEM;
			break;
		}
		a->vcpus = vs;
		a->id = i;
		error = pthread_create(&vs->thread[i], &attr, vcpus_thread, a);
		if (error != 0)
			free(a);
		else {
			snprintf(name, sizeof(name), "vcpu-%u", i);
			pthread_setname_np(vs->thread[i], name);
		}
	}
	pthread_attr_destroy(&attr);
	errno = error;
	return error == 0 ? 0 : -1;
}

void
vcpus_hold(struct vcpus *vs)
{
	pthread_mutex_lock(&vs->lock);
	__atomic_store_n(&vs->hold, true, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&vs->resume);
	pthread_mutex_unlock(&vs->lock);
	vm_cancel_all(vs->board->vm);
	/* Threads that did not wake up since the last time say nothing. */
	vcpus_signal(vs);
}

bool
vcpus_are_held(struct vcpus *vs)
{
	bool all;

	pthread_mutex_lock(&vs->lock);
	all = vs->held == vs->count;
	pthread_mutex_unlock(&vs->lock);
	return all;
}

void
vcpus_resume(struct vcpus *vs, bool was_paused)
{
	/* Held threads do not use their vCPUs, so this thread may. */
	for (unsigned int i = 0; was_paused && i < vs->count; i++)
		vcpu_clock_paused(vs->vcpu[i]);
	pthread_mutex_lock(&vs->lock);
	__atomic_store_n(&vs->hold, vs->ended, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&vs->resume);
	pthread_mutex_unlock(&vs->lock);
}

void
vcpus_throttle(struct vcpus *vs, unsigned int percent)
{
	bool other;

	if (percent > THROTTLE_MAX)
		percent = THROTTLE_MAX;
	pthread_mutex_lock(&vs->lock);
	other = vs->throttle != percent;
	__atomic_store_n(&vs->throttle, percent, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&vs->resume);
	pthread_mutex_unlock(&vs->lock);
	/* Those that run learn it by a new run. */
	if (other)
		vm_cancel_all(vs->board->vm);
}

struct vcpu *
vcpus_crashed(struct vcpus *vs)
{
	struct vcpu *crashed;

	pthread_mutex_lock(&vs->lock);
	crashed = vs->crashed;
	pthread_mutex_unlock(&vs->lock);
	return crashed;
}

bool
vcpus_ended(struct vcpus *vs, enum vm_end *reason, char detail[VMD_DETAIL_MAX])
{
	bool ended;

	pthread_mutex_lock(&vs->lock);
	ended = vs->ended;
	*reason = vs->reason;
	memcpy(detail, vs->detail, sizeof(vs->detail));
	pthread_mutex_unlock(&vs->lock);
	return ended;
}
