/* SPDX-License-Identifier: ISC */
/*
 * vmd: one binary, several roles.  A user starts the parent; every other role
 * is started by jail_spawn() with the hidden option and its name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jail/jail.h"
#include "role/role.h"

#define MACROS_MAX 64

static int (*const roles[ROLE__MAX])(void) = {
	[ROLE_PRIV] = priv_main,
	[ROLE_CONTROL] = control_main,
	[ROLE_SUPERVISOR] = supervisor_main,
	[ROLE_VM] = vm_main,
	[ROLE_USERNET] = usernet_main,
};

static void __attribute__((noreturn)) usage(void)
{
	fprintf(stderr,
	    "usage: vmd [-dnv] [-D macro=value] [-f file] [-S socket]\n");
	exit(1);
}

static int
role_main(const char *name)
{
	int role = role_find(name);

	if (role == ROLE_BLK || role == ROLE_NET)
		return device_main((enum role)role);
	if (role == -1 || roles[role] == NULL)
		usage();
	return roles[role]();
}

int
main(int argc, char *argv[], char *envp[])
{
	static const char *macros[MACROS_MAX + 1];
	struct parent_options o = { .macros = macros };
	size_t nmacros = 0;
	int ch;

	setproctitle_init(argc, argv, envp);
	if (argc == 3 && strcmp(argv[1], JAIL_OPTION) == 0)
		return role_main(argv[2]);
	while ((ch = getopt(argc, argv, "D:df:nS:v")) != -1) {
		switch (ch) {
		case 'D':
			if (nmacros == MACROS_MAX)
				usage();
			macros[nmacros++] = optarg;
			break;
		case 'd':
			o.foreground = true;
			break;
		case 'f':
			o.conf_path = optarg;
			break;
		case 'n':
			o.check_only = true;
			break;
		case 'S':
			o.socket_path = optarg;
			break;
		case 'v':
			o.verbose++;
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
	o.jail_debug = getenv("VMD_JAIL_DEBUG") != NULL;
	return parent_main(&o);
}
