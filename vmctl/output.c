/* SPDX-License-Identifier: ISC */
/*
 * Listings; see output.h.  The columns are those of OpenBSD's vmctl.
 */
#include "output.h"

#include <grp.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "size.h"

#define ROW "%5s %5s %5s %7s %7s %7s %12s %8s %s\n"
#define OWNER_SIZE 16
#define NUMBER_SIZE 16

static const char *const states[] = {
	[VM_STOPPED] = "stopped",
	[VM_STARTING] = "starting",
	[VM_RUNNING] = "running",
	[VM_PAUSED] = "paused",
	[VM_STOPPING] = "stopping",
};

const char *
output_state(const struct msg_status_vm *vm)
{
	if (vm->state >= sizeof(states) / sizeof(states[0]))
		return "unknown";
	if ((vm->flags & STATUS_WAITING) != 0 &&
	    (vm->state == VM_RUNNING || vm->state == VM_STOPPING))
		return "waiting";
	return states[vm->state];
}

static const char *
user_name(uint32_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	return pw != NULL ? pw->pw_name : NULL;
}

static const char *
group_name(int64_t gid)
{
	const struct group *gr = getgrgid((gid_t)gid);

	return gr != NULL ? gr->gr_name : NULL;
}

/* A name, or the number where there is none. */
static const char *
name_or_number(const char *name, long long number, char text[NUMBER_SIZE])
{
	if (name != NULL)
		return name;
	snprintf(text, NUMBER_SIZE, "%lld", number);
	return text;
}

char *
output_owner(const struct msg_status_vm *vm, char *text, size_t len)
{
	bool group = vm->gid >= 0 && vm->gid <= UINT32_MAX;
	/* root owns every VM anyway: then the group alone says more. */
	bool user = !group || vm->uid != 0;
	char uid[NUMBER_SIZE], gid[NUMBER_SIZE];

	snprintf(text, len, "%s%s%s",
	    user ? name_or_number(user_name(vm->uid), vm->uid, uid) : "",
	    group ? ":" : "",
	    group ? name_or_number(group_name(vm->gid), vm->gid, gid) : "");
	return text;
}

static void
print_row(const struct msg_status_vm *vm)
{
	bool on = vm->state != VM_STOPPED;
	char id[NUMBER_SIZE], pid[NUMBER_SIZE], cpus[NUMBER_SIZE];
	char max[SIZE_TEXT], used[SIZE_TEXT], owner[OWNER_SIZE];
	const char *tty = vm->tty;

	if (strncmp(tty, "/dev/", 5) == 0)
		tty += 5;
	snprintf(id, sizeof(id), "%u", vm->id);
	snprintf(pid, sizeof(pid), "%d", vm->pid);
	snprintf(cpus, sizeof(cpus), "%u", vm->cpus);
	printf(ROW, id, on && vm->pid > 0 ? pid : "-", cpus,
	    size_format(vm->memory, max),
	    on ? size_format(vm->memory_used, used) : "-",
	    on && *tty != '\0' ? tty : "-",
	    output_owner(vm, owner, sizeof(owner)), output_state(vm), vm->name);
}

/* What is not there is null, so that every object has the same keys. */
static json_t *
json_integer_or_null(bool there, int64_t value)
{
	return there ? json_integer(value) : json_null();
}

static json_t *
json_string_or_null(const char *text)
{
	json_t *string = NULL;

	if (text != NULL && *text != '\0')
		string = json_string(text);
	return string != NULL ? string : json_null();
}

static json_t *
json_vm(const struct msg_status_vm *vm)
{
	bool on = vm->state != VM_STOPPED;
	bool group = vm->gid >= 0 && vm->gid <= UINT32_MAX;
	json_t *object = json_object();

	json_object_set_new(object, "id", json_integer(vm->id));
	json_object_set_new(object, "name", json_string(vm->name));
	json_object_set_new(object, "state", json_string(output_state(vm)));
	json_object_set_new(
	    object, "pid", json_integer_or_null(on && vm->pid > 0, vm->pid));
	json_object_set_new(object, "cpus", json_integer(vm->cpus));
	json_object_set_new(
	    object, "memory", json_integer((json_int_t)vm->memory));
	json_object_set_new(object, "memory_used",
	    json_integer_or_null(on, (json_int_t)vm->memory_used));
	json_object_set_new(
	    object, "tty", json_string_or_null(on ? vm->tty : NULL));
	json_object_set_new(object, "uid", json_integer(vm->uid));
	json_object_set_new(
	    object, "user", json_string_or_null(user_name(vm->uid)));
	json_object_set_new(
	    object, "gid", json_integer_or_null(group, vm->gid));
	json_object_set_new(object, "group",
	    json_string_or_null(group ? group_name(vm->gid) : NULL));
	return object;
}

static void
json_status(const struct msg_status_vm *const *vms, size_t count)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_array_append_new(array, json_vm(vms[i]));
	json_dumpf(array, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(array);
}

void
output_status(const struct msg_status_vm *const *vms, size_t count, bool json)
{
	size_t i;

	if (json) {
		json_status(vms, count);
		return;
	}
	printf(ROW, "ID", "PID", "VCPUS", "MAXMEM", "CURMEM", "TTY", "OWNER",
	    "STATE", "NAME");
	for (i = 0; i < count; i++)
		print_row(vms[i]);
}
