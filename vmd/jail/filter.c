/* SPDX-License-Identifier: ISC */
/*
 * Compiles the rows of a role into a seccomp filter and loads it.  Runs in
 * the process that is jailed, as the last step of jail_enter() and in
 * jail_seal().  Whatever no row allows ends the process.
 */
#include "jail/internal.h"

#include <errno.h>
#include <malloc.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CALLS_MAX 1024

/* What the rows of one system call come to. */
enum verdict {
	VERDICT_NONE,
	VERDICT_FAIL, /* an errno */
	VERDICT_SOME, /* allowed for some arguments */
	VERDICT_ANY, /* allowed for all arguments */
	VERDICT_DONE, /* its one rule has been added */
};

struct build {
	scmp_filter_ctx ctx;
	enum role role;
	enum jail_phase phase;
	pid_t self;
	uint8_t verdict[CALLS_MAX];
};

/*
 * A spawner cannot know its children's ids, so that a row it has for their
 * sake loses that test.
 */
static unsigned int
row_args(const struct build *build, const struct jail_row *row, bool inherited,
    struct scmp_arg_cmp cmp[JAIL_ARGS])
{
	unsigned int count = 0;

	for (int i = 0; i < JAIL_ARGS; i++) {
		const struct jail_arg *arg = &row->args[i];

		if (!arg->used || (arg->self && inherited))
			continue;
		cmp[count++] = (struct scmp_arg_cmp) {
			.arg = arg->index,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = arg->mask,
			.datum_b =
			    arg->self ? (uint32_t)build->self : arg->value,
		};
	}
	return count;
}

static enum verdict
row_verdict(const struct build *build, const struct jail_row *row)
{
	struct scmp_arg_cmp cmp[JAIL_ARGS];
	bool inherited;

	if (!jail_row_applies(row, build->role, build->phase, &inherited))
		return VERDICT_NONE;
	if (row->error != 0)
		return VERDICT_FAIL;
	return row_args(build, row, inherited, cmp) > 0 ? VERDICT_SOME
							: VERDICT_ANY;
}

static int
row_add(struct build *build, const struct jail_row *row)
{
	struct scmp_arg_cmp cmp[JAIL_ARGS];
	enum verdict verdict = row_verdict(build, row);
	unsigned int count = 0;
	bool inherited;

	if (verdict == VERDICT_NONE || verdict != build->verdict[row->nr])
		return 0;
	if (verdict == VERDICT_SOME) {
		jail_row_applies(row, build->role, build->phase, &inherited);
		count = row_args(build, row, inherited, cmp);
	} else
		build->verdict[row->nr] = VERDICT_DONE;
	return seccomp_rule_add_exact_array(build->ctx,
	    row->error != 0 ? SCMP_ACT_ERRNO((uint32_t)row->error)
			    : SCMP_ACT_ALLOW,
	    row->nr, count, cmp);
}

static int
rows_add(struct build *build)
{
	int error = 0;

	for (int i = 0; jail_rules[i] != NULL; i++)
		for (size_t j = 0; j < jail_rules[i]->count; j++) {
			const struct jail_row *row = &jail_rules[i]->rows[j];
			enum verdict verdict = row_verdict(build, row);

			if (verdict > build->verdict[row->nr])
				build->verdict[row->nr] = (uint8_t)verdict;
		}
	for (int i = 0; jail_rules[i] != NULL && error == 0; i++)
		for (size_t j = 0; j < jail_rules[i]->count && error == 0; j++)
			error = row_add(build, &jail_rules[i]->rows[j]);
	return error;
}

/* JAIL_DEBUG: says which call it was, then ends as without it. */
static void
denied(int sig, siginfo_t *info, void *context)
{
	char line[96], *name;
	int len;

	(void)context;
	name = seccomp_syscall_resolve_num_arch(
	    SCMP_ARCH_NATIVE, info->si_syscall);
	len = snprintf(line, sizeof(line),
	    "jail: system call %d (%s) is not in the table of this role\n",
	    info->si_syscall, name != NULL ? name : "unknown");
	if (len > 0 && write(STDERR_FILENO, line, (size_t)len) == -1)
		_exit(128 + sig);
	_exit(128 + sig);
}

static int
debug_prepare(void)
{
	struct sigaction action = { .sa_sigaction = denied,
		.sa_flags = SA_SIGINFO | SA_NODEFER };

	sigemptyset(&action.sa_mask);
	return sigaction(SIGSYS, &action, NULL);
}

/* jail_seal() goes on as jail_enter() began. */
static bool
debug_prepared(void)
{
	struct sigaction action;

	return sigaction(SIGSYS, NULL, &action) == 0 &&
	    (action.sa_flags & SA_SIGINFO) && action.sa_sigaction == denied;
}

static int
build_init(struct build *build, bool debug)
{
	uint32_t otherwise = debug ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS;
	int error;

	if ((build->ctx = seccomp_init(otherwise)) == NULL)
		return -ENOMEM;
	error = seccomp_attr_set(
	    build->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* jail_enter() has set no_new_privs; the sealed filter cannot. */
	if (error == 0)
		error = seccomp_attr_set(build->ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (error == 0 && build->phase == PHASE_RUN)
		error = seccomp_attr_set(build->ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (error == 0)
		error = rows_add(build);
	/* Each exit of a guest is an ioctl: tested first. */
	if (error == 0)
		error =
		    seccomp_syscall_priority(build->ctx, SCMP_SYS(ioctl), 255);
	return error;
}

static int
build_end(struct build *build, int error)
{
	seccomp_release(build->ctx);
	/* The filter took more memory to build than the role may ever use. */
	malloc_trim(0);
	if (error == 0)
		return 0;
	errno = -error;
	return -1;
}

int
filter_load(
    enum role role, enum jail_phase phase, pid_t self, unsigned int flags)
{
	struct build build = { .role = role, .phase = phase, .self = self };
	int error;

	if ((flags & JAIL_DEBUG) && debug_prepare() == -1)
		return -1;
	error = build_init(&build, debug_prepared());
	if (error == 0)
		error = seccomp_load(build.ctx);
	return build_end(&build, error);
}

int
filter_export(enum role role, enum jail_phase phase, pid_t self, int fd)
{
	struct build build = { .role = role, .phase = phase, .self = self };
	int error;

	error = build_init(&build, false);
	if (error == 0)
		error = seccomp_export_bpf(build.ctx, fd);
	return build_end(&build, error);
}
