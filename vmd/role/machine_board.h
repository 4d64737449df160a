/* SPDX-License-Identifier: ISC */
/*
 * A board's state between board_save() and a section's payload.
 */
#ifndef MACHINE_BOARD_H
#define MACHINE_BOARD_H

#include <stddef.h>
#include <stdint.h>

#define MACHINE_BOARD_ERROR 128

struct board;

/* Both with the machine lock.  The length, or 0 with why. */
size_t machine_board_save(
    struct board *, uint8_t *bytes, size_t room, char why[MACHINE_BOARD_ERROR]);
/* 0, or -1 with errno and why. */
int machine_board_load(
    struct board *, uint8_t *bytes, size_t len, char why[MACHINE_BOARD_ERROR]);

#endif /* MACHINE_BOARD_H */
