/* SPDX-License-Identifier: ISC */
/*
 * State streams on a descriptor; see state_io.h.
 */
#include "image/state_io.h"

#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

void
state_io_advance(struct iovec **iov, int *count, size_t len)
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

	state_io_advance(&iov, &count, 0);
	while (count > 0) {
		n = writev(*fd, iov, count);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		state_io_advance(&iov, &count, (size_t)n);
	}
	return 0;
}

ssize_t
state_get_fd(void *arg, struct iovec *iov, int count)
{
	const int *fd = arg;
	size_t done = 0;
	ssize_t n;

	state_io_advance(&iov, &count, 0);
	while (count > 0) {
		n = readv(*fd, iov, count);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
		state_io_advance(&iov, &count, (size_t)n);
	}
	return (ssize_t)done;
}

ssize_t
state_read_fd(int fd, void *bytes, size_t len)
{
	struct iovec iov = { bytes, len };

	return state_get_fd(&fd, &iov, 1);
}

int
state_source_open(struct state_file_source *s, int fd, uint64_t at)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode) || at > (uint64_t)st.st_size) {
		errno = EINVAL;
		return -1;
	}
	*s = (struct state_file_source) {
		.fd = fd, .at = at, .size = (uint64_t)st.st_size
	};
	return 0;
}

/* Some of what iov wants, by way of the window. */
static ssize_t
source_near(struct state_file_source *s, const struct iovec *iov)
{
	size_t len;
	ssize_t n;

	if (s->at < s->from || s->at - s->from >= s->held) {
		n = pread(s->fd, s->window, sizeof(s->window), (off_t)s->at);
		if (n <= 0)
			return n;
		s->from = s->at;
		s->held = (size_t)n;
	}
	len = s->held - (size_t)(s->at - s->from);
	if (len > iov->iov_len)
		len = iov->iov_len;
	memcpy(iov->iov_base, s->window + (s->at - s->from), len);
	return (ssize_t)len;
}

ssize_t
state_get_source(void *arg, struct iovec *iov, int count)
{
	struct state_file_source *s = arg;
	size_t done = 0;
	ssize_t n;

	state_io_advance(&iov, &count, 0);
	while (count > 0) {
		n = iov->iov_len < sizeof(s->window)
		    ? source_near(s, iov)
		    : preadv(s->fd, iov, count, (off_t)s->at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
		s->at += (uint64_t)n;
		state_io_advance(&iov, &count, (size_t)n);
	}
	return (ssize_t)done;
}

int
state_skip_source(void *arg, uint64_t len)
{
	struct state_file_source *s = arg;

	if (s->at > s->size || len > s->size - s->at) {
		errno = ENODATA;
		return -1;
	}
	s->at += len;
	return 0;
}
