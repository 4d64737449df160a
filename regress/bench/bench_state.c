/* SPDX-License-Identifier: ISC */
/*
 * How fast state streams are written and read: memory of a VM that was touched
 * all over, to /dev/null, and through a pipe into another process that puts it
 * into memory of its own, which is fresh.  Prints MB/s, and beside it the same
 * through the pipe without a stream, which is what the host can do at most.  No
 * peer, no bar.
 *
 * Usage: bench_state [MiB]
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "image/state_read.h"
#include "state_sample.h"

#define PIPE_SIZE (1 << 20)
#define PART ((size_t)1 << 20)

static uint8_t *guest, *other;
static size_t size;
static int guest_fd, other_fd;
static bool use_backing = true;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* As guest memory is made. */
static uint8_t *
map(int *fd)
{
	uint8_t *p;

	*fd = memfd_create("memory", MFD_CLOEXEC);
	if (*fd == -1 || ftruncate(*fd, (off_t)size) == -1)
		err(1, "memfd");
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* Words like those of a kernel's data: half of it packs well. */
static void
fill(void)
{
	uint64_t x = 88172645463325252ULL, v;

	for (size_t at = 0; at < size; at += sizeof(v)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		v = (at & 64) != 0 ? x : at >> 8;
		memcpy(guest + at, &v, sizeof(v));
	}
}

static void
write_stream(int fd, uint32_t flags, struct state_packer *packer)
{
	static uint8_t payload[STATE_CONFIG_MAX];
	struct state_writer *w = state_writer_new(state_put_fd, &fd, packer);
	const struct state_range range = {
		.host = guest,
		.pages = size / STATE_PAGE,
		.flags = flags | STATE_RANGE_FRESH,
	};
	const char *why;
	size_t len = state_config_encode(&sample_config, payload, &why);

	if (w == NULL || state_write_begin(w) == -1 ||
	    state_write_section(w, STATE_CONFIG, payload, len) == -1 ||
	    state_write_memory(w, &range) == -1 || state_write_end(w) == -1)
		err(1, "write");
	state_writer_free(w);
}

static uint8_t *
place(void *arg, uint64_t gpa, uint32_t pages)
{
	(void)arg;
	return gpa <= size && pages <= (size - gpa) / STATE_PAGE ? other + gpa
								 : NULL;
}

static int
backing(void *arg, const struct state_memory *m, uint64_t *offset)
{
	(void)arg;
	*offset = m->gpa;
	return other_fd;
}

static void
read_stream(int fd)
{
	struct state_reader *r = state_reader_new(state_get_fd, &fd);
	struct state_section s;
	int n;

	if (r == NULL || state_reader_place(r, place, NULL, size) == -1)
		err(1, "read");
	if (use_backing)
		state_reader_backing(r, backing);
	while ((n = state_next(r, &s)) == 1)
		;
	if (n == -1)
		errx(1, "read: %s", state_reader_error(r));
	state_reader_free(r);
}

static void
write_plain(int fd)
{
	struct iovec iov;

	for (size_t at = 0; at < size; at += PART) {
		iov = (struct iovec) { guest + at, PART };
		if (state_put_fd(&fd, &iov, 1) == -1)
			err(1, "write");
	}
}

static void
read_plain(int fd)
{
	for (size_t at = 0; at < size; at += PART)
		if (state_read_fd(fd, other + at, PART) != (ssize_t)PART)
			err(1, "read");
}

static void
report(const char *what, double since)
{
	double seconds = now() - since;

	printf("%-40s %7.0f MB/s", what, (double)size / 1e6 / seconds);
}

/* Processor time, which other load does not lengthen much: of this process or,
 * with RUSAGE_CHILDREN, of the writers that have ended. */
static double
cpu(int who)
{
	struct rusage r;

	getrusage(who, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	    (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void
report_cpu(const char *what, double seconds)
{
	printf("  %s %5.2f s/GiB", what,
	    seconds * (double)(1 << 30) / (double)size);
}

static void
to_null(const char *what, uint32_t flags, struct state_packer *packer)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	double since = now(), used = cpu(RUSAGE_SELF);

	write_stream(fd, flags, packer);
	report(what, since);
	report_cpu("writer", cpu(RUSAGE_SELF) - used);
	putchar('\n');
	fflush(stdout);
	close(fd);
}

static void
by_pipe(const char *what, bool plain, uint32_t flags, int level)
{
	int p[2], status;
	double since, reader = cpu(RUSAGE_SELF), writer = cpu(RUSAGE_CHILDREN);
	pid_t pid;

	other = map(&other_fd);
	if (pipe2(p, O_CLOEXEC) == -1)
		err(1, "pipe");
	fcntl(p[1], F_SETPIPE_SZ, PIPE_SIZE);
	since = now();
	if ((pid = fork()) == 0) {
		struct state_packer *packer =
		    level > 0 ? state_packer_new(level, 2) : NULL;

		close(p[0]);
		if (plain)
			write_plain(p[1]);
		else
			write_stream(p[1], flags, packer);
		_exit(0);
	}
	close(p[1]);
	if (plain)
		read_plain(p[0]);
	else
		read_stream(p[0]);
	report(what, since);
	reader = cpu(RUSAGE_SELF) - reader;
	close(p[0]);
	if (waitpid(pid, &status, 0) == -1 || status != 0)
		errx(1, "the writer failed");
	report_cpu("writer", cpu(RUSAGE_CHILDREN) - writer);
	report_cpu("reader", reader);
	putchar('\n');
	fflush(stdout);
	if (memcmp(guest, other, size) != 0)
		errx(1, "what was read is not what was written");
	munmap(other, size);
	close(other_fd);
}

int
main(int argc, char *argv[])
{
	struct state_packer *packer;

	size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1024) << 20;
	guest = map(&guest_fd);
	fill();
	to_null("to /dev/null, copied (a running guest)", 0, NULL);
	to_null(
	    "to /dev/null, in place (a paused one)", STATE_RANGE_STILL, NULL);
	packer = state_packer_new(1, 2);
	to_null("to /dev/null, zstd 1, two threads", 0, packer);
	state_packer_free(packer);
	by_pipe("pipe, no stream", true, 0, 0);
	by_pipe("pipe, copied", false, 0, 0);
	by_pipe("pipe, in place", false, STATE_RANGE_STILL, 0);
	use_backing = false;
	by_pipe("pipe, copied, into the mapping", false, 0, 0);
	use_backing = true;
	by_pipe("pipe, zstd 1, two threads", false, 0, 1);
	return 0;
}
