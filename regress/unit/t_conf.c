/* SPDX-License-Identifier: ISC */
/*
 * The parser of vm.conf as its caller sees it: trees, reports, bounds, and the
 * manual page.  The wording of messages is tested in regress/config.
 */
#include "conf/conf.h"

#include <sys/stat.h>

#include <ctype.h>
#include <unistd.h>

#include "check.h"
#include "conf/conf_parser.h"

static unsigned int errors, warnings;
static char first[1024];

static void
report(enum conf_severity severity, const char *text, void *arg)
{
	(void)arg;
	if (errors + warnings == 0)
		snprintf(first, sizeof(first), "%s", text);
	errors += severity == CONF_ERROR;
	warnings += severity != CONF_ERROR;
}

static struct conf *
parse(const char *text, size_t len)
{
	struct conf_input in = {
		.path = "mem", .flags = CONF_NO_FILES, .report = report
	};

	errors = warnings = 0;
	first[0] = '\0';
	return conf_parse_buffer(&in, text, len);
}

static void
tree_has_what_the_file_says(void)
{
	static const char text[] =
	    "socket owner 5:6\n"
	    "vm \"a\" { memory 64M, cpus 3, disable, boot \"/k\"\n"
	    "disk \"/d\" format raw, boot device disk, owner :7\n"
	    "debug { gdb stop }\n"
	    "interface tap1 { lladdr 02:00:00:00:00:09, down } }\n"
	    "vm \"b\" { interfaces 2, disk \"/e\", interface user }\n";
	struct conf *conf = parse(text, strlen(text));
	struct conf_vm *vm;

	REQUIRE(conf != NULL);
	CHECK_EQ(errors + warnings, 0);
	CHECK_EQ(conf->nvms, 2);
	CHECK_EQ(conf->socket_owner.uid, 5);
	CHECK_EQ(conf->socket_owner.gid, 6);
	CHECK(conf_find(conf, "c") == NULL);
	REQUIRE((vm = conf_find(conf, "a")) != NULL);
	CHECK_EQ(vm->memory, 64ULL << 20);
	CHECK_EQ(vm->cpus, 3);
	CHECK(vm->disabled && vm->boot_disk);
	CHECK_EQ(vm->line, 2);
	CHECK_STR(vm->file, "mem");
	CHECK_STR(vm->boot, "/k");
	CHECK_EQ(vm->ndisks, 1);
	CHECK_STR(vm->disks[0].path, "/d");
	CHECK_EQ(vm->disks[0].format, CONF_FORMAT_RAW);
	CHECK_EQ(vm->owner.uid, CONF_OWNER_SELF);
	CHECK_EQ(vm->owner.gid, 7);
	CHECK_EQ(vm->interfaces, 1);
	CHECK_EQ(vm->nics[0].type, NIC_TAP);
	CHECK_STR(vm->nics[0].ifname, "tap1");
	CHECK_EQ(vm->nics[0].mac[5], 9);
	CHECK(vm->nics[0].down);
	CHECK_EQ(vm->debug, DEBUG_GDB | DEBUG_STOP);
	REQUIRE((vm = conf_find(conf, "b")) != NULL);
	CHECK_EQ(vm->debug, 0);
	CHECK_EQ(vm->memory, VMD_MEMORY_DEFAULT);
	CHECK_EQ(vm->cpus, 1);
	CHECK(!vm->disabled && !vm->boot_disk && vm->boot == NULL);
	CHECK_EQ(vm->disks[0].format, CONF_FORMAT_DETECT);
	CHECK_EQ(vm->owner.uid, CONF_OWNER_SELF);
	CHECK_EQ(vm->owner.gid, -1);
	CHECK_EQ(vm->interfaces, 2);
	CHECK_EQ(vm->nics[0].type, NIC_USER);
	CHECK_EQ(vm->nics[1].type, NIC_AUTO);
	conf_free(conf);
	conf_free(NULL);
}

static void
errors_have_file_and_line(void)
{
	static const char text[] = "\nvm \"a\" {\n\tcpus 65\n}\n";

	CHECK(parse(text, strlen(text)) == NULL);
	CHECK_EQ(errors, 1);
	CHECK_STR(first, "mem:3: cpus must be 1 to 64");
}

static void
errors_are_counted_to_a_limit(void)
{
	char text[4096] = "";
	int i;

	for (i = 0; i < 300; i++)
		strcat(text, "bogus\n");
	CHECK(parse(text, strlen(text)) == NULL);
	/* And one that says that there are more. */
	CHECK_EQ(errors, CONF_ERRORS_MAX + 1);
}

static void
one_vm_too_many(void)
{
	static char text[64 * (CONF_VMS_MAX + 1)];
	struct conf *conf;
	size_t n = 0;
	int i;

	for (i = 0; i < CONF_VMS_MAX; i++)
		n += (size_t)sprintf(text + n, "vm v%d { boot k }\n", i);
	conf = parse(text, n);
	REQUIRE(conf != NULL);
	CHECK_EQ(conf->nvms, CONF_VMS_MAX);
	conf_free(conf);
	n += (size_t)sprintf(text + n, "vm last { boot k }\n");
	CHECK(parse(text, n) == NULL);
	CHECK_STR(first, "mem:1025: too many vms");
}

static void
macros_are_bounded(void)
{
	static char text[200000];
	size_t n = 0;
	int i;

	for (i = 0; i <= CONF_MACROS_MAX; i++)
		n += (size_t)sprintf(text + n, "m%d = 1\n", i);
	CHECK(parse(text, n) == NULL);
	CHECK_STR(first, "mem:1025: too many macros");
	/* 8000 bytes, used more often than 16 MiB allow. */
	n = (size_t)sprintf(text, "m = \"%08000d\"\n", 1);
	for (i = 0; i < 3000; i++)
		n += (size_t)sprintf(text + n, "n = $m\n");
	CHECK(parse(text, n) == NULL);
	CHECK(strstr(first, "macros expand to too much") != NULL);
}

static void
a_report_may_be_missing(void)
{
	struct conf_input in = { .path = "mem", .flags = CONF_NO_FILES };
	struct conf *conf;

	CHECK(conf_parse_buffer(&in, "bogus", 5) == NULL);
	conf = conf_parse_buffer(&in, "", 0);
	CHECK(conf != NULL);
	conf_free(conf);
}

static void
paths_are_relative_to_the_file(void)
{
	char dir[] = "/tmp/t_conf.XXXXXX", path[64], disk[64];
	struct conf_input in = { .path = path, .report = report };
	struct conf *conf;
	FILE *f;

	REQUIRE(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/vm.conf", dir);
	snprintf(disk, sizeof(disk), "%s/disk.img", dir);
	REQUIRE((f = fopen(disk, "w")) != NULL);
	fclose(f);
	REQUIRE((f = fopen(path, "w")) != NULL);
	fputs("vm \"a\" { disk disk.img }\n", f);
	fclose(f);
	conf = conf_parse(&in);
	if (CHECK(conf != NULL))
		CHECK_STR(TAILQ_FIRST(&conf->vms)->disks[0].path, disk);
	conf_free(conf);
	unlink(disk);
	errors = warnings = 0;
	CHECK(conf_parse(&in) == NULL);
	CHECK_EQ(errors, 1);
	unlink(path);
	rmdir(dir);
	/* The default file may be absent, one the user named may not. */
	conf = conf_parse(&in);
	CHECK(conf != NULL);
	conf_free(conf);
	in.flags = CONF_MUST_EXIST;
	CHECK(conf_parse(&in) == NULL);
}

/* Is there "Ic word" somewhere in the page? */
static bool
page_has(const char *page, const char *word)
{
	const char *p = page;
	size_t len = strlen(word);

	while ((p = strstr(p, word)) != NULL) {
		if (p - page > 7 && !isalnum((unsigned char)p[len]) &&
		    (strncmp(p - 3, "Ic ", 3) == 0 ||
			strncmp(p - 7, "socket ", 7) == 0 ||
			strncmp(p - 5, "boot ", 5) == 0))
			return true;
		p += len;
	}
	return false;
}

static void
every_word_is_in_the_manual(void)
{
	static char page[1 << 16];
	const struct conf_option *option;
	const char *word;
	FILE *f = fopen("man/vm.conf.5", "r");
	size_t i;

	if (f == NULL)
		SKIP("not run from the top of the source tree");
	CHECK(fread(page, 1, sizeof(page) - 1, f) > 0);
	fclose(f);
	for (i = 0; (word = conf_keyword(i)) != NULL; i++)
		if (!CHECK(page_has(page, word)))
			printf("# %s is not in vm.conf(5)\n", word);
	CHECK(i > 15);
	CHECK(!page_has(page, "agentx"));
	for (i = 0; (option = conf_option_row(i)) != NULL; i++) {
		CHECK(option->help != NULL && option->help[0] != '\0');
		CHECK(option->max >= option->min);
		CHECK(option->max >= option->def);
	}
}

int
main(void)
{
	TEST(tree_has_what_the_file_says);
	TEST(errors_have_file_and_line);
	TEST(errors_are_counted_to_a_limit);
	TEST(one_vm_too_many);
	TEST(macros_are_bounded);
	TEST(a_report_may_be_missing);
	TEST(paths_are_relative_to_the_file);
	TEST(every_word_is_in_the_manual);
	return CHECK_EXIT();
}
