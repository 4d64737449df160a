/* SPDX-License-Identifier: ISC */
/*
 * A VM that stands as a whole; see still.h.  Runs in the VM process.
 */
#include "role/still.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <string.h>
#include <unistd.h>

#include "ipc/log.h"
#include "pci/virtio_pci.h"
#include "role/board.h"
#include "role/hold.h"

/* Devices finish what they have begun: longer than this is a hang. */
#define STILL_S 5

static void
still_limit(struct still *s, time_t seconds)
{
	const struct itimerspec its = { .it_value.tv_sec = seconds };

	timerfd_settime(s->limit_fd, 0, &its, NULL);
}

/* Who asks while others are told is told later: it may not stand any more. */
static void
still_tell(struct still *s, bool stands)
{
	unsigned int asked = s->asked;

	for (unsigned int who = 0; who < STILL__COUNT; who++) {
		if ((asked & s->asked & 1U << who) == 0)
			continue;
		s->asked &= ~(1U << who);
		s->who[who].done(s->who[who].arg, stands);
	}
}

static void
still_check(struct still *s)
{
	if (!s->devices || s->stopping > 0 || s->stands)
		return;
	still_limit(s, 0);
	s->stands = true;
	still_tell(s, true);
}

/* The guest stands still: now the devices, which nobody drives any more. */
static void
still_devices(void *arg)
{
	struct still *s = arg;

	/* One more than there are: some answer at once. */
	s->devices = true;
	s->stopping = s->board->devices + 1;
	for (unsigned int i = 0; i < s->board->devices; i++)
		virtio_stop(s->board->device[i]);
	s->stopping--;
	still_check(s);
}

void
still_device_stopped(struct still *s)
{
	if (!s->devices || s->stands || s->stopping == 0)
		return;
	s->stopping--;
	still_check(s);
}

void
still_take(struct still *s, enum still_who who, still_fn *done, void *arg)
{
	bool begun = s->takers != 0;

	s->who[who].done = done;
	s->who[who].arg = arg;
	s->takers |= 1U << who;
	s->asked |= 1U << who;
	if (s->stands)
		still_tell(s, true);
	else if (!begun) {
		still_limit(s, STILL_S);
		hold_take(s->hold, HOLD_PAUSE, still_devices, s);
	}
}

/* What has stopped goes on, in the other order. */
static void
still_go(struct still *s)
{
	still_limit(s, 0);
	for (unsigned int i = 0; s->devices && i < s->board->devices; i++)
		virtio_continue(s->board->device[i]);
	s->devices = s->stands = false;
	s->stopping = 0;
	hold_drop(s->hold, HOLD_PAUSE);
}

void
still_drop(struct still *s, enum still_who who)
{
	if (!still_is_taken(s, who))
		return;
	s->takers &= ~(1U << who);
	s->asked &= ~(1U << who);
	if (s->takers == 0)
		still_go(s);
}

bool
still_is_taken(const struct still *s, enum still_who who)
{
	return (s->takers & 1U << who) != 0;
}

bool
still_has_others(const struct still *s, enum still_who who)
{
	return (s->takers & ~(1U << who)) != 0;
}

static void
still_too_long(void *arg, uint32_t events)
{
	struct still *s = arg;
	uint64_t count;

	(void)events;
	if (read(s->limit_fd, &count, sizeof(count)) == -1 || s->stands)
		return;
	if (!s->devices)
		log_warnx("vm", "the vCPUs do not stop: it goes on");
	for (unsigned int i = 0; s->devices && i < s->board->devices; i++)
		if (virtio_is_stopping(s->board->device[i]))
			log_warnx("vm", "%s does not stop: it goes on",
			    virtio_name(s->board->device[i]));
	s->takers = 0;
	still_go(s);
	still_tell(s, false);
}

int
still_init(struct still *s, struct board *board, struct hold *hold)
{
	memset(s, 0, sizeof(*s));
	s->board = board;
	s->hold = hold;
	s->limit_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->limit_fd == -1 ||
	    watch_add(board->watches, s->limit_fd, EPOLLIN, still_too_long,
		s) == NULL)
		return -1;
	return 0;
}
