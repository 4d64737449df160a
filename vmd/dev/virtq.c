/* SPDX-License-Identifier: ISC */
/*
 * Split virtqueues: see virtq.h.  Runs in device processes.
 *
 * Ring fields are little endian, as is every host this runs on.  Orderings: the
 * avail index is loaded with acquire before the entries it covers are; the used
 * index is stored after the entries it covers; what the guest looks at before
 * it decides (used index, event index, flags) is stored by an exchange, which
 * on x86 is a full barrier before our load of what the guest stored
 * (2.7.6-2.7.10, 2.7.13), and which ThreadSanitizer understands, other than a
 * fence.
 */
#include "dev/virtq.h"

#include <errno.h>
#include <string.h>

#define DESC_NEXT 1
#define DESC_WRITE 2
#define DESC_INDIRECT 4
#define DESC_SIZE 16U
#define AVAIL_NO_INTERRUPT 1
#define USED_NO_NOTIFY 1

#define AVAIL_FLAGS 0
#define AVAIL_IDX 1
#define AVAIL_RING 2
#define AVAIL_USED_EVENT(vq) (2 + (vq)->size)
#define USED_FLAGS 0
#define USED_IDX 1
#define USED_AVAIL_EVENT(vq) (2 + 4 * (vq)->size)

/* Indirect tables lie at any address. */
typedef uint64_t any_uint64 __attribute__((aligned(1)));

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

int
virtq_init(struct virtq *vq, const struct guestmem *mem,
    const struct msg_dev_queue *m, uint64_t features)
{
	uint64_t size = m->size;

	memset(vq, 0, sizeof(*vq));
	if (size == 0 || size > VIRTQ_SIZE_MAX || (size & (size - 1)) != 0 ||
	    m->next > UINT16_MAX || m->desc % 16 != 0 || m->driver % 2 != 0 ||
	    m->device % 4 != 0) {
		errno = EINVAL;
		return -1;
	}
	vq->desc = guestmem_at(mem, m->desc, DESC_SIZE * size);
	vq->avail = guestmem_at(mem, m->driver, 6 + 2 * size);
	vq->used = guestmem_at(mem, m->device, 6 + 8 * size);
	if (vq->desc == NULL || vq->avail == NULL || vq->used == NULL) {
		errno = EINVAL;
		return -1;
	}
	vq->mem = mem;
	vq->size = (uint16_t)size;
	vq->next_avail = vq->next_used = vq->published = (uint16_t)m->next;
	vq->event_idx = features & VIRTQ_F_EVENT_IDX;
	vq->indirect = features & VIRTQ_F_INDIRECT;
	return 0;
}

void
virtq_fini(struct virtq *vq)
{
	memset(vq, 0, sizeof(*vq));
}

void
virtq_break(struct virtq *vq, const char *why)
{
	if (vq->broken == NULL)
		vq->broken = why;
}

static int
virtq_bad(struct virtq *vq, const char *why)
{
	virtq_break(vq, why);
	return -1;
}

/* One load of each half: what is checked is what is used. */
static struct virtq_desc
virtq_load(const volatile any_uint64 *table, uint32_t i)
{
	uint64_t lo = table[2 * i], hi = table[2 * i + 1];

	return (struct virtq_desc) {
		.addr = lo,
		.len = (uint32_t)hi,
		.flags = (uint16_t)(hi >> 32),
		.next = (uint16_t)(hi >> 48),
	};
}

static int
virtq_add_buffer(
    struct virtq *vq, struct virtq_chain *c, const struct virtq_desc *d)
{
	bool write = d->flags & DESC_WRITE;
	uint32_t *total = write ? &c->in_len : &c->out_len;
	void *base;

	if (!write && c->nin != 0)
		return virtq_bad(vq, "a buffer to read after one to write");
	if (d->len == 0)
		return virtq_bad(vq, "a buffer of length 0");
	if ((base = guestmem_at(vq->mem, d->addr, d->len)) == NULL)
		return virtq_bad(vq, "a buffer outside guest memory");
	if (__builtin_add_overflow(*total, d->len, total))
		return virtq_bad(vq, "a chain of 4 GiB or more");
	c->iov[c->nout + c->nin] =
	    (struct iovec) { .iov_base = base, .iov_len = d->len };
	if (write)
		c->nin++;
	else
		c->nout++;
	return 0;
}

static int
virtq_walk(struct virtq *vq, struct virtq_chain *c)
{
	const volatile any_uint64 *table = vq->desc;
	uint32_t table_size = vq->size, i = c->head;
	bool inside = false;

	c->nout = c->nin = 0;
	c->out_len = c->in_len = 0;
	while (c->nout + c->nin < VIRTQ_SIZE_MAX) {
		struct virtq_desc d;

		if (i >= table_size)
			return virtq_bad(vq, "a descriptor index too large");
		d = virtq_load(table, i);
		if (d.flags & DESC_INDIRECT) {
			if (inside || !vq->indirect || (d.flags & DESC_NEXT) ||
			    d.len == 0 || d.len % DESC_SIZE != 0)
				return virtq_bad(vq, "a bad indirect table");
			table = guestmem_at(vq->mem, d.addr, d.len);
			if (table == NULL)
				return virtq_bad(vq,
				    "an indirect table outside guest memory");
			table_size = d.len / DESC_SIZE;
			inside = true;
			i = 0;
			continue;
		}
		if (virtq_add_buffer(vq, c, &d) == -1)
			return -1;
		if (!(d.flags & DESC_NEXT))
			return 1;
		i = d.next;
	}
	return virtq_bad(vq, "a chain that is too long or a loop");
}

/* Stores what comes before, then value, then lets later loads begin. */
static void
virtq_store_barrier(volatile uint16_t *p, uint16_t value)
{
	(void)__atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);
}

static uint16_t
virtq_avail_idx(const struct virtq *vq)
{
	return __atomic_load_n(&vq->avail[AVAIL_IDX], __ATOMIC_ACQUIRE);
}

bool
virtq_has_work(const struct virtq *vq)
{
	return vq->mem != NULL && vq->broken == NULL &&
	    virtq_avail_idx(vq) != vq->next_avail;
}

int
virtq_pop(struct virtq *vq, struct virtq_chain *c)
{
	uint16_t count;

	if (vq->broken != NULL)
		return -1;
	if (vq->mem == NULL)
		return 0;
	count = (uint16_t)(virtq_avail_idx(vq) - vq->next_avail);
	if (count == 0)
		return 0;
	if (count > vq->size || vq->in_flight >= vq->size)
		return virtq_bad(vq, "more requests than the queue holds");
	c->head = vq->avail[AVAIL_RING + (vq->next_avail & (vq->size - 1))];
	if (c->head >= vq->size)
		return virtq_bad(vq, "a head index too large");
	if (virtq_walk(vq, c) == -1)
		return -1;
	vq->next_avail++;
	vq->in_flight++;
	return 1;
}

void
virtq_unpop(struct virtq *vq, unsigned int n)
{
	vq->next_avail = (uint16_t)(vq->next_avail - n);
	vq->in_flight = (uint16_t)(vq->in_flight - n);
}

void
virtq_wrote(const struct virtq *vq, const struct virtq_chain *c, size_t len)
{
	if (vq->mem == NULL || vq->mem->log == NULL)
		return;
	for (unsigned int i = 0; i < c->nin && len > 0; i++) {
		const struct iovec *iov = &c->iov[c->nout + i];
		size_t part = iov->iov_len < len ? iov->iov_len : len;

		guestmem_mark(vq->mem, iov->iov_base, part);
		len -= part;
	}
}

/* Of ring memory. */
static void
virtq_wrote_used(const struct virtq *vq, unsigned int i)
{
	guestmem_wrote(vq->mem, &vq->used[i], sizeof(vq->used[i]));
}

void
virtq_push(struct virtq *vq, uint16_t head, uint32_t written)
{
	volatile uint32_t *e;

	if (vq->broken != NULL || vq->in_flight == 0)
		return;
	e = (volatile uint32_t *)(volatile void *)&vq
		->used[2 + 4 * (vq->next_used & (vq->size - 1))];
	e[0] = head;
	e[1] = written;
	guestmem_wrote(vq->mem, e, 2 * sizeof(*e));
	vq->next_used++;
	vq->in_flight--;
}

bool
virtq_publish(struct virtq *vq)
{
	uint16_t old = vq->published, now = vq->next_used, event;

	if (vq->broken != NULL || old == now)
		return false;
	vq->published = now;
	virtq_store_barrier(&vq->used[USED_IDX], now);
	virtq_wrote_used(vq, USED_IDX);
	if (!vq->event_idx)
		return !(vq->avail[AVAIL_FLAGS] & AVAIL_NO_INTERRUPT);
	event = vq->avail[AVAIL_USED_EVENT(vq)];
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

bool
virtq_enable_notify(struct virtq *vq)
{
	unsigned int at = vq->event_idx ? USED_AVAIL_EVENT(vq) : USED_FLAGS;

	if (vq->mem == NULL || vq->broken != NULL)
		return false;
	virtq_store_barrier(&vq->used[at], vq->event_idx ? vq->next_avail : 0);
	virtq_wrote_used(vq, at);
	return virtq_has_work(vq);
}

void
virtq_disable_notify(struct virtq *vq)
{
	/* With event indices, a stale index is silence enough. */
	if (vq->mem == NULL || vq->broken != NULL || vq->event_idx)
		return;
	vq->used[USED_FLAGS] = USED_NO_NOTIFY;
	virtq_wrote_used(vq, USED_FLAGS);
}

/* --- iovecs ----------------------------------------------------------------
 */

static size_t
virtq_copy(const struct iovec *iov, unsigned int n, size_t off, uint8_t *buf,
    size_t len, bool in)
{
	size_t done = 0;

	for (unsigned int i = 0; i < n && done < len; i++) {
		size_t part;

		if (off >= iov[i].iov_len) {
			off -= iov[i].iov_len;
			continue;
		}
		part = iov[i].iov_len - off;
		if (part > len - done)
			part = len - done;
		if (in)
			memcpy(
			    (uint8_t *)iov[i].iov_base + off, buf + done, part);
		else
			memcpy(
			    buf + done, (uint8_t *)iov[i].iov_base + off, part);
		done += part;
		off = 0;
	}
	return done;
}

size_t
virtq_copy_out(
    const struct iovec *iov, unsigned int n, size_t off, void *buf, size_t len)
{
	return virtq_copy(iov, n, off, buf, len, false);
}

size_t
virtq_copy_in(const struct iovec *iov, unsigned int n, size_t off,
    const void *buf, size_t len)
{
	/* Only read from: the direction is `in`. */
	return virtq_copy(iov, n, off, (uint8_t *)(uintptr_t)buf, len, true);
}

unsigned int
virtq_skip(struct iovec **iov, unsigned int n, size_t off)
{
	while (n > 0 && off >= (*iov)->iov_len) {
		off -= (*iov)->iov_len;
		(*iov)++;
		n--;
	}
	if (n > 0) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + off;
		(*iov)->iov_len -= off;
	}
	return n;
}
