/* SPDX-License-Identifier: ISC */
/*
 * The parent's part in a VM that is received: what a client may send for that,
 * that it does not run without its disks, and what happens when the client
 * leaves.
 */
#include <sys/mman.h>

#include <string.h>
#include <unistd.h>

#include "fake_parent.h"
#include "image/state.h"
#include "ipc/log.h"

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
	TEST(what_a_state_comes_from);
	TEST(addresses_stay);
	TEST(it_arrives);
	TEST(not_without_its_disks);
	TEST(who_receives_it_leaves);
	return CHECK_EXIT();
}
