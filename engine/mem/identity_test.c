/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control domain's map, for machines of several sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "abi/hypercall.h"
#include "mem/identity.h"
#include "mem/npt.h"
#include "mem/walker.h"

#define POOL 0x3000u /* not 0, to see that addresses are not offsets */
#define RAM_TOP (GIB(5) + MIB(600))
#define APIC 0xfee00000ULL

u8 *test_memory;
static bool ept;

static int start(bool use_ept, u64 ram_top, u32 phys_bits)
{
	u64 pages = identity_tables_needed(ram_top, phys_bits);

	/* No page more than asked for: AddressSanitizer sees any step past it. Dirty, as memory is at boot.
	 */
	ept = use_ept;
	test_memory = malloc(POOL + pages * PAGE_SIZE);
	memset(test_memory, 0xee, POOL + pages * PAGE_SIZE);
	return identity_init(ept ? &npt_format_ept : &npt_format_amd, phys_bits, POOL, pages);
}

static int setup_amd(void **state)
{
	(void)state;
	return start(false, RAM_TOP, WALK_PHYS_BITS);
}

static int setup_ept(void **state)
{
	(void)state;
	return start(true, RAM_TOP, WALK_PHYS_BITS);
}

static int teardown(void **state)
{
	(void)state;
	free(test_memory);
	return 0;
}

static void expect(u64 pa, bool writable, u32 level)
{
	struct nested_walk walk = walk_nested(ept, identity_root(), pa);

	assert_true(walk.present);
	assert_int_equal(walk.pa, pa);
	assert_int_equal(walk.writable, writable);
	assert_int_equal(walk.level, level);
}

static void expect_void(u64 pa)
{
	struct nested_walk walk = walk_nested(ept, identity_root(), pa);

	assert_true(walk.present);
	assert_false(walk.writable);
	assert_int_equal(*(u8 *)phys_to_virt(walk.pa), 0xff);
}

static void test_fresh(void **state)
{
	u64 pa;

	(void)state;
	for (pa = 0; pa < BIT(WALK_PHYS_BITS); pa += PAGE_1G) {
		expect(pa, true, 3);
		expect(pa + PAGE_1G - 1, true, 3);
	}
	assert_false(walk_nested(ept, identity_root(), BIT(WALK_PHYS_BITS)).present);
	assert_false(walk_nested(ept, identity_root(), NPT_LIMIT - 1).present);
}

static void test_hide_and_show(void **state)
{
	u64 pa;

	(void)state;
	assert_int_equal(identity_hide(PAGE_1G - MIB(4), MIB(8)), 0); /* over a 1 GiB boundary */
	for (pa = PAGE_1G - MIB(4); pa < PAGE_1G + MIB(4); pa += PAGE_SIZE)
		expect_void(pa + 0xabc);
	expect(PAGE_1G - MIB(4) - 1, true, 2);
	expect(PAGE_1G + MIB(4), true, 2);
	expect(0, true, 2);
	expect(2 * PAGE_1G, true, 3);

	assert_int_equal(identity_show(PAGE_1G - MIB(2), MIB(2)), 0);
	expect_void(PAGE_1G - MIB(2) - 1);
	expect(PAGE_1G - MIB(2), true, 2);
	expect_void(PAGE_1G);
	assert_int_equal(identity_show(PAGE_1G, MIB(4)), 0);
	assert_int_equal(identity_show(PAGE_1G - MIB(4), MIB(2)), 0);
	for (pa = 0; pa < 2 * PAGE_1G; pa += PAGE_2M)
		expect(pa + 0x12345, true, 2);
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(identity_hide(PAGE_SIZE, PAGE_2M), -NXT_EINVAL);
	assert_int_equal(identity_hide(0, PAGE_SIZE), -NXT_EINVAL);
	assert_int_equal(identity_hide(BIT(WALK_PHYS_BITS), PAGE_2M), -NXT_EINVAL);
	assert_int_equal(identity_hide(PAGE_2M, BIT(WALK_PHYS_BITS)), -NXT_EINVAL);
	assert_int_equal(identity_hide(ALIGN_DOWN(~0ULL, PAGE_2M), 2 * PAGE_2M), -NXT_EINVAL);
	assert_int_equal(identity_show(0, PAGE_2M), -NXT_EINVAL); /* not split */
	assert_int_equal(identity_show(1, PAGE_2M), -NXT_EINVAL);
	assert_int_equal(identity_hide(0, PAGE_2M), 0);
	assert_int_equal(identity_hide(0, PAGE_2M), -NXT_EINVAL);
	assert_int_equal(identity_show(0, 2 * PAGE_2M), -NXT_EINVAL); /* the second is not hidden */
	expect_void(0);
	assert_int_equal(identity_protect_page(0x1000), -NXT_EINVAL); /* hidden */
	assert_int_equal(identity_protect_page(0x1001), -NXT_EINVAL);
	assert_int_equal(identity_protect_page(BIT(WALK_PHYS_BITS)), -NXT_EINVAL);
	assert_int_equal(identity_unprotect_page(0x1000), -NXT_EINVAL);
	assert_int_equal(identity_unprotect_page(~0ULL), -NXT_EINVAL);

	/* All or none: the last piece is hidden already. */
	assert_int_equal(identity_hide(MIB(8), PAGE_2M), 0);
	assert_int_equal(identity_hide(MIB(4), MIB(6)), -NXT_EINVAL);
	expect(MIB(4), true, 2);
}

static void test_protect(void **state)
{
	(void)state;
	assert_int_equal(identity_protect_page(APIC), 0);
	assert_int_equal(identity_protect_page(APIC), 0);
	assert_int_equal(identity_protect_page(APIC + PAGE_SIZE), -NXT_EBUSY);
	expect(APIC, false, 1);
	expect(APIC + 0xfff, false, 1);
	expect(APIC + 0x1000, true, 1);
	expect(APIC + PAGE_2M - 1, true, 1);
	expect(APIC - 1, true, 2);
	expect(APIC + PAGE_2M, true, 2);
	assert_int_equal(identity_hide(APIC, PAGE_2M), -NXT_EINVAL);
	assert_int_equal(identity_show(APIC, PAGE_2M), -NXT_EINVAL);
	assert_int_equal(identity_unprotect_page(APIC + PAGE_SIZE), -NXT_EINVAL);
	assert_int_equal(identity_unprotect_page(APIC), 0);
	assert_int_equal(identity_unprotect_page(APIC), -NXT_EINVAL);
	expect(APIC, true, 2);

	/* Elsewhere, with the same table. */
	assert_int_equal(identity_protect_page(MIB(2) + 0x5000), 0);
	expect(MIB(2) + 0x5000, false, 1);
	expect(MIB(2), true, 1);
	expect(MIB(4) - 1, true, 1);
}

/* The bound holds: all RAM can be hidden, piece by piece, and one page above it protected; but no more. */
static void test_bound(void **state)
{
	static const u32 bits[] = {32, 36, 39, WALK_PHYS_BITS, 48, 52};
	static const u64 tops[] = {MIB(64), GIB(1), GIB(4) - MIB(2), RAM_TOP};
	u32 i, j;
	u64 pa;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		for (j = 0; j < ARRAY_SIZE(tops); j++) {
			u64 top = MIN(tops[j], BIT(bits[i]));

			assert_int_equal(start(j & 1, tops[j], bits[i]), 0);
			assert_int_equal(identity_hide(0, top), 0);
			for (pa = 0; pa < top; pa += PAGE_2M)
				expect_void(pa);
			assert_int_equal(identity_protect_page(MIN(BIT(bits[i]), NPT_LIMIT) - PAGE_SIZE),
					 top == BIT(bits[i]) ? -NXT_EINVAL : 0);
			if (bits[i] >= 39) {
				pa = j < 3 ? GIB(8) : GIB(9);
				assert_int_equal(identity_hide(pa, PAGE_2M), -NXT_ENOMEM);
				expect(pa, true, 3);
			}
			free(test_memory);
		}
	}

	assert_int_equal(start(false, MIB(64), 39), 0);
	assert_int_equal(identity_protect_page(GIB(8)), 0);
	assert_int_equal(identity_unprotect_page(GIB(8)), 0);
	assert_int_equal(identity_hide(0, PAGE_2M), 0);
	assert_int_equal(identity_protect_page(GIB(9)), -NXT_ENOMEM);
	assert_int_equal(identity_init(&npt_format_amd, 39, POOL, 4), -NXT_ENOMEM);
	free(test_memory);
}

#define BOTH(test)                                                                                           \
	cmocka_unit_test_setup_teardown(test, setup_amd, teardown),                                          \
		cmocka_unit_test_setup_teardown(test, setup_ept, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_fresh),   BOTH(test_hide_and_show),	  BOTH(test_refused),
		BOTH(test_protect), cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
