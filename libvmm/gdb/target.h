/* SPDX-License-Identifier: ISC */
/* The target description: which registers there are, in XML. */
#ifndef TARGET_H
#define TARGET_H

#include <stddef.h>

/* Returns owned text of *len bytes, or NULL with errno. */
char *target_describe(size_t *len);

#endif /* TARGET_H */
