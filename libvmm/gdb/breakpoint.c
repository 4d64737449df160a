/* SPDX-License-Identifier: ISC */
/*
 * Breakpoints; see breakpoint.h.  The invariant: each row's byte in guest
 * memory is an INT3 that stands for row.original, unless the guest itself
 * wrote there since.
 */
#include "breakpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm.h"

#define ROOM_FIRST 16

static const uint8_t int3 = BREAKPOINT_INT3;

/* The first row at gpa or behind. */
static size_t
breakpoint_lower(const struct breakpoints *b, uint64_t gpa)
{
	size_t low = 0, high = b->count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (b->row[mid].gpa < gpa)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
breakpoint_is_at(const struct breakpoints *b, uint64_t gpa)
{
	size_t i = breakpoint_lower(b, gpa);

	return i < b->count && b->row[i].gpa == gpa;
}

static int
breakpoint_grow(struct breakpoints *b)
{
	size_t room = b->room == 0 ? ROOM_FIRST : b->room * 2;
	struct breakpoint *row;

	if (b->count < b->room)
		return 0;
	if (b->count >= BREAKPOINT_MAX) {
		errno = ENOSPC;
		return -1;
	}
	row = realloc(b->row, room * sizeof(*row));
	if (row == NULL)
		return -1;
	b->row = row;
	b->room = room;
	return 0;
}

int
breakpoint_insert(struct breakpoints *b, uint64_t gla, uint64_t gpa)
{
	struct breakpoint new = { .gla = gla, .gpa = gpa };
	size_t i, at = breakpoint_lower(b, gpa);
	bool known = false;

	for (i = at; i < b->count && b->row[i].gpa == gpa; i++)
		known = known || b->row[i].gla == gla;
	if (!known && breakpoint_grow(b) == -1)
		return -1;
	if (vm_copyout(b->vm, gpa, &new.original, 1) == -1)
		return -1;
	/* Else the guest wrote there since, and that is what is below. */
	if (new.original == int3 && breakpoint_is_at(b, gpa))
		new.original = b->row[at].original;
	if (vm_copyin(b->vm, &int3, gpa, 1) == -1)
		return -1;
	for (i = at; i < b->count && b->row[i].gpa == gpa; i++)
		b->row[i].original = new.original;
	if (known)
		return 0;
	memmove(
	    &b->row[at + 1], &b->row[at], (b->count - at) * sizeof(b->row[0]));
	b->row[at] = new;
	b->count++;
	return 0;
}

/* Puts the byte back, unless another row or the guest has a claim to it. */
static void
breakpoint_drop(struct breakpoints *b, size_t i)
{
	struct breakpoint gone = b->row[i];
	uint8_t now;

	b->count--;
	memmove(&b->row[i], &b->row[i + 1], (b->count - i) * sizeof(b->row[0]));
	if (breakpoint_is_at(b, gone.gpa))
		return;
	if (vm_copyout(b->vm, gone.gpa, &now, 1) == 0 && now == int3)
		(void)vm_copyin(b->vm, &gone.original, gone.gpa, 1);
}

int
breakpoint_remove(struct breakpoints *b, uint64_t gla)
{
	size_t i;
	bool found = false;

	/* More than one where the guest has changed its tables since. */
	for (i = b->count; i-- > 0;) {
		if (b->row[i].gla != gla)
			continue;
		breakpoint_drop(b, i);
		found = true;
	}
	if (found)
		return 0;
	errno = ENOENT;
	return -1;
}

/* The kinds of debug registers; the CPU knows no reads without writes. */
static const enum vcpu_point_kind breakpoint_kinds[BREAKPOINT_TYPES] = {
	[BREAKPOINT_HARDWARE] = VCPU_POINT_EXEC,
	[BREAKPOINT_WRITE] = VCPU_POINT_WRITE,
	[BREAKPOINT_READ] = VCPU_POINT_ACCESS,
	[BREAKPOINT_ACCESS] = VCPU_POINT_ACCESS,
};

static bool
breakpoint_slot_is(const struct breakpoint_slot *s, enum breakpoint_type type,
    uint64_t gla, uint64_t len)
{
	return s->point.kind != VCPU_POINT_NONE && s->type == type &&
	    s->gla == gla && s->len == len;
}

int
breakpoint_watch(struct breakpoints *b, enum breakpoint_type type, uint64_t gla,
    uint64_t len)
{
	struct breakpoints now = *b;
	uint64_t at = gla, left = type == BREAKPOINT_HARDWARE ? 1 : len;
	uint32_t piece;
	int i;

	if (left == 0 || left > 8ULL * VCPU_POINTS) {
		errno = left == 0 ? EINVAL : ENOSPC;
		return -1;
	}
	for (i = 0; i < VCPU_POINTS; i++)
		if (breakpoint_slot_is(&b->slot[i], type, gla, len))
			return 0;
	for (i = 0; i < VCPU_POINTS && left > 0; i++) {
		if (now.slot[i].point.kind != VCPU_POINT_NONE)
			continue;
		for (piece = 8; piece > left || at % piece != 0; piece /= 2)
			continue;
		now.slot[i] = (struct breakpoint_slot) { type, gla, len,
			{ breakpoint_kinds[type], piece, at } };
		at += piece;
		left -= piece;
	}
	if (left > 0) {
		errno = ENOSPC;
		return -1;
	}
	*b = now;
	return 0;
}

int
breakpoint_unwatch(struct breakpoints *b, enum breakpoint_type type,
    uint64_t gla, uint64_t len)
{
	bool found = false;
	int i;

	for (i = 0; i < VCPU_POINTS; i++)
		if (breakpoint_slot_is(&b->slot[i], type, gla, len)) {
			b->slot[i].point.kind = VCPU_POINT_NONE;
			found = true;
		}
	if (found)
		return 0;
	errno = ENOENT;
	return -1;
}

void
breakpoint_clear(struct breakpoints *b)
{
	while (b->count > 0)
		breakpoint_drop(b, b->count - 1);
	free(b->row);
	b->row = NULL;
	b->room = 0;
	memset(b->slot, 0, sizeof(b->slot));
}

void
breakpoint_arm(const struct breakpoints *b, struct vcpu_debug *debug)
{
	int i;

	memset(debug, 0, sizeof(*debug));
	if (b->count > 0)
		debug->flags = VCPU_DEBUG_INT3;
	for (i = 0; i < VCPU_POINTS; i++)
		debug->point[i] = b->slot[i].point;
}

int
breakpoint_copyout(
    const struct breakpoints *b, uint64_t gpa, uint8_t *dst, size_t len)
{
	size_t i;

	if (vm_copyout(b->vm, gpa, dst, len) == -1)
		return -1;
	for (i = breakpoint_lower(b, gpa);
	     i < b->count && b->row[i].gpa - gpa < len; i++)
		if (dst[b->row[i].gpa - gpa] == int3)
			dst[b->row[i].gpa - gpa] = b->row[i].original;
	return 0;
}

/* The bytes between breakpoints are written, those below them kept aside. */
int
breakpoint_copyin(
    struct breakpoints *b, const uint8_t *src, uint64_t gpa, size_t len)
{
	size_t i = breakpoint_lower(b, gpa), from = 0, to;

	for (;;) {
		to = len;
		if (i < b->count && b->row[i].gpa - gpa < len)
			to = (size_t)(b->row[i].gpa - gpa);
		if (to > from &&
		    vm_copyin(b->vm, src + from, gpa + from, to - from) == -1)
			return -1;
		if (to == len)
			return 0;
		if (vm_copyin(b->vm, &int3, gpa + to, 1) == -1)
			return -1;
		b->row[i++].original = src[to];
		from = to + 1;
	}
}
