/* SPDX-License-Identifier: ISC */
/*
 * Whether a guest that knows one CPUID can live with another.  Pure functions.
 */
#ifndef CPUID_CHECK_H
#define CPUID_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "cpuid.h"

/* Whether set answers already where leaf would. */
bool cpuid_clashes(const struct cpuid_set *set, const struct cpuid_leaf *leaf);

/*
 * Writes into missing (size bytes, with its end) what guest tells of and host
 * does not have; returns how many things those are, named or no more.
 */
unsigned int cpuid_check(struct cpuid_set *host, struct cpuid_set *guest,
    char *missing, size_t size);

#endif /* CPUID_CHECK_H */
