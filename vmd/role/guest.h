/* SPDX-License-Identifier: ISC */
/*
 * One VM as vmm sees it: the processes it is made of.  Spawned together, ended
 * together; a device process that dies alone is replaced.
 *
 * Runs in vmm, which is unprivileged and single-threaded.
 */
#ifndef GUEST_H
#define GUEST_H

#include <sys/queue.h>
#include <sys/types.h>

#include "ipc/log.h"
#include "ipc/msg.h"
#include "ipc/vmspec.h"
#include "jail/role_id.h"
#include "role/role.h"

struct event;
struct event_base;
struct guest;

/* Lines of the log that one VM has at once, and then one each so often. */
#define GUEST_LINES_BURST 100
#define GUEST_LINES_MS 500

/* Questions to a VM process, and how much it may answer: role/answer.h. */
struct guest_asks {
	unsigned int open; /* questions without their VM_ANSWER */
	unsigned int
	    credit; /* parts it may still send, 0..open * ANSWER_PARTS */
	int64_t filled_ms; /* when credit was last given by time */
};

/* What the process of a VM that moves asks about its disks; guest_disks.c. */
struct guest_disks {
	struct log_limit limit; /* how often */
	unsigned int sends; /* begun since no question was open */
	bool receives; /* until it is up */
	bool unlocked; /* it has given up their locks */
	bool unpaused; /* it may make sure once that it has them */
	bool asked; /* and waits for an answer */
};

/* One process of a VM. */
struct guest_proc {
	TAILQ_ENTRY(guest_proc) entry;
	struct guest *guest;
	enum role role;
	enum device_kind kind; /* of a device process */
	unsigned int index; /* among its kind; of a usernet, that of its NIC */
	pid_t pid; /* 0: reaped */
	struct msg_link link;
	unsigned int deaths; /* in a row, each soon after the last */
	int64_t started_ms;
	struct event *respawn; /* set once it has died alone */
};

/* What guests need of vmm; the same for all. */
struct guest_host {
	struct event_base *base;
	struct msg_link *parent;
	void (*to_parent)(void *arg, enum msg_type, uint32_t vm_id,
	    const void *payload, size_t len, const void *tail, size_t tail_len);
	/* The last process is reaped: the guest is to be freed.  The parent is
	 * told next. */
	void (*ended)(void *arg, struct guest *);
	void *arg;
	int kvm_fd; /* borrowed; -1: none yet */
	int root_fd; /* borrowed: the empty directory */
	int exe_fd; /* borrowed: the binary */
	int verbose;
	unsigned int jail_flags;
};

struct guest {
	TAILQ_ENTRY(guest) entry;
	struct guest_host *host;
	uint32_t id;
	struct vmspec *spec; /* owned */
	TAILQ_HEAD(guest_procs, guest_proc) procs;
	struct guest_proc *vm; /* NULL: gone */
	int frames[VMD_NICS_MAX][2]; /* owned: user network, device end first */
	struct event *starter; /* how long it may take to come up */
	struct event *killer; /* set while ending: who is left gets SIGKILL */
	struct msg_vm_exited end; /* how it ended */
	char detail[VMD_DETAIL_MAX];
	size_t detail_len;
	struct log_limit lines; /* of all its processes */
	struct guest_asks asks;
	struct guest_disks disks;
	unsigned int
	    states; /* VM_STATEs that were asked for and did not come */
	bool ending;
	bool killed; /* all that were left got SIGKILL */
	bool reaping; /* one of its processes: it is needed for longer */
	bool answered; /* the parent got its VM_READY */
	bool dumped; /* the parent got its VM_DUMPED */
};

/* Returns owned; takes spec. */
struct guest *guest_new(struct guest_host *, uint32_t id, struct vmspec *);
/* Only when every process is reaped. */
void guest_free(struct guest *);

/* Spawns everything.  VM_ERROR_OK, or why not: then guest_end() is next. */
enum vm_error guest_start(struct guest *);
/* Ends it: the VM process at once, devices when they have finished. */
void guest_end(struct guest *, enum vm_end reason);
/* A child of vmm ended.  False: it is none of this guest's. */
bool guest_reaped(struct guest *, pid_t pid, int status);
/* Passes on what may change the VM's state: VM_STOP, VM_PAUSE, VM_UNPAUSE.
 * g->vm must be there. */
void guest_command(struct guest *, struct msg *);
/* Passes a client's question on to the VM process; one that it cannot get is
 * answered here.  g->vm must be there. */
void guest_ask(struct guest *, struct msg *);
/* The handler of what is passed on as it is; arg is the struct guest_proc. */
void guestmsg_to_parent(void *arg, struct msg *);
/* Handlers of what a VM process answers; arg is its struct guest_proc. */
void guest_ask_part(void *arg, struct msg *);
void guest_ask_answer(void *arg, struct msg *);
/* The process breaks the rules: it is heard no more, and ends. */
void guest_ask_break(struct guest_proc *, const char *why);
/* The handler of VM_DISKS; arg is the struct guest_proc. */
void guest_disks_ask(void *arg, struct msg *);
/* Passes the answer on.  g->vm must be there. */
void guest_disks_done(struct guest *, struct msg *);
/* To every process of the guest. */
void guest_log_level(struct guest *, uint32_t level);

#endif /* GUEST_H */
