/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whatever the control domain writes to its ICR: no INIT and no SIPI reaches the wire, and the rest does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cd/cd.h"
#include "cpu/apic.h"
#include "cpu/kick.h"

#define SELF 0
#define INIT (ICR_MODE_INIT << ICR_MODE_SHIFT | ICR_ASSERT)
#define SIPI (ICR_MODE_STARTUP << ICR_MODE_SHIFT | ICR_ASSERT)
#define SHORTHAND(n) ((u32)(n) << ICR_SHORTHAND_SHIFT)
#define TO_SELF SHORTHAND(1)
#define TO_ALL SHORTHAND(2)
#define TO_OTHERS SHORTHAND(3)

/* APIC IDs that are not the indices. The last CPU did not start. */
static struct cpu four[] = {
	{.index = 0, .apic_id = 4, .online = 1},
	{.index = 1, .apic_id = 6, .online = 1},
	{.index = 2, .apic_id = 0xff, .online = 1},
	{.index = 3, .apic_id = 9},
};
struct cpu *cpus[CPUS_MAX] = {&four[0], &four[1], &four[2], &four[3]};
u32 cpu_count = 4;

static u32 passed, passed_dest, passed_low, kicked; /* kicked: bit n: CPU n */
static bool passed_x2;

void apic_pass_on(u32 dest, u32 low, bool x2apic)
{
	passed++;
	passed_dest = dest;
	passed_low = low;
	passed_x2 = x2apic;
}

void kick(struct cpu *cpu)
{
	/* It must find what it is to look at. */
	assert_true(cpu->init_pending || cpu->sipi);
	kicked |= 1u << cpu->index;
}

static void send(u32 dest, u32 low, bool x2apic)
{
	for (u32 i = 0; i < cpu_count; i++)
		four[i].init_pending = four[i].sipi = 0;
	passed = kicked = 0;
	cd_send_ipi(&four[SELF], dest, low, x2apic);
}

/* Bit n: CPU n has got INIT. */
static u32 inits(void)
{
	u32 mask = 0;

	for (u32 i = 0; i < cpu_count; i++)
		mask |= (u32)(four[i].init_pending != 0) << i;
	return mask;
}

static u32 sipis(u8 vector)
{
	u32 mask = 0;

	for (u32 i = 0; i < cpu_count; i++) {
		assert_true(!four[i].sipi || four[i].sipi == (0x100u | vector));
		mask |= (u32)(four[i].sipi != 0) << i;
	}
	return mask;
}

static void expect_init(u32 dest, u32 low, bool x2apic, u32 mask)
{
	send(dest, low, x2apic);
	assert_int_equal(passed, 0);
	assert_int_equal(inits(), mask);
	assert_int_equal(sipis(0), 0);
	assert_int_equal(kicked, mask & ~(1u << SELF));
}

static void test_init_goes_to_one(void **state)
{
	(void)state;
	expect_init(6, INIT, false, 2);
	expect_init(6, INIT, true, 2);
	expect_init(4, INIT, true, 1);
	expect_init(1, INIT, true, 0); /* an index is no ID */
	expect_init(9, INIT, true, 0); /* it never started */
	expect_init(0x106, INIT, true, 0);
}

/* All ones is everybody: eight of them in xAPIC mode, 32 in x2APIC mode, where 0xff is an ID. */
static void test_init_goes_to_all(void **state)
{
	(void)state;
	expect_init(0xff, INIT, false, 7);
	expect_init(0xff, INIT, true, 4);
	expect_init(0xffffffff, INIT, true, 7);
	expect_init(6, INIT | TO_SELF, true, 1);
	expect_init(6, INIT | TO_ALL, true, 7);
	expect_init(6, INIT | TO_OTHERS, false, 6);
}

static void test_nothing_to_do(void **state)
{
	(void)state;
	/* INIT level de-assert. */
	expect_init(6, (INIT & ~(u32)ICR_ASSERT) | (u32)ICR_LEVEL, false, 0);
	/* A logical destination is no ID, but for everybody's. */
	expect_init(6, INIT | (u32)ICR_LOGICAL, false, 0);
	expect_init(0xff, INIT | (u32)ICR_LOGICAL, false, 7);
}

static void test_sipi(void **state)
{
	(void)state;
	for (u32 vector = 0; vector < 0x100; vector++) {
		send(6, SIPI | vector, true);
		assert_int_equal(sipis((u8)vector), 2); /* vector 0 is one too */
		assert_int_equal(kicked, 2);
		assert_int_equal(inits() | passed, 0);
	}
	/* It has no level. */
	send(6, (SIPI & ~(u32)ICR_ASSERT) | 0x9a, false);
	assert_int_equal(sipis(0x9a), 2);
	send(0, SIPI | TO_OTHERS | 0x9a, false);
	assert_int_equal(sipis(0x9a), 6);
}

/* Every command of 20 bits, to some destinations, in both modes. */
static void test_every_command(void **state)
{
	static const u32 dests[] = {0, 4, 6, 9, 0xff, 0x06000000, 0xffffffff};

	(void)state;
	for (u32 low = 0; low < 1u << 20; low++) {
		u32 mode = low >> ICR_MODE_SHIFT & ICR_MODE_MASK;
		u32 dest = dests[low % ARRAY_SIZE(dests)];
		bool x2apic = low / 7 & 1;
		u32 command = low | (low & 1 ? 0xfff00000 : 0); /* bits that are reserved */

		send(dest, command, x2apic);
		if (mode == ICR_MODE_INIT || mode == ICR_MODE_STARTUP) {
			assert_int_equal(passed, 0);
			assert_int_equal(mode == ICR_MODE_INIT ? sipis(0) : inits(), 0);
		} else {
			assert_int_equal(passed, 1);
			assert_int_equal(passed_dest, dest);
			assert_int_equal(passed_low, command);
			assert_int_equal(passed_x2, x2apic);
			assert_int_equal(inits() | sipis(0) | kicked, 0);
		}
		assert_int_equal(four[3].init_pending | four[3].sipi, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_goes_to_one), cmocka_unit_test(test_init_goes_to_all),
		cmocka_unit_test(test_nothing_to_do),	 cmocka_unit_test(test_sipi),
		cmocka_unit_test(test_every_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
