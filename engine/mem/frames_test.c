/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each row of the transition table in frames.h, and each that must not exist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "abi/hypercall.h"
#include "mem/frames.h"

#define FRAMES 2048
#define FIRST 512 /* of the control domain's frames */

static u32 words[FRAMES];

static int setup(void **state)
{
	(void)state;
	frames_init(words, FRAMES);
	frames_set_range(FIRST, FRAMES - FIRST, FRAME_CONTROL);
	frames_set_range(0, 256, FRAME_ENGINE);
	return 0;
}

static void expect(u64 pfn, enum frame_kind kind, u32 vm, u32 count)
{
	struct frame frame = frame_read(pfn);

	assert_int_equal(frame.kind, kind);
	assert_int_equal(frame.vm, vm);
	assert_int_equal(frame.count, count);
}

static void expect_stats(u64 shared, u64 given, u64 bad)
{
	struct frames_stats stats = frames_stats();

	assert_int_equal(stats.shared, shared);
	assert_int_equal(stats.given, given);
	assert_int_equal(stats.bad, bad);
}

static void expect_pinned(u64 pinned)
{
	assert_int_equal(frames_stats().pinned, pinned);
}

static void refuse_all(u64 pfn)
{
	u64 chunk = ALIGN_DOWN(pfn, 512);
	struct frame before = frame_read(pfn);

	assert_int_equal(frame_give(chunk, 1), -NXT_EPERM);
	assert_int_equal(frame_pin(pfn), -NXT_EPERM);
	assert_int_equal(frame_share(pfn, 1, 1, true), -NXT_EPERM);
	assert_int_equal(frame_share(pfn, 1, 1, false), -NXT_EPERM);
	assert_int_equal(frame_share(chunk, 512, 1, true), -NXT_EPERM);
	expect(pfn, before.kind, before.vm, before.count);
}

static void test_not_the_control_domains(void **state)
{
	(void)state;
	refuse_all(0);	    /* ENGINE */
	refuse_all(300);    /* NONE */
	refuse_all(FRAMES); /* past the end */
	refuse_all(FRAMES + 5);
	refuse_all(~0ULL);
	refuse_all(~0ULL << 9);
	assert_int_equal(frame_give(FIRST, 2), 0);
	refuse_all(FIRST + 7);
	expect_stats(0, 512, 0);
}

static void test_set_range(void **state)
{
	(void)state;
	expect(255, FRAME_ENGINE, 0, 0);
	expect(256, FRAME_NONE, 0, 0);
	expect(FRAMES - 1, FRAME_CONTROL, 0, 0);
	expect(FRAMES, FRAME_NONE, 0, 0);
	frames_set_range(FRAMES + 1, 5, FRAME_ENGINE);
	frames_set_range(FRAMES - 1, ~0ULL, FRAME_ENGINE);
	frames_set_range(~0ULL, 2, FRAME_ENGINE);
	expect(0, FRAME_ENGINE, 0, 0);
	expect(FRAMES - 2, FRAME_CONTROL, 0, 0);
	expect(FRAMES - 1, FRAME_ENGINE, 0, 0);
}

static void test_give(void **state)
{
	(void)state;
	assert_int_equal(frame_give(FIRST + 1, 1), -NXT_EINVAL);
	assert_int_equal(frame_give(FIRST, 128), 0);
	expect(FIRST, FRAME_GIVEN, 128, 0);
	expect(FIRST + 511, FRAME_GIVEN, 128, 0);
	expect(FIRST + 512, FRAME_CONTROL, 0, 0);
	assert_int_equal(frame_give(FIRST, 128), -NXT_EPERM);
	expect_stats(0, 512, 0);

	frame_take_back(FIRST, 1); /* not its */
	expect(FIRST, FRAME_GIVEN, 128, 0);
	expect_stats(0, 512, 512);
	frame_take_back(FIRST, 128);
	expect(FIRST, FRAME_CONTROL, 0, 0);
	expect_stats(0, 0, 512);
}

/* One frame that is busy spoils a chunk; which one must not matter, and nothing may stay behind. */
static void test_all_or_none(void **state)
{
	static const u32 where[] = {0, 1, 255, 511};
	u32 i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(where); i++) {
		assert_int_equal(frame_pin(FIRST + where[i]), 0);
		assert_int_equal(frame_give(FIRST, 1), -NXT_EPERM);
		assert_int_equal(frame_share(FIRST, 512, 1, true), -NXT_EPERM);
		assert_int_equal(frame_share(FIRST, 512, 1, false), -NXT_EPERM);
		frame_unpin(FIRST + where[i]);
		for (j = 0; j < 512; j++)
			expect(FIRST + j, FRAME_CONTROL, 0, 0);
	}
	expect_stats(0, 0, 0);

	/* The same on top of shares that were there before. */
	assert_int_equal(frame_share(FIRST + 3, 1, 1, true), 0);
	assert_int_equal(frame_share(FIRST + 511, 1, 2, true), 0);
	assert_int_equal(frame_share(FIRST, 512, 1, true), -NXT_EPERM);
	expect(FIRST + 3, FRAME_SHARED, 1, 1);
	expect(FIRST + 4, FRAME_CONTROL, 0, 0);
	expect(FIRST + 511, FRAME_SHARED, 2, 1);
	expect_stats(2, 0, 0);
}

static void test_pin(void **state)
{
	(void)state;
	assert_int_equal(frame_pin(FIRST), 0);
	assert_int_equal(frame_pin(FIRST), 0);
	expect(FIRST, FRAME_PINNED, 0, 2);
	expect_pinned(1);
	assert_int_equal(frame_pin(FIRST + 1), 0);
	expect_pinned(2);
	frame_unpin(FIRST + 1);
	assert_int_equal(frame_share(FIRST, 1, 1, true), -NXT_EPERM);
	assert_int_equal(frame_share(FIRST, 1, 1, false), -NXT_EPERM);
	frame_unpin(FIRST);
	expect(FIRST, FRAME_PINNED, 0, 1);
	expect_pinned(1);
	frame_unpin(FIRST);
	expect(FIRST, FRAME_CONTROL, 0, 0);
	expect_stats(0, 0, 0);
	expect_pinned(0);
	frame_unpin(FIRST);
	expect(FIRST, FRAME_CONTROL, 0, 0);
	expect_stats(0, 0, 1);
	expect_pinned(0);
}

static void test_share_writable(void **state)
{
	(void)state;
	assert_int_equal(frame_share(FIRST, 1, 1, true), 0);
	assert_int_equal(frame_share(FIRST, 1, 1, true), 0);
	assert_int_equal(frame_share(FIRST, 1, 1, false), 0);
	expect(FIRST, FRAME_SHARED, 1, 3);
	expect_stats(1, 0, 0);
	assert_int_equal(frame_share(FIRST, 1, 2, true), -NXT_EPERM);
	assert_int_equal(frame_share(FIRST, 1, 2, false), -NXT_EPERM);
	assert_int_equal(frame_pin(FIRST), -NXT_EPERM);
	assert_int_equal(frame_give(FIRST, 1), -NXT_EPERM);

	frame_unshare(FIRST, 1, 2); /* not its */
	expect(FIRST, FRAME_SHARED, 1, 3);
	expect_stats(1, 0, 1);
	frame_unshare(FIRST, 1, 1);
	frame_unshare(FIRST, 1, 1);
	expect(FIRST, FRAME_SHARED, 1, 1);
	frame_unshare(FIRST, 1, 1);
	expect(FIRST, FRAME_CONTROL, 0, 0);
	expect_stats(0, 0, 1);
	assert_int_equal(frame_share(FIRST, 1, 2, true), 0);
}

static void test_share_read_only(void **state)
{
	(void)state;
	assert_int_equal(frame_share(FIRST, 1, 1, false), 0);
	assert_int_equal(frame_share(FIRST, 1, 2, false), 0);
	expect(FIRST, FRAME_SHARED_RO, 0, 2);
	assert_int_equal(frame_share(FIRST, 1, 1, true), -NXT_EPERM);
	frame_unshare(FIRST, 1, 2);
	/* Even for the only VM that is left: the table does not know that it is. */
	assert_int_equal(frame_share(FIRST, 1, 1, true), -NXT_EPERM);
	assert_int_equal(frame_pin(FIRST), -NXT_EPERM);
	frame_unshare(FIRST, 1, 1);
	expect(FIRST, FRAME_CONTROL, 0, 0);
	frame_unshare(FIRST, 1, 1);
	expect_stats(0, 0, 1);
}

static void test_share_large(void **state)
{
	(void)state;
	assert_int_equal(frame_share(FIRST + 1, 512, 1, true), -NXT_EINVAL);
	assert_int_equal(frame_share(FIRST, 512, 1, true), 0);
	assert_int_equal(frame_share(FIRST + 9, 1, 1, true), 0);
	expect(FIRST + 8, FRAME_SHARED, 1, 1);
	expect(FIRST + 9, FRAME_SHARED, 1, 2);
	expect_stats(512, 0, 0);
	frame_unshare(FIRST, 512, 1);
	expect(FIRST + 9, FRAME_SHARED, 1, 1);
	expect_stats(1, 0, 0);
}

static void test_count_limit(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < FRAME_COUNT_MAX; i++)
		assert_int_equal(frame_pin(FIRST), 0);
	assert_int_equal(frame_pin(FIRST), -NXT_EPERM);
	expect(FIRST, FRAME_PINNED, 0, FRAME_COUNT_MAX);

	for (i = 0; i < FRAME_COUNT_MAX; i++)
		assert_int_equal(frame_share(FIRST + 1, 1, 128, true), 0);
	assert_int_equal(frame_share(FIRST + 1, 1, 128, true), -NXT_EPERM);
	assert_int_equal(frame_share(FIRST + 1, 1, 128, false), -NXT_EPERM);
	expect(FIRST + 1, FRAME_SHARED, 128, FRAME_COUNT_MAX);

	for (i = 0; i < FRAME_COUNT_MAX; i++)
		assert_int_equal(frame_share(FIRST + 2, 1, 1, false), 0);
	assert_int_equal(frame_share(FIRST + 2, 1, 1, false), -NXT_EPERM);
	expect(FIRST + 2, FRAME_SHARED_RO, 0, FRAME_COUNT_MAX);
	expect(FIRST + 3, FRAME_CONTROL, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_not_the_control_domains, setup),
		cmocka_unit_test_setup(test_set_range, setup),
		cmocka_unit_test_setup(test_give, setup),
		cmocka_unit_test_setup(test_all_or_none, setup),
		cmocka_unit_test_setup(test_pin, setup),
		cmocka_unit_test_setup(test_share_writable, setup),
		cmocka_unit_test_setup(test_share_read_only, setup),
		cmocka_unit_test_setup(test_share_large, setup),
		cmocka_unit_test_setup(test_count_limit, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
