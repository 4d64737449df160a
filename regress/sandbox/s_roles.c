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
static uint32_t kernel_lacks; /* bits of the report, on any kind of host */
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

/* What an older kernel lacks; interface 6 came with 6.12. */
static uint32_t
landlock_lacks(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	uint32_t scope = 1U << JAIL_PART_SCOPE;

	return version < 1 ? scope | 1U << JAIL_PART_LANDLOCK
	    : version < 6  ? scope
			   : 0;
}

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

	if ((kernel_lacks & 1U << JAIL_PART_LANDLOCK) &&
	    !jail_roles[role].empty_root)
		SKIP("no Landlock: this role keeps the files of its user");
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
	if (!CHECK_EQ(lacks & ~(host->may_lack | kernel_lacks), 0))
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

/* In a jailed parent: starts all that it ever starts.  An exit status. */
static int
parent_plays(void)
{
	struct jail_params params = { .jp_uid = JAIL_SAME_UID,
		.jp_gid = (gid_t)-1,
		.jp_root_fd = root_fd,
		.jp_exe_fd = exe_fd };
	struct jail_report report;
	struct jail_spawn spawn;
	struct player control, supervisor, vm;
	uint32_t lacks;
	int fd;

	if (jail_enter(ROLE_PARENT, &params, &report) == -1)
		return 1;
	if ((fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC)) == -1)
		return 2;
	close(fd);
	spawn = spawn_of(ROLE_CONTROL);
	if (player_start(&control, &spawn) == -1)
		return 3;
	spawn = spawn_of(ROLE_SUPERVISOR);
	if (player_start(&supervisor, &spawn) == -1)
		return 4;
	if (player_start_below(&supervisor, ROLE_VM, 0, &vm) == -1)
		return 5;
	if (control.hello.value != 0 || supervisor.hello.value != 0 ||
	    vm.hello.value != 0)
		return 6;
	lacks = control.hello.report.jr_missing |
	    supervisor.hello.report.jr_missing | vm.hello.report.jr_missing;
	if ((lacks & ~(host->may_lack | kernel_lacks)) != 0)
		return 7;
	player_stop(&vm);
	if (player_stop(&supervisor) != 0 || player_stop(&control) != 0)
		return 8;
	return 0;
}

/*
 * The parent is not spawned: it closes its own jail, still opens files, and
 * replaces a child that has died.
 */
static void
jailed_parent(void)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		int failed = parent_plays();

		if (failed != 0)
			_exit(failed);
		syscall(SYS_ptrace, 0, 0, 0, 0);
		_exit(100);
	}
	REQUIRE(pid != -1 && waitpid(pid, &status, 0) == pid);
	if (!CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS))
		printf("# status %x\n", status);
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
	snprintf(name, sizeof(name), "jailed parent, %s", host->name);
	check_run(name, jailed_parent);
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

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], JAIL_OPTION) == 0)
		player_main(argv[2]);
	if (geteuid() != 0) {
		printf("skip - sandbox of the roles: needs root\n");
		return 0;
	}
	kernel_lacks = landlock_lacks();
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		on_host(&hosts[i]);
	return CHECK_EXIT();
}
