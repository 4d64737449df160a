/* SPDX-License-Identifier: ISC */
/*
 * What a VM takes from the host: memory that can still be given, and the CPU
 * on which a vCPU's thread runs.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/sysinfo.h>

#include "handle.h"
#include "vmm.h"

int
vmm_get_mem_total(uint64_t *bytes)
{
	struct sysinfo info;

	if (sysinfo(&info) == -1)
		return -1;
	*bytes = (uint64_t)info.totalram * info.mem_unit;
	return 0;
}

int
vmm_get_mem_free(uint64_t *bytes)
{
	unsigned long long kib;
	struct sysinfo info;
	char line[128];
	bool found = false;
	FILE *f;

	/* Only here the kernel counts what it could reclaim. */
	f = fopen("/proc/meminfo", "re");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = sscanf(line, "MemAvailable: %llu kB", &kib) == 1;
	if (f != NULL)
		(void)fclose(f);
	if (found) {
		*bytes = kib * 1024;
		return 0;
	}
	if (sysinfo(&info) == -1)
		return -1;
	*bytes = (uint64_t)info.freeram * info.mem_unit;
	return 0;
}

int
vm_set_pinning(struct vcpu *vcpu, int host_cpu)
{
	cpu_set_t set;

	if (host_cpu < -1 || host_cpu >= CPU_SETSIZE) {
		errno = EINVAL;
		return -1;
	}
	if (host_cpu == -1) {
		if (vcpu->pin == 0)
			return 0;
		if (sched_setaffinity(
			0, sizeof(vcpu->unpinned), &vcpu->unpinned) == -1)
			return -1;
		vcpu->pin = 0;
		return 0;
	}
	if (vcpu->pin == 0 &&
	    sched_getaffinity(0, sizeof(vcpu->unpinned), &vcpu->unpinned) == -1)
		return -1;
	CPU_ZERO(&set);
	CPU_SET((size_t)host_cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == -1)
		return -1;
	vcpu->pin = host_cpu + 1;
	return 0;
}

int
vm_get_pinning(struct vcpu *vcpu, int *host_cpu)
{
	*host_cpu = vcpu->pin - 1;
	return 0;
}
