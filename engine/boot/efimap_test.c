/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "boot/efimap.h"

/* Firmware's descriptors are longer than the structure, as on all real PCs. */
struct descriptor {
	u32 type, pad;
	u64 physical, virtual, pages, attributes, more;
};

static struct descriptor desc[8];
static struct efimap map;

static void setup(void)
{
	const struct descriptor firmware[] = {
		{7, 0, 0x100000, 0, 0x100, 0xf, 11},	    /* 1 MiB .. 2 MiB conventional */
		{4, 0, 0x300000, 0, 0x100, 0xf, 13},	    /* boot services data, not sorted */
		{2, 0, 0x200000, 0, 0x100, 0xf, 12},	    /* loader data */
		{6, 0, 0x400000, 0, 0x100, 1ull << 63, 14}, /* runtime data */
	};

	memset(desc, 0, sizeof(desc));
	memcpy(desc, firmware, sizeof(firmware));
	map = (struct efimap){desc, sizeof(firmware), sizeof(desc), sizeof(desc[0]), 1};
}

static void check(u32 i, u32 type, u64 start, u64 end, u64 more)
{
	assert_int_equal(desc[i].type, type);
	assert_int_equal(desc[i].physical, start);
	assert_int_equal(desc[i].pages, (end - start) / PAGE_SIZE);
	assert_int_equal(desc[i].more, more);
}

static void test_inside_one(void **state)
{
	(void)state;
	setup();
	assert_null(efimap_reserve(&map, (struct phys_range){0x140000, 0x180000}));
	assert_int_equal(map.size, 6 * sizeof(desc[0]));
	check(0, 7, 0x100000, 0x140000, 11);
	check(1, 0, 0x140000, 0x180000, 11);
	check(2, 7, 0x180000, 0x200000, 11);
	check(3, 4, 0x300000, 0x400000, 13);
	check(5, 6, 0x400000, 0x500000, 14);
	/* No room for more than that. */
	map.capacity = map.size;
	assert_non_null(efimap_reserve(&map, (struct phys_range){0x190000, 0x1a0000}));
	check(2, 7, 0x180000, 0x200000, 11);
	assert_null(efimap_reserve(&map, (struct phys_range){0x180000, 0x200000}));
	check(2, 0, 0x180000, 0x200000, 11);
}

static void test_across(void **state)
{
	(void)state;
	setup();
	assert_null(efimap_reserve(&map, (struct phys_range){0x1ff000, 0x301000}));
	assert_int_equal(map.size, 6 * sizeof(desc[0]));
	check(0, 7, 0x100000, 0x1ff000, 11);
	check(1, 0, 0x1ff000, 0x200000, 11);
	check(2, 0, 0x300000, 0x301000, 13);
	check(3, 4, 0x301000, 0x400000, 13);
	check(4, 0, 0x200000, 0x300000, 12);
}

static void test_refusals(void **state)
{
	struct descriptor before[8];
	const struct phys_range bad[] = {
		{0x3ff000, 0x401000}, /* runtime data */
		{0xff000, 0x101000},  /* not described */
		{0x4ff000, 0x501000}, {0x100800, 0x101000}, {0x101000, 0x101000}, {0x102000, 0x101000},
	};

	(void)state;
	setup();
	memcpy(before, desc, sizeof(desc));
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		assert_non_null(efimap_reserve(&map, bad[i]));
	map.desc_size = 32;
	assert_non_null(efimap_reserve(&map, (struct phys_range){0x140000, 0x180000}));
	map.desc_size = 0;
	assert_non_null(efimap_reserve(&map, (struct phys_range){0x140000, 0x180000}));
	setup();
	map.size++;
	assert_non_null(efimap_reserve(&map, (struct phys_range){0x140000, 0x180000}));
	assert_memory_equal(before, desc, sizeof(desc));

	/* Descriptors that overlap, that wrap, or that are empty. */
	setup();
	desc[2].physical = 0x1ff000;
	assert_non_null(efimap_reserve(&map, (struct phys_range){0x140000, 0x280000}));
	assert_null(efimap_reserve(&map, (struct phys_range){0x140000, 0x180000}));
	setup();
	desc[2].pages = UINT64_MAX / PAGE_SIZE;
	assert_non_null(efimap_reserve(&map, (struct phys_range){0x1ff000, 0x201000}));
	desc[2].pages = 0;
	assert_non_null(efimap_reserve(&map, (struct phys_range){0x1ff000, 0x201000}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inside_one),
		cmocka_unit_test(test_across),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
