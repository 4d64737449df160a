/* SPDX-License-Identifier: ISC */
/*
 * What jail_spawn() promises beyond the jail: descriptors at their numbers,
 * nothing left behind by a failure, nobody left behind by a spawner that dies,
 * and a name for what was denied when one asks for it.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "check.h"
#include "entries.h"
#include "player.h"

#define OTHER_UID 65533

static int root_fd = -1, exe_fd = -1;

static struct jail_spawn
spawn_of(enum role r)
{
	return (struct jail_spawn) {
		.js_role = r,
		.js_root_fd = root_fd,
		.js_exe_fd = exe_fd,
		.js_uid = OTHER_UID,
		.js_gid = OTHER_UID,
	};
}

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

static void
failed_spawn_leaves_nothing(void)
{
	struct jail_spawn spawn = spawn_of(ROLE_CONTROL);
	int before = entries_fds(), file, pidfd;

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
	CHECK_EQ(entries_fds(), before);
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
		printf("skip - spawning of roles: needs root\n");
		return 0;
	}
	root_fd = jail_empty_dir(NULL);
	exe_fd = jail_open_self();
	TEST(end_of_the_supervisor_ends_all);
	TEST(failed_spawn_leaves_nothing);
	TEST(descriptors_arrive_in_order);
	TEST(debugging_names_the_call);
	TEST(probe_answers);
	return CHECK_EXIT();
}
