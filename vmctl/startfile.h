/* SPDX-License-Identifier: ISC */
/*
 * A file of a VM to start: opened and looked at with the user's own rights.
 */
#ifndef STARTFILE_H
#define STARTFILE_H

#include <stdbool.h>
#include <stdint.h>

struct startfile {
	uint32_t kind; /* enum vm_file */
	uint32_t index; /* of disk */
	const char *path; /* borrowed: as the user wrote it */
	bool readonly; /* a disk that is only read: set before it is opened */
	int fd; /* owned, -1 once it was taken */
};

/*
 * Opens path: a disk, regular or a block device, for reading and, unless
 * file->readonly says otherwise, writing;
 * anything else, regular, for reading.  0, or -1 having said why on stderr.
 * path must outlive *file.
 */
int startfile_open(
    struct startfile *file, uint32_t kind, uint32_t index, const char *path);
/* The descriptor; the caller owns it. */
int startfile_take(struct startfile *file);
void startfile_close(struct startfile *file);

#endif /* STARTFILE_H */
