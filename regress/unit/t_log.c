/* SPDX-License-Identifier: ISC */
/*
 * The log: levels, escaping, bounds, the sink, relayed lines and the limit on
 * lines a guest causes.
 */
#include "ipc/log.h"

#include <sys/wait.h>

#include <errno.h>
#include <unistd.h>

#include "check.h"

static char last[2 * LOG_LINE_MAX], last_process[64];
static enum log_level last_level;
static int lines;

static void
sink(enum log_level level, const char *process, const char *line, void *arg)
{
	(void)arg;
	last_level = level;
	snprintf(last, sizeof(last), "%s", line);
	snprintf(last_process, sizeof(last_process), "%s", process);
	lines++;
}

static void
start(void)
{
	log_init("test", LOG_TO_STDERR);
	log_set_sink(sink, NULL);
	log_setverbose(0);
	last[0] = '\0';
	lines = 0;
}

static void
subsystem_comes_first(void)
{
	start();
	log_warnx("vioblk", "vm %s: disk %d gone", "web1", 0);
	CHECK_STR(last, "vioblk: vm web1: disk 0 gone");
	CHECK_STR(last_process, "test");
	CHECK_EQ(last_level, LOG_LEVEL_WARN);
	log_procname("vm %s", "web1");
	log_info("parent", "hello");
	CHECK_STR(last_process, "vm web1");
	CHECK_EQ(last_level, LOG_LEVEL_INFO);
}

static void
warn_adds_and_keeps_errno(void)
{
	start();
	errno = ENOENT;
	log_warn("parent", "open");
	CHECK_STR(last, "parent: open: No such file or directory");
	CHECK_EQ(errno, ENOENT);
	errno = EPERM;
	log_info("parent", "text");
	CHECK_EQ(errno, EPERM);
}

static void
verbosity_selects_levels(void)
{
	start();
	log_debug("a", "no");
	log_trace("a", "no");
	CHECK_EQ(lines, 0);
	log_setverbose(1);
	CHECK_EQ(log_getverbose(), 1);
	log_debug("a", "yes");
	log_trace("a", "no");
	CHECK_EQ(lines, 1);
	log_setverbose(2);
	log_trace("a", "yes");
	CHECK_EQ(lines, 2);
	CHECK_EQ(last_level, LOG_LEVEL_TRACE);
}

static void
a_line_cannot_be_forged(void)
{
	start();
	log_warnx(
	    "client", "said %s", "x\nvmd: all is well\r\t\033[2J\x80\x9b");
	CHECK_STR(last,
	    "client: said x\\nvmd: all is well\\x0d\\t\\x1b[2J\\x80\\x9b");
	CHECK_EQ(lines, 1);
	log_procname("vm \n%s", "web1");
	log_info("a", "b");
	CHECK_STR(last_process, "vm \\nweb1");
}

static void
long_lines_are_cut(void)
{
	static char big[3 * LOG_LINE_MAX];

	start();
	memset(big, 'a', sizeof(big) - 1);
	log_warnx("x", "%s", big);
	CHECK_EQ(strlen(last), LOG_LINE_MAX - 1);
	CHECK_STR(last + LOG_LINE_MAX - 4, "...");
	errno = ENOENT;
	log_warn("x", "%s", big);
	CHECK_STR(
	    last + LOG_LINE_MAX - 1 - 30, "...: No such file or directory");
	memset(big, '\001', sizeof(big) - 1);
	log_warnx("x", "%s", big);
	CHECK(strlen(last) < LOG_LINE_MAX);
	memset(big, 's', sizeof(big) - 1);
	log_warnx(big, "%s", "text");
	CHECK(strlen(last) < LOG_LINE_MAX);
	log_procname("%s", big);
	CHECK_EQ(strlen(last_process), 4);
	log_warnx("x", "y");
	CHECK_EQ(strlen(last_process), LOG_NAME_MAX - 1);
}

static void
escape_fills_exactly(void)
{
	char out[8];

	CHECK_STR(log_escape(out, sizeof(out), "1234567", 7), "1234567");
	CHECK_STR(log_escape(out, sizeof(out), "12345678", 8), "1234...");
	CHECK_STR(log_escape(out, sizeof(out), "123\n\n", 5), "123\\n\\n");
	CHECK_STR(log_escape(out, sizeof(out), "1234\n\n", 6), "1234...");
	CHECK_STR(log_escape(out, 5, "\001", 1), "\\x01");
	CHECK_STR(log_escape(out, 5, "\001\001", 2), "...");
	CHECK_STR(log_escape(out, 5, "", 0), "");
}

static void
relayed_lines_are_not_believed(void)
{
	char name[40];

	start();
	log_relay(LOG_LEVEL_INFO, "blk0", "vioblk: fine\nforged", 19);
	CHECK_STR(last, "vioblk: fine\\nforged");
	CHECK_STR(last_process, "blk0");
	CHECK_EQ(last_level, LOG_LEVEL_INFO);
	log_relay(77, "blk0", "a\0b", 3);
	CHECK_EQ(last_level, LOG_LEVEL_WARN);
	CHECK_STR(last, "a\\x00b");
	lines = 0;
	log_relay(LOG_LEVEL_TRACE, "blk0", "x", 1);
	CHECK_EQ(lines, 0);
	/* A name that the sender did not terminate. */
	memset(name, 'n', sizeof(name));
	log_relay(LOG_LEVEL_INFO, name, "x", 1);
	CHECK_EQ(strlen(last_process), LOG_NAME_MAX - 1);
}

static void
guest_lines_are_limited(void)
{
	struct log_limit limit = { 0 };
	int i;

	start();
	for (i = 0; i < 1000; i++)
		log_guest(&limit, "uart", "vm a: bad register %d", i);
	CHECK_EQ(lines, LOG_LIMIT_BURST);
	CHECK_EQ(limit.held, 1000 - LOG_LIMIT_BURST);
	limit.filled_ms -= LOG_LIMIT_MS;
	log_guest(&limit, "uart", "again");
	CHECK_STR(last, "uart: again (995 similar lines held back)");
	log_guest(&limit, "uart", "again");
	CHECK_EQ(lines, LOG_LIMIT_BURST + 1);
	limit.filled_ms -= 100 * LOG_LIMIT_MS;
	for (i = 0; i < 10; i++)
		log_guest(&limit, "uart", "later");
	CHECK_EQ(lines, 2 * LOG_LIMIT_BURST + 1);
}

static void
stderr_gets_one_line(void)
{
	char buf[256];
	int fds[2];
	ssize_t n = 0;
	int status;
	pid_t pid;

	REQUIRE(pipe(fds) == 0);
	fflush(stdout);
	if ((pid = fork()) == 0) {
		dup2(fds[1], STDERR_FILENO);
		log_set_sink(NULL, NULL);
		log_init("vmd", LOG_TO_STDERR);
		fatalx("parent", "cannot go on: %s", "a\nb");
	}
	close(fds[1]);
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	n = read(fds[0], buf, sizeof(buf) - 1);
	close(fds[0]);
	REQUIRE(n > 0);
	buf[n] = '\0';
	CHECK_STR(buf, "vmd: fatal: parent: cannot go on: a\\nb\n");
}

int
main(void)
{
	TEST(subsystem_comes_first);
	TEST(warn_adds_and_keeps_errno);
	TEST(verbosity_selects_levels);
	TEST(a_line_cannot_be_forged);
	TEST(long_lines_are_cut);
	TEST(escape_fills_exactly);
	TEST(relayed_lines_are_not_believed);
	TEST(guest_lines_are_limited);
	TEST(stderr_gets_one_line);
	return CHECK_EXIT();
}
