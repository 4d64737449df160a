/* SPDX-License-Identifier: ISC */
/*
 * A guest that serves calls, for the rows "call" and "sandbox-life": it adds
 * two numbers out of its memory, puts the sum beside them and knocks at a
 * port.
 */
#ifndef CALL_H
#define CALL_H

#include "small.h"

#define CALL_BOX 0x800

struct call_box {
	uint32_t a, b, sum;
};

/* 0: mov eax, [0x800]; add eax, [0x804]; mov [0x808], eax; out 0xf0, al; jmp 0
 */
static const uint8_t call_code[] = { 0x66, 0xa1, 0x00, 0x08, 0x66, 0x03, 0x06,
	0x04, 0x08, 0x66, 0xa3, 0x08, 0x08, 0xe6, SMALL_PORT, 0xeb, 0xef };

static inline void
call_ours(const struct small_ours *o, uint32_t a, uint32_t b)
{
	volatile struct call_box *box = (void *)(o->mem + CALL_BOX);

	box->a = a;
	box->b = b;
	small_ours_run(o);
	if (box->sum != a + b)
		die("call");
}

static inline void
call_bare(const struct small_bare *bare, uint32_t a, uint32_t b)
{
	volatile struct call_box *box = (void *)(bare->mem + CALL_BOX);

	box->a = a;
	box->b = b;
	small_bare_run(bare);
	if (box->sum != a + b)
		die("call");
}

#endif
