/* SPDX-License-Identifier: ISC */
/*
 * The parent's state, shared by the files that make up that role: parent.c
 * (processes and signals), vmstart.c and vmlife.c (VMs), vmsend.c, vmreceive.c
 * and vmdisks.c (VMs that move), request.c and ask.c (clients), reload.c
 * (vm.conf).
 *
 * The parent is the only process that opens files, ptys and taps.  It never
 * sees a byte that a guest made, but answers messages of less privileged
 * processes: a message that breaks the rules costs its sender its life, and
 * the parent starts that role again.
 */
#ifndef PARENT_H
#define PARENT_H

#include <sys/queue.h>
#include <sys/types.h>

#include "ipc/msg.h"
#include "jail/jail.h"
#include "role/role.h"
#include "role/vmlist.h"
#include "vm_error.h"

struct event;
struct event_base;

/* A client, as control announced it. */
struct session {
	TAILQ_ENTRY(session) entry;
	uint32_t id;
	uid_t uid;
	gid_t gid;
	struct vmspec *spec; /* being described; NULL: nothing */
	enum vm_error spec_error;
	unsigned int ngroups; /* besides gid */
	gid_t groups[];
};

/* One of the parent's own children: control, priv, vmm. */
struct parent_proc {
	struct parent *parent;
	enum role role;
	enum msg_peer peer;
	const msg_handler *handlers;
	pid_t pid; /* 0: not running */
	struct msg_link link;
	int64_t started_ms;
	bool was_up; /* has lived for longer than that once */
	unsigned int deaths; /* in a row, each soon after its start */
};

enum { PROC_CONTROL, PROC_PRIV, PROC_VMM, PROC__COUNT };

struct parent {
	const struct parent_options *options;
	struct event_base *base;
	struct parent_proc proc[PROC__COUNT];
	struct vmlist vms;
	TAILQ_HEAD(sessions, session) sessions;
	unsigned int nsessions;
	const char *conf_path; /* absolute where the daemon leaves its folder */
	char *socket_path; /* owned */
	char *gdb_folder; /* owned; of the sockets for debuggers */
	uid_t uid; /* whom the daemon runs for */
	bool is_root;
	uid_t jail_uid; /* whom its children become */
	gid_t jail_gid;
	struct vmtty_watch tty_watch;
	int listen_fd;
	char *lock_path; /* owned */
	int lock_fd; /* held as long as the daemon lives */
	int root_fd; /* the empty directory of the jails */
	int exe_fd;
	int notify_fd; /* of the service manager; -1: none */
	bool kvm_sent; /* vmm has the descriptor */
	unsigned int vmm_jail_flags;
	bool ending; /* the daemon shuts down */
	struct event *ending_timer;
};

struct session *parent_session(struct parent *, uint32_t id);
struct msg_link *parent_link(struct parent *, int proc);
/* Writes a line of a child to the log. */
void parent_log_line(void *arg, struct msg *);
/* --- parent_socket.c --------------------------------------------------------
 */

/* The path as it is after a chdir(2).  Returns owned. */
char *parent_absolute(const char *path);
/* The one named, by option or environment, or the default.  Returns owned. */
char *parent_socket_path(const struct parent_options *);
/* Makes the socket at socket_path, and a lock beside it; another daemon's is
 * fatal. */
void parent_listen(struct parent *);
/* Removes both. */
void parent_socket_remove(struct parent *);
/* Gives the control socket to whom vm.conf says (given), or to the user the
 * daemon runs for. */
void parent_socket_owner(struct parent *, bool given, uid_t uid, int64_t gid);
/* Begins the end of the daemon. */
void parent_end(struct parent *);
/* All VMs are gone: nothing is left to wait for. */
void parent_vms_ended(struct parent *);

/* --- vmstart.c --------------------------------------------------------------
 */

/*
 * Starts v.  extra (may be NULL, taken) is what the requester gave on top of
 * the definition.  The answer goes to the waiters of WAIT_START; on an error
 * result is filled in, detail too, and nothing is left behind.
 */
enum vm_error vmstart_start(struct parent *, struct vment *,
    struct vmspec *extra, uid_t uid, struct msg_result *result, char *detail,
    size_t detail_size);
/* Asks it to end.  force: at once. */
void vmstart_stop(struct parent *, struct vment *, bool force);
/* The same VM again, as it was started, for a guest that reset itself.  -1
 * with errno. */
int vmstart_again(struct parent *, struct vment *);
/* Asks a new priv for the taps that the last one did not come to. */
void vmstart_taps_again(struct parent *);

/* --- vmlife.c ---------------------------------------------------------------
 */

/* vmm is gone, and with it every VM. */
void vmlife_all_ended(struct parent *);

/* --- vmsend.c ---------------------------------------------------------------
 */

/* Whether this client may have the VM sent, and received from elsewhere. */
bool vmsend_may(
    const struct parent *, const struct session *, const struct vment *);
/*
 * A client's VM_SEND before it is passed on: checks it and gives the VM process
 * what the VM is made of.  VM_ERROR_OK, or why not, with a sentence of at most
 * VMD_DETAIL_MAX characters in detail.
 */
enum vm_error vmsend_prepare(struct parent *, const struct session *,
    struct vment *, const struct msg *, char *detail);
/* The VM process has answered client: if that has it sent, that is over. */
void vmsend_answered(struct vment *, uint32_t client);
/* Nothing is left of the VM: if that is because it was sent, who asked for that
 * hears it now. */
void vmsend_ended(struct parent *, struct vment *);

/* --- vmreceive.c ------------------------------------------------------------
 */

static inline bool
vmreceive_is(const struct msg_vm_start *m)
{
	return (m->given & START_RECEIVE) != 0;
}

/* What a client sent of a state, without waiting for its file systems.
 * VM_ERROR_OK, or why not; *file is what it is about. */
enum vm_error vmreceive_check(
    struct vmspec *, uint32_t *file, const char **detail);
/* Takes what a definition leaves open from the request (given). */
void vmreceive_merge(struct vmspec *, const struct msg_vm_start *given);
/* The description is on its way to vmm: what only the first start needs is not
 * kept for those that follow. */
void vmreceive_begun(struct vment *);
/* It says that it is up.  false: it cannot be, and is ended. */
bool vmreceive_ready(struct parent *, struct vment *);
/* A client is gone; what it had begun to receive is not wanted any more. */
void vmreceive_left(struct parent *, struct vment *, uint32_t client);

/* --- vmdisks.c --------------------------------------------------------------
 */

/* Locks all disks, or none.  VM_ERROR_OK, or VM_ERROR_FILE_BUSY with the disk
 * in *index; *busy gets a bit for each disk that is another's. */
enum vm_error vmdisks_lock(
    const struct vmspec *, uint32_t *busy, uint32_t *index);
void vmdisks_unlock(const struct vmspec *);
/* What tells another content: when it was last written to, in ns; 0: that is
 * not known. */
uint64_t vmdisks_generation(int fd);
/* The handler of VM_DISKS. */
void vmdisks_request(void *arg, struct msg *);

/* --- request.c --------------------------------------------------------------
 */

void request_session_close(struct parent *, struct session *);
/* Answers a client; detail may be empty. */
void request_answer(struct parent *, uint32_t client, const struct msg_result *,
    const char *detail);
/* Answers every client that waits for something of v. */
void request_answer_waiters(struct parent *, struct vment *, enum waiter_for,
    const struct msg_result *, const char *detail);
/* A result about v without an error. */
struct msg_result request_result(const struct vment *, enum vm_error);

/* root, and the user the daemon runs for. */
bool request_is_admin(const struct parent *, const struct session *);
/* The running VM of a request; NULL after the client was told why not.
 * Returns borrowed. */
struct vment *request_running_vm(
    struct parent *, struct session *, const struct msg_vm_target *);

/* --- ask.c ------------------------------------------------------------------
 */

/* Handlers of every question to a VM process, of the parts of its answers, and
 * of their ends. */
void ask_request(void *arg, struct msg *);
void ask_part(void *arg, struct msg *);
void ask_answer(void *arg, struct msg *);
/* A client is gone: what it asked needs no answer. */
void ask_cancel(struct parent *, struct vment *, uint32_t client);
/* The VM process is gone: who asked it hears that. */
void ask_ended(struct parent *, struct vment *);

/* --- crash.c ----------------------------------------------------------------
 */

/* Makes the file for the dump of a crash, where the VM is to have one, and puts
 * it into spec.  VM_ERROR_OK, or why not, with errno. */
enum vm_error crash_prepare(struct vment *, struct vmspec *spec);
/* The handler of VM_DUMPED. */
void crash_dumped(void *arg, struct msg *);
/* The VM has ended: a dump that is complete gets its name. */
void crash_finish(struct vment *);

/* --- reload.c ---------------------------------------------------------------
 */

/*
 * Reads vm.conf.  Once the whole file is good: stopped VMs that it no longer
 * has are forgotten, new ones are added, and those it enables are started.
 * -1: it has errors, which were logged, and nothing changed; first then holds
 * the first of them.  A file that was named with -f must be there.
 */
int reload_conf(struct parent *, char *first, size_t size);
/* The file to read: the one named, else root's or the user's.  Returns owned.
 */
char *reload_path(const struct parent_options *);
/* For vmd -n: prints errors to stderr.  The exit status. */
int reload_check(const struct parent_options *);

#endif /* PARENT_H */
