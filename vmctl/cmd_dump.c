/* SPDX-License-Identifier: ISC */
/*
 * Dumping the state of a VM into a file: made here, filled by the VM process,
 * given its name when that is done.
 */
#include "commands.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "dumpfile.h"
#include "result.h"
#include "size.h"
#include "vm_error.h"

int
dump_parse(struct request *request, int argc, char *argv[])
{
	bool replace = false;
	int ch;

	while ((ch = getopt(argc, argv, "+f")) != -1) {
		if (ch != 'f')
			command_usage(request->command);
		replace = true;
	}
	argc -= optind;
	argv += optind;
	if (argc != 2)
		command_usage(request->command);
	if (request_target(request, argv[0]) == -1)
		return -1;
	if ((request->dump = calloc(1, sizeof(*request->dump))) == NULL)
		err(1, NULL);
	if (dumpfile_open(request->dump, argv[1], replace) == -1) {
		free(request->dump);
		request->dump = NULL;
		return -1;
	}
	request->dir_fd = request->dump->dir_fd;
	return 0;
}

void
dump_free(struct dumpfile *file)
{
	if (file != NULL)
		dumpfile_close(file);
	free(file);
}

static double
dump_seconds(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - since->tv_sec) +
	    (double)(now.tv_nsec - since->tv_nsec) / 1e9;
}

/* The line that is written again and again, for people only. */
static void
dump_progress(const struct msg_vm_progress *p, const struct timespec *since)
{
	char done[SIZE_TEXT], total[SIZE_TEXT], rate[SIZE_TEXT];
	double seconds = dump_seconds(since);
	unsigned int percent;

	if (!isatty(STDERR_FILENO) || p->total == 0 || p->done > p->total)
		return;
	percent = (unsigned int)((double)p->done * 100 / (double)p->total);
	fprintf(stderr, "\r%s of %s, %u%%, %s/s\033[K",
	    size_format(p->done, done), size_format(p->total, total), percent,
	    size_format(
		seconds > 0 ? (uint64_t)((double)p->done / seconds) : 0, rate));
	fflush(stderr);
}

static void
dump_progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/* Waits for the end, which is in *reply.  0 or -1. */
static int
dump_wait(
    struct client *client, const struct timespec *since, struct reply *reply)
{
	int r;

	while ((r = client_recv(client, reply)) == 0 &&
	    reply->type == MSG_VM_PROGRESS)
		dump_progress(&reply->body.progress, since);
	dump_progress_end();
	if (r == 0 && reply->type != MSG_RESULT) {
		warnx("bad answer from vmd: %s where a RESULT was due",
		    reply_type_name(reply->type));
		r = -1;
	}
	return r;
}

static int
dump_failed(struct reply *reply, const struct dumpfile *file)
{
	char *sentence;

	reply->body.result.file = VM_FILE_DUMP;
	sentence = result_sentence(reply, file->path);

	warnx("dump vm command failed: %s", sentence);
	free(sentence);
	return 1;
}

int
dump_run(struct request *request, struct client *client)
{
	struct dumpfile *file = request->dump;
	struct msg_vm_ask ask = { .target = request->target };
	struct timespec since;
	struct reply reply;
	char size[SIZE_TEXT];
	struct stat st;
	int fd = dup(file->fd);

	if (fd == -1)
		err(1, NULL);
	clock_gettime(CLOCK_MONOTONIC, &since);
	if (client_send(client, MSG_VM_DUMP, fd, &ask, sizeof(ask)) == -1 ||
	    dump_wait(client, &since, &reply) == -1)
		return 1;
	if (reply.body.result.error != VM_ERROR_OK)
		return dump_failed(&reply, file);
	if (dumpfile_finish(file) == -1)
		return 1;
	if (fstat(file->fd, &st) == -1)
		st.st_size = 0;
	warnx("dumped vm %u to %s, %s in %.1f s", reply.body.result.vm_id,
	    file->path, size_format((uint64_t)st.st_size, size),
	    dump_seconds(&since));
	return 0;
}
