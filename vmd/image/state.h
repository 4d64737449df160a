/* SPDX-License-Identifier: ISC */
/*
 * The form of a state stream: what a VM is saved as, moved as and made again
 * from.
 *
 * A header, then sections, the last of which is END.  All numbers are little
 * endian.  This file has the facts; state_write.h makes streams, state_read.h
 * reads them, and what a section holds is in the file of its name
 * (state_config.h, state_memory.h).  Shared by vmd and vmctl.  PROTOCOL.md's
 * table of sections is printed from here.
 */
#ifndef IMAGE_STATE_H
#define IMAGE_STATE_H

#include <stddef.h>
#include <stdint.h>

/* A byte that is no text, the name, and what a transfer as text would spoil. */
#define STATE_MAGIC "\xd3VMD\r\n\x1a\n"
#define STATE_MAGIC_LEN 8U
#define STATE_FORMAT 1U /* of header and section headers */

/*
 * The header:
 *	0	8	STATE_MAGIC
 *	8	4	STATE_FORMAT
 *	12	4	flags: none are known, 0
 *	16	12	0
 *	28	4	CRC-32C of bytes 0 to 27
 *
 * A section's header, which its payload follows:
 *	0	4	type, the number of a row below
 *	4	2	version of the payload's form, from 1
 *	6	2	flags, STATE_REQUIRED and STATE_BULK
 *	8	8	length of the payload
 *	16	8	number of the section, from 0
 *	24	4	CRC-32C of the payload
 *	28	4	CRC-32C of bytes 0 to 27
 */
#define STATE_HEADER 32U
#define STATE_FLAGS_AT 12U
#define STATE_ZERO_AT 16U
#define STATE_CRC_AT 28U

#define STATE_REQUIRED 0x01U /* who does not know it must not go on */
#define STATE_BULK 0x02U /* the digest has only the payload's CRC */
#define STATE_FLAGS (STATE_REQUIRED | STATE_BULK)

/* What END holds: the number of sections before it, and SHA-256 of all that is
 * before it, but for the payloads of sections with STATE_BULK. */
#define STATE_DIGEST 32U
#define STATE_END_LEN (8U + STATE_DIGEST)

#define STATE_PAGE 4096U
#define STATE_PAGES_MAX 1024U /* of one MEMORY section */
#define STATE_CONFIG_MAX 32768U
/* Head and runs of a MEMORY section; see state_memory.h. */
#define STATE_MEMORY_HEAD 32U
#define STATE_RUN 8U
#define STATE_MEMORY_MAX                                   \
	(STATE_MEMORY_HEAD + STATE_PAGES_MAX * STATE_RUN + \
	    (STATE_PAGES_MAX + 1) * STATE_PAGE)
/* Those of small sections. */
#define STATE_HANDOVER_LEN 16U
#define STATE_CPU_MAX 65536U
#define STATE_ROM_MAX (4U << 20)
#define STATE_VCPU_MAX 65536U
#define STATE_CHIPS_MAX (1U << 20)
#define STATE_BOARD_MAX (4U << 20)
#define STATE_DISKS_MAX 4096U
/* Of a DISKDATA section; see state_disk.h. */
#define STATE_DISK_HEAD 32U
#define STATE_DISK_CHUNK (1U << 20)
#define STATE_DISKDATA_MAX (STATE_DISK_HEAD + STATE_DISK_CHUNK)
/* The payload of a section that is skipped; nothing is allocated for it. */
#define STATE_SKIP_MAX (64U << 20)

enum state_count { STATE_ONCE, STATE_ANY };

/*	name	number	version	flags	how many	payload: least, most
 * text */
#define STATE_SECTIONS(X)                                                      \
	X(END, 1, 1, STATE_REQUIRED, STATE_ONCE, STATE_END_LEN, STATE_END_LEN, \
	    "the end: how many sections, and their digest")                    \
	X(CONFIG, 2, 1, STATE_REQUIRED, STATE_ONCE, 32, STATE_CONFIG_MAX,      \
	    "what the VM is made of; the first section")                       \
	X(MEMORY, 3, 1, STATE_REQUIRED | STATE_BULK, STATE_ANY,                \
	    STATE_MEMORY_HEAD + STATE_RUN, STATE_MEMORY_MAX,                   \
	    "pages of guest memory; what comes later holds")                   \
	X(HANDOVER, 4, 1, STATE_REQUIRED, STATE_ONCE, STATE_HANDOVER_LEN,      \
	    STATE_HANDOVER_LEN, "the sender waits for the receiver's word")    \
	X(CPU, 5, 1, STATE_REQUIRED, STATE_ONCE, 16, STATE_CPU_MAX,            \
	    "CPUID as the guest sees it")                                      \
	X(ROM, 6, 1, STATE_REQUIRED, STATE_ANY, 16, STATE_ROM_MAX,             \
	    "memory that the guest only reads")                                \
	X(VCPU, 7, 1, STATE_REQUIRED, STATE_ANY, 16, STATE_VCPU_MAX,           \
	    "registers of a vCPU")                                             \
	X(CHIPS, 8, 1, STATE_REQUIRED, STATE_ONCE, 16, STATE_CHIPS_MAX,        \
	    "interrupt controllers and timers of the kernel")                  \
	X(BOARD, 9, 1, STATE_REQUIRED, STATE_ONCE, 16, STATE_BOARD_MAX,        \
	    "chips, PCI and virtio devices")                                   \
	X(TIME, 10, 1, STATE_REQUIRED, STATE_ONCE, 32, 64,                     \
	    "the clocks when the VM stood still")                              \
	X(DISKS, 11, 1, STATE_REQUIRED, STATE_ONCE, 0, STATE_DISKS_MAX,        \
	    "sizes and generations of the disks then")                         \
	X(DISKDATA, 12, 1, STATE_REQUIRED | STATE_BULK, STATE_ANY,             \
	    STATE_DISK_HEAD, STATE_DISKDATA_MAX, "a part of a disk's content")

#define STATE_ENUM(name, number, version, flags, count, min, max, text) \
	STATE_##name = number,
enum state_type { STATE_SECTIONS(STATE_ENUM) };

struct state_row {
	uint32_t type;
	const char *name;
	const char *text;
	uint16_t version;
	uint16_t flags;
	enum state_count count;
	uint32_t min; /* bytes of payload */
	uint32_t max;
};

/* The rows of STATE_SECTIONS; *count of them. */
const struct state_row *state_rows(size_t *count);
/* The row of a type; NULL: it is unknown. */
const struct state_row *state_row(uint32_t type);
/* Its name, or "?" for an unknown one. */
const char *state_name(uint32_t type);

#endif /* IMAGE_STATE_H */
