/* SPDX-License-Identifier: ISC */
/*
 * Guest memory that comes from a state file when it is touched first ("receive
 * -c"): the RAM is a memfd as ever, without a page in it, and each process that
 * maps it has a descriptor on which its missing pages are asked for.
 *
 * Runs in the VM process, with a thread for each such descriptor: its own, and
 * those that its device processes send.  A thread reads the page from the file
 * and puts it there.  It never touches guest memory by address, takes no lock
 * that somebody who waits for a page may hold, and allocates nothing.  A device
 * process can keep the thread of its own descriptor busy, no other.
 */
#ifndef LAZY_H
#define LAZY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmd_msg.h"

struct state_index;
struct vm;
struct lazy;

/* What memory is made of, and who is told when it cannot be. */
struct lazy_setup {
	int device; /* FAULTS_DEVICE, opened; borrowed until lazy_start's end */
	int file; /* the state file; taken in every case */
	struct state_index *index; /* taken in every case; see state_index.h */
	unsigned int devices; /* that will send descriptors, at most */
	/*
	 * The file cannot be read, and somebody waits for a page of it for
	 * ever: ends the VM.  Called at most once, by any thread of lazy's; it
	 * takes no lock under which guest memory is touched.
	 */
	void (*failed)(void *arg, int error, const char *why);
	void *arg;
};

/*
 * Has all RAM of vm (borrowed), which nobody has touched yet, come from the
 * file from now on.  Threads are made here and never later.  Returns owned, for
 * as long as vm lives; NULL with errno, EINVAL: not a regular file.
 */
struct lazy *lazy_start(struct vm *vm, const struct lazy_setup *);
/*
 * The descriptor (taken in every case) and addresses that the process of a
 * device sent; they replace what an earlier one of the same device sent.  fd
 * -1: it has gone.  From one thread at a time.
 */
void lazy_device(
    struct lazy *, unsigned int device, int fd, const struct msg_dev_faults *);
/* Pages that were put in place so far, zeroes among them. */
uint64_t lazy_pages(const struct lazy *);
/* Ends the threads; nobody waits for a page, or may wait for ever. */
void lazy_free(struct lazy *);

#endif /* LAZY_H */
