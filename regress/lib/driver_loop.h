/* SPDX-License-Identifier: ISC */
/* The loop of the one device that a test drives at a time. */
#ifndef DRIVER_LOOP_H
#define DRIVER_LOOP_H

#include "dev/loop.h"

static struct loop *loop;

#endif /* DRIVER_LOOP_H */
