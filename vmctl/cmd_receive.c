/* SPDX-License-Identifier: ISC */
/*
 * Receiving a VM from standard input.  What it is made of stands at the
 * beginning, which is read here; its files are opened with the rights of the
 * user and handed to the daemon with the rest of the stream, which only the
 * VM's own process reads.
 *
 * The stream is hostile: its texts are checked before they are used or shown,
 * and nothing is opened but what it names and the user may open.
 */
#include "commands.h"

#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "newdisk.h"
#include "result.h"
#include "startfile.h"
#include "statehead.h"
#include "vm_error.h"
#include "vmlist.h"

#define FILES_MAX (VMD_DISKS_MAX + 2)
#define PIPE_SIZE (1 << 20)

struct receive {
	struct statehead head;
	struct msg_vm_start msg;
	struct startfile files[FILES_MAX];
	unsigned int nfiles;
	const char *kernel; /* -b, -I, -d: NULL or less than there are: the */
	const char *initrd; /* ones that the stream names */
	const char *disk[VMD_DISKS_MAX];
	unsigned int ndisks;
	struct newdisk made[VMD_DISKS_MAX]; /* for what comes with the VM */
	unsigned int nmade;
};

void
receive_free(struct receive *r)
{
	if (r == NULL)
		return;
	for (unsigned int i = 0; i < r->nfiles; i++)
		startfile_close(&r->files[i]);
	for (unsigned int i = 0; i < r->nmade; i++)
		newdisk_close(&r->made[i]);
	statehead_close(&r->head);
	free(r);
}

/* --- options ---------------------------------------------------------------
 */

static int
receive_option(struct request *request, int letter)
{
	struct receive *r = request->receive;

	switch (letter) {
	case 'b':
		r->kernel = optarg;
		return 0;
	case 'c':
		r->msg.receive |= RECEIVE_LAZY;
		return 0;
	case 'd':
		if (r->ndisks == VMD_DISKS_MAX) {
			warnx("too many disks (limit is %d)", VMD_DISKS_MAX);
			return -1;
		}
		r->disk[r->ndisks++] = optarg;
		return 0;
	case 'f':
		r->msg.receive |= RECEIVE_ANY_DISK;
		return 0;
	case 'I':
		r->initrd = optarg;
		return 0;
	default:
		command_usage(request->command);
	}
}

/* Where it comes from. */
static int
receive_check_input(bool lazy)
{
	int flags = fcntl(STDIN_FILENO, F_GETFL);
	struct stat st;

	if (isatty(STDIN_FILENO)) {
		warnx("standard input is a terminal: redirect it from a file "
		      "or a pipe");
		return -1;
	}
	if (flags == -1 || fstat(STDIN_FILENO, &st) == -1) {
		warn("standard input");
		return -1;
	}
	/* Its memory is taken from there when it is needed. */
	if (lazy &&
	    (!S_ISREG(st.st_mode) || lseek(STDIN_FILENO, 0, SEEK_CUR) != 0)) {
		warnx("-c needs a regular file as standard input, from its "
		      "beginning");
		return -1;
	}
	if ((flags & O_ACCMODE) == O_WRONLY ||
	    (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode) &&
		!S_ISSOCK(st.st_mode))) {
		warnx("standard input is neither a file, nor a pipe, nor a "
		      "socket");
		return -1;
	}
	/* Who reads it waits for it. */
	if ((flags & O_NONBLOCK) != 0)
		fcntl(STDIN_FILENO, F_SETFL, flags & ~O_NONBLOCK);
	fcntl(STDIN_FILENO, F_SETPIPE_SZ, PIPE_SIZE);
	return 0;
}

/* The sender waits for an answer: where that goes to. */
static int
receive_check_output(void)
{
	struct stat st;

	if (fstat(STDOUT_FILENO, &st) == 0 &&
	    (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return 0;
	warnx("the sender waits for an answer, and standard output is neither "
	      "a pipe nor a socket: run this as the command of vmctl send");
	return -1;
}

int
receive_parse(struct request *request, int argc, char *argv[])
{
	struct receive *r;
	int ch;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		err(1, NULL);
	r->head.fd = -1;
	request->receive = r;
	while ((ch = getopt(argc, argv, "+b:cd:fI:")) != -1)
		if (receive_option(request, ch) == -1)
			return -1;
	if (argc - optind != 1)
		command_usage(request->command);
	if (request_target(request, argv[optind]) == -1 ||
	    receive_check_input((r->msg.receive & RECEIVE_LAZY) != 0) == -1)
		return -1;
	r->msg.target = request->target;
	r->msg.given = START_RECEIVE;
	/* It may take a while to come, for which no daemon waits. */
	if (statehead_read(&r->head, STDIN_FILENO) == -1)
		return -1;
	if ((r->head.config.flags & STATE_CONFIG_DISKS) != 0)
		r->msg.receive |= RECEIVE_DISKS;
	return r->head.two_way ? receive_check_output() : 0;
}

/* --- what the VM is made of ------------------------------------------------
 */

/* A path of the stream: one that cannot be shown is not opened. */
static int
receive_path_ok(const struct state_file *f)
{
	char *text = strdup(f->path);
	int r;

	if (text == NULL)
		err(1, NULL);
	reply_clean(text);
	r = strcmp(text, f->path) == 0 ? 0 : -1;
	if (r == -1)
		warnx("%s %u %s: its path cannot be shown: name the file on "
		      "the command line",
		    state_file_name(f->kind), f->index, text);
	free(text);
	return r;
}

static int
receive_file(struct receive *r, uint32_t kind, uint32_t index, bool readonly,
    const char *path)
{
	struct startfile *file = &r->files[r->nfiles];

	file->readonly = readonly;
	if (startfile_open(file, kind, index, path) == -1)
		return -1;
	r->nfiles++;
	return 0;
}

/* A file of the stream, or the one the user gave in its place. */
static int
receive_open(struct receive *r, const struct state_file *f, uint32_t kind,
    bool readonly, const char *path)
{
	if (path == NULL) {
		if (receive_path_ok(f) == -1)
			return -1;
		path = f->path;
	}
	return receive_file(r, kind, f->index, readonly, path);
}

static int
receive_named(struct receive *r, const struct state_file *f, uint32_t kind,
    const char *path)
{
	return receive_open(
	    r, f, kind, (f->flags & STATE_FILE_READONLY) != 0, path);
}

/* A file that is not there yet, for the content that comes. */
static int
receive_make(struct receive *r, const struct state_file *f, const char *path)
{
	struct startfile *file = &r->files[r->nfiles];

	file->fd = newdisk_make(&r->made[r->nmade], path, f->size);
	if (file->fd == -1)
		return -1;
	file->kind = VM_FILE_DISK;
	file->index = f->index;
	file->path = path;
	r->nmade++;
	r->nfiles++;
	return 0;
}

/*
 * A disk that becomes what the stream has of it.  Only where the user says:
 * else a stream could write over any file that its user may write to.
 */
static int
receive_filled(struct receive *r, const struct state_file *f, const char *path)
{
	struct startfile *file = &r->files[r->nfiles];
	int status;

	if (path == NULL) {
		warnx("disk %u: its content comes with the VM: name where that "
		      "goes to with -d",
		    f->index);
		return -1;
	}
	if (access(path, F_OK) == -1 && errno == ENOENT)
		status = receive_make(r, f, path);
	else {
		status = receive_open(r, f, VM_FILE_DISK, false, path);
		if (status == 0)
			status = newdisk_check(file->fd, file->path, f->size);
	}
	file->readonly = (f->flags & STATE_FILE_READONLY) != 0;
	return status;
}

static int
receive_disk(struct receive *r, const struct state_file *f, const char *path)
{
	return (r->msg.receive & RECEIVE_DISKS) != 0
	    ? receive_filled(r, f, path)
	    : receive_named(r, f, VM_FILE_DISK, path);
}

static int
receive_disks(struct receive *r)
{
	const struct state_config *c = &r->head.config;
	uint32_t n = 0;

	r->msg.given |= START_DISKS;
	for (uint32_t i = 0; i < c->files; i++) {
		if (c->file[i].kind != STATE_FILE_DISK)
			continue;
		if (receive_disk(r, &c->file[i],
			n < r->ndisks ? r->disk[n] : NULL) == -1)
			return -1;
		n++;
	}
	if (n < r->ndisks) {
		warnx("%u disks given, the VM has %u", r->ndisks, n);
		return -1;
	}
	r->msg.disks = n;
	return 0;
}

/* The kernel or the initrd: of use when the guest resets. */
static int
receive_boot(struct receive *r, uint16_t state_kind, enum vm_file kind,
    uint32_t given, const char *path)
{
	const struct state_config *c = &r->head.config;
	const struct state_file *f = NULL;

	for (uint32_t i = 0; i < c->files; i++)
		if (c->file[i].kind == state_kind)
			f = &c->file[i];
	if (f == NULL && path == NULL)
		return 0;
	r->msg.given |= given;
	return f != NULL ? receive_named(r, f, kind, path)
			 : receive_file(r, kind, 0, true, path);
}

/* Copies of one VM do not share an address that nobody chose. */
static void
receive_nics(struct receive *r)
{
	const struct state_config *c = &r->head.config;
	bool copy = (c->flags & STATE_CONFIG_COPY) != 0;

	r->msg.nics = c->nics;
	for (uint32_t i = 0; i < c->nics; i++) {
		const struct state_nic *from = &c->nic[i];
		struct msg_nic *to = &r->msg.nic[i];
		bool fixed = (from->flags & STATE_NIC_FIXED) != 0;

		to->type = from->type;
		to->flags = (from->flags & STATE_NIC_DOWN) != 0 ? NIC_DOWN : 0;
		if (fixed)
			to->flags |= NIC_FIXED;
		if (fixed || !copy)
			memcpy(to->mac, from->mac, sizeof(to->mac));
	}
}

static int
receive_new(struct receive *r)
{
	const struct state_config *c = &r->head.config;

	r->msg.given |= START_MEMORY | START_CPUS | START_NICS;
	r->msg.memory = c->memory;
	r->msg.cpus = c->cpus;
	if (c->cmdline[0] != '\0')
		r->msg.given |= START_CMDLINE;
	if ((c->flags & STATE_CONFIG_GDB) != 0) {
		r->msg.given |= START_DEBUG;
		r->msg.debug = DEBUG_GDB;
	}
	if (receive_boot(r, STATE_FILE_KERNEL, VM_FILE_KERNEL, START_KERNEL,
		r->kernel) == -1 ||
	    receive_boot(r, STATE_FILE_INITRD, VM_FILE_INITRD, START_INITRD,
		r->initrd) == -1)
		return -1;
	return receive_disks(r);
}

/* vm.conf says what it is made of; what is booted may be another. */
static int
receive_defined(struct receive *r)
{
	if (r->ndisks > 0) {
		warnx("the disks of a VM of vm.conf are those of vm.conf");
		return -1;
	}
	if (r->kernel != NULL) {
		r->msg.given |= START_KERNEL;
		if (receive_file(r, VM_FILE_KERNEL, 0, true, r->kernel) == -1)
			return -1;
	}
	if (r->initrd == NULL)
		return 0;
	r->msg.given |= START_INITRD;
	return receive_file(r, VM_FILE_INITRD, 0, true, r->initrd);
}

/* 0, or -1 having said why. */
static int
receive_describe(struct receive *r, struct client *client)
{
	const struct msg_status_vm *vm;
	struct vmlist list;
	int status;

	if (vmlist_fetch(&list, client) == -1)
		return -1;
	vm = vmlist_find(&list, &r->msg.target);
	receive_nics(r);
	if (vm != NULL && vm->state != VM_STOPPED) {
		warnx("receive vm command failed: %s",
		    vm_error_text(VM_ERROR_RUNNING));
		status = -1;
	} else if (vm == NULL && r->msg.target.id != 0) {
		warnx("receive vm command failed: %s",
		    vm_error_text(VM_ERROR_NOT_FOUND));
		status = -1;
	} else
		status = vm != NULL ? receive_defined(r) : receive_new(r);
	vmlist_fini(&list);
	return status;
}

/* --- asking for it ---------------------------------------------------------
 */

/* Takes fd. */
static int
receive_send_fd(struct client *client, enum vm_file kind, uint32_t index,
    uint32_t flags, int fd)
{
	const struct msg_vm_file file = {
		.kind = kind, .index = index, .flags = flags
	};

	if (fd == -1) {
		warn("%s", vm_file_text(kind));
		return -1;
	}
	return client_send(client, MSG_VM_FILE, fd, &file, sizeof(file));
}

static int
receive_send_files(struct receive *r, struct client *client)
{
	for (unsigned int i = 0; i < r->nfiles; i++) {
		struct startfile *f = &r->files[i];
		uint32_t flags =
		    f->kind != VM_FILE_DISK || f->readonly ? FILE_READONLY : 0;

		if (receive_send_fd(client, f->kind, f->index, flags,
			startfile_take(f)) == -1)
			return -1;
	}
	if (receive_send_fd(client, VM_FILE_STATE, 0, 0, dup(STDIN_FILENO)) ==
		-1 ||
	    receive_send_fd(
		client, VM_FILE_STATE_HEAD, 0, 0, dup(r->head.fd)) == -1)
		return -1;
	if (!r->head.two_way)
		return 0;
	return receive_send_fd(
	    client, VM_FILE_STATE_ACK, 0, 0, dup(STDOUT_FILENO));
}

static int
receive_send(struct receive *r, struct client *client)
{
	const char *cmdline = r->head.config.cmdline;

	if (client_send(client, MSG_VM_START, -1, &r->msg, sizeof(r->msg)) ==
		-1 ||
	    receive_send_files(r, client) == -1)
		return -1;
	if ((r->msg.given & START_CMDLINE) != 0 &&
	    client_send(client, MSG_VM_CMDLINE, -1, cmdline, strlen(cmdline)) ==
		-1)
		return -1;
	return client_send(client, MSG_VM_START_END, -1, NULL, 0);
}

/* What the file that a result is about is called, or NULL. */
static const char *
receive_path(const struct receive *r, const struct msg_result *result)
{
	for (unsigned int i = 0; i < r->nfiles; i++)
		if (r->files[i].kind == result->file &&
		    r->files[i].index == result->index)
			return r->files[i].path;
	return NULL;
}

/* Of use to nobody. */
static void
receive_remove(struct receive *r)
{
	for (unsigned int i = 0; i < r->nmade; i++)
		newdisk_remove(&r->made[i]);
}

static void
receive_confine(const struct receive *r)
{
	int folders[VMD_DISKS_MAX];

	for (unsigned int i = 0; i < r->nmade; i++)
		folders[i] = r->made[i].dir_fd;
	if (confine_enter_folders(
		r->nmade > 0 ? CONFINE_REMOVE : CONFINE_NOTHING, folders,
		r->nmade) == -1)
		warn("cannot confine itself");
}

int
receive_run(struct request *request, struct client *client)
{
	struct receive *r = request->receive;
	const struct msg_result *result;
	struct reply reply;
	char *sentence;

	if (receive_describe(r, client) == -1) {
		receive_remove(r);
		return 1;
	}
	receive_confine(r);
	/* From here on the VM may be there although nobody says so. */
	if (receive_send(r, client) == -1 ||
	    client_result(client, &reply) == -1)
		return 1;
	result = &reply.body.result;
	if (result->error != VM_ERROR_OK) {
		receive_remove(r);
		sentence = result_sentence(&reply, receive_path(r, result));
		warnx("receive vm command failed: %s", sentence);
		free(sentence);
		return 1;
	}
	/* Standard output may be the way back to the sender. */
	warnx("received vm %u successfully%s%s", result->vm_id,
	    *result->tty != '\0' ? ", tty " : "", result->tty);
	return 0;
}
