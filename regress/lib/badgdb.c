/* SPDX-License-Identifier: ISC */
/*
 * Clients of a debugger's socket that are no good, and one that only asks:
 * packets of gdb's remote protocol, without gdb.
 *
 * Usage: badgdb SOCKET MODE [ARG ...], where MODE is
 *   ask PACKET ...     sends each, prints its answer
 *   garbage            bytes of all kinds, half packets, wrong sums
 *   flood COUNT        so many packets without waiting, reading meanwhile
 *   deaf               asks and never reads, until dropped
 *   vanish             is gone at every point of a session
 *   vanish PACKET ...  gets an answer to each but the last, and is gone
 *   hold               comes and stays until stdin ends
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MS 20000

static const char *socket_path;

static int
dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(socket_path) >= sizeof(sun.sun_path))
		errx(2, "%s: too long", socket_path);
	strcpy(sun.sun_path, socket_path);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		err(2, "%s", socket_path);
	return fd;
}

static size_t
packet(char *buf, size_t size, const char *text)
{
	unsigned int sum = 0;

	for (const char *p = text; *p != '\0'; p++)
		sum += (unsigned char)*p;
	return (size_t)snprintf(buf, size, "$%s#%02x", text, sum & 0xff);
}

static int
say(int fd, const char *text)
{
	char buf[1024];
	size_t len = packet(buf, sizeof(buf), text);

	return send(fd, buf, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -1;
}

/* The next byte, or -1 when there is none in time. */
static int
next_byte(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	unsigned char c;

	if (poll(&p, 1, ANSWER_MS) < 1 || read(fd, &c, 1) != 1)
		return -1;
	return c;
}

/* The next packet, acknowledged; -1: the connection has ended. */
static int
answer(int fd, char *buf, size_t size)
{
	size_t n = 0;
	int c;

	while ((c = next_byte(fd)) != '$')
		if (c == -1)
			return -1;
	while ((c = next_byte(fd)) != '#') {
		if (c == -1)
			return -1;
		if (n < size - 1)
			buf[n++] = (char)c;
	}
	buf[n] = '\0';
	if (next_byte(fd) == -1 || next_byte(fd) == -1)
		return -1;
	return send(fd, "+", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static int
ask(int count, char **packets)
{
	static char buf[65536];
	int fd = dial();

	for (int i = 0; i < count; i++) {
		if (say(fd, packets[i]) == -1 ||
		    answer(fd, buf, sizeof(buf)) == -1) {
			puts("gone");
			return 1;
		}
		puts(buf);
	}
	return 0;
}

/* Takes what has come, and drops it. */
static void
drain(int fd)
{
	static char buf[65536];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		continue;
}

static int
garbage(void)
{
	static const char *const pieces[] = { "$", "#", "$$$$", "$g#", "$g#00",
		"$g#zz", "+", "-", "\003", "\003\003\003\003", "}", "$m#6d",
		"$m0,ffffffffffffffff#00", "$vCont;#00", "$Z9,,#00", "$#00",
		"$H#48", "$X0,8:}#00", "#67#67", "$\0$\0" };
	uint32_t seed = 1;
	char buf[512];
	int fd = dial();

	for (int round = 0; round < 4000; round++) {
		const char *piece =
		    pieces[(size_t)round % (sizeof(pieces) / sizeof(*pieces))];
		size_t len = strlen(piece);

		memcpy(buf, piece, len);
		if (round % 3 == 0)
			for (len = 0; len < sizeof(buf); len++) {
				seed = seed * 1103515245 + 12345;
				buf[len] = (char)(seed >> 16);
			}
		if (send(fd, buf, len, MSG_NOSIGNAL) == -1) {
			puts("dropped");
			return 0;
		}
		drain(fd);
	}
	puts("served");
	return 0;
}

static int
flood(const char *text)
{
	static const char *const packets[] = { "g", "m0,800", "?", "qC",
		"vCont?", "Z1,1000,1", "z1,1000,1", "Hg1", "qfThreadInfo" };
	int count = atoi(text), fd = dial();

	for (int i = 0; i < count; i++) {
		if (say(fd,
			packets[(size_t)i %
			    (sizeof(packets) / sizeof(*packets))]) == -1) {
			puts("dropped");
			return 0;
		}
		drain(fd);
	}
	puts("served");
	return 0;
}

static int
deaf(void)
{
	int fd = dial(), asked = 0;

	while (asked < 100000 && say(fd, "g") == 0)
		asked++;
	puts(asked < 100000 ? "dropped" : "still there");
	return asked == 100000;
}

/* As far into a session as there are packets, and gone. */
static void
vanish_after(int count, const char *const *packets)
{
	static char buf[65536];
	int fd = dial();

	for (int i = 0; i < count; i++)
		if (say(fd, packets[i]) == -1 ||
		    (i < count - 1 && answer(fd, buf, sizeof(buf)) == -1))
			break;
	close(fd);
}

static int
vanish(void)
{
	static const char *const session[] = { "qSupported:hwbreak+", "?", "g",
		"Z1,fff0,1", "vCont;s:1", "g", "vCont;s:1", "vCont;c", "g" };
	const int last = sizeof(session) / sizeof(*session);
	char half[] = "$g#6";
	int fd;

	for (int n = 0; n < last; n++)
		vanish_after(n, session);
	for (size_t n = 1; n < sizeof(half); n++) {
		fd = dial();
		if (send(fd, half, n, MSG_NOSIGNAL) == -1)
			warn("send");
		close(fd);
	}
	return 0;
}

static int
hold(void)
{
	int fd = dial();
	char c;

	if (say(fd, "?") == -1 || next_byte(fd) == -1)
		return 1;
	puts("there");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		drain(fd);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: badgdb socket mode [arg ...]");
	signal(SIGPIPE, SIG_IGN);
	socket_path = argv[1];
	if (strcmp(argv[2], "ask") == 0)
		return ask(argc - 3, argv + 3);
	if (strcmp(argv[2], "garbage") == 0)
		return garbage();
	if (strcmp(argv[2], "flood") == 0 && argc == 4)
		return flood(argv[3]);
	if (strcmp(argv[2], "deaf") == 0)
		return deaf();
	if (strcmp(argv[2], "vanish") == 0 && argc == 3)
		return vanish();
	if (strcmp(argv[2], "vanish") == 0) {
		vanish_after(argc - 3, (const char *const *)argv + 3);
		return 0;
	}
	if (strcmp(argv[2], "hold") == 0)
		return hold();
	errx(2, "unknown: %s", argv[2]);
}
