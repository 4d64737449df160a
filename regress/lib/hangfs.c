/* SPDX-License-Identifier: ISC */
/*
 * A file system (FUSE) of one file, "file", which opens at once; who writes it,
 * cuts it or closes it waits until hangfs ends.  Or one that takes all that is
 * written and says at the close that there was no room, as NFS may.
 *
 * Usage: hangfs FOLDER [full]: prints "ready" when it is mounted there.  Needs
 * root.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NODE 2
#define FOREVER 1000000 /* seconds that answers are valid */

static int dev;
static bool full;

static void
reply(uint64_t unique, int error, const void *data, size_t len)
{
	char buf[1024];
	const struct fuse_out_header out = { .unique = unique,
		.error = -error,
		.len = (uint32_t)(sizeof(out) + len) };

	memcpy(buf, &out, sizeof(out));
	if (len > 0)
		memcpy(buf + sizeof(out), data, len);
	if (write(dev, buf, sizeof(out) + len) == -1)
		warn("reply");
}

static struct fuse_attr
attributes(uint64_t node)
{
	return (struct fuse_attr) { .ino = node,
		.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0666,
		.nlink = 1,
		.blksize = 4096 };
}

/* A write or a cut is done, a close is not. */
static void
serve_full(const struct fuse_in_header *in)
{
	const void *more = in + 1;
	const struct fuse_write_in *write = more;
	const struct fuse_write_out written = { .size = write->size };
	const struct fuse_setattr_in *set = more;
	struct fuse_attr_out attr = { .attr = attributes(in->nodeid) };

	attr.attr.size = set->size;
	if (in->opcode == FUSE_WRITE)
		reply(in->unique, 0, &written, sizeof(written));
	else if (in->opcode == FUSE_SETATTR)
		reply(in->unique, 0, &attr, sizeof(attr));
	else
		reply(in->unique, ENOSPC, NULL, 0);
}

static void
serve(const struct fuse_in_header *in)
{
	const struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.max_write = 4096,
		.max_readahead = 4096 };
	const struct fuse_open_out opened = { .fh = 1 };
	const struct fuse_attr_out attr = { .attr_valid = FOREVER,
		.attr = attributes(in->nodeid) };
	const struct fuse_entry_out entry = { .nodeid = FILE_NODE,
		.entry_valid = FOREVER,
		.attr_valid = FOREVER,
		.attr = attributes(FILE_NODE) };

	switch (in->opcode) {
	case FUSE_INIT:
		reply(in->unique, 0, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		reply(in->unique, 0, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		reply(in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		reply(in->unique, 0, &opened, sizeof(opened));
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	case FUSE_WRITE:
	case FUSE_SETATTR:
	case FUSE_FLUSH:
		if (full) {
			serve_full(in);
			break;
		}
		printf("%s waits\n",
		    in->opcode == FUSE_FLUSH ? "a close" : "a write");
		fflush(stdout);
		break;
	default:
		reply(in->unique, ENOSYS, NULL, 0);
	}
}

int
main(int argc, char **argv)
{
	static _Alignas(8) char buf[FUSE_MIN_READ_BUFFER + 65536];
	char options[128];

	full = argc == 3 && strcmp(argv[2], "full") == 0;
	if (argc != 2 && !full)
		errx(2, "usage: hangfs folder [full]");
	if ((dev = open("/dev/fuse", O_RDWR | O_CLOEXEC)) == -1)
		err(2, "/dev/fuse");
	snprintf(options, sizeof(options),
	    "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", dev);
	if (mount("hangfs", argv[1], "fuse", MS_NOSUID | MS_NODEV, options) ==
	    -1)
		err(2, "mount");
	printf("ready\n");
	fflush(stdout);
	while (read(dev, buf, sizeof(buf)) > 0)
		serve((const void *)buf);
	return 0;
}
