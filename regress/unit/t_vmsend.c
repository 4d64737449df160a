/* SPDX-License-Identifier: ISC */
/*
 * The parent's part in a VM that is sent: who may, what its process is told,
 * who has the locks of its disks meanwhile, and who hears of its end.
 */
#include <string.h>
#include <unistd.h>

#include "fake_parent.h"
#include "image/state.h"
#include "image/state_config.h"
#include "ipc/log.h"

static struct state_config config;

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
	send_to(7, SEND_DISKS << 1, pipe_end(true));
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

/* With SEND_DISKS it may read the disks, and only that. */
static void
disks_to_read(void)
{
	struct stat a, b;

	REQUIRE(begin());
	send_to(7, SEND_COPY, pipe_end(true));
	CHECK_EQ(vmm.disks, 0);
	end();
	REQUIRE(begin());
	send_to(7, SEND_DISKS, pipe_end(true));
	CHECK_EQ(vmm.sends, 1);
	CHECK_EQ(vmm.disks, 2);
	for (unsigned int i = 0; i < 2; i++) {
		REQUIRE(vmm.disk_fd[i] != -1);
		CHECK_EQ(fcntl(vmm.disk_fd[i], F_GETFL) & O_ACCMODE, O_RDONLY);
		CHECK_EQ(fstat(vmm.disk_fd[i], &a), 0);
		CHECK_EQ(fstat(vmspec_get(v->run, VM_FILE_DISK, i), &b), 0);
		CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
		/* A position of its own. */
		CHECK_EQ(lseek(vmm.disk_fd[i], 7, SEEK_SET), 7);
		CHECK_EQ(
		    lseek(vmspec_get(v->run, VM_FILE_DISK, i), 0, SEEK_CUR), 0);
	}
	end();
}

static void
a_disk_without_a_name(void)
{
	REQUIRE(begin());
	unlink(path[0]);
	send_to(7, 0, pipe_end(true));
	CHECK_EQ(control.result.error, VM_ERROR_SEND_FAILED);
	CHECK(strncmp(control.detail, "disk 0 (/tmp/vmd-test-disk.", 27) == 0);
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

/* A process that was to make a copy, and says that it is elsewhere. */
static void
a_copy_does_not_end_it(void)
{
	const struct msg_vm_exited exited = { .reason = END_SENT };

	REQUIRE(begin());
	v->def = vmspec_new();
	send_to(7, SEND_COPY, pipe_end(true));
	from_vm(MSG_VM_EXITED, &exited);
	CHECK_EQ(control.results, 1);
	CHECK_EQ(control.result.error, VM_ERROR_NOT_RUNNING);
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

int
main(void)
{
	log_setverbose(0);
	TEST(who_may_send);
	TEST(where_to);
	TEST(what_it_is_made_of);
	TEST(disks_to_read);
	TEST(a_disk_without_a_name);
	TEST(it_is_sent);
	TEST(a_copy_does_not_end_it);
	TEST(it_dies_meanwhile);
	TEST(locks_are_given_up_and_taken);
	TEST(all_or_none);
	TEST(they_stay_with_a_copy);
	TEST(unpaused_without_disks);
	TEST(no_reset_without_disks);
	return CHECK_EXIT();
}
