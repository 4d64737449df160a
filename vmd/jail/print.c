/* SPDX-License-Identifier: ISC */
/*
 * The tables as text, one fact per line: what an administrator reads to see
 * what a role may do, and why.  Pure but for the stream.
 */
#include "jail/internal.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>

static const struct {
	int flag;
	const char *name;
} namespace_names[] = {
	{ CLONE_NEWPID, "process" },
	{ CLONE_NEWNS, "mount" },
	{ CLONE_NEWIPC, "ipc" },
	{ CLONE_NEWUTS, "uts" },
	{ CLONE_NEWNET, "network" },
};

static const char *const phase_names[] = {
	[PHASE_START] = "start",
	[PHASE_SETUP] = "setup",
	[PHASE_RUN] = "run",
};

static void
print_args(FILE *out, const struct jail_row *row, bool inherited)
{
	for (int i = 0; i < JAIL_ARGS; i++) {
		const struct jail_arg *arg = &row->args[i];

		if (!arg->used || (arg->self && inherited))
			continue;
		fprintf(out, " arg%d", arg->index);
		if (arg->mask != UINT64_MAX && arg->mask != UINT32_MAX)
			fprintf(out, "&0x%" PRIx64, arg->mask);
		if (arg->self)
			fprintf(out, "=self");
		else
			fprintf(out, "=0x%" PRIx64, arg->value);
	}
}

static void
print_row(FILE *out, enum role role, const struct jail_row *row)
{
	bool inherited;

	if (!jail_row_applies(row, role, PHASE_SETUP, &inherited))
		return;
	fprintf(out, "%s: call %s%s", role_name(role), row->name,
	    row->error != 0 ? " fails" : "");
	print_args(out, row, inherited);
	fprintf(out, " [%s] %s\n",
	    inherited ? "children" : phase_names[row->phase], row->reason);
}

static void
print_role(FILE *out, enum role role)
{
	const struct jail_role *facts = &jail_roles[role];

	fprintf(out, "%s: namespaces", role_name(role));
	for (size_t i = 0;
	     i < sizeof(namespace_names) / sizeof(namespace_names[0]); i++)
		if (facts->namespaces & namespace_names[i].flag)
			fprintf(out, " %s", namespace_names[i].name);
	fprintf(out, "%s\n", facts->namespaces == 0 ? " none" : "");
	fprintf(out, "%s: root %s\n", role_name(role),
	    facts->empty_root ? "empty" : "the host's");
	fprintf(out, "%s: capabilities 0x%" PRIx64 "\n", role_name(role),
	    facts->caps);
}

void
jail_print(FILE *out, enum role role)
{
	uint32_t bit = ROLE_BIT(role);

	print_role(out, role);
	for (size_t i = 0; i < jail_limits_count; i++)
		if (jail_limits[i].roles & bit)
			fprintf(out, "%s: limit %s %llu %s\n", role_name(role),
			    jail_limits[i].name,
			    (unsigned long long)jail_limits[i].value,
			    jail_limits[i].reason);
	for (size_t i = 0; i < jail_paths_count; i++)
		if (jail_paths[i].roles & bit)
			fprintf(out, "%s: path %s 0x%" PRIx64 " %s\n",
			    role_name(role), jail_paths[i].path,
			    jail_paths[i].access, jail_paths[i].reason);
	for (int i = 0; jail_rules[i] != NULL; i++)
		for (size_t j = 0; j < jail_rules[i]->count; j++)
			print_row(out, role, &jail_rules[i]->rows[j]);
}
