/* SPDX-License-Identifier: ISC */
/*
 * Role vm: one guest.  Runs as the unprivileged user in an empty root with
 * namespaces of its own; it holds the VM's KVM descriptors, its memory and its
 * console, and nothing else.  What the guest does beyond its instructions
 * arrives here first, so this process is the one a guest may break.
 *
 * The main thread serves messages, timers and the console; each vCPU has a
 * thread.  board.lock orders them.  The process does one boot: a guest that
 * resets is started again in a fresh one.
 */
#include <sys/epoll.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "chip/pm.h"
#include "ipc/log.h"
#include "ipc/vmspec.h"
#include "jail/jail.h"
#include "role/answer.h"
#include "role/board.h"
#include "role/child.h"
#include "role/debug.h"
#include "role/dump.h"
#include "role/hold.h"
#include "role/role.h"
#include "role/stats.h"
#include "role/vcpus.h"
#include "role/vmload.h"
#include "vmm.h"

/* A guest that hears the power button has this long to switch itself off; one
 * that does not even look is given the shorter time. */
#define STOP_DEAF_S 3
#define STOP_HEARD_S 120
/* Device processes come up in milliseconds. */
#define DEVICES_UP_S 10
/* To pause, devices finish what they have begun: longer than this is a hang. */
#define PAUSE_S 5

/* Where the process is; each message is right in some of them only. */
enum vm_phase { VM_COLLECTING, VM_BUILDING, VM_RUNS, VM_PAUSING, VM_IS_PAUSED };

struct vm_device {
	enum device_kind kind;
	unsigned int index;
	int fd;
};

struct vm_role {
	struct child child;
	struct board board;
	struct vcpus vcpus;
	struct hold hold;
	struct dump dump;
	struct debug debug;
	struct vmspec *spec;
	enum vm_phase phase;
	int limit_fd; /* timerfd: the time of the phase, or to stop, is up */
	unsigned int stopping; /* devices that have not stopped yet */
	bool stop_asked;
	bool debug_waits; /* the guest does not start without a debugger */
	/* Links that arrived before the board was there. */
	struct vm_device waiting[BOARD_DEVICES_MAX];
	unsigned int nwaiting;
};

/* Tells vmm why, then ends: the one way out of this process. */
static void __attribute__((noreturn)) vm_exit(struct vm_role *r,
    enum vm_end reason, enum vm_error error, const char *detail)
{
	const struct msg_vm_exited m = { .reason = reason, .error = error };

	child_send(&r->child, MSG_VM_EXITING, 0, -1, &m, sizeof(m), detail,
	    strnlen(detail, VMD_DETAIL_MAX));
	_exit(0);
}

/* The VM cannot start: the requester is told, with the file it is about. */
static void __attribute__((noreturn))
vm_fail(struct vm_role *r, const struct msg_result *m, const char *detail)
{
	child_send(&r->child, MSG_VM_READY, 0, -1, m, sizeof(*m), detail,
	    strnlen(detail, VMD_DETAIL_MAX));
	vm_exit(r, END_FAILED, m->error, detail);
}

static void __attribute__((noreturn))
vm_fail_errno(struct vm_role *r, enum vm_error error, const char *detail)
{
	const struct msg_result m = { .error = error,
		.sys_errno = (uint32_t)errno };

	vm_fail(r, &m, detail);
}

/* --- starting --------------------------------------------------------------
 */

static void
vm_limit(struct vm_role *r, time_t seconds)
{
	const struct itimerspec its = { .it_value.tv_sec = seconds };

	timerfd_settime(r->limit_fd, 0, &its, NULL);
}

static void
vm_load(struct vm_role *r, struct boot_cpu *cpu)
{
	struct boot_result result;

	if (vmload(&r->board, r->spec, &result) == -1) {
		const struct msg_result m = { .error = result.error,
			.sys_errno = (uint32_t)result.sys_errno,
			.file = result.file };

		vm_fail(r, &m, result.detail);
	}
	*cpu = result.cpu;
}

static void
vm_create_kvm(struct vm_role *r, struct vm **vmp)
{
	const struct vm_params params = {
		.size = sizeof(params),
		.memory_bytes = r->spec->start.memory,
		.ncpus = r->spec->start.cpus,
		.flags = VM_IRQCHIP | VM_PIT,
	};
	int kvm_fd = vmspec_take(r->spec, VM_FILE_KVM, 0);

	if (vm_create(kvm_fd, &params, vmp) == -1)
		vm_fail_errno(r,
		    errno == ENOMEM ? VM_ERROR_NO_MEMORY : VM_ERROR_NO_KVM,
		    "cannot create the VM");
	close(kvm_fd);
}

/* Everything is loaded and every device is there: the guest runs. */
static void
vm_run_guest(struct vm_role *r)
{
	const struct msg_result ok = { .error = VM_ERROR_OK };

	if (vcpus_start(&r->vcpus) == -1)
		vm_fail_errno(r, VM_ERROR_FAILED, "cannot make vCPU threads");
	if (jail_seal(ROLE_VM) == -1)
		vm_fail_errno(r, VM_ERROR_FAILED, "cannot seal the sandbox");
	vm_limit(r, 0);
	r->phase = VM_RUNS;
	if (r->debug_waits)
		debug_wait(&r->debug);
	hold_drop(&r->hold, HOLD_START);
	child_send(&r->child, MSG_VM_READY, 0, -1, &ok, sizeof(ok), NULL, 0);
}

static void
vm_device_ready(void *arg)
{
	struct vm_role *r = arg;

	if (r->phase == VM_BUILDING && r->vcpus.count > 0 &&
	    board_is_ready(&r->board))
		vm_run_guest(r);
}

/* The guest stands still: now the devices, which nobody drives any more. */
static void
vm_pause_devices(void *arg)
{
	struct vm_role *r = arg;

	r->stopping = r->board.devices;
	for (unsigned int i = 0; i < r->board.devices; i++)
		virtio_stop(r->board.device[i]);
}

/* The guest cannot go on, and its dump, if there is to be one, is written. */
static void
vm_ended(void *arg)
{
	struct vm_role *r = arg;
	char detail[VMD_DETAIL_MAX];
	enum vm_end reason;

	vcpus_ended(&r->vcpus, &reason, detail);
	if (detail[0] != '\0')
		log_info("vm", "ends: %s", detail);
	vm_exit(r, reason, VM_ERROR_OK, detail);
}

/* No debugger looks at its end (any more): a crash is dumped. */
static void
vm_dump_end(void *arg)
{
	struct vm_role *r = arg;
	char detail[VMD_DETAIL_MAX];
	enum vm_end reason;

	vcpus_ended(&r->vcpus, &reason, detail);
	if ((reason != END_CRASH && reason != END_FAULT) ||
	    !dump_crash(&r->dump, vm_ended, r))
		vm_ended(r);
}

static void
vm_vcpus_ready(void *arg, uint32_t events)
{
	struct vm_role *r = arg;
	char detail[VMD_DETAIL_MAX];
	enum vm_end reason;
	uint64_t count;

	(void)events;
	if (read(r->vcpus.event_fd, &count, sizeof(count)) == -1)
		return;
	if (vcpus_ended(&r->vcpus, &reason, detail) &&
	    !debug_keeps(&r->debug, vm_dump_end, r))
		vm_dump_end(r);
	hold_check(&r->hold);
}

static void
vm_watch(struct vm_role *r, int fd, void (*ready)(void *, uint32_t))
{
	if (watch_add(r->board.watches, fd, EPOLLIN, ready, r) == NULL)
		fatal("vm", "event loop");
}

static void
vm_build(struct vm_role *r)
{
	struct boot_cpu cpu;
	struct vm *vm;
	enum vm_error error;

	log_procname("vm %s", r->spec->start.target.name);
	setproctitle("vm %s", r->spec->start.target.name);
	r->phase = VM_BUILDING;
	vm_create_kvm(r, &vm);
	if ((error = board_init(&r->board, vm, r->spec)) != VM_ERROR_OK)
		vm_fail_errno(r, error, "");
	for (unsigned int i = 0; i < r->nwaiting; i++)
		board_attach(&r->board, r->waiting[i].kind, r->waiting[i].index,
		    r->waiting[i].fd);
	/* It may take its time; vmm has an eye on that. */
	vm_load(r, &cpu);
	vm_limit(r, DEVICES_UP_S);
	if (vcpus_init(&r->vcpus, &r->board, r->spec->start.cpus, &cpu) == -1)
		vm_fail_errno(r, VM_ERROR_NO_KVM, "cannot create the vCPUs");
	hold_init(&r->hold, &r->board, &r->vcpus);
	if (dump_init(&r->dump, &r->child, &r->board, &r->hold, r->spec) == -1)
		vm_fail_errno(r, VM_ERROR_FAILED, "cannot make its threads");
	if (debug_init(&r->debug, &r->board, &r->vcpus, &r->hold,
		vmspec_take(r->spec, VM_FILE_GDB, 0)) == -1)
		vm_fail_errno(r, VM_ERROR_GDB_FAILED, "");
	r->debug_waits = (r->spec->start.debug & DEBUG_STOP) != 0;
	vm_watch(r, r->vcpus.event_fd, vm_vcpus_ready);
	vmspec_free(r->spec);
	r->spec = NULL;
	vm_device_ready(r);
}

/* --- messages from vmm -----------------------------------------------------
 */

static void
vm_check(struct vm_role *r, enum vm_error error)
{
	const struct msg_result m = { .error = error };

	if (error != VM_ERROR_OK)
		vm_fail(r, &m, "start request");
}

static void
vm_start_begin(void *arg, struct msg *m)
{
	struct vm_role *r = arg;

	if (r->phase == VM_COLLECTING) {
		r->child.vm_id = m->peerid;
		vm_check(r, vmspec_begin(r->spec, m));
	}
}

static void
vm_start_file(void *arg, struct msg *m)
{
	struct vm_role *r = arg;

	if (r->phase == VM_COLLECTING)
		vm_check(r, vmspec_file(r->spec, m));
}

static void
vm_start_cmdline(void *arg, struct msg *m)
{
	struct vm_role *r = arg;

	if (r->phase == VM_COLLECTING)
		vm_check(r, vmspec_cmdline(r->spec, m));
}

static void
vm_start_end(void *arg, struct msg *m)
{
	struct vm_role *r = arg;

	(void)m;
	if (r->phase == VM_COLLECTING)
		vm_build(r);
}

/* A device process, at the start or in place of one that died. */
static void
vm_device_link(void *arg, struct msg *m)
{
	struct vm_role *r = arg;
	const struct msg_device_link *link = m->payload;
	struct vm_device *d;
	int fd = m->fd;

	m->fd = -1;
	if (r->phase != VM_COLLECTING) {
		board_attach(&r->board, link->kind, link->index, fd);
		return;
	}
	if (r->nwaiting == BOARD_DEVICES_MAX) {
		close(fd);
		return;
	}
	d = &r->waiting[r->nwaiting++];
	d->kind = link->kind;
	d->index = link->index;
	d->fd = fd;
}

static void
vm_state(struct vm_role *r, enum vm_state state, enum vm_error error)
{
	const struct msg_vm_state m = { .state = state, .error = error };

	child_send(&r->child, MSG_VM_STATE, 0, -1, &m, sizeof(m), NULL, 0);
}

static void
vm_pause(void *arg, struct msg *m)
{
	struct vm_role *r = arg;

	(void)m;
	/* The answer to who asked first is for all who ask. */
	if (r->phase == VM_PAUSING)
		return;
	if (r->phase != VM_RUNS || r->stop_asked) {
		vm_state(r, r->phase == VM_IS_PAUSED ? VM_PAUSED : VM_RUNNING,
		    r->phase == VM_IS_PAUSED ? VM_ERROR_PAUSED
			: r->stop_asked	     ? VM_ERROR_STOPPING
					     : VM_ERROR_NOT_RUNNING);
		return;
	}
	r->phase = VM_PAUSING;
	r->stopping = 0;
	vm_limit(r, PAUSE_S);
	hold_take(&r->hold, HOLD_PAUSE, vm_pause_devices, r);
}

/* What has stopped for a pause goes on; who waits for the pause hears why. */
static void
vm_pause_abandon(struct vm_role *r, enum vm_error error)
{
	vm_limit(r, 0);
	for (unsigned int i = 0; r->stopping > 0 && i < r->board.devices; i++)
		virtio_continue(r->board.device[i]);
	r->stopping = 0;
	r->phase = VM_RUNS;
	hold_drop(&r->hold, HOLD_PAUSE);
	vm_state(r, VM_RUNNING, error);
}

static void
vm_pause_too_long(struct vm_role *r)
{
	if (r->stopping == 0)
		log_warnx("vm", "the vCPUs do not stop: not paused");
	for (unsigned int i = 0; r->stopping > 0 && i < r->board.devices; i++)
		if (virtio_is_stopping(r->board.device[i]))
			log_warnx("vm", "%s does not stop: not paused",
			    virtio_name(r->board.device[i]));
	vm_pause_abandon(r, VM_ERROR_TIMEOUT);
}

static void
vm_device_stopped(void *arg)
{
	struct vm_role *r = arg;

	if (r->phase != VM_PAUSING || r->stopping == 0 || --r->stopping > 0)
		return;
	vm_limit(r, 0);
	r->phase = VM_IS_PAUSED;
	vm_state(r, VM_PAUSED, VM_ERROR_OK);
}

static void
vm_unpause(void *arg, struct msg *m)
{
	struct vm_role *r = arg;

	(void)m;
	if (r->phase != VM_IS_PAUSED) {
		vm_state(r, VM_RUNNING, VM_ERROR_NOT_PAUSED);
		return;
	}
	for (unsigned int i = 0; i < r->board.devices; i++)
		virtio_continue(r->board.device[i]);
	r->phase = VM_RUNS;
	hold_drop(&r->hold, HOLD_PAUSE);
	vm_state(r, VM_RUNNING, VM_ERROR_OK);
}

static void
vm_stop(void *arg, struct msg *m)
{
	struct vm_role *r = arg;
	char detail[VMD_DETAIL_MAX];
	enum vm_end reason;
	bool heard;

	if (r->phase < VM_RUNS || r->stop_asked)
		return;
	/* A guest that stands still cannot hear the button. */
	dump_cancel(&r->dump, 0, VM_ERROR_STOPPING);
	/* One that has ended, and is a debugger's to look at, never will. */
	if (vcpus_ended(&r->vcpus, &reason, detail))
		vm_ended(r);
	if (r->phase == VM_PAUSING)
		vm_pause_abandon(r, VM_ERROR_STOPPING);
	else if (r->phase == VM_IS_PAUSED)
		vm_unpause(r, m);
	r->stop_asked = true;
	heard = pm_power_button(r->board.pm);
	log_debug("vm", "power button pressed, the guest %s",
	    heard ? "hears it" : "does not listen yet");
	vm_limit(r, heard ? STOP_HEARD_S : STOP_DEAF_S);
}

/* Whether there is a guest to ask about; if not, the client was told. */
static bool
vm_may_answer(struct vm_role *r, const struct msg_vm_ask *ask)
{
	if (r->phase >= VM_RUNS)
		return true;
	answer_end(&r->child, ask->client, VM_ERROR_NOT_RUNNING, 0, "");
	return false;
}

static void
vm_stats(void *arg, struct msg *m)
{
	struct vm_role *r = arg;

	if (vm_may_answer(r, m->payload))
		stats_answer(&r->child, &r->vcpus, m->payload);
}

static void
vm_dump_asked(void *arg, struct msg *m)
{
	struct vm_role *r = arg;
	const struct msg_vm_ask *ask = m->payload;

	if (!vm_may_answer(r, ask))
		return;
	if (r->stop_asked)
		answer_end(&r->child, ask->client, VM_ERROR_STOPPING, 0, "");
	else
		dump_ask(&r->dump, m);
}

static void
vm_cancel(void *arg, struct msg *m)
{
	struct vm_role *r = arg;
	const struct msg_vm_cancel *cancel = m->payload;

	if (r->phase >= VM_RUNS && cancel->client != 0)
		dump_cancel(&r->dump, cancel->client, VM_ERROR_CANCELLED);
}

const msg_handler vm_from_vmm[MSG__COUNT] = {
	[MSG_VM_START] = vm_start_begin,
	[MSG_VM_FILE] = vm_start_file,
	[MSG_VM_CMDLINE] = vm_start_cmdline,
	[MSG_VM_START_END] = vm_start_end,
	[MSG_VM_STOP] = vm_stop,
	[MSG_VM_PAUSE] = vm_pause,
	[MSG_VM_UNPAUSE] = vm_unpause,
	[MSG_VM_DUMP] = vm_dump_asked,
	[MSG_VM_CANCEL] = vm_cancel,
	[MSG_VM_STATS] = vm_stats,
	[MSG_DEVICE_LINK] = vm_device_link,
	[MSG_LOG_LEVEL] = child_log_level,
};

/* --- events ----------------------------------------------------------------
 */

static void
vm_up_ready(void *arg, uint32_t events)
{
	struct vm_role *r = arg;

	(void)events;
	msg_link_read(&r->child.up);
}

static void
vm_limit_ready(void *arg, uint32_t events)
{
	struct vm_role *r = arg;
	uint64_t count;

	(void)events;
	if (read(r->limit_fd, &count, sizeof(count)) == -1)
		return;
	if (r->phase == VM_BUILDING) {
		const struct msg_result m = { .error = VM_ERROR_DEVICE_FAILED };

		vm_fail(r, &m, "");
	}
	if (r->phase == VM_PAUSING) {
		vm_pause_too_long(r);
		return;
	}
	log_warnx("vm", "the guest did not switch itself off: ended");
	vm_exit(r, END_FORCED, VM_ERROR_TIMEOUT,
	    "the guest did not react to the power button");
}

/* The guest's own doing, from a vCPU thread with the machine lock. */
static void
vm_power(void *arg, enum machine_power power)
{
	struct vm_role *r = arg;
	enum vm_end reason = power == POWER_OFF ? END_POWEROFF : END_REBOOT;

	/* A debugger is told first, by the main thread. */
	if (debug_is_attached(&r->debug))
		vcpus_end(&r->vcpus, NULL, reason, "%s", "");
	else
		vm_exit(r, reason, VM_ERROR_OK, "");
}

int
vm_main(void)
{
	struct vm_role *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return 1;
	child_begin(&r->child, ROLE_VM, PEER_VM, PEER_VMM, vm_from_vmm, r);
	pthread_mutex_init(&r->board.lock, NULL);
	r->board.watches = watches_new(&r->board.lock);
	r->board.power = vm_power;
	r->board.device_ready = vm_device_ready;
	r->board.device_stopped = vm_device_stopped;
	r->board.arg = r;
	r->spec = vmspec_new();
	r->limit_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->limit_fd == -1)
		fatal("vm", "timerfd");
	vm_watch(r, msg_link_fd(&r->child.up), vm_up_ready);
	vm_watch(r, r->limit_fd, vm_limit_ready);
	for (;;)
		watches_wait(r->board.watches);
}
