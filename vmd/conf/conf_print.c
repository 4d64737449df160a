/* SPDX-License-Identifier: ISC */
/*
 * A tree as a vm.conf again, with every default spelled out.  Parsing the
 * result gives the same tree, which the tests rely on.
 */
#include "conf/conf.h"

#include <inttypes.h>
#include <string.h>

static void
print_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void
print_owner(FILE *out, const char *indent, const struct conf_owner *owner)
{
	if (owner->uid == CONF_OWNER_SELF && owner->gid == -1)
		return;
	fprintf(out, "%sowner ", indent);
	if (owner->uid != CONF_OWNER_SELF)
		fprintf(out, "%u", (unsigned int)owner->uid);
	if (owner->gid != -1)
		fprintf(out, ":%" PRId64, owner->gid);
	fputc('\n', out);
}

static void
print_path(FILE *out, const char *word, const char *path)
{
	if (path == NULL)
		return;
	fprintf(out, "\t%s ", word);
	print_string(out, path);
	fputc('\n', out);
}

static void
print_nic(FILE *out, const struct conf_nic *nic)
{
	static const char *const types[] = {
		[NIC_AUTO] = "",
		[NIC_TAP] = " tap",
		[NIC_USER] = " user",
	};
	static const uint8_t none[6];
	const uint8_t *m = nic->mac;

	if (nic->ifname[0] != '\0')
		fprintf(out, "\tinterface %s {", nic->ifname);
	else
		fprintf(out, "\tinterface%s {", types[nic->type]);
	if (memcmp(m, none, sizeof(none)) != 0)
		fprintf(out, " lladdr %02x:%02x:%02x:%02x:%02x:%02x,", m[0],
		    m[1], m[2], m[3], m[4], m[5]);
	fprintf(out, " %s }\n", nic->down ? "down" : "up");
}

static void
print_vm(FILE *out, const struct conf_vm *vm)
{
	uint32_t i;

	fprintf(out, "vm \"%s\" {\n\t%s\n", vm->name,
	    vm->disabled ? "disable" : "enable");
	fprintf(out, "\tmemory %" PRIu64 "M\n\tcpus %u\n", vm->memory >> 20,
	    vm->cpus);
	print_path(out, "boot", vm->boot);
	print_path(out, "initrd", vm->initrd);
	print_path(out, "cmdline", vm->cmdline);
	if (vm->boot_disk)
		fputs("\tboot device disk\n", out);
	if (vm->crash_dir != NULL) {
		fputs("\tcrash dump ", out);
		print_string(out, vm->crash_dir);
		fprintf(out, " max %u\n", vm->crash_max);
	}
	for (i = 0; i < vm->ndisks; i++) {
		fputs("\tdisk ", out);
		print_string(out, vm->disks[i].path);
		fprintf(out, "%s\n",
		    vm->disks[i].format == CONF_FORMAT_RAW ? " format raw"
							   : "");
	}
	for (i = 0; i < vm->interfaces; i++)
		print_nic(out, &vm->nics[i]);
	if ((vm->debug & DEBUG_GDB) != 0)
		fprintf(out, "\tdebug { gdb%s }\n",
		    (vm->debug & DEBUG_STOP) != 0 ? " stop" : "");
	if (vm->allow_send)
		fputs("\tallow send\n", out);
	print_owner(out, "\t", &vm->owner);
	fputs("}\n", out);
}

int
conf_print(FILE *out, const struct conf *conf)
{
	const struct conf_vm *vm;

	print_owner(out, "socket ", &conf->socket_owner);
	TAILQ_FOREACH(vm, &conf->vms, entry)
		print_vm(out, vm);
	return ferror(out) ? -1 : 0;
}
