/* SPDX-License-Identifier: ISC */
/*
 * What the grammar finds between the braces of a vm, but for the options with
 * a row in conf_option.c.  Arrays of the VM are bounded here, each before it
 * is written.
 */
#include "conf/conf_parser.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void
conf_vm_begin(struct conf_parser *p, char *name)
{
	conf_vm_free(p->vm);
	p->vm = conf_xalloc(sizeof(*p->vm));
	p->vm->file = conf_xstrdup(conf_source_file(p)->name);
	p->vm->line = p->line;
	p->vm->owner = (struct conf_owner) { CONF_OWNER_SELF, -1 };
	p->vm_errors = p->errors;
	conf_option_defaults(p->vm);
	if (conf_check_vm_name(p, name))
		memcpy(p->vm->name, name, strlen(name) + 1);
	free(name);
}

void
conf_vm_end(struct conf_parser *p)
{
	struct conf_vm *vm = p->vm;

	p->vm = NULL;
	/* Half a VM is not looked at as a whole: what is wrong was said. */
	if (p->errors != p->vm_errors || !conf_check_vm(p, vm))
		conf_vm_free(vm);
	else if (conf_find(p->conf, vm->name) != NULL) {
		conf_report(p, CONF_WARNING, vm->file, vm->line,
		    "vm \"%s\" already defined, skipped", vm->name);
		conf_vm_free(vm);
	} else if (p->conf->nvms == CONF_VMS_MAX) {
		conf_error(p, "too many vms");
		conf_vm_free(vm);
	} else {
		TAILQ_INSERT_TAIL(&p->conf->vms, vm, entry);
		p->conf->nvms++;
	}
}

/* --- disks ----------------------------------------------------------- */

static bool
conf_vm_format(
    struct conf_parser *p, const char *word, enum conf_format *format)
{
	if (word == NULL)
		*format = CONF_FORMAT_DETECT;
	else if (strcmp(word, "raw") == 0)
		*format = CONF_FORMAT_RAW;
	else if (strcmp(word, "qcow2") == 0) {
		conf_error(p,
		    "disk format qcow2 is not supported in this version, "
		    "which has raw only");
		return false;
	} else {
		conf_error(p, "unrecognized disk format %s", word);
		return false;
	}
	return true;
}

void
conf_vm_disk(struct conf_parser *p, char *path, char *format)
{
	struct conf_vm *vm = p->vm;
	struct conf_disk disk = { 0 };

	if (vm->ndisks == VMD_DISKS_MAX)
		conf_error(p, "too many disks");
	else if (conf_vm_format(p, format, &disk.format) &&
	    (disk.path = conf_check_path(p, "disk", path, true)) != NULL) {
		if (conf_check_format(p, &disk))
			vm->disks[vm->ndisks++] = disk;
		else
			free(disk.path);
	}
	free(path);
	free(format);
}

/* --- crash dumps ------------------------------------------------------ */

static bool
conf_vm_crash_number(struct conf_parser *p, const char *text, uint32_t *max)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long number = digits < 6 ? strtoul(text, NULL, 10) : 0;

	if (digits == 0 || text[digits] != '\0' || number < 1 ||
	    number > CONF_CRASH_MAX) {
		conf_error(
		    p, "crash dump: max must be 1 to %d", CONF_CRASH_MAX);
		return false;
	}
	*max = (uint32_t)number;
	return true;
}

char *
conf_vm_crash_max(struct conf_parser *p, char *word, char *number)
{
	if (strcmp(word, "max") != 0) {
		conf_error(p, "crash dump: '%s' is not max", word);
		free(number);
		number = NULL;
	}
	free(word);
	return number;
}

void
conf_vm_crash(struct conf_parser *p, char *word, char *dir, char *max)
{
	struct conf_vm *vm = p->vm;

	vm->crash_max = CONF_CRASH_DEFAULT;
	if (strcmp(word, "dump") != 0)
		conf_error(p, "crash '%s' is not dump", word);
	else if (vm->crash_dir != NULL)
		conf_error(p, "crash dump specified more than once");
	else if (max == NULL || conf_vm_crash_number(p, max, &vm->crash_max))
		vm->crash_dir = conf_check_folder(p, "crash dump", dir);
	free(word);
	free(dir);
	free(max);
}

/* "send" is a word here alone, and a name elsewhere. */
void
conf_vm_allow(struct conf_parser *p, char *word)
{
	if (strcmp(word, "send") != 0)
		conf_error(p, "allow '%s' is not send", word);
	p->vm->allow_send = true;
	free(word);
}

/* --- interfaces ------------------------------------------------------ */

static bool
conf_nic_is_tap(const char *name)
{
	size_t i, len = strlen(name);

	if (strncmp(name, "tap", 3) != 0 || len < 4 || len > VMD_IFNAME_MAX)
		return false;
	for (i = 3; i < len; i++)
		if (!isdigit((unsigned char)name[i]))
			return false;
	return true;
}

void
conf_vm_nic_begin(struct conf_parser *p, char *type)
{
	struct conf_nic *nic = &p->nic;

	memset(nic, 0, sizeof(*nic));
	nic->type = NIC_AUTO;
	if (type == NULL)
		return;
	if (strcmp(type, "user") == 0)
		nic->type = NIC_USER;
	else if (strcmp(type, "tap") == 0)
		nic->type = NIC_TAP;
	else if (conf_nic_is_tap(type)) {
		nic->type = NIC_TAP;
		memcpy(nic->ifname, type, strlen(type) + 1);
	} else
		conf_error(p, "interface '%s' is not tap, tapN or user", type);
	free(type);
}

static int
conf_hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = strchr(digits, tolower((unsigned char)c));

	return c == '\0' || found == NULL ? -1 : (int)(found - digits);
}

/* Six pairs of digits with colons between. */
static bool
conf_nic_parse_mac(const char *text, uint8_t mac[6])
{
	int i, high, low;

	if (strlen(text) != 17)
		return false;
	for (i = 0; i < 6; i++) {
		high = conf_hex(text[3 * i]);
		low = conf_hex(text[3 * i + 1]);
		if (high == -1 || low == -1 ||
		    (i < 5 && text[3 * i + 2] != ':'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

void
conf_vm_nic_lladdr(struct conf_parser *p, char *lladdr)
{
	static const uint8_t none[6];
	uint8_t *mac = p->nic.mac;

	if (!conf_nic_parse_mac(lladdr, mac))
		conf_error(p, "invalid lladdr '%s'", lladdr);
	else if ((mac[0] & 1) != 0 || memcmp(mac, none, sizeof(none)) == 0)
		conf_error(p, "lladdr %s is not that of one host", lladdr);
	free(lladdr);
}

void
conf_vm_nic_end(struct conf_parser *p)
{
	struct conf_vm *vm = p->vm;

	if (vm->nnics == VMD_NICS_MAX)
		conf_error(p, "too many interfaces");
	else
		vm->nics[vm->nnics++] = p->nic;
}

/* --- debugger -------------------------------------------------------- */

void
conf_vm_debug(struct conf_parser *p, uint32_t flags)
{
	if (p->vm->debug != 0)
		conf_error(p, "gdb specified more than once");
	else
		p->vm->debug = flags;
}
