/* SPDX-License-Identifier: ISC */
/*
 * The list of VMs: ids, states, waiting clients, restarts.
 */
#include <errno.h>

#include "check.h"
#include "role/vmlist.h"

static void
ids_stay_with_name_and_owner(void)
{
	struct vmlist l;
	struct vment *a, *b;
	uint32_t id;

	vmlist_init(&l);
	REQUIRE((a = vmlist_add(&l, "a", 0)) != NULL);
	REQUIRE((b = vmlist_add(&l, "b", 0)) != NULL);
	CHECK(a->id != b->id && a->id != 0);
	CHECK(vmlist_add(&l, "a", 1000) == NULL);
	CHECK_EQ(errno, EEXIST);
	id = a->id;
	vmlist_remove(&l, a);
	CHECK(vmlist_find_name(&l, "a") == NULL);
	a = vmlist_add(&l, "a", 1000);
	CHECK(a->id != id);
	vmlist_remove(&l, a);
	a = vmlist_add(&l, "a", 0);
	CHECK_EQ(a->id, id);
	CHECK(vmlist_find_id(&l, id) == a);
	vmlist_remove(&l, a);
	vmlist_remove(&l, b);
	vmlist_fini(&l);
}

static void
states_follow_the_table(void)
{
	struct vmlist l;
	struct vment *v;

	vmlist_init(&l);
	v = vmlist_add(&l, "a", 0);
	CHECK(!vment_event(v, EVENT_READY));
	CHECK(!vment_event(v, EVENT_PAUSED));
	CHECK(!vment_event(v, EVENT_STOP));
	CHECK(vment_event(v, EVENT_START));
	CHECK_EQ(v->state, VM_STARTING);
	CHECK(!vment_event(v, EVENT_START));
	CHECK(!vment_event(v, EVENT_PAUSED));
	CHECK(vment_event(v, EVENT_READY));
	CHECK_EQ(v->state, VM_RUNNING);
	CHECK(vment_event(v, EVENT_PAUSED));
	CHECK_EQ(v->state, VM_PAUSED);
	CHECK(!vment_event(v, EVENT_PAUSED));
	CHECK(vment_event(v, EVENT_RESUMED));
	CHECK(vment_event(v, EVENT_STOP));
	CHECK_EQ(v->state, VM_STOPPING);
	CHECK(!vment_event(v, EVENT_READY));
	CHECK(vment_event(v, EVENT_EXIT));
	CHECK(vment_is_stopped(v));
	vmlist_remove(&l, v);
	vmlist_fini(&l);
}

static void
waiters_are_answered_once(void)
{
	struct vmlist l;
	struct vment *v;
	uint32_t client = 0;

	vmlist_init(&l);
	v = vmlist_add(&l, "a", 0);
	vment_wait(v, 1, WAIT_END);
	vment_wait(v, 2, WAIT_PAUSE);
	vment_wait(v, 3, WAIT_END);
	vment_wait(v, 4, WAIT_END);
	vment_wait(v, 1, WAIT_END);
	vment_wait(v, 4, WAIT_END);
	CHECK(vment_is_awaited(v));
	CHECK(vment_has_waiter(v, 2, WAIT_PAUSE));
	CHECK(!vment_has_waiter(v, 2, WAIT_END));
	CHECK(!vment_has_waiter(v, 5, WAIT_END));
	vment_forget_client(v, 3);
	CHECK(vment_next_waiter(v, WAIT_END, &client));
	CHECK_EQ(client, 1);
	CHECK(vment_next_waiter(v, WAIT_END, &client));
	CHECK_EQ(client, 4);
	CHECK(!vment_next_waiter(v, WAIT_END, &client));
	CHECK(!vment_is_awaited(v));
	CHECK(vment_next_waiter(v, WAIT_PAUSE, &client));
	CHECK_EQ(client, 2);
	vmlist_remove(&l, v);
	vmlist_fini(&l);
}

/* Three resets within six seconds: the third is the last. */
static void
restarts_are_limited(void)
{
	struct vmlist l;
	struct vment *v;

	vmlist_init(&l);
	v = vmlist_add(&l, "a", 0);
	CHECK(vment_may_restart(v, 100000));
	CHECK(vment_may_restart(v, 101000));
	CHECK(!vment_may_restart(v, 102000));
	memset(v->restarts, 0, sizeof(v->restarts));
	CHECK(vment_may_restart(v, 100000));
	CHECK(vment_may_restart(v, 104000));
	CHECK(vment_may_restart(v, 107000));
	CHECK(vment_may_restart(v, 111000));
	vmlist_remove(&l, v);
	vmlist_fini(&l);
}

int
main(void)
{
	TEST(ids_stay_with_name_and_owner);
	TEST(states_follow_the_table);
	TEST(waiters_are_answered_once);
	TEST(restarts_are_limited);
	return CHECK_EXIT();
}
