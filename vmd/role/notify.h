/* SPDX-License-Identifier: ISC */
/*
 * Tells the service manager that started the daemon how it is, by the protocol
 * of sd_notify(3): a datagram of lines to the socket that $NOTIFY_SOCKET names.
 * Without that variable nothing is done.  Runs in the parent.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

/*
 * Connects, while files may still be opened.  The variable is removed: it is
 * not for the daemon's children.  Returns owned, or -1: nobody is to be told,
 * or cannot be, which is logged.
 */
int notify_open(void);
/* The socket is served, vm.conf is read.  Nothing is done for fd -1. */
void notify_ready(int fd);
/* The daemon ends: its VMs are being stopped. */
void notify_stopping(int fd);

#endif /* NOTIFY_H */
