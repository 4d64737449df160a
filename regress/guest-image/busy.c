/* SPDX-License-Identifier: ISC */
/*
 * Runs in the test guest while it is moved, one process a task:
 *
 *   busy echo PORT            sends back what comes, for each TCP connection
 *   busy clock PORT           answers a UDP packet with it and CLOCK_REALTIME
 *   busy adjust MICROSECONDS  sets the clock back by them: what the kernel
 * takes from the RTC is up to half a second off busy count DISK writes records
 * (record.h), each to stable storage busy dirty MIB RATE       changes RATE MB
 * of MIB each second, and looks before whether they are as they were
 *
 * What is wrong is said on a line that begins "guest: wrong".
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lib/record.h"

#define PAGE 4096
/* An emulated host has to do more than wake them. */
#define STEP_NS 50000000L
#define DIRTY_NS 40000000L

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void
rest(long ns)
{
	const struct timespec t = { 0, ns };

	nanosleep(&t, NULL);
}

/* A socket on a port of all addresses. */
static int
open_port(int type, const char *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)) };
	int one = 1, fd = socket(AF_INET, type, 0);

	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in)) == -1)
		err(1, "port %s", port);
	return fd;
}

/* --- echo ------------------------------------------------------------------
 */

static void
echo_connection(int fd)
{
	static char buf[65536];
	ssize_t n, done, k;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (done = 0; done < n; done += k)
			if ((k = write(fd, buf + done, (size_t)(n - done))) <=
			    0)
				return;
}

static void
echo_run(char **args)
{
	int one = 1, fd, listener = open_port(SOCK_STREAM, args[0]);

	signal(SIGCHLD, SIG_IGN);
	if (listen(listener, 8) == -1)
		err(1, "listen");
	while ((fd = accept(listener, NULL, NULL)) != -1) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (fork() == 0) {
			echo_connection(fd);
			_exit(0);
		}
		close(fd);
	}
	err(1, "accept");
}

/* --- clock -----------------------------------------------------------------
 */

static void
clock_run(char **args)
{
	int fd = open_port(SOCK_DGRAM, args[0]);
	struct sockaddr_in from;
	uint64_t packet[2];
	socklen_t len;

	for (;;) {
		len = sizeof(from);
		if (recvfrom(fd, packet, sizeof(packet[0]), 0,
			(struct sockaddr *)&from, &len) != sizeof(packet[0]))
			continue;
		packet[1] = clock_ns(CLOCK_REALTIME);
		sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from,
		    len);
	}
}

static void
adjust_run(char **args)
{
	uint64_t ns =
	    clock_ns(CLOCK_REALTIME) - (uint64_t)atoll(args[0]) * 1000;
	const struct timespec t = { (time_t)(ns / 1000000000),
		(long)(ns % 1000000000) };

	if (clock_settime(CLOCK_REALTIME, &t) == -1)
		err(1, "clock");
	exit(0);
}

/* --- count -----------------------------------------------------------------
 */

static void
count_clash(int fd, struct record *r, unsigned int step)
{
	r->magic = RECORD_CLASH;
	r->step = step;
	if (pwrite(fd, r, sizeof(*r), 0) == -1)
		warn("sector 0");
	printf("guest: wrong: step %u is written already\n", step);
	exit(1);
}

static void
count_step(int fd, unsigned int step, struct record *r)
{
	static unsigned int last;
	off_t at = ((off_t)step + 1) * RECORD_SIZE;
	uint64_t now;

	if (pread(fd, r, sizeof(*r), at) != (ssize_t)sizeof(*r))
		err(1, "guest: wrong: read of step %u", step);
	if (r->magic != 0)
		count_clash(fd, r, step);
	now = clock_ns(CLOCK_MONOTONIC);
	memset(r, 0, sizeof(*r));
	r->step = step;
	r->time[0] = (unsigned int)now;
	r->time[1] = (unsigned int)(now >> 32);
	record_seal(r, last);
	last = r->sum;
	if (pwrite(fd, r, sizeof(*r), at) != (ssize_t)sizeof(*r) ||
	    fsync(fd) == -1)
		err(1, "guest: wrong: write of step %u", step);
}

static void
count_run(char **args)
{
	int fd = open(args[0], O_RDWR | O_DIRECT);
	void *sector;
	off_t size;

	if (fd == -1 || (size = lseek(fd, 0, SEEK_END)) == -1 ||
	    posix_memalign(&sector, PAGE, PAGE) != 0)
		err(1, "%s", args[0]);
	for (unsigned int step = 0; step < size / RECORD_SIZE - 1; step++) {
		count_step(fd, step, sector);
		rest(STEP_NS);
	}
	printf("guest: wrong: the disk is full\n");
}

/* --- dirty -----------------------------------------------------------------
 */

static uint64_t
dirty_word(uint64_t page, uint64_t generation)
{
	return (page + 1) * 0x9e3779b97f4a7c15ULL ^ generation;
}

static void
dirty_run(char **args)
{
	size_t pages = (size_t)atol(args[0]) * 1048576 / PAGE, at = 0;
	double rate = atof(args[1]) * 1e6 / PAGE, due = 0;
	uint64_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t generation = 0, *word, then = clock_ns(CLOCK_MONOTONIC), now;

	if (memory == MAP_FAILED || pages == 0)
		err(1, "memory");
	for (size_t i = 0; i < pages; i++)
		memory[i * PAGE / 8 + i % 512] = dirty_word(i, generation);
	for (;; rest(DIRTY_NS)) {
		now = clock_ns(CLOCK_MONOTONIC);
		due += rate * (double)(now - then) / 1e9;
		if (due > rate / 10) /* it was late: not all at once */
			due = rate / 10;
		then = now;
		for (; due >= 1; due--) {
			word = &memory[at * PAGE / 8 + at % 512];
			if (*word != dirty_word(at, generation))
				errx(1, "guest: wrong: memory");
			*word = dirty_word(at, generation + 1);
			if (++at == pages) {
				at = 0;
				generation++;
			}
		}
	}
}

static const struct {
	const char *name;
	int args;
	void (*run)(char **args);
} tasks[] = {
	{ "echo", 1, echo_run },
	{ "clock", 1, clock_run },
	{ "adjust", 1, adjust_run },
	{ "count", 1, count_run },
	{ "dirty", 2, dirty_run },
};

int
main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
		if (argc > 1 && strcmp(argv[1], tasks[i].name) == 0 &&
		    argc - 2 == tasks[i].args)
			tasks[i].run(argv + 2);
	errx(1, "usage: busy task arg ...");
}
