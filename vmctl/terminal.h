/* SPDX-License-Identifier: ISC */
/*
 * The user's own terminal: raw while a console is open, and as it was before
 * however the program ends.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

/*
 * Makes fd raw and arranges for it to be restored at exit and by any signal
 * that ends or stops the program.  Once per program.  0, or -1 with errno;
 * ENOTTY: fd is no terminal, and nothing was done.
 */
int terminal_raw(int fd);
/* Restores it now; harmless when there is nothing to restore. */
void terminal_restore(void);

#endif /* TERMINAL_H */
