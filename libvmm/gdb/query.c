/* SPDX-License-Identifier: ISC */
/*
 * Packets with a name: what the server offers, the list of threads, the target
 * description, the way to resume.  In the debugger's thread, while all vCPUs
 * stand.
 */
#include <errno.h>
#include <string.h>

#include "server.h"

static bool
query_supported(struct vm_gdb *g, struct packet_text *args)
{
	while (!packet_at_end(args)) {
		struct packet_text feature = packet_take_until(args, ';');

		if (packet_take_text(&feature, "swbreak+"))
			g->says_swbreak = true;
		else if (packet_take_text(&feature, "hwbreak+"))
			g->says_hwbreak = true;
	}
	packet_printf(&g->out,
	    "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;"
	    "vContSupported+;swbreak+;hwbreak+",
	    PACKET_MAX);
	return true;
}

static bool
query_no_ack(struct vm_gdb *g, struct packet_text *args)
{
	(void)args;
	g->no_ack = true;
	return command_ok(g);
}

static bool
query_target(struct vm_gdb *g, struct packet_text *args)
{
	uint64_t offset, len;
	size_t left, done;

	if (!packet_take_text(args, "features:read:target.xml:") ||
	    !packet_take_u64(args, &offset) || !packet_take(args, ',') ||
	    !packet_take_u64(args, &len) || !packet_at_end(args))
		return command_errno(g, EINVAL);
	if (offset > g->target_len)
		return command_errno(g, EINVAL);
	left = g->target_len - (size_t)offset;
	if (len > left)
		len = left;
	packet_put(&g->out, "m");
	done = packet_put_binary(&g->out, g->target + offset, (size_t)len);
	if (done == left)
		g->out.buf[0] = 'l';
	return true;
}

/* All fit into one packet: 64 numbers of at most two digits. */
static bool
query_threads(struct vm_gdb *g, struct packet_text *args)
{
	struct vcpu *vcpu;
	uint64_t id;

	(void)args;
	for (id = 0; (vcpu = server_next_vcpu(g, id)) != NULL;
	     id = vcpu_id(vcpu) + 1ULL)
		packet_printf(&g->out, "%c%x", g->out.len == 0 ? 'm' : ',',
		    vcpu_id(vcpu) + 1);
	return true;
}

static bool
query_no_more_threads(struct vm_gdb *g, struct packet_text *args)
{
	(void)args;
	packet_put(&g->out, "l");
	return true;
}

static bool
query_thread_info(struct vm_gdb *g, struct packet_text *args)
{
	struct packet_out text;
	struct vcpu *vcpu;

	if (!command_take_thread(g, args, &vcpu) || vcpu == NULL)
		return command_errno(g, ESRCH);
	packet_begin(&text);
	packet_printf(&text, "vCPU %u, %s", vcpu_id(vcpu), monitor_mode(vcpu));
	packet_put_hex(&g->out, text.buf, text.len);
	return true;
}

static bool
query_current(struct vm_gdb *g, struct packet_text *args)
{
	(void)args;
	packet_printf(&g->out, "QC%x", vcpu_id(g->thread) + 1);
	return true;
}

/* The guest was there before the client, and stays when that goes. */
static bool
query_attached(struct vm_gdb *g, struct packet_text *args)
{
	(void)args;
	packet_put(&g->out, "1");
	return true;
}

static bool
query_symbol(struct vm_gdb *g, struct packet_text *args)
{
	(void)args;
	return command_ok(g);
}

/* Behind the name comes the end, or one of the characters of ends. */
static const struct query_row {
	const char *name;
	command_fn *run;
} query_rows[] = {
	{ "qSupported", query_supported },
	{ "QStartNoAckMode", query_no_ack },
	{ "qXfer", query_target },
	{ "qfThreadInfo", query_threads },
	{ "qsThreadInfo", query_no_more_threads },
	{ "qThreadExtraInfo", query_thread_info },
	{ "qC", query_current },
	{ "qAttached", query_attached },
	{ "qSymbol", query_symbol },
	{ "qRcmd", monitor_run },
	{ "vCont?", resume_vcont_actions },
	{ "vCont", resume_vcont },
	{ "vKill", command_kill },
};

bool
query_run(struct vm_gdb *g, struct packet_text *args)
{
	const struct query_row *row;
	size_t i;

	for (i = 0; i < sizeof(query_rows) / sizeof(query_rows[0]); i++) {
		struct packet_text rest = *args;

		row = &query_rows[i];
		if (!packet_take_text(&rest, row->name))
			continue;
		if (packet_at_end(&rest) || packet_take(&rest, ':') ||
		    packet_take(&rest, ',') || packet_take(&rest, ';'))
			return row->run(g, &rest);
	}
	return true;
}
