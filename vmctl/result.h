/* SPDX-License-Identifier: ISC */
/*
 * What a RESULT says, as a sentence for the user.
 */
#ifndef RESULT_H
#define RESULT_H

#include "reply.h"

/*
 * The sentence of an error: its file, its text, the daemon's detail and the
 * system's reason, as far as there are any.  path is what the user called the
 * file the error is about, NULL when it came from elsewhere.  Returns owned.
 */
char *result_sentence(const struct reply *reply, const char *path);

/* The usual end of a command: 0 when the daemon did it; else says "WHAT
 * failed: sentence" on stderr and returns 1. */
int result_status(const struct reply *reply, const char *what);

#endif /* RESULT_H */
