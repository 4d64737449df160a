/* SPDX-License-Identifier: ISC */
/*
 * vm.conf(5) as a plain tree.  The parent, or vmd -n, parses the file into it;
 * nothing is applied here, so that a wrong file changes nothing that runs.
 * Strings and lists belong to the tree.
 */
#ifndef CONF_H
#define CONF_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vmd_limits.h"
#include "vmd_msg.h"

#define CONF_VMS_MAX 1024
#define CONF_CRASH_MAX 1000 /* crash dumps of a VM to keep, at most */
#define CONF_CRASH_DEFAULT 5

struct conf_owner {
	uid_t uid; /* CONF_OWNER_SELF: the user the daemon runs for */
	int64_t gid; /* -1: no group */
};
#define CONF_OWNER_SELF ((uid_t)-1)

enum conf_format {
	CONF_FORMAT_DETECT, /* by the first bytes of the file */
	CONF_FORMAT_RAW,
};

struct conf_disk {
	char *path; /* absolute */
	enum conf_format format;
};

struct conf_nic {
	enum nic_type type;
	bool down;
	uint8_t mac[6]; /* all zero: the daemon chooses */
	char ifname[VMD_IFNAME_MAX + 1]; /* empty: the first free tap */
};

struct conf_vm {
	TAILQ_ENTRY(conf_vm) entry;
	char *file; /* where it was defined */
	int line;
	char name[VMD_NAME_MAX + 1];
	bool disabled; /* defined, not started with the daemon */
	bool boot_disk; /* from the first disk, nothing else */
	struct conf_owner owner;
	bool allow_send; /* the owner may send and receive it */
	uint32_t seen; /* bit n: row n of the options was given */
	uint64_t memory; /* bytes, whole megabytes */
	uint32_t cpus;
	uint32_t interfaces; /* used entries of nics */
	char *boot; /* absolute path of kernel or firmware, or NULL */
	char *initrd; /* absolute path or NULL */
	char *cmdline; /* or NULL */
	char *crash_dir; /* absolute path of a folder or NULL: no dumps */
	uint32_t crash_max; /* dumps of crashes to keep */
	uint32_t debug; /* DEBUG_* */
	uint32_t ndisks;
	struct conf_disk disks[VMD_DISKS_MAX];
	uint32_t nnics; /* nics with a line of their own */
	struct conf_nic nics[VMD_NICS_MAX];
};

struct conf {
	struct conf_owner socket_owner;
	uint32_t nvms;
	TAILQ_HEAD(conf_vms, conf_vm) vms; /* in the order of the file */
};

enum conf_severity {
	CONF_NOTE, /* a value was changed to what is possible */
	CONF_WARNING,
	CONF_ERROR,
};

/* Gets each "FILE:LINE: message": one line, escaped, without a newline. */
typedef void conf_report_fn(enum conf_severity, const char *text, void *arg);

/* Paths are made absolute but not looked at, users not looked up (a number or
 * any name becomes an id), no file but the first is opened. */
#define CONF_NO_FILES 0x01
/* The file was named by the user: it must exist. */
#define CONF_MUST_EXIST 0x02

struct conf_input {
	const char *path;
	const char *const *defs; /* -D: "name=value", NULL ends; or NULL */
	unsigned int flags; /* CONF_* */
	conf_report_fn *report;
	void *arg;
};

/* Parses a file and all it includes.  Returns an owned tree, or NULL after at
 * least one CONF_ERROR was reported; all errors of a run are reported. */
struct conf *conf_parse(const struct conf_input *);
/* The same of len bytes in memory; in->path is the name used in messages. */
struct conf *conf_parse_buffer(
    const struct conf_input *in, const char *text, size_t len);
/* NULL is accepted. */
void conf_free(struct conf *);
/* Returns borrowed, or NULL. */
struct conf_vm *conf_find(const struct conf *, const char *name);
/* Writes a file that parses to the same tree, every default spelled out.
 * 0, or -1 when the stream has an error. */
int conf_print(FILE *, const struct conf *);

/* The words that have a meaning in vm.conf, by number; NULL behind the last. */
const char *conf_keyword(size_t n);
/* A row of the scalar options of a VM, for documentation; NULL behind. */
struct conf_option;
const struct conf_option *conf_option_row(size_t n);

#endif /* CONF_H */
