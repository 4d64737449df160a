/* SPDX-License-Identifier: ISC */
/*
 * Receiving a VM: its state from the descriptor of a client, into a VM that has
 * been built and has not run.
 *
 * Runs in the VM process.  A thread (receiver.c) reads; what touches devices
 * and the other processes it asks of the main thread: this file.  The state is
 * hostile, and so is who sends it; nothing else depends on this process.
 */
#ifndef RECEIVE_H
#define RECEIVE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vm_error.h"
#include "vmd_msg.h"

struct board;
struct child;
struct hold;
struct machine_state;
struct msg;
struct state_index;
struct still;
struct vcpus;
struct vmspec;

/* What the thread asks of the main one; the answer is 0 or an errno. */
enum receive_want {
	RECEIVE_NOTHING,
	RECEIVE_FILL, /* memory comes from the file, by the index */
	RECEIVE_STAND, /* all devices have processes and stand */
	RECEIVE_LOCK, /* of the disks; EWOULDBLOCK: another has one */
	RECEIVE_RUN, /* the VM runs */
	RECEIVE_KEEP, /* it stays paused, for it may run elsewhere */
	RECEIVE_FAIL /* it cannot be; no answer comes */
};

struct receive {
	struct child *child;
	struct board *board;
	struct vcpus *vcpus;
	struct hold *hold;
	struct still *still;
	/* The state is loaded; paused: the VM does not run yet.  text is for
	 * the user, may be empty. */
	void (*done)(void *arg, bool paused, const char *text);
	void (*failed)(
	    void *arg, const struct msg_result *why, const char *detail);
	/* The state is loaded, and devices are waited for; or not any more. */
	void (*devices)(void *arg, bool waits);
	/* Memory on demand cannot be had any more; any thread. */
	void (*lost)(void *arg, int error, const char *why);
	void *arg;
	struct msg_vm_start start; /* what the VM was built from */
	bool on; /* a state is awaited, and the VM is not done */
	bool wants_stand;
	int fd; /* owned, by the thread: the state */
	int head_fd; /* owned, by the thread: what was read of it; -1: none */
	int ack_fd; /* owned, by the thread: back to the sender; -1: none */
	/* owned, by the thread: of RECEIVE_DISKS, to write them; -1: none */
	int disk_fd[VMD_DISKS_MAX];
	int faults_fd; /* owned: for memory on demand; -1: none */
	int event_fd;
	struct machine_state *machine; /* owned, by the thread until it ends */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake; /* the thread: there is an answer */
	pthread_cond_t asked; /* the main one: there is a want */
	enum receive_want want;
	bool answered;
	int answer;
	struct state_index *index; /* owned, until RECEIVE_FILL takes it */
	bool copy; /* the VM that was saved has gone on */
	struct msg_vm_disks_done disks;
	struct msg_result why; /* with RECEIVE_FAIL */
	char detail[VMD_DETAIL_MAX];
};

/*
 * Begins, with what spec has of it (takes the descriptors); borrows the others.
 * done, failed, devices, lost and arg are set by the caller before.  vCPU
 * threads are there, held.  The machine lock is held, and let go while an index
 * of memory on demand is made.  -1 with errno.
 */
int receive_begin(struct receive *, struct vmspec *);
/* A device has said hello. */
void receive_device_ready(struct receive *);
void receive_disks_done(struct receive *, struct msg *);

/* For the thread: asks the main thread, and waits.  0 or the errno. */
int receive_ask(struct receive *, enum receive_want);
/* Its last call, if the state cannot be taken. */
void receive_fail(struct receive *, const struct msg_result *, const char *);

/* receiver.c: the thread; arg is the struct receive. */
void *receiver_thread(void *arg);

#endif /* RECEIVE_H */
