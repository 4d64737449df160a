/* SPDX-License-Identifier: ISC */
/*
 * Disk images behind an open descriptor.
 *
 * Used by the parent, which opens and judges them, and by blk processes, which
 * serve them.  No path is known here: whoever may open a file opens it.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#define IMAGE_SECTOR 512U

struct image {
	int fd; /* borrowed */
	uint64_t size; /* bytes, a multiple of IMAGE_SECTOR */
	bool readonly;
	bool is_file; /* else a block device */
};

/*
 * Looks at fd as a raw image and fills *image.  -1 with errno EINVAL (neither a
 * regular file nor a block device), ENODATA (smaller than a sector), EBADF (not
 * open for what is asked) or that of fstat(2), ioctl(2).  A last, incomplete
 * sector is left out.
 */
int image_open_raw(struct image *, int fd, bool readonly);

#endif /* IMAGE_H */
