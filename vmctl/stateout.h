/* SPDX-License-Identifier: ISC */
/*
 * The sections of a state stream on stdout, as a table for people or as JSON
 * for programs, each as soon as it is known.
 */
#ifndef STATEOUT_H
#define STATEOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "image/state_config.h"
#include "image/state_memory.h"
#include "image/state_read.h"

struct stateout {
	bool json;
	uint64_t sections; /* printed so far */
	uint64_t pages; /* of guest memory in them */
};

void stateout_begin(struct stateout *);
/* A section of the type in the name, decoded, or of any other. */
void stateout_config(struct stateout *, const struct state_section *,
    const struct state_config *);
void stateout_memory(struct stateout *, const struct state_section *,
    const struct state_memory *);
void stateout_other(struct stateout *, const struct state_section *);
/* error: what is wrong with the stream, or NULL. */
void stateout_end(struct stateout *, uint64_t bytes, const char *error);

#endif /* STATEOUT_H */
