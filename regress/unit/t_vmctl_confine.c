/* SPDX-License-Identifier: ISC */
/*
 * vmctl's sandbox: what each level lets through, and what it does not.  Each
 * test is a process of its own, since there is no way back.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"
#include "confine.h"

static int
opens(const char *path, int mode)
{
	int fd = open(path, mode | O_NOCTTY | O_CLOEXEC, 0600);

	if (fd == -1)
		return errno;
	close(fd);
	return 0;
}

static void
common(void)
{
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CHECK_EQ(opens("/tmp/vmctl-confine", O_WRONLY | O_CREAT), EACCES);
	CHECK_EQ(opens("/dev/null", O_WRONLY), EACCES);
	CHECK(execl("/bin/true", "true", (char *)NULL) == -1);
	CHECK_EQ(errno, EACCES);
}

static void
nothing(void)
{
	REQUIRE(confine_enter(CONFINE_NOTHING, -1) > 0);
	common();
	CHECK_EQ(opens("/etc/passwd", O_RDONLY), EACCES);
	CHECK_EQ(opens("/", O_RDONLY), EACCES);
}

static void
terminals(void)
{
	struct termios modes;
	char tty[64];
	int master, slave, fd;

	/* Made before, as the daemon's are. */
	REQUIRE(openpty(&master, &slave, tty, NULL, NULL) == 0);
	REQUIRE(confine_enter(CONFINE_TERMINALS, -1) > 0);
	common();
	CHECK_EQ(opens("/etc/passwd", O_RDONLY), EACCES);
	fd = open(tty, O_RDWR | O_NOCTTY);
	REQUIRE(fd != -1);
	CHECK(tcgetattr(fd, &modes) == 0);
	CHECK(tcsetattr(fd, TCSANOW, &modes) == 0);
	CHECK(tcflush(fd, TCOFLUSH) == 0);
}

static void
reading(void)
{
	REQUIRE(confine_enter(CONFINE_READ, -1) > 0);
	common();
	CHECK_EQ(opens("/etc/passwd", O_RDONLY), 0);
	CHECK_EQ(opens("/etc/passwd", O_RDWR), EACCES);
}

static int
links(int fd, int dir_fd, const char *name)
{
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, dir_fd, name, AT_SYMLINK_FOLLOW) == -1
	    ? errno
	    : 0;
}

/* A file that is open gets its name, or takes another's place. */
static void
making(void)
{
	char here[] = "/tmp/vmctl-confine.XXXXXX";
	char there[] = "/tmp/vmctl-confine.XXXXXX";
	int dir_fd, fd;

	REQUIRE(mkdtemp(here) != NULL && mkdtemp(there) != NULL);
	dir_fd = open(here, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	REQUIRE(dir_fd != -1 && fd != -1);
	REQUIRE(confine_enter(CONFINE_MAKE, dir_fd) > 0);
	common();
	CHECK_EQ(opens("/etc/passwd", O_RDONLY), EACCES);
	CHECK_EQ(links(fd, AT_FDCWD, "/tmp/vmctl-confine"), EACCES);
	CHECK_EQ(links(fd, dir_fd, "a"), 0);
	CHECK_EQ(links(fd, dir_fd, "a"), EEXIST);
	CHECK_EQ(links(fd, dir_fd, "b"), 0);
	CHECK(renameat(dir_fd, "a", dir_fd, "c") == 0);
	CHECK(openat(dir_fd, "c", O_RDONLY | O_CLOEXEC) == -1);
	CHECK(unlinkat(dir_fd, "b", 0) == 0);
	CHECK(unlinkat(dir_fd, "c", 0) == 0);
	CHECK(rmdir(there) == -1);
}

static void
others(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	pid_t parent = getppid();
	int version = confine_enter(CONFINE_NOTHING, -1);

	REQUIRE(version > 0);
	if (version >= 4) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		sin.sin_port = htons(9);
		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		CHECK(connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1);
		CHECK_EQ(errno, EACCES);
	}
	if (version >= 6) {
		CHECK(kill(parent, 0) == -1);
		CHECK_EQ(errno, EPERM);
	}
	CHECK(kill(getpid(), 0) == 0);
}

/* Runs fn in a child, whose failed checks it has printed. */
static void
in_child(void (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
			_exit(77);
		fn();
		fflush(stdout);
		_exit(check_failed != 0);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("no Landlock in this kernel");
	CHECK_EQ(status, 0);
}

static void
level_nothing(void)
{
	in_child(nothing);
}

static void
level_terminals(void)
{
	in_child(terminals);
}

static void
level_reading(void)
{
	in_child(reading);
}

static void
level_making(void)
{
	in_child(making);
	CHECK(system("rmdir /tmp/vmctl-confine.??????") == 0);
}

static void
beyond_files(void)
{
	in_child(others);
}

int
main(void)
{
	TEST(level_nothing);
	TEST(level_terminals);
	TEST(level_reading);
	TEST(level_making);
	TEST(beyond_files);
	return CHECK_EXIT();
}
