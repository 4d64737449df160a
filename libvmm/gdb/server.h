/* SPDX-License-Identifier: ISC */
/*
 * The state of a gdb server, for the files of this folder.
 *
 *	IDLE --attach--> STOPPING --stopped--> STOPPED --resume--> RUNNING
 *	                     ^                    |                   |
 *	                     +--- Ctrl-C, exit ---|-------------------+
 *	                                          |                   |
 *	IDLE <----- detach, hang-up --------------+      hang-up      |
 *	  ^                                                           v
 *	  +------------------- stopped ---------------------------- LEAVING
 */
#ifndef SERVER_H
#define SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "breakpoint.h"
#include "packet.h"
#include "vmm.h"
#include "vmm_gdb.h"

#define SERVER_WHY_MAX 160

enum server_state {
	SERVER_IDLE, /* no client, no breakpoint */
	SERVER_STOPPING, /* a stop has been asked for */
	SERVER_STOPPED, /* the vCPUs stand; the client's turn */
	SERVER_RUNNING, /* a resume has been asked for */
	SERVER_LEAVING /* the client is gone; breakpoints go when it stopped */
};

/* Why a vCPU stopped. */
enum server_cause {
	CAUSE_NONE,
	CAUSE_ATTACH,
	CAUSE_INTERRUPT,
	CAUSE_STEP,
	CAUSE_SOFTWARE,
	CAUSE_HARDWARE,
	CAUSE_WATCH,
	CAUSE_CRASH,
	CAUSE_COUNT
};

struct server_event {
	enum server_cause cause;
	enum breakpoint_type type; /* of CAUSE_WATCH */
	uint64_t gla; /* of CAUSE_WATCH: what is watched */
};

struct vm_gdb {
	struct vm *vm;
	struct vm_gdb_host host;
	void *arg;

	/* Of the debugger's thread. */
	struct packet_in in;
	struct packet_out out;
	char wire[PACKET_WIRE_MAX]; /* the last reply, for a repetition */
	size_t wire_len; /* 0: it has been acknowledged */
	unsigned int repeats;
	bool no_ack, says_swbreak, says_hwbreak;
	bool waiting; /* in holds a packet for when the vCPUs stand */
	bool attaching; /* the stop is not to be reported unasked */
	struct vcpu *thread; /* of registers and memory */
	struct vcpu *resumed; /* of c and s; NULL: all */
	struct server_event last; /* what `?` says, of vCPU thread_last */
	struct vcpu *thread_last;
	char *target; /* the target description */
	size_t target_len;
	bool crashed;
	char why[SERVER_WHY_MAX]; /* it crashed */

	/* Changed while the vCPUs stand. */
	struct breakpoints breakpoints;

	/* Of all threads, by lock. */
	pthread_mutex_t lock;
	enum server_state state;
	struct server_event event[VMM_MAX_VCPUS];
	uint64_t stepping; /* bits 1 << id */

	_Atomic uint64_t runnable; /* bits 1 << id */
};

/* The vCPU of an id, open; or NULL. */
struct vcpu *server_vcpu(const struct vm_gdb *g, uint64_t id);
/* The first vCPU with an id of at least id, or NULL. */
struct vcpu *server_next_vcpu(const struct vm_gdb *g, uint64_t id);

enum server_state server_state(struct vm_gdb *g);

/* Sends what was put into out. */
void server_reply(struct vm_gdb *g);
/* Sends the reason of the last stop. */
void server_reply_stop(struct vm_gdb *g);

/*
 * Lets the vCPUs of run go, those of step for one instruction.  0; -1 with
 * errno: KVM refused, and none runs.
 */
int server_resume(struct vm_gdb *g, uint64_t run, uint64_t step);

/* The client goes, the vCPUs stand: cleans up and lets the guest run. */
void server_release(struct vm_gdb *g);

/* --- cause.c -------------------------------------------------------------- */

/* Whether an exit was the debugger's doing; then fills event. */
bool cause_find(struct vm_gdb *g, struct vcpu *vcpu, const struct vm_exit *exit,
    struct server_event *event);
/* Gives the guest the exception of a VM_EXIT_DEBUG that was its own. */
void cause_give_back(
    struct vm_gdb *g, struct vcpu *vcpu, const struct vm_exit *exit);
/* Whether an event that was not reported still is worth it. */
bool cause_still_holds(
    const struct vm_gdb *g, const struct server_event *event);
/* Writes the stop reply to out. */
void cause_put(
    struct vm_gdb *g, struct vcpu *vcpu, const struct server_event *event);

/* --- commands ------------------------------------------------------------- */

/* Does what the packet in g->in says, and answers it. */
void command_run(struct vm_gdb *g);

/*
 * A handler reads its arguments and writes to out; false: there is no reply,
 * or it has sent it.
 */
typedef bool command_fn(struct vm_gdb *g, struct packet_text *args);

/* By the name of a q, Q or v packet; in query.c. */
command_fn query_run;
/* vCont and its older forms; in resume.c. */
command_fn resume_vcont;
command_fn resume_vcont_actions;
command_fn resume_continue;
command_fn resume_step;
/* qRcmd; in monitor.c. */
command_fn monitor_run;
/* "64-bit, kernel" and so on; static storage. */
const char *monitor_mode(struct vcpu *vcpu);
/* vKill; in command.c. */
command_fn command_kill;

/* "OK", and errno as "E" and two digits, or a sentence that gdb shows. */
bool command_ok(struct vm_gdb *g);
bool command_errno(struct vm_gdb *g, int err);
bool command_refuse(struct vm_gdb *g, const char *why);

/*
 * Takes a thread: a number, 0 (any: *vcpu is the first) or -1 (all: NULL).
 * False: there is no such one.
 */
bool command_take_thread(
    struct vm_gdb *g, struct packet_text *args, struct vcpu **vcpu);

#endif /* SERVER_H */
