/* SPDX-License-Identifier: ISC */
/*
 * Serves libvmm's gdb server for a small guest of two processors on a Unix
 * socket, one client after the other, until SIGTERM.  Says on standard output
 * what becomes of the guest; after each client it looks whether the guest's
 * code is as it was and whether the guest runs.
 * Usage: gdbguest socket
 */
#include "gdbguest.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <poll.h>
#include <signal.h>

static struct gdbguest guest;
static int client = -1;
static bool gone; /* the client let go */

static void
on_send(void *arg, const void *buf, size_t len)
{
	(void)arg;
	if (client != -1 && send(client, buf, len, MSG_NOSIGNAL) == -1)
		warn("send");
}

static void
on_detach(void *arg)
{
	(void)arg;
	gone = true;
}

static const struct vm_gdb_host host = { sizeof(host), on_send, gdbguest_stop,
	gdbguest_resume, on_detach };

static void
look_at_guest(void)
{
	unsigned int wrong = gdbguest_changed(&guest);
	uint64_t before = gdbguest_counter(&guest, 0);

	usleep(200000);
	printf("detached: %u bytes of code changed, guest %s\n", wrong,
	    gdbguest_counter(&guest, 0) != before ? "runs" : "stands");
}

static void
from_client(void)
{
	char buf[4096];
	ssize_t n = recv(client, buf, sizeof(buf), 0);

	if (n > 0) {
		vm_gdb_input(guest.gdb, buf, (size_t)n);
		return;
	}
	close(client);
	client = -1;
	printf("hung up\n");
	vm_gdb_hangup(guest.gdb);
}

static void
let_go(void)
{
	gone = false;
	if (client != -1)
		close(client);
	client = -1;
	look_at_guest();
}

static void
serve(int listener)
{
	struct pollfd p[2];
	bool attached;

	for (;;) {
		attached = vm_gdb_is_attached(guest.gdb);
		p[0] = (struct pollfd) { guest.wake, POLLIN, 0 };
		p[1] =
		    (struct pollfd) { attached ? client : listener, POLLIN, 0 };
		if (poll(p, 2, -1) == -1)
			err(1, "poll");
		if (p[0].revents != 0)
			gdbguest_woken(&guest);
		if (p[1].revents != 0 && !attached) {
			client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			printf("attached\n");
			if (vm_gdb_attach(guest.gdb) == -1)
				err(1, "attach");
		} else if (p[1].revents != 0 && client != -1)
			from_client();
		if (gone)
			let_go();
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
	int listener;

	setlinebuf(stdout);
	if (argc != 2 || strlen(argv[1]) >= sizeof(sun.sun_path))
		errx(2, "usage: gdbguest socket");
	strcpy(sun.sun_path, argv[1]);
	signal(SIGTERM, end);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener == -1 ||
	    bind(listener, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(listener, 2) == -1)
		err(1, "%s", argv[1]);
	printf("has:%s\n", gdbguest_abilities());
	if (!gdbguest_start(&guest))
		err(1, "guest");
	if (vm_gdb_create(guest.vm, &host, &guest, &guest.gdb) == -1)
		err(1, "vm_gdb_create");
	if (!gdbguest_run(&guest))
		err(1, "threads");
	printf("ready\n");
	serve(listener);
	return 0;
}
