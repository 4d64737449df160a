/* SPDX-License-Identifier: ISC */
/*
 * vmctl's own sandbox: once it is connected and has opened what its user
 * named, it needs next to nothing of the host.
 */
#ifndef CONFINE_H
#define CONFINE_H

/* The files a command still opens. */
enum confine_files {
	CONFINE_NOTHING, /* none */
	CONFINE_TERMINALS, /* pseudo terminals, below /dev/pts */
	CONFINE_READ, /* any, to read: names of users may come from anywhere */
	CONFINE_MAKE, /* none, but one folder gets a file that is open */
	CONFINE_REMOVE, /* none, but folders lose what was made there */
	/* The command confines itself: it opens files that it has yet to learn
	 * of, or it may start a program. */
	CONFINE_LATER
};

/*
 * Gives up, for good, all other files, running programs, TCP, and signals to
 * and abstract sockets of others, as far as the kernel's Landlock knows them.
 * dir_fd (borrowed) is the folder of CONFINE_MAKE, else -1.
 * Returns the version of Landlock, 0 where the kernel has none, or -1 with
 * errno.
 */
int confine_enter(enum confine_files files, int dir_fd);
/* The same with any number of folders (borrowed): of CONFINE_REMOVE. */
int confine_enter_folders(
    enum confine_files files, const int *dir_fds, unsigned int count);

#endif /* CONFINE_H */
