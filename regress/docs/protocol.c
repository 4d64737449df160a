/* SPDX-License-Identifier: ISC */
/*
 * Prints the message table as PROTOCOL.md shows it, or with -l who receives
 * from whom and sends to whom, as README.md does.  Knows nothing but
 * include/vmd_msg.h; regress/docs/generate compiles and runs it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "vmd_msg.h"

struct row {
	const char *name;
	uint64_t edges;
	const char *payload; /* as the table writes it: "S(msg_vm_start)" */
	size_t size;
	unsigned int tail;
	enum msg_fd fd;
};

#define S(type) sizeof(struct type)
#define ROW(name, edges, payload, tail, fd) \
	{ #name, edges, #payload, payload, tail, fd },
static const struct row rows[] = { VMD_MESSAGES(ROW) };
#define ROWS (sizeof(rows) / sizeof(rows[0]))

#define PEER_TEXT(name, text) text,
static const char *const peers[PEER__COUNT] = { MSG_PEERS(PEER_TEXT) };

static uint64_t
edge(unsigned int from, unsigned int to)
{
	return 1ULL << (from * 8 + to);
}

/* The first peer from which an edge leaves; first choice: one that no edge of
 * the set leads to. */
static unsigned int
chain_start(uint64_t edges)
{
	unsigned int any = PEER__COUNT;

	for (unsigned int from = 0; from < PEER__COUNT; from++) {
		bool leaves = false, reached = false;

		for (unsigned int to = 0; to < PEER__COUNT; to++) {
			leaves |= (edges & edge(from, to)) != 0;
			reached |= (edges & edge(to, from)) != 0;
		}
		if (leaves && !reached)
			return from;
		if (leaves && any == PEER__COUNT)
			any = from;
	}
	return any;
}

/* The edges of a row as few chains: "client > control > parent". */
static void
print_chains(uint64_t edges)
{
	const char *between = "";

	edges &= ~MSG_PART;
	while (edges != 0) {
		unsigned int at = chain_start(edges), to = 0;

		printf("%s%s", between, peers[at]);
		while (to < PEER__COUNT) {
			if ((edges & edge(at, to)) == 0) {
				to++;
				continue;
			}
			printf(" > %s", peers[to]);
			edges &= ~edge(at, to);
			at = to;
			to = 0;
		}
		between = "; ";
	}
}

/* "S(msg_vm_start)" is struct msg_vm_start, "0" is nothing. */
static void
print_payload(const struct row *r)
{
	const char *name = strstr(r->payload, "msg_");

	if (name == NULL)
		printf("-");
	else
		printf("%.*s, %zu", (int)strcspn(name, ")"), name, r->size);
}

static void
print_table(void)
{
	printf("| number | name | who to whom | payload, bytes | tail, at most "
	       "| descriptor |\n|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];

		printf("| %zu | %s | ", i + 1, r->name);
		print_chains(r->edges);
		printf(" | ");
		print_payload(r);
		if (r->tail != 0)
			printf(" | %u", r->tail);
		else
			printf(" | -");
		printf(" | %s |\n", r->fd == FD_MUST ? "one" : "-");
	}
}

static void
print_links(void)
{
	uint64_t all = 0;

	for (size_t i = 0; i < ROWS; i++)
		all |= rows[i].edges & ~MSG_PART;
	for (unsigned int p = 0; p < PEER__COUNT; p++) {
		for (unsigned int sends = 0; sends < 2; sends++) {
			const char *between = "";

			printf("%s", sends ? " | " : peers[p]);
			printf("%s", sends ? "" : " | ");
			for (unsigned int o = 0; o < PEER__COUNT; o++) {
				if (!(all & (sends ? edge(p, o) : edge(o, p))))
					continue;
				printf("%s%s", between, peers[o]);
				between = ", ";
			}
		}
		printf("\n");
	}
}

int
main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "-l") == 0)
		print_links();
	else
		print_table();
	return 0;
}
