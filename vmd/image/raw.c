/* SPDX-License-Identifier: ISC */
/* Raw images: see image.h.  Looks at a descriptor and changes nothing. */
#include "image/image.h"

#include <sys/ioctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>

int
image_open_raw(struct image *image, int fd, bool readonly)
{
	struct stat st;
	uint64_t size;
	int flags;

	if (fstat(fd, &st) == -1 || (flags = fcntl(fd, F_GETFL)) == -1)
		return -1;
	if ((flags & O_PATH) || (flags & O_ACCMODE) == O_WRONLY ||
	    (!readonly && (flags & O_ACCMODE) != O_RDWR)) {
		errno = EBADF;
		return -1;
	}
	if (S_ISREG(st.st_mode))
		size = (uint64_t)st.st_size;
	else if (!S_ISBLK(st.st_mode)) {
		errno = EINVAL;
		return -1;
	} else if (ioctl(fd, BLKGETSIZE64, &size) == -1)
		return -1;
	if (size < IMAGE_SECTOR) {
		errno = ENODATA;
		return -1;
	}
	*image = (struct image) {
		.fd = fd,
		.size = size - size % IMAGE_SECTOR,
		.readonly = readonly,
		.is_file = S_ISREG(st.st_mode),
	};
	return 0;
}
