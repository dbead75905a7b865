/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/pvclock.h"

static const u64 frequencies[] = {PVCLOCK_KHZ_MIN, 1193,    999999,  1000000,
				  1000001,	   2400000, 3999999, PVCLOCK_KHZ_MAX};

/* What a guest computes from its page, as KVM's documentation puts it. */
static u64 guests_ns(const struct pvclock_time *t, u64 tsc)
{
	u64 delta = tsc - t->tsc;

	delta = t->shift < 0 ? delta >> -t->shift : delta << t->shift;
	return t->ns + (u64)((unsigned __int128)delta * t->mul >> 32);
}

static struct pvclock_time page_of(const struct pvclock *clock, u64 offset)
{
	return (struct pvclock_time){
		.tsc = clock->tsc + offset, .ns = clock->ns, .mul = clock->mul, .shift = clock->shift};
}

static void test_rate(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(frequencies); i++) {
		u64 khz = frequencies[i];
		struct pvclock clock = pvclock_at(1000, 5, khz);
		u64 hour = khz * 1000 * 3600, ns = pvclock_ns(&clock, 1000 + hour) - 5;

		assert_true(clock.mul >= BIT(31));
		/* In an hour not 2 us wrong: mul has 32 bits. */
		assert_in_range(ns, 3600000000000ull - 2000, 3600000000000ull);
		assert_int_equal(pvclock_ns(&clock, 1000), 5);
	}
}

static void test_as_guests_compute(void **state)
{
	static const u64 deltas[] = {0, 1, 2, 999, 123456789, 0x123456789abcull};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(frequencies); i++) {
		struct pvclock clock = pvclock_at(~0ull - 100, 777, frequencies[i]);
		struct pvclock_time page = page_of(&clock, 0xfff0000000000000ull);

		for (size_t j = 0; j < ARRAY_SIZE(deltas); j++)
			assert_int_equal(pvclock_ns(&clock, clock.tsc + deltas[j]),
					 guests_ns(&page, page.tsc + deltas[j]));
	}
}

static void test_before_its_start(void **state)
{
	struct pvclock clock = pvclock_at(5000, 1000, 1000000);

	(void)state;
	assert_int_equal(pvclock_ns(&clock, 4500), 500);
	assert_int_equal(pvclock_ns(&clock, 3000), -1000ull);
}

/* All bytes of the struct, none outside, at every alignment. */
static void test_write_time(void **state)
{
	struct pvclock_time time = {
		.version = 99, .tsc = 1, .ns = 2, .mul = 3, .shift = -4, .flags = PVCLOCK_TSC_STABLE};
	struct pvclock_time read;
	u8 memory[64];

	(void)state;
	for (u32 offset = 1; offset < 9; offset++) {
		memset(memory, 0, sizeof(memory));
		memory[offset - 1] = memory[offset + 32] = 0x55;
		pvclock_write_time(memory + offset, &time);
		assert_int_equal(memory[offset - 1], 0x55);
		assert_int_equal(memory[offset + 32], 0x55);
		memcpy(&read, memory + offset, sizeof(read));
		assert_int_equal(read.version, 2);
		read.version = time.version;
		assert_memory_equal(&read, &time, sizeof(read));
	}
}

static void test_version(void **state)
{
	static const struct {
		u32 before, after;
	} versions[] = {{0, 2}, {1, 4}, {2, 4}, {3, 6}, {0xfffffffe, 0}, {0xffffffff, 2}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct pvclock_time time = {.version = versions[i].before};
		struct pvclock_wall wall = {.version = versions[i].before};

		pvclock_write_time(&time, &(struct pvclock_time){0});
		pvclock_write_wall(&wall, 0);
		assert_int_equal(time.version, versions[i].after);
		assert_int_equal(wall.version, versions[i].after);
	}
}

static void test_stopped_stays(void **state)
{
	struct pvclock_time time = {.flags = 0xff};

	(void)state;
	pvclock_write_time(&time, &(struct pvclock_time){.flags = PVCLOCK_TSC_STABLE});
	assert_int_equal(time.flags, PVCLOCK_TSC_STABLE | PVCLOCK_GUEST_STOPPED);
	time.flags = 0; /* the guest has seen it */
	pvclock_write_time(&time, &(struct pvclock_time){.flags = PVCLOCK_TSC_STABLE});
	assert_int_equal(time.flags, PVCLOCK_TSC_STABLE);
}

static void test_write_wall(void **state)
{
	struct pvclock_wall wall = {0};

	(void)state;
	pvclock_write_wall(&wall, 1795535961123456789ull);
	assert_int_equal(wall.sec, 1795535961);
	assert_int_equal(wall.nsec, 123456789);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_as_guests_compute),
		cmocka_unit_test(test_before_its_start),
		cmocka_unit_test(test_write_time),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_stopped_stays),
		cmocka_unit_test(test_write_wall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
