/* SPDX-License-Identifier: ISC */
/*
 * How every role but the parent begins: log lines go to the spawner, the jail
 * is closed, then the first message is read.
 *
 * `up` is the link to the process that spawned this one (the parent, or vmm).
 * When it ends, so does this process: nothing outlives the daemon.
 */
#ifndef CHILD_H
#define CHILD_H

#include <pthread.h>

#include "ipc/msg.h"
#include "jail/role_id.h"

struct event_base;

struct child {
	enum role role;
	struct event_base *base; /* after child_events() */
	struct event *reader;
	struct msg_link up;
	pthread_mutex_t lock; /* around sending on up */
	uint32_t vm_id; /* put into log lines' peerid */
};

/*
 * Starts the role: log, jail, link on JAIL_FD_SOCKET with the role's handlers.
 * Borrows handlers and arg.  Failure is fatal.
 */
void child_begin(struct child *, enum role, enum msg_peer self,
    enum msg_peer spawner, const msg_handler *handlers, void *arg);

/* Makes child.base, which reads from up; for the roles that use libevent. */
void child_events(struct child *);

/*
 * Sends on up, from any thread; waits while the socket is full.  Takes fd.
 */
void child_send(struct child *, enum msg_type, uint32_t peerid, int fd,
    const void *payload, size_t len, const void *tail, size_t tail_len);

/* Passes a received message on upwards; its descriptor moves with it. */
void child_forward(struct child *, struct msg *, uint32_t peerid);

/* The handler of MSG_LOG_LEVEL that roles without children of their own use;
 * arg is ignored. */
void child_log_level(void *arg, struct msg *);

#endif /* CHILD_H */
