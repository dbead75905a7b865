/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Placing the control domain's kernel in a small PC, from what a boot loader left there. */
#include "boot/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "boot/linux_image_fake.h"
#include "mem/phys.h"

#define MEMORY MIB(64)
#define KERNEL MIB(40)
#define INITRD MIB(41)
#define INITRD_SIZE 5000
#define MBI (MIB(42) + 0x100)
#define MBI_SIZE 0x2000
#define ENGINE MIB(44)

/* Of the zero page (Linux' Documentation/arch/x86/zero-page.rst). */
#define ZERO_RSDP 0x070
#define ZERO_EFI_INFO 0x1c0 /* the memory map's low address at 16, its size at 20 */
#define ZERO_RAMDISK 0x218
#define ZERO_CMDLINE 0x228

u8 *test_memory;

static const struct phys_range engine = {ENGINE, ENGINE + MIB(2)};
static struct boot_info info;
static struct memmap map;
static struct phys_range busy[CONTROL_BUSY_MAX];
static u32 busy_count;
static struct linux_entry entry;

struct efi_desc {
	u32 type, pad;
	u64 start, virt, pages, attributes;
};
static struct efi_desc efi_map[2000];

static int setup(void **state)
{
	const struct memmap_entry ram[] = {{0, KIB(640), MEMMAP_RAM}, {MIB(1), MEMORY - MIB(1), MEMMAP_RAM}};

	(void)state;
	if (!test_memory)
		test_memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(test_memory, MAP_FAILED);
	memset(test_memory, 0x5a, KIB(640));
	memset(test_memory + MIB(2), 0x5a, MIB(1));
	fake_kernel(phys_to_virt(KERNEL), "6.12.0");
	fake_header(phys_to_virt(KERNEL))->pref_address = MIB(2);
	fake_header(phys_to_virt(KERNEL))->init_size = MIB(4);
	fake_seal(phys_to_virt(KERNEL));
	memset(phys_to_virt(INITRD), 0x77, INITRD_SIZE);
	memcpy(phys_to_virt(INITRD), "\x28\xb5\x2f\xfd", 4); /* zstd */
	info = (struct boot_info){
		.size = MBI_SIZE,
		.module_count = 2,
		.module[0] = {.start = KERNEL, .end = KERNEL + FAKE_SIZE, .cmdline = "root=LABEL=x quiet"},
		.module[1] = {.start = INITRD, .end = INITRD + INITRD_SIZE},
		.rsdp_size = 20,
		.rsdp = "RSD PTR and more",
	};
	assert_null(memmap_build(&map, ram, ARRAY_SIZE(ram)));
	assert_null(memmap_reserve(&map, engine));
	busy_count = control_busy(&info, MBI, (struct phys_range){MIB(50), MIB(51)}, busy);
	busy[busy_count++] = engine;
	return 0;
}

static const char *place(void)
{
	return control_place(&info, &map, busy, busy_count, &engine, 1, &entry);
}

static u32 zero_page(u32 offset)
{
	u32 value;

	memcpy(&value, (u8 *)phys_to_virt(entry.params) + offset, sizeof(value));
	return value;
}

static bool is_busy(u64 first, u64 last)
{
	for (u32 i = 0; i < busy_count; i++)
		if (first >= busy[i].start && last < busy[i].end)
			return true;
	return false;
}

static void test_busy(void **state)
{
	(void)state;
	assert_in_range(busy_count, 1, CONTROL_BUSY_MAX);
	assert_true(is_busy(0, PAGE_SIZE - 1));
	assert_true(is_busy(MBI, MBI + MBI_SIZE - 1));
	assert_true(is_busy(KERNEL, KERNEL + FAKE_SIZE - 1));
	assert_true(is_busy(INITRD, INITRD + INITRD_SIZE - 1));
	assert_true(is_busy(MIB(50), MIB(51) - 1));
	info.module_count = BOOT_MODULES_MAX;
	assert_in_range(control_busy(&info, MBI, engine, busy), 1, CONTROL_BUSY_MAX - 1);
}

static void test_check(void **state)
{
	u8 *kernel = phys_to_virt(KERNEL);

	(void)state;
	assert_null(control_check(&info));
	info.module_count = 1;
	assert_non_null(control_check(&info));
	info.module_count = 3;
	assert_non_null(control_check(&info));
	info.module_count = 2;
	info.module[0].end--;
	assert_non_null(control_check(&info));
	info.module[0].end++;
	kernel[FAKE_SETUP] ^= 1;
	assert_non_null(control_check(&info));
	kernel[FAKE_SETUP] ^= 1;
	memset(phys_to_virt(INITRD), 0x77, 4);
	assert_non_null(control_check(&info));
}

static void test_place(void **state)
{
	u64 cmdline, rsdp;

	(void)state;
	assert_null(control_check(&info));
	assert_null(place());
	assert_memory_equal(phys_to_virt(MIB(2)), (u8 *)phys_to_virt(KERNEL) + FAKE_SETUP, FAKE_KERNEL);
	assert_int_equal(((u8 *)phys_to_virt(MIB(2)))[FAKE_KERNEL], 0x5a);
	assert_int_equal(entry.entry32, MIB(2));
	assert_in_range(entry.params, KIB(64), KIB(636) - LINUX_PARAMS_SIZE);

	cmdline = zero_page(ZERO_CMDLINE);
	rsdp = zero_page(ZERO_RSDP);
	assert_in_range(cmdline, KIB(64), KIB(636));
	assert_string_equal(phys_to_virt(cmdline), "root=LABEL=x quiet");
	assert_in_range(rsdp, KIB(64), KIB(636));
	assert_memory_equal(phys_to_virt(rsdp), info.rsdp, info.rsdp_size);
	assert_int_equal(zero_page(ZERO_RAMDISK), INITRD);
	assert_int_equal(zero_page(ZERO_RAMDISK + 4), INITRD_SIZE);
	assert_int_equal(zero_page(ZERO_EFI_INFO), 0);
	assert_int_equal(test_memory[KIB(636)], 0x5a);
	assert_int_equal(test_memory[0], 0x5a);
}

/* Neither the modules nor what else is in use is overwritten. */
static void test_keeps_off(void **state)
{
	(void)state;
	assert_null(control_check(&info));
	busy[busy_count++] = (struct phys_range){MIB(3), MIB(3) + 1};
	assert_null(place());
	assert_int_equal(entry.entry32, MIB(4));
	assert_int_equal(*(u8 *)phys_to_virt(MIB(2)), 0x5a);
	busy[busy_count - 1] = (struct phys_range){KIB(64), KIB(630)};
	assert_non_null(place());
}

static void test_efi(void **state)
{
	const struct efi_desc *copy;
	u32 size;
	bool hidden = false;

	(void)state;
	memset(efi_map, 0, sizeof(efi_map));
	efi_map[0] = (struct efi_desc){.type = 7, .start = MIB(1), .pages = (MEMORY - MIB(1)) / PAGE_SIZE};
	info.efi = (struct boot_efi){
		.system_table = 0x7000000,
		.memory_map = efi_map,
		.memory_map_size = sizeof(efi_map[0]),
		.desc_size = sizeof(efi_map[0]),
		.desc_version = 1,
	};
	assert_null(control_check(&info));
	assert_null(place());
	size = zero_page(ZERO_EFI_INFO + 20);
	copy = phys_to_virt(zero_page(ZERO_EFI_INFO + 16));
	assert_int_equal(size, 3 * sizeof(*copy)); /* before Engine, Engine, behind it */
	for (u32 i = 0; i < size / sizeof(*copy); i++) {
		bool engines = copy[i].start == ENGINE && copy[i].pages == MIB(2) / PAGE_SIZE;

		assert_int_equal(copy[i].type, engines ? 0 : 7);
		hidden |= engines;
	}
	assert_true(hidden);
	assert_int_equal(efi_map[0].pages, (MEMORY - MIB(1)) / PAGE_SIZE); /* the loader's own stays */

	info.efi.memory_map_size = sizeof(efi_map);
	assert_non_null(place());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_busy, setup),  cmocka_unit_test_setup(test_check, setup),
		cmocka_unit_test_setup(test_place, setup), cmocka_unit_test_setup(test_keeps_off, setup),
		cmocka_unit_test_setup(test_efi, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
