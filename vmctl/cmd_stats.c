/* SPDX-License-Identifier: ISC */
/*
 * The counters of running VMs, as a table for people or as JSON for programs.
 * Each VM's own process is asked, so one that has just ended, or that the user
 * may not ask, is left out of the list of all.
 */
#include "commands.h"

#include <err.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "result.h"
#include "vm_error.h"
#include "vmlist.h"

/* A daemon that sends more than this is none of ours. */
#define ROWS_MAX 1024

/* The counters of one VM. */
struct stats {
	uint32_t id;
	char name[VMD_NAME_MAX + 1];
	struct msg_stats_row *rows; /* owned */
	size_t count;
};

struct stats_list {
	struct stats *vms; /* owned */
	size_t count;
};

static const char *const units[] = {
	[STATS_COUNT] = "count",
	[STATS_BYTES] = "bytes",
	[STATS_NS] = "ns",
	[STATS_CYCLES] = "cycles",
	[STATS_YES] = "bool",
};

static const char *
unit_name(uint32_t unit)
{
	return unit < sizeof(units) / sizeof(units[0]) ? units[unit] : "?";
}

int
stats_parse(struct request *request, int argc, char *argv[])
{
	int ch;

	while ((ch = getopt(argc, argv, "+j")) != -1) {
		if (ch != 'j')
			command_usage(request->command);
		request->json = true;
	}
	argc -= optind;
	argv += optind;
	if (argc > 1)
		command_usage(request->command);
	return argc == 1 ? request_target(request, argv[0]) : 0;
}

/* --- asking --------------------------------------------------------------- */

static void
stats_add(struct stats *stats, const struct msg_stats_row *row)
{
	stats->rows =
	    reallocarray(stats->rows, stats->count + 1, sizeof(*stats->rows));
	if (stats->rows == NULL)
		err(1, NULL);
	stats->rows[stats->count++] = *row;
}

/*
 * Asks for the counters of one VM and takes what comes before the RESULT, which
 * is left in *reply.  -1 having said why; rows are the caller's in any case.
 */
static int
stats_ask(struct stats *stats, struct client *client,
    const struct msg_vm_target *target, struct reply *reply)
{
	const struct msg_vm_ask ask = { .target = *target };

	if (client_send(client, MSG_VM_STATS, -1, &ask, sizeof(ask)) == -1)
		return -1;
	for (;;) {
		if (client_recv(client, reply) == -1)
			return -1;
		if (reply->type == MSG_RESULT)
			break;
		if (reply->type != MSG_STATS_ROW || stats->count == ROWS_MAX) {
			warnx("bad answer from vmd: %s",
			    reply->type != MSG_STATS_ROW
				? "no counters"
				: "the counters do not end");
			return -1;
		}
		stats_add(stats, &reply->body.stats);
	}
	stats->id = reply->body.result.vm_id;
	memcpy(stats->name, reply->body.result.name, sizeof(stats->name));
	return 0;
}

/* The one VM of the command line. */
static int
stats_fetch_one(
    struct stats_list *list, const struct request *request, struct client *c)
{
	struct reply reply;

	list->vms = calloc(1, sizeof(*list->vms));
	if (list->vms == NULL)
		err(1, NULL);
	list->count = 1;
	if (stats_ask(list->vms, c, &request->target, &reply) == -1)
		return -1;
	return result_status(&reply, "stats vm command") == 0 ? 0 : -1;
}

/* An error that is no more than a VM less in the list. */
static bool
stats_may_lack(uint32_t error)
{
	return error == VM_ERROR_PERMISSION || error == VM_ERROR_NOT_RUNNING ||
	    error == VM_ERROR_NOT_FOUND;
}

static int
stats_fetch_vm(struct stats_list *list, uint32_t id, struct client *client)
{
	const struct msg_vm_target target = { .id = id };
	struct stats *stats = &list->vms[list->count];
	struct reply reply;
	int r = stats_ask(stats, client, &target, &reply);

	if (r == 0 && reply.body.result.error == VM_ERROR_OK) {
		list->count++;
		return 0;
	}
	free(stats->rows);
	memset(stats, 0, sizeof(*stats));
	if (r == 0 && !stats_may_lack(reply.body.result.error))
		r = result_status(&reply, "stats vm command") == 0 ? 0 : -1;
	return r;
}

/* Every VM that runs. */
static int
stats_fetch_all(struct stats_list *list, struct client *client)
{
	struct vmlist vms;
	int r = 0;

	if (vmlist_fetch(&vms, client) == -1)
		return -1;
	list->vms = calloc(vms.count + 1, sizeof(*list->vms));
	if (list->vms == NULL)
		err(1, NULL);
	for (size_t i = 0; i < vms.count && r == 0; i++)
		if (vms.vms[i].state != VM_STOPPED)
			r = stats_fetch_vm(list, vms.vms[i].id, client);
	vmlist_fini(&vms);
	return r;
}

/* --- as a table ----------------------------------------------------------- */

/* What decides how wide the columns are. */
struct widths {
	int name, counter, value;
	uint32_t vcpus; /* columns; 0: only totals */
};

static int
widest(int width, int other)
{
	return other > width ? other : width;
}

static int
digits(uint64_t value)
{
	return snprintf(NULL, 0, "%" PRIu64, value);
}

static struct widths
table_widths(const struct stats_list *list, bool vcpus)
{
	struct widths w = { 4, 7, 7, 0 };

	for (size_t i = 0; i < list->count; i++) {
		const struct stats *s = &list->vms[i];

		w.name = widest(w.name, (int)strlen(s->name));
		for (size_t n = 0; n < s->count; n++) {
			const struct msg_stats_row *row = &s->rows[n];

			w.counter = widest(w.counter, (int)strlen(row->name));
			w.value = widest(w.value, digits(row->vm));
			if (vcpus && row->vcpus > w.vcpus)
				w.vcpus = row->vcpus;
			for (uint32_t v = 0; vcpus && v < row->vcpus; v++)
				w.value = widest(w.value, digits(row->vcpu[v]));
		}
	}
	return w;
}

static void
table_row(const struct stats *s, const struct msg_stats_row *row,
    const struct widths *w)
{
	printf("%5u %-*s %-*s %-6s %*" PRIu64, s->id, w->name, s->name,
	    w->counter, row->name, unit_name(row->unit), w->value, row->vm);
	for (uint32_t v = 0; v < w->vcpus; v++) {
		if (v < row->vcpus)
			printf(" %*" PRIu64, w->value, row->vcpu[v]);
		else
			printf(" %*s", w->value, "-");
	}
	putchar('\n');
}

static void
table_print(const struct stats_list *list, bool vcpus)
{
	const struct widths w = table_widths(list, vcpus);
	char title[16];

	printf("%5s %-*s %-*s %-6s %*s", "ID", w.name, "NAME", w.counter,
	    "COUNTER", "UNIT", w.value, "TOTAL");
	for (uint32_t v = 0; v < w.vcpus; v++) {
		snprintf(title, sizeof(title), "VCPU%u", v);
		printf(" %*s", w.value, title);
	}
	putchar('\n');
	for (size_t i = 0; i < list->count; i++)
		for (size_t n = 0; n < list->vms[i].count; n++)
			table_row(&list->vms[i], &list->vms[i].rows[n], &w);
}

/* --- as JSON -------------------------------------------------------------- */

static json_t *
json_row(const struct msg_stats_row *row)
{
	json_t *object = json_object(), *vcpus = json_null();

	json_object_set_new(object, "unit", json_string(unit_name(row->unit)));
	json_object_set_new(object, "total", json_integer((json_int_t)row->vm));
	if (row->vcpus != 0)
		vcpus = json_array();
	for (uint32_t v = 0; v < row->vcpus; v++)
		json_array_append_new(
		    vcpus, json_integer((json_int_t)row->vcpu[v]));
	json_object_set_new(object, "vcpus", vcpus);
	return object;
}

static json_t *
json_vm(const struct stats *s)
{
	json_t *object = json_object(), *counters = json_object();

	for (size_t n = 0; n < s->count; n++)
		json_object_set_new(
		    counters, s->rows[n].name, json_row(&s->rows[n]));
	json_object_set_new(object, "id", json_integer(s->id));
	json_object_set_new(object, "name", json_string(s->name));
	json_object_set_new(object, "counters", counters);
	return object;
}

static void
json_print(const struct stats_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(array, json_vm(&list->vms[i]));
	json_dumpf(array, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(array);
}

int
stats_run(struct request *request, struct client *client)
{
	struct stats_list list = { NULL, 0 };
	bool one = request->has_target;
	int r = one ? stats_fetch_one(&list, request, client)
		    : stats_fetch_all(&list, client);

	if (r == 0 && request->json)
		json_print(&list);
	else if (r == 0)
		table_print(&list, one);
	if (r == 0 && list.count == 0)
		r = -1;
	for (size_t i = 0; i < list.count; i++)
		free(list.vms[i].rows);
	free(list.vms);
	return r == 0 ? 0 : 1;
}
