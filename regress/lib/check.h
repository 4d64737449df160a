/* SPDX-License-Identifier: ISC */
/*
 * The checks of a test program.  Each TEST() prints one line, "ok - name",
 * "not ok - name: file:line: expression" or "skip - name: reason", which
 * regress/run counts.  A test that makes no check at all is a failure.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failed, check_count, check_any_failed;
static const char *check_skip_reason;

#define CHECK(expr) check_that((expr), #expr, __FILE__, __LINE__)
/* CHECK and leave the test function when it does not hold. */
#define REQUIRE(expr)             \
	do {                      \
		if (!CHECK(expr)) \
			return;   \
	} while (0)
#define CHECK_EQ(a, b) \
	check_eq(      \
	    (long long)(a), (long long)(b), #a " == " #b, __FILE__, __LINE__)
#define CHECK_STR(a, b) check_str((a), (b), #a, __FILE__, __LINE__)
/* The host lacks what this test needs: counted as skipped, by name. */
#define SKIP(reason)                          \
	do {                                  \
		check_skip_reason = (reason); \
		return;                       \
	} while (0)
#define TEST(fn) check_run(#fn, fn)
#define CHECK_EXIT() (check_any_failed ? 1 : 0)

static inline bool
check_that(bool ok, const char *what, const char *file, int line)
{
	check_count++;
	if (!ok) {
		check_failed++;
		printf("# %s:%d: %s\n", file, line, what);
	}
	return ok;
}

static inline bool
check_eq(long long a, long long b, const char *what, const char *file, int line)
{
	if (a != b)
		printf("# left %lld (0x%llx), right %lld (0x%llx)\n", a,
		    (unsigned long long)a, b, (unsigned long long)b);
	return check_that(a == b, what, file, line);
}

static inline bool
check_str(
    const char *a, const char *b, const char *what, const char *file, int line)
{
	bool same = a != NULL && b != NULL && strcmp(a, b) == 0;

	if (!same)
		printf("# got \"%s\", want \"%s\"\n", a ? a : "(null)",
		    b ? b : "(null)");
	return check_that(same, what, file, line);
}

static inline void
check_run(const char *name, void (*fn)(void))
{
	check_failed = check_count = 0;
	check_skip_reason = NULL;
	fn();
	if (check_failed == 0 && check_skip_reason != NULL)
		printf("skip - %s: %s\n", name, check_skip_reason);
	else if (check_failed == 0 && check_count > 0)
		printf("ok - %s\n", name);
	else {
		check_any_failed = 1;
		printf("not ok - %s: %s\n", name,
		    check_count == 0 ? "made no check" : "see the lines above");
	}
	fflush(stdout);
}

#endif /* CHECK_H */
