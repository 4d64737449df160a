/* SPDX-License-Identifier: ISC */
/*
 * Closes descriptors that came from a client, by threads of its own.
 *
 * A close(2) waits for the file system, and a client may have made that
 * (FUSE): the kernel then waits for as long as the client likes, and no signal
 * ends it.  Runs in each process that a client's descriptors pass through. Such
 * a file costs the process a thread and a descriptor, not its service.
 *
 * A process that spawns others needs a thread for each: what is still open
 * would be closed by the exec of the next child, and hold that up.
 */
#ifndef CLOSER_H
#define CLOSER_H

/* So many may wait to be closed before control takes no more of them. */
#define CLOSER_MANY 32

/*
 * Makes one thread, before the process has others, and up to max when there is
 * need; before that, closer_close() is close(2).  -1 with errno.
 */
int closer_start(unsigned int max);
/* How many descriptors wait to be closed, not counting those that are. */
unsigned int closer_waiting(void);
/* Takes fd (-1: nothing), and does not wait.  Any thread; keeps errno. */
void closer_close(int fd);

#endif /* CLOSER_H */
