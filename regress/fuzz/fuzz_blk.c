/* SPDX-License-Identifier: ISC */
/*
 * A blk device and a hostile driver.  Reaches dev/blk*.c, dev/device.c,
 * dev/virtq.c.  The disk keeps its size, and the device can always be reset.
 */
#include <sys/stat.h>

#include <stdlib.h>

#include "dev/blk.h"
#include "quiet.h"
#include "ring_input.h"

#define DISK (64 * 512)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct loop *loop;
static struct blk *blk;
static int disk;

static void
setup(void)
{
	struct msg_device_start start = { .kind = DEVICE_BLK };
	struct image image;
	int link;

	quiet_log();
	disk = memfd_create("disk", MFD_CLOEXEC);
	if (ftruncate(disk, DISK) == -1 ||
	    image_open_raw(&image, disk, false) == -1 ||
	    (loop = loop_new(NULL)) == NULL ||
	    (blk = blk_new(&image, loop, NULL)) == NULL ||
	    (link = driver_open()) == -1 ||
	    blk_start(blk, link, &start, ring_gone, NULL) == -1)
		abort();
	driver_start(loop, 0, RING_SIZE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stat st;

	if (loop == NULL)
		setup();
	if (size < 1)
		return 0;
	ring_restart(loop, (uint64_t)(data[0] & 3) << 28);
	ring_load(0, data + 1, size - 1);
	driver_pump(loop);
	if (fstat(disk, &st) == -1 || st.st_size != DISK)
		abort();
	return 0;
}
