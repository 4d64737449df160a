/* SPDX-License-Identifier: ISC */
/* Garbage for registers and rings of virtio devices. */
#include "garbage.h"

/* --- virtio ----------------------------------------------------------------
 */

#define STATUS 20
static void
reset_device(const struct device *d)
{
	out((u16)(d->io + STATUS), 1, 0);
	for (u32 i = 0; i < 20000 && in((u16)(d->io + STATUS), 1) != 0; i++)
		continue;
}

static void
touch_window(const struct device *d)
{
	config_out(d->slot, d->window + 4, 1, below(8) ? below(2) : any());
	config_out(d->slot, d->window + 8, 4, below(4) ? below(0x410) : any());
	config_out(d->slot, d->window + 12, 4, below(4) ? any_size() : any());
	if (below(2))
		config_in(d->slot, d->window + 16, any_size());
	else
		config_out(d->slot, d->window + 16, any_size(),
		    harmless_vector(any_value()));
}

void
phase_registers(void)
{
	for (u32 i = 0; i < 8000; i++) {
		const struct device *d = &device[below(devices)];

		switch (below(8)) {
		case 0:
			touch_window(d);
			break;
		case 1:
			out((u16)(d->io + STATUS), 1, any());
			break;
		case 2:
			out((u16)(d->io + 0x100 + below(16)), any_size(),
			    any());
			break;
		case 3:
			touch_port((u16)(d->io + 0x200 + below(0x200)));
			break;
		case 4:
			out((u16)(d->io + 22), 2, below(4));
			out((u16)(d->io + 24 + 2 * below(4)), 2,
			    below(2) ? any() : 1);
			break;
		default:
			touch_port((u16)(d->io + below(0x3c)));
			break;
		}
	}
	for (u32 i = 0; i < devices; i++)
		reset_device(&device[i]);
	say("garbage: registers");
}

/* --- rings -----------------------------------------------------------------
 */

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

struct ring {
	struct desc *desc;
	u16 *avail;
	u32 size;
};

static void
any_desc(struct desc *d, u32 size)
{
	d->addr = any_address();
	d->len = below(4) ? 1 + below(4096) : any_value();
	d->flags = (u16)(below(4) ? below(4) : any());
	d->next = (u16)(below(16) ? below(size) : any());
	/* What a request of a disk begins with: kind, sector. */
	if (d->addr < SCRATCH_END && d->addr >= SCRATCH) {
		u32 *header = (u32 *)(u32)d->addr;

		header[0] = below(4) ? below(2) : below(16);
		header[1] = 0;
		header[2] = below(9000);
		header[3] = below(32) == 0;
	}
}

/* Header, data, status: what a disk takes. */
static void
good_chain(struct ring *r)
{
	for (u32 i = 0; i < 3; i++) {
		any_desc(&r->desc[i], r->size);
		r->desc[i].addr = SCRATCH + 0x100000 + i * 0x10000;
		r->desc[i].len = i == 0 ? 16
		    : i == 1		? 512 * (1 + below(64))
					: 1;
		r->desc[i].flags = (u16)((i < 2) |
		    (i > 0 ? below(4) != 0 || i == 2 ? 2 : 0 : 0));
		r->desc[i].next = (u16)(i + 1);
	}
	r->avail[2 + r->avail[1] % r->size] = 0;
	r->avail[1]++;
}

static void
set_queue(const struct device *d, struct ring *r, u32 n)
{
	u64 address[3];

	out((u16)(d->io + 22), 2, n);
	r->size = 1U << below(8);
	out((u16)(d->io + 24), 2, r->size);
	r->size = in((u16)(d->io + 24), 2);
	if (r->size == 0)
		r->size = 1;
	out((u16)(d->io + 26), 2, below(4));
	for (u32 i = 0; i < 3; i++) {
		address[i] = SCRATCH + 0x800000 + n * 0x40000 + i * 0x10000;
		if (below(24) == 0)
			address[i] = any_address() + below(3);
	}
	r->desc = (struct desc *)(u32)(SCRATCH + 0x800000 + n * 0x40000);
	r->avail = (u16 *)((u32)r->desc + 0x10000);
	if (below(8) != 0)
		r->avail[0] = r->avail[1] = 0;
	for (u32 i = 0; i < 6; i++)
		out((u16)(d->io + 32 + 4 * i), 4,
		    (u32)(address[i / 2] >> 32 * (i & 1)));
	for (u32 i = 0; i < r->size; i++)
		any_desc(&r->desc[i], r->size);
	out((u16)(d->io + 28), 2, 1);
}

/* Status and features, of which any may be missing. */
static void
negotiate(const struct device *d)
{
	u32 offered, mask = below(3) ? ~0U : any();

	reset_device(d);
	out((u16)(d->io + STATUS), 1, 3);
	out((u16)d->io, 4, 0);
	offered = in((u16)(d->io + 4), 4);
	out((u16)(d->io + 8), 4, 0);
	out((u16)(d->io + 12), 4, offered & mask);
	out((u16)(d->io + 8), 4, 1);
	out((u16)(d->io + 12), 4, below(16) != 0);
	out((u16)(d->io + STATUS), 1, 11);
}

static void
use_rings(const struct device *d, struct ring *r, u32 queues)
{
	for (u32 i = 0; i < 12; i++) {
		u32 n = below(queues), k = below(4);

		if (k == 0)
			good_chain(&r[n]);
		else if (k == 1)
			any_desc(&r[n].desc[below(r[n].size)], r[n].size);
		else if (k == 2 && below(4) == 0)
			r[n].avail[1] = (u16)any();
		else {
			r[n].avail[2 + r[n].avail[1] % r[n].size] =
			    (u16)(below(16) ? below(r[n].size) : any());
			r[n].avail[1]++;
		}
		out((u16)(d->io + 0x100 + 4 * n), 2, n);
		if (below(4) == 0)
			in((u16)(d->io + 0x200), 1);
		if (below(24) == 0)
			out((u16)(d->io + STATUS), 1, 0);
	}
}

void
phase_rings(void)
{
	for (u32 i = 0; i < 240; i++) {
		const struct device *d = &device[i % devices];
		u32 queues = d->id == 1 ? 2 : 1;
		struct ring r[2];

		config_out(d->slot, d->msix + 2, 2, any());
		negotiate(d);
		for (u32 n = 0; n < queues; n++)
			set_queue(d, &r[n], n);
		out((u16)(d->io + STATUS), 1, 15);
		use_rings(d, r, queues);
	}
	for (u32 i = 0; i < devices; i++)
		reset_device(&device[i]);
	say("garbage: rings");
}

/* One device broken and reset as fast as it goes: a line each, if unlimited. */
void
phase_break(void)
{
	for (u32 i = 0; i < 240; i++) {
		const struct device *d = &device[i % devices];
		struct ring r;

		reset_device(d);
		out((u16)(d->io + STATUS), 1, 3);
		out((u16)(d->io + 8), 4, 1);
		out((u16)(d->io + 12), 4, 1);
		out((u16)(d->io + STATUS), 1, 11);
		set_queue(d, &r, 0);
		r.avail[1] = 0x5555;
		out((u16)(d->io + STATUS), 1, 15);
		out((u16)(d->io + 0x100), 2, 0);
		for (u32 k = 0;
		     k < 200 && !(in((u16)(d->io + STATUS), 1) & 0x40); k++)
			continue;
	}
	say("garbage: broken");
}
