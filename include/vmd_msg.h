/* SPDX-License-Identifier: ISC */
/*
 * The message table: every message that travels on a socket of vmd, who may
 * send it to whom, what it carries.  Names, checks, traces and the edges of
 * the process picture derive from the rows; nothing else lists messages.
 *
 * A payload is a structure of fixed width without pointers or padding,
 * followed, where the row allows it, by a tail of bytes.  No path travels:
 * whoever may open a file opens it and sends the descriptor.
 *
 * A question that a VM process answers (an "ask") has struct msg_vm_ask at the
 * beginning of its payload, goes MSG_UP | MSG_TO_VM, and is answered by any
 * number of parts, MSG_FROM_VM | MSG_DOWN | MSG_PART, whose payload begins with
 * the client's number, and by one VM_ANSWER.
 *
 * The peerid of the imsg header means: between client and control the
 * protocol's version; between control and parent the number of the client;
 * between parent, vmm and the processes of a VM the id of the VM.
 */
#ifndef VMD_MSG_H
#define VMD_MSG_H

#include <stdint.h>

#include "vmd_limits.h"

#define VMD_PROTOCOL 3

/* The ends of sockets.  DEVICE stands for blk and net processes. */
#define MSG_PEERS(X)          \
	X(CLIENT, "client")   \
	X(CONTROL, "control") \
	X(PARENT, "parent")   \
	X(PRIV, "priv")       \
	X(VMM, "vmm")         \
	X(VM, "vm")           \
	X(DEVICE, "device")   \
	X(USERNET, "usernet")
#define MSG_PEER_ENUM(name, text) PEER_##name,
enum msg_peer { MSG_PEERS(MSG_PEER_ENUM) PEER__COUNT };

/* An edge: one direction of one socket.  A row holds a set of them. */
#define MSG_EDGE(from, to) (1ULL << (PEER_##from * 8 + PEER_##to))
/* From a client by way of control to the parent, and back. */
#define MSG_UP (MSG_EDGE(CLIENT, CONTROL) | MSG_EDGE(CONTROL, PARENT))
#define MSG_DOWN (MSG_EDGE(PARENT, CONTROL) | MSG_EDGE(CONTROL, CLIENT))
/* Not an edge, for nobody sends to itself: a part of an answer to a client,
 * and more follows. */
#define MSG_PART MSG_EDGE(CLIENT, CLIENT)
/* From the parent by way of vmm to a VM process, and back. */
#define MSG_TO_VM (MSG_EDGE(PARENT, VMM) | MSG_EDGE(VMM, VM))
#define MSG_FROM_VM (MSG_EDGE(VM, VMM) | MSG_EDGE(VMM, PARENT))
#define MSG_TO_DEVICE MSG_EDGE(VM, DEVICE)
#define MSG_FROM_DEVICE MSG_EDGE(DEVICE, VM)

enum msg_fd { FD_NONE, FD_MUST };

/*	name		edges			payload		tail
 * descriptor */
#define VMD_MESSAGES(X)                                                        \
	/* Requests of clients. */                                             \
	X(VM_START, MSG_UP | MSG_TO_VM, S(msg_vm_start), 0, FD_NONE)           \
	X(VM_FILE, MSG_UP | MSG_TO_VM, S(msg_vm_file), 0, FD_MUST)             \
	X(VM_CMDLINE, MSG_UP | MSG_TO_VM, 0, VMD_CMDLINE_MAX, FD_NONE)         \
	X(VM_START_END, MSG_UP | MSG_TO_VM, 0, 0, FD_NONE)                     \
	X(VM_STOP, MSG_UP | MSG_EDGE(PARENT, VMM) | MSG_EDGE(VMM, VM),         \
	    S(msg_vm_stop), 0, FD_NONE)                                        \
	X(VM_WAIT, MSG_UP, S(msg_vm_target), 0, FD_NONE)                       \
	X(VM_PAUSE, MSG_UP | MSG_TO_VM, S(msg_vm_target), 0, FD_NONE)          \
	X(VM_UNPAUSE, MSG_UP | MSG_TO_VM, S(msg_vm_target), 0, FD_NONE)        \
	X(VM_DUMP, MSG_UP | MSG_TO_VM, S(msg_vm_ask), 0, FD_MUST)              \
	X(VM_SEND, MSG_UP | MSG_TO_VM, S(msg_vm_send), 0, FD_MUST)             \
	X(VM_GDB, MSG_UP, S(msg_vm_target), 0, FD_NONE)                        \
	X(VM_STATS, MSG_UP | MSG_TO_VM, S(msg_vm_ask), 0, FD_NONE)             \
	X(STATUS, MSG_UP, 0, 0, FD_NONE)                                       \
	X(RELOAD, MSG_UP, 0, 0, FD_NONE)                                       \
	X(RESET, MSG_UP, S(msg_reset), 0, FD_NONE)                             \
	X(LOG_LEVEL,                                                           \
	    MSG_UP | MSG_EDGE(PARENT, CONTROL) | MSG_EDGE(PARENT, PRIV) |      \
		MSG_TO_VM | MSG_EDGE(VMM, DEVICE) | MSG_EDGE(VMM, USERNET),    \
	    S(msg_log_level), 0, FD_NONE)                                      \
	/* Answers to clients. */                                              \
	X(RESULT, MSG_DOWN, S(msg_result), VMD_DETAIL_MAX, FD_NONE)            \
	X(STATUS_VM, MSG_DOWN | MSG_PART, S(msg_status_vm), 0, FD_NONE)        \
	X(STATUS_END, MSG_DOWN, 0, 0, FD_NONE)                                 \
	X(STATS_ROW, MSG_FROM_VM | MSG_DOWN | MSG_PART, S(msg_stats_row), 0,   \
	    FD_NONE)                                                           \
	X(VM_PROGRESS, MSG_FROM_VM | MSG_DOWN | MSG_PART, S(msg_vm_progress),  \
	    0, FD_NONE)                                                        \
	X(SEND_PROGRESS, MSG_FROM_VM | MSG_DOWN | MSG_PART,                    \
	    S(msg_send_progress), 0, FD_NONE)                                  \
	/* Between the daemon's processes. */                                  \
	X(CLIENT_OPEN, MSG_EDGE(CONTROL, PARENT), S(msg_client_open),          \
	    VMD_GROUPS_MAX * 4, FD_NONE)                                       \
	X(CLIENT_CLOSE, MSG_EDGE(CONTROL, PARENT) | MSG_EDGE(PARENT, CONTROL), \
	    0, 0, FD_NONE)                                                     \
	X(LOG_LINE,                                                            \
	    MSG_EDGE(CONTROL, PARENT) | MSG_EDGE(PRIV, PARENT) | MSG_FROM_VM | \
		MSG_EDGE(DEVICE, VMM) | MSG_EDGE(USERNET, VMM),                \
	    S(msg_log_line), VMD_LOGLINE_MAX, FD_NONE)                         \
	X(LINK_SET, MSG_EDGE(PARENT, PRIV), S(msg_link_set), 0, FD_NONE)       \
	X(LINK_DONE, MSG_EDGE(PRIV, PARENT), S(msg_link_done), 0, FD_NONE)     \
	X(KVM, MSG_EDGE(PARENT, VMM), 0, 0, FD_MUST)                           \
	X(VM_READY, MSG_FROM_VM, S(msg_result), VMD_DETAIL_MAX, FD_NONE)       \
	X(VM_STATE, MSG_FROM_VM, S(msg_vm_state), 0, FD_NONE)                  \
	X(VM_ANSWER, MSG_FROM_VM, S(msg_vm_answer), VMD_DETAIL_MAX, FD_NONE)   \
	X(VM_CANCEL, MSG_TO_VM, S(msg_vm_cancel), 0, FD_NONE)                  \
	X(VM_CONFIG, MSG_TO_VM, 0, 0, FD_MUST)                                 \
	X(VM_DISK_DATA, MSG_TO_VM, S(msg_vm_disk_data), 0, FD_MUST)            \
	X(VM_DISKS, MSG_FROM_VM, S(msg_vm_disks), 0, FD_NONE)                  \
	X(VM_DISKS_DONE, MSG_TO_VM, S(msg_vm_disks_done), 0, FD_NONE)          \
	X(VM_DUMPED, MSG_FROM_VM, S(msg_vm_dumped), 0, FD_NONE)                \
	X(VM_EXITING, MSG_EDGE(VM, VMM), S(msg_vm_exited), VMD_DETAIL_MAX,     \
	    FD_NONE)                                                           \
	X(VM_EXITED, MSG_EDGE(VMM, PARENT), S(msg_vm_exited), VMD_DETAIL_MAX,  \
	    FD_NONE)                                                           \
	X(VM_PID, MSG_EDGE(VMM, PARENT), S(msg_vm_pid), 0, FD_NONE)            \
	X(DEVICE_LINK, MSG_EDGE(VMM, VM), S(msg_device_link), 0, FD_MUST)      \
	X(DEVICE_START, MSG_EDGE(VMM, DEVICE) | MSG_EDGE(VMM, USERNET),        \
	    S(msg_device_start), 0, FD_NONE)                                   \
	X(DEVICE_ADD, MSG_EDGE(VMM, DEVICE), S(msg_device_start), 0, FD_MUST)  \
	/* Between a VM process and its device processes. */                   \
	X(DEV_HELLO, MSG_FROM_DEVICE, S(msg_dev_hello), 256, FD_NONE)          \
	X(DEV_FAULTS, MSG_TO_DEVICE, 0, 0, FD_MUST)                            \
	X(DEV_MEMORY, MSG_TO_DEVICE, S(msg_dev_memory), 0, FD_MUST)            \
	X(DEV_FAULTS_FD, MSG_FROM_DEVICE, S(msg_dev_faults), 0, FD_MUST)       \
	X(DEV_FEATURES, MSG_TO_DEVICE, S(msg_dev_features), 0, FD_NONE)        \
	X(DEV_QUEUE, MSG_TO_DEVICE, S(msg_dev_queue), 0, FD_MUST)              \
	X(DEV_CALL, MSG_TO_DEVICE, S(msg_dev_index), 0, FD_MUST)               \
	X(DEV_START, MSG_TO_DEVICE, 0, 0, FD_NONE)                             \
	X(DEV_STOP, MSG_TO_DEVICE, 0, 0, FD_NONE)                              \
	X(DEV_STOPPED, MSG_FROM_DEVICE, S(msg_dev_stopped), 0, FD_NONE)        \
	X(DEV_RESET, MSG_TO_DEVICE, 0, 0, FD_NONE)                             \
	X(DEV_DISK_LOG, MSG_TO_DEVICE, S(msg_dev_disk_log), 0, FD_MUST)        \
	X(DEV_LOG, MSG_TO_DEVICE, S(msg_dev_log), 0, FD_MUST)                  \
	X(DEV_LOG_END, MSG_TO_DEVICE, 0, 0, FD_NONE)                           \
	X(DEV_LOG_ON, MSG_FROM_DEVICE, 0, 0, FD_NONE)                          \
	X(DEV_ANNOUNCE, MSG_TO_DEVICE, 0, 0, FD_NONE)                          \
	X(DEV_FLUSH, MSG_TO_DEVICE, 0, 0, FD_NONE)                             \
	X(DEV_FLUSHED, MSG_FROM_DEVICE, S(msg_dev_flushed), 0, FD_NONE)        \
	X(DEV_RESET_DONE, MSG_FROM_DEVICE, 0, 0, FD_NONE)                      \
	X(DEV_BROKEN, MSG_FROM_DEVICE, S(msg_dev_index), VMD_DETAIL_MAX,       \
	    FD_NONE)

#define MSG_ENUM(name, edges, payload, tail, fd) MSG_##name,
enum msg_type { MSG_NONE_, VMD_MESSAGES(MSG_ENUM) MSG__COUNT };

/* --- payloads --------------------------------------------------------------
 */

/* Which VM: by id, or, where id is 0, by name (NUL terminated). */
struct msg_vm_target {
	uint32_t id;
	char name[VMD_NAME_MAX + 1];
};

enum nic_type { NIC_AUTO, NIC_TAP, NIC_USER };
#define NIC_DOWN 0x01 /* the tap is left down */
#define NIC_FIXED 0x02 /* the address was configured: copies keep it */
struct msg_nic {
	uint8_t type; /* enum nic_type */
	uint8_t flags;
	uint8_t mac[6]; /* all zero: the daemon chooses */
	char ifname[VMD_IFNAME_MAX + 1]; /* empty: the first free tap */
};

/* What the sender of VM_START says; the rest comes from vm.conf or defaults. */
#define START_MEMORY 0x01
#define START_CPUS 0x02
#define START_DISKS 0x04
#define START_NICS 0x08
#define START_KERNEL 0x10
#define START_INITRD 0x20
#define START_CMDLINE 0x40
#define START_DEBUG 0x80
#define START_RECEIVE 0x100 /* its state comes in VM_FILE_STATE */
#define DEBUG_GDB 0x01 /* a debugger may come */
#define DEBUG_STOP \
	0x02 /* the guest waits for it before its first instruction */
#define RECEIVE_LAZY 0x01 /* from a regular file, memory when it is needed */
#define RECEIVE_ANY_DISK 0x02 /* disks may have been written to since */
#define RECEIVE_DISKS 0x04 /* disks become what the state has of them */
#define RECEIVE_FLAGS (RECEIVE_LAZY | RECEIVE_ANY_DISK | RECEIVE_DISKS)
/*
 * Begins the description of a VM to start: VM_FILE for each file, VM_CMDLINE,
 * then VM_START_END follow.  The answer is one RESULT.
 */
struct msg_vm_start {
	uint64_t memory; /* bytes */
	uint32_t given; /* START_* */
	uint32_t cpus;
	uint32_t disks;
	uint32_t nics;
	struct msg_vm_target target;
	struct msg_nic nic[VMD_NICS_MAX];
	uint32_t debug; /* DEBUG_* */
	uint32_t receive; /* RECEIVE_*, with START_RECEIVE */
	uint32_t disks_mib; /* of all disks at most; the daemon fills it in */
};

#define FILE_READONLY 0x01
struct msg_vm_file {
	uint32_t kind; /* enum vm_file */
	uint32_t index; /* of disk or tap, else 0 */
	uint32_t flags;
};

#define STOP_FORCE 0x01
#define STOP_WAIT 0x02
struct msg_vm_stop {
	struct msg_vm_target target;
	uint32_t flags;
};

/* A question to a VM process.  The parent fills in the client's number, which
 * every part of the answer begins with. */
struct msg_vm_ask {
	struct msg_vm_target target;
	uint32_t client; /* 0 from the client itself */
	uint32_t flags; /* of the kind of question */
};

/* The last part of an answer of a VM process; the tail is a text, without a
 * NUL, for the user.  The parent makes a RESULT of it. */
struct msg_vm_answer {
	uint32_t client;
	uint32_t error; /* enum vm_error */
	uint32_t sys_errno; /* 0: none */
};

/* A client has gone: what it asked needs no answer, but it gets its end. */
struct msg_vm_cancel {
	uint32_t client;
};

/* How far a dump is, in bytes of guest memory. */
struct msg_vm_progress {
	uint32_t client;
	uint32_t spare;
	uint64_t done;
	uint64_t total;
};

/* How a VM is sent; ask.flags is SEND_*, the descriptor is where to. */
#define SEND_COPY 0x01 /* the VM goes on afterwards */
#define SEND_TWO_WAY 0x02 /* a socket: the receiver answers on it */
#define SEND_DISKS 0x04 /* with the content of its disks */
#define SEND_FLAGS (SEND_COPY | SEND_TWO_WAY | SEND_DISKS)
#define SEND_DOWNTIME_MS 300
#define SEND_DOWNTIME_MAX_MS 60000
#define SEND_LEVEL_MAX 19 /* of zstd */
struct msg_vm_send {
	struct msg_vm_ask ask;
	uint32_t downtime_ms; /* the guest may stand still about so long */
	uint32_t level; /* 0: not packed */
};

/* Before a VM_SEND with SEND_DISKS, for each disk: the descriptor reads it. */
struct msg_vm_disk_data {
	uint32_t index;
};

/* How far a send is. */
struct msg_send_progress {
	uint32_t client;
	uint32_t round; /* through the memory, from 1 */
	uint64_t sent; /* bytes of the stream */
	uint64_t left; /* bytes of memory to go, as far as known */
	uint64_t rate; /* bytes per second that leave */
	uint64_t dirty; /* bytes per second that the guest writes */
	uint32_t downtime_ms; /* expected */
	uint32_t throttle; /* percent of the time that vCPUs are kept */
};

/* What a VM process asks of the parent, which holds the locks of its disks, one
 * question at a time. */
enum disks_what {
	DISKS_LOOK, /* sizes and generations only */
	DISKS_UNLOCK, /* another process may take them */
	DISKS_LOCK, /* of all disks, or of none */
	DISKS__COUNT
};
struct msg_vm_disks {
	uint32_t what; /* enum disks_what */
};

#define DISKS_SHARED 0x01 /* a lock was another's before, and is ours now */
struct msg_vm_disks_done {
	uint32_t what;
	uint32_t error; /* enum vm_error */
	uint32_t index; /* of the disk that it is about */
	uint32_t flags; /* DISKS_* */
	uint64_t count;
	struct {
		uint64_t size; /* bytes */
		uint64_t generation; /* another after a write; 0: unknown */
	} disk[VMD_DISKS_MAX];
};

/* The guest has crashed and the dump of that is complete, or is not; the VM
 * process ends next. */
struct msg_vm_dumped {
	uint32_t sys_errno; /* 0: it is complete */
	uint32_t ms; /* how long it took */
};

/* What a counter counts. */
enum stats_unit {
	STATS_COUNT,
	STATS_BYTES,
	STATS_NS, /* nanoseconds */
	STATS_CYCLES, /* of the host's TSC */
	STATS_YES /* 0 or 1 */
};
/* One counter: of the VM as a whole, or of each of its vCPUs. */
struct msg_stats_row {
	uint32_t client;
	uint32_t unit; /* enum stats_unit */
	uint32_t vcpus; /* how many of vcpu[] there are; 0: not per vCPU */
	uint32_t spare;
	uint64_t vm; /* the VM's, or the sum of its vCPUs', or the highest */
	uint64_t vcpu[VMD_CPUS_MAX];
	char name[VMD_STAT_MAX + 1];
};

#define RESET_VMS 0x01
#define RESET_SWITCHES 0x02
struct msg_reset {
	uint32_t what;
};

struct msg_log_level {
	uint32_t level; /* 0 brief, 1 verbose, 2 trace */
};

/* The tail is a text, without a NUL, for the user. */
struct msg_result {
	uint32_t error; /* enum vm_error */
	uint32_t sys_errno; /* 0: none */
	uint32_t vm_id;
	uint32_t file; /* enum vm_file the error is about */
	uint32_t index; /* of that file */
	char name[VMD_NAME_MAX + 1];
	char tty[VMD_TTY_MAX + 1];
};

/* The order is that of the words in vmctl's STATE column. */
enum vm_state { VM_STOPPED, VM_STARTING, VM_RUNNING, VM_PAUSED, VM_STOPPING };
#define STATUS_WAITING 0x01 /* some client waits for the VM's end */
struct msg_status_vm {
	uint64_t memory; /* bytes */
	uint64_t memory_used; /* bytes of host memory; 0 when stopped */
	uint32_t id;
	int32_t pid; /* 0 when stopped */
	uint32_t cpus;
	uint32_t state; /* enum vm_state */
	uint32_t uid;
	int64_t gid; /* -1: no owning group */
	uint32_t flags;
	char name[VMD_NAME_MAX + 1];
	char tty[VMD_TTY_MAX + 1];
} __attribute__((packed));

/* The tail is the groups of a client that is not root, a uint32_t each. */
struct msg_client_open {
	uint32_t uid; /* as the kernel says it */
	uint32_t gid;
	int32_t pid;
};

/* The tail is the finished line. */
struct msg_log_line {
	uint32_t level; /* enum log_level */
	char process[32]; /* whose line it is: "vm web1" */
};

#define LINK_UP 0x01
struct msg_link_set {
	uint32_t cookie; /* comes back in LINK_DONE */
	uint32_t flags;
	char ifname[VMD_IFNAME_MAX + 1];
	char alias[128];
};
struct msg_link_done {
	uint32_t cookie;
	uint32_t sys_errno;
};

struct msg_vm_state {
	uint32_t state; /* enum vm_state */
	uint32_t error; /* enum vm_error, of the request that led here */
};

enum vm_end {
	END_POWEROFF, /* the guest switched itself off */
	END_REBOOT, /* the guest asked for a reset */
	END_FAULT, /* a triple fault, which resets a PC */
	END_CRASH, /* what KVM cannot go on from */
	END_SENT, /* it runs elsewhere, or is in a file */
	END_FORCED, /* vmctl stop -f, or the end of the daemon */
	END_FAILED, /* never came up */
	END_DIED /* the process ended without a word */
};
struct msg_vm_exited {
	uint32_t reason; /* enum vm_end */
	uint32_t error; /* enum vm_error */
	int32_t status; /* of waitpid(2) */
};

struct msg_vm_pid {
	int32_t pid;
};

/* A device process has come up (again): its VM end of the socket. */
enum device_kind { DEVICE_BLK, DEVICE_NET, DEVICE_RNG, DEVICE__COUNT };
struct msg_device_link {
	uint32_t kind; /* enum device_kind */
	uint32_t index; /* among its kind */
	uint8_t mac[6];
	uint16_t flags; /* FILE_READONLY */
};

/*
 * The first message of a device or usernet process: what it is.  Its link to
 * the VM and its backend are the first extra descriptors of its exec.
 * DEVICE_ADD makes the same process serve another device, one without a
 * backend; the descriptor is that device's link to the VM.
 */
struct msg_device_start {
	uint32_t kind; /* enum device_kind */
	uint32_t index; /* among its kind */
	uint32_t flags; /* FILE_READONLY */
	uint8_t mac[6];
	uint8_t spare[2];
	char name[VMD_NAME_MAX + 1]; /* of the VM */
};

/* The tail is the device's configuration space (virtio 1.2, 5.x.4). */
struct msg_dev_hello {
	uint64_t features; /* offered */
	uint32_t virtio_id; /* virtio 1.2, 5 */
	uint32_t queues;
	uint32_t queue_size; /* maximum */
	uint32_t spare;
};

#define DEV_REGIONS_MAX 4
struct msg_dev_memory {
	uint32_t count;
	uint32_t spare;
	struct {
		uint64_t gpa;
		uint64_t len;
		uint64_t offset; /* in the memfd */
	} region[DEV_REGIONS_MAX];
};

/*
 * Memory that is filled on demand: DEV_FAULTS, with /dev/userfaultfd, precedes
 * DEV_MEMORY; the answer to that has a descriptor of the process' own on which
 * its missing pages are asked for, and where it has mapped the regions.
 */
struct msg_dev_faults {
	uint64_t base[DEV_REGIONS_MAX];
};

struct msg_dev_features {
	uint64_t features; /* accepted by the driver */
};

/* The descriptor is the eventfd that the guest's notification signals. */
struct msg_dev_queue {
	uint64_t desc; /* guest physical addresses */
	uint64_t driver;
	uint64_t device;
	uint32_t index;
	uint32_t size;
	uint32_t next; /* where both rings begin: 0 but for a loaded state */
	uint32_t spare;
};

/* Nothing is in flight, so that one index says where a queue stands. */
#define DEV_QUEUES_MAX 4
struct msg_dev_stopped {
	uint16_t next[DEV_QUEUES_MAX]; /* entry, of both rings */
};

struct msg_dev_index {
	uint32_t index;
};

/*
 * The descriptor is a sealed memfd with a bit for each page of the memfd of
 * guest memory, in its order: bit n of 64-bit word w is page w * 64 + n.  From
 * its answer, DEV_LOG_ON, until DEV_LOG_END the device sets the bits of the
 * pages that it has written.
 */
#define DEV_LOG_PAGE 4096
struct msg_dev_log {
	uint64_t pages;
};

/*
 * For a blk device, before DEV_LOG, which it is part of: the descriptor is a
 * sealed memfd with a bit for each chunk of the disk, set when the device has
 * written there and before the driver is told of that.
 */
#define DEV_DISK_CHUNK (1 << 20)
struct msg_dev_disk_log {
	uint64_t chunks;
};

/* The answer to DEV_FLUSH, of blk devices only: all that the driver was told is
 * written before DEV_FLUSH was sent is on the medium. */
struct msg_dev_flushed {
	uint32_t error; /* errno; 0: none */
};

#endif /* VMD_MSG_H */
