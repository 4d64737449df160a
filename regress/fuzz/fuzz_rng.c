/* SPDX-License-Identifier: ISC */
/* An rng device and a hostile driver.  Reaches dev/rng.c, dev/virtq.c. */
#include <stdlib.h>

#include "dev/rng.h"
#include "quiet.h"
#include "ring_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct loop *loop;
static struct rng rng;

static void
setup(void)
{
	struct msg_device_start start = { .kind = DEVICE_RNG };
	int link;

	quiet_log();
	if ((loop = loop_new(NULL)) == NULL || (link = driver_open()) == -1 ||
	    rng_init(&rng, loop, link, &start, ring_gone, NULL) == -1)
		abort();
	driver_start(loop, 0, RING_SIZE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (loop == NULL)
		setup();
	if (size < 1)
		return 0;
	ring_restart(loop, (uint64_t)(data[0] & 3) << 28);
	ring_load(0, data + 1, size - 1);
	driver_pump(loop);
	return 0;
}
