/* SPDX-License-Identifier: ISC */
/*
 * A server with a client and a host that only note what is asked of them.  A
 * reply is read as gdb does; stops are answered when the test says so.
 */
#ifndef GDB_CLIENT_H
#define GDB_CLIENT_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "fake_vmm.h"
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

/* A server whose client has attached and whose guest stands. */
static inline bool
gdb_begin(void)
{
	if (!fake_vmm_start() || !gdb_client_start(fake_vmm.vm) ||
	    vm_gdb_attach(gdb_client.gdb) == -1)
		return false;
	vm_gdb_stopped(gdb_client.gdb);
	return gdb_client.stops == 1;
}

static inline void
gdb_end(void)
{
	gdb_client_stop();
	fake_vmm_stop();
}

static inline bool
gdb_is_error(const char *reply, int err)
{
	char want[8];

	(void)snprintf(want, sizeof(want), "E%02x", err);
	return strcmp(reply, want) == 0;
}

static inline bool
gdb_starts(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* The guest runs; a debug exit of a vCPU. */
static inline bool
gdb_exits(unsigned int cpu, uint32_t exception, uint64_t pc, uint64_t dr6)
{
	struct vm_exit e = { .reason = VM_EXIT_DEBUG };

	e.u.debug.exception = exception;
	e.u.debug.pc = pc;
	e.u.debug.dr6 = dr6;
	return vm_gdb_exit(gdb_client.gdb, fake_vmm.vcpu[cpu], &e);
}

static inline unsigned int
gdb_running(void)
{
	unsigned int i, mask = 0;

	for (i = 0; i < FAKE_CPUS; i++)
		if (vm_gdb_may_run(gdb_client.gdb, fake_vmm.vcpu[i]))
			mask |= 1U << i;
	return mask;
}

#endif /* GDB_CLIENT_H */
