/* SPDX-License-Identifier: ISC */
/*
 * What the files of the VM process's main thread share: vm.c builds it and
 * serves messages, vmpause.c stops it and lets it go on, vmmove.c sends and
 * receives it.  For these files only; all with the machine lock.
 */
#ifndef VM_H
#define VM_H

#include <stdbool.h>
#include <time.h>

#include "role/board.h"
#include "role/child.h"
#include "role/debug.h"
#include "role/dump.h"
#include "role/hold.h"
#include "role/receive.h"
#include "role/send.h"
#include "role/still.h"
#include "role/vcpus.h"
#include "vm_error.h"
#include "vmd_msg.h"

struct vmspec;

/* Where the process is; each message is right in some of them only. */
enum vm_phase { VM_COLLECTING, VM_BUILDING, VM_RUNS, VM_PAUSING, VM_IS_PAUSED };

/* Device processes come up in milliseconds. */
#define DEVICES_UP_S 10

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
	struct still still;
	struct dump dump;
	struct debug debug;
	struct send send;
	struct receive receive;
	struct vmspec *spec;
	enum vm_phase phase;
	int limit_fd; /* timerfd: the time of the phase, or to stop, is up */
	bool stop_asked;
	bool stop_later; /* once it is known whose the VM is */
	bool doubt; /* it may run elsewhere: paused, without its disks' locks */
	bool locking; /* the parent was asked for those locks */
	bool debug_waits; /* the guest does not start without a debugger */
	/* Links that arrived before the board was there. */
	struct vm_device waiting[BOARD_DEVICES_MAX];
	unsigned int nwaiting;
};

/* Tells vmm why, then ends: the one way out of this process. */
void vm_exit(struct vm_role *, enum vm_end reason, enum vm_error error,
    const char *detail) __attribute__((noreturn));
/* The VM cannot start: the requester is told, with the file it is about. */
void vm_fail(struct vm_role *, const struct msg_result *, const char *detail)
    __attribute__((noreturn));
void vm_fail_errno(struct vm_role *, enum vm_error error, const char *detail)
    __attribute__((noreturn));
/* The guest has ended, and nobody has to look at it (any more). */
void vm_ended(void *arg);
/* So long the phase, or a stop, may last; 0: for ever. */
void vm_limit(struct vm_role *, time_t seconds);
/* Whether there is a guest to ask about; if not, the client was told. */
bool vm_may_answer(struct vm_role *, const struct msg_vm_ask *);

/* vmpause.c: handlers of messages, and what is said of the state. */
void vmpause_state(struct vm_role *, enum vm_state, enum vm_error);
void vmpause_pause(void *arg, struct msg *);
void vmpause_unpause(void *arg, struct msg *);
void vmpause_stop(void *arg, struct msg *);
/* It stands, and has to be unpaused; not because somebody asked for that.
 * doubt: it may run elsewhere, and goes on only with its disks' locks. */
void vmpause_keep(struct vm_role *, bool doubt);
/* Those locks are there, or not. */
void vmpause_locked(struct vm_role *, enum vm_error);

/* vmmove.c: handlers of messages, and the parts of building. */
int vmmove_init(struct vm_role *);
/* A VM whose state comes from elsewhere: instead of loading a kernel. */
void vmmove_receive(struct vm_role *);
void vmmove_config(void *arg, struct msg *);
void vmmove_disk_data(void *arg, struct msg *);
void vmmove_send(void *arg, struct msg *);
void vmmove_disks_done(void *arg, struct msg *);

#endif /* VM_H */
