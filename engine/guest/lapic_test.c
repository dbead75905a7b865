/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "guest/lapic.h"
#include "guest/lapic_timer.h"

#define X2APIC_BASE (LAPIC_BASE_DEFAULT | LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)

static struct lapic l;
static struct lapic_actions act;

static int setup(void **state)
{
	(void)state;
	lapic_reset(&l, 5, false);
	lapic_set_features(&l, 40, true, true);
	lapic_write(&l, LAPIC_SVR, 0x1ff, 0, &act);
	return 0;
}

static void enter_x2apic(void)
{
	assert_int_equal(lapic_base_write(&l, X2APIC_BASE, false), 0);
}

static void reset_state(void **state)
{
	(void)state;
	lapic_reset(&l, 0, true);
	assert_true(lapic_base(&l) == 0xfee00900);
	assert_true(lapic_page(&l) == 0xfee00000);
	assert_int_equal(lapic_read(&l, LAPIC_VERSION, 0), 0x50014);
	assert_int_equal(lapic_read(&l, LAPIC_SVR, 0), 0xff);
	assert_int_equal(lapic_read(&l, LAPIC_DFR, 0), 0xffffffff);
	assert_int_equal(lapic_read(&l, LAPIC_LVT_TIMER, 0), 0x10000);
	assert_true(lapic_takes_extint(&l));
	assert_false(lapic_takes_nmi(&l));
	assert_int_equal(lapic_pending(&l), -1);

	lapic_reset(&l, 7, false);
	assert_true(lapic_base(&l) == 0xfee00800);
	assert_int_equal(lapic_read(&l, LAPIC_ID, 0), 7u << 24);
	assert_false(lapic_takes_extint(&l));
}

static void priorities(void **state)
{
	(void)state;
	assert_true(lapic_post(&l, 0x41, false));
	assert_false(lapic_post(&l, 0x41, false));
	assert_true(lapic_post(&l, 0x4f, false));
	assert_true(lapic_post(&l, 0x83, false));
	assert_int_equal(lapic_pending(&l), 0x83);
	lapic_accept(&l, 0x83);
	assert_int_equal(lapic_read(&l, LAPIC_PPR, 0), 0x80);
	assert_int_equal(lapic_pending(&l), -1);
	assert_int_equal(lapic_highest_irr(&l), 0x4f);

	lapic_post(&l, 0x8f, false); /* the same class does not interrupt */
	assert_int_equal(lapic_pending(&l), -1);
	lapic_post(&l, 0x90, false);
	assert_int_equal(lapic_pending(&l), 0x90);
	lapic_accept(&l, 0x90);

	lapic_eoi(&l, &act);
	assert_int_equal(lapic_read(&l, LAPIC_PPR, 0), 0x80);
	lapic_eoi(&l, &act);
	assert_int_equal(act.what, LAPIC_DO_CHECK);
	assert_int_equal(lapic_pending(&l), 0x8f);

	lapic_cr8_set(&l, 8);
	assert_int_equal(lapic_cr8_get(&l), 8);
	assert_int_equal(lapic_pending(&l), -1);
	lapic_write(&l, LAPIC_TPR, 0x7f, 0, &act);
	assert_int_equal(act.what, LAPIC_DO_CHECK);
	assert_int_equal(lapic_read(&l, LAPIC_PPR, 0), 0x7f);
	assert_int_equal(lapic_cr8_get(&l), 7);
	assert_int_equal(lapic_pending(&l), 0x8f);

	lapic_base_write(&l, LAPIC_BASE_DEFAULT, false);
	assert_int_equal(lapic_pending(&l), -1);
}

static void eoi(void **state)
{
	(void)state;
	lapic_eoi(&l, &act); /* nothing in service */
	assert_int_equal(act.what, 0);
	for (u32 v = 16; v < 256; v++) {
		bool level = v & 1;

		lapic_post(&l, v, level);
		assert_int_equal(lapic_pending(&l), v);
		lapic_accept(&l, v);
		lapic_write(&l, LAPIC_EOI, 0, 0, &act);
		assert_int_equal(act.what, level ? LAPIC_DO_CHECK | LAPIC_DO_EOI : LAPIC_DO_CHECK);
		if (level)
			assert_int_equal(act.eoi_vector, v);
		lapic_post(&l, v, !level); /* TMR follows the last trigger mode */
		lapic_accept(&l, v);
		lapic_eoi(&l, &act);
		assert_int_equal(!!(act.what & LAPIC_DO_EOI), !level);
	}
}

static void local_table(void **state)
{
	static const struct {
		u32 lvt, written, read;
	} cases[] = {
		{LAPIC_LVT_TIMER, 0xffffffff, 0x100ff}, /* both mode bits: one-shot */
		{LAPIC_LVT_TIMER, 0x40030, 0x40030},	{LAPIC_LVT_THERMAL, 0xffffffff, 0x107ff},
		{LAPIC_LVT_PMC, 0xffffffff, 0x107ff},	{LAPIC_LVT_LINT0, 0xffffffff, 0x1a7ff},
		{LAPIC_LVT_LINT1, 0xfffeffff, 0xa7ff},	{LAPIC_LVT_ERROR, 0xffffffff, 0x100ff},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		lapic_write(&l, cases[i].lvt, cases[i].written, 0, &act);
		assert_int_equal(lapic_read(&l, cases[i].lvt, 0), cases[i].read);
	}
	lapic_write(&l, LAPIC_LVT_LINT0, 0x700, 0, &act);
	assert_int_equal(act.what, LAPIC_DO_CHECK);
	lapic_write(&l, LAPIC_LVT_LINT1, 0x400, 0, &act);
	assert_true(lapic_takes_extint(&l));
	assert_true(lapic_takes_nmi(&l));

	lapic_write(&l, LAPIC_SVR, 0xff, 0, &act); /* software disable masks all, and keeps them masked */
	for (u32 lvt = LAPIC_LVT_TIMER; lvt <= LAPIC_LVT_ERROR; lvt += 0x10) {
		assert_true(lapic_read(&l, lvt, 0) & LAPIC_LVT_MASKED);
		lapic_write(&l, lvt, 0x30, 0, &act);
		assert_true(lapic_read(&l, lvt, 0) & LAPIC_LVT_MASKED);
	}
	assert_false(lapic_takes_extint(&l));
	assert_false(lapic_takes_nmi(&l));
	lapic_base_write(&l, LAPIC_BASE_DEFAULT, false);
	assert_true(lapic_takes_extint(&l));
	assert_true(lapic_takes_nmi(&l));
}

static void read_only_registers(void **state)
{
	static const u32 offsets[] = {LAPIC_ID,	 LAPIC_VERSION, LAPIC_APR, LAPIC_PPR,	LAPIC_RRR, LAPIC_ISR,
				      LAPIC_TMR, LAPIC_IRR,	0x2f0,	   LAPIC_TMCCT, 0x3f0,	   0,
				      0x10,	 0x400,		0xff0,	   0x84,	0xfff};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(offsets); i++) {
		u32 before = lapic_read(&l, offsets[i], 0);

		lapic_write(&l, offsets[i], ~before, 0, &act);
		assert_int_equal(lapic_read(&l, offsets[i], 0), before);
		assert_int_equal(act.what, 0);
	}
}

static void errors(void **state)
{
	(void)state;
	lapic_write(&l, LAPIC_LVT_ERROR, 0xfe, 0, &act);
	lapic_write(&l, LAPIC_ICR, 0x0f, 0, &act); /* vector 15 */
	assert_int_equal(act.what, LAPIC_DO_CHECK);
	assert_int_equal(lapic_pending(&l), 0xfe);
	assert_int_equal(lapic_read(&l, LAPIC_ESR, 0), 0);
	lapic_write(&l, LAPIC_ESR, 0, 0, &act);
	assert_int_equal(lapic_read(&l, LAPIC_ESR, 0), 0x20);
	lapic_write(&l, LAPIC_ESR, 0, 0, &act);
	assert_int_equal(lapic_read(&l, LAPIC_ESR, 0), 0);
	lapic_write(&l, LAPIC_LVT_ERROR, 0x05, 0, &act); /* an illegal vector there does not recurse */
	lapic_write(&l, LAPIC_ICR, 0x00, 0, &act);
	lapic_write(&l, LAPIC_ESR, 0, 0, &act);
	assert_int_equal(lapic_read(&l, LAPIC_ESR, 0), 0x60);
}

static void icr(void **state)
{
	(void)state;
	lapic_write(&l, LAPIC_ICR2, 0x03ffffff, 0, &act);
	assert_int_equal(act.what, 0);
	assert_int_equal(lapic_read(&l, LAPIC_ICR2, 0), 0x03000000);
	lapic_write(&l, LAPIC_ICR, 0xfff0d9a5 | BIT(12), 0, &act);
	assert_int_equal(lapic_read(&l, LAPIC_ICR, 0), 0xfff0c9a5); /* only the busy bit is not kept */
	assert_int_equal(act.what, LAPIC_DO_IPI);
	assert_int_equal(act.msg.dest, 3);
	assert_int_equal(act.msg.vector, 0xa5);
	assert_int_equal(act.msg.mode, LAPIC_LOWEST);
	assert_int_equal(act.msg.shorthand, LAPIC_TO_DEST);
	assert_true(act.msg.logical && act.msg.level && act.msg.lowest && !act.msg.deassert &&
		    !act.msg.x2apic);

	lapic_write(&l, LAPIC_ICR2, 0xff000000, 0, &act);
	lapic_write(&l, LAPIC_ICR, 0xc8500, 0, &act); /* INIT level deassert, all but self */
	assert_int_equal(act.msg.dest, LAPIC_BROADCAST);
	assert_int_equal(act.msg.shorthand, LAPIC_TO_OTHERS);
	assert_true(act.msg.deassert);
}

static void base_transitions(void **state)
{
	const u64 off = LAPIC_BASE_DEFAULT, x1 = off | LAPIC_BASE_ENABLE, x2 = X2APIC_BASE;
	const u64 bad = off | LAPIC_BASE_X2APIC;
	const struct {
		u64 from, to;
		bool guest, host;
	} cases[] = {
		{off, off, true, true},
		{off, x1, true, true},
		{off, x2, false, true},
		{off, bad, false, false},
		{x1, off, true, true},
		{x1, x1, true, true},
		{x1, x2, true, true},
		{x1, bad, false, false},
		{x2, off, true, true},
		{x2, x1, false, true},
		{x2, x2, true, true},
		{x2, bad, false, false},
		{x1, x1 | 1, false, false},
		{x1, x1 | BIT(9), false, false},
		{x1, x1 | BIT(40), false, false},
		{x1, x1 | BIT(39), true, true},
		{x1, x1 | BIT(63), false, false},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		for (u32 host = 0; host < 2; host++) {
			bool ok = host ? cases[i].host : cases[i].guest;

			assert_int_equal(lapic_base_write(&l, x1, true), 0);
			assert_int_equal(lapic_base_write(&l, cases[i].from, true), 0);
			assert_int_equal(lapic_base_write(&l, cases[i].to, host), ok ? 0 : -NXT_EINVAL);
			assert_true(lapic_base(&l) == (ok ? cases[i].to : cases[i].from));
		}
	}
	lapic_base_write(&l, x1, true);
	lapic_set_features(&l, 64, false, false);
	assert_int_equal(lapic_base_write(&l, x2, false), -NXT_EINVAL);
}

static void registers_follow_mode(void **state)
{
	u64 value;

	(void)state;
	lapic_reset(&l, 37, false);
	lapic_set_features(&l, 40, true, true);
	lapic_write(&l, LAPIC_LDR, 0x42ffffff, 0, &act);
	assert_int_equal(lapic_read(&l, LAPIC_LDR, 0), 0x42000000);
	assert_int_equal(lapic_read(&l, LAPIC_ID, 0), 37u << 24);
	enter_x2apic();
	assert_int_equal(lapic_msr_read(&l, 0x802, 0, &value), 0);
	assert_true(value == 37);
	assert_int_equal(lapic_msr_read(&l, 0x80d, 0, &value), 0);
	assert_true(value == (2u << 16 | 1u << 5));
	assert_int_equal(lapic_msr_write(&l, 0x830, 0x1200034ull << 32 | 0x40, 0, &act), 0);
	lapic_base_write(&l, LAPIC_BASE_DEFAULT, false);
	lapic_base_write(&l, LAPIC_BASE_DEFAULT | LAPIC_BASE_ENABLE, false);
	assert_int_equal(lapic_read(&l, LAPIC_ID, 0), 37u << 24);
	assert_int_equal(lapic_read(&l, LAPIC_ICR2, 0), 0x01000000);
}

static void x2apic_registers(void **state)
{
	static const u8 readable[] = {0x02, 0x03, 0x08, 0x0a, 0x0d, 0x0f, 0x28, 0x30, 0x32,
				      0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3e};
	static const u8 writable[] = {0x08, 0x0b, 0x0f, 0x28, 0x30, 0x32, 0x33,
				      0x34, 0x35, 0x36, 0x37, 0x38, 0x3e, 0x3f};
	u64 value;

	(void)state;
	assert_int_equal(lapic_msr_read(&l, 0x802, 0, &value), -NXT_EINVAL); /* xAPIC mode */
	assert_int_equal(lapic_msr_write(&l, 0x80b, 0, 0, &act), -NXT_EINVAL);
	enter_x2apic();
	for (u32 n = 0; n < 0x100; n++) {
		bool r = n >= 0x10 && n < 0x28, w = false;

		for (u32 i = 0; i < sizeof(readable); i++)
			r |= readable[i] == n;
		for (u32 i = 0; i < sizeof(writable); i++)
			w |= writable[i] == n;
		assert_int_equal(lapic_msr_read(&l, 0x800 + n, 0, &value), r ? 0 : -NXT_EINVAL);
		assert_int_equal(lapic_msr_write(&l, 0x800 + n, 0, 0, &act), w ? 0 : -NXT_EINVAL);
		if (n != 0x30)
			assert_int_equal(lapic_msr_write(&l, 0x800 + n, BIT(32), 0, &act), -NXT_EINVAL);
	}
	assert_int_equal(lapic_msr_write(&l, 0x80b, 1, 0, &act), -NXT_EINVAL);
	assert_int_equal(lapic_msr_write(&l, 0x828, 1, 0, &act), -NXT_EINVAL);
	assert_int_equal(lapic_msr_write(&l, 0x83f, 0x100, 0, &act), -NXT_EINVAL);

	for (u32 bit = 0; bit < 64; bit++) {
		bool reserved = bit == 13 || bit == 16 || bit == 17 || (bit >= 20 && bit < 32);

		assert_int_equal(lapic_msr_write(&l, 0x830, 0x40 | BIT(bit), 0, &act),
				 reserved ? -NXT_EINVAL : 0);
	}
	assert_int_equal(lapic_msr_write(&l, 0x830, 0x1234567800001050, 0, &act), 0);
	assert_int_equal(act.what, LAPIC_DO_IPI);
	assert_int_equal(act.msg.dest, 0x12345678);
	assert_true(act.msg.x2apic);
	lapic_msr_read(&l, 0x830, 0, &value);
	assert_true(value == 0x1234567800000050);

	assert_int_equal(lapic_msr_write(&l, 0x83f, 0x77, 0, &act), 0);
	assert_int_equal(act.what, LAPIC_DO_IPI);
	assert_int_equal(act.msg.shorthand, LAPIC_TO_SELF);
	assert_int_equal(act.msg.vector, 0x77);
	lapic_msr_read(&l, 0x830, 0, &value);
	assert_true(value == 0x1234567800000050); /* SELF IPI leaves the ICR alone */
	assert_int_equal(lapic_msr_write(&l, 0x830, 0xffULL << 32 | 0x50, 0, &act), 0);
	assert_int_equal(act.msg.dest, 0xff); /* no broadcast in x2APIC mode */
}

static void events(void **state)
{
	(void)state;
	lapic_post_nmi(&l);
	assert_int_equal(lapic_events(&l), LAPIC_EVENT_NMI);
	assert_int_equal(lapic_take_events(&l, LAPIC_EVENT_INIT), 0);
	assert_int_equal(lapic_take_events(&l, ~0u), LAPIC_EVENT_NMI);
	assert_int_equal(lapic_events(&l), 0);
}

static void init_signal(void **state)
{
	(void)state;
	enter_x2apic();
	lapic_post(&l, 0x50, true);
	lapic_post_nmi(&l);
	lapic_cr8_set(&l, 3);
	lapic_timer_start(&l, 1000, 0);
	lapic_init_signal(&l);
	assert_true(lapic_base(&l) == X2APIC_BASE);
	assert_int_equal(lapic_read(&l, LAPIC_ID, 0), 5);
	assert_int_equal(lapic_read(&l, LAPIC_LDR, 0), 1u << 5);
	assert_int_equal(lapic_highest_irr(&l), -1);
	assert_int_equal(lapic_cr8_get(&l), 0);
	assert_int_equal(lapic_events(&l), 0);
	assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 0), 0);
}

static void state_round_trip(void **state)
{
	u32 page[LAPIC_PAGE_SIZE / 4], again[LAPIC_PAGE_SIZE / 4];

	(void)state;
	for (u32 x2apic = 0; x2apic < 2; x2apic++) {
		setup(NULL);
		if (x2apic)
			enter_x2apic();
		lapic_post(&l, 0x31, true);
		lapic_post(&l, 0xee, false);
		lapic_accept(&l, 0xee);
		lapic_write(&l, LAPIC_ICR2, 0x07000000, 0, &act);
		lapic_write(&l, LAPIC_LVT_LINT0, 0x8700, 0, &act);
		lapic_write(&l, LAPIC_LVT_TIMER, 0x20040, 0, &act);
		lapic_write(&l, LAPIC_TDCR, 0xb, 0, &act);
		lapic_write(&l, LAPIC_TMICT, 1000000, 0, &act);
		lapic_get_state(&l, 400000, page);
		assert_int_equal(page[LAPIC_ID / 4], 5u << 24);
		assert_int_equal(page[LAPIC_TMCCT / 4], 600000);

		lapic_reset(&l, 5, false);
		lapic_set_features(&l, 40, true, true);
		if (x2apic)
			enter_x2apic();
		lapic_set_state(&l, 77, page);
		lapic_get_state(&l, 77, again);
		assert_memory_equal(page, again, sizeof(page));
		assert_int_equal(lapic_read(&l, LAPIC_PPR, 0), 0xe0);
		assert_int_equal(lapic_read(&l, LAPIC_TMCCT, 100077), 500000);
	}
}

/* KVM's xapic_state_test hands values to its guest in IRR words, vectors below 16 included. */
static void state_keeps_low_vectors(void **state)
{
	u32 page[LAPIC_PAGE_SIZE / 4];

	(void)state;
	lapic_get_state(&l, 0, page);
	page[LAPIC_IRR / 4] = 0xa5a5a5a5;
	lapic_set_state(&l, 0, page);
	assert_int_equal(lapic_read(&l, LAPIC_IRR, 0), 0xa5a5a5a5);
	assert_int_equal(lapic_pending(&l), 31);
	page[LAPIC_IRR / 4] = 0xffff;
	lapic_set_state(&l, 0, page);
	assert_int_equal(lapic_pending(&l), -1);
}

/* Firmware's reset state has LINT0 open with the local APIC disabled by software: the PIC must get through.
 */
static void state_keeps_lint0(void **state)
{
	u32 page[LAPIC_PAGE_SIZE / 4] = {0};

	(void)state;
	page[LAPIC_SVR / 4] = 0xff;
	page[LAPIC_LVT_LINT0 / 4] = 0x700;
	lapic_set_state(&l, 0, page);
	assert_true(lapic_takes_extint(&l));
}

static void hostile_state(void **state)
{
	u32 page[LAPIC_PAGE_SIZE / 4];

	(void)state;
	memset(page, 0xff, sizeof(page));
	lapic_set_state(&l, ~0ull, page);
	assert_int_equal(lapic_read(&l, LAPIC_ID, 0), 5u << 24);
	assert_int_equal(lapic_read(&l, LAPIC_VERSION, 0), 0x50014);
	assert_int_equal(lapic_read(&l, LAPIC_TPR, 0), 0xff);
	assert_int_equal(lapic_read(&l, LAPIC_PPR, 0), 0xff);
	assert_int_equal(lapic_read(&l, LAPIC_SVR, 0), 0x3ff);
	assert_int_equal(lapic_read(&l, LAPIC_LDR, 0), 0xff000000);
	assert_int_equal(lapic_read(&l, LAPIC_LVT_TIMER, 0), 0x100ff);
	assert_int_equal(lapic_read(&l, LAPIC_TDCR, 0), 0xb);
	assert_int_equal(lapic_read(&l, LAPIC_EOI, 0), 0);
	assert_int_equal(lapic_pending(&l), -1);
	for (u32 v = 256; v-- > 0;) {
		lapic_eoi(&l, &act);
		assert_int_equal(act.eoi_vector, v);
	}
	lapic_eoi(&l, &act);
	assert_int_equal(act.what, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reset_state, setup),
		cmocka_unit_test_setup(priorities, setup),
		cmocka_unit_test_setup(eoi, setup),
		cmocka_unit_test_setup(local_table, setup),
		cmocka_unit_test_setup(read_only_registers, setup),
		cmocka_unit_test_setup(errors, setup),
		cmocka_unit_test_setup(icr, setup),
		cmocka_unit_test_setup(base_transitions, setup),
		cmocka_unit_test_setup(registers_follow_mode, setup),
		cmocka_unit_test_setup(x2apic_registers, setup),
		cmocka_unit_test_setup(events, setup),
		cmocka_unit_test_setup(init_signal, setup),
		cmocka_unit_test_setup(state_round_trip, setup),
		cmocka_unit_test_setup(state_keeps_low_vectors, setup),
		cmocka_unit_test_setup(state_keeps_lint0, setup),
		cmocka_unit_test_setup(hostile_state, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
