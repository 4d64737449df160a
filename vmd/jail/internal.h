/* SPDX-License-Identifier: ISC */
/*
 * The steps of jail_enter(), one per file.  Each returns 0 or -1 with errno
 * and is called in the process that is to be jailed, before it has threads.
 */
#ifndef JAIL_INTERNAL_H
#define JAIL_INTERNAL_H

#include "jail/jail.h"
#include "jail/table.h"

/*
 * Builds and loads the filter of a role.  self is the process id that
 * ARG_SELF stands for.  PHASE_RUN reaches all threads.
 */
int filter_load(
    enum role role, enum jail_phase phase, pid_t self, unsigned int flags);

/* Writes the same filter as struct sock_filter into a file (borrowed). */
int filter_export(enum role role, enum jail_phase phase, pid_t self, int fd);

/* Applies the Landlock rules of a role; a host without it is reported. */
int landlock_enter(enum role role, const struct jail_params *params,
    struct jail_report *report);

/*
 * Empties the bounding set but for `keep`.  Does nothing without CAP_SETPCAP:
 * no_new_privs makes up for it.
 */
void caps_bound(uint64_t keep);
/* Reduces the other capability sets to `keep`, as far as the process has it. */
int caps_reduce(uint64_t keep);
/* Sets capabilities so that `mask` (where permitted) survives the exec. */
int caps_pass(uint64_t mask);
/* Whether the capability is in the effective set. */
bool caps_has(int capability);

/* Marks a part as missing. */
void report_missing(struct jail_report *report, enum jail_part part, int error);
/* Whether this errno means that the host forbids or lacks the thing. */
bool report_is_host_limit(int error);

/* The environment variable of jail_spawn(), written and read by env.c. */
#define JAIL_ENV "VMD_JAIL"
#define JAIL_ENV_MAX 256
void jail_env_format(char *buf, size_t size, const struct jail_params *params);

#endif /* JAIL_INTERNAL_H */
