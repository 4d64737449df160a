/* SPDX-License-Identifier: ISC */
/*
 * The sandbox's tables and texts.  What the kernel makes of them is tried in
 * regress/sandbox.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "check.h"
#include "entries.h"
#include "jail/internal.h"

/*
 * A second opinion on the tables: calls that no row may ever give to these
 * roles, whatever the reason it states.  PHASE_START rows are not a role's
 * own, so that a spawner's inheritance does not show here.
 */
static const struct {
	uint32_t roles;
	int nr;
	const char *name;
} never[] = {
	{ ALL, SYS_ptrace, "ptrace" },
	{ ALL, SYS_process_vm_writev, "process_vm_writev" },
	{ ALL, SYS_bpf, "bpf" },
	{ ALL, SYS_userfaultfd, "userfaultfd" },
	{ ALL, SYS_perf_event_open, "perf_event_open" },
	{ ALL, SYS_init_module, "init_module" },
	{ ALL, SYS_finit_module, "finit_module" },
	{ ALL, SYS_kexec_load, "kexec_load" },
	{ ALL, SYS_reboot, "reboot" },
	{ ALL, SYS_mount, "mount" },
	{ ALL, SYS_umount2, "umount2" },
	{ ALL, SYS_pivot_root, "pivot_root" },
	{ ALL, SYS_setns, "setns" },
	{ ALL, SYS_unshare, "unshare" },
	{ ALL, SYS_keyctl, "keyctl" },
	{ ALL, SYS_add_key, "add_key" },
	{ ALL, SYS_open_by_handle_at, "open_by_handle_at" },
	{ ALL, SYS_pidfd_getfd, "pidfd_getfd" },
	{ ALL, SYS_iopl, "iopl" },
	{ ALL, SYS_mknod, "mknod" },
	{ ALL, SYS_execve, "execve" },
	{ ALL, SYS_fork, "fork" },
	{ ALL, SYS_vfork, "vfork" },
	{ SPAWNED, SYS_open, "open" },
	{ SPAWNED & ~U, SYS_openat, "openat" },
	{ SPAWNED, SYS_openat2, "openat2" },
	{ SPAWNED, SYS_creat, "creat" },
	{ SPAWNED, SYS_unlink, "unlink" },
	{ SPAWNED, SYS_rename, "rename" },
	{ SPAWNED, SYS_chmod, "chmod" },
	{ SPAWNED, SYS_setuid, "setuid" },
	{ ALL & ~(P | R | U), SYS_socket, "socket" },
	{ ALL & ~(P | U), SYS_connect, "connect" },
	{ ALL & ~(P | R | U), SYS_bind, "bind" },
	{ ALL & ~SPAWNERS, SYS_execveat, "execveat" },
	{ ALL & ~SPAWNERS, SYS_kill, "kill" },
	{ ALL & ~B, SYS_io_uring_setup, "io_uring_setup" },
	{ ALL & ~B, SYS_io_uring_enter, "io_uring_enter" },
	{ ALL, SYS_userfaultfd, "userfaultfd" },
};

/* The n-th row of all tables together, or NULL. */
static const struct jail_row *
row_at(size_t n)
{
	for (int i = 0; jail_rules[i] != NULL; i++) {
		if (n < jail_rules[i]->count)
			return &jail_rules[i]->rows[n];
		n -= jail_rules[i]->count;
	}
	return NULL;
}

static void
names(void)
{
	for (unsigned int r = 0; r < ROLE__MAX; r++) {
		REQUIRE(role_name(r) != NULL);
		CHECK_EQ(role_find(role_name(r)), r);
		CHECK(strlen(role_name(r)) < 16);
	}
	CHECK_EQ(role_find("root"), -1);
	CHECK_EQ(role_find(""), -1);
}

static void
rows_are_whole(void)
{
	const struct jail_row *row;

	for (size_t n = 0; (row = row_at(n)) != NULL; n++) {
		bool last_used = true;

		CHECK(row->roles != 0 && (row->roles & ~ALL) == 0);
		CHECK(row->nr >= 0 && row->nr < 1024);
		CHECK(row->reason != NULL && strlen(row->reason) > 2);
		CHECK(row->error == 0 || !row->args[0].used);
		for (int i = 0; i < JAIL_ARGS; i++) {
			const struct jail_arg *arg = &row->args[i];

			CHECK(!arg->used || last_used);
			CHECK((arg->value & ~arg->mask) == 0);
			CHECK(arg->index < 6);
			last_used = arg->used;
		}
	}
}

/* The compiler cannot express "these arguments, else an errno". */
static void
no_call_is_both_tested_and_refused(void)
{
	const struct jail_row *a, *b;

	for (size_t i = 0; (a = row_at(i)) != NULL; i++)
		for (size_t j = 0; a->error != 0 && (b = row_at(j)) != NULL;
		     j++)
			if (b->nr == a->nr && b->error == 0 &&
			    b->args[0].used &&
			    !CHECK((a->roles & b->roles) == 0))
				printf("# %s\n", a->name);
	CHECK(true);
}

static void
no_role_gets_what_none_may_have(void)
{
	const struct jail_row *row;

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		for (size_t j = 0; (row = row_at(j)) != NULL; j++)
			if (row->nr == never[i].nr &&
			    row->phase != PHASE_START && row->error == 0 &&
			    !CHECK((row->roles & never[i].roles) == 0))
				printf(
				    "# %s: %s\n", never[i].name, row->reason);
	CHECK(true);
}

/* Who has guest memory mapped may wait for pages, and the VM process alone puts
 * them there, by descriptors that it can make at its start only. */
static void
few_have_pages_on_demand(void)
{
	const struct jail_row *row;
	int found = 0;

	for (size_t n = 0; (row = row_at(n)) != NULL; n++) {
		uint32_t request = (uint32_t)row->args[0].value;

		if (row->nr != SYS_ioctl || !row->args[0].used ||
		    row->args[0].index != 1 ||
		    _IOC_TYPE(request) != USERFAULTFD_IOC)
			continue;
		found++;
		CHECK(row->args[0].mask == 0xffffffff);
		if (request == UFFDIO_COPY || request == UFFDIO_ZEROPAGE ||
		    request == UFFDIO_WAKE)
			CHECK(row->roles == V);
		else
			CHECK((row->roles == V && row->phase == PHASE_SETUP) ||
			    row->roles == (B | N));
	}
	CHECK_EQ(found, 9);
}

/* Memory that can be written and then run is what an exploit wants first. */
static void
nothing_new_becomes_executable(void)
{
	const struct jail_row *row;
	int found = 0;

	for (size_t n = 0; (row = row_at(n)) != NULL; n++) {
		if ((row->nr != SYS_mmap && row->nr != SYS_mprotect &&
			row->nr != SYS_pkey_mprotect) ||
		    row->phase == PHASE_START)
			continue;
		found++;
		CHECK(row->args[0].used && row->args[0].index == 2 &&
		    row->args[0].mask == 4 && row->args[0].value == 0);
	}
	CHECK_EQ(found, 2);
}

static void
set_up_ends(void)
{
	const struct jail_row *row;
	bool inherited;

	for (size_t n = 0; (row = row_at(n)) != NULL; n++) {
		bool own = row->roles & V;

		CHECK_EQ(
		    jail_row_applies(row, ROLE_VM, PHASE_SETUP, &inherited),
		    own && row->phase != PHASE_START);
		CHECK_EQ(jail_row_applies(row, ROLE_VM, PHASE_RUN, &inherited),
		    own && row->phase == PHASE_RUN);
		/* No new filter, guest memory or ring after the seal. */
		if (row->nr == SYS_seccomp || row->nr == SYS_memfd_create ||
		    row->nr == SYS_io_uring_setup ||
		    row->nr == SYS_io_uring_register)
			CHECK(row->phase != PHASE_RUN ||
			    (row->roles & ~SPAWNERS) == 0);
	}
}

static void
descendants(void)
{
	CHECK_EQ(jail_descendants(ROLE_PARENT), ALL & ~P);
	CHECK_EQ(jail_descendants(ROLE_SUPERVISOR), V | B | N | U);
	for (unsigned int r = ROLE_VM; r < ROLE__MAX; r++)
		CHECK_EQ(jail_descendants(r), 0);
}

static void
reports(void)
{
	struct jail_report a = { 0 }, b = { 0 };
	char text[512], small[20];

	CHECK_STR(jail_report_text(&a, text, sizeof(text)), "");
	report_missing(&a, JAIL_PART_LANDLOCK, EOPNOTSUPP);
	CHECK_STR(jail_report_text(&a, text, sizeof(text)),
	    "Landlock is not available here (Operation not supported)");
	report_missing(&b, JAIL_PART_USERNS, EPERM);
	report_missing(&b, JAIL_PART_NETNS, EPERM);
	jail_report_merge(&b, &a);
	CHECK_STR(jail_report_text(&b, text, sizeof(text)),
	    "namespaces are not available "
	    "here (Operation not permitted); Landlock is not available here "
	    "(Operation not supported)");
	/* A name, one byte short of it, and no room at all. */
	jail_report_text(&b, small, sizeof(small));
	CHECK_EQ(strlen(small), sizeof(small) - 1);
	small[0] = 'x';
	jail_report_text(&b, small, 0);
	CHECK_EQ(small[0], 'x');
}

static void
parameters_pass(void)
{
	struct jail_params in = { .jp_uid = 65533,
		.jp_gid = JAIL_SAME_UID,
		.jp_root_fd = -1,
		.jp_flags = JAIL_DEBUG };
	struct jail_params out;
	char env[JAIL_ENV_MAX];

	/* Stand-ins for the fixed descriptors. */
	for (int fd = JAIL_FD_SOCKET; fd <= JAIL_FD_EXE; fd++)
		REQUIRE(dup2(STDIN_FILENO, fd) == fd);
	for (int i = 0; i < JAIL_PART__MAX; i++)
		report_missing(&in.jp_spawned, i, 100 + i);
	jail_env_format(env, sizeof(env), &in);
	CHECK(strlen(env) < sizeof(env) - 1);
	REQUIRE(putenv(env) == 0);
	REQUIRE(jail_params_get(&out) == 0);
	CHECK_EQ(out.jp_uid, in.jp_uid);
	CHECK_EQ(out.jp_gid, in.jp_gid);
	CHECK_EQ(out.jp_root_fd, -1);
	CHECK_EQ(out.jp_flags, in.jp_flags);
	CHECK(memcmp(&out.jp_spawned, &in.jp_spawned, sizeof(in.jp_spawned)) ==
	    0);
	CHECK(getenv(JAIL_ENV) == NULL);
	CHECK(fcntl(JAIL_FD_SOCKET, F_GETFD) & FD_CLOEXEC);
	for (int fd = JAIL_FD_SOCKET; fd <= JAIL_FD_EXE; fd++)
		close(fd);
}

static void
parameters_of_others_are_refused(void)
{
	static const char *const values[] = { "", "1", "1,2,3",
		"a,0,0,0,0,0,0,0,0,0,0,0,0,0", "1,1,0,0,0,0,0,0,0,0,0,0,0,0,0",
		"-1,1,0,0,0,0,0,0,0,0,0,0,0,0",
		"4294967296,1,0,0,0,0,0,0,0,0,0,0,0,0",
		"1,1,0,0,0,0,0,0,0,0,0,0,0,0,", "1,1,,0,0,0,0,0,0,0,0,0,0,0" };
	struct jail_params params;

	unsetenv(JAIL_ENV);
	CHECK_EQ(jail_params_get(&params), -1);
	CHECK_EQ(errno, EINVAL);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		REQUIRE(setenv(JAIL_ENV, values[i], 1) == 0);
		if (!CHECK_EQ(jail_params_get(&params), -1))
			printf("# \"%s\"\n", values[i]);
		CHECK_EQ(errno, EINVAL);
		CHECK(getenv(JAIL_ENV) == NULL);
	}
}

static void
empty_directory(void)
{
	char place[] = "/tmp/t_jail.XXXXXX", path[64];
	struct stat st;
	int fd;

	REQUIRE(mkdtemp(place) != NULL);
	fd = jail_empty_dir(place);
	REQUIRE(fd != -1);
	/* "." and ".." are all that is left where it was made. */
	CHECK_EQ(entries_below(place), 2);
	rmdir(place);
	REQUIRE(fstat(fd, &st) == 0);
	CHECK(S_ISDIR(st.st_mode));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(st.st_mode & 0777, 0555);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(entries_below(path) <= 2);
	CHECK_EQ(openat(fd, "x", O_CREAT | O_WRONLY, 0600), -1);
	close(fd);
}

/* One line per row that applies, each with its reason. */
static void
printed_tables(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	REQUIRE(out != NULL);
	jail_print(out, ROLE_VM);
	fclose(out);
	CHECK(strstr(text, "vm: root empty\n") != NULL);
	CHECK(strstr(text, "vm: call ioctl arg1=0xae80 [run] the guest\n") !=
	    NULL);
	CHECK(strstr(text, "vm: call clone3 fails [run]") != NULL);
	CHECK(strstr(text, "vm: call memfd_create [setup] guest memory\n") !=
	    NULL);
	CHECK(strstr(text, "execveat") == NULL);
	free(text);
}

int
main(void)
{
	TEST(names);
	TEST(rows_are_whole);
	TEST(no_call_is_both_tested_and_refused);
	TEST(no_role_gets_what_none_may_have);
	TEST(few_have_pages_on_demand);
	TEST(nothing_new_becomes_executable);
	TEST(set_up_ends);
	TEST(descendants);
	TEST(reports);
	TEST(parameters_pass);
	TEST(parameters_of_others_are_refused);
	TEST(empty_directory);
	TEST(printed_tables);
	return CHECK_EXIT();
}
