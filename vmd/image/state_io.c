/* SPDX-License-Identifier: ISC */
/*
 * State streams on a descriptor; see state_io.h.
 */
#include "image/state_io.h"

#include <errno.h>
#include <unistd.h>

/* Takes len bytes off the front of the parts. */
static void
advance(struct iovec **iov, int *count, size_t len)
{
	while (*count > 0 && len >= (*iov)->iov_len) {
		len -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (*count > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + len;
		(*iov)->iov_len -= len;
	}
}

int
state_put_fd(void *arg, struct iovec *iov, int count)
{
	const int *fd = arg;
	ssize_t n;

	advance(&iov, &count, 0);
	while (count > 0) {
		n = writev(*fd, iov, count);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		advance(&iov, &count, (size_t)n);
	}
	return 0;
}

ssize_t
state_get_fd(void *arg, void *bytes, size_t len)
{
	const int *fd = arg;
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(*fd, (char *)bytes + done, len - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}
