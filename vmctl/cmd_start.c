/* SPDX-License-Identifier: ISC */
/*
 * Starting a VM.  The files are opened here, with the rights of the user who
 * names them, before the daemon is asked for anything; what travels is their
 * descriptors.  The request is VM_START, a VM_FILE for each file, VM_CMDLINE
 * where one is given, VM_START_END; the answer is one RESULT.
 */
#include "commands.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "console.h"
#include "result.h"
#include "size.h"
#include "startfile.h"
#include "vm_error.h"

#define FILES_MAX (VMD_DISKS_MAX + 2)
#define MEGABYTE (1ULL << 20)

struct start {
	struct msg_vm_start msg;
	struct startfile files[FILES_MAX];
	unsigned int nfiles;
	const char *cmdline; /* NULL: none given */
	bool attach; /* to the console, afterwards */
	bool type_given; /* -N */
	uint8_t nic_type;
};

/* Marks an option as given; a second time is an error. */
static int
start_once(struct start *start, uint32_t option, const char *what)
{
	if ((start->msg.given & option) != 0) {
		warnx("%s specified multiple times", what);
		return -1;
	}
	start->msg.given |= option;
	return 0;
}

/* A whole number from 1 on; 0 for what is none, max + 1 for more. */
static uint32_t
count_parse(const char *text, uint32_t max)
{
	uint32_t value = 0;

	if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
		return 0;
	for (; *text != '\0' && value <= max; text++)
		value = value * 10 + (uint32_t)(*text - '0');
	return value <= max ? value : max + 1;
}

static int
start_cmdline(struct start *start, const char *text)
{
	if (start_once(start, START_CMDLINE, "kernel arguments") == -1)
		return -1;
	if (strlen(text) > VMD_CMDLINE_MAX) {
		warnx("kernel arguments too long (limit is %d characters)",
		    VMD_CMDLINE_MAX);
		return -1;
	}
	start->cmdline = text;
	return 0;
}

static int
start_file(struct start *start, uint32_t kind, uint32_t index, const char *path)
{
	struct startfile *file = &start->files[start->nfiles];

	if (startfile_open(file, kind, index, path) == -1)
		return -1;
	start->nfiles++;
	return 0;
}

static int
start_kernel(struct start *start, const char *path)
{
	if (start_once(start, START_KERNEL, "boot image") == -1)
		return -1;
	return start_file(start, VM_FILE_KERNEL, 0, path);
}

static int
start_initrd(struct start *start, const char *path)
{
	if (start_once(start, START_INITRD, "initrd") == -1)
		return -1;
	return start_file(start, VM_FILE_INITRD, 0, path);
}

static int
start_disk(struct start *start, const char *path)
{
	if (start->msg.disks == VMD_DISKS_MAX) {
		warnx("too many disks (limit is %d)", VMD_DISKS_MAX);
		return -1;
	}
	start->msg.given |= START_DISKS;
	if (start_file(start, VM_FILE_DISK, start->msg.disks, path) == -1)
		return -1;
	start->msg.disks++;
	return 0;
}

static int
start_nics(struct start *start, const char *text)
{
	uint32_t count = count_parse(text, VMD_NICS_MAX);

	if (start_once(start, START_NICS, "interfaces") == -1)
		return -1;
	if (count == 0) {
		warnx("invalid interface count: %s", text);
		return -1;
	}
	if (count > VMD_NICS_MAX) {
		warnx(
		    "too many network interfaces (limit is %d)", VMD_NICS_MAX);
		return -1;
	}
	start->msg.nics = count;
	return 0;
}

static int
start_nic_type(struct start *start, const char *text)
{
	static const struct {
		const char *name;
		uint8_t type;
	} types[] = { { "tap", NIC_TAP }, { "user", NIC_USER } };
	size_t i;

	if (start->type_given) {
		warnx("interface type specified multiple times");
		return -1;
	}
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, text) == 0) {
			start->type_given = true;
			start->nic_type = types[i].type;
			return 0;
		}
	warnx("unknown interface type \"%s\": tap or user", text);
	return -1;
}

static int
start_memory(struct start *start, const char *text)
{
	char limit[SIZE_TEXT];
	uint64_t bytes;

	if (start_once(start, START_MEMORY, "memory") == -1)
		return -1;
	if (size_parse(text, &bytes) == -1) {
		if (errno != ERANGE) {
			warnx("invalid memory size: %s", text);
			return -1;
		}
		bytes = UINT64_MAX;
	}
	if (bytes > VMD_MEMORY_MAX) {
		warnx("memory size too large (limit is %s)",
		    size_format(VMD_MEMORY_MAX, limit));
		return -1;
	}
	if (bytes < VMD_MEMORY_MIN) {
		warnx("memory size must be at least 1MB");
		return -1;
	}
	if (bytes % MEGABYTE != 0) {
		bytes -= bytes % MEGABYTE;
		warnx("memory size rounded to %lluM",
		    (unsigned long long)(bytes / MEGABYTE));
	}
	start->msg.memory = bytes;
	return 0;
}

static int
start_cpus(struct start *start, const char *text)
{
	uint32_t count = count_parse(text, VMD_CPUS_MAX);

	if (start_once(start, START_CPUS, "cpus") == -1)
		return -1;
	if (count == 0 || count > VMD_CPUS_MAX) {
		warnx(
		    "invalid number of cpus: %s (1 to %d)", text, VMD_CPUS_MAX);
		return -1;
	}
	start->msg.cpus = count;
	return 0;
}

static int
start_debug(struct start *start, const char *text)
{
	if (start_once(start, START_DEBUG, "debugger") == -1)
		return -1;
	start->msg.debug = DEBUG_GDB;
	if (strcmp(text, "stop") == 0)
		start->msg.debug |= DEBUG_STOP;
	else if (strcmp(text, "run") != 0) {
		warnx("unknown way to debug \"%s\": run or stop", text);
		return -1;
	}
	return 0;
}

static int
start_attach(struct start *start, const char *text)
{
	(void)text;
	start->attach = true;
	return 0;
}

static const struct start_option {
	int letter;
	int (*take)(struct start *start, const char *text);
} start_options[] = {
	{ 'A', start_cmdline },
	{ 'b', start_kernel },
	{ 'c', start_attach },
	{ 'd', start_disk },
	{ 'g', start_debug },
	{ 'I', start_initrd },
	{ 'i', start_nics },
	{ 'm', start_memory },
	{ 'N', start_nic_type },
	{ 'p', start_cpus },
};
#define START_OPTIONS "+A:b:cd:g:I:i:m:N:p:"

static const struct start_option *
option_find(int letter)
{
	size_t i;

	for (i = 0; i < sizeof(start_options) / sizeof(start_options[0]); i++)
		if (start_options[i].letter == letter)
			return &start_options[i];
	return NULL;
}

/* What has to do with several options. */
static int
start_check(struct start *start)
{
	uint32_t i;

	if (start->type_given && start->msg.nics == 0) {
		warnx("interface type without interfaces: add -i");
		return -1;
	}
	for (i = 0; i < start->msg.nics; i++)
		start->msg.nic[i].type = start->nic_type;
	/*
	 * A VM that exists may have disks the daemon knows of, so whether
	 * there is something to boot is for the daemon to say.
	 */
	if ((start->msg.given & START_KERNEL) != 0 ||
	    (start->msg.given &
		(START_MEMORY | START_CPUS | START_DISKS | START_NICS)) == 0)
		return 0;
	if (start->msg.disks == 0)
		warnx("starting without disks");
	if (start->msg.nics == 0)
		warnx("starting without network interfaces");
	return 0;
}

void
start_free(struct start *start)
{
	unsigned int i;

	if (start == NULL)
		return;
	for (i = 0; i < start->nfiles; i++)
		startfile_close(&start->files[i]);
	free(start);
}

int
start_parse(struct request *request, int argc, char *argv[])
{
	const struct start_option *option;
	struct start *start;
	int ch;

	if ((start = calloc(1, sizeof(*start))) == NULL)
		err(1, NULL);
	request->start = start;
	start->nic_type = NIC_AUTO;
	while ((ch = getopt(argc, argv, START_OPTIONS)) != -1) {
		if ((option = option_find(ch)) == NULL)
			command_usage(request->command);
		else if (option->take(start, optarg) == -1)
			return -1;
	}
	if (argc - optind != 1)
		command_usage(request->command);
	if (request_target(request, argv[optind]) == -1)
		return -1;
	start->msg.target = request->target;
	return start_check(start);
}

static int
start_send(struct start *start, struct client *client)
{
	struct msg_vm_file file;
	unsigned int i;

	if (client_send(client, MSG_VM_START, -1, &start->msg,
		sizeof(start->msg)) == -1)
		return -1;
	for (i = 0; i < start->nfiles; i++) {
		memset(&file, 0, sizeof(file));
		file.kind = start->files[i].kind;
		file.index = start->files[i].index;
		if (file.kind != VM_FILE_DISK)
			file.flags = FILE_READONLY;
		if (client_send(client, MSG_VM_FILE,
			startfile_take(&start->files[i]), &file,
			sizeof(file)) == -1)
			return -1;
	}
	if (start->cmdline != NULL &&
	    client_send(client, MSG_VM_CMDLINE, -1, start->cmdline,
		strlen(start->cmdline)) == -1)
		return -1;
	return client_send(client, MSG_VM_START_END, -1, NULL, 0);
}

/* What the user called the file that a result is about, or NULL. */
static const char *
start_path(const struct start *start, const struct msg_result *result)
{
	unsigned int i;

	for (i = 0; i < start->nfiles; i++)
		if (start->files[i].kind == result->file &&
		    start->files[i].index == result->index)
			return start->files[i].path;
	return NULL;
}

static int
start_finish(
    const struct start *start, const struct reply *reply, struct client *client)
{
	const struct msg_result *result = &reply->body.result;
	char *sentence;

	if (result->error != VM_ERROR_OK) {
		sentence = result_sentence(reply, start_path(start, result));
		warnx("start vm command failed: %s", sentence);
		free(sentence);
		return 1;
	}
	if (start->attach) {
		client_close(client);
		return console_attach(result->tty);
	}
	warnx("started vm %u successfully%s%s", result->vm_id,
	    *result->tty != '\0' ? ", tty " : "", result->tty);
	return 0;
}

int
start_run(struct request *request, struct client *client)
{
	struct start *start = request->start;
	struct reply reply;
	int status = 1;

	if (start_send(start, client) == 0 &&
	    client_result(client, &reply) == 0)
		status = start_finish(start, &reply, client);
	return status;
}
