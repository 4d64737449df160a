/* SPDX-License-Identifier: ISC */
/*
 * Whether pages are zero, as fast as the CPU can tell.
 */
#ifndef STATE_PAGE_H
#define STATE_PAGE_H

#include <stdbool.h>

/* Whether STATE_PAGE bytes, aligned to 64, are zero.  Others may write there:
 * the answer is then one that was right for each byte at some time. */
bool state_page_is_zero(const void *page);

#endif /* STATE_PAGE_H */
