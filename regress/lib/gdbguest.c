/* SPDX-License-Identifier: ISC */
/*
 * Serves libvmm's gdb stub for a small guest of two processors on a Unix
 * socket, one client after the other, until SIGTERM.  Says on standard output
 * what becomes of the guest; after each client it looks whether the guest's
 * code is as it was and whether the guest runs.
 * Usage: gdbguest socket image
 */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gdbguest.h"
#include "vmm.h"
#include "vmm_gdb.h"

static struct gdbguest guest;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* By lock. */
static bool hold = true;
static unsigned int standing;
static struct vcpu *crashed;

static struct vm_gdb *gdb;
static int wake = -1, client = -1;
static bool gone; /* the client let go */

static void
poke(void)
{
	const uint64_t one = 1;

	if (write(wake, &one, sizeof(one)) == -1)
		err(1, "eventfd");
}

/* --- vCPU threads ----------------------------------------------------------
 */

static void
stand(struct vcpu *vcpu)
{
	struct vm_exit e;

	while (vcpu_complete(vcpu, &e) == 0 && e.reason != VM_EXIT_CANCELLED)
		if (e.reason == VM_EXIT_DEBUG)
			vm_gdb_exit(gdb, vcpu, &e);
	pthread_mutex_lock(&lock);
	standing++;
	poke();
	while (hold || !vm_gdb_may_run(gdb, vcpu))
		pthread_cond_wait(&changed, &lock);
	standing--;
	pthread_mutex_unlock(&lock);
}

static bool
must_stand(struct vcpu *vcpu)
{
	bool yes;

	pthread_mutex_lock(&lock);
	yes = hold || !vm_gdb_may_run(gdb, vcpu);
	pthread_mutex_unlock(&lock);
	return yes;
}

static void
crash(struct vcpu *vcpu)
{
	pthread_mutex_lock(&lock);
	crashed = vcpu;
	hold = true;
	pthread_mutex_unlock(&lock);
	vm_cancel_all(guest.vm);
}

static void *
run(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm_exit e;

	for (;;) {
		if (must_stand(vcpu))
			stand(vcpu);
		if (vm_run(vcpu, &e) == -1)
			err(1, "vm_run");
		if (e.reason == VM_EXIT_CANCELLED)
			continue;
		if (e.reason == VM_EXIT_PIO) {
			printf("port %x\n", e.u.pio.port);
			continue;
		}
		if ((e.reason == VM_EXIT_DEBUG ||
			e.reason == VM_EXIT_INTERNAL_ERROR) &&
		    (vm_gdb_exit(gdb, vcpu, &e) || e.reason == VM_EXIT_DEBUG))
			continue;
		printf("exit: %s\n", vm_exit_name(e.reason));
		crash(vcpu);
	}
	return NULL;
}

/* --- what the stub asks for ------------------------------------------------
 */

static void
on_send(void *arg, const void *buf, size_t len)
{
	(void)arg;
	if (client != -1 && send(client, buf, len, MSG_NOSIGNAL) == -1)
		warn("send");
}

static void
on_stop(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	hold = true;
	pthread_mutex_unlock(&lock);
	vm_cancel_all(guest.vm);
	poke();
}

static void
on_resume(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	hold = false;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void
on_detach(void *arg)
{
	(void)arg;
	gone = true;
}

static const struct vm_gdb_host host = { sizeof(host), on_send, on_stop,
	on_resume, on_detach };

/* --- the main thread -------------------------------------------------------
 */

static void
look_at_guest(void)
{
	unsigned int wrong = gdbguest_changed(&guest);
	uint64_t before = gdbguest_counter(&guest);

	usleep(200000);
	printf("detached: %u bytes of code changed, guest %s\n", wrong,
	    gdbguest_counter(&guest) != before ? "runs" : "stands");
}

static void
stopped(void)
{
	struct vcpu *vcpu;
	uint64_t count;
	bool all;

	if (read(wake, &count, sizeof(count)) == -1)
		return;
	pthread_mutex_lock(&lock);
	all = hold && standing == GDBGUEST_CPUS;
	vcpu = crashed;
	crashed = all ? NULL : crashed;
	pthread_mutex_unlock(&lock);
	if (all && vcpu != NULL) {
		printf("crashed\n");
		vm_gdb_crashed(gdb, vcpu, "triple fault");
	} else if (all)
		vm_gdb_stopped(gdb);
}

static void
from_client(void)
{
	char buf[4096];
	ssize_t n = recv(client, buf, sizeof(buf), 0);

	if (n > 0)
		vm_gdb_input(gdb, buf, (size_t)n);
	else {
		close(client);
		client = -1;
		printf("hung up\n");
		vm_gdb_hangup(gdb);
	}
}

static void
serve(int listener)
{
	struct pollfd p[2];

	for (;;) {
		p[0] = (struct pollfd) { wake, POLLIN, 0 };
		p[1] = (struct pollfd) {
			vm_gdb_is_attached(gdb) ? client : listener, POLLIN, 0
		};
		if (poll(p, 2, -1) == -1)
			err(1, "poll");
		if (p[0].revents != 0)
			stopped();
		if (p[1].revents != 0 && vm_gdb_is_attached(gdb) &&
		    client != -1)
			from_client();
		else if (p[1].revents != 0 && !vm_gdb_is_attached(gdb)) {
			client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			printf("attached\n");
			if (vm_gdb_attach(gdb) == -1)
				err(1, "attach");
		}
		if (!gone)
			continue;
		gone = false;
		if (client != -1)
			close(client);
		client = -1;
		look_at_guest();
	}
}

static void
end(int signo)
{
	(void)signo;
	_exit(0);
}

int
main(int argc, char **argv)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	pthread_t thread;
	int listener, i;

	setlinebuf(stdout);
	if (argc != 3 || strlen(argv[1]) >= sizeof(sun.sun_path))
		errx(2, "usage: gdbguest socket image");
	strcpy(sun.sun_path, argv[1]);
	signal(SIGTERM, end);
	wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener == -1 ||
	    bind(listener, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(listener, 2) == -1)
		err(1, "%s", argv[1]);
	gdbguest_print_abilities(argv[2]);
	if (!gdbguest_start(&guest, argv[2]))
		err(1, "guest");
	if (vm_gdb_create(guest.vm, &host, NULL, &gdb) == -1)
		err(1, "vm_gdb_create");
	for (i = 0; i < GDBGUEST_CPUS; i++)
		if (pthread_create(&thread, NULL, run, guest.vcpu[i]) != 0)
			errx(1, "thread");
	printf("ready\n");
	serve(listener);
	return 0;
}
