/* SPDX-License-Identifier: ISC */
/*
 * From vm.conf to the list of VMs.  Runs in the parent; the parser itself opens
 * files and changes nothing else, so a wrong file leaves the daemon as it was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "ipc/log.h"
#include "ipc/vmspec.h"
#include "role/parent.h"

struct reload {
	char *first; /* the first error; may be NULL */
	size_t size;
	bool to_stderr;
};

static void
reload_report(enum conf_severity severity, const char *text, void *arg)
{
	struct reload *r = arg;

	if (severity == CONF_ERROR && r->first != NULL && r->first[0] == '\0')
		strlcpy(r->first, text, r->size);
	if (r->to_stderr)
		fprintf(stderr, "%s\n", text);
	else if (severity == CONF_NOTE)
		log_info("conf", "%s", text);
	else
		log_warnx("conf", "%s", text);
}

/* An ordinary user's daemon does not start root's VMs. */
char *
reload_path(const struct parent_options *o)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *path;

	if (o->conf_path != NULL || geteuid() == 0)
		path = strdup(o->conf_path != NULL ? o->conf_path : VMD_CONF);
	else if (config != NULL && config[0] == '/') {
		if (asprintf(&path, "%s/%s", config, VMD_CONF_NAME) == -1)
			path = NULL;
	} else if (asprintf(&path, "%s/.config/%s", home != NULL ? home : "",
		       VMD_CONF_NAME) == -1)
		path = NULL;
	if (path == NULL)
		fatal("conf", "path");
	return path;
}

static struct conf *
reload_parse(const struct parent_options *o, const char *path, struct reload *r)
{
	const struct conf_input in = {
		.path = path,
		.defs = o->macros,
		.flags = o->conf_path != NULL ? CONF_MUST_EXIST : 0,
		.report = reload_report,
		.arg = r,
	};

	return conf_parse(&in);
}

static char *
reload_strdup(const char *s)
{
	char *copy;

	if (s == NULL)
		return NULL;
	if ((copy = strdup(s)) == NULL)
		fatal("conf", "strdup");
	return copy;
}

static void
reload_nics(const struct conf_vm *c, struct msg_vm_start *m)
{
	static const uint8_t none[6];

	m->nics = c->interfaces;
	for (uint32_t i = 0; i < c->nnics && i < VMD_NICS_MAX; i++) {
		const struct conf_nic *nic = &c->nics[i];

		m->nic[i].type = (uint8_t)nic->type;
		m->nic[i].flags = nic->down ? NIC_DOWN : 0;
		if (memcmp(nic->mac, none, sizeof(none)) != 0)
			m->nic[i].flags |= NIC_FIXED;
		memcpy(m->nic[i].mac, nic->mac, sizeof(m->nic[i].mac));
		strlcpy(
		    m->nic[i].ifname, nic->ifname, sizeof(m->nic[i].ifname));
	}
}

/* A definition: as a start request, with paths in place of descriptors. */
static struct vmspec *
reload_spec(const struct conf_vm *c)
{
	struct vmspec *s = vmspec_new();

	s->start.memory = c->memory;
	s->start.cpus = c->cpus;
	s->start.disks = c->ndisks;
	s->start.debug = c->debug;
	strlcpy(s->start.target.name, c->name, sizeof(s->start.target.name));
	reload_nics(c, &s->start);
	/* "boot device disk" is the firmware's business, kernel or not. */
	if (!c->boot_disk)
		s->path[VM_FILE_KERNEL][0] = reload_strdup(c->boot);
	s->path[VM_FILE_INITRD][0] = reload_strdup(c->initrd);
	for (uint32_t i = 0; i < c->ndisks; i++)
		s->path[VM_FILE_DISK][i] = reload_strdup(c->disks[i].path);
	s->cmdline = reload_strdup(c->cmdline);
	s->path[VM_FILE_CRASH][0] = reload_strdup(c->crash_dir);
	s->crash_max = c->crash_max;
	return s;
}

static void
reload_define(struct parent *p, const struct conf_vm *c)
{
	uid_t uid = c->owner.uid == CONF_OWNER_SELF ? p->uid : c->owner.uid;
	struct vment *v = vmlist_find_name(&p->vms, c->name);

	if (v == NULL && (v = vmlist_add(&p->vms, c->name, uid)) == NULL) {
		log_warn("conf", "vm \"%s\" failed", c->name);
		return;
	}
	v->uid = uid;
	v->gid = c->owner.gid;
	v->allow_send = c->allow_send;
	v->defined = v->seen = true;
	v->boots = !c->disabled;
	/* What runs goes on as it was started. */
	vmspec_free(v->def);
	v->def = reload_spec(c);
}

/* Definitions that are gone: a stopped VM is forgotten, a running one is when
 * it ends. */
static void
reload_forget(struct parent *p)
{
	struct vment *v, *next;

	TAILQ_FOREACH_SAFE(v, &p->vms.vms, entry, next) {
		if (v->seen || !v->defined)
			continue;
		v->defined = v->boots = v->allow_send = false;
		if (vment_is_stopped(v))
			vmlist_remove(&p->vms, v);
	}
}

/* "web1 (vm 1): /srv/web.img cannot be opened: No such file or directory" */
static void
reload_failed(
    const struct vment *v, const struct msg_result *r, const char *detail)
{
	bool file = vm_error_is_file(r->error);
	const char *text = vm_error_text(r->error);

	log_warnx("vm", "%s (vm %u): %s%s%s%s%s", v->name, v->id,
	    file ? detail : text,
	    detail[0] == '\0' ? ""
		: file	      ? " "
			      : ": ",
	    file ? text : detail, r->sys_errno != 0 ? ": " : "",
	    r->sys_errno != 0 ? strerror((int)r->sys_errno) : "");
}

static void
reload_start(struct parent *p)
{
	char detail[VMD_DETAIL_MAX + 1];
	struct msg_result r;
	struct vment *v;

	if (p->ending)
		return;
	TAILQ_FOREACH(v, &p->vms.vms, entry)
		if (v->boots && vment_is_stopped(v) &&
		    vmstart_start(p, v, NULL, v->uid, &r, detail,
			sizeof(detail)) != VM_ERROR_OK)
			reload_failed(v, &r, detail);
}

int
reload_conf(struct parent *p, char *first, size_t size)
{
	struct reload r = { .first = first, .size = size };
	struct conf *conf = reload_parse(p->options, p->conf_path, &r);
	const struct conf_vm *c;
	struct vment *v;

	if (conf == NULL)
		return -1;
	TAILQ_FOREACH(v, &p->vms.vms, entry)
		v->seen = false;
	TAILQ_FOREACH(c, &conf->vms, entry)
		reload_define(p, c);
	reload_forget(p);
	parent_socket_owner(p, conf->socket_owner.uid != CONF_OWNER_SELF,
	    conf->socket_owner.uid, conf->socket_owner.gid);
	conf_free(conf);
	reload_start(p);
	return 0;
}

int
reload_check(const struct parent_options *o)
{
	struct reload r = { .to_stderr = true };
	char *path = reload_path(o);
	struct conf *conf = reload_parse(o, path, &r);

	free(path);
	if (conf == NULL)
		return 1;
	conf_free(conf);
	fprintf(stderr, "configuration OK\n");
	return 0;
}
