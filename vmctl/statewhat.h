/* SPDX-License-Identifier: ISC */
/*
 * What the short sections of a state stream say of a machine, in a few words:
 * numbers at fixed places, by a table.
 */
#ifndef STATEWHAT_H
#define STATEWHAT_H

#include <jansson.h>

#include "image/state_read.h"

/*
 * Prints it on stdout, the rest of a line and perhaps more lines, indented by
 * so many columns.
 */
void statewhat_print(const struct state_section *, int indent);
/* The same as an object, owned; NULL: there is nothing to say. */
json_t *statewhat_json(const struct state_section *);

#endif /* STATEWHAT_H */
