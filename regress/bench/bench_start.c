/* SPDX-License-Identifier: ISC */
/*
 * The peer of the row "start", which regress/bench/rows makes: what no VMM can
 * save.  Prints the microseconds from the opening of /dev/kvm to the first
 * exit of a VM made by bare ioctls, in a new process as vmd's VM is in one.
 */
#include <fcntl.h>

#include "bare.h"

int
main(void)
{
	double start = measure_now(), end;
	struct bare bare;
	int kvm;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm == -1)
		die("/dev/kvm");
	bare_open(kvm, &bare);
	bare_run(&bare);
	end = measure_now();
	bare_close(&bare);
	printf("%.0f\n", end - start);
	return 0;
}
