/* SPDX-License-Identifier: ISC */
/*
 * A stub with a client and a host that only note what is asked of them.  A
 * reply is read as gdb does; stops are answered when the test says so.
 */
#ifndef GDB_CLIENT_H
#define GDB_CLIENT_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vmm_gdb.h"

static struct gdb_client {
	struct vm_gdb *gdb;
	char sent[128 * 1024]; /* since the last gdb_ask(), raw */
	size_t len;
	char reply[64 * 1024]; /* the last packet, decoded */
	int stops, resumes, detaches;
	bool at_once; /* a stop is there at once */
} gdb_client;

static inline void
gdb_on_send(void *arg, const void *buf, size_t len)
{
	(void)arg;
	if (len > sizeof(gdb_client.sent) - gdb_client.len)
		gdb_client.len = 0;
	memcpy(gdb_client.sent + gdb_client.len, buf, len);
	gdb_client.len += len;
}

static inline void
gdb_on_stop(void *arg)
{
	(void)arg;
	gdb_client.stops++;
	if (gdb_client.at_once)
		vm_gdb_stopped(gdb_client.gdb);
}

static inline void
gdb_on_resume(void *arg)
{
	(void)arg;
	gdb_client.resumes++;
}

static inline void
gdb_on_detach(void *arg)
{
	(void)arg;
	gdb_client.detaches++;
}

static const struct vm_gdb_host gdb_client_host = { sizeof(gdb_client_host),
	gdb_on_send, gdb_on_stop, gdb_on_resume, gdb_on_detach };

static inline bool
gdb_client_start(struct vm *vm)
{
	memset(&gdb_client, 0, sizeof(gdb_client));
	return vm_gdb_create(vm, &gdb_client_host, NULL, &gdb_client.gdb) == 0;
}

static inline void
gdb_client_stop(void)
{
	vm_gdb_destroy(gdb_client.gdb);
	gdb_client.gdb = NULL;
}

/* The last packet of what was sent; "" if there is none. */
static inline const char *
gdb_reply(void)
{
	const char *s = gdb_client.sent, *end = s + gdb_client.len, *p = NULL;
	char *to = gdb_client.reply;
	int n;

	for (; s < end; s++)
		if (*s == '$')
			p = s + 1;
	for (; p != NULL && p < end && *p != '#'; p++) {
		if (*p == '*' && to > gdb_client.reply) {
			for (n = *++p - 29; n > 0; n--, to++)
				*to = to[-1];
		} else if (*p == '}')
			*to++ = *++p ^ 0x20;
		else
			*to++ = *p;
	}
	*to = '\0';
	return gdb_client.reply;
}

static inline void
gdb_say_bytes(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint8_t sum = 0;
	char tail[8];
	size_t i;

	for (i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	(void)snprintf(tail, sizeof(tail), "#%02x", sum);
	vm_gdb_input(gdb_client.gdb, "$", 1);
	vm_gdb_input(gdb_client.gdb, data, len);
	vm_gdb_input(gdb_client.gdb, tail, 3);
}

/* Sends a packet and returns the reply. */
static inline const char *__attribute__((format(printf, 1, 2)))
gdb_ask(const char *fmt, ...)
{
	static char text[64 * 1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gdb_client.len = 0;
	gdb_say_bytes(text, (size_t)n);
	return gdb_reply();
}

/* What was sent for a stop that comes now. */
static inline const char *
gdb_stopped(void)
{
	gdb_client.len = 0;
	vm_gdb_stopped(gdb_client.gdb);
	return gdb_reply();
}

#endif /* GDB_CLIENT_H */
