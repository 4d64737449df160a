/* SPDX-License-Identifier: ISC */
/* virtio-rng: see rng.h. */
#include "dev/rng.h"

#include <sys/random.h>

#define RNG_BATCH 8 /* requests before other devices get their turn */

/* Bytes written, at most RNG_REQUEST_MAX. */
static uint32_t
rng_fill(const struct virtq_chain *c)
{
	uint32_t done = 0;

	for (unsigned int i = 0; i < c->nin; i++) {
		const struct iovec *iov = &c->iov[c->nout + i];
		size_t len = iov->iov_len;
		ssize_t n;

		if (len > RNG_REQUEST_MAX - done)
			len = RNG_REQUEST_MAX - done;
		if (len == 0)
			break;
		n = getrandom(iov->iov_base, len, GRND_NONBLOCK);
		if (n <= 0)
			break;
		done += (uint32_t)n;
		if ((size_t)n != len)
			break;
	}
	return done;
}

static bool
rng_serve(struct rng *rng)
{
	struct virtq *vq = device_queue(&rng->dev, 0);
	unsigned int n;
	uint32_t done;
	int r = 0;

	for (n = 0; n < RNG_BATCH; n++) {
		if ((r = virtq_pop(vq, &rng->chain)) != 1)
			break;
		if (rng->chain.nin == 0) {
			device_break(&rng->dev, 0, "a request with no room");
			return false;
		}
		done = rng_fill(&rng->chain);
		virtq_wrote(vq, &rng->chain, done);
		virtq_push(vq, rng->chain.head, done);
	}
	if (r == -1)
		device_break(&rng->dev, 0, vq->broken);
	device_publish(&rng->dev, 0);
	return n != 0;
}

static void
rng_kick(void *arg, unsigned int queue)
{
	(void)queue;
	rng_serve(arg);
}

static bool
rng_poll(void *arg)
{
	struct rng *rng = arg;

	return virtq_has_work(device_queue(&rng->dev, 0)) && rng_serve(rng);
}

static bool
rng_sleep(void *arg)
{
	struct rng *rng = arg;

	return virtq_enable_notify(device_queue(&rng->dev, 0));
}

static const struct device_ops rng_ops = {
	.kind = DEVICE_RNG,
	.kick = rng_kick,
	.poll = rng_poll,
	.sleep = rng_sleep,
};

int
rng_init(struct rng *rng, struct loop *loop, int link_fd,
    const struct msg_device_start *start, void (*gone)(void *), void *gone_arg)
{
	return device_init(
	    &rng->dev, &rng_ops, rng, loop, link_fd, start, gone, gone_arg);
}

void
rng_fini(struct rng *rng)
{
	device_fini(&rng->dev);
}
