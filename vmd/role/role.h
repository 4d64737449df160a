/* SPDX-License-Identifier: ISC */
/*
 * The main functions of the roles: one process each.
 */
#ifndef ROLE_H
#define ROLE_H

#include "ipc/msg.h"
#include "jail/role_id.h"

struct parent_options {
	const char *conf_path; /* NULL: the default file, which may be absent */
	const char *socket_path; /* NULL: the default */
	const char *const *macros; /* -D: "name=value", NULL ends */
	int verbose;
	bool foreground;
	bool check_only; /* -n */
	bool jail_debug; /* a denied system call is named before the end */
};

/* Each returns the exit status of its process. */
int parent_main(const struct parent_options *);
int priv_main(void);
int control_main(void);
int supervisor_main(void);
int vm_main(void);
int device_main(enum role);
int usernet_main(void);

/* The handlers of each end of each link, for the test that walks the message
 * table. */
extern const msg_handler parent_from_control[MSG__COUNT];
extern const msg_handler parent_from_priv[MSG__COUNT];
extern const msg_handler parent_from_vmm[MSG__COUNT];
extern const msg_handler priv_from_parent[MSG__COUNT];
extern const msg_handler control_from_parent[MSG__COUNT];
extern const msg_handler control_from_client[MSG__COUNT];
extern const msg_handler vmm_from_parent[MSG__COUNT];
extern const msg_handler vmm_from_vm[MSG__COUNT];
extern const msg_handler vmm_from_device[MSG__COUNT];
extern const msg_handler vmm_from_usernet[MSG__COUNT];
extern const msg_handler vm_from_vmm[MSG__COUNT];
extern const msg_handler device_from_vmm[MSG__COUNT];
extern const msg_handler usernet_from_vmm[MSG__COUNT];

#endif /* ROLE_H */
