/* SPDX-License-Identifier: ISC */
/*
 * The peer of the rows "start" and "receive-cow", which regress/bench makes:
 * what no VMM can save.  Prints the microseconds from the opening of /dev/kvm
 * to the first exit of a VM made by bare ioctls, in a new process as vmd's VM
 * is in one.
 *
 * Usage: bench_start MIB
 */
#include <fcntl.h>

#include "bare.h"

int
main(int argc, char **argv)
{
	double start = measure_now(), end;
	struct bare bare;
	size_t mib;
	int kvm;

	mib = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	if (mib == 0)
		die("usage: bench_start mib");
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm == -1)
		die("/dev/kvm");
	bare_open(kvm, mib, &bare);
	bare_run(&bare);
	end = measure_now();
	bare_close(&bare);
	printf("%.0f\n", end - start);
	return 0;
}
