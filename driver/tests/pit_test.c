// SPDX-License-Identifier: GPL-2.0-only
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>
#include <cmocka.h>

#include "pit_logic.h"

#define MS 1000000ll

static struct pit fresh(void)
{
	struct pit pit;

	pit_reset(&pit, 0);
	return pit;
}

/* The time at which so many ticks are over, and a bit. */
static s64 ticks(u64 n)
{
	return n * 1000000000 / PIT_HZ + 1;
}

static u32 read_word(struct pit *pit, u32 n, s64 now)
{
	u32 low = pit_read(pit, n, now);

	return low | pit_read(pit, n, now) << 8;
}

static void test_no_timer_before_count(void **state)
{
	(void)state;
	struct pit pit = fresh();
	bool periodic;

	assert_int_equal(pit_timer(&pit, &periodic), 0);
	assert_true(pit_write(&pit, PIT_CONTROL, 0x34, 0));
	assert_int_equal(pit_timer(&pit, &periodic), 0);
	assert_false(pit_write(&pit, 0, 0x9c, 0)); /* 1193 */
	assert_int_equal(pit_timer(&pit, &periodic), 0);
	assert_true(pit_write(&pit, 0, 0x2e, 0)); /* 11932 */
	assert_in_range(pit_timer(&pit, &periodic), 10 * MS - 1000, 10 * MS + 1000);
	assert_true(periodic);
	/* One shot; and count 0 is the largest. */
	pit_write(&pit, PIT_CONTROL, 0x30, 0);
	pit_write(&pit, 0, 0, 0);
	pit_write(&pit, 0, 0, 0);
	assert_in_range(pit_timer(&pit, &periodic), 54 * MS, 55 * MS);
	assert_false(periodic);
	/* A control word stops it. */
	assert_true(pit_write(&pit, PIT_CONTROL, 0x30, 0));
	assert_int_equal(pit_timer(&pit, &periodic), 0);
	/* Other counters are no interrupts. */
	assert_false(pit_write(&pit, PIT_CONTROL, 0xb0, 0));
	assert_false(pit_write(&pit, 2, 1, 0));
	assert_false(pit_write(&pit, 2, 1, 0));
}

static void test_bytes(void **state)
{
	(void)state;
	struct pit pit = fresh();

	pit_write(&pit, PIT_CONTROL, 0x14, 0); /* low byte only */
	pit_write(&pit, 0, 100, 0);
	assert_int_equal(pit.channel[0].count, 100);
	assert_int_equal(pit_read(&pit, 0, ticks(30)), 70);
	assert_int_equal(pit_read(&pit, 0, ticks(130)), 70);
	pit_write(&pit, PIT_CONTROL, 0x24, 0); /* high byte only */
	pit_write(&pit, 0, 1, 0);
	assert_int_equal(pit.channel[0].count, 256);
	assert_int_equal(pit_read(&pit, 0, 0), 1);
	assert_int_equal(pit_read(&pit, 0, ticks(1)), 0);
}

static void test_latch(void **state)
{
	(void)state;
	struct pit pit = fresh();

	pit_write(&pit, PIT_CONTROL, 0x34, 0);
	pit_write(&pit, 0, 0x34, 0);
	pit_write(&pit, 0, 0x12, 0);
	pit_write(&pit, PIT_CONTROL, 0x00, ticks(0x30));
	pit_write(&pit, PIT_CONTROL, 0x00, ticks(0x900)); /* ignored: latched already */
	assert_int_equal(read_word(&pit, 0, ticks(0x1000)), 0x1204);
	assert_int_equal(read_word(&pit, 0, ticks(0x200)), 0x1034);
}

static void test_read_back(void **state)
{
	(void)state;
	struct pit pit = fresh();

	pit_write(&pit, PIT_CONTROL, 0xb6, 0);
	pit_write(&pit, 2, 100, 0);
	pit_write(&pit, 2, 0, 0);
	pit_write(&pit, PIT_CONTROL, 0xc8, ticks(20)); /* status and count of 2 */
	assert_int_equal(pit_read(&pit, 2, 0), 0xb6);  /* OUT, word, mode 3 */
	assert_int_equal(read_word(&pit, 2, 0), 60);
	pit_write(&pit, PIT_CONTROL, 0x34, 0);
	pit_write(&pit, PIT_CONTROL, 0xe2, 0);
	assert_int_equal(pit_read(&pit, 0, 0) & 0x7f, 0x74); /* null count */
}

/* How Linux and others calibrate: counter 2, mode 0, OUT on port 0x61. */
static void test_calibration(void **state)
{
	(void)state;
	struct pit pit = fresh();

	pit_speaker_write(&pit, 1, 0);
	pit_write(&pit, PIT_CONTROL, 0xb0, 0);
	pit_write(&pit, 2, 0x00, 0);
	pit_write(&pit, 2, 0x10, 0);
	assert_int_equal(pit_speaker_read(&pit, ticks(0xfff)) & 0x23, 0x01);
	assert_int_equal(pit_speaker_read(&pit, ticks(0x1000)) & 0x23, 0x21);
	/* It goes on counting below zero. */
	assert_int_equal(read_word(&pit, 2, ticks(0x1001)), 0xffff);
	pit_speaker_write(&pit, 2, 0);
	assert_int_equal(pit_speaker_read(&pit, 0) & 3, 2);
}

static void test_gate_restarts(void **state)
{
	(void)state;
	struct pit pit = fresh();

	pit_write(&pit, PIT_CONTROL, 0xb2, 0); /* mode 1 */
	pit_write(&pit, 2, 0x10, 0);
	pit_write(&pit, 2, 0x00, 0);
	assert_false(pit_speaker_read(&pit, ticks(0x10)) & 0x20);
	pit_speaker_write(&pit, 1, ticks(0x20));
	assert_true(pit_speaker_read(&pit, ticks(0x21)) & 0x20);
	assert_false(pit_speaker_read(&pit, ticks(0x31)) & 0x20);
}

static void test_hostile_state(void **state)
{
	(void)state;
	struct kvm_pit_channel_state bad[3];
	struct pit pit = fresh();
	u32 n, fill;
	bool periodic;

	for (fill = 0; fill < 256; fill += 255) {
		memset(bad, fill, sizeof(bad));
		pit_set_state(&pit, bad, 5 * MS);
		for (n = 0; n < 3; n++)
			assert_in_range(pit.channel[n].count, 1, 0x10000);
		pit_timer(&pit, &periodic);
		for (n = 0; n < 2000; n++) {
			pit_read(&pit, n & 3, n * MS);
			pit_write(&pit, n & 3, n * 41, n * MS);
			pit_speaker_read(&pit, n * MS);
			pit_speaker_write(&pit, n, n * MS);
		}
	}
	/* Time at its end. */
	pit_read(&pit, 0, INT64_MAX);
	pit_read(&pit, 0, INT64_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_timer_before_count),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_latch),
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_calibration),
		cmocka_unit_test(test_gate_restarts),
		cmocka_unit_test(test_hostile_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
