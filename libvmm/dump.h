/* SPDX-License-Identifier: ISC */
/*
 * The parts of a dump: where its bytes go, the notes, and what dump.c makes of
 * them.
 */
#ifndef DUMP_H
#define DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vcpu;
struct vm;
struct vm_dump_params;

#define DUMP_PAGE 4096ULL

/* --- where the bytes go (dump_out.c) ------------------------------------- */

struct dump_out {
	int fd;
	bool file; /* written by position; holes are left out */
	uint64_t at; /* where the next byte belongs */
};

/* Borrows fd.  A file is empty afterwards. */
int dump_out_init(struct dump_out *out, int fd);

/* All of buf; after an error at says how far it came. */
int dump_out_write(struct dump_out *out, const void *buf, size_t len);

/* len bytes of zeroes: a hole, or written. */
int dump_out_zero(struct dump_out *out, uint64_t len);

/* A file ends where at is, and be it with a hole. */
int dump_out_finish(struct dump_out *out);

/* --- notes (dump_note.c) ------------------------------------------------- */

struct dump_notes {
	uint8_t *bytes; /* owned: malloc */
	size_t len;
	size_t room;
};

/*
 * The notes of all open vCPUs of vm in the order of their numbers, then the
 * guest's (params may be NULL); all registers are read here.  notes is zeroed
 * by the caller, who frees bytes in every case.
 */
int dump_notes_make(struct dump_notes *notes, struct vm *vm,
    const struct vm_dump_params *params);

#endif /* DUMP_H */
