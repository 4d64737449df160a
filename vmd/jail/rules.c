/* SPDX-License-Identifier: ISC */
/*
 * Which rows of the tables the filter of a role holds.  Pure; runs anywhere.
 */
#include "jail/table.h"

const struct jail_rules *const jail_rules[] = {
	&jail_rules_base,
	&jail_rules_proc,
	&jail_rules_file,
	&jail_rules_net,
	&jail_rules_kvm,
	NULL,
};

bool
jail_row_applies(const struct jail_row *row, enum role role,
    enum jail_phase phase, bool *inherited)
{
	*inherited = false;
	if ((row->roles & ROLE_BIT(role)) && row->phase >= phase)
		return true;
	/* What a child needs at any time, its spawner's filter must let by. */
	*inherited = true;
	return (row->roles & jail_descendants(role)) && !row->leaf;
}
