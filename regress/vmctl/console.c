/* SPDX-License-Identifier: ISC */
/*
 * vmctl console on a terminal and on pipes.  This program is the daemon, the
 * VM (it holds the master of the console) and the user (it holds the master
 * of vmctl's terminal): it sees what vmctl does to each.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include "check.h"
#include "imsg.h"
#include "vmd_msg.h"

#define WAIT_MS 5000

static char socket_path[108];
static const char *vmctl;
static int listener = -1;

/* One run of vmctl. */
static int console = -1; /* master of the VM's console */
static char tty[64];
static int user = -1; /* master of vmctl's terminal, or its stdin */
static int output = -1; /* the same, or its stdout and stderr */
static int user_slave = -1; /* keeps the terminal's modes readable */
static pid_t pid = -1;
static struct termios before;

/* --- the VM ----------------------------------------------------------------
 */

static int
console_open(void)
{
	struct termios modes;
	int slave;

	if (openpty(&console, &slave, tty, NULL, NULL) == -1)
		return -1;
	fcntl(console, F_SETFD, FD_CLOEXEC);
	tcgetattr(slave, &modes);
	cfmakeraw(&modes);
	tcsetattr(slave, TCSANOW, &modes);
	close(slave);
	return 0;
}

static void
say(int fd, const char *text)
{
	size_t len = strlen(text);

	if (write(fd, text, len) != (ssize_t)len)
		printf("# write: %s\n", strerror(errno));
}

/* Reads from fd until text has come, for at most WAIT_MS. */
static bool
hears(int fd, const char *text)
{
	static char got[70000];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n;

	got[0] = '\0';
	while (len < sizeof(got) - 1 && strstr(got, text) == NULL) {
		if (poll(&pfd, 1, WAIT_MS) != 1 ||
		    (n = read(fd, got + len, sizeof(got) - 1 - len)) <= 0) {
			printf("# \"%s\" instead of \"%s\"\n", got, text);
			return false;
		}
		len += (size_t)n;
		got[len] = '\0';
	}
	return strstr(got, text) != NULL;
}

/* Nothing comes for a while. */
static bool
silent(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 200) == 0;
}

/* --- the daemon ------------------------------------------------------------
 */

static void
daemon_start(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(socket_path, sizeof(socket_path), "/tmp/vmctl-console.%d",
	    (int)getpid());
	strcpy(sun.sun_path, socket_path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(listener, 5) == -1) {
		perror(socket_path);
		exit(1);
	}
	setenv("VMD_SOCKET", socket_path, 1);
}

static void
daemon_reply(struct imsgbuf *ibuf, uint32_t type)
{
	struct msg_result result = { .vm_id = 1 };
	struct msg_status_vm vm = { .id = 1, .state = VM_RUNNING };

	snprintf(vm.name, sizeof(vm.name), "web1");
	snprintf(vm.tty, sizeof(vm.tty), "%.31s", tty);
	memcpy(result.tty, vm.tty, sizeof(result.tty));
	if (type == MSG_STATUS) {
		imsg_compose(
		    ibuf, MSG_STATUS_VM, VMD_PROTOCOL, 0, -1, &vm, sizeof(vm));
		imsg_compose(
		    ibuf, MSG_STATUS_END, VMD_PROTOCOL, 0, -1, NULL, 0);
	} else
		imsg_compose(ibuf, MSG_RESULT, VMD_PROTOCOL, 0, -1, &result,
		    sizeof(result));
	imsgbuf_flush(ibuf);
}

/* Serves one client one request; last is the type of its last message. */
static bool
daemon_serve(uint32_t last)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };
	struct imsgbuf ibuf;
	struct imsg imsg;
	bool done = false;
	int fd;

	if (poll(&pfd, 1, WAIT_MS) != 1 ||
	    (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) == -1 ||
	    imsgbuf_init(&ibuf, fd) == -1)
		return false;
	imsgbuf_allow_fdpass(&ibuf);
	while (!done) {
		if (imsg_get(&ibuf, &imsg) <= 0) {
			if (imsgbuf_read(&ibuf) != 1)
				break;
			continue;
		}
		done = imsg_get_type(&imsg) == last;
		imsg_free(&imsg);
	}
	if (done)
		daemon_reply(&ibuf, last);
	imsgbuf_clear(&ibuf);
	close(fd);
	return done;
}

/* --- the user --------------------------------------------------------------
 */

static void
vmctl_exec(const char *command)
{
	signal(SIGPIPE, SIG_DFL);
	if (strcmp(command, "start") == 0)
		execl(vmctl, "vmctl", "start", "-c", "web1", (char *)NULL);
	else
		execl(vmctl, "vmctl", command, "web1", (char *)NULL);
	_exit(127);
}

/* On a terminal of its own, whose modes are odd enough to be recognised. */
static void
vmctl_on_terminal(const char *command)
{
	if (openpty(&user, &user_slave, NULL, NULL, NULL) == -1)
		return;
	fcntl(user, F_SETFD, FD_CLOEXEC);
	fcntl(user_slave, F_SETFD, FD_CLOEXEC);
	tcgetattr(user_slave, &before);
	before.c_cc[VINTR] = 0x18;
	before.c_lflag |= ECHOK | ECHO | ICANON;
	tcsetattr(user_slave, TCSANOW, &before);
	output = user;
	if ((pid = fork()) == 0) {
		login_tty(dup(user_slave));
		vmctl_exec(command);
	}
}

static void
vmctl_on_pipes(void)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1)
		return;
	if ((pid = fork()) == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		vmctl_exec("console");
	}
	close(in[0]);
	close(out[1]);
	user = in[1];
	output = out[0];
}

/* vmctl console on a terminal, connected. */
static bool
connected(void)
{
	if (!CHECK(console_open() == 0))
		return false;
	vmctl_on_terminal("console");
	return CHECK(daemon_serve(MSG_STATUS)) &&
	    CHECK(hears(output, "Connected to "));
}

static bool
is_raw(void)
{
	struct termios now;
	int i;

	for (i = 0; i < 100; i++) {
		tcgetattr(user_slave, &now);
		if ((now.c_lflag & (ICANON | ECHO | ISIG)) == 0)
			return true;
		usleep(20000);
	}
	return false;
}

static bool
is_restored(void)
{
	struct termios now;

	memset(&now, 0, sizeof(now));
	tcgetattr(user_slave, &now);
	return now.c_lflag == before.c_lflag && now.c_iflag == before.c_iflag &&
	    now.c_oflag == before.c_oflag &&
	    memcmp(now.c_cc, before.c_cc, sizeof(now.c_cc)) == 0;
}

/* The status vmctl ended with; -signal; -1000 when it did not end. */
static int
ended(void)
{
	int status, i;

	for (i = 0; i < WAIT_MS / 20; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			pid = -1;
			return WIFEXITED(status) ? WEXITSTATUS(status)
						 : -WTERMSIG(status);
		}
		usleep(20000);
	}
	return -1000;
}

static void
clean(void)
{
	int *const fds[] = { &console, &user, &user_slave };
	size_t i;

	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	pid = -1;
	if (output != user && output != -1)
		close(output);
	output = -1;
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] != -1)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* --- tests -----------------------------------------------------------------
 */

static void
both_ways_and_leave(void)
{
	REQUIRE(connected());
	CHECK(is_raw());
	say(console, "Debian\r\nlogin: ");
	CHECK(hears(output, "Debian\r\nlogin: "));
	/* Bytes that a terminal in its usual state would act upon. */
	say(user, "ro\003\004\021\023\032\034\177ot\r");
	CHECK(hears(console, "ro\003\004\021\023\032\034\177ot\r"));
	say(user, "a~.\r");
	CHECK(hears(console, "a~.\r"));
	say(user, "~~.\r");
	CHECK(hears(console, "~.\r"));
	say(user, "~?");
	CHECK(hears(output, "leave the console"));
	say(user, "~");
	CHECK(silent(console));
	say(user, ".");
	CHECK(hears(output, "[EOT]"));
	CHECK_EQ(ended(), 0);
	CHECK(is_restored());
}

/* A break is what the other side in packet mode sees as a flush. */
static void
sends_break(void)
{
	int on = 1;
	char control = 0;

	REQUIRE(connected());
	REQUIRE(ioctl(console, TIOCPKT, &on) == 0);
	say(user, "~#");
	CHECK(!silent(console));
	CHECK_EQ(read(console, &control, 1), 1);
	CHECK_EQ(control, TIOCPKT_FLUSHWRITE);
	say(user, "~.");
	CHECK_EQ(ended(), 0);
}

static void
vm_ends(void)
{
	REQUIRE(connected());
	say(console, "reboot: Power down\r\n");
	CHECK(hears(output, "Power down"));
	close(console);
	console = -1;
	CHECK(hears(output, "[EOT]"));
	CHECK_EQ(ended(), 0);
	CHECK(is_restored());
}

static void
restored_after(int sig)
{
	REQUIRE(connected());
	REQUIRE(is_raw());
	kill(pid, sig);
	CHECK_EQ(ended(), -sig);
	if (!CHECK(is_restored()))
		printf("# after signal %d\n", sig);
}

static void
restored_after_signals(void)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGSEGV,
		SIGABRT };
	size_t i;

	for (i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
		restored_after(sigs[i]);
		clean();
	}
}

static void
suspends_and_goes_on(void)
{
	int status;

	REQUIRE(connected());
	REQUIRE(is_raw());
	say(user, "~\032");
	REQUIRE(waitpid(pid, &status, WUNTRACED) == pid);
	CHECK(WIFSTOPPED(status));
	CHECK(is_restored());
	kill(pid, SIGCONT);
	CHECK(is_raw());
	say(user, "ls\r");
	CHECK(hears(console, "ls\r"));
	say(user, "~.");
	CHECK_EQ(ended(), 0);
	CHECK(is_restored());
}

/* The user's terminal goes away: so does vmctl, and the VM does not. */
static void
user_terminal_gone(void)
{
	REQUIRE(connected());
	REQUIRE(is_raw());
	close(user_slave);
	close(user);
	user = output = user_slave = -1;
	CHECK(ended() != -1000);
}

static void
second_is_refused(void)
{
	pid_t first;
	int first_user, first_slave;

	REQUIRE(connected());
	first = pid;
	first_user = user;
	first_slave = user_slave;
	vmctl_on_terminal("console");
	CHECK(daemon_serve(MSG_STATUS));
	CHECK(hears(output, "is in use by another vmctl"));
	CHECK_EQ(ended(), 1);
	close(user);
	close(user_slave);
	pid = first;
	user = output = first_user;
	user_slave = first_slave;
	say(console, "still here");
	CHECK(hears(output, "still here"));
	/* However the first one ends, the next gets in. */
	kill(pid, SIGKILL);
	CHECK_EQ(ended(), -SIGKILL);
	close(user);
	close(user_slave);
	vmctl_on_terminal("console");
	CHECK(daemon_serve(MSG_STATUS));
	CHECK(hears(output, "Connected to "));
	say(user, "~.");
	CHECK_EQ(ended(), 0);
}

static void
after_start(void)
{
	REQUIRE(console_open() == 0);
	/* What the VM said before vmctl came. */
	say(console, "early words\r\n");
	vmctl_on_terminal("start");
	CHECK(daemon_serve(MSG_VM_START_END));
	CHECK(hears(output, "early words"));
	say(user, "x\r");
	CHECK(hears(console, "x\r"));
	say(user, "~.");
	CHECK_EQ(ended(), 0);
	CHECK(is_restored());
}

static void
on_pipes(void)
{
	REQUIRE(console_open() == 0);
	vmctl_on_pipes();
	REQUIRE(daemon_serve(MSG_STATUS));
	CHECK(hears(output, "Connected to "));
	say(user, "uname\n");
	CHECK(hears(console, "uname\n"));
	say(console, "Linux\r\n");
	CHECK(hears(output, "Linux\r\n"));
	/* The end of stdin is not the end. */
	close(user);
	user = -1;
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	say(console, "more\r\n");
	CHECK(hears(output, "more\r\n"));
	close(console);
	console = -1;
	CHECK(hears(output, "[EOT]"));
	CHECK_EQ(ended(), 0);
}

/* All at once: what is before ~. arrives, and what came until then is shown. */
static void
pipe_at_once(void)
{
	REQUIRE(console_open() == 0);
	say(console, "waiting output\r\n");
	vmctl_on_pipes();
	say(user, "poweroff\n~.");
	REQUIRE(daemon_serve(MSG_STATUS));
	CHECK(hears(output, "waiting output"));
	CHECK(hears(console, "poweroff\n"));
	CHECK_EQ(ended(), 0);
}

/* Much output to a slow reader: every byte, in order. */
static void
much_output(void)
{
	static char chunk[2049];
	struct pollfd pfd;
	size_t sent = 0, got = 0, bad = 0;
	ssize_t n, i;
	unsigned char buf[512];

	REQUIRE(console_open() == 0);
	vmctl_on_pipes();
	REQUIRE(daemon_serve(MSG_STATUS));
	CHECK(hears(output, "with ~.\n"));
	fcntl(console, F_SETFL, O_NONBLOCK);
	pfd = (struct pollfd) { .fd = output, .events = POLLIN };
	while (got < 200000) {
		for (i = 0; i < 2048; i++)
			chunk[i] = (char)((sent + (size_t)i) % 251);
		if (sent < 200000 && (n = write(console, chunk, 2048)) > 0)
			sent += (size_t)n;
		if (poll(&pfd, 1, sent < 200000 ? 0 : WAIT_MS) != 1) {
			if (sent >= 200000)
				break;
			continue;
		}
		if ((n = read(output, buf, sizeof(buf))) <= 0)
			break;
		for (i = 0; i < n; i++, got++)
			bad += buf[i] != got % 251;
	}
	CHECK(got >= 200000);
	CHECK_EQ(bad, 0);
	say(user, "~.");
	close(user);
	user = -1;
	CHECK_EQ(ended(), 0);
}

static void
reader_gone(void)
{
	REQUIRE(console_open() == 0);
	vmctl_on_pipes();
	REQUIRE(daemon_serve(MSG_STATUS));
	CHECK(hears(output, "Connected to "));
	close(output);
	output = -1;
	CHECK_EQ(ended(), 1);
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*fn)(void);
	} tests[] = {
		{ "both ways, escapes, leaving", both_ways_and_leave },
		{ "~# is a break", sends_break },
		{ "the VM ends", vm_ends },
		{ "restored after signals", restored_after_signals },
		{ "suspends and goes on", suspends_and_goes_on },
		{ "the user's terminal goes away", user_terminal_gone },
		{ "a second console is refused", second_is_refused },
		{ "start -c misses nothing", after_start },
		{ "on pipes", on_pipes },
		{ "on pipes, all at once", pipe_at_once },
		{ "much output", much_output },
		{ "nobody reads the output", reader_gone },
	};
	const char *dir = getenv("O");
	static char path[512];
	size_t i;

	snprintf(path, sizeof(path), "%s/vmctl-bin/vmctl", dir ? dir : "build");
	vmctl = getenv("VMCTL") ? getenv("VMCTL") : path;
	signal(SIGPIPE, SIG_IGN);
	daemon_start();
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		check_run(tests[i].name, tests[i].fn);
		clean();
	}
	unlink(socket_path);
	return CHECK_EXIT();
}
