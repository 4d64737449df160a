/* SPDX-License-Identifier: ISC */
/*
 * Bounded byte buffers, the payload of every message between the processes.
 * Runs in all of them and in vmctl.  Invariant: rpos <= wpos <= size <= max;
 * a view (made over other memory) is always full, so adding to it fails.
 */
#include "ibuf.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void (*on_close)(int fd);

void
ibuf_on_close(void (*fn)(int fd))
{
	on_close = fn;
}

void
ibuf_close(int fd)
{
	if (on_close != NULL)
		on_close(fd);
	else
		close(fd);
}

struct ibuf *
ibuf_open(size_t len)
{
	return ibuf_dynamic(len, len);
}

struct ibuf *
ibuf_dynamic(size_t len, size_t max)
{
	struct ibuf *buf;

	if (len > max || max == 0) {
		errno = EINVAL;
		return NULL;
	}
	if ((buf = calloc(1, sizeof(*buf))) == NULL)
		return NULL;
	if (len > 0 && (buf->buf = calloc(1, len)) == NULL) {
		free(buf);
		return NULL;
	}
	buf->size = len;
	buf->max = max;
	buf->fd = -1;
	return buf;
}

void
ibuf_free(struct ibuf *buf)
{
	int saved = errno;

	if (buf == NULL || buf->view)
		return;
	if (buf->fd != -1)
		ibuf_close(buf->fd);
	if (buf->buf != NULL)
		explicit_bzero(buf->buf, buf->size);
	free(buf->buf);
	free(buf);
	errno = saved;
}

void
ibuf_from_buffer(struct ibuf *buf, void *data, size_t len)
{
	memset(buf, 0, sizeof(*buf));
	buf->buf = data;
	buf->size = buf->max = buf->wpos = len;
	buf->fd = -1;
	buf->view = true;
}

void
ibuf_from_ibuf(struct ibuf *buf, const struct ibuf *from)
{
	ibuf_from_buffer(buf, ibuf_data(from), ibuf_size(from));
}

/* --- writing --------------------------------------------------------- */

static int
ibuf_grow(struct ibuf *buf, size_t need)
{
	unsigned char *grown;
	size_t size = buf->size < 64 ? 64 : buf->size;

	while (size < need)
		size = size > buf->max / 2 ? buf->max : size * 2;
	if (size > buf->max)
		size = buf->max;
	if ((grown = calloc(1, size)) == NULL)
		return -1;
	if (buf->buf != NULL) {
		memcpy(grown, buf->buf, buf->size);
		explicit_bzero(buf->buf, buf->size);
		free(buf->buf);
	}
	buf->buf = grown;
	buf->size = size;
	return 0;
}

void *
ibuf_reserve(struct ibuf *buf, size_t len)
{
	void *space;

	if (len > buf->max - buf->wpos) {
		errno = ERANGE;
		return NULL;
	}
	if ((buf->buf == NULL || len > buf->size - buf->wpos) &&
	    ibuf_grow(buf, buf->wpos + len) == -1)
		return NULL;
	space = buf->buf + buf->wpos;
	buf->wpos += len;
	return space;
}

int
ibuf_add(struct ibuf *buf, const void *data, size_t len)
{
	void *space;

	if (len == 0)
		return 0;
	if ((space = ibuf_reserve(buf, len)) == NULL)
		return -1;
	memcpy(space, data, len);
	return 0;
}

int
ibuf_add_ibuf(struct ibuf *buf, const struct ibuf *from)
{
	return ibuf_add(buf, ibuf_data(from), ibuf_size(from));
}

int
ibuf_add_zero(struct ibuf *buf, size_t len)
{
	void *space;

	if (len == 0)
		return 0;
	if ((space = ibuf_reserve(buf, len)) == NULL)
		return -1;
	memset(space, 0, len);
	return 0;
}

static bool
ibuf_fits(uint64_t value, uint64_t max)
{
	if (value > max)
		errno = EINVAL;
	return value <= max;
}

int
ibuf_add_n8(struct ibuf *buf, uint64_t value)
{
	uint8_t v = (uint8_t)value;

	return ibuf_fits(value, UINT8_MAX) ? ibuf_add(buf, &v, sizeof(v)) : -1;
}

int
ibuf_add_n16(struct ibuf *buf, uint64_t value)
{
	uint16_t v = htobe16((uint16_t)value);

	return ibuf_fits(value, UINT16_MAX) ? ibuf_add(buf, &v, sizeof(v)) : -1;
}

int
ibuf_add_n32(struct ibuf *buf, uint64_t value)
{
	uint32_t v = htobe32((uint32_t)value);

	return ibuf_fits(value, UINT32_MAX) ? ibuf_add(buf, &v, sizeof(v)) : -1;
}

int
ibuf_add_n64(struct ibuf *buf, uint64_t value)
{
	uint64_t v = htobe64(value);

	return ibuf_add(buf, &v, sizeof(v));
}

int
ibuf_add_h16(struct ibuf *buf, uint64_t value)
{
	uint16_t v = (uint16_t)value;

	return ibuf_fits(value, UINT16_MAX) ? ibuf_add(buf, &v, sizeof(v)) : -1;
}

int
ibuf_add_h32(struct ibuf *buf, uint64_t value)
{
	uint32_t v = (uint32_t)value;

	return ibuf_fits(value, UINT32_MAX) ? ibuf_add(buf, &v, sizeof(v)) : -1;
}

int
ibuf_add_h64(struct ibuf *buf, uint64_t value)
{
	return ibuf_add(buf, &value, sizeof(value));
}

int
ibuf_set(struct ibuf *buf, size_t pos, const void *data, size_t len)
{
	size_t have = ibuf_size(buf);

	if (pos > have || len > have - pos) {
		errno = ERANGE;
		return -1;
	}
	if (len > 0)
		memcpy(buf->buf + buf->rpos + pos, data, len);
	return 0;
}

/* --- positions ------------------------------------------------------- */

void *
ibuf_data(const struct ibuf *buf)
{
	return buf->buf == NULL ? NULL : buf->buf + buf->rpos;
}

size_t
ibuf_size(const struct ibuf *buf)
{
	return buf->wpos - buf->rpos;
}

size_t
ibuf_left(const struct ibuf *buf)
{
	return buf->max - buf->wpos;
}

int
ibuf_truncate(struct ibuf *buf, size_t len)
{
	size_t have = ibuf_size(buf);

	if (len > have)
		return ibuf_add_zero(buf, len - have);
	buf->wpos = buf->rpos + len;
	/* A cut view must not grow back over what it no longer shows. */
	if (buf->view)
		buf->size = buf->max = buf->wpos;
	return 0;
}

void
ibuf_rewind(struct ibuf *buf)
{
	buf->rpos = 0;
}

/* --- reading --------------------------------------------------------- */

int
ibuf_skip(struct ibuf *buf, size_t len)
{
	if (len > ibuf_size(buf)) {
		errno = EBADMSG;
		return -1;
	}
	buf->rpos += len;
	return 0;
}

int
ibuf_get(struct ibuf *buf, void *data, size_t len)
{
	const void *from = ibuf_data(buf);

	if (ibuf_skip(buf, len) == -1)
		return -1;
	if (len > 0)
		memcpy(data, from, len);
	return 0;
}

int
ibuf_get_ibuf(struct ibuf *buf, size_t len, struct ibuf *view)
{
	void *from = ibuf_data(buf);

	if (ibuf_skip(buf, len) == -1)
		return -1;
	ibuf_from_buffer(view, from, len);
	return 0;
}

int
ibuf_get_n8(struct ibuf *buf, uint8_t *value)
{
	return ibuf_get(buf, value, sizeof(*value));
}

int
ibuf_get_n16(struct ibuf *buf, uint16_t *value)
{
	if (ibuf_get(buf, value, sizeof(*value)) == -1)
		return -1;
	*value = be16toh(*value);
	return 0;
}

int
ibuf_get_n32(struct ibuf *buf, uint32_t *value)
{
	if (ibuf_get(buf, value, sizeof(*value)) == -1)
		return -1;
	*value = be32toh(*value);
	return 0;
}

int
ibuf_get_n64(struct ibuf *buf, uint64_t *value)
{
	if (ibuf_get(buf, value, sizeof(*value)) == -1)
		return -1;
	*value = be64toh(*value);
	return 0;
}

int
ibuf_get_h16(struct ibuf *buf, uint16_t *value)
{
	return ibuf_get(buf, value, sizeof(*value));
}

int
ibuf_get_h32(struct ibuf *buf, uint32_t *value)
{
	return ibuf_get(buf, value, sizeof(*value));
}

int
ibuf_get_h64(struct ibuf *buf, uint64_t *value)
{
	return ibuf_get(buf, value, sizeof(*value));
}

char *
ibuf_get_string(struct ibuf *buf, size_t len)
{
	const char *from = ibuf_data(buf);

	if (ibuf_skip(buf, len) == -1)
		return NULL;
	return len == 0 ? strdup("") : strndup(from, len);
}

/* --- the descriptor -------------------------------------------------- */

bool
ibuf_fd_avail(const struct ibuf *buf)
{
	return buf->fd != -1;
}

int
ibuf_fd_get(struct ibuf *buf)
{
	int fd = buf->fd;

	buf->fd = -1;
	return fd;
}

void
ibuf_fd_set(struct ibuf *buf, int fd)
{
	if (buf->fd != -1)
		ibuf_close(buf->fd);
	buf->fd = fd;
}
