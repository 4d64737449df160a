/* SPDX-License-Identifier: ISC */
/*
 * One TCP connection to an echo server that stays open: sends numbered words of
 * chance and compares each byte that comes back.  At SIGTERM it sends no more,
 * waits for the rest and prints
 *
 *     bytes BYTES gap MS
 *
 * gap is the longest time in which nothing came back while something was due.
 * A byte that is wrong and a connection that ends are said at once.
 *
 * Usage: echoclient ADDRESS PORT RATE [FILE]
 *   RATE    in kB/s
 *   FILE    gets "BYTES MS" as they are so far, some times a second
 * Status 0: all is right.
 */
#include <arpa/inet.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WINDOW 65536 /* at most under way */
#define CONNECT_MS 60000
#define DRAIN_MS 20000
#define SILENCE_MS 60000 /* then it is lost, whatever TCP thinks */
#define REPORT_MS 200
/* So often it sends: not at once what an answer gives room for, since an
 * emulated host would do nothing else. */
#define TURN_MS 40

struct client {
	int fd, file;
	uint64_t sent, back; /* bytes */
	double rate; /* bytes a ms */
	double last, gap; /* ms */
};

static volatile sig_atomic_t ended;

static void
on_term(int sig)
{
	(void)sig;
	ended = 1;
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Byte n of what is sent: of its word's number, mixed (splitmix64). */
static uint8_t
byte_at(uint64_t n)
{
	uint64_t x = (n / 8 + 1) * 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	x ^= x >> 31;
	return (uint8_t)(x >> 8 * (n % 8));
}

static int
client_connect(const char *address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)) };
	const struct timespec pause = { 0, 200000000 };
	double end = now_ms() + CONNECT_MS;
	int fd, one = 1;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		errx(2, "%s: no address", address);
	for (;; nanosleep(&pause, NULL)) {
		if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
			err(2, "socket");
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
			break;
		close(fd);
		if (now_ms() > end)
			errx(1, "cannot connect");
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void
client_send(struct client *c, uint64_t limit)
{
	static uint8_t buf[4096];
	ssize_t n;
	size_t len;

	while (c->sent < limit && c->sent - c->back < WINDOW) {
		len = (size_t)(limit - c->sent);
		len = len > sizeof(buf) ? sizeof(buf) : len;
		for (size_t i = 0; i < len; i++)
			buf[i] = byte_at(c->sent + i);
		n = send(c->fd, buf, len, MSG_NOSIGNAL);
		if (n == -1 && errno == EAGAIN)
			return;
		if (n == -1)
			err(1, "connection lost after %llu bytes",
			    (unsigned long long)c->sent);
		/* Nothing was due before. */
		if (c->sent == c->back)
			c->last = now_ms();
		c->sent += (uint64_t)n;
	}
}

static void
client_receive(struct client *c)
{
	static uint8_t buf[65536];
	ssize_t n;

	while ((n = recv(c->fd, buf, sizeof(buf), 0)) > 0) {
		double now = now_ms();

		if (now - c->last > c->gap)
			c->gap = now - c->last;
		c->last = now;
		for (ssize_t i = 0; i < n; i++, c->back++)
			if (c->back >= c->sent || buf[i] != byte_at(c->back))
				errx(1, "byte %llu is wrong",
				    (unsigned long long)c->back);
	}
	if (n == 0)
		errx(1, "the other side closed the connection");
	if (errno != EAGAIN)
		err(1, "connection lost after %llu bytes",
		    (unsigned long long)c->back);
	if (c->back < c->sent && now_ms() - c->last > SILENCE_MS)
		errx(1, "nothing came back for %d s", SILENCE_MS / 1000);
}

static void
client_report(struct client *c)
{
	static double next;
	char text[64];

	if (c->file == -1 || now_ms() < next)
		return;
	next = now_ms() + REPORT_MS;
	snprintf(text, sizeof(text), "%llu %.0f\n", (unsigned long long)c->back,
	    c->gap);
	if (pwrite(c->file, text, strlen(text), 0) == -1)
		err(2, "report");
}

/* Sends what the rate allows, or nothing any more. */
static void
client_turn(struct client *c, uint64_t limit)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	static double next;

	if (now_ms() >= next) {
		client_send(c, limit);
		next = now_ms() + TURN_MS;
	}
	poll(&p, 1, (int)(next - now_ms()) + 1);
	client_receive(c);
	client_report(c);
}

int
main(int argc, char **argv)
{
	static struct client c = { .file = -1 };
	double began, end;

	if (argc < 4 || argc > 5)
		errx(2, "usage: echoclient address port rate [file]");
	if (argc == 5 &&
	    (c.file = open(argv[4], O_CREAT | O_WRONLY | O_CLOEXEC, 0644)) ==
		-1)
		err(2, "%s", argv[4]);
	c.rate = atof(argv[3]);
	c.fd = client_connect(argv[1], argv[2]);
	signal(SIGTERM, on_term);
	for (began = now_ms(); !ended;)
		client_turn(&c, (uint64_t)((now_ms() - began) * c.rate));
	for (end = now_ms() + DRAIN_MS; c.back < c.sent && now_ms() < end;)
		client_turn(&c, c.sent);
	if (c.back < c.sent)
		errx(1, "%llu bytes did not come back",
		    (unsigned long long)(c.sent - c.back));
	printf("bytes %llu gap %.0f\n", (unsigned long long)c.back, c.gap);
	return c.back == 0;
}
