/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/trap.h"
#include "lib/types.h"
#include "mem/phys.h"

#define PAGES 32
#define BASE (3 * PAGE_SIZE) /* of the pool; not aligned to more than a page */
#define POOL_PAGES (PAGES - 4)

static u8 memory[PAGES * PAGE_SIZE] ALIGNED(4096);
u8 *test_memory = memory;

static jmp_buf panicked;

void panic(const char *fmt, ...)
{
	(void)fmt;
	longjmp(panicked, 1);
}

static int setup(void **state)
{
	(void)state;
	memset(memory, 0x5a, sizeof(memory));
	pool_init(BASE, POOL_PAGES * PAGE_SIZE);
	return 0;
}

/* Bytes of the memory that are not as they were. */
static u64 touched(void)
{
	u64 count = 0;

	for (u64 i = 0; i < sizeof(memory); i++)
		count += memory[i] != 0x5a;
	return count;
}

static void is_zero(u64 pa, u64 pages)
{
	for (u64 i = 0; i < pages * PAGE_SIZE; i++)
		assert_int_equal(memory[pa + i], 0);
}

static void test_one_after_the_other(void **state)
{
	(void)state;
	assert_int_equal(pool_base(), BASE);
	assert_int_equal(pool_size(), POOL_PAGES * PAGE_SIZE);
	assert_int_equal(pool_used(), 0);
	assert_int_equal(pool_alloc(2), BASE);
	assert_int_equal(pool_alloc(1), BASE + 2 * PAGE_SIZE);
	is_zero(BASE, 3);
	assert_int_equal(touched(), 3 * PAGE_SIZE);
	assert_int_equal(pool_used(), 3 * PAGE_SIZE);
}

static void test_dirty_is_left_as_it_is(void **state)
{
	(void)state;
	assert_int_equal(pool_alloc_dirty(3), BASE);
	assert_int_equal(touched(), 0);
	assert_int_equal(pool_used(), 3 * PAGE_SIZE);
}

/* What lies before an aligned block is lost, and counts as used. */
static void test_aligned(void **state)
{
	(void)state;
	assert_int_equal(pool_alloc_aligned(8), 8 * PAGE_SIZE);
	is_zero(8 * PAGE_SIZE, 8);
	assert_int_equal(touched(), 8 * PAGE_SIZE);
	assert_int_equal(pool_used(), 13 * PAGE_SIZE);
	assert_int_equal(pool_alloc_aligned(8), 16 * PAGE_SIZE);
}

static bool panics(u64 (*alloc)(u32 pages), u32 pages)
{
	if (setjmp(panicked))
		return true;
	alloc(pages);
	return false;
}

/* To the last page, and not one more: what is behind is Linux'. */
static void test_all_of_it(void **state)
{
	u64 before;

	(void)state;
	assert_int_equal(pool_alloc(POOL_PAGES - 1), BASE);
	before = touched();
	assert_true(panics(pool_alloc, 2));
	assert_true(panics(pool_alloc_dirty, 2));
	assert_true(panics(pool_alloc_aligned, 2));
	assert_int_equal(touched(), before);
	assert_int_equal(pool_used(), (POOL_PAGES - 1) * PAGE_SIZE);
	assert_false(panics(pool_alloc, 1));
	assert_true(panics(pool_alloc, 1));
	assert_int_equal(pool_used(), POOL_PAGES * PAGE_SIZE);
	assert_int_equal(touched(), POOL_PAGES * PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_one_after_the_other, setup),
		cmocka_unit_test_setup(test_dirty_is_left_as_it_is, setup),
		cmocka_unit_test_setup(test_aligned, setup),
		cmocka_unit_test_setup(test_all_of_it, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
