/* SPDX-License-Identifier: ISC */
/*
 * The table of commands and what a row is made of.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "confine.h"
#include "vmd_msg.h"

struct client;
struct dumpfile;
struct receive;
struct start;

/* A command line, taken apart by the parse function of its row. */
struct request {
	const struct command *command;
	struct msg_vm_target target;
	bool has_target; /* false: no id was given */
	bool all; /* stop -a */
	bool execute; /* gdb -x */
	bool json; /* -j */
	bool running; /* status -r */
	uint32_t flags; /* STOP_*, RESET_* or the level of log */
	struct start *start; /* of start; owned */
	struct dumpfile *dump; /* of dump; owned */
	struct msg_vm_send send; /* of send */
	char *const *words; /* of send: the command, or NULL */
	struct receive *receive; /* of receive; owned */
	int dir_fd; /* borrowed: the folder of CONFINE_MAKE, else -1 */
	int file_fd; /* of show-state: the file; closed by its run() */
	const char *word; /* of help: the command; of show-state: the file */
};

enum command_needs { NEEDS_NONE, NEEDS_SOCKET };

struct command {
	const char *name;
	const char *alias;
	const char *args; /* as in vmctl(8) */
	const char *help; /* one sentence */
	enum command_needs needs;
	enum confine_files files; /* that run() opens */
	/* argv[0] is the command.  0, or -1 having said why; a wrong use ends
	 * in command_usage().  Comes before the connection is made. */
	int (*parse)(struct request *request, int argc, char *argv[]);
	/* client is NULL with NEEDS_NONE.  The exit status: 0 or 1. */
	int (*run)(struct request *request, struct client *client);
};

/* The table; count rows, sorted by name. */
const struct command *commands_all(size_t *count);

/* The row whose name, alias or unique beginning is word.  NULL with *reason
 * "ambiguous" or "unknown". */
const struct command *commands_find(const char *word, const char **reason);

/* "vmctl [-v] [-S socket] NAME ARGS", without a newline. */
void command_synopsis(const struct command *command, FILE *out);
/* Usage on stderr, of one command or, with NULL, of vmctl; exit 1. */
_Noreturn void command_usage(const struct command *command);

/* Parse functions of more than one row: no argument, one id, an id or none. */
int parse_nothing(struct request *request, int argc, char *argv[]);
int parse_id(struct request *request, int argc, char *argv[]);
/* Takes word as the id or name of the request; 0 or -1 having said why. */
int request_target(struct request *request, const char *word);

/* cmd_console.c */
int console_run(struct request *request, struct client *client);
/* cmd_daemon.c */
int log_parse(struct request *request, int argc, char *argv[]);
int log_run(struct request *request, struct client *client);
int reload_run(struct request *request, struct client *client);
int reset_parse(struct request *request, int argc, char *argv[]);
int reset_run(struct request *request, struct client *client);
/* cmd_dump.c */
int dump_parse(struct request *request, int argc, char *argv[]);
int dump_run(struct request *request, struct client *client);
/* Without a dump that was completed, no file is left.  NULL is accepted. */
void dump_free(struct dumpfile *file);
/* cmd_gdb.c */
int gdb_parse(struct request *request, int argc, char *argv[]);
int gdb_run(struct request *request, struct client *client);
/* cmd_pause.c */
int pause_run(struct request *request, struct client *client);
int unpause_run(struct request *request, struct client *client);
/* cmd_receive.c */
int receive_parse(struct request *request, int argc, char *argv[]);
int receive_run(struct request *request, struct client *client);
/* NULL is accepted. */
void receive_free(struct receive *receive);
/* cmd_send.c */
int send_parse(struct request *request, int argc, char *argv[]);
int send_run(struct request *request, struct client *client);
/* cmd_showstate.c */
int showstate_parse(struct request *request, int argc, char *argv[]);
int showstate_run(struct request *request, struct client *client);
/* cmd_start.c */
int start_parse(struct request *request, int argc, char *argv[]);
int start_run(struct request *request, struct client *client);
/* NULL is accepted. */
void start_free(struct start *start);
/* cmd_stats.c */
int stats_parse(struct request *request, int argc, char *argv[]);
int stats_run(struct request *request, struct client *client);
/* cmd_status.c */
int status_parse(struct request *request, int argc, char *argv[]);
int status_run(struct request *request, struct client *client);
/* cmd_stop.c */
int stop_parse(struct request *request, int argc, char *argv[]);
int stop_run(struct request *request, struct client *client);
int wait_run(struct request *request, struct client *client);

#endif /* COMMANDS_H */
