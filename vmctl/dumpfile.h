/* SPDX-License-Identifier: ISC */
/*
 * The file that a dump goes to.  It has no name until the dump is complete, so
 * that whatever becomes of vmctl, the daemon or the VM, a file of that name is
 * a whole one.
 */
#ifndef DUMPFILE_H
#define DUMPFILE_H

#include <limits.h>
#include <stdbool.h>

struct dumpfile {
	const char *path; /* borrowed: as the user wrote it */
	const char *name; /* borrowed: the last part of path */
	bool replace; /* a file of this name may be there */
	int dir_fd; /* owned: its folder */
	int fd; /* owned */
	/* What it is called until then, where the folder's file system has no
	 * files without a name; else empty. */
	char temp[NAME_MAX + 1];
};

/*
 * Makes the file, open for reading and writing.  One that is there already is
 * an error, unless replace is set and it is a regular file.  0, or -1 having
 * said why on stderr.  path must outlive *file.
 */
int dumpfile_open(struct dumpfile *file, const char *path, bool replace);
/* Writes it through to the disk and gives it its name.  0, or -1 having said
 * why. */
int dumpfile_finish(struct dumpfile *file);
/* Closes it; without a dumpfile_finish() before nothing of it is left. */
void dumpfile_close(struct dumpfile *file);

#endif /* DUMPFILE_H */
