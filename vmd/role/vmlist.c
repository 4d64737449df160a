/* SPDX-License-Identifier: ISC */
/*
 * The list of VMs; see vmlist.h.  Runs in the parent.
 */
#include "role/vmlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/log.h"
#include "ipc/msg.h"
#include "ipc/vmspec.h"

/* What can happen to a VM, and what it is then. */
static const struct {
	enum vm_state from;
	enum vm_event event;
	enum vm_state to;
} transitions[] = {
	{ VM_STOPPED, EVENT_START, VM_STARTING },
	{ VM_STARTING, EVENT_READY, VM_RUNNING },
	{ VM_STARTING, EVENT_STOP, VM_STOPPING },
	{ VM_STARTING, EVENT_EXIT, VM_STOPPED },
	{ VM_RUNNING, EVENT_PAUSED, VM_PAUSED },
	{ VM_RUNNING, EVENT_STOP, VM_STOPPING },
	{ VM_RUNNING, EVENT_EXIT, VM_STOPPED },
	{ VM_PAUSED, EVENT_RESUMED, VM_RUNNING },
	{ VM_PAUSED, EVENT_STOP, VM_STOPPING },
	{ VM_PAUSED, EVENT_EXIT, VM_STOPPED },
	{ VM_STOPPING, EVENT_STOP, VM_STOPPING },
	{ VM_STOPPING, EVENT_RESUMED, VM_STOPPING },
	{ VM_STOPPING, EVENT_EXIT, VM_STOPPED },
};

void
vmlist_init(struct vmlist *l)
{
	memset(l, 0, sizeof(*l));
	TAILQ_INIT(&l->vms);
	TAILQ_INIT(&l->ids);
}

/* The id that this owner's VM of this name had before, or a new one. */
static uint32_t
vmlist_id(struct vmlist *l, const char *name, uid_t uid)
{
	struct vmid *id;

	TAILQ_FOREACH(id, &l->ids, entry)
		if (id->uid == uid && strcmp(id->name, name) == 0)
			return id->id;
	if ((id = calloc(1, sizeof(*id))) == NULL)
		fatal("vmlist", "calloc");
	id->id = ++l->last_id;
	id->uid = uid;
	strlcpy(id->name, name, sizeof(id->name));
	TAILQ_INSERT_TAIL(&l->ids, id, entry);
	return id->id;
}

struct vment *
vmlist_add(struct vmlist *l, const char *name, uid_t uid)
{
	struct vment *v;

	if (vmlist_find_name(l, name) != NULL) {
		errno = EEXIST;
		return NULL;
	}
	if (l->count >= VMLIST_MAX || l->last_id >= INT32_MAX) {
		errno = ENOSPC;
		return NULL;
	}
	if ((v = calloc(1, sizeof(*v))) == NULL)
		fatal("vmlist", "calloc");
	strlcpy(v->name, name, sizeof(v->name));
	v->id = vmlist_id(l, name, uid);
	v->uid = uid;
	v->gid = -1;
	vmtty_init(&v->tty);
	TAILQ_INIT(&v->waiters);
	TAILQ_INSERT_TAIL(&l->vms, v, entry);
	l->count++;
	return v;
}

void
vmlist_remove(struct vmlist *l, struct vment *v)
{
	struct waiter *w;

	TAILQ_REMOVE(&l->vms, v, entry);
	l->count--;
	while ((w = TAILQ_FIRST(&v->waiters)) != NULL) {
		TAILQ_REMOVE(&v->waiters, w, entry);
		free(w);
	}
	vmtty_close(&v->tty);
	vmspec_free(v->def);
	vmspec_free(v->run);
	free(v);
}

void
vmlist_fini(struct vmlist *l)
{
	struct vment *v;
	struct vmid *id;

	while ((v = TAILQ_FIRST(&l->vms)) != NULL)
		vmlist_remove(l, v);
	while ((id = TAILQ_FIRST(&l->ids)) != NULL) {
		TAILQ_REMOVE(&l->ids, id, entry);
		free(id);
	}
}

struct vment *
vmlist_find_name(struct vmlist *l, const char *name)
{
	struct vment *v;

	TAILQ_FOREACH(v, &l->vms, entry)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

struct vment *
vmlist_find_id(struct vmlist *l, uint32_t id)
{
	struct vment *v;

	TAILQ_FOREACH(v, &l->vms, entry)
		if (v->id == id)
			return v;
	return NULL;
}

struct vment *
vmlist_find(struct vmlist *l, const struct msg_vm_target *t)
{
	char name[VMD_NAME_MAX + 1];

	if (t->id != 0)
		return vmlist_find_id(l, t->id);
	MSG_STR(name, t->name);
	return vmlist_find_name(l, name);
}

bool
vment_event(struct vment *v, enum vm_event event)
{
	for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]);
	     i++) {
		if (transitions[i].from != v->state ||
		    transitions[i].event != event)
			continue;
		v->state = transitions[i].to;
		return true;
	}
	return false;
}

void
vment_wait(struct vment *v, uint32_t client, enum waiter_for what)
{
	struct waiter *w;

	if (vment_has_waiter(v, client, what))
		return;
	if ((w = calloc(1, sizeof(*w))) == NULL)
		fatal("vmlist", "calloc");
	w->client = client;
	w->what = what;
	TAILQ_INSERT_TAIL(&v->waiters, w, entry);
}

bool
vment_next_waiter(struct vment *v, enum waiter_for what, uint32_t *client)
{
	struct waiter *w;

	TAILQ_FOREACH(w, &v->waiters, entry) {
		if (w->what != what)
			continue;
		*client = w->client;
		TAILQ_REMOVE(&v->waiters, w, entry);
		free(w);
		return true;
	}
	return false;
}

bool
vment_has_waiter(const struct vment *v, uint32_t client, enum waiter_for what)
{
	const struct waiter *w;

	TAILQ_FOREACH(w, &v->waiters, entry)
		if (w->client == client && w->what == what)
			return true;
	return false;
}

void
vment_forget_client(struct vment *v, uint32_t client)
{
	struct waiter *w, *next;

	TAILQ_FOREACH_SAFE(w, &v->waiters, entry, next) {
		if (w->client != client)
			continue;
		TAILQ_REMOVE(&v->waiters, w, entry);
		free(w);
	}
}

bool
vment_is_awaited(const struct vment *v)
{
	const struct waiter *w;

	TAILQ_FOREACH(w, &v->waiters, entry)
		if (w->what == WAIT_END)
			return true;
	return false;
}

bool
vment_may_restart(struct vment *v, int64_t now_ms)
{
	memmove(v->restarts, v->restarts + 1,
	    sizeof(v->restarts) - sizeof(v->restarts[0]));
	v->restarts[RESTARTS_MAX - 1] = now_ms;
	return v->restarts[0] == 0 || now_ms - v->restarts[0] > RESTARTS_MS;
}
