/* SPDX-License-Identifier: ISC */
/*
 * The beginning of a state stream on standard output, and a text behind it:
 * usage statemake [-c] [-t] [-k kernel] [-i initrd] [-d disk] [-r disk] text
 *
 *	-c	of a copy
 *	-t	its sender waits for answers
 *	-r	a disk that is only read
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/state_config.h"
#include "image/state_io.h"
#include "image/state_write.h"

static struct state_config config = {
	.memory = 64ULL << 20,
	.cpus = 2,
	.nics = 2,
	.name = "web1",
	.cmdline = "console=ttyS0",
	.nic = { { .type = NIC_TAP,
		     .flags = STATE_NIC_FIXED,
		     .mac = { 0xfe, 0xe1, 0xba, 1, 2, 3 },
		     .ifname = "tap3" },
	    { .type = NIC_USER, .mac = { 0xfe, 0xe1, 0xba, 4, 5, 6 } } },
};

static void
add(uint16_t kind, uint16_t index, uint32_t flags, const char *path)
{
	struct state_file *f = &config.file[config.files++];

	f->kind = kind;
	f->index = index;
	f->flags = flags;
	f->format =
	    kind == STATE_FILE_DISK ? STATE_FORMAT_RAW : STATE_FORMAT_NONE;
	f->size = 512;
	snprintf(f->path, sizeof(f->path), "%s", path);
}

int
main(int argc, char *argv[])
{
	static uint8_t payload[STATE_CONFIG_MAX];
	uint8_t handover[STATE_HANDOVER_LEN] = { 1 };
	const char *kernel = NULL, *initrd = NULL, *why;
	struct state_writer *w;
	uint16_t disks = 0;
	bool two_way = false;
	size_t len;
	int ch, fd = STDOUT_FILENO;

	while ((ch = getopt(argc, argv, "ctk:i:d:r:")) != -1) {
		if (ch == 'c')
			config.flags |= STATE_CONFIG_COPY;
		else if (ch == 't')
			two_way = true;
		else if (ch == 'k')
			kernel = optarg;
		else if (ch == 'i')
			initrd = optarg;
		else if (ch == 'd' || ch == 'r')
			add(STATE_FILE_DISK, disks++,
			    ch == 'r' ? STATE_FILE_READONLY : 0, optarg);
		else
			return 1;
	}
	if (kernel != NULL)
		add(STATE_FILE_KERNEL, 0, 0, kernel);
	if (initrd != NULL)
		add(STATE_FILE_INITRD, 0, 0, initrd);
	len = state_config_encode(&config, payload, &why);
	if (len == 0)
		errx(1, "%s", why);
	w = state_writer_new(state_put_fd, &fd, NULL);
	if (w == NULL || state_write_begin(w) == -1 ||
	    state_write_section(w, STATE_CONFIG, payload, len) == -1 ||
	    (two_way &&
		state_write_section(
		    w, STATE_HANDOVER, handover, sizeof(handover)) == -1))
		err(1, "write");
	state_writer_free(w);
	if (argv[optind] != NULL &&
	    write(fd, argv[optind], strlen(argv[optind])) == -1)
		err(1, "write");
	return 0;
}
