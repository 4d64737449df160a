/* SPDX-License-Identifier: ISC */
/*
 * Files for the disks of a VM whose content comes with it: made with the rights
 * of the user, and removed again if the VM does not come to be.
 */
#ifndef NEWDISK_H
#define NEWDISK_H

#include <stdint.h>
#include <sys/types.h>

struct newdisk {
	int dir_fd; /* owned: the folder it is in */
	const char *name; /* borrowed: in that */
	dev_t dev;
	ino_t ino;
};

/*
 * Makes a file of so many bytes, all of them a hole, for its owner alone.
 * Whatever is there already stays as it is.  path is borrowed until
 * newdisk_close().  The descriptor, to read and write; -1 having said why.
 */
int newdisk_make(struct newdisk *, const char *path, uint64_t size);
/* Removes it, if it is still the one that was made. */
void newdisk_remove(struct newdisk *);
void newdisk_close(struct newdisk *);
/* Whether the disk (borrowed) is of that size, but for a last incomplete
 * sector.  0, or -1 having said that it is not. */
int newdisk_check(int fd, const char *path, uint64_t size);

#endif /* NEWDISK_H */
