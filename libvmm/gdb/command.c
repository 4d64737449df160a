/* SPDX-License-Identifier: ISC */
/*
 * The packets of a client by their first letter: registers, memory,
 * breakpoints, threads.  In the debugger's thread, while all vCPUs stand.
 * A guest that crashed is read and not written.
 */
#include <errno.h>
#include <string.h>

#include "registers.h"
#include "space.h"
#include "server.h"

/* Bytes of memory in one packet: their digits, and what is around them. */
#define MEMORY_MAX (PACKET_MAX / 2 - 64)

bool
command_ok(struct vm_gdb *g)
{
	packet_put(&g->out, "OK");
	return true;
}

bool
command_errno(struct vm_gdb *g, int err)
{
	packet_begin(&g->out);
	packet_printf(&g->out, "E%02x", err & 0xff);
	return true;
}

bool
command_refuse(struct vm_gdb *g, const char *why)
{
	packet_begin(&g->out);
	packet_printf(&g->out, "E.%s", why);
	return true;
}

bool
command_take_thread(
    struct vm_gdb *g, struct packet_text *args, struct vcpu **vcpu)
{
	uint64_t id;

	*vcpu = NULL;
	if (packet_take_text(args, "-1"))
		return true;
	if (!packet_take_u64(args, &id))
		return false;
	*vcpu = id == 0 ? g->thread_last : server_vcpu(g, id - 1);
	return *vcpu != NULL;
}

static bool
command_why(struct vm_gdb *g, struct packet_text *args)
{
	(void)args;
	cause_put(g, g->thread_last, &g->last);
	return true;
}

static bool
command_thread(struct vm_gdb *g, struct packet_text *args)
{
	struct vcpu *vcpu;
	bool registers = packet_take(args, 'g');

	if (!registers && !packet_take(args, 'c'))
		return command_errno(g, EINVAL);
	if (!command_take_thread(g, args, &vcpu))
		return command_errno(g, ESRCH);
	if (!registers)
		g->resumed = vcpu;
	else if (vcpu != NULL)
		g->thread = vcpu;
	return command_ok(g);
}

static bool
command_alive(struct vm_gdb *g, struct packet_text *args)
{
	struct vcpu *vcpu;

	if (!command_take_thread(g, args, &vcpu) || vcpu == NULL)
		return command_errno(g, ESRCH);
	return command_ok(g);
}

/* --- registers -------------------------------------------------------------
 */

static bool
command_read_all(struct vm_gdb *g, struct packet_text *args)
{
	uint8_t value[REGISTERS_WIDEST];
	struct registers r;
	unsigned int n;

	(void)args;
	registers_init(&r, g->thread);
	for (n = 0; n < registers_count; n++) {
		if (registers_get(&r, n, value) == -1)
			return command_errno(g, errno);
		packet_put_hex(&g->out, value, registers_rows[n].bits / 8U);
	}
	return true;
}

static bool
command_write_all(struct vm_gdb *g, struct packet_text *args)
{
	uint8_t value[REGISTERS_WIDEST];
	struct registers r;
	unsigned int n;

	registers_init(&r, g->thread);
	for (n = 0; n < registers_count; n++) {
		if (!packet_take_hex(args, value, registers_rows[n].bits / 8U))
			return command_errno(g, EINVAL);
		if (registers_put(&r, n, value) == -1)
			return command_errno(g, errno);
	}
	if (!packet_at_end(args))
		return command_errno(g, EINVAL);
	if (registers_store(&r) == -1)
		return command_errno(g, errno);
	return command_ok(g);
}

static bool
command_read_one(struct vm_gdb *g, struct packet_text *args)
{
	uint8_t value[REGISTERS_WIDEST];
	struct registers r;
	uint64_t n;

	if (!packet_take_u64(args, &n) || n >= registers_count ||
	    !packet_at_end(args))
		return command_errno(g, EINVAL);
	registers_init(&r, g->thread);
	if (registers_get(&r, (unsigned int)n, value) == -1)
		return command_errno(g, errno);
	packet_put_hex(&g->out, value, registers_rows[n].bits / 8U);
	return true;
}

static bool
command_write_one(struct vm_gdb *g, struct packet_text *args)
{
	uint8_t value[REGISTERS_WIDEST];
	struct registers r;
	uint64_t n;

	if (!packet_take_u64(args, &n) || n >= registers_count ||
	    !packet_take(args, '=') ||
	    !packet_take_hex(args, value, registers_rows[n].bits / 8U) ||
	    !packet_at_end(args))
		return command_errno(g, EINVAL);
	registers_init(&r, g->thread);
	if (registers_put(&r, (unsigned int)n, value) == -1 ||
	    registers_store(&r) == -1)
		return command_errno(g, errno);
	return command_ok(g);
}

/* --- memory ----------------------------------------------------------------
 */

static bool
command_take_range(struct packet_text *args, uint64_t *gla, uint64_t *len)
{
	return packet_take_u64(args, gla) && packet_take(args, ',') &&
	    packet_take_u64(args, len);
}

static bool
command_read_memory(struct vm_gdb *g, struct packet_text *args)
{
	uint8_t bytes[MEMORY_MAX];
	uint64_t gla, len;
	size_t got;

	if (!command_take_range(args, &gla, &len) || !packet_at_end(args))
		return command_errno(g, EINVAL);
	if (len > sizeof(bytes))
		len = sizeof(bytes);
	got = space_read(g->thread, &g->breakpoints, gla, bytes, len);
	if (got == 0 && len > 0)
		return command_errno(g, EFAULT);
	packet_put_hex(&g->out, bytes, got);
	return true;
}

static bool
command_store(struct vm_gdb *g, uint64_t gla, const uint8_t *bytes, size_t len)
{
	if (space_write(g->thread, &g->breakpoints, bytes, gla, len) == -1)
		return command_errno(g, errno);
	return command_ok(g);
}

static bool
command_write_memory(struct vm_gdb *g, struct packet_text *args)
{
	uint8_t bytes[MEMORY_MAX];
	uint64_t gla, len;

	if (!command_take_range(args, &gla, &len) || !packet_take(args, ':') ||
	    len > sizeof(bytes) || !packet_take_hex(args, bytes, len) ||
	    !packet_at_end(args))
		return command_errno(g, EINVAL);
	return command_store(g, gla, bytes, len);
}

static bool
command_write_binary(struct vm_gdb *g, struct packet_text *args)
{
	uint64_t gla, len;

	if (!command_take_range(args, &gla, &len) || !packet_take(args, ':') ||
	    len != (uint64_t)(args->end - args->at))
		return command_errno(g, EINVAL);
	return command_store(g, gla, (const uint8_t *)args->at, len);
}

/* --- breakpoints -----------------------------------------------------------
 */

/* With the tables of the thread, else of the first vCPU that has it. */
static int
command_find_code(struct vm_gdb *g, uint64_t gla, uint64_t *gpa)
{
	struct vm_fault fault;
	struct vcpu *vcpu;
	uint64_t id;

	if (space_translate(g->thread, gla, gpa, &fault) == 0)
		return 0;
	for (id = 0; (vcpu = server_next_vcpu(g, id)) != NULL;
	     id = vcpu_id(vcpu) + 1ULL)
		if (space_translate(vcpu, gla, gpa, &fault) == 0)
			return 0;
	errno = EFAULT;
	return -1;
}

static bool
command_take_point(struct packet_text *args, enum breakpoint_type *type,
    uint64_t *gla, uint64_t *len)
{
	uint64_t n;

	if (!packet_take_u64(args, &n) || n >= BREAKPOINT_TYPES ||
	    !packet_take(args, ',') || !command_take_range(args, gla, len))
		return false;
	*type = (enum breakpoint_type)n;
	return packet_at_end(args) || *args->at == ';';
}

static bool
command_insert(struct vm_gdb *g, struct packet_text *args)
{
	enum breakpoint_type type;
	uint64_t gla, gpa, len;
	int rc;

	if (!command_take_point(args, &type, &gla, &len))
		return command_errno(g, EINVAL);
	if (type != BREAKPOINT_SOFTWARE)
		rc = breakpoint_watch(&g->breakpoints, type, gla, len);
	else if ((rc = command_find_code(g, gla, &gpa)) == 0)
		rc = breakpoint_insert(&g->breakpoints, gla, gpa);
	if (rc == -1)
		return command_errno(g, errno);
	return command_ok(g);
}

/* What is not there is removed. */
static bool
command_remove(struct vm_gdb *g, struct packet_text *args)
{
	enum breakpoint_type type;
	uint64_t gla, len;

	if (!command_take_point(args, &type, &gla, &len))
		return command_errno(g, EINVAL);
	if (type != BREAKPOINT_SOFTWARE)
		(void)breakpoint_unwatch(&g->breakpoints, type, gla, len);
	else
		(void)breakpoint_remove(&g->breakpoints, gla);
	return command_ok(g);
}

/* --- the end ---------------------------------------------------------------
 */

static bool
command_detach(struct vm_gdb *g, struct packet_text *args)
{
	(void)args;
	command_ok(g);
	server_reply(g);
	server_release(g);
	return false;
}

/* A debugger may look into a guest; who may end it is not its business. */
static bool
command_k(struct vm_gdb *g, struct packet_text *args)
{
	(void)args;
	server_release(g);
	return false;
}

bool
command_kill(struct vm_gdb *g, struct packet_text *args)
{
	return command_detach(g, args);
}

/* --- dispatch --------------------------------------------------------------
 */

static const struct command_row {
	command_fn *run;
	bool changes; /* the guest: refused after a crash */
} command_rows[128] = {
	['?'] = { command_why, false },
	['D'] = { command_detach, false },
	['G'] = { command_write_all, true },
	['H'] = { command_thread, false },
	['M'] = { command_write_memory, true },
	['P'] = { command_write_one, true },
	['Q'] = { query_run, false },
	['T'] = { command_alive, false },
	['X'] = { command_write_binary, true },
	['Z'] = { command_insert, true },
	['C'] = { resume_continue, true },
	['S'] = { resume_step, true },
	['c'] = { resume_continue, true },
	['g'] = { command_read_all, false },
	['k'] = { command_k, false },
	['m'] = { command_read_memory, false },
	['p'] = { command_read_one, false },
	['q'] = { query_run, false },
	['s'] = { resume_step, true },
	['v'] = { query_run, false },
	['z'] = { command_remove, false },
};

void
command_run(struct vm_gdb *g)
{
	struct packet_text args = { g->in.buf, g->in.buf + g->in.len };
	const struct command_row *row = NULL;
	unsigned char letter = (unsigned char)g->in.buf[0];
	bool reply = true;

	packet_begin(&g->out);
	if (g->in.len > 0 &&
	    letter < sizeof(command_rows) / sizeof(command_rows[0]))
		row = &command_rows[letter];
	if (row != NULL && row->run != NULL) {
		/* Names have their first letter. */
		if (row->run != query_run)
			args.at++;
		if (row->changes && g->crashed)
			command_refuse(g,
			    "the guest crashed; it can be read, not changed");
		else
			reply = row->run(g, &args);
	}
	/* An empty reply: there is no such packet. */
	if (reply)
		server_reply(g);
}
