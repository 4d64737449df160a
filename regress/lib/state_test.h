/* SPDX-License-Identifier: ISC */
/*
 * What every chip's saved state must stand: a second save that is the same, and
 * bytes that are cut off or changed.  A chip is given by what saves and loads
 * it; what a refused load leaves behind is told by saving again.
 */
#ifndef STATE_TEST_H
#define STATE_TEST_H

#include <errno.h>
#include <string.h>

#include "check.h"
#include "pci/state.h"

#define STATE_TEST_SIZE 131072

struct state_bytes {
	uint8_t bytes[STATE_TEST_SIZE];
	size_t len;
};

typedef int (*state_function)(void *, struct state_buf *);

/* A function of a chip as one of any object. */
#define STATE_TEST_FUNCTIONS(chip)                                   \
	static int any_##chip##_save(void *o, struct state_buf *buf) \
	{                                                            \
		return chip##_save(o, buf);                          \
	}                                                            \
	static int any_##chip##_load(void *o, struct state_buf *buf) \
	{                                                            \
		return chip##_load(o, buf);                          \
	}

struct state_chip {
	void *object;
	state_function save, load;
};
#define STATE_CHIP(chip, object_)                               \
	&(const struct state_chip)                              \
	{                                                       \
		(object_), any_##chip##_save, any_##chip##_load \
	}

static inline bool
state_take(const struct state_chip *chip, struct state_bytes *to)
{
	struct state_buf buf = { .bytes = to->bytes,
		.size = sizeof(to->bytes) };

	if (chip->save(chip->object, &buf) == -1)
		return false;
	to->len = buf.at;
	return true;
}

/* Loads len bytes; 0, or the errno. */
static inline int
state_give(const struct state_chip *chip, struct state_bytes *from, size_t len,
    bool check)
{
	struct state_buf buf = {
		.bytes = from->bytes, .size = len, .check = check
	};

	errno = 0;
	if (chip->load(chip->object, &buf) == 0)
		return buf.at == len ? 0 : EMSGSIZE;
	if (errno == EINVAL || errno == EPROTONOSUPPORT)
		CHECK(buf.table != NULL && buf.field != NULL);
	return errno;
}

/* The chip saves itself as these bytes. */
static inline bool
state_is(const struct state_chip *chip, const struct state_bytes *want)
{
	static struct state_bytes is;

	return state_take(chip, &is) && is.len == want->len &&
	    memcmp(is.bytes, want->bytes, is.len) == 0;
}

/*
 * Every shorter state, every version but this one and every single bit turned
 * is refused without a trace, or accepted; a look alone never leaves one.
 * Returns how many turned bits were refused.
 */
static inline unsigned int
state_hostile(const struct state_chip *chip, struct state_bytes *good)
{
	static struct state_bytes before, bad;
	unsigned int refused = 0;

	if (!CHECK(state_take(chip, &before)))
		return 0;
	for (size_t len = 0; len < good->len; len++)
		CHECK(state_give(chip, good, len, false) != 0);
	CHECK(state_is(chip, &before));
	bad = *good;
	bad.bytes[0] = bad.bytes[1] = 0;
	CHECK_EQ(state_give(chip, &bad, bad.len, false), EPROTONOSUPPORT);
	bad.bytes[1] = 1;
	CHECK_EQ(state_give(chip, &bad, bad.len, false), EPROTONOSUPPORT);
	CHECK(state_is(chip, &before));
	for (size_t bit = 16; bit < 8 * good->len; bit++) {
		bad = *good;
		bad.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (state_give(chip, &bad, bad.len, true) == 0)
			continue;
		refused++;
		CHECK(state_give(chip, &bad, bad.len, false) != 0);
		if (!CHECK(state_is(chip, &before)))
			break;
	}
	CHECK_EQ(state_give(chip, good, good->len, true), 0);
	CHECK(state_is(chip, &before));
	return refused;
}

/* Sets a number of the state to a value and expects that to be refused. */
static inline void
state_refuses(const struct state_chip *chip, const struct state_bytes *good,
    size_t at, unsigned int width, uint64_t value)
{
	static struct state_bytes bad, before;

	bad = *good;
	memcpy(bad.bytes + at, &value, width);
	CHECK(state_take(chip, &before));
	CHECK_EQ(state_give(chip, &bad, bad.len, true), EINVAL);
	CHECK_EQ(state_give(chip, &bad, bad.len, false), EINVAL);
	CHECK(state_is(chip, &before));
}

#endif /* STATE_TEST_H */
