/* SPDX-License-Identifier: ISC */
/*
 * Where a dump goes: through a pipe it is the same as in a file; and what
 * becomes of it when the disk is full, the reader has gone, or somebody has
 * seen enough.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "check.h"
#include "dumped.h"

static struct guest g;

/* Reads a pipe to its end and compares with the file. */
static struct {
	int from, with;
	uint64_t len;
	bool same;
} reader;

static void *
reader_main(void *arg)
{
	static uint8_t a[65536], b[65536];
	ssize_t n;

	(void)arg;
	reader.same = true;
	while ((n = read(reader.from, a, sizeof(a))) > 0) {
		if (pread(reader.with, b, (size_t)n, (off_t)reader.len) != n ||
		    memcmp(a, b, (size_t)n) != 0)
			reader.same = false;
		reader.len += (uint64_t)n;
	}
	return NULL;
}

static void
test_pipe(void)
{
	pthread_t t;
	int fds[2], file;

	GUEST_NEEDS_KVM();
	REQUIRE(dumped_start_small(&g, DUMPED_SMALL));
	file = dumped_file(4096);
	REQUIRE(vm_dump(g.vm, file, NULL) == 0);
	REQUIRE(pipe(fds) == 0);
	reader.from = fds[0];
	reader.with = file;
	REQUIRE(pthread_create(&t, NULL, reader_main, NULL) == 0);
	CHECK_EQ(vm_dump(g.vm, fds[1], NULL), 0);
	close(fds[1]);
	pthread_join(t, NULL);
	CHECK(reader.same);
	CHECK_EQ(reader.len, lseek(file, 0, SEEK_END));
	CHECK(reader.len > DUMPED_SMALL);
	close(fds[0]);
	close(file);
	guest_stop(&g);
}

static void
test_pipe_fails(void)
{
	int fds[2];

	GUEST_NEEDS_KVM();
	signal(SIGPIPE, SIG_IGN);
	REQUIRE(dumped_start_small(&g, DUMPED_SMALL));
	REQUIRE(pipe2(fds, O_NONBLOCK) == 0);
	CHECK(vm_dump(g.vm, fds[1], NULL) == -1 && errno == EAGAIN);
	close(fds[0]);
	CHECK(vm_dump(g.vm, fds[1], NULL) == -1 && errno == EPIPE);
	close(fds[1]);
	fds[0] = open("/dev/full", O_WRONLY);
	CHECK(vm_dump(g.vm, fds[0], NULL) == -1 && errno == ENOSPC);
	close(fds[0]);
	fds[0] = open("/dev/null", O_RDONLY);
	CHECK(vm_dump(g.vm, fds[0], NULL) == -1 && errno == EBADF);
	close(fds[0]);
	guest_stop(&g);
}

/* In a process with a file system of its own that holds 64 KiB. */
static int
on_small_disk(void)
{
	char dir[] = "/tmp/g_dump.XXXXXX", path[64];
	int fd, err;

	if (mkdtemp(dir) == NULL)
		return 1;
	if (unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("dump", dir, "tmpfs", 0, "size=64k") == -1) {
		rmdir(dir);
		return 2;
	}
	snprintf(path, sizeof(path), "%s/core", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd == -1 || !dumped_start_small(&g, DUMPED_SMALL))
		return 3;
	memset(vm_map_gpa(g.vm, 0x80000, 0x80000), 1, 0x80000);
	err = vm_dump(g.vm, fd, NULL) == -1 ? errno : 0;
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return err == ENOSPC ? 0 : 4;
}

static void
test_disk_full(void)
{
	int status;
	pid_t pid;

	GUEST_NEEDS_KVM();
	pid = fork();
	if (pid == 0)
		_exit(on_small_disk());
	REQUIRE(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		SKIP("no file system of one's own on this host");
	CHECK_EQ(WEXITSTATUS(status), 0);
}

static void
test_file_limit(void)
{
	struct rlimit old, new;
	int fd;

	GUEST_NEEDS_KVM();
	signal(SIGXFSZ, SIG_IGN);
	REQUIRE(dumped_start_small(&g, DUMPED_SMALL));
	memset(vm_map_gpa(g.vm, 0x80000, 0x80000), 1, 0x80000);
	fd = dumped_file(4096);
	REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
	new = (struct rlimit) { 0xc0000, old.rlim_max };
	REQUIRE(setrlimit(RLIMIT_FSIZE, &new) == 0);
	CHECK(vm_dump(g.vm, fd, NULL) == -1 && errno == EFBIG);
	REQUIRE(setrlimit(RLIMIT_FSIZE, &old) == 0);
	/* The same once more, with room: as if nothing had been. */
	CHECK_EQ(vm_dump(g.vm, fd, NULL), 0);
	CHECK(lseek(fd, 0, SEEK_END) > (off_t)DUMPED_SMALL);
	close(fd);
	guest_stop(&g);
}

/* --- progress ------------------------------------------------------------- */

static struct {
	unsigned int calls, last; /* 0: to the end */
	uint64_t done, total;
	bool wrong;
} seen;

static int
progress(void *arg, uint64_t done, uint64_t total)
{
	if (arg != &seen || done > total ||
	    (seen.calls == 0 ? done != 0 : done <= seen.done) ||
	    done - seen.done > 64 << 20 ||
	    (seen.calls > 0 && total != seen.total))
		seen.wrong = true;
	seen.done = done;
	seen.total = total;
	return ++seen.calls == seen.last ? -1 : 0;
}

static void
test_progress(void)
{
	const struct vm_dump_params params = {
		.size = sizeof(params), .progress = progress, .arg = &seen
	};
	int out;

	GUEST_NEEDS_KVM();
	REQUIRE(dumped_start(&g));
	out = dumped_file(4096);
	memset(&seen, 0, sizeof(seen));
	CHECK_EQ(vm_dump(g.vm, out, &params), 0);
	CHECK(!seen.wrong);
	CHECK_EQ(seen.total, DUMPED_MEMORY + 0x4000);
	CHECK_EQ(seen.done, seen.total);
	CHECK(seen.calls >= DUMPED_MEMORY >> 26);
	memset(&seen, 0, sizeof(seen));
	seen.last = 3;
	CHECK(vm_dump(g.vm, out, &params) == -1 && errno == ECANCELED);
	CHECK_EQ(seen.calls, 3);
	/* Before anything is written. */
	memset(&seen, 0, sizeof(seen));
	seen.last = 1;
	REQUIRE(ftruncate(out, 5) == 0);
	CHECK(vm_dump(g.vm, out, &params) == -1 && errno == ECANCELED);
	CHECK_EQ(lseek(out, 0, SEEK_END), 5);
	CHECK(lseek(out, 0, SEEK_END) < (off_t)DUMPED_MEMORY);
	close(out);
	guest_stop(&g);
}

int
main(void)
{
	TEST(test_pipe);
	TEST(test_pipe_fails);
	TEST(test_disk_full);
	TEST(test_file_limit);
	TEST(test_progress);
	return CHECK_EXIT();
}
