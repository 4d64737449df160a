/* SPDX-License-Identifier: ISC */
/* The books of MSI routes: numbers are handed out once, and again when free. */
#include "../../libvmm/route.h"

#include "check.h"
#include "vmm.h"

static struct route_table t;

static void
test_alloc(void)
{
	uint32_t i, wrong = 0;

	for (i = 0; i < ROUTE_MAX; i++)
		if (route_alloc(&t, i, i) != VMM_FIRST_MSI_ROUTE + i)
			wrong++;
	CHECK_EQ(wrong, 0);
	CHECK_EQ(route_alloc(&t, 0, 0), 0);
	CHECK_EQ(t.top, ROUTE_MAX);
	CHECK_EQ(route_find(&t, VMM_FIRST_MSI_ROUTE + 7)->data, 7);
}

static void
test_reuse(void)
{
	route_free(&t, VMM_FIRST_MSI_ROUTE + 9);
	CHECK(route_find(&t, VMM_FIRST_MSI_ROUTE + 9) == NULL);
	CHECK(route_find(&t, VMM_FIRST_MSI_ROUTE + 10) != NULL);
	CHECK_EQ(route_alloc(&t, 0xfee00000, 1), VMM_FIRST_MSI_ROUTE + 9);
	CHECK_EQ(route_find(&t, VMM_FIRST_MSI_ROUTE + 9)->addr, 0xfee00000);
}

static void
test_bounds(void)
{
	CHECK(route_find(&t, 0) == NULL);
	CHECK(route_find(&t, VMM_FIRST_MSI_ROUTE - 1) == NULL);
	CHECK(route_find(&t, VMM_FIRST_MSI_ROUTE + ROUTE_MAX) == NULL);
	CHECK(route_find(&t, UINT32_MAX) == NULL);
	route_free(&t, UINT32_MAX);
	CHECK_EQ(t.top, ROUTE_MAX);
}

/* The table given to the backend shrinks with its last entry. */
static void
test_top(void)
{
	uint32_t i;

	route_free(&t, VMM_FIRST_MSI_ROUTE + ROUTE_MAX - 2);
	CHECK_EQ(t.top, ROUTE_MAX);
	route_free(&t, VMM_FIRST_MSI_ROUTE + ROUTE_MAX - 1);
	CHECK_EQ(t.top, ROUTE_MAX - 2);
	for (i = 0; i < ROUTE_MAX; i++)
		route_free(&t, VMM_FIRST_MSI_ROUTE + i);
	CHECK_EQ(t.top, 0);
	CHECK_EQ(route_alloc(&t, 0, 0), VMM_FIRST_MSI_ROUTE);
}

int
main(void)
{
	TEST(test_alloc);
	TEST(test_reuse);
	TEST(test_bounds);
	TEST(test_top);
	return CHECK_EXIT();
}
