/* SPDX-License-Identifier: ISC */
/* virtio-blk: see blk.h. */
#include "dev/blk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/blk_log.h"

#define QUEUE_SIZE 128
#define SEG_MAX (QUEUE_SIZE - 2)
#define ID_LENGTH VIRTIO_BLK_ID_BYTES
#define DISCARD_SECTORS_MAX (1U << 22) /* 2 GiB in one request */
/* Longest polling before a sleep. */
#define POLL_US 32

#define HEADER_SIZE sizeof(struct virtio_blk_outhdr)

struct blk_request {
	struct blk_io_request io;
	struct blk *blk;
	uint64_t off; /* what io begins with: it moves on meanwhile */
	uint64_t len;
	uint8_t *status; /* in guest memory */
	uint32_t written; /* bytes that a success has put into guest memory */
	struct virtq_chain chain;
};

struct blk {
	struct device dev;
	struct image image;
	struct blk_io *io;
	struct blk_log log;
	struct loop *loop;
	struct blk_io_request flush; /* of the VM process */
	bool ran;
	unsigned int in_flight; /* requests, and flush */
	unsigned int nfree;
	uint16_t free[QUEUE_SIZE]; /* last in, first out: keeps caches warm */
	struct blk_request request[QUEUE_SIZE];
};

/* --- finishing --------------------------------------------------------------
 */

/* Gives the request back to the guest; it is free afterwards. */
static void
blk_finish(struct blk_request *r, uint8_t status)
{
	struct blk *blk = r->blk;
	struct virtq *vq = device_queue(&blk->dev, 0);

	*(volatile uint8_t *)r->status = status;
	/* A read that failed may have filled any part of its buffers. */
	virtq_wrote(vq, &r->chain, r->written);
	guestmem_wrote(&blk->dev.mem, r->status, 1);
	virtq_push(
	    vq, r->chain.head, status == VIRTIO_BLK_S_OK ? r->written + 1 : 1);
	blk->free[blk->nfree++] = (uint16_t)(r - blk->request);
}

static void
blk_finish_io(struct blk_request *r)
{
	struct blk *blk = r->blk;
	int error = r->io.error;

	/* One that failed may have written a part. */
	if (r->io.op == BLK_IO_WRITE || r->io.op == BLK_IO_ALLOCATE)
		blk_log_mark(&blk->log, r->off, r->len);
	if (error == 0)
		blk_finish(r, VIRTIO_BLK_S_OK);
	else if (r->io.op == BLK_IO_ALLOCATE &&
	    (error == EOPNOTSUPP || error == ENODEV))
		blk_finish(r, VIRTIO_BLK_S_UNSUPP);
	else {
		log_guest(&r->blk->dev.limit, "blk",
		    "vm %s: %s: request at byte %llu: %s", blk->dev.vm,
		    blk->dev.name, (unsigned long long)r->io.off,
		    strerror(error));
		blk_finish(r, VIRTIO_BLK_S_IOERR);
	}
}

static void
blk_io_done(void *arg, struct blk_io_request *io)
{
	struct blk *blk = arg;

	blk->in_flight--;
	if (io == &blk->flush)
		device_flushed(&blk->dev, io->error);
	else {
		blk_finish_io((struct blk_request *)(void *)((char *)io -
		    offsetof(struct blk_request, io)));
		if (blk->in_flight == 0 || !blk->dev.running)
			device_publish(&blk->dev, 0);
	}
	device_drained(&blk->dev);
}

/* --- beginning --------------------------------------------------------------
 */

/* Does the request now if it need not wait, or begins it. */
static void
blk_go(struct blk_request *r)
{
	struct blk *blk = r->blk;
	bool alone =
	    blk->in_flight == 0 && !virtq_has_work(device_queue(&blk->dev, 0));

	r->off = r->io.off;
	r->len = r->io.len;
	/* Where only a thread could wait for a lone request, we can as well:
	 * nothing else is to be done, and two switches are saved. */
	if (blk_io_try(blk->io, &r->io) ||
	    (alone && blk_io_now(blk->io, &r->io))) {
		blk_finish_io(r);
		return;
	}
	blk->in_flight++;
	blk_io_submit(blk->io, &r->io);
}

/* Whether [sector, sector + len bytes) is in the image; sets off and len. */
static bool
blk_range(struct blk_request *r, uint64_t sector, uint64_t len)
{
	uint64_t sectors = r->blk->image.size / IMAGE_SECTOR;

	if (len % IMAGE_SECTOR != 0 || sector > sectors ||
	    len / IMAGE_SECTOR > sectors - sector)
		return false;
	r->io.off = sector * IMAGE_SECTOR;
	r->io.len = len;
	return true;
}

static void
blk_read(struct blk_request *r, uint64_t sector)
{
	struct virtq_chain *c = &r->chain;

	if (!blk_range(r, sector, c->in_len - 1)) {
		blk_finish(r, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (r->io.len == 0) {
		blk_finish(r, VIRTIO_BLK_S_OK);
		return;
	}
	r->io.op = BLK_IO_READ;
	r->io.iov = c->iov + c->nout;
	r->io.niov = c->nin;
	/* The last byte is the status. */
	if (--r->io.iov[c->nin - 1].iov_len == 0)
		r->io.niov--;
	r->written = c->in_len - 1;
	blk_go(r);
}

static void
blk_write(struct blk_request *r, uint64_t sector)
{
	struct virtq_chain *c = &r->chain;

	if (r->blk->image.readonly ||
	    !blk_range(r, sector, c->out_len - HEADER_SIZE)) {
		blk_finish(r, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (r->io.len == 0) {
		blk_finish(r, VIRTIO_BLK_S_OK);
		return;
	}
	r->io.op = BLK_IO_WRITE;
	r->io.iov = c->iov;
	r->io.niov = virtq_skip(&r->io.iov, c->nout, HEADER_SIZE);
	blk_go(r);
}

static void
blk_flush(struct blk_request *r, uint64_t sector)
{
	(void)sector;
	if (r->blk->image.readonly) {
		blk_finish(r, VIRTIO_BLK_S_OK);
		return;
	}
	r->io.op = BLK_IO_SYNC;
	blk_go(r);
}

static void
blk_get_id(struct blk_request *r, uint64_t sector)
{
	struct virtq_chain *c = &r->chain;
	char id[ID_LENGTH] = { 0 };

	(void)sector;
	if (c->in_len - 1 < ID_LENGTH) {
		blk_finish(r, VIRTIO_BLK_S_IOERR);
		return;
	}
	snprintf(id, sizeof(id), "vmd-%s", r->blk->dev.name);
	virtq_copy_in(c->iov + c->nout, c->nin, 0, id, sizeof(id));
	r->written = ID_LENGTH;
	blk_finish(r, VIRTIO_BLK_S_OK);
}

/* DISCARD and WRITE_ZEROES carry one segment: that is all we offer. */
static void
blk_allocate(struct blk_request *r, bool zeroes)
{
	struct virtio_blk_discard_write_zeroes seg;
	struct virtq_chain *c = &r->chain;
	bool unmap;

	if (r->blk->image.readonly) {
		blk_finish(r, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (c->out_len != HEADER_SIZE + sizeof(seg)) {
		blk_finish(r, VIRTIO_BLK_S_UNSUPP);
		return;
	}
	virtq_copy_out(c->iov, c->nout, HEADER_SIZE, &seg, sizeof(seg));
	unmap = seg.flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	if ((seg.flags & ~VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0 ||
	    (!zeroes && unmap)) {
		blk_finish(r, VIRTIO_BLK_S_UNSUPP);
		return;
	}
	if (seg.num_sectors > DISCARD_SECTORS_MAX ||
	    !blk_range(
		r, seg.sector, (uint64_t)seg.num_sectors * IMAGE_SECTOR)) {
		blk_finish(r, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (r->io.len == 0) {
		blk_finish(r, VIRTIO_BLK_S_OK);
		return;
	}
	r->io.op = BLK_IO_ALLOCATE;
	r->io.mode = FALLOC_FL_KEEP_SIZE |
	    (zeroes && !unmap ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE);
	blk_go(r);
}

static void
blk_discard(struct blk_request *r, uint64_t sector)
{
	(void)sector;
	blk_allocate(r, false);
}

static void
blk_write_zeroes(struct blk_request *r, uint64_t sector)
{
	(void)sector;
	blk_allocate(r, true);
}

static void (*const blk_types[])(struct blk_request *, uint64_t sector) = {
	[VIRTIO_BLK_T_IN] = blk_read,
	[VIRTIO_BLK_T_OUT] = blk_write,
	[VIRTIO_BLK_T_FLUSH] = blk_flush,
	[VIRTIO_BLK_T_GET_ID] = blk_get_id,
	[VIRTIO_BLK_T_DISCARD] = blk_discard,
	[VIRTIO_BLK_T_WRITE_ZEROES] = blk_write_zeroes,
};

/* A request that was just popped.  False when it is none. */
static bool
blk_begin(struct blk *blk, struct blk_request *r)
{
	struct virtq_chain *c = &r->chain;
	struct virtio_blk_outhdr h;
	const struct iovec *last;

	if (c->out_len < HEADER_SIZE || c->in_len < 1)
		return false;
	virtq_copy_out(c->iov, c->nout, 0, &h, sizeof(h));
	last = &c->iov[c->nout + c->nin - 1];
	r->blk = blk;
	r->status = (uint8_t *)last->iov_base + last->iov_len - 1;
	r->written = 0;
	r->io = (struct blk_io_request) { .op = BLK_IO_READ };
	if (h.type >= sizeof(blk_types) / sizeof(blk_types[0]) ||
	    blk_types[h.type] == NULL)
		blk_finish(r, VIRTIO_BLK_S_UNSUPP);
	else
		blk_types[h.type](r, h.sector);
	return true;
}

/* --- the device --------------------------------------------------------------
 */

/* What is in the queue, one queue's worth at most; true if there was any. */
static bool
blk_serve(struct blk *blk)
{
	struct virtq *vq = device_queue(&blk->dev, 0);
	unsigned int n;
	int got = 0;

	virtq_disable_notify(vq);
	for (n = 0; n < QUEUE_SIZE && blk->nfree > 0; n++) {
		struct blk_request *r =
		    &blk->request[blk->free[blk->nfree - 1]];

		if ((got = virtq_pop(vq, &r->chain)) != 1)
			break;
		blk->nfree--;
		if (blk_begin(blk, r))
			continue;
		blk->free[blk->nfree++] = (uint16_t)(r - blk->request);
		virtq_break(vq, "a request without header or status");
		got = -1;
		break;
	}
	blk_io_commit(blk->io);
	if (got == -1)
		device_break(&blk->dev, 0, vq->broken);
	else
		device_publish(&blk->dev, 0);
	return n != 0;
}

static void
blk_kick(void *arg, unsigned int queue)
{
	(void)queue;
	blk_serve(arg);
}

static bool
blk_poll(void *arg)
{
	struct blk *blk = arg;
	bool work = blk->in_flight != 0 && blk_io_poll(blk->io);

	/* Also what finished since the last time. */
	device_publish(&blk->dev, 0);
	if (virtq_has_work(device_queue(&blk->dev, 0)))
		work |= blk_serve(blk);
	return work;
}

static bool
blk_sleep(void *arg)
{
	struct blk *blk = arg;

	/* Without a free request the next one to finish wakes us. */
	device_publish(&blk->dev, 0);
	return virtq_enable_notify(device_queue(&blk->dev, 0)) &&
	    blk->nfree > 0;
}

/* A block device may be that of other hosts, too: what was read of it before
 * the VM came here may be older than what they have written since. */
static void
blk_forget(struct blk *blk)
{
	int error = posix_fadvise(blk->image.fd, 0, 0, POSIX_FADV_DONTNEED);

	if (error != 0)
		log_warnx("blk", "vm %s: %s: dropping what was cached: %s",
		    blk->dev.vm, blk->dev.name, strerror(error));
}

static void
blk_run(void *arg, bool running)
{
	struct blk *blk = arg;

	if (running && !blk->ran && !blk->image.is_file)
		blk_forget(blk);
	blk->ran |= running;
	loop_set_poll(blk->loop, running ? POLL_US : 0);
}

static unsigned int
blk_in_flight(void *arg)
{
	struct blk *blk = arg;

	return blk->in_flight;
}

static uint64_t
blk_features(void *arg)
{
	struct blk *blk = arg;
	uint64_t features = 1ULL << VIRTIO_BLK_F_SEG_MAX |
	    1ULL << VIRTIO_BLK_F_BLK_SIZE | 1ULL << VIRTIO_BLK_F_FLUSH;

	if (blk->image.readonly)
		features |= 1ULL << VIRTIO_BLK_F_RO;
	else
		features |= 1ULL << VIRTIO_BLK_F_DISCARD |
		    1ULL << VIRTIO_BLK_F_WRITE_ZEROES;
	return features;
}

static size_t
blk_config(void *arg, uint8_t buf[VIRTIO_CONFIG_MAX])
{
	struct blk *blk = arg;
	struct virtio_blk_config c = {
		.capacity = blk->image.size / IMAGE_SECTOR,
		.seg_max = SEG_MAX,
		.blk_size = IMAGE_SECTOR,
		.max_discard_sectors = DISCARD_SECTORS_MAX,
		.max_discard_seg = 1,
		.discard_sector_alignment = 8,
		.max_write_zeroes_sectors = DISCARD_SECTORS_MAX,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};

	memcpy(buf, &c, sizeof(c));
	return sizeof(c);
}

static int
blk_log_disk(void *arg, int fd, uint64_t chunks)
{
	struct blk *blk = arg;

	if (fd != -1)
		return blk_log_start(&blk->log, fd, chunks);
	blk_log_stop(&blk->log);
	return 0;
}

static void
blk_flush_image(void *arg)
{
	struct blk *blk = arg;

	if (blk->image.readonly) {
		device_flushed(&blk->dev, 0);
		return;
	}
	blk->flush = (struct blk_io_request) { .op = BLK_IO_SYNC };
	blk->in_flight++;
	blk_io_submit(blk->io, &blk->flush);
	blk_io_commit(blk->io);
}

static const struct device_ops blk_ops = {
	.kind = DEVICE_BLK,
	.features = blk_features,
	.config = blk_config,
	.kick = blk_kick,
	.poll = blk_poll,
	.sleep = blk_sleep,
	.run = blk_run,
	.in_flight = blk_in_flight,
	.log_disk = blk_log_disk,
	.flush = blk_flush_image,
};

struct blk *
blk_new(const struct image *image, struct loop *loop,
    struct blk_io *(*engine)(int, unsigned int, struct loop *,
	void (*)(void *, struct blk_io_request *), void *))
{
	/* calloc leaves the requests untouched until they are used. */
	struct blk *blk = calloc(1, sizeof(*blk));

	if (blk == NULL)
		return NULL;
	blk->image = *image;
	blk->loop = loop;
	blk->io = (engine != NULL ? engine : blk_io_new)(
	    image->fd, QUEUE_SIZE, loop, blk_io_done, blk);
	if (blk->io == NULL) {
		int error = errno;

		free(blk);
		errno = error;
		return NULL;
	}
	while (blk->nfree < QUEUE_SIZE) {
		blk->free[blk->nfree] = (uint16_t)(QUEUE_SIZE - 1 - blk->nfree);
		blk->nfree++;
	}
	return blk;
}

int
blk_start(struct blk *blk, int link_fd, const struct msg_device_start *start,
    void (*gone)(void *), void *gone_arg)
{
	return device_init(&blk->dev, &blk_ops, blk, blk->loop, link_fd, start,
	    gone, gone_arg);
}

struct device *
blk_device(struct blk *blk)
{
	return &blk->dev;
}

void
blk_free(struct blk *blk)
{
	if (blk == NULL)
		return;
	if (blk->dev.class != NULL)
		device_fini(&blk->dev);
	blk_io_free(blk->io);
	blk_log_stop(&blk->log);
	free(blk);
}
