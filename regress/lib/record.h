/* SPDX-License-Identifier: ISC */
/*
 * What a guest that is moved writes to its disk, a sector at a time, and
 * recordcheck reads there: step N is sector N + 1.
 *
 * Each record has the checksum of the one before and a time of its own, so two
 * guests that write to the same disk cannot make one history: a record of the
 * other does not follow from what is before it.  And who finds that a sector
 * has been written that is its own next one says so in sector 0.
 *
 * For guests without a library as well.
 */
#ifndef RECORD_H
#define RECORD_H

#define RECORD_MAGIC 0x70657473U /* "step" */
#define RECORD_CLASH 0x68736c63U /* "clsh", in sector 0 */
#define RECORD_WORDS 128
#define RECORD_SIZE 512
#define RECORD_FILL 116

struct record {
	unsigned int magic;
	unsigned int step; /* from 0 */
	unsigned int time[2]; /* low, high; never goes back */
	unsigned int ticks[2]; /* of two timers, if the guest has them */
	unsigned int flaws; /* what the guest found wrong with itself */
	unsigned int last; /* sum of the record before; 0 in the first */
	unsigned int spare[3];
	unsigned int fill[RECORD_FILL]; /* record_word() */
	unsigned int sum; /* record_sum() */
};

static inline unsigned int
record_word(unsigned int step, unsigned int i)
{
	return (step * 2654435761U) ^ (i * 0x01010101U);
}

/* FNV-1a by words, of all but the sum itself. */
static inline unsigned int
record_sum(const struct record *r)
{
	const unsigned int *word = (const unsigned int *)r;
	unsigned int sum = 2166136261U;

	for (unsigned int i = 0; i < RECORD_WORDS - 1; i++)
		sum = (sum ^ word[i]) * 16777619U;
	return sum;
}

/* Step, time, ticks and flaws are there. */
static inline void
record_seal(struct record *r, unsigned int last)
{
	r->magic = RECORD_MAGIC;
	r->last = last;
	for (unsigned int i = 0; i < RECORD_FILL; i++)
		r->fill[i] = record_word(r->step, i);
	r->sum = record_sum(r);
}

#endif /* RECORD_H */
