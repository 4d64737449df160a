/* SPDX-License-Identifier: ISC */
/*
 * Starts every role the way the daemon does and looks at it from outside, in
 * /proc, and from inside, by what it can still reach: as root, as an ordinary
 * user, as root on a host that forbids user namespaces to others, and in a
 * chroot, where the kernel forbids them to all.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>

#include "check.h"
#include "player.h"
#include "jail/table.h"

#define OTHER_UID 65533
#define CAP(c) (1ULL << (c))
#define NS_MISSING                                          \
	(1U << JAIL_PART_USERNS | 1U << JAIL_PART_PIDNS |   \
	    1U << JAIL_PART_MNTNS | 1U << JAIL_PART_IPCNS | \
	    1U << JAIL_PART_UTSNS | 1U << JAIL_PART_NETNS)

/* A kind of host, and of daemon. */
struct host {
	const char *name;
	bool root; /* the daemon is root's */
	bool chrooted;
	unsigned int flags; /* for the supervisor */
	uint64_t supervisor_caps;
	uint32_t may_lack; /* bits of the report that must be set */
};

static const struct host hosts[] = {
	{ .name = "root", .root = true },
	{ .name = "user" },
	{ .name = "root, user namespaces for root only",
	    .root = true,
	    .flags = JAIL_KEEP_ROOT | JAIL_KEEP_NS,
	    .supervisor_caps = CAP(CAP_SYS_CHROOT) | CAP(CAP_SYS_ADMIN) },
	{ .name = "root in a chroot",
	    .root = true,
	    .chrooted = true,
	    .flags = JAIL_KEEP_ROOT,
	    .supervisor_caps = CAP(CAP_SYS_CHROOT),
	    .may_lack = NS_MISSING },
	{ .name = "user in a chroot",
	    .chrooted = true,
	    .may_lack = NS_MISSING | 1U << JAIL_PART_ROOT },
};

static const struct host *host;
static enum role role;
static int root_fd = -1, exe_fd = -1;

/* --- from outside -------------------------------------------------------- */

/* The text behind "Name:" in /proc/PID/status, or "". */
static const char *
status_line(pid_t pid, const char *name)
{
	static char line[256];
	char path[64];
	size_t len = strlen(name);
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if ((file = fopen(path, "re")) == NULL)
		return "";
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, name, len) == 0 && line[len] == ':') {
			fclose(file);
			return line + len + 1;
		}
	fclose(file);
	return "";
}

static uint64_t
status_caps(pid_t pid, const char *name)
{
	const char *text = status_line(pid, name);

	CHECK(text[0] != '\0');
	return strtoull(text, NULL, 16);
}

static uint64_t
caps_expected(void)
{
	if (role == ROLE_SUPERVISOR)
		return host->supervisor_caps;
	return host->root ? jail_roles[role].caps : 0;
}

static void
look_at_privileges(pid_t pid)
{
	uint64_t caps = caps_expected();
	const char *ids;

	CHECK_EQ(strtol(status_line(pid, "NoNewPrivs"), NULL, 10), 1);
	CHECK_EQ(strtol(status_line(pid, "Seccomp"), NULL, 10), 2);
	CHECK_EQ(status_caps(pid, "CapPrm"), caps);
	CHECK_EQ(status_caps(pid, "CapEff"), caps);
	CHECK_EQ(status_caps(pid, "CapInh"), 0);
	CHECK_EQ(status_caps(pid, "CapAmb"), 0);
	/* Emptied with CAP_SETPCAP, which the supervisor does not pass on. */
	if (host->root || !host->chrooted)
		CHECK_EQ(status_caps(pid, "CapBnd") &
			~(jail_roles[role].caps | host->supervisor_caps),
		    0);
	ids = status_line(pid, "Uid");
	CHECK_EQ(strtol(ids, NULL, 10),
	    role == ROLE_PRIV && host->root ? 0 : OTHER_UID);
	ids = status_line(pid, "Groups");
	CHECK(role == ROLE_PRIV || strspn(ids, " \t\n") == strlen(ids));
}

static ino_t
namespace_of(const char *who, const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s/ns/%s", who, name);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void
look_at_namespaces(pid_t pid)
{
	static const struct {
		const char *name;
		int flag;
	} kinds[] = { { "pid", CLONE_NEWPID }, { "mnt", CLONE_NEWNS },
		{ "ipc", CLONE_NEWIPC }, { "uts", CLONE_NEWUTS },
		{ "net", CLONE_NEWNET } };
	char who[16];

	snprintf(who, sizeof(who), "%d", pid);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		ino_t ours = namespace_of("self", kinds[i].name);
		ino_t its = namespace_of(who, kinds[i].name);
		bool own = jail_roles[role].namespaces & kinds[i].flag;

		REQUIRE(ours != 0 && its != 0);
		/* What the supervisor has, the roles below it share. */
		if (own && !(host->may_lack & NS_MISSING))
			CHECK(its != ours);
		else if (!own && kinds[i].flag == CLONE_NEWNET)
			CHECK(its == ours);
	}
}

static int
entries_of(pid_t pid, const char *what)
{
	char path[64];
	DIR *dir;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	if ((dir = opendir(path)) == NULL)
		return -1;
	for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir))
		count +=
		    strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
	closedir(dir);
	return count;
}

static void
look_at_limits(pid_t pid)
{
	char path[64], line[256], want[80];
	bool core = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	REQUIRE((file = fopen(path, "re")) != NULL);
	snprintf(want, sizeof(want), "%-25s %-20s %-20s", "Max core file size",
	    "0", "0");
	while (fgets(line, sizeof(line), file) != NULL)
		core |= strncmp(line, want, strlen(want)) == 0;
	fclose(file);
	CHECK(core);
}

static void
look_from_outside(struct player *player)
{
	pid_t pid = player->pid;

	look_at_privileges(pid);
	look_at_limits(pid);
	/* The rest belongs to root: the process is not dumpable. */
	if (geteuid() != 0)
		return;
	look_at_namespaces(pid);
	/* 0, 1, 2, the socket; a spawner's root and binary. */
	CHECK_EQ(entries_of(pid, "fd"), role == ROLE_SUPERVISOR ? 6 : 4);
	if (jail_roles[role].empty_root &&
	    !(host->may_lack & 1U << JAIL_PART_ROOT))
		CHECK_EQ(entries_of(pid, "root"), 0);
}

/* --- from inside --------------------------------------------------------- */

static void
reach_files(struct player *player)
{
	static const char *const paths[] = { "/etc/passwd", "/etc/hostname",
#ifndef JAIL_SANITIZED /* reads them itself */
		"/proc/self/maps",
#endif
		"/dev/kvm", "/dev/null", "/tmp", "/", "../etc/passwd" };
	struct player_ask ask = { .op = PLAYER_OPEN };
	struct player_answer answer;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(ask.path, sizeof(ask.path), "%s", paths[i]);
		REQUIRE(player_ask(player, &ask, &answer, NULL) == 0);
		if (!CHECK_EQ(answer.value, -1))
			printf("# %s opens %s\n", role_name(role), paths[i]);
	}
	if (role != ROLE_USERNET || access("/etc/resolv.conf", R_OK) == -1)
		return;
	snprintf(ask.path, sizeof(ask.path), "/etc/resolv.conf");
	REQUIRE(player_ask(player, &ask, &answer, NULL) == 0);
	CHECK(answer.value >= 0);
}

/* Closes its end and sees whether the role died of a forbidden call. */
static void
expect_killed(struct player *player, long nr, const long *args)
{
	struct player_ask ask = { .op = PLAYER_CALL, .nr = nr };
	struct player_answer answer;
	int status;

	if (args != NULL)
		memcpy(ask.args, args, sizeof(ask.args));
	CHECK_EQ(player_ask(player, &ask, &answer, NULL), -1);
	if (player->pidfd != -1) {
		status = player_stop(player);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	} else
		close(player->sock);
}

static bool
may_be_sealed(enum role r)
{
	return r != ROLE_SUPERVISOR;
}

/* ftruncate and eventfd2 and so on differ; seccomp(2) itself tells. */
static void
seal(struct player *player)
{
	struct player_ask ask = { .op = PLAYER_CALL, .nr = SYS_seccomp };
	struct player_answer answer;

	ask.args[0] = -1;
	REQUIRE(player_ask(player, &ask, &answer, NULL) == 0);
	CHECK_EQ(answer.error, EINVAL);
	ask.op = PLAYER_SEAL;
	REQUIRE(player_ask(player, &ask, &answer, NULL) == 0);
	CHECK_EQ(answer.value, 0);
}

/* Takes the player and ends it. */
static void
examine(struct player *player)
{
	uint32_t lacks = player->hello.report.jr_missing;
	char text[512];

	CHECK_EQ(player->hello.value, 0);
	if (!CHECK_EQ(lacks & ~host->may_lack, 0))
		printf("# %s\n",
		    jail_report_text(
			&player->hello.report, text, sizeof(text)));
	if (role >= ROLE_VM && !(host->may_lack & NS_MISSING))
		CHECK_EQ(player->hello.pid, 1);
	look_from_outside(player);
	reach_files(player);
	if (may_be_sealed(role)) {
		seal(player);
		expect_killed(player, SYS_seccomp, NULL);
	} else
		expect_killed(player, SYS_ptrace, NULL);
}

/* --- the hosts ----------------------------------------------------------- */

static struct jail_spawn
spawn_of(enum role r)
{
	return (struct jail_spawn) {
		.js_role = r,
		.js_root_fd = root_fd,
		.js_exe_fd = exe_fd,
		.js_uid = host->root ? OTHER_UID : JAIL_SAME_UID,
		.js_gid = host->root ? OTHER_UID : (gid_t)-1,
		.js_flags = r == ROLE_SUPERVISOR ? host->flags : 0,
	};
}

static void
one_role(void)
{
	struct jail_spawn spawn = spawn_of(role);
	struct player player, supervisor;

	if (role < ROLE_VM) {
		REQUIRE(player_start(&player, &spawn) == 0);
		examine(&player);
		return;
	}
	spawn = spawn_of(ROLE_SUPERVISOR);
	REQUIRE(player_start(&supervisor, &spawn) == 0);
	if (CHECK(player_start_below(&supervisor, role, 0, &player) == 0))
		examine(&player);
	CHECK_EQ(player_stop(&supervisor), 0);
}

/* A root of another mount, from which no user namespace can be made. */
static bool
enter_chroot(void)
{
	char place[] = "/tmp/s_roles.XXXXXX";

	return unshare(CLONE_NEWNS) == 0 &&
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mkdtemp(place) != NULL &&
	    mount("/", place, NULL, MS_BIND | MS_REC, NULL) == 0 &&
	    chroot(place) == 0 && chdir("/") == 0;
}

static bool
become_host(void)
{
	if (host->chrooted && !enter_chroot())
		return false;
	if (!host->root &&
	    (setgroups(0, NULL) == -1 ||
		setresgid(OTHER_UID, OTHER_UID, OTHER_UID) == -1 ||
		setresuid(OTHER_UID, OTHER_UID, OTHER_UID) == -1))
		return false;
	root_fd = jail_empty_dir(NULL);
	exe_fd = jail_open_self();
	return root_fd != -1 && exe_fd != -1;
}

static int
roles_on_host(void)
{
	char name[128];

	if (!become_host())
		return 2;
	for (role = ROLE_PRIV; role < ROLE__MAX; role++) {
		snprintf(
		    name, sizeof(name), "%s, %s", role_name(role), host->name);
		check_run(name, one_role);
	}
	return CHECK_EXIT();
}

static void
on_host(const struct host *which)
{
	int status = 0;
	pid_t pid;

	host = which;
	fflush(stdout);
	if ((pid = fork()) == 0)
		exit(roles_on_host());
	if (pid == -1 || waitpid(pid, &status, 0) != pid ||
	    !WIFEXITED(status) || WEXITSTATUS(status) == 2)
		printf("not ok - %s: cannot set up the test\n", host->name);
	check_any_failed |= status != 0;
}

/* --- single facts -------------------------------------------------------- */

static void
end_of_the_supervisor_ends_all(void)
{
	struct jail_spawn spawn = spawn_of(ROLE_SUPERVISOR);
	struct player supervisor, vm;
	char byte;

	REQUIRE(player_start(&supervisor, &spawn) == 0);
	REQUIRE(player_start_below(&supervisor, ROLE_VM, 0, &vm) == 0);
	CHECK_EQ(kill(supervisor.pid, SIGKILL), 0);
	player_stop(&supervisor);
	CHECK_EQ(read(vm.sock, &byte, 1), 0);
	close(vm.sock);
}

static int
descriptors_open(void)
{
	return entries_of(getpid(), "fd");
}

static void
failed_spawn_leaves_nothing(void)
{
	struct jail_spawn spawn = spawn_of(ROLE_CONTROL);
	int before = descriptors_open(), file, pidfd;

	file = open("/dev/null", O_PATH | O_CLOEXEC);
	spawn.js_sock = STDIN_FILENO;
	spawn.js_exe_fd = file; /* no program */
	CHECK_EQ(jail_spawn(&spawn, &pidfd), -1);
	CHECK_EQ(errno, EACCES);
	spawn.js_exe_fd = 999; /* no descriptor */
	CHECK_EQ(jail_spawn(&spawn, &pidfd), -1);
	CHECK_EQ(errno, EBADF);
	spawn.js_role = ROLE_SUPERVISOR;
	spawn.js_flags = JAIL_KEEP_NS | JAIL_KEEP_ROOT;
	spawn.js_exe_fd = file;
	CHECK_EQ(jail_spawn(&spawn, &pidfd), -1);
	CHECK_EQ(errno, EACCES);
	spawn.js_role = ROLE_PARENT; /* is nobody's child */
	CHECK_EQ(jail_spawn(&spawn, &pidfd), -1);
	CHECK_EQ(errno, EINVAL);
	close(file);
	CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
	CHECK_EQ(errno, ECHILD);
	CHECK_EQ(descriptors_open(), before);
}

/* Given in reverse and from where the targets are. */
static void
descriptors_arrive_in_order(void)
{
	struct jail_spawn spawn = spawn_of(ROLE_CONTROL);
	struct player_ask ask = { .op = PLAYER_CALL, .nr = SYS_fcntl };
	struct player_answer answer;
	struct player player;
	int extra[3];

	for (int i = 0; i < 3; i++)
		extra[i] = open(i == 1 ? "/dev/null" : "/dev/zero",
		    (i == 1 ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	spawn.js_fds = extra;
	spawn.js_nfds = 3;
	REQUIRE(player_start(&player, &spawn) == 0);
	ask.args[1] = F_GETFL;
	for (int i = 0; i < 4; i++) {
		ask.args[0] = JAIL_FD_EXTRA + i;
		REQUIRE(player_ask(&player, &ask, &answer, NULL) == 0);
		if (i == 3)
			CHECK_EQ(answer.error, EBADF);
		else
			CHECK_EQ(answer.value & O_ACCMODE,
			    i == 1 ? O_RDWR : O_RDONLY);
	}
	for (int i = 0; i < 3; i++)
		close(extra[i]);
	CHECK_EQ(player_stop(&player), 0);
}

/* The parent is not spawned: it closes its own jail, and still opens. */
static void
parent_of(void)
{
	struct jail_params params = { .jp_uid = JAIL_SAME_UID,
		.jp_gid = (gid_t)-1,
		.jp_root_fd = root_fd,
		.jp_exe_fd = exe_fd };
	struct jail_spawn spawn = spawn_of(ROLE_CONTROL);
	struct jail_report report;
	struct player control;
	int status = 0;
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		int fd;

		if (jail_enter(ROLE_PARENT, &params, &report) == -1)
			_exit(1);
		if ((fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC)) == -1)
			_exit(2);
		close(fd);
		/* Starts a child as long as it lives. */
		if (player_start(&control, &spawn) == -1 ||
		    control.hello.value != 0 || player_stop(&control) != 0)
			_exit(3);
		syscall(SYS_ptrace, 0, 0, 0, 0);
		_exit(4);
	}
	REQUIRE(pid != -1 && waitpid(pid, &status, 0) == pid);
	if (!CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS))
		printf("# status %x\n", status);
}

/* JAIL_DEBUG: the end comes with a name. */
static void
debugging_names_the_call(void)
{
	struct jail_spawn spawn = spawn_of(ROLE_CONTROL);
	struct player_ask ask = { .op = PLAYER_CALL, .nr = SYS_ptrace };
	struct player_answer answer;
	struct player player;
	int saved = dup(STDERR_FILENO), pipes[2], rc, status;
	char text[256] = "";

	REQUIRE(pipe2(pipes, O_CLOEXEC) == 0);
	REQUIRE(dup2(pipes[1], STDERR_FILENO) == STDERR_FILENO);
	close(pipes[1]);
	spawn.js_flags = JAIL_DEBUG;
	rc = player_start(&player, &spawn);
	dup2(saved, STDERR_FILENO);
	close(saved);
	REQUIRE(rc == 0);
	CHECK_EQ(player_ask(&player, &ask, &answer, NULL), -1);
	status = player_stop(&player);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGSYS);
	CHECK(read(pipes[0], text, sizeof(text) - 1) > 0);
	CHECK(strstr(text, "(ptrace)") != NULL);
	close(pipes[0]);
}

static void
probe_answers(void)
{
	CHECK_EQ(jail_probe(JAIL_SAME_UID, (gid_t)-1), 0);
	CHECK_EQ(
	    jail_probe(OTHER_UID, OTHER_UID) & ~(JAIL_KEEP_ROOT | JAIL_KEEP_NS),
	    0);
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], JAIL_OPTION) == 0)
		player_main(argv[2]);
	if (geteuid() != 0) {
		printf("skip - sandbox of the roles: needs root\n");
		return 0;
	}
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		on_host(&hosts[i]);
	host = &hosts[0];
	if (!become_host())
		return 1;
	TEST(end_of_the_supervisor_ends_all);
	TEST(failed_spawn_leaves_nothing);
	TEST(descriptors_arrive_in_order);
	TEST(parent_of);
	TEST(debugging_names_the_call);
	TEST(probe_answers);
	return CHECK_EXIT();
}
