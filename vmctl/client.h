/* SPDX-License-Identifier: ISC */
/*
 * The connection to the daemon.  Every function that fails has already said
 * why on stderr: a command only has to return.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imsg.h"
#include "reply.h"

struct client {
	int fd;
	bool verbose; /* each message is traced on stderr */
	struct imsgbuf ibuf;
};

/*
 * The socket to use: the one given, or $VMD_SOCKET, or the default of this
 * user.  Writes at most len bytes; 0, or -1 with errno ENAMETOOLONG.
 */
int client_path(const char *given, char *path, size_t len);

/* Connects to path; 0 or -1. */
int client_open(struct client *client, const char *path, bool verbose);
/* May be called twice. */
void client_close(struct client *client);

/*
 * Sends one message.  fd is taken in every case, -1 is none.  A daemon that
 * has closed its end is no error yet: the answer it left is still to be read.
 * 0 or -1.
 */
int client_send(
    struct client *client, uint32_t type, int fd, const void *data, size_t len);
/* Waits for the next answer, as long as it takes.  0 or -1. */
int client_recv(struct client *client, struct reply *reply);
/* client_recv() of a RESULT; any other message is an error. */
int client_result(struct client *client, struct reply *reply);

#endif /* CLIENT_H */
