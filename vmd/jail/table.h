/* SPDX-License-Identifier: ISC */
/*
 * The tables behind the sandbox, for the files of this folder and for the
 * tests.  A system call is allowed because a row says so, and the row says
 * why.  Adding one: a ROW() in the rules_*.c of its subject; the printed
 * tables and regress/sandbox follow by themselves.
 *
 * A filter is inherited by every process below, so that the filter of a role
 * that spawns others also holds the rows of those others (roles.c: spawns).
 */
#ifndef JAIL_TABLE_H
#define JAIL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "jail/role_id.h"

/* A sanitizer's runtime makes calls of its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define JAIL_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define JAIL_SANITIZED 1
#endif
#endif

/* Short names of the role bits, for the tables. */
#define P ROLE_BIT(ROLE_PARENT)
#define R ROLE_BIT(ROLE_PRIV)
#define C ROLE_BIT(ROLE_CONTROL)
#define S ROLE_BIT(ROLE_SUPERVISOR)
#define V ROLE_BIT(ROLE_VM)
#define B ROLE_BIT(ROLE_BLK)
#define N ROLE_BIT(ROLE_NET)
#define U ROLE_BIT(ROLE_USERNET)
#define ALL (P | R | C | S | V | B | N | U)
#define SPAWNED (ALL & ~P)
#define SPAWNERS (P | S)

enum jail_phase {
	PHASE_START, /* exec to the closing of the jail: spawners need it */
	PHASE_SETUP, /* until jail_seal() */
	PHASE_RUN, /* until the end */
};

/* One test of one argument: (argument & mask) == value. */
struct jail_arg {
	bool used;
	bool self; /* the value is the process's own id */
	uint8_t index;
	uint64_t mask;
	uint64_t value;
};

#define JAIL_ARGS 3

/* All tests of a row must hold; the rows of one call are alternatives. */
struct jail_row {
	uint32_t roles;
	enum jail_phase phase;
	int nr;
	const char *name;
	int error; /* 0: allowed; else the call fails with this errno */
	bool leaf; /* spawners have a row of their own instead */
	struct jail_arg args[JAIL_ARGS];
	const char *reason;
};

#define ROW(roles_, phase_, call, reason_)                                    \
	{                                                                     \
		.roles = (roles_), .phase = PHASE_##phase_, .nr = SYS_##call, \
		.name = #call, .reason = reason_                              \
	}
#define ROW_IF(roles_, phase_, call, reason_, ...)                            \
	{                                                                     \
		.roles = (roles_), .phase = PHASE_##phase_, .nr = SYS_##call, \
		.name = #call, .reason = reason_, .args = {                   \
			__VA_ARGS__                                           \
		}                                                             \
	}
/* As ROW_IF; a role that spawns this one has a wider row for it. */
#define ROW_LEAF(roles_, phase_, call, reason_, ...)                          \
	{                                                                     \
		.roles = (roles_), .phase = PHASE_##phase_, .nr = SYS_##call, \
		.name = #call, .reason = reason_, .leaf = true, .args = {     \
			__VA_ARGS__                                           \
		}                                                             \
	}
/* Not allowed, but the caller is told so and lives. */
#define ROW_FAIL(roles_, phase_, call, error_, reason_)                       \
	{                                                                     \
		.roles = (roles_), .phase = PHASE_##phase_, .nr = SYS_##call, \
		.name = #call, .error = (error_), .reason = reason_           \
	}

/* int arguments: the kernel ignores the upper half of the register. */
#define ARG_INT(i, v)                                              \
	{                                                          \
		.used = true, .index = (i), .mask = 0xffffffffULL, \
		.value = (uint32_t)(v)                             \
	}
#define ARG_BITS(i, m, v)                                             \
	{                                                             \
		.used = true, .index = (i), .mask = (m), .value = (v) \
	}
#define ARG_LONG(i, v)                                                  \
	{                                                               \
		.used = true, .index = (i), .mask = ~0ULL, .value = (v) \
	}
#define ARG_SELF(i)                                       \
	{                                                 \
		.used = true, .self = true, .index = (i), \
		.mask = 0xffffffffULL                     \
	}

struct jail_rules {
	const struct jail_row *rows;
	size_t count;
};

/* Ended by NULL. */
extern const struct jail_rules *const jail_rules[];
extern const struct jail_rules jail_rules_base, jail_rules_file, jail_rules_kvm,
    jail_rules_net, jail_rules_proc;

/* What a role is, seccomp and paths aside. */
struct jail_role {
	const char *name;
	int namespaces; /* CLONE_NEW*, user namespaces come by need */
	uint32_t spawns; /* roles that are its direct children */
	uint64_t caps; /* capabilities it keeps, where it has them */
	bool drop_user; /* becomes jp_uid */
	bool empty_root; /* chroot to the empty directory */
	bool dies_with_parent;
	uint64_t landlock_net; /* TCP rights it gives up */
	bool landlock;
};
extern const struct jail_role jail_roles[ROLE__MAX];

struct jail_limit {
	uint32_t roles;
	int resource;
	const char *name;
	rlim_t value;
	const char *reason;
};
extern const struct jail_limit jail_limits[];
extern const size_t jail_limits_count;

/* A file or directory a role may use below its Landlock rules. */
struct jail_path {
	uint32_t roles;
	const char *path; /* PATH_EXE and PATH_LIBRARIES are special */
	uint64_t access; /* LANDLOCK_ACCESS_FS_* */
	const char *reason;
};
#define PATH_EXE "(binary)"
#define PATH_LIBRARIES "(libraries)"
extern const struct jail_path jail_paths[];
extern const size_t jail_paths_count;

/* All roles below `role`, not itself. */
uint32_t jail_descendants(enum role role);
/*
 * Whether the filter of `role` in `phase` (PHASE_SETUP or PHASE_RUN) holds
 * the row; *inherited says that it does for the sake of a child only.
 */
bool jail_row_applies(const struct jail_row *row, enum role role,
    enum jail_phase phase, bool *inherited);

#endif /* JAIL_TABLE_H */
