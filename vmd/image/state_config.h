/* SPDX-License-Identifier: ISC */
/*
 * The CONFIG section: what a VM is made of.  No descriptor and no content of a
 * file is in it; files are named by their paths on the sender's host, and
 * whether the receiver's user may use such a file is for vmd to check.
 *
 *	0	8	memory in bytes
 *	8	4	vCPUs
 *	12	4	flags, STATE_CONFIG_*
 *	16	2	length of the name
 *	18	2	length of the kernel's command line
 *	20	2	network interfaces
 *	22	2	files
 *	24	8	0
 *	32	...	the name, the command line, the interfaces, the files
 *
 * An interface: type, flags, MAC address (6), 0 (8), name on the host (16,
 * padded with zeroes).  A file: kind (2), index (2), flags (4), format (4),
 * length of the path (4), size (8), generation (8), the path.  Texts have no
 * NUL.
 */
#ifndef STATE_CONFIG_H
#define STATE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "vmd_limits.h"
#include "vmd_msg.h"

#define STATE_PATH_MAX 4095U
#define STATE_FILES_MAX (VMD_DISKS_MAX + 3U)

#define STATE_CONFIG_GDB 0x01U /* a debugger may come */
#define STATE_CONFIG_COPY 0x02U /* the VM that was saved went on */
#define STATE_CONFIG_DISKS 0x04U /* the content of its disks comes, too */
#define STATE_CONFIG_FLAGS \
	(STATE_CONFIG_GDB | STATE_CONFIG_COPY | STATE_CONFIG_DISKS)

#define STATE_NIC_DOWN 0x01U /* the tap is left down */
#define STATE_NIC_FIXED 0x02U /* the address was configured: copies keep it */
#define STATE_NIC_FLAGS (STATE_NIC_DOWN | STATE_NIC_FIXED)
struct state_nic {
	uint8_t type; /* enum nic_type, not NIC_AUTO */
	uint8_t flags; /* STATE_NIC_* */
	uint8_t mac[6];
	char ifname[VMD_IFNAME_MAX + 1]; /* of a tap, on the sender's host */
};

/*	name		number	how many		text */
#define STATE_FILES(X)                    \
	X(DISK, 1, VMD_DISKS_MAX, "disk") \
	X(KERNEL, 2, 1, "kernel")         \
	X(INITRD, 3, 1, "initrd")         \
	X(FIRMWARE, 4, 1, "firmware")
#define STATE_FILE_ENUM(name, number, count, text) STATE_FILE_##name = number,
enum state_file_kind { STATE_FILES(STATE_FILE_ENUM) };

enum state_format { STATE_FORMAT_NONE, STATE_FORMAT_RAW };

#define STATE_FILE_READONLY 0x01U
struct state_file {
	uint16_t kind; /* enum state_file_kind */
	uint16_t index; /* among its kind */
	uint32_t flags; /* STATE_FILE_* */
	uint32_t format; /* enum state_format: of a disk */
	uint64_t size; /* bytes */
	/* Another one when the content has changed since; 0: unknown. */
	uint64_t generation;
	char path[STATE_PATH_MAX + 1];
};

struct state_config {
	uint64_t memory; /* bytes, whole MiB */
	uint32_t cpus;
	uint32_t flags; /* STATE_CONFIG_* */
	uint32_t nics;
	uint32_t files;
	char name[VMD_NAME_MAX + 1];
	char cmdline[VMD_CMDLINE_MAX + 1];
	struct state_nic nic[VMD_NICS_MAX];
	struct state_file file[STATE_FILES_MAX]; /* by kind and index */
};

/* "disk"; "?" for a number that is none. */
const char *state_file_name(uint16_t kind);

/*
 * Whether *c is a VM that could be started: what vmspec checks of a start
 * request, and there are no control characters in texts.  0,
 * or -1 with *why (borrowed, constant) and errno EINVAL.
 */
int state_config_check(const struct state_config *c, const char **why);
/* Writes *c, which has to pass state_config_check(), into payload, which has
 * STATE_CONFIG_MAX bytes.  Returns its length; 0 with *why. */
size_t state_config_encode(
    const struct state_config *c, uint8_t *payload, const char **why);
/* Fills in *c from a payload and checks it.  0, or -1 with *why (borrowed,
 * constant) and errno EBADMSG. */
int state_config_decode(struct state_config *c, const uint8_t *payload,
    size_t len, const char **why);

#endif /* STATE_CONFIG_H */
