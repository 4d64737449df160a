/* SPDX-License-Identifier: ISC */
/*
 * The sockets for debuggers as a user of the host sees them: names, modes,
 * owners, what is left behind and what is not touched.
 */
#include "role/gdbsock.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "check.h"

static char dir[] = "/tmp/t_gdbsock.XXXXXX", folder[64];
static char path[VMD_GDB_MAX + 1];

static bool
exists(const char *name)
{
	struct stat sb;

	return lstat(name, &sb) == 0;
}

static mode_t
mode_of(const char *name)
{
	struct stat sb;

	return lstat(name, &sb) == 0 ? sb.st_mode : 0;
}

static bool
answers(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	r = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	close(fd);
	return r == 0;
}

static void
a_folder_beside_the_control_socket(void)
{
	static const char *const rows[][2] = {
		{ "/run/vmd.sock", "/run/vmd.gdb" },
		{ "/tmp/s", "/tmp/s.gdb" },
		{ ".sock", ".sock.gdb" },
		{ "/a/b.sock/c", "/a/b.sock/c.gdb" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *made = gdbsock_folder(rows[i][0]);

		CHECK_STR(made, rows[i][1]);
		free(made);
	}
}

static void
it_is_its_owners_alone(void)
{
	mode_t old = umask(0);
	struct stat sb;
	int fd = gdbsock_open(folder, "web1", geteuid(), path);

	umask(old);
	REQUIRE(fd != -1);
	CHECK(answers(path));
	CHECK_EQ(mode_of(path), S_IFSOCK | 0600);
	CHECK_EQ(mode_of(folder), S_IFDIR | (geteuid() == 0 ? 0711 : 0700));
	CHECK(fstat(fd, &sb) == 0 && sb.st_uid == geteuid());
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	close(fd);
	/* The name is there until it is removed, and then the folder is not. */
	CHECK(exists(path) && !answers(path));
	gdbsock_remove(folder, path);
	CHECK_STR(path, "");
	CHECK(!exists(folder));
	gdbsock_remove(folder, path);
}

static void
it_is_given_to_a_user(void)
{
	struct stat sb;
	int fd;

	if (geteuid() != 0)
		SKIP("needs root");
	fd = gdbsock_open(folder, "web1", 4242, path);
	REQUIRE(fd != -1);
	CHECK(lstat(path, &sb) == 0 && sb.st_uid == 4242);
	CHECK_EQ(sb.st_mode, S_IFSOCK | 0600);
	CHECK(fstat(fd, &sb) == 0 && sb.st_uid == 4242);
	CHECK(stat(folder, &sb) == 0 && sb.st_uid == 0);
	close(fd);
	gdbsock_remove(folder, path);
}

static void
several_share_the_folder(void)
{
	char other[VMD_GDB_MAX + 1];
	int a = gdbsock_open(folder, "a", geteuid(), path);
	int b = gdbsock_open(folder, "b", geteuid(), other);

	REQUIRE(a != -1 && b != -1);
	gdbsock_remove(folder, path);
	CHECK(exists(folder) && answers(other));
	gdbsock_remove(folder, other);
	CHECK(!exists(folder));
	close(a);
	close(b);
}

static void
what_is_left_over_is_swept(void)
{
	char other[80];
	int fd = gdbsock_open(folder, "killed", geteuid(), path);

	REQUIRE(fd != -1);
	close(fd);
	/* The same name is taken over, without a sweep as well. */
	fd = gdbsock_open(folder, "killed", geteuid(), path);
	CHECK(fd != -1 && answers(path));
	close(fd);
	snprintf(other, sizeof(other), "%s/file", folder);
	fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(fd != -1);
	close(fd);
	gdbsock_sweep(folder);
	CHECK(!exists(path));
	CHECK(exists(other)); /* none of ours */
	unlink(other);
	gdbsock_sweep(folder);
	CHECK(!exists(folder));
	gdbsock_sweep(folder);
}

static void
refused(int error)
{
	errno = 0;
	CHECK_EQ(gdbsock_open(folder, "web1", geteuid(), path), -1);
	CHECK_EQ(errno, error);
	CHECK(strstr(path, "/web1") != NULL);
}

static void
a_folder_of_others_is_not_used(void)
{
	char target[80], victim[96];
	int fd;

	snprintf(target, sizeof(target), "%s/target", dir);
	snprintf(victim, sizeof(victim), "%s/sock", target);
	CHECK(mkdir(target, 0700) == 0 && symlink(target, folder) == 0);
	refused(EPERM);
	/* Nor swept. */
	fd = gdbsock_open(target, "sock", geteuid(), path);
	CHECK(fd != -1);
	gdbsock_sweep(folder);
	CHECK(exists(victim));
	close(fd);
	gdbsock_remove(target, path);
	unlink(folder);
	CHECK(mkdir(folder, 0700) == 0 && chmod(folder, 0777) == 0);
	refused(EPERM);
	CHECK(chmod(folder, 0700) == 0);
	if (geteuid() == 0) {
		CHECK(chown(folder, 4242, (gid_t)-1) == 0);
		refused(EPERM);
	}
	CHECK(rmdir(folder) == 0);
	fd = open(folder, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(fd != -1);
	close(fd);
	refused(EPERM);
	unlink(folder);
	rmdir(target);
}

static void
a_path_has_a_length(void)
{
	char name[VMD_GDB_MAX];
	size_t room = VMD_GDB_MAX - strlen(folder) - 1;
	int fd;

	memset(name, 'n', sizeof(name));
	name[room] = '\0';
	fd = gdbsock_open(folder, name, geteuid(), path);
	REQUIRE(fd != -1);
	CHECK_EQ(strlen(path), VMD_GDB_MAX);
	close(fd);
	gdbsock_remove(folder, path);
	name[room] = 'n';
	name[room + 1] = '\0';
	CHECK_EQ(gdbsock_open(folder, name, geteuid(), path), -1);
	CHECK_EQ(errno, ENAMETOOLONG);
	CHECK(!exists(folder));
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(folder, sizeof(folder), "%s/vmd.gdb", dir);
	TEST(a_folder_beside_the_control_socket);
	TEST(it_is_its_owners_alone);
	TEST(it_is_given_to_a_user);
	TEST(several_share_the_folder);
	TEST(what_is_left_over_is_swept);
	TEST(a_folder_of_others_is_not_used);
	TEST(a_path_has_a_length);
	rmdir(dir);
	return CHECK_EXIT();
}
