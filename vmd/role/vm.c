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

#include "ipc/log.h"
#include "ipc/vmspec.h"
#include "jail/jail.h"
#include "role/answer.h"
#include "role/role.h"
#include "role/stats.h"
#include "role/vm.h"
#include "role/vmload.h"
#include "vmm.h"

void
vm_exit(struct vm_role *r, enum vm_end reason, enum vm_error error,
    const char *detail)
{
	const struct msg_vm_exited m = { .reason = reason, .error = error };

	child_send(&r->child, MSG_VM_EXITING, 0, -1, &m, sizeof(m), detail,
	    strnlen(detail, VMD_DETAIL_MAX));
	_exit(0);
}

void
vm_fail(struct vm_role *r, const struct msg_result *m, const char *detail)
{
	child_send(&r->child, MSG_VM_READY, 0, -1, m, sizeof(*m), detail,
	    strnlen(detail, VMD_DETAIL_MAX));
	vm_exit(r, END_FAILED, m->error, detail);
}

void
vm_fail_errno(struct vm_role *r, enum vm_error error, const char *detail)
{
	const struct msg_result m = { .error = error,
		.sys_errno = (uint32_t)errno };

	vm_fail(r, &m, detail);
}

/* --- starting --------------------------------------------------------------
 */

void
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

	receive_device_ready(&r->receive);
	if (r->receive.on)
		return;
	if (r->phase == VM_BUILDING && r->vcpus.count > 0 &&
	    board_is_ready(&r->board))
		vm_run_guest(r);
}

static void
vm_device_stopped(void *arg)
{
	struct vm_role *r = arg;

	still_device_stopped(&r->still);
}

/* The guest cannot go on, and its dump, if there is to be one, is written. */
void
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
	bool receives = (r->spec->start.given & START_RECEIVE) != 0;
	struct boot_cpu cpu = { .mode = BOOT_RESET };
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
	if (!receives)
		vm_load(r, &cpu);
	vm_limit(r, DEVICES_UP_S);
	if (vcpus_init(&r->vcpus, &r->board, r->spec->start.cpus, &cpu) == -1)
		vm_fail_errno(r, VM_ERROR_NO_KVM, "cannot create the vCPUs");
	hold_init(&r->hold, &r->board, &r->vcpus);
	if (still_init(&r->still, &r->board, &r->hold) == -1 ||
	    vmmove_init(r) == -1 ||
	    dump_init(&r->dump, &r->child, &r->board, &r->hold, r->spec) == -1)
		vm_fail_errno(r, VM_ERROR_FAILED, "cannot make its threads");
	if (debug_init(&r->debug, &r->board, &r->vcpus, &r->hold,
		vmspec_take(r->spec, VM_FILE_GDB, 0)) == -1)
		vm_fail_errno(r, VM_ERROR_GDB_FAILED, "");
	r->debug_waits = (r->spec->start.debug & DEBUG_STOP) != 0;
	vm_watch(r, r->vcpus.event_fd, vm_vcpus_ready);
	if (receives)
		vmmove_receive(r);
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

bool
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

	if (r->phase < VM_RUNS || cancel->client == 0)
		return;
	dump_cancel(&r->dump, cancel->client, VM_ERROR_CANCELLED);
	send_cancel(&r->send, cancel->client, VM_ERROR_CANCELLED);
}

const msg_handler vm_from_vmm[MSG__COUNT] = {
	[MSG_VM_START] = vm_start_begin,
	[MSG_VM_FILE] = vm_start_file,
	[MSG_VM_CMDLINE] = vm_start_cmdline,
	[MSG_VM_START_END] = vm_start_end,
	[MSG_VM_STOP] = vmpause_stop,
	[MSG_VM_PAUSE] = vmpause_pause,
	[MSG_VM_UNPAUSE] = vmpause_unpause,
	[MSG_VM_DUMP] = vm_dump_asked,
	[MSG_VM_CANCEL] = vm_cancel,
	[MSG_VM_STATS] = vm_stats,
	[MSG_VM_CONFIG] = vmmove_config,
	[MSG_VM_DISK_DATA] = vmmove_disk_data,
	[MSG_VM_SEND] = vmmove_send,
	[MSG_VM_DISKS_DONE] = vmmove_disks_done,
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
