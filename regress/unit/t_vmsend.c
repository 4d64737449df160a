/* SPDX-License-Identifier: ISC */
/*
 * The parent's part in a VM that moves: who may send it, what its process is
 * told, who has the locks of its disks, and what a client may send to have one
 * received.
 */
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "image/state.h"
#include "image/state_config.h"
#include "ipc/log.h"
#include "ipc/vmspec.h"
#include "role/parent.h"

#define DISK_BYTES 8192

/* The other ends: what control and vmm get. */
struct peer {
	struct msg_link link;
	unsigned int results;
	unsigned int sends;
	unsigned int stops;
	uint32_t peerid;
	struct msg_vm_send send;
	struct msg_result result;
	struct msg_vm_disks_done done;
	char detail[VMD_DETAIL_MAX + 1];
	int config_fd; /* owned */
};

static struct parent parent;
static struct peer control, vmm;
static struct vment *v;
static char path[2][32];
static struct state_config config;
static const char *tail = ""; /* of what the VM says */

static void
got(void *arg, struct msg *m)
{
	struct peer *p = arg;

	p->peerid = m->peerid;
	if (m->type == MSG_RESULT) {
		p->results++;
		memcpy(&p->result, m->payload, sizeof(p->result));
		snprintf(p->detail, sizeof(p->detail), "%.*s", (int)m->tail_len,
		    m->tail);
	} else if (m->type == MSG_VM_SEND) {
		p->sends++;
		memcpy(&p->send, m->payload, sizeof(p->send));
	} else if (m->type == MSG_VM_DISKS_DONE) {
		memcpy(&p->done, m->payload, sizeof(p->done));
	} else if (m->type == MSG_VM_STOP) {
		p->stops++;
	} else if (m->type == MSG_VM_CONFIG) {
		if (p->config_fd != -1)
			close(p->config_fd);
		p->config_fd = m->fd;
		m->fd = -1;
	}
}

static const msg_handler handlers[MSG__COUNT] = {
	[MSG_RESULT] = got,
	[MSG_VM_SEND] = got,
	[MSG_VM_CONFIG] = got,
	[MSG_VM_CANCEL] = got,
	[MSG_VM_DISKS_DONE] = got,
	[MSG_VM_STOP] = got,
};

static bool
join(int proc, struct peer *peer, enum msg_peer who)
{
	struct parent_proc *pp = &parent.proc[proc];
	int sv[2];

	memset(peer, 0, sizeof(*peer));
	peer->config_fd = -1;
	pp->parent = &parent;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0 &&
	    msg_link_init(&pp->link, sv[0], PEER_PARENT, who, handlers, pp) ==
	    0 &&
	    msg_link_init(
		&peer->link, sv[1], who, PEER_PARENT, handlers, peer) == 0;
}

static void
client(uint32_t id, uid_t uid)
{
	const struct msg_client_open open = { .uid = uid };
	struct msg m = { .type = MSG_CLIENT_OPEN,
		.peerid = id,
		.payload = &open,
		.fd = -1 };

	parent_from_control[MSG_CLIENT_OPEN](&parent.proc[PROC_CONTROL], &m);
}

static void
client_left(uint32_t id)
{
	struct msg m = { .type = MSG_CLIENT_CLOSE, .peerid = id, .fd = -1 };

	parent_from_control[MSG_CLIENT_CLOSE](&parent.proc[PROC_CONTROL], &m);
}

/* What has arrived at both ends by now. */
static void
settle(void)
{
	struct peer *peers[] = { &control, &vmm };

	for (unsigned int i = 0; i < 2; i++) {
		peers[i]->results = peers[i]->sends = peers[i]->stops = 0;
		msg_link_flush(
		    &parent.proc[i == 0 ? PROC_CONTROL : PROC_VMM].link);
		msg_link_drain(&peers[i]->link);
	}
}

static int
disk_make(unsigned int i)
{
	int fd;

	snprintf(path[i], sizeof(path[i]), "/tmp/t_vmsend.XXXXXX");
	fd = mkstemp(path[i]);
	if (fd != -1 && ftruncate(fd, DISK_BYTES) == -1)
		return -1;
	return fd;
}

/* A VM with two disks, the first of which a client sent, and two interfaces,
 * the address of the second of which is configured. */
static struct vmspec *
description(void)
{
	struct vmspec *s = vmspec_new();

	s->start = (struct msg_vm_start) {
		.memory = 64 << 20,
		.cpus = 2,
		.disks = 2,
		.nics = 2,
		.debug = DEBUG_GDB,
		.nic = { { .type = NIC_USER, .mac = { 2, 0, 0, 0, 0, 1 } },
		    { .type = NIC_TAP,
			.flags = NIC_FIXED | NIC_DOWN,
			.mac = { 2, 0, 0, 0, 0, 2 },
			.ifname = "tap7" } },
	};
	for (unsigned int i = 0; i < 2; i++)
		vmspec_put(s, VM_FILE_DISK, i, disk_make(i),
		    i == 1 ? FILE_READONLY : 0);
	s->path[VM_FILE_DISK][1] = strdup("/srv/second.img");
	s->cmdline = strdup("console=ttyS0");
	return s;
}

static bool
begin(void)
{
	uint32_t index, busy = 0;

	memset(&parent, 0, sizeof(parent));
	TAILQ_INIT(&parent.sessions);
	vmlist_init(&parent.vms);
	v = vmlist_add(&parent.vms, "web1", 1000);
	v->run = description();
	v->defined = true;
	v->started_by = 1000;
	vment_event(v, EVENT_START);
	vment_event(v, EVENT_READY);
	if (!join(PROC_CONTROL, &control, PEER_CONTROL) ||
	    !join(PROC_VMM, &vmm, PEER_VMM))
		return false;
	client(7, 0);
	client(8, 1000);
	return vmdisks_lock(v->run, &busy, &index) == VM_ERROR_OK;
}

static void
end(void)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&parent.sessions)) != NULL)
		request_session_close(&parent, s);
	vmlist_fini(&parent.vms);
	msg_link_fini(&parent.proc[PROC_CONTROL].link);
	msg_link_fini(&parent.proc[PROC_VMM].link);
	msg_link_fini(&control.link);
	msg_link_fini(&vmm.link);
	if (vmm.config_fd != -1)
		close(vmm.config_fd);
	unlink(path[0]);
	unlink(path[1]);
}

/* Takes fd. */
static void
send_to(uint32_t id, uint32_t flags, int fd)
{
	const struct msg_vm_send send = { .ask.target.id = v->id,
		.ask.flags = flags,
		.downtime_ms = 300,
		.level = 3 };
	struct msg m = { .type = MSG_VM_SEND,
		.peerid = id,
		.payload = &send,
		.tail = "",
		.fd = fd };

	parent_from_control[MSG_VM_SEND](&parent.proc[PROC_CONTROL], &m);
	if (m.fd != -1)
		close(m.fd);
	settle();
}

static void
from_vm(enum msg_type type, const void *payload)
{
	struct msg m = { .type = type,
		.peerid = v->id,
		.payload = payload,
		.tail = tail,
		.tail_len = strlen(tail),
		.fd = -1 };

	parent_from_vmm[type](&parent.proc[PROC_VMM], &m);
	settle();
}

static enum vm_error
disks(uint32_t what)
{
	const struct msg_vm_disks d = { .what = what };

	memset(&vmm.done, 0xff, sizeof(vmm.done));
	from_vm(MSG_VM_DISKS, &d);
	CHECK_EQ(vmm.done.what, what);
	return vmm.done.error;
}

static int
pipe_end(bool writes)
{
	int fds[2];

	if (pipe(fds) == -1)
		return -1;
	close(fds[!writes]);
	return fds[writes];
}

static int
socket_end(void)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		return -1;
	close(sv[1]);
	return sv[0];
}

/* Whether somebody else could take disk i now. */
static bool
is_free(unsigned int i)
{
	int fd = open(path[i], O_RDWR);
	bool is = flock(fd, LOCK_EX | LOCK_NB) == 0;

	close(fd);
	return is;
}

/* --- sending ----------------------------------------------------------------
 */

static void
who_may_send(void)
{
	REQUIRE(begin());
	send_to(8, 0, pipe_end(true));
	CHECK_EQ(control.result.error, VM_ERROR_NO_SEND);
	CHECK_EQ(vmm.sends, 0);
	v->allow_send = true;
	send_to(8, SEND_COPY, pipe_end(true));
	CHECK_EQ(control.results, 0);
	CHECK_EQ(vmm.sends, 1);
	CHECK_EQ(vmm.send.ask.client, 8);
	CHECK_EQ(vmm.send.ask.flags, SEND_COPY);
	CHECK_EQ(vmm.send.level, 3);
	send_to(7, 0, pipe_end(true));
	CHECK_EQ(vmm.sends, 0);
	CHECK_EQ(control.result.error, VM_ERROR_SENDING);
	end();
	REQUIRE(begin());
	send_to(7, 0, pipe_end(true));
	CHECK_EQ(vmm.sends, 1);
	end();
}

static void
where_to(void)
{
	REQUIRE(begin());
	send_to(7, 0, pipe_end(false));
	CHECK_EQ(control.result.error, VM_ERROR_SEND_FAILED);
	send_to(7, 0, open("/dev/null", O_WRONLY));
	CHECK_EQ(control.result.error, VM_ERROR_SEND_FAILED);
	send_to(7, 0, open(path[0], O_PATH));
	CHECK_EQ(control.result.error, VM_ERROR_SEND_FAILED);
	send_to(7, SEND_TWO_WAY, pipe_end(true));
	CHECK_EQ(control.result.error, VM_ERROR_SEND_FAILED);
	CHECK_STR(control.detail, "nobody can answer on what is not a socket");
	send_to(7, 0x80, pipe_end(true));
	CHECK_EQ(control.result.error, VM_ERROR_INVALID);
	CHECK_EQ(vmm.sends, 0);
	send_to(7, SEND_TWO_WAY, socket_end());
	CHECK_EQ(vmm.sends, 1);
	end();
	REQUIRE(begin());
	send_to(7, 0, open(path[0], O_WRONLY | O_APPEND));
	CHECK_EQ(vmm.sends, 1);
	end();
}

/* What the VM process gets, which knows none of it itself. */
static void
what_it_is_made_of(void)
{
	uint8_t payload[STATE_CONFIG_MAX];
	const char *why = "";
	ssize_t n;

	REQUIRE(begin());
	send_to(7, SEND_COPY, pipe_end(true));
	REQUIRE(vmm.config_fd != -1);
	CHECK_EQ(fcntl(vmm.config_fd, F_GET_SEALS),
	    F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	n = pread(vmm.config_fd, payload, sizeof(payload), 0);
	REQUIRE(n > 0);
	CHECK_EQ(state_config_decode(&config, payload, (size_t)n, &why), 0);
	CHECK_STR(config.name, "web1");
	CHECK_EQ(config.memory, 64 << 20);
	CHECK_EQ(config.cpus, 2);
	CHECK_EQ(config.flags, STATE_CONFIG_GDB | STATE_CONFIG_COPY);
	CHECK_STR(config.cmdline, "console=ttyS0");
	CHECK_EQ(config.nics, 2);
	CHECK_EQ(config.nic[0].type, NIC_USER);
	CHECK_EQ(config.nic[0].flags, 0);
	CHECK_EQ(config.nic[1].flags, STATE_NIC_DOWN | STATE_NIC_FIXED);
	CHECK_STR(config.nic[1].ifname, "tap7");
	CHECK_EQ(config.files, 2);
	CHECK_STR(config.file[0].path, path[0]);
	CHECK_STR(config.file[1].path, "/srv/second.img");
	CHECK_EQ(config.file[0].size, DISK_BYTES);
	CHECK(config.file[0].generation != 0);
	CHECK_EQ(config.file[0].flags, 0);
	CHECK_EQ(config.file[1].flags, STATE_FILE_READONLY);
	end();
}

static void
a_disk_without_a_name(void)
{
	REQUIRE(begin());
	unlink(path[0]);
	send_to(7, 0, pipe_end(true));
	CHECK_EQ(control.result.error, VM_ERROR_SEND_FAILED);
	CHECK(strncmp(control.detail, "disk 0 (/tmp/t_vmsend.", 22) == 0);
	CHECK_EQ(vmm.sends, 0);
	/* Nothing is under way. */
	CHECK_EQ(disks(DISKS_LOOK), VM_ERROR_INVALID);
	end();
}

/* The client hears of it when nothing is left. */
static void
it_is_sent(void)
{
	const struct msg_vm_exited exited = { .reason = END_SENT };

	REQUIRE(begin());
	v->def = vmspec_new();
	send_to(7, 0, pipe_end(true));
	vment_wait(v, 8, WAIT_END);
	from_vm(MSG_VM_EXITED, &exited);
	CHECK_EQ(control.results, 2);
	CHECK_EQ(control.peerid, 7);
	CHECK_EQ(control.result.error, VM_ERROR_OK);
	CHECK_EQ(v->state, VM_STOPPED);
	CHECK(v->run == NULL);
	CHECK(is_free(0));
	end();
}

static void
it_dies_meanwhile(void)
{
	const struct msg_vm_exited exited = { .reason = END_DIED };

	REQUIRE(begin());
	v->def = vmspec_new();
	send_to(7, 0, pipe_end(true));
	from_vm(MSG_VM_EXITED, &exited);
	CHECK_EQ(control.results, 1);
	CHECK_EQ(control.result.error, VM_ERROR_NOT_RUNNING);
	end();
}

/* --- disks ------------------------------------------------------------------
 */

static void
answered(uint32_t id)
{
	const struct msg_vm_answer a = { .client = id,
		.error = VM_ERROR_SEND_FAILED };

	from_vm(MSG_VM_ANSWER, &a);
}

static void
locks_are_given_up_and_taken(void)
{
	REQUIRE(begin());
	CHECK_EQ(disks(DISKS_LOOK), VM_ERROR_INVALID);
	CHECK_EQ(disks(DISKS_UNLOCK), VM_ERROR_INVALID);
	CHECK_EQ(vmm.done.count, 0);
	/* That it has them, it may make sure of. */
	CHECK_EQ(disks(DISKS_LOCK), VM_ERROR_OK);
	CHECK_EQ(vmm.done.flags, 0);
	send_to(7, SEND_TWO_WAY, socket_end());
	CHECK_EQ(disks(DISKS_LOOK), VM_ERROR_OK);
	CHECK_EQ(vmm.done.count, 2);
	CHECK_EQ(vmm.done.disk[0].size, DISK_BYTES);
	CHECK(vmm.done.disk[0].generation != 0);
	CHECK_EQ(disks(DISKS__COUNT), VM_ERROR_INVALID);
	CHECK(!is_free(0));
	CHECK_EQ(disks(DISKS_UNLOCK), VM_ERROR_OK);
	CHECK(is_free(0) && is_free(1));
	/* It may have them again whoever asks still. */
	answered(7);
	CHECK_EQ(control.result.error, VM_ERROR_SEND_FAILED);
	CHECK_EQ(disks(DISKS_LOCK), VM_ERROR_OK);
	CHECK_EQ(vmm.done.flags, 0);
	CHECK(!is_free(0) && !is_free(1));
	/* And another may send it. */
	send_to(7, 0, pipe_end(true));
	CHECK_EQ(vmm.sends, 1);
	end();
}

static void
all_or_none(void)
{
	int fd;

	REQUIRE(begin());
	send_to(7, SEND_TWO_WAY, socket_end());
	CHECK_EQ(disks(DISKS_UNLOCK), VM_ERROR_OK);
	fd = open(path[1], O_RDWR);
	CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
	CHECK_EQ(disks(DISKS_LOCK), VM_ERROR_FILE_BUSY);
	CHECK_EQ(vmm.done.index, 1);
	CHECK(is_free(0));
	close(fd);
	CHECK_EQ(disks(DISKS_LOCK), VM_ERROR_OK);
	CHECK_EQ(vmm.done.flags, DISKS_SHARED);
	end();
}

static void
they_stay_with_a_copy(void)
{
	REQUIRE(begin());
	send_to(7, SEND_COPY, pipe_end(true));
	CHECK_EQ(disks(DISKS_UNLOCK), VM_ERROR_INVALID);
	CHECK(!is_free(0));
	end();
	REQUIRE(begin());
	send_to(7, SEND_TWO_WAY, socket_end());
	client_left(7);
	CHECK_EQ(disks(DISKS_UNLOCK), VM_ERROR_CANCELLED);
	CHECK(!is_free(0));
	/* It ends the question that nobody waits for. */
	answered(7);
	CHECK_EQ(control.results, 0);
	CHECK_EQ(disks(DISKS_LOOK), VM_ERROR_INVALID);
	end();
}

/* One that is in doubt goes on when it has its disks, or says why not. */
static void
unpaused_without_disks(void)
{
	const struct msg_vm_state busy = { .state = VM_PAUSED,
		.error = VM_ERROR_FILE_BUSY };
	const struct msg_vm_state again = { .state = VM_PAUSED,
		.error = VM_ERROR_PAUSED };

	REQUIRE(begin());
	v->state = VM_PAUSED;
	vment_wait(v, 7, WAIT_UNPAUSE);
	vment_wait(v, 8, WAIT_PAUSE);
	from_vm(MSG_VM_STATE, &busy);
	CHECK_EQ(control.results, 1);
	CHECK_EQ(control.peerid, 7);
	CHECK_EQ(control.result.error, VM_ERROR_FILE_BUSY);
	CHECK_EQ(v->state, VM_PAUSED);
	from_vm(MSG_VM_STATE, &again);
	CHECK_EQ(control.results, 1);
	CHECK_EQ(control.peerid, 8);
	end();
}

/* A process that has given up the locks and says its guest was reset. */
static void
no_reset_without_disks(void)
{
	const struct msg_vm_exited exited = { .reason = END_REBOOT };
	int fd;

	REQUIRE(begin());
	v->def = vmspec_new();
	send_to(7, SEND_TWO_WAY, socket_end());
	CHECK_EQ(disks(DISKS_UNLOCK), VM_ERROR_OK);
	fd = open(path[0], O_RDWR);
	CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
	from_vm(MSG_VM_EXITED, &exited);
	CHECK_EQ(v->state, VM_STOPPED);
	close(fd);
	end();
}

/* --- receiving --------------------------------------------------------------
 */

static int
head_make(size_t len, unsigned int seals)
{
	int fd = memfd_create("head", MFD_ALLOW_SEALING);

	if (fd == -1 || ftruncate(fd, (off_t)len) == -1 ||
	    fcntl(fd, F_ADD_SEALS, seals) == -1)
		return -1;
	return fd;
}

#define SEALED (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

/* Takes the descriptors. */
static enum vm_error
check(uint32_t receive, int state, int head, int ack)
{
	struct vmspec *s = vmspec_new();
	const char *detail = NULL;
	enum vm_error error;
	uint32_t file;

	s->start.given = START_RECEIVE;
	s->start.receive = receive;
	vmspec_put(s, VM_FILE_STATE, 0, state, 0);
	vmspec_put(s, VM_FILE_STATE_HEAD, 0, head, 0);
	vmspec_put(s, VM_FILE_STATE_ACK, 0, ack, 0);
	error = vmreceive_check(s, &file, &detail);
	CHECK((error == VM_ERROR_OK) == (file == VM_FILE_NONE));
	vmspec_free(s);
	return error;
}

static void
what_a_state_comes_from(void)
{
	struct vmspec *s = vmspec_new();
	const char *detail;
	uint32_t file = 99;

	REQUIRE(begin());
	CHECK_EQ(vmreceive_check(s, &file, &detail), VM_ERROR_OK);
	vmspec_free(s);
#define HEAD head_make(STATE_HEADER, SEALED)
	CHECK_EQ(check(0, pipe_end(false), HEAD, -1), VM_ERROR_OK);
	CHECK_EQ(check(0, socket_end(), HEAD, socket_end()), VM_ERROR_OK);
	CHECK_EQ(check(0, socket_end(), HEAD, pipe_end(true)), VM_ERROR_OK);
	CHECK_EQ(check(RECEIVE_LAZY, open(path[0], O_RDONLY), HEAD, -1),
	    VM_ERROR_OK);
#define REFUSED(...) CHECK_EQ(check(__VA_ARGS__), VM_ERROR_STATE_BAD)
	REFUSED(0, -1, HEAD, -1);
	REFUSED(0, pipe_end(false), -1, -1);
	REFUSED(0, pipe_end(true), HEAD, -1);
	REFUSED(0, open("/dev/zero", O_RDONLY), HEAD, -1);
	REFUSED(0, open(path[0], O_PATH), HEAD, -1);
	REFUSED(RECEIVE_LAZY, pipe_end(false), HEAD, -1);
	REFUSED(0, pipe_end(false), HEAD, pipe_end(false));
	REFUSED(0, pipe_end(false), HEAD, open(path[0], O_WRONLY));
	REFUSED(0, pipe_end(false), open(path[0], O_RDONLY), -1);
	REFUSED(0, pipe_end(false), head_make(64, F_SEAL_GROW), -1);
	REFUSED(0, pipe_end(false), head_make(0, SEALED), -1);
	REFUSED(0, pipe_end(false), head_make(1 << 20, SEALED), -1);
	end();
}

/* What a definition leaves open comes from the sender. */
static void
addresses_stay(void)
{
	struct msg_vm_start given = { .given = START_RECEIVE,
		.nics = 2,
		.nic = { { .mac = { 6, 1 } }, { .mac = { 6, 2 } } } };
	struct vmspec *s;

	REQUIRE(begin());
	s = v->run;
	memset(s->start.nic[0].mac, 0, 6);
	vmreceive_merge(s, &given);
	CHECK_EQ(s->start.nic[0].mac[1], 1);
	CHECK_EQ(s->start.nic[1].mac[0], 2);
	CHECK(vmreceive_is(&s->start));
	vmspec_put(s, VM_FILE_STATE, 0, pipe_end(false), 0);
	vmreceive_begun(v);
	CHECK(v->move.receiving);
	CHECK(!vmreceive_is(&s->start));
	CHECK_EQ(vmspec_get(s, VM_FILE_STATE, 0), -1);
	end();
}

static void
receiving(bool unlocked)
{
	v->state = VM_STARTING;
	v->move.receiving = true;
	v->move.receiver = 7;
	v->move.unlocked = unlocked;
	v->move.busy = unlocked;
	if (unlocked)
		vmdisks_unlock(v->run);
	vment_wait(v, 7, WAIT_START);
}

static void
it_arrives(void)
{
	const struct msg_result ok = { .error = VM_ERROR_OK };
	const struct msg_vm_state paused = { .state = VM_PAUSED };

	REQUIRE(begin());
	receiving(true);
	CHECK_EQ(disks(DISKS_LOCK), VM_ERROR_OK);
	CHECK_EQ(vmm.done.flags, DISKS_SHARED);
	from_vm(MSG_VM_READY, &ok);
	CHECK_EQ(v->state, VM_RUNNING);
	CHECK_EQ(control.result.error, VM_ERROR_OK);
	CHECK_EQ(disks(DISKS_LOOK), VM_ERROR_INVALID);
	end();
	/* In doubt, and paused. */
	REQUIRE(begin());
	receiving(false);
	tail = "in doubt";
	from_vm(MSG_VM_READY, &ok);
	tail = "";
	from_vm(MSG_VM_STATE, &paused);
	CHECK_EQ(v->state, VM_PAUSED);
	CHECK_EQ(control.result.error, VM_ERROR_RECEIVE_DOUBT);
	end();
}

static void
not_without_its_disks(void)
{
	const struct msg_result ok = { .error = VM_ERROR_OK };
	const struct msg_vm_exited exited = { .reason = END_FORCED };

	REQUIRE(begin());
	v->def = vmspec_new();
	receiving(true);
	from_vm(MSG_VM_READY, &ok);
	CHECK_EQ(vmm.stops, 1);
	CHECK_EQ(v->state, VM_STOPPING);
	CHECK_EQ(control.results, 0);
	from_vm(MSG_VM_EXITED, &exited);
	CHECK_EQ(control.results, 1);
	CHECK_EQ(control.result.error, VM_ERROR_DIED);
	end();
}

static void
who_receives_it_leaves(void)
{
	REQUIRE(begin());
	receiving(true);
	client_left(8);
	settle();
	CHECK_EQ(vmm.stops, 0);
	client_left(7);
	settle();
	CHECK_EQ(vmm.stops, 1);
	end();
	/* The sender may have given it up. */
	REQUIRE(begin());
	receiving(true);
	CHECK_EQ(disks(DISKS_LOCK), VM_ERROR_OK);
	client_left(7);
	settle();
	CHECK_EQ(vmm.stops, 0);
	end();
}

int
main(void)
{
	log_setverbose(0);
	TEST(who_may_send);
	TEST(where_to);
	TEST(what_it_is_made_of);
	TEST(a_disk_without_a_name);
	TEST(it_is_sent);
	TEST(it_dies_meanwhile);
	TEST(locks_are_given_up_and_taken);
	TEST(all_or_none);
	TEST(they_stay_with_a_copy);
	TEST(unpaused_without_disks);
	TEST(no_reset_without_disks);
	TEST(what_a_state_comes_from);
	TEST(addresses_stay);
	TEST(it_arrives);
	TEST(not_without_its_disks);
	TEST(who_receives_it_leaves);
	return CHECK_EXIT();
}
