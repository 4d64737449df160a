/* SPDX-License-Identifier: ISC */
/*
 * Row "dump": vm_dump() of 1 GiB of touched guest memory into a file on tmpfs.
 * The peer is cp(1) of a file of that size and content to another, both on
 * tmpfs.  In turn; all files are memfds, which leave nothing behind, and are
 * emptied before the clock runs.
 */
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"
#include "vmm.h"
#include "vmm_dump.h"

#define ROUNDS 7
#define MEMORY (1ULL << 30)
#define BAR 1.50

/* No page is like another, and none is zeroes. */
static void
fill(uint64_t *memory)
{
	uint64_t i;

	for (i = 0; i < MEMORY / 8; i++)
		memory[i] = i * 0x9e3779b97f4a7c15ULL + 1;
}

static int
file_new(void)
{
	int fd = memfd_create("bench", 0);

	if (fd == -1)
		die("memfd_create");
	return fd;
}

static double
ours(struct vm *vm, int to)
{
	double t;

	if (ftruncate(to, 0) == -1)
		die("ftruncate");
	t = measure_now();
	if (vm_dump(vm, to, NULL) == -1)
		die("vm_dump");
	return measure_now() - t;
}

static double
peer(int from, int to)
{
	char cp[] = "cp", names[2][64];
	char *const argv[] = { cp, names[0], names[1], NULL };
	int status;
	double t;
	pid_t pid;

	if (ftruncate(to, 0) == -1)
		die("ftruncate");
	snprintf(names[0], sizeof(names[0]), "/proc/self/fd/%d", from);
	snprintf(names[1], sizeof(names[1]), "/proc/self/fd/%d", to);
	t = measure_now();
	if (posix_spawnp(&pid, "cp", NULL, NULL, argv, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		die("cp");
	t = measure_now() - t;
	if (lseek(to, 0, SEEK_END) != (off_t)MEMORY)
		die("cp: size");
	return t;
}

int
main(void)
{
	struct vm_params params = {
		.size = sizeof(params), .memory_bytes = MEMORY, .ncpus = 1
	};
	int kvm = vmm_open(NULL), from, to, i;
	double v[2][ROUNDS];
	struct vcpu *vcpu;
	struct vm *vm;
	void *memory;

	if (kvm == -1)
		return measure_skipped("dump", BAR);
	from = file_new();
	to = file_new();
	if (vm_create(kvm, &params, &vm) == -1 || vcpu_open(vm, 0, &vcpu) == -1)
		die("vm_create");
	memory = vm_map_gpa(vm, 0, MEMORY);
	if (memory == NULL)
		die("vm_map_gpa");
	fill(memory);
	if (write(from, memory, MEMORY) != (ssize_t)MEMORY)
		die("write");
	/* The first of each only warms up. */
	(void)ours(vm, to);
	(void)peer(from, to);
	for (i = 0; i < ROUNDS; i++) {
		v[i % 2][i] = i % 2 == 0 ? ours(vm, to) : peer(from, to);
		v[1 - i % 2][i] = i % 2 == 0 ? peer(from, to) : ours(vm, to);
	}
	vm_destroy(vm);
	close(kvm);
	return measure_row("dump", measure_median(v[0], ROUNDS),
	    measure_median(v[1], ROUNDS), BAR);
}
