/* SPDX-License-Identifier: ISC */
/*
 * Tries every system call in every role, before and after the end of its
 * set-up, and compares what happens with the tables: killed, refused with
 * the row's errno, or let by.  Rows that test arguments are tried with
 * arguments that match and with near misses of each.
 *
 * The filters are stacked as in the daemon (parent, supervisor, role).  Below
 * them lies one more, loaded first, which turns every call the others let by
 * into an errno of its own: nothing tried here is ever carried out.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "check.h"
#include "jail/internal.h"

#define CALLS 490
#define TRIES_MAX 4096
#define PROGRAMS_MAX 4
#define LET_BY 4000 /* the errno of the lowest filter */
#define MAGIC 0x600df00dL
#define SELF 4242 /* the process id the role's filters are made for */
#define SPAWNER 4243 /* that of the processes above it */
/*
 * Entries for trampolines of the kernel's own: newer kernels never filter
 * them, and refuse them to everybody else.
 */
#define CALL_URETPROBE 335
#define CALL_UPROBE 336
#define X32 0x40000000L
#define I386 (-1L) /* a call by the 32-bit gate */

enum outcome { KILLED, REFUSED, ALLOWED };
static const char *const outcome_names[] = { "killed", "refused", "allowed" };

struct
try {
	long nr;
	uint64_t args[6];
	enum outcome expected;
	int error; /* REFUSED: with which errno */
};

/* Shared with the children: where they are, and what they met. */
struct shared {
	size_t at;
	int error[TRIES_MAX];
};

static struct sock_fprog programs[PROGRAMS_MAX];
static size_t programs_count;
static struct try tries[TRIES_MAX];
static size_t tries_count;
static struct shared *shared;
static bool i386;
static enum role role_now;
static enum jail_phase phase_now;

static long
call_i386(void)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
	return result;
}

/* Without it the attempt is a fault, filter or not. */
static bool
host_has_i386(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		_exit(call_i386() < 0);
	}
	return pid != -1 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* --- what the tables say ------------------------------------------------- */

/* An evaluation of the rows that shares nothing with the compiled filter. */
static bool
row_matches(const struct jail_row *row, const uint64_t args[6], bool inherited)
{
	for (int i = 0; i < JAIL_ARGS; i++) {
		const struct jail_arg *arg = &row->args[i];
		uint64_t value = arg->self ? SELF : arg->value;

		if (arg->used && !(arg->self && inherited) &&
		    (args[arg->index] & arg->mask) != value)
			return false;
	}
	return true;
}

static void
try_expect(struct try *t)
{
	t->expected = KILLED;
	for (int i = 0; jail_rules[i] != NULL; i++)
		for (size_t j = 0; j < jail_rules[i]->count; j++) {
			const struct jail_row *row = &jail_rules[i]->rows[j];
			bool inherited;

			if (row->nr != t->nr ||
			    !jail_row_applies(
				row, role_now, phase_now, &inherited) ||
			    !row_matches(row, t->args, inherited))
				continue;
			if (row->error == 0)
				t->expected = ALLOWED;
			else if (t->expected == KILLED) {
				t->expected = REFUSED;
				t->error = row->error;
			}
		}
}

static void
try_add(long nr, const uint64_t args[6])
{
	struct try *t = &tries[tries_count];

	if (!CHECK(tries_count < TRIES_MAX))
		return;
	memset(t, 0, sizeof(*t));
	t->nr = nr;
	memcpy(t->args, args, sizeof(t->args));
	try_expect(t);
	tries_count++;
}

/* Matching arguments, then each test missed by its lowest and highest bit. */
static void
tries_add_row(const struct jail_row *row)
{
	for (unsigned int fill = 0; fill < 2; fill++) {
		uint64_t args[6], changed[6];

		memset(args, fill ? 0xff : 0, sizeof(args));
		for (int i = 0; i < JAIL_ARGS; i++) {
			const struct jail_arg *arg = &row->args[i];

			if (arg->used)
				args[arg->index] =
				    (args[arg->index] & ~arg->mask) |
				    (arg->self ? SELF : arg->value);
		}
		try_add(row->nr, args);
		for (int i = 0; i < JAIL_ARGS; i++) {
			const struct jail_arg *arg = &row->args[i];

			if (!arg->used)
				continue;
			memcpy(changed, args, sizeof(changed));
			changed[arg->index] ^= arg->mask & -arg->mask;
			try_add(row->nr, changed);
			memcpy(changed, args, sizeof(changed));
			changed[arg->index] ^= arg->mask ^ (arg->mask >> 1);
			try_add(row->nr, changed);
		}
	}
}

/* Without a row, no argument can make a difference. */
static bool
has_row(long nr)
{
	for (int i = 0; jail_rules[i] != NULL; i++)
		for (size_t j = 0; j < jail_rules[i]->count; j++)
			if (jail_rules[i]->rows[j].nr == nr)
				return true;
	return false;
}

static void
tries_collect(void)
{
	const uint64_t bad[6] = { ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL };
	const uint64_t zero[6] = { 0 };
	bool inherited;

	tries_count = 0;
	for (long nr = 0; nr < CALLS; nr++) {
		if (nr == CALL_URETPROBE || nr == CALL_UPROBE)
			continue;
		try_add(nr, bad);
		if (has_row(nr))
			try_add(nr, zero);
	}
	try_add(X32 | SYS_getpid, bad);
	if (i386)
		try_add(I386, bad);
	for (int i = 0; jail_rules[i] != NULL; i++)
		for (size_t j = 0; j < jail_rules[i]->count; j++)
			if (jail_row_applies(&jail_rules[i]->rows[j], role_now,
				PHASE_SETUP, &inherited) &&
			    jail_rules[i]->rows[j].args[0].used)
				tries_add_row(&jail_rules[i]->rows[j]);
}

/* --- the filters --------------------------------------------------------- */

static int
program_add(enum role role, enum jail_phase phase, pid_t self)
{
	struct sock_fprog *program = &programs[programs_count++];
	off_t size;
	int fd;

	if ((fd = memfd_create("filter", MFD_CLOEXEC)) == -1 ||
	    filter_export(role, phase, self, fd) == -1 ||
	    (size = lseek(fd, 0, SEEK_END)) <= 0)
		return -1;
	program->len =
	    (unsigned short)((size_t)size / sizeof(struct sock_filter));
	program->filter =
	    mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return program->filter == MAP_FAILED ? -1 : 0;
}

/* Those of the spawners, outermost first, then the role's own. */
static int
programs_stack(void)
{
	programs_count = 0;
	for (unsigned int r = 0; r < ROLE__MAX; r++)
		if ((jail_descendants(r) & ROLE_BIT(role_now)) &&
		    program_add(r, PHASE_SETUP, SPAWNER) == -1)
			return -1;
	if (program_add(role_now, PHASE_SETUP, SELF) == -1)
		return -1;
	return phase_now == PHASE_RUN ? program_add(role_now, PHASE_RUN, SELF)
				      : 0;
}

#define LOAD(field) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)

/* Lets by: our own seccomp(2) and the end, known by an unused argument. */
static struct sock_filter lowest[] = {
	LOAD(nr),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 1, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 3),
	LOAD(args[5]),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAGIC, 0, 1),
	RETURN(SECCOMP_RET_ALLOW),
	RETURN(SECCOMP_RET_ERRNO | LET_BY),
};
static const struct sock_fprog lowest_program = {
	.len = sizeof(lowest) / sizeof(lowest[0]),
	.filter = lowest,
};

static void
end(long status)
{
	syscall(SYS_exit_group, status, 0, 0, 0, 0, MAGIC);
}

static void
program_load(const struct sock_fprog *program)
{
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program, 0, 0,
		MAGIC) != 0)
		end(2);
}

/* --- trying -------------------------------------------------------------- */

/* The child: from where the last one ended to the next call that kills. */
static void
tries_run(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	program_load(&lowest_program);
	for (size_t i = 0; i < programs_count; i++)
		program_load(&programs[i]);
	for (; shared->at < tries_count; shared->at++) {
		const struct try *t = &tries[shared->at];
		const uint64_t *a = t->args;

		errno = 0;
		if (t->nr == I386)
			errno = call_i386() < 0 ? 1 : 2;
		else
			syscall(t->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		shared->error[shared->at] = errno;
	}
	end(0);
}

/* seccomp(2) with all ones is our own as well, and fails by itself. */
static enum outcome
outcome_of(const struct try *t, int error, bool killed)
{
	if (killed)
		return KILLED;
	if (error == LET_BY || (t->nr == SYS_seccomp && error == EINVAL))
		return ALLOWED;
	return REFUSED;
}

static void
try_judge(size_t i, bool killed)
{
	const struct try *t = &tries[i];
	enum outcome got = outcome_of(t, shared->error[i], killed);

	if (CHECK(got == t->expected &&
		(got != REFUSED || shared->error[i] == t->error)))
		return;
	printf("# %s, %s: call %ld (%llx %llx %llx %llx) is %s (errno %d), "
	       "the table says %s (errno %d)\n",
	    role_name(role_now), phase_now == PHASE_RUN ? "run" : "setup",
	    t->nr, (unsigned long long)t->args[0],
	    (unsigned long long)t->args[1], (unsigned long long)t->args[2],
	    (unsigned long long)t->args[3], outcome_names[got],
	    shared->error[i], outcome_names[t->expected], t->error);
}

static void
every_call(void)
{
	int status = 0;

	tries_collect();
	REQUIRE(programs_stack() == 0);
	memset(shared, 0, sizeof(*shared));
	while (shared->at < tries_count) {
		size_t from = shared->at;
		pid_t pid = fork();

		REQUIRE(pid != -1);
		if (pid == 0)
			tries_run();
		REQUIRE(waitpid(pid, &status, 0) == pid);
		for (size_t i = from; i < shared->at; i++)
			try_judge(i, false);
		if (shared->at == tries_count) {
			CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
			break;
		}
		REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
		try_judge(shared->at++, true);
	}
	for (size_t i = 0; i < programs_count; i++)
		munmap(programs[i].filter,
		    programs[i].len * sizeof(struct sock_filter));
}

int
main(void)
{
	char name[64];

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	i386 = host_has_i386();
	for (unsigned int r = 0; r < ROLE__MAX; r++)
		for (int phase = PHASE_SETUP; phase <= PHASE_RUN; phase++) {
			role_now = r;
			phase_now = (enum jail_phase)phase;
			snprintf(name, sizeof(name), "every call: %s, %s",
			    role_name(r), phase == PHASE_RUN ? "run" : "setup");
			check_run(name, every_call);
		}
	return CHECK_EXIT();
}
