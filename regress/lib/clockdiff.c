/* SPDX-License-Identifier: ISC */
/*
 * How far the clock of a guest is from this host's: asks "busy clock" of the
 * test guest several times and takes the answer that came soonest.
 *
 * Usage: clockdiff ADDRESS PORT
 * Prints "ahead MICROSECONDS within MICROSECONDS"; the latter is half of the
 * time that the question and its answer took.
 */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <err.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ASKED 10
#define ANSWER_US 500000

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int
open_peer(const char *address, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)) };
	const struct timeval limit = { 0, ANSWER_US };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 || fd == -1 ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ==
		-1)
		err(2, "%s", address);
	return fd;
}

int
main(int argc, char **argv)
{
	int64_t best = INT64_MAX, ahead = 0, packet[2], sent, took;
	ssize_t n;
	int fd;

	if (argc != 3)
		errx(2, "usage: clockdiff address port");
	fd = open_peer(argv[1], argv[2]);
	for (int i = 0; i < ASKED; i++) {
		sent = now_ns();
		if (write(fd, &sent, sizeof(sent)) != sizeof(sent))
			continue;
		/* One that comes late answers an earlier question. */
		do
			n = read(fd, packet, sizeof(packet));
		while (n == sizeof(packet) && packet[0] != sent);
		if (n != sizeof(packet) || (took = now_ns() - sent) >= best)
			continue;
		best = took;
		ahead = packet[1] - sent - took / 2;
	}
	if (best == INT64_MAX)
		errx(1, "no answer");
	printf("ahead %lld within %lld\n", (long long)ahead / 1000,
	    (long long)best / 2000);
	return 0;
}
