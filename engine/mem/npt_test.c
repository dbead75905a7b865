/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nested page tables case by case, in both formats; the random test against the model covers what combines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "abi/hypercall.h"
#include "mem/frames.h"
#include "mem/npt.h"
#include "mem/walker.h"

#define FRAMES 8192 /* RAM that guests can get; its contents are never touched */
#define TABLE_PAGES 300
#define VM 7

u8 *test_memory;

static u32 words[FRAMES];
static u64 pages_used, pages_max;
static struct npt npt;
static bool ept;

/* Table pages come from "physical" 4 KiB on; page 0 stays unused, since 0 means none. */
static u64 alloc(void *owner)
{
	assert_ptr_equal(owner, &npt);
	if (pages_used == pages_max)
		return 0;
	return ++pages_used * PAGE_SIZE;
}

static int start(bool use_ept)
{
	ept = use_ept;
	test_memory = calloc(TABLE_PAGES + 1, PAGE_SIZE);
	frames_init(words, FRAMES);
	frames_set_range(0, FRAMES, FRAME_CONTROL);
	pages_used = 0;
	pages_max = TABLE_PAGES;
	return npt_init(&npt, ept ? &npt_format_ept : &npt_format_amd, VM, alloc, &npt);
}

static int setup_amd(void **state)
{
	(void)state;
	return start(false);
}

static int setup_ept(void **state)
{
	(void)state;
	return start(true);
}

static int teardown(void **state)
{
	(void)state;
	free(test_memory);
	return frames_stats().bad != 0;
}

static void expect_mapped(u64 gpa, u64 pfn, bool writable, u32 level)
{
	struct nested_walk walk = walk_nested(ept, npt.root, gpa);
	struct npt_mapping mapping;

	assert_int_equal(npt_lookup(&npt, gpa, &mapping), NPT_PRESENT);
	assert_int_equal(mapping.pfn, pfn);
	assert_int_equal(mapping.writable, writable);
	assert_int_equal(mapping.level, level);
	assert_true(walk.present);
	assert_int_equal(walk.pa, (pfn << PAGE_SHIFT) + gpa % PAGE_SIZE);
	assert_int_equal(walk.writable, writable);
	assert_int_equal(walk.level, level);
}

static void expect_state(u64 gpa, enum npt_state expected)
{
	struct npt_mapping mapping;

	assert_int_equal(npt_lookup(&npt, gpa, &mapping), expected);
	assert_false(walk_nested(ept, npt.root, gpa).present);
}

static void test_map(void **state)
{
	struct npt_mapping mapping;

	(void)state;
	expect_state(0x1000, NPT_ABSENT);
	assert_int_equal(npt_map(&npt, 0x1000, 5, 0), 0);
	assert_int_equal(npt_map(&npt, 0x2000, 6, NXT_MAP_WRITE), 0);
	assert_int_equal(npt_map(&npt, NPT_LIMIT - PAGE_SIZE, 6, NXT_MAP_WRITE), 0);
	assert_int_equal(npt_map(&npt, GIB(3), 1024, NXT_MAP_2M | NXT_MAP_WRITE), 0);
	expect_mapped(0x1fff, 5, false, 1);
	expect_mapped(0x2000, 6, true, 1);
	expect_mapped(NPT_LIMIT - 1, 6, true, 1);
	expect_mapped(GIB(3) + 0x12345, 1024 + 0x12, true, 2);
	expect_state(0, NPT_ABSENT);
	expect_state(0x3000, NPT_ABSENT);
	expect_state(GIB(3) - 1, NPT_ABSENT);
	expect_state(GIB(3) + PAGE_2M, NPT_ABSENT);
	assert_int_equal(npt_lookup(&npt, NPT_LIMIT, &mapping), NPT_ABSENT);
	assert_int_equal(npt_lookup(&npt, ~0ULL, &mapping), NPT_ABSENT);
	assert_int_equal(frame_read(6).count, 2);
	assert_int_equal(frame_read(1024).kind, FRAME_SHARED);
}

static void test_map_frame_zero(void **state)
{
	(void)state;
	assert_int_equal(npt_map(&npt, 0, 0, 0), 0);
	expect_mapped(0, 0, false, 1);
	assert_int_equal(npt_unmap(&npt, 0, 1), 1);
	expect_state(0, NPT_ZAPPED);
	assert_int_equal(npt_release(&npt, 0, 1), 1);
	expect_state(0, NPT_ABSENT);
	assert_int_equal(frame_read(0).kind, FRAME_CONTROL);
}

static void test_map_refused(void **state)
{
	(void)state;
	assert_int_equal(npt_map(&npt, 0x1001, 5, 0), -NXT_EINVAL);
	assert_int_equal(npt_map(&npt, NPT_LIMIT, 5, 0), -NXT_EINVAL);
	assert_int_equal(npt_map(&npt, ~0ULL << 12, 5, 0), -NXT_EINVAL);
	assert_int_equal(npt_map(&npt, 0x1000, 5, 8), -NXT_EINVAL);
	assert_int_equal(npt_map(&npt, 0x1000, 5, BIT(63)), -NXT_EINVAL);
	assert_int_equal(npt_map(&npt, 0x1000, 512, NXT_MAP_2M), -NXT_EINVAL);
	assert_int_equal(npt_map(&npt, PAGE_2M, 513, NXT_MAP_2M), -NXT_EINVAL);
	assert_int_equal(npt_map(&npt, 0x1000, 5 | BIT(52), NXT_MAP_WRITE), -NXT_EPERM);
	assert_int_equal(npt_map(&npt, 0x1000, FRAMES, NXT_MAP_WRITE), -NXT_EPERM);
	assert_int_equal(npt_map(&npt, PAGE_2M, FRAMES, NXT_MAP_2M), -NXT_EPERM);
	assert_int_equal(npt_map(&npt, PAGE_2M, ~0ULL << 9, NXT_MAP_2M), -NXT_EPERM);
	assert_int_equal(frame_pin(5), 0);
	assert_int_equal(npt_map(&npt, 0x1000, 5, 0), -NXT_EPERM);
	expect_state(0x1000, NPT_ABSENT);
	expect_state(PAGE_2M, NPT_ABSENT);
	assert_int_equal(frames_stats().shared, 0);
}

static void test_map_exists(void **state)
{
	(void)state;
	assert_int_equal(npt_map(&npt, 0x1000, 5, 0), 0);
	assert_int_equal(npt_map(&npt, PAGE_2M, 512, NXT_MAP_2M), 0);
	assert_int_equal(npt_map(&npt, 2 * PAGE_2M, 0, NXT_MAP_2M | NXT_MAP_MMIO), 0);
	assert_int_equal(npt_map(&npt, 0x1000, 5, 0), -NXT_EEXIST);
	assert_int_equal(npt_map(&npt, 0x1000, 0, NXT_MAP_MMIO), -NXT_EEXIST);
	assert_int_equal(npt_map(&npt, 0, 512, NXT_MAP_2M), -NXT_EEXIST);
	assert_int_equal(npt_map(&npt, PAGE_2M, 512, NXT_MAP_2M), -NXT_EEXIST);
	assert_int_equal(npt_map(&npt, PAGE_2M + 0x5000, 5, 0), -NXT_EEXIST);
	assert_int_equal(npt_map(&npt, 2 * PAGE_2M + 0x5000, 5, 0), -NXT_EEXIST);

	/* Zapped is not free yet. */
	assert_int_equal(npt_unmap(&npt, 0, 1024), 1024);
	assert_int_equal(npt_map(&npt, 0x1000, 5, 0), -NXT_EEXIST);
	assert_int_equal(npt_map(&npt, PAGE_2M, 512, NXT_MAP_2M), -NXT_EEXIST);
	assert_int_equal(npt_release(&npt, 0, 1024), 1024);
	assert_int_equal(npt_map(&npt, 0x1000, 5, 0), 0);
	assert_int_equal(npt_map(&npt, PAGE_2M, 512, NXT_MAP_2M), 0);
	/* The table of 4 KiB entries stays, though it is empty now. */
	assert_int_equal(npt_unmap(&npt, 0x1000, 1), 1);
	assert_int_equal(npt_release(&npt, 0x1000, 1), 1);
	assert_int_equal(npt_map(&npt, 0, 512, NXT_MAP_2M), -NXT_EEXIST);
}

static void test_no_memory(void **state)
{
	u64 i;

	(void)state;
	for (i = 0; i < 3; i++) {
		pages_max = pages_used + (i > 0);
		assert_int_equal(npt_map(&npt, GIB(600), 5, 0), -NXT_ENOMEM);
		expect_state(GIB(600), NPT_ABSENT);
	}
	assert_int_equal(frames_stats().shared, 0);
	pages_max = pages_used + 1;
	assert_int_equal(npt_map(&npt, GIB(600), 5, 0), 0);
	expect_mapped(GIB(600), 5, false, 1);
	pages_max = 0;
	pages_used = 0;
	assert_int_equal(npt_init(&npt, npt.format, VM, alloc, &npt), -NXT_ENOMEM);
}

static void test_mmio(void **state)
{
	(void)state;
	assert_int_equal(npt_map(&npt, 0xfee00000, ~0ULL, NXT_MAP_MMIO), 0);
	assert_int_equal(npt_map(&npt, GIB(2), 3, NXT_MAP_MMIO | NXT_MAP_2M | NXT_MAP_WRITE), 0);
	expect_state(0xfee00fff, NPT_MMIO);
	expect_state(GIB(2) + PAGE_2M - 1, NPT_MMIO);
	assert_int_equal(npt_release(&npt, 0xfee00000, 1), 1);
	assert_int_equal(npt_protect(&npt, GIB(2), 1), 1);
	expect_state(0xfee00000, NPT_MMIO);
	expect_state(GIB(2), NPT_MMIO);
	assert_int_equal(npt_unmap(&npt, 0xfee00000, 1), 1);
	assert_int_equal(npt_unmap(&npt, GIB(2) + 0x3000, 1), 1);
	expect_state(0xfee00000, NPT_ABSENT);
	expect_state(GIB(2), NPT_ABSENT);
	assert_int_equal(frames_stats().shared, 0);
}

static void test_unmap_keeps_the_frame(void **state)
{
	(void)state;
	assert_int_equal(npt_map(&npt, 0x1000, 5, NXT_MAP_WRITE), 0);
	assert_int_equal(npt_release(&npt, 0x1000, 1), 1); /* present: not concerned */
	expect_mapped(0x1000, 5, true, 1);
	assert_int_equal(npt_unmap(&npt, 0x1000, 1), 1);
	assert_int_equal(npt_unmap(&npt, 0x1000, 1), 1);
	expect_state(0x1000, NPT_ZAPPED);
	assert_int_equal(frame_read(5).kind, FRAME_SHARED);
	assert_int_equal(frame_share(5, 1, VM + 1, true), -NXT_EPERM);
	assert_int_equal(npt_release(&npt, 0x1000, 1), 1);
	assert_int_equal(npt_release(&npt, 0x1000, 1), 1);
	assert_int_equal(frame_read(5).kind, FRAME_CONTROL);
}

/* Part of a 2 MiB entry stands for all of it, and the count of pages done never passes the range. */
static void test_parts_of_large(void **state)
{
	(void)state;
	assert_int_equal(npt_map(&npt, PAGE_2M, 512, NXT_MAP_2M | NXT_MAP_WRITE), 0);
	assert_int_equal(npt_protect(&npt, PAGE_2M, 512), 512);
	expect_mapped(PAGE_2M, 512, false, 2);
	assert_int_equal(npt_protect(&npt, PAGE_2M + 0x1000, 511), 511);
	expect_state(PAGE_2M, NPT_ZAPPED);
	assert_int_equal(npt_release(&npt, PAGE_2M + 0x1ff000, 1), 1);
	expect_state(PAGE_2M, NPT_ABSENT);
	assert_int_equal(frames_stats().shared, 0);

	assert_int_equal(npt_map(&npt, PAGE_2M, 512, NXT_MAP_2M), 0);
	assert_int_equal(npt_unmap(&npt, 0, 513), 513);
	expect_state(2 * PAGE_2M - 1, NPT_ZAPPED);
}

static void test_protect(void **state)
{
	struct nested_walk walk;

	(void)state;
	assert_int_equal(npt_map(&npt, 0x1000, 5, NXT_MAP_WRITE), 0);
	walk = walk_nested(ept, npt.root, 0x1000);
	walk_access(ept, &walk, true);
	assert_int_equal(npt_protect(&npt, 0, 16), 16);
	expect_mapped(0x1000, 5, false, 1);
	assert_int_equal(npt_age(&npt, 0x1000, 1, false), 1); /* what the hardware marked stays */
	assert_int_equal(frame_read(5).kind, FRAME_SHARED);
}

static void test_age(void **state)
{
	struct nested_walk walk;

	(void)state;
	assert_int_equal(npt_map(&npt, 0x1000, 5, NXT_MAP_WRITE), 0);
	assert_int_equal(npt_map(&npt, PAGE_2M, 512, NXT_MAP_2M), 0);
	assert_int_equal(npt_age(&npt, 0, 512, true), 0);
	walk = walk_nested(ept, npt.root, 0x1000);
	walk_access(ept, &walk, true);
	walk = walk_nested(ept, npt.root, PAGE_2M + 0x9000);
	walk_access(ept, &walk, false);
	assert_int_equal(npt_age(&npt, 0x2000, 510, true), 0);
	assert_int_equal(npt_age(&npt, 0, 512, false), 1);
	assert_int_equal(npt_age(&npt, 0, 512, true), 1);
	assert_int_equal(npt_age(&npt, 0, 512, true), 0);
	assert_int_equal(npt_age(&npt, PAGE_2M + 0x3000, 1, true), 1);
	assert_int_equal(npt_age(&npt, PAGE_2M, 512, true), 0);
	assert_int_equal(npt_age(&npt, 0, 0, true), 0);
	assert_int_equal(npt_age(&npt, 0, 513, true), -NXT_EINVAL);
	assert_int_equal(npt_age(&npt, 1, 1, true), -NXT_EINVAL);
	assert_int_equal(npt_age(&npt, NPT_LIMIT, 1, true), -NXT_EINVAL);
}

static void test_bad_ranges(void **state)
{
	(void)state;
	assert_int_equal(npt_unmap(&npt, 0x1234, 1), -NXT_EINVAL);
	assert_int_equal(npt_release(&npt, NPT_LIMIT, 1), -NXT_EINVAL);
	assert_int_equal(npt_protect(&npt, 0x1000, NPT_LIMIT >> PAGE_SHIFT), -NXT_EINVAL);
	assert_int_equal(npt_unmap(&npt, 0, ~0ULL), -NXT_EINVAL);
	assert_int_equal(npt_unmap(&npt, ~0ULL << PAGE_SHIFT, 2), -NXT_EINVAL);
	assert_int_equal(npt_unmap(&npt, PAGE_SIZE, BIT(52)), -NXT_EINVAL);
	assert_int_equal(npt_unmap(&npt, NPT_LIMIT, 0), 0);
	assert_int_equal(npt_unmap(&npt, 0, 0), 0);
}

/* Holes cost nearly nothing, and what is full costs bounded calls. */
static void test_bounded_work(void **state)
{
	u64 i, at, calls;
	s64 done;

	(void)state;
	assert_int_equal(npt_unmap(&npt, 0, NPT_LIMIT >> PAGE_SHIFT), NPT_LIMIT >> PAGE_SHIFT);
	assert_int_equal(npt_map(&npt, GIB(4), 5, 0), 0);
	assert_int_equal(npt_unmap(&npt, 0, GIB(4) >> PAGE_SHIFT), GIB(4) >> PAGE_SHIFT);
	expect_mapped(GIB(4), 5, false, 1);

	for (i = 0; i < 16; i++)
		assert_int_equal(npt_map(&npt, i * PAGE_2M, (i & 7) * 512, NXT_MAP_2M), 0);
	for (i = 0; i < 4096; i++)
		assert_int_equal(npt_map(&npt, GIB(1) + i * PAGE_SIZE, 4096, 0), 0);
	assert_int_equal(frame_read(4096).count, 4096);
	assert_in_range(npt_unmap(&npt, GIB(1), 4096), 1024, 2048);
	assert_in_range(npt_unmap(&npt, GIB(1), 4096), 1024, 2048);
	for (at = 0, calls = 0; at < GIB(4); at += (u64)done << PAGE_SHIFT, calls++) {
		done = npt_unmap(&npt, at, (GIB(4) - at) >> PAGE_SHIFT);
		assert_true(done > 0);
	}
	assert_in_range(calls, 2, 5);
	for (at = 0, calls = 0; at < GIB(4); at += (u64)done << PAGE_SHIFT, calls++) {
		done = npt_release(&npt, at, (GIB(4) - at) >> PAGE_SHIFT);
		assert_true(done > 0);
	}
	assert_in_range(calls, 5, 12);
	assert_int_equal(frames_stats().shared, 1);
}

static void test_destroy(void **state)
{
	u32 calls = 1;
	u64 i;

	(void)state;
	for (i = 1; i < 16; i++)
		assert_int_equal(npt_map(&npt, i * PAGE_2M, i * 512, NXT_MAP_2M | NXT_MAP_WRITE), 0);
	assert_int_equal(npt_map(&npt, 0x1000, 5, NXT_MAP_WRITE), 0);
	assert_int_equal(npt_map(&npt, 0x2000, 5, 0), 0);
	assert_int_equal(npt_map(&npt, 0x3000, 5, NXT_MAP_MMIO), 0);
	assert_int_equal(npt_map(&npt, NPT_LIMIT - PAGE_SIZE, 6, NXT_MAP_WRITE), 0);
	assert_int_equal(npt_unmap(&npt, 0x2000, 1), 1);
	while (npt_destroy_step(&npt) == -NXT_EAGAIN)
		assert_true(++calls < 20);
	assert_true(calls >= 3);
	assert_int_equal(npt_destroy_step(&npt), 0);
	assert_int_equal(frames_stats().shared, 0);
	expect_state(0x1000, NPT_ABSENT);
	expect_state(0x3000, NPT_ABSENT);
	expect_state(NPT_LIMIT - PAGE_SIZE, NPT_ABSENT);
}

#define BOTH(test)                                                                                           \
	cmocka_unit_test_setup_teardown(test, setup_amd, teardown),                                          \
		cmocka_unit_test_setup_teardown(test, setup_ept, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_map),
		BOTH(test_map_frame_zero),
		BOTH(test_map_refused),
		BOTH(test_map_exists),
		BOTH(test_no_memory),
		BOTH(test_mmio),
		BOTH(test_unmap_keeps_the_frame),
		BOTH(test_parts_of_large),
		BOTH(test_protect),
		BOTH(test_age),
		BOTH(test_bad_ranges),
		BOTH(test_bounded_work),
		BOTH(test_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
