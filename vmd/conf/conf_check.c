/* SPDX-License-Identifier: ISC */
/*
 * Is it so: names, files, users, and what only the whole of a VM shows.  Runs
 * where the parser runs.  A check here spares the user a VM that fails later;
 * whoever opens the file afterwards checks again, it may have changed.
 */
#include "conf/conf_parser.h"

#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
conf_check_vm_name(struct conf_parser *p, const char *name)
{
	size_t i, len = strlen(name);

	if (len > VMD_NAME_MAX) {
		conf_error(p, "vm name too long");
		return false;
	}
	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) &&
		    (i == 0 || strchr(".-_", name[i]) == NULL))
			break;
	if (len > 0 && i == len)
		return true;
	conf_error(p,
	    "invalid VM name '%s': letters, digits and, not first, '.', '-', "
	    "'_'",
	    name);
	return false;
}

/* --- files ----------------------------------------------------------- */

static bool
conf_check_kind(struct conf_parser *p, const char *word, const char *path,
    bool block_device)
{
	struct stat st;

	if (stat(path, &st) == -1)
		conf_error(p, "%s \"%s\": %s", word, path, strerror(errno));
	else if (S_ISREG(st.st_mode) || (block_device && S_ISBLK(st.st_mode)))
		return true;
	else
		conf_error(p, "%s \"%s\" is not a regular file%s", word, path,
		    block_device ? " or a block device" : "");
	return false;
}

char *
conf_check_path(struct conf_parser *p, const char *word, const char *path,
    bool block_device)
{
	char *full, *real;

	if (strlen(path) >= PATH_MAX) {
		conf_error(p, "%s path too long", word);
		return NULL;
	}
	if (path[0] == '\0') {
		conf_error(p, "%s path is empty", word);
		return NULL;
	}
	full = conf_source_path(p, path);
	if (p->in->flags & CONF_NO_FILES)
		return full;
	if ((real = realpath(full, NULL)) == NULL)
		conf_error(p, "%s \"%s\": %s", word, path, strerror(errno));
	free(full);
	if (real != NULL && !conf_check_kind(p, word, real, block_device)) {
		free(real);
		real = NULL;
	}
	return real;
}

char *
conf_check_folder(struct conf_parser *p, const char *word, const char *path)
{
	char *full, *real;
	struct stat st;

	if (path[0] == '\0' || strlen(path) >= PATH_MAX) {
		conf_error(p, "%s path is %s", word,
		    path[0] == '\0' ? "empty" : "too long");
		return NULL;
	}
	full = conf_source_path(p, path);
	if (p->in->flags & CONF_NO_FILES)
		return full;
	real = realpath(full, NULL);
	free(full);
	if (real != NULL && stat(real, &st) == 0 && S_ISDIR(st.st_mode))
		return real;
	conf_error(p, "%s \"%s\": %s", word, path,
	    strerror(real == NULL ? errno : ENOTDIR));
	free(real);
	return NULL;
}

/* A qcow2 image taken for a raw one would be destroyed by its guest. */
bool
conf_check_format(struct conf_parser *p, const struct conf_disk *disk)
{
	char magic[4] = "";
	ssize_t n;
	int fd;

	if (disk->format == CONF_FORMAT_RAW || p->in->flags & CONF_NO_FILES)
		return true;
	/* Not readable: the start of the VM says so, with the reason. */
	if ((fd = open(disk->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return true;
	n = pread(fd, magic, sizeof(magic), 0);
	close(fd);
	if (n != sizeof(magic) || memcmp(magic, "QFI\xfb", 4) != 0)
		return true;
	conf_error(p,
	    "disk \"%s\" is a qcow2 image, not supported in this version; "
	    "\"format raw\" would use it as it is",
	    disk->path);
	return false;
}

/* --- users ----------------------------------------------------------- */

/* A number of 32 bits that is not -1, which would mean "no change". */
static bool
conf_parse_id(const char *text, uint32_t *id)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)text[0]) || strlen(text) > 10)
		return false;
	value = strtoull(text, &end, 10);
	*id = (uint32_t)value;
	return *end == '\0' && value < UINT32_MAX;
}

static bool
conf_check_user(struct conf_parser *p, const char *name, uid_t *uid)
{
	struct passwd *pw;

	if (conf_parse_id(name, uid) || p->in->flags & CONF_NO_FILES)
		return true;
	if ((pw = getpwnam(name)) == NULL) {
		conf_error(p, "unknown user '%s'", name);
		return false;
	}
	*uid = pw->pw_uid;
	return true;
}

static bool
conf_check_group(struct conf_parser *p, const char *name, int64_t *id)
{
	struct group *gr;
	uint32_t gid = 0;

	if (!conf_parse_id(name, &gid) && !(p->in->flags & CONF_NO_FILES)) {
		if ((gr = getgrnam(name)) == NULL) {
			conf_error(p, "unknown group '%s'", name);
			return false;
		}
		gid = gr->gr_gid;
	}
	*id = gid;
	return true;
}

void
conf_check_owner(struct conf_parser *p, struct conf_owner *owner, char *text)
{
	struct conf_owner found = { .uid = CONF_OWNER_SELF, .gid = -1 };
	char *group = strchr(text, ':');

	if (group != NULL)
		*group++ = '\0';
	if (text[0] == '\0' && (group == NULL || group[0] == '\0'))
		conf_error(p, "owner needs a user or a group");
	else if (text[0] != '\0' && !conf_check_user(p, text, &found.uid))
		;
	else if (group != NULL && !conf_check_group(p, group, &found.gid))
		;
	else
		*owner = found;
	free(text);
}

/* --- the whole of a VM ----------------------------------------------- */

static bool
conf_check_nics(struct conf_parser *p, struct conf_vm *vm)
{
	bool counted = vm->seen &
	    1U << (conf_option_find("interfaces") - conf_option_row(0));
	uint32_t i, j;

	if (counted && vm->nnics > vm->interfaces) {
		conf_report(p, CONF_ERROR, vm->file, vm->line,
		    "too many interfaces: %u, interfaces says %u", vm->nnics,
		    vm->interfaces);
		return false;
	}
	/* Those counted but not described stay NIC_AUTO, which is zero. */
	if (!counted)
		vm->interfaces = vm->nnics;
	for (i = 0; i < vm->nnics; i++)
		for (j = 0; j < i; j++)
			if (vm->nics[i].ifname[0] != '\0' &&
			    strcmp(vm->nics[i].ifname, vm->nics[j].ifname) ==
				0) {
				conf_report(p, CONF_ERROR, vm->file, vm->line,
				    "interface %s used twice",
				    vm->nics[i].ifname);
				return false;
			}
	return true;
}

static bool
conf_check_disks(struct conf_parser *p, struct conf_vm *vm)
{
	uint32_t i, j;

	for (i = 0; i < vm->ndisks; i++)
		for (j = 0; j < i; j++)
			if (strcmp(vm->disks[i].path, vm->disks[j].path) == 0) {
				conf_report(p, CONF_ERROR, vm->file, vm->line,
				    "disk \"%s\" used twice",
				    vm->disks[i].path);
				return false;
			}
	return true;
}

bool
conf_check_vm(struct conf_parser *p, struct conf_vm *vm)
{
	const char *wrong = NULL;

	if (!conf_check_nics(p, vm) || !conf_check_disks(p, vm))
		return false;
	if (vm->boot == NULL && vm->initrd != NULL)
		wrong = "initrd needs boot";
	else if (vm->boot == NULL && vm->cmdline != NULL)
		wrong = "cmdline needs boot";
	else if (vm->boot_disk && vm->ndisks == 0)
		wrong = "boot device disk needs a disk";
	if (wrong != NULL)
		conf_report(p, CONF_ERROR, vm->file, vm->line, "vm \"%s\": %s",
		    vm->name, wrong);
	else if (vm->boot == NULL && vm->ndisks == 0)
		conf_report(p, CONF_WARNING, vm->file, vm->line,
		    "vm \"%s\" has no kernel and no disk", vm->name);
	return wrong == NULL;
}
