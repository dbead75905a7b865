/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "guest/lapic.h"
#include "guest/lapic_timer.h"

#define KHZ 3000000u /* three TSC ticks in a nanosecond */
#define VECTOR 0x40u
#define ONE_SHOT VECTOR
#define PERIODIC (VECTOR | BIT(17))
#define DEADLINE (VECTOR | BIT(18))
#define DIVIDE_BY_1 0xbu

static struct lapic l;
static struct lapic_actions act;

static int setup(void **state)
{
	(void)state;
	lapic_reset(&l, 0, true);
	lapic_set_features(&l, 40, true, true);
	assert_int_equal(lapic_timer_set_khz(&l, KHZ, 0), 0);
	lapic_write(&l, LAPIC_SVR, 0x1ff, 0, &act);
	lapic_write(&l, LAPIC_TDCR, DIVIDE_BY_1, 0, &act);
	return 0;
}

static void put(u32 offset, u32 value, u64 now)
{
	lapic_write(&l, offset, value, now, &act);
	assert_true(act.what & LAPIC_DO_TIMER);
}

/* Takes the timer's interrupt off if it is there. */
static bool fired(void)
{
	if (lapic_pending(&l) != (int)VECTOR)
		return false;
	lapic_accept(&l, VECTOR);
	lapic_eoi(&l, &act);
	return true;
}

static u64 deadline(void)
{
	u64 tsc;

	assert_true(lapic_timer_deadline(&l, &tsc));
	return tsc;
}

static bool armed(void)
{
	u64 tsc;

	return lapic_timer_deadline(&l, &tsc);
}

static void one_shot(void **state)
{
	(void)state;
	put(LAPIC_LVT_TIMER, ONE_SHOT, 0);
	put(LAPIC_TMICT, 1000, 100);
	assert_true(deadline() == 3100);
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 100), 1000);
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 1600), 500);
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 3099), 1); /* not 0 before it fires */
	assert_false(lapic_timer_poll(&l, 3099));
	assert_true(lapic_timer_poll(&l, 3100));
	assert_true(fired());
	assert_false(lapic_timer_poll(&l, 1000000));
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 4000), 0);
	assert_int_equal(lapic_read(&l, LAPIC_TMICT, 4000), 1000);
	assert_false(armed());

	put(LAPIC_TMICT, 1000, 5000);
	put(LAPIC_TMICT, 0, 5000); /* stops it */
	assert_false(armed());
	assert_false(lapic_timer_poll(&l, 100000));
}

static void dividers(void **state)
{
	static const u32 by[] = {
		[0x0] = 2, [0x1] = 4, [0x2] = 8, [0x3] = 16, [0x8] = 32, [0x9] = 64, [0xa] = 128, [0xb] = 1};

	(void)state;
	put(LAPIC_LVT_TIMER, ONE_SHOT, 0);
	for (u32 tdcr = 0; tdcr < ARRAY_SIZE(by); tdcr++) {
		if (!by[tdcr])
			continue;
		put(LAPIC_TDCR, tdcr | 0xfffffff4, 0);
		assert_int_equal(lapic_read(&l, LAPIC_TDCR, 0), tdcr);
		put(LAPIC_TMICT, 0xffffffff, 7);
		assert_true(deadline() == 7 + 3ull * 0xffffffff * by[tdcr]);
		assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 7), 0xffffffff);
	}
	/* A change on the way keeps the count and changes the speed. */
	put(LAPIC_TDCR, DIVIDE_BY_1, 0);
	put(LAPIC_TMICT, 1000, 0);
	put(LAPIC_TDCR, 0, 1500);
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 1500), 500);
	assert_true(deadline() == 1500 + 500 * 2 * 3);
}

static void slow_bus(void **state)
{
	(void)state;
	assert_int_equal(lapic_timer_set_bus(&l, 0), -NXT_EINVAL);
	assert_int_equal(lapic_timer_set_bus(&l, NXT_APIC_BUS_NS_MAX + 1), -NXT_EINVAL);
	assert_int_equal(lapic_timer_set_bus(&l, 40), 0); /* 25 MHz */
	put(LAPIC_LVT_TIMER, ONE_SHOT, 0);
	put(LAPIC_TMICT, 1000, 100);
	assert_true(deadline() == 100 + 1000 * 40 * 3);
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 100 + 999 * 40 * 3), 1);
	put(LAPIC_TDCR, 0, 100 + 500 * 40 * 3);
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 100 + 500 * 40 * 3), 500);
	assert_true(deadline() == 100 + 1500 * 40 * 3);

	/* The longest there is. */
	assert_int_equal(lapic_timer_set_khz(&l, UINT32_MAX, 0), 0);
	assert_int_equal(lapic_timer_set_bus(&l, NXT_APIC_BUS_NS_MAX), 0);
	put(LAPIC_TDCR, 0xa, 0);
	put(LAPIC_TMICT, 0xffffffff, 0);
	assert_true(deadline() / UINT32_MAX == 0xffffffffull * 128 * NXT_APIC_BUS_NS_MAX / 1000000);
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 0), 0xffffffff);
}

static void periodic(void **state)
{
	const u64 period = 3000000; /* 1 ms */

	(void)state;
	put(LAPIC_LVT_TIMER, PERIODIC, 0);
	put(LAPIC_TMICT, 1000000, 0);
	for (u64 i = 1; i < 1000; i++) {
		u64 late = i * 7919 % period;

		assert_true(deadline() == i * period); /* from the last deadline, however late the poll */
		assert_true(lapic_timer_poll(&l, i * period + late));
		assert_true(fired());
		assert_false(lapic_timer_poll(&l, i * period + late));
	}
}

static void missed_periods(void **state)
{
	const u64 period = 3000000;

	(void)state;
	put(LAPIC_LVT_TIMER, PERIODIC, 0);
	put(LAPIC_TMICT, 1000000, 0);
	assert_true(lapic_timer_poll(&l, 1000 * period + 5)); /* one interrupt, phase kept */
	assert_true(fired());
	assert_true(deadline() == 1001 * period);
	assert_true(lapic_timer_poll(&l, 1ull << 60)); /* too many: starts over */
	assert_true(deadline() == (1ull << 60) + period);
}

/* 2.599999 GHz, 1/3 ms: a period is no whole number of ticks; after 100,000 periods not one is lost. */
static void no_drift(void **state)
{
	const u64 khz = 2599999, count = 333333, n = 100000;
	u64 now = 0;

	(void)state;
	assert_int_equal(lapic_timer_set_khz(&l, khz, 0), 0);
	put(LAPIC_LVT_TIMER, PERIODIC, 0);
	put(LAPIC_TMICT, count, 0);
	for (u64 i = 0; i < n; i++) {
		now = deadline();
		assert_true(lapic_timer_poll(&l, now));
	}
	assert_true(now == (u64)((unsigned __int128)n * count * khz / 1000000));
}

static void short_periods(void **state)
{
	(void)state;
	put(LAPIC_LVT_TIMER, PERIODIC, 0);
	put(LAPIC_TMICT, 1, 0);
	assert_true(deadline() == 600000); /* 200 us */
	assert_true(lapic_read(&l, LAPIC_TMCCT, 0) <= 1);
	put(LAPIC_LVT_TIMER, ONE_SHOT, 0);
	put(LAPIC_TMICT, 1, 0);
	assert_true(deadline() == 3);
	put(LAPIC_LVT_TIMER, PERIODIC, 0); /* goes on, then with the shortest period */
	assert_true(deadline() == 3);
	assert_true(lapic_timer_poll(&l, 3));
	assert_true(deadline() == 600003);
}

static void tsc_deadline(void **state)
{
	(void)state;
	lapic_tsc_deadline_write(&l, 500); /* not in that mode */
	assert_true(lapic_tsc_deadline_read(&l, 0) == 0);
	put(LAPIC_LVT_TIMER, DEADLINE, 0);
	lapic_tsc_deadline_write(&l, 5000);
	assert_true(deadline() == 5000);
	assert_true(lapic_tsc_deadline_read(&l, 4999) == 5000);
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 0), 0);
	put(LAPIC_TMICT, 99, 0); /* ignored */
	assert_int_equal(lapic_read(&l, LAPIC_TMICT, 0), 0);
	assert_true(deadline() == 5000);
	assert_true(lapic_timer_poll(&l, 5000));
	assert_true(fired());
	assert_true(lapic_tsc_deadline_read(&l, 5000) == 0);

	lapic_tsc_deadline_write(&l, 1); /* in the past */
	assert_true(lapic_timer_poll(&l, 5000));
	assert_true(fired());
	lapic_tsc_deadline_write(&l, ~0ull); /* absolute: not "in the past" by wrap-around */
	assert_false(lapic_timer_poll(&l, 1ull << 63));
	lapic_tsc_deadline_write(&l, 0);
	assert_false(armed());

	lapic_tsc_deadline_write(&l, 9000);
	put(LAPIC_LVT_TIMER, ONE_SHOT, 0); /* a change of mode disarms */
	assert_false(armed());
	put(LAPIC_TMICT, 1000, 0);
	put(LAPIC_LVT_TIMER, DEADLINE, 0);
	assert_false(armed());
	assert_int_equal(lapic_read(&l, LAPIC_TMICT, 0), 0);

	lapic_set_features(&l, 40, true, false); /* not offered: the mode bit does not stick */
	put(LAPIC_LVT_TIMER, DEADLINE, 0);
	assert_int_equal(lapic_read(&l, LAPIC_LVT_TIMER, 0), ONE_SHOT);
}

static void masked(void **state)
{
	(void)state;
	put(LAPIC_LVT_TIMER, PERIODIC | LAPIC_LVT_MASKED, 0);
	put(LAPIC_TMICT, 1000000, 0);
	assert_false(armed());
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 3000000 * 5 + 30),
			 1000000 - 10); /* counts all the same */
	assert_false(fired());
	put(LAPIC_LVT_TIMER, PERIODIC, 3000000 * 7 + 1); /* what it missed stays missed */
	assert_false(fired());
	assert_true(deadline() == 3000000 * 8);
	lapic_write(&l, LAPIC_SVR, 0xff, 3000000 * 8, &act);
	assert_true(fired()); /* it was due when the local APIC was disabled */
	assert_false(armed());
	assert_false(lapic_timer_poll(&l, 3000000 * 8));
}

static void wrap_around(void **state)
{
	u64 now = ~0ull - 1000;

	(void)state;
	put(LAPIC_LVT_TIMER, ONE_SHOT, now);
	put(LAPIC_TMICT, 1000, now);
	assert_false(lapic_timer_poll(&l, now + 500)); /* before the wrap, with the deadline after it */
	assert_false(lapic_timer_poll(&l, now + 2000));
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, now + 1500), 500);
	assert_true(lapic_timer_poll(&l, now + 3000));
	assert_true(fired());
}

static void tsc_jumps(void **state)
{
	(void)state;
	put(LAPIC_LVT_TIMER, ONE_SHOT, 0);
	put(LAPIC_TMICT, 1000, 0);
	lapic_timer_tsc_jump(&l, -5000ull);
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 1500 - 5000ull), 500);
	put(LAPIC_LVT_TIMER, DEADLINE, 0);
	lapic_tsc_deadline_write(&l, 7000);
	lapic_timer_tsc_jump(&l, 100);
	assert_true(deadline() == 7000);
}

static void rates(void **state)
{
	static const u64 khz[] = {1000, 999999, 1000000, 1000001, 2400000, 3700123, UINT32_MAX};

	(void)state;
	assert_int_equal(lapic_timer_set_khz(&l, 0, 0), -NXT_EINVAL);
	assert_int_equal(lapic_timer_set_khz(&l, 999, 0), -NXT_EINVAL);
	assert_int_equal(lapic_timer_set_khz(&l, 1ull << 32, 0), -NXT_EINVAL);
	put(LAPIC_LVT_TIMER, ONE_SHOT, 0);
	put(LAPIC_TDCR, 0xa, 0); /* by 128 */
	for (u32 i = 0; i < ARRAY_SIZE(khz); i++) {
		assert_int_equal(lapic_timer_set_khz(&l, khz[i], 0), 0);
		put(LAPIC_TMICT, 0xffffffff, 0);
		assert_true(deadline() == (u64)((unsigned __int128)0xffffffff * 128 * khz[i] / 1000000));
		for (u64 part = 0; part < 16;
		     part++) { /* the count is a straight line within one tick of each clock */
			u64 now = deadline() / 16 * part;
			u64 exact = 0xffffffff - (u64)((unsigned __int128)now * 1000000 / khz[i] / 128);
			u64 slack = 2 + 1000000 / khz[i] / 128;

			assert_in_range(lapic_read(&l, LAPIC_TMCCT, now) + slack, exact, exact + 2 * slack);
		}
	}
	put(LAPIC_TMICT, 1000, 0); /* a change of rate on the way: the same count, the new speed */
	assert_int_equal(lapic_timer_set_khz(&l, 1000000, 0), 0);
	assert_true(deadline() == 128000);
}

static void restored(void **state)
{
	u32 page[LAPIC_PAGE_SIZE / 4];

	(void)state;
	put(LAPIC_LVT_TIMER, ONE_SHOT, 0);
	put(LAPIC_TMICT, 1000, 0);
	lapic_get_state(&l, 10000, page); /* it is due: saved as pending, not to fire again */
	assert_int_equal(page[LAPIC_TMCCT / 4], 0);
	setup(NULL);
	lapic_set_state(&l, 0, page);
	assert_true(fired());
	assert_false(armed());

	page[LAPIC_TMCCT / 4] = 0xffffffff; /* more than the initial count is the initial count */
	lapic_set_state(&l, 0, page);
	assert_true(deadline() == 3000);
	page[LAPIC_LVT_TIMER / 4] = DEADLINE; /* the deadline is an MSR, not in the page */
	lapic_set_state(&l, 0, page);
	assert_false(armed());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_shot, setup),     cmocka_unit_test_setup(dividers, setup),
		cmocka_unit_test_setup(periodic, setup),     cmocka_unit_test_setup(missed_periods, setup),
		cmocka_unit_test_setup(no_drift, setup),     cmocka_unit_test_setup(short_periods, setup),
		cmocka_unit_test_setup(tsc_deadline, setup), cmocka_unit_test_setup(masked, setup),
		cmocka_unit_test_setup(wrap_around, setup),  cmocka_unit_test_setup(tsc_jumps, setup),
		cmocka_unit_test_setup(slow_bus, setup),     cmocka_unit_test_setup(rates, setup),
		cmocka_unit_test_setup(restored, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
