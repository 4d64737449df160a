/* SPDX-License-Identifier: ISC */
/*
 * The connection of the user's terminal, or of a pair of pipes, with the
 * console of a VM.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

/*
 * Copies stdin to the console tty and its output to stdout until the user
 * leaves or the VM ends.  The end of stdin alone ends nothing.  One at a time
 * may use a console.  Returns the exit status, having said what went wrong.
 */
int console_attach(const char *tty);

#endif /* CONSOLE_H */
