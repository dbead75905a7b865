/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Page allocation from chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "mem/chunk.h"
#include "mem/phys.h"

#define CHUNKS 3

u8 *test_memory;

static struct chunk_list list;
static u8 zeroes[PAGE_SIZE];
static u8 seen[(CHUNKS + 1) * 512];

/* Physical memory: 2 MiB that no chunk is in, then the chunks, full of what the control domain left there. */
static int setup(void **state)
{
	(void)state;
	test_memory = malloc((CHUNKS + 1) * PAGE_2M);
	memset(test_memory, 0xcd, (CHUNKS + 1) * PAGE_2M);
	memset(seen, 0, sizeof(seen));
	chunk_list_init(&list);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(test_memory);
	return 0;
}

static u64 alloc(void)
{
	u64 page = chunk_alloc_page(&list);

	if (!page)
		return 0;
	assert_true(IS_ALIGNED(page, PAGE_SIZE));
	assert_in_range(page, PAGE_2M + PAGE_SIZE, (CHUNKS + 1) * PAGE_2M - PAGE_SIZE);
	assert_false(IS_ALIGNED(page, PAGE_2M));
	assert_false(seen[page >> PAGE_SHIFT]);
	seen[page >> PAGE_SHIFT] = 1;
	assert_memory_equal(phys_to_virt(page), zeroes, PAGE_SIZE);
	memset(phys_to_virt(page), 0xa5, PAGE_SIZE);
	return page;
}

static void give_back(u64 page)
{
	seen[page >> PAGE_SHIFT] = 0;
	chunk_free_page(&list, page);
}

static void test_empty(void **state)
{
	(void)state;
	assert_int_equal(chunk_alloc_page(&list), 0);
	assert_int_equal(chunk_pop(&list), 0);
}

static void test_use_up(void **state)
{
	u32 chunk, i;

	(void)state;
	for (chunk = 1; chunk <= CHUNKS; chunk++) {
		chunk_add(&list, chunk * PAGE_2M);
		for (i = 0; i < CHUNK_PAGES; i++)
			assert_true(alloc());
		assert_int_equal(alloc(), 0);
		assert_int_equal(alloc(), 0);
		assert_int_equal(list.pages, chunk * CHUNK_PAGES);
	}
}

static void test_several_given_at_once(void **state)
{
	u32 i;

	(void)state;
	for (i = CHUNKS; i >= 1; i--)
		chunk_add(&list, i * PAGE_2M);
	for (i = 0; i < CHUNKS * CHUNK_PAGES; i++)
		assert_true(alloc());
	assert_int_equal(alloc(), 0);
}

static void test_reuse(void **state)
{
	u64 pages[CHUNK_PAGES];
	u32 i, round;

	(void)state;
	chunk_add(&list, PAGE_2M);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < CHUNK_PAGES; i++) {
			pages[i] = alloc();
			assert_true(pages[i]);
		}
		assert_int_equal(alloc(), 0);
		for (i = 0; i < CHUNK_PAGES; i++)
			give_back(pages[(i * 5 + round) % CHUNK_PAGES]);
		assert_int_equal(list.pages, 0);
	}
}

/* Whatever Engine wrote is wiped; whatever was never used need not be. */
static void expect_wiped(u64 chunk, u32 used)
{
	u32 i;

	for (i = 0; i < 1 + used; i++)
		assert_memory_equal((u8 *)phys_to_virt(chunk) + i * PAGE_SIZE, zeroes, PAGE_SIZE);
	for (; i < 512; i++)
		assert_int_equal(*((u8 *)phys_to_virt(chunk) + i * PAGE_SIZE), 0xcd);
}

static void test_pop(void **state)
{
	u64 page = 0;
	u32 i;

	(void)state;
	for (i = 1; i <= CHUNKS; i++)
		chunk_add(&list, i * PAGE_2M);
	for (i = 0; i < CHUNK_PAGES + 5; i++)
		page = alloc();
	give_back(page);
	assert_int_equal(chunk_pop(&list), PAGE_2M);
	expect_wiped(PAGE_2M, CHUNK_PAGES);
	assert_int_equal(chunk_pop(&list), 2 * PAGE_2M);
	expect_wiped(2 * PAGE_2M, 5);
	assert_int_equal(chunk_pop(&list), 3 * PAGE_2M);
	expect_wiped(3 * PAGE_2M, 0);
	assert_int_equal(chunk_pop(&list), 0);

	/* The list can start again. */
	memset(seen, 0, sizeof(seen));
	chunk_add(&list, PAGE_2M);
	assert_true(alloc());
	assert_int_equal(chunk_pop(&list), PAGE_2M);
	assert_int_equal(chunk_pop(&list), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_use_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_given_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reuse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pop, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
