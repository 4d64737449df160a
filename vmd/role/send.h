/* SPDX-License-Identifier: ISC */
/*
 * Sending a VM: its state into the descriptor of a client, while it runs for as
 * long as that is possible.
 *
 * Runs in the VM process.  A thread (sender.c) writes, for the other end takes
 * its time; what touches the VM it asks of the main thread, which does it with
 * the machine lock: this file.  One send at a time.  A client that leaves ends
 * the send, and the VM goes on at once, unless it is being handed over: then
 * that decides.
 */
#ifndef SEND_H
#define SEND_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vm_error.h"
#include "vmd_msg.h"

struct board;
struct child;
struct msg;
struct still;
struct vcpus;

/* What the thread asks of the main one; the answer is 0 or an errno. */
enum send_want {
	SEND_NOTHING,
	SEND_STAND, /* the VM stands; EBUSY: a debugger has it, ETIMEDOUT */
	SEND_GO_ON, /* it goes on */
	SEND_LOOK, /* DISKS_LOOK, and so on: the answer is in send.disks */
	SEND_UNLOCK,
	SEND_LOCK, /* EWOULDBLOCK: another has one */
	SEND_END /* the thread ends */
};

/* How it ended. */
enum send_end {
	SEND_DONE, /* all is written */
	SEND_STAYS, /* it is not, and the VM goes on here */
	SEND_UNSURE /* the VM may be the receiver's */
};

enum send_phase {
	SEND_NONE,
	SEND_WRITING,
	SEND_HANDING, /* the locks of the disks were given up */
	SEND_LEFT /* nobody wants it any more; the thread is still at it */
};

struct send_job {
	uint32_t client;
	uint32_t flags; /* SEND_COPY, SEND_TWO_WAY, SEND_DISKS */
	uint32_t downtime_ms;
	int level; /* 0: not packed */
	bool stands; /* it was paused when the send began */
	int fd; /* owned, by the thread: where it goes */
	int config_fd; /* owned, by the thread: what is CONFIG */
	/* owned, by the thread: of SEND_DISKS, to read them; -1: none */
	int disk_fd[VMD_DISKS_MAX];
};

struct send {
	struct child *child;
	struct board *board;
	struct vcpus *vcpus;
	struct still *still;
	/* Whether the VM must not be sent now, and why not. */
	const char *(*refuses)(void *arg);
	/* A send is over.  After that of a copy, or of one that nobody wants
	 * any more, the VM stays. */
	void (*over)(void *arg, enum send_end);
	void *arg;
	enum send_phase phase;
	struct send_job job; /* the thread's copy is made before it starts */
	int config_fd; /* owned: of the next VM_SEND; -1: none */
	int disk_fd[VMD_DISKS_MAX]; /* likewise */
	int event_fd; /* the thread wants something, or has got further */
	int stop_fd; /* the main thread wants an end */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	enum send_want want;
	bool wants; /* it has not been looked at yet */
	bool answered;
	int answer;
	bool cancelled;
	bool paused; /* by its user, as well; with SEND_STAND's answer */
	struct msg_vm_disks_done disks;
	struct msg_send_progress progress;
	bool progress_new;
	/* With SEND_END. */
	enum send_end end;
	int end_errno;
	char detail[VMD_DETAIL_MAX];
};

/* Borrows all; refuses, over and arg are set by the caller before.  -1 with
 * errno. */
int send_init(struct send *, struct child *, struct board *, struct vcpus *,
    struct still *);
/* VM_CONFIG, VM_DISK_DATA, VM_SEND (takes its descriptor, unless the client is
 * refused) and VM_DISKS_DONE. */
void send_config(struct send *, struct msg *);
void send_disk_data(struct send *, struct msg *);
void send_begin(struct send *, struct msg *);
void send_disks_done(struct send *, struct msg *);
/* Ends the send of that client (0: any), which is told why.  While the VM is
 * handed over, it only waits less long for what the other side says. */
void send_cancel(struct send *, uint32_t client, enum vm_error why);
/* The VM may be another's any moment: nothing may be done with it. */
bool send_is_handing(const struct send *);

/* For the thread: asks the main thread, and waits.  0 or the errno. */
int send_ask(struct send *, enum send_want);
/* Shows how far it is; the client's number is filled in. */
void send_show(struct send *, const struct msg_send_progress *);
/* Whether nobody wants it any more; also a reason to look at stop_fd. */
bool send_is_cancelled(struct send *);
/* Keeps the vCPUs so many percent of the time; not after a cancel, which has
 * them run. */
void send_throttle(struct send *, unsigned int percent);
/* The last call: how it went, detail for the user (may be empty). */
void send_over(struct send *, enum send_end, int error, const char *detail);

/* sender.c: the thread; arg is the struct send. */
void *sender_thread(void *arg);

#endif /* SEND_H */
