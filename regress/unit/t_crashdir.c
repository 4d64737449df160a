/* SPDX-License-Identifier: ISC */
/*
 * The folder of crash dumps: whose it must be, what the files are called, which
 * of them go.
 */
#include "role/crashdir.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static char dir[PATH_MAX];

static const char *
in(const char *name)
{
	static char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static bool
is_there(const char *name)
{
	struct stat st;

	return lstat(in(name), &st) == 0;
}

static void
touch(const char *name)
{
	int fd = open(in(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	REQUIRE(fd != -1);
	close(fd);
}

static void
begin(void)
{
	char template[] = "/tmp/t_crashdir.XXXXXX";

	REQUIRE(realpath(mkdtemp(template), dir) != NULL);
}

static void
end(void)
{
	char command[PATH_MAX + 32];

	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	CHECK(system(command) == 0);
}

/* Makes a dump of vm and names it. */
static void
keep(const char *vm, unsigned int max, char file[CRASHDIR_NAME])
{
	int fd = -1;

	REQUIRE(crashdir_make(dir, getuid(), &fd) == VM_ERROR_OK);
	CHECK(write(fd, vm, strlen(vm)) == (ssize_t)strlen(vm));
	CHECK(crashdir_keep(dir, getuid(), fd, vm, max, file) == 0);
	close(fd);
}

static void
a_file_has_no_name_until_it_is_kept(void)
{
	char file[CRASHDIR_NAME], read_back[8] = "";
	struct stat st;
	int fd = -1;

	begin();
	REQUIRE(crashdir_make(dir, getuid(), &fd) == VM_ERROR_OK);
	CHECK(rmdir(dir) == 0);
	CHECK(mkdir(dir, 0700) == 0);
	close(fd);
	keep("web", 5, file);
	CHECK(strncmp(file, "web-20", 6) == 0);
	CHECK_EQ(strlen(file), strlen("web-20261121T081617.core"));
	CHECK(lstat(in(file), &st) == 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(st.st_uid, getuid());
	fd = open(in(file), O_RDONLY | O_CLOEXEC);
	CHECK(read(fd, read_back, sizeof(read_back) - 1) == 3);
	CHECK_STR(read_back, "web");
	close(fd);
	end();
}

static void
the_newest_stay(void)
{
	static const char *const others[] = { "web-20000101T000000",
		"web-20000101T000000.cor", "web-20000101T000000.core.gz",
		"web-20000101X000000.core", "web-2000010aT000000.core",
		"web-20000101T0000000.core", "web-20000101T000000-.core",
		"web-20000101T000000-12.core", "web20000101T000000.core",
		"web2-20000101T000000.core", "we-20000101T000000.core",
		"web-web-20000101T000000.core", "web-.core", "web-" };
	char file[2][CRASHDIR_NAME];

	begin();
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		touch(others[i]);
	touch("web-20000101T000000.core");
	touch("web-20000101T000000-1.core");
	touch("web-20000101T000001.core");
	CHECK(mkdir(in("web-20000101T000002.core"), 0700) == 0);
	CHECK(symlink("web-", in("web-20000101T000003.core")) == 0);
	keep("web", 3, file[0]);
	CHECK(!is_there("web-20000101T000000.core"));
	CHECK(is_there("web-20000101T000000-1.core"));
	CHECK(is_there("web-20000101T000001.core"));
	keep("web", 2, file[1]);
	CHECK(strcmp(file[0], file[1]) != 0);
	CHECK(is_there(file[0]) && is_there(file[1]));
	CHECK(!is_there("web-20000101T000000-1.core"));
	CHECK(!is_there("web-20000101T000001.core"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CHECK(is_there(others[i]));
	CHECK(is_there("web-20000101T000002.core"));
	CHECK(is_there("web-20000101T000003.core"));
	end();
}

static void
many_in_one_second(void)
{
	char file[CRASHDIR_NAME];

	begin();
	for (int i = 0; i < 8; i++)
		keep("x", 3, file);
	CHECK(is_there(file));
	end();
}

/* Somebody fills his folder: the daemon does not do all of it at once. */
static void
very_many(void)
{
	char file[CRASHDIR_NAME], name[CRASHDIR_NAME];
	unsigned int left = 0;
	int dir_fd;

	begin();
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(dir_fd != -1);
	for (unsigned int i = 0; i < CRASHDIR_DUMPS + 500; i++) {
		snprintf(name, sizeof(name), "x-20000101T%06u.core", i);
		REQUIRE(mknodat(dir_fd, name, S_IFREG | 0600, 0) == 0);
	}
	keep("x", 1, file);
	for (unsigned int i = 0; i < CRASHDIR_DUMPS + 500; i++) {
		snprintf(name, sizeof(name), "x-20000101T%06u.core", i);
		left += faccessat(dir_fd, name, F_OK, 0) == 0;
	}
	CHECK(left >= 500);
	CHECK(left < 600);
	CHECK(is_there(file));
	keep("x", 1, file);
	CHECK(is_there(file));
	CHECK(unlink(in(file)) == 0);
	close(dir_fd);
	CHECK(rmdir(dir) == 0);
	CHECK(mkdir(dir, 0700) == 0);
	end();
}

static void
wrong_folders(void)
{
	char real[PATH_MAX], file[CRASHDIR_NAME];
	int fd = -1;

	begin();
	strcpy(real, dir);
	REQUIRE(crashdir_make(real, getuid(), &fd) == VM_ERROR_OK);
	strcat(dir, "/none");
	CHECK_EQ(crashdir_make(dir, getuid(), &fd), VM_ERROR_FILE_OPEN);
	CHECK_EQ(errno, ENOENT);
	CHECK(crashdir_keep(dir, getuid(), fd, "web", 1, file) == -1);
	strcpy(dir, real);
	touch("file");
	CHECK_EQ(crashdir_make(in("file"), getuid(), &fd), VM_ERROR_FILE_OPEN);
	CHECK_EQ(errno, ENOTDIR);
	CHECK(mkdir(in("sub"), 0700) == 0);
	CHECK(symlink("sub", in("link")) == 0);
	CHECK_EQ(crashdir_make(in("link"), getuid(), &fd), VM_ERROR_FILE_OPEN);
	CHECK_EQ(errno, ELOOP);
	CHECK(symlink(".", in("way")) == 0);
	CHECK_EQ(
	    crashdir_make(in("way/sub"), getuid(), &fd), VM_ERROR_FILE_OPEN);
	CHECK_EQ(errno, ELOOP);
	if (getuid() == 0) {
		CHECK(chown(in("sub"), 1, 1) == 0);
		CHECK_EQ(crashdir_make(in("sub"), 2, &fd), VM_ERROR_FILE_OWNER);
		CHECK_EQ(crashdir_make(in("sub"), 1, &fd), VM_ERROR_OK);
		close(fd);
	}
	CHECK_EQ(crashdir_make("/proc", 0, &fd), VM_ERROR_FILE_UNNAMED);
	end();
}

int
main(void)
{
	TEST(a_file_has_no_name_until_it_is_kept);
	TEST(the_newest_stay);
	TEST(many_in_one_second);
	TEST(very_many);
	TEST(wrong_folders);
	return CHECK_EXIT();
}
