/* SPDX-License-Identifier: ISC */
/*
 * The VMs that the daemon knows: those of vm.conf, running or not, and those
 * that somebody started.
 *
 * Runs in the parent.  This is state only; starting and stopping is done by
 * vmstart.c.  An entry's state changes by vment_event() alone, along the table
 * in vmlist.c.
 */
#ifndef VMLIST_H
#define VMLIST_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "role/vmtty.h"
#include "vmd_msg.h"

struct conf_vm;
struct vmspec;

enum vm_event {
	EVENT_START, /* handed to vmm */
	EVENT_READY, /* the guest runs */
	EVENT_PAUSED,
	EVENT_RESUMED,
	EVENT_STOP, /* asked to end */
	EVENT_EXIT /* all processes are gone */
};

/* A client that is owed an answer about a VM; WAIT_ANSWER: one that the VM
 * process gives to it alone. */
enum waiter_for { WAIT_START, WAIT_PAUSE, WAIT_UNPAUSE, WAIT_END, WAIT_ANSWER };
struct waiter {
	TAILQ_ENTRY(waiter) entry;
	uint32_t client;
	enum waiter_for what;
};

/* A guest that resets this often in so short a time is not started again. */
#define RESTARTS_MAX 3
#define RESTARTS_MS 6000

struct vment {
	TAILQ_ENTRY(vment) entry;
	uint32_t id;
	char name[VMD_NAME_MAX + 1];
	enum vm_state state;
	uid_t uid; /* owner */
	int64_t gid; /* owning group, -1: none */
	uid_t started_by; /* while it runs */
	bool defined; /* by vm.conf: stays when it ends */
	bool seen; /* while vm.conf is read again */
	bool boots; /* vm.conf says to start it with the daemon */
	bool stop_asked;
	/* Why its last start failed, until its processes are gone; error OK:
	 * nothing. */
	struct msg_result failure;
	char failure_detail[VMD_DETAIL_MAX + 1];
	bool run_once; /* -b given: the definition's kernel is back next time */
	struct vmspec *def; /* owned: paths, no descriptors; NULL: ad hoc */
	struct vmspec *run; /* owned while it runs: descriptors, too */
	struct vmtty tty;
	char gdb[VMD_GDB_MAX + 1]; /* path of the debugger's socket, or empty */
	pid_t pid; /* of the VM process, 0: none */
	unsigned int taps_asked; /* of priv, which has not answered */
	uint8_t mac[VMD_NICS_MAX][6]; /* chosen once, kept for the next start */
	int64_t restarts[RESTARTS_MAX]; /* ms, oldest first */
	struct vment_crash {
		bool told; /* the VM process has said how its dump went */
		int sys_errno; /* 0: it is complete */
		int64_t since; /* it has had a file for one */
		int64_t ms; /* spent on dumps; no part of a restart's time */
	} crash;
	bool allow_send; /* vm.conf: its owner may send and receive it */
	/* On its way to another host, or from there. */
	struct vment_move {
		uint32_t sender; /* the client that asked to send; 0: none */
		uint32_t receiver; /* the client that has it received */
		bool copy; /* it is sent, and goes on here */
		bool sent; /* it has ended, for it is elsewhere */
		bool receiving; /* until it has arrived */
		bool unlocked; /* the locks of its disks are not held */
		bool taken; /* its process has asked for them, and has them */
		uint32_t busy; /* disks that another had locked: bits */
	} move;
	TAILQ_HEAD(waiters, waiter) waiters;
};

struct vmid {
	TAILQ_ENTRY(vmid) entry;
	uint32_t id;
	uid_t uid;
	char name[VMD_NAME_MAX + 1];
};

struct vmlist {
	TAILQ_HEAD(vments, vment) vms;
	TAILQ_HEAD(vmids, vmid)
	ids; /* ids once given are kept per name and owner */
	uint32_t last_id;
	unsigned int count;
};

#define VMLIST_MAX 4096

void vmlist_init(struct vmlist *);
/* Frees every entry, and the ids that were given. */
void vmlist_fini(struct vmlist *);
/* Returns borrowed; NULL with errno EEXIST or ENOSPC. */
struct vment *vmlist_add(struct vmlist *, const char *name, uid_t uid);
/* Frees it; it must be stopped. */
void vmlist_remove(struct vmlist *, struct vment *);
struct vment *vmlist_find_name(struct vmlist *, const char *name);
struct vment *vmlist_find_id(struct vmlist *, uint32_t id);
/* By id, or by name where the id is 0. */
struct vment *vmlist_find(struct vmlist *, const struct msg_vm_target *);

/* Changes the state.  false, and nothing changed: not possible now. */
bool vment_event(struct vment *, enum vm_event);
static inline bool
vment_is_stopped(const struct vment *v)
{
	return v->state == VM_STOPPED;
}

/* Once, however often it is said: a client has one request under way, and a
 * control process that says otherwise costs no memory. */
void vment_wait(struct vment *, uint32_t client, enum waiter_for);
/* Takes the next waiter out.  false: there is none. */
bool vment_next_waiter(struct vment *, enum waiter_for, uint32_t *client);
/* Whether this client waits for that. */
bool vment_has_waiter(const struct vment *, uint32_t client, enum waiter_for);
/* The client is gone. */
void vment_forget_client(struct vment *, uint32_t client);
bool vment_is_awaited(const struct vment *);

/* Notes a restart at now_ms.  false: it was one too many. */
bool vment_may_restart(struct vment *, int64_t now_ms);

#endif /* VMLIST_H */
