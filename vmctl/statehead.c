/* SPDX-License-Identifier: ISC */
/*
 * Reads the beginning of a state stream; see statehead.h.  Not a byte more than
 * that is read, for the rest is the VM's, and what was read goes with it, in
 * memory that nobody can change any more.
 */
#include "statehead.h"

#include <sys/mman.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "image/state.h"
#include "image/state_head.h"
#include "image/state_io.h"
#include "image/state_read.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* The header, CONFIG, the header of what follows, and that if it is HANDOVER.
 */
struct taken {
	int fd;
	size_t len;
	uint8_t bytes[3 * STATE_HEADER + STATE_CONFIG_MAX + STATE_HANDOVER_LEN];
};

static ssize_t
take_some(struct taken *t, void *bytes, size_t len)
{
	ssize_t n;

	if (len > sizeof(t->bytes) - t->len) {
		errno = EFBIG;
		return -1;
	}
	if ((n = state_read_fd(t->fd, bytes, len)) > 0) {
		memcpy(t->bytes + t->len, bytes, (size_t)n);
		t->len += (size_t)n;
	}
	return n;
}

static ssize_t
take(void *arg, struct iovec *iov, int count)
{
	ssize_t total = 0, n;

	for (int i = 0; i < count; i++) {
		n = take_some(arg, iov[i].iov_base, iov[i].iov_len);
		if (n == -1)
			return -1;
		total += n;
		if ((size_t)n < iov[i].iov_len)
			break;
	}
	return total;
}

/* NULL, or the sentence that says what is wrong; borrowed. */
static const char *
read_config(struct state_reader *r, struct state_config *c)
{
	struct state_section s;
	const char *why;

	if (state_next(r, &s) != 1)
		return state_reader_error(r);
	if (s.head.type != STATE_CONFIG)
		return "does not say what it is made of";
	if (state_config_decode(c, s.payload, (size_t)s.head.length, &why) ==
	    -1) {
		state_reader_bad(r, why);
		return state_reader_error(r);
	}
	return NULL;
}

/* Whether the next section is HANDOVER, which is then taken, too.  What else it
 * may be, or why not, is not for here. */
static bool
read_handover(struct taken *t)
{
	uint8_t bytes[STATE_HEADER], payload[STATE_HANDOVER_LEN];
	struct state_head head;

	return take_some(t, bytes, sizeof(bytes)) == sizeof(bytes) &&
	    state_head_decode(&head, bytes) == 0 &&
	    head.type == STATE_HANDOVER && head.length == sizeof(payload) &&
	    take_some(t, payload, sizeof(payload)) == sizeof(payload);
}

/* Returns owned; -1 with errno. */
static int
seal(const struct taken *t)
{
	int fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	/* Its offset stays at the beginning. */
	if (pwrite(fd, t->bytes, t->len, 0) == (ssize_t)t->len &&
	    fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	close(fd);
	return -1;
}

int
statehead_read(struct statehead *h, int fd)
{
	static struct taken t;
	struct state_reader *r = state_reader_new(take, &t);
	const char *error;

	memset(h, 0, sizeof(*h));
	t = (struct taken) { .fd = fd };
	h->fd = -1;
	if (r == NULL)
		err(1, NULL);
	if ((error = read_config(r, &h->config)) != NULL) {
		warnx("standard input: %s", error);
		state_reader_free(r);
		return -1;
	}
	state_reader_free(r);
	h->two_way = read_handover(&t);
	if ((h->fd = seal(&t)) == -1) {
		warn("memory");
		return -1;
	}
	return 0;
}

void
statehead_close(struct statehead *h)
{
	if (h->fd != -1)
		close(h->fd);
	h->fd = -1;
}
