/* SPDX-License-Identifier: ISC */
/*
 * A VM that stands as a whole: its vCPUs, its clocks and then its devices,
 * which have nothing in flight any more.
 *
 * Runs in the VM process, main thread, with the machine lock.  Several may
 * want that at a time; the VM goes on when the last of them lets go.
 */
#ifndef STILL_H
#define STILL_H

#include <stdbool.h>

struct board;
struct hold;

enum still_who {
	STILL_PAUSE, /* vmctl pause */
	STILL_SEND, /* the rest of a state is written */
	STILL_RECEIVE, /* it is not complete yet */
	STILL__COUNT
};

/* The VM stands; or, false, it does not and goes on. */
typedef void still_fn(void *arg, bool stands);

struct still {
	struct board *board;
	struct hold *hold;
	int limit_fd; /* owned timerfd */
	unsigned int takers; /* bits 1 << enum still_who */
	unsigned int asked; /* of these: who has not heard that it stands */
	unsigned int stopping; /* devices that have not stopped yet */
	bool devices; /* they were told to stop */
	bool stands;
	struct {
		still_fn *done;
		void *arg;
	} who[STILL__COUNT];
};

/* Borrows both.  -1 with errno. */
int still_init(struct still *, struct board *, struct hold *);
/*
 * Stops the VM for who; calls done(arg, true) once it stands, which may be at
 * once, or done(arg, false), and who has not taken it then, if it does not
 * within seconds.
 */
void still_take(struct still *, enum still_who, still_fn *done, void *arg);
/* Lets go; without a call of done, if that has not come yet. */
void still_drop(struct still *, enum still_who);
bool still_is_taken(const struct still *, enum still_who);
/* Another has it as well. */
bool still_has_others(const struct still *, enum still_who);
/* A device has stopped. */
void still_device_stopped(struct still *);

#endif /* STILL_H */
