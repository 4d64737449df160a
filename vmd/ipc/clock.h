/* SPDX-License-Identifier: ISC */
/*
 * The time that only goes forward, which nobody sets: for how long something
 * took, and how long it may take.  Any thread.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

int64_t clock_ns(void);
int64_t clock_us(void);
int64_t clock_ms(void);

#endif /* CLOCK_H */
