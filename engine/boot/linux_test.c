/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/linux.h"
#include "boot/linux_image_fake.h"

static u8 kernel[FAKE_SIZE + 1000];
static struct linux_image image;
static struct memmap map;

static const char *check(u64 size)
{
	return linux_check_kernel(kernel, size, &image);
}

static void test_kernel(void **state)
{
	(void)state;
	fake_kernel(kernel, "6.12.57+deb13-amd64 (somebody) #1");
	assert_null(check(FAKE_SIZE));
	assert_true(image.crc_checked);
	assert_string_equal(image.release, "6.12.57+deb13-amd64");
	assert_int_equal(image.version, 0x20f);
	assert_int_equal(image.kernel_offset, FAKE_SETUP);
	assert_int_equal(image.kernel_size, FAKE_KERNEL);
	assert_int_equal(image.setup_size, 0x26c - 0x1f1);
	assert_true(image.relocatable);
	assert_true(image.initrd_high);

	/* Cut short anywhere. */
	for (u64 size = 0; size < FAKE_SIZE; size++)
		assert_non_null(check(size));
	/* Damage anywhere is noticed, but for the fields that signing sets, and where it makes a 6 a 7: a
	 * release that has no checksum. */
	for (u32 i = 0; i < FAKE_SIZE; i++) {
		bool signed_field = (i >= FAKE_PE + 0x58 && i < FAKE_PE + 0x5c) ||
				    (i >= FAKE_PE + 0xa8 && i < FAKE_PE + 0xb0);

		kernel[i] ^= 1;
		if (signed_field || i == 0x400)
			assert_null(check(sizeof(kernel)));
		else
			assert_non_null(check(sizeof(kernel)));
		kernel[i] ^= 1;
	}
}

static void test_kernel_without_checksum(void **state)
{
	static const struct {
		const char *release;
		bool accepted;
	} cases[] = {
		{"6.16.0-rc1", true}, {"7.0.1", true}, {"10.1", true},	{"6.15.9", false},
		{"5.99.0", false},    {"", false},     {"nine", false}, {"7", false},
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_kernel(kernel, cases[i].release);
		kernel[FAKE_SIZE - 1] ^= 1;
		assert_int_equal(!check(FAKE_SIZE), cases[i].accepted);
		assert_false(image.crc_checked);
	}
}

#define REFUSED(field, value)                                                                                \
	do {                                                                                                 \
		fake_kernel(kernel, "6.12.0");                                                               \
		fake_header(kernel)->field = (value);                                                        \
		fake_seal(kernel);                                                                           \
		assert_non_null(check(FAKE_SIZE));                                                           \
	} while (0)

static void test_kernel_header(void **state)
{
	(void)state;
	REFUSED(boot_flag, 0);
	REFUSED(magic, 0);
	REFUSED(version, 0x20b);
	REFUSED(loadflags, 0);
	REFUSED(xloadflags, LINUX_XLF_ABOVE_4G);
	REFUSED(jump_offset, 0x20);
	REFUSED(jump_offset, 0x8f);
	REFUSED(jump_offset, 0xff);
	REFUSED(syssize, 0);
	REFUSED(syssize, UINT32_MAX);
	REFUSED(syssize, FAKE_KERNEL / 16 + 1);
	REFUSED(kernel_alignment, 0);
	REFUSED(kernel_alignment, 0x300000);
	REFUSED(kernel_alignment, 0x800);
	REFUSED(pref_address, MIB(17));
	REFUSED(pref_address, 0);
	REFUSED(pref_address, GIB(4));
	REFUSED(init_size, 0);
}

static void test_place(void **state)
{
	const struct memmap_entry ram[] = {{0, KIB(640), MEMMAP_RAM},
					   {MIB(1), MIB(63), MEMMAP_RAM},
					   {MIB(100), MIB(20), MEMMAP_RAM},
					   {GIB(4), GIB(1), MEMMAP_RAM}};
	const struct phys_range busy[] = {{MIB(30), MIB(31) + 1}, {MIB(100), MIB(100) + 1}};
	u64 load;

	(void)state;
	assert_null(memmap_build(&map, ram, ARRAY_SIZE(ram)));
	fake_kernel(kernel, "6.12.0");
	assert_null(check(FAKE_SIZE));
	assert_null(linux_place(&image, &map, NULL, 0, &load));
	assert_int_equal(load, MIB(16));
	assert_null(linux_place(&image, &map, busy, 1, &load));
	assert_int_equal(load, MIB(32));
	image.init_size = MIB(40);
	assert_non_null(linux_place(&image, &map, busy, 1, &load)); /* never above 4 GiB */
	image.init_size = MIB(20);
	image.relocatable = false;
	assert_non_null(linux_place(&image, &map, busy, 1, &load));
	assert_null(linux_place(&image, &map, busy + 1, 1, &load));
	assert_int_equal(load, MIB(16));
	image.init_size = 1;
	image.kernel_size = MIB(64); /* more than it says it needs */
	assert_non_null(linux_place(&image, &map, NULL, 0, &load));
}

static struct linux_params params;
static struct linux_entry entry;

static struct linux_setup plain_setup(void)
{
	const struct memmap_entry ram[] = {{0, KIB(640), MEMMAP_RAM}, {MIB(1), MIB(63), MEMMAP_RAM}};

	assert_null(memmap_build(&map, ram, ARRAY_SIZE(ram)));
	fake_kernel(kernel, "6.12.0");
	assert_null(check(FAKE_SIZE));
	memset(&params, 0x55, sizeof(params));
	return (struct linux_setup){
		.params = 0x90000,
		.load = MIB(16),
		.cmdline = 0x91000,
		.cmdline_size = 10,
		.initrd = 0x123456000,
		.initrd_size = 5000,
		.map = &map,
		.rsdp = 0x7fff1234,
	};
}

static void test_params(void **state)
{
	struct linux_setup setup = plain_setup();

	(void)state;
	assert_null(linux_build_params(&params, &image, &setup, &entry));
	assert_int_equal(entry.entry32, MIB(16));
	assert_int_equal(entry.params, 0x90000);
	assert_int_equal(params.header.magic, LINUX_HEADER_MAGIC);
	assert_int_equal(params.header.init_size, MIB(20));
	assert_int_equal(params.header.type_of_loader, 0xff);
	assert_int_equal(params.header.code32_start, MIB(16));
	assert_int_equal(params.header.cmd_line_ptr, 0x91000);
	assert_int_equal(params.header.ramdisk_image, 0x23456000);
	assert_int_equal(params.ext_ramdisk_image, 1);
	assert_int_equal(params.header.ramdisk_size, 5000);
	assert_int_equal(params.header.setup_data, 0);
	assert_int_equal(params.rsdp, 0x7fff1234);
	assert_int_equal(params.e820_count, 2);
	assert_int_equal(params.e820[1].base, MIB(1));
	assert_int_equal(params.e820[1].size, MIB(63));
	assert_int_equal(params.e820[1].type, 1);
	assert_int_equal(params.efi.signature, 0);
	assert_int_equal(params.screen.type, 0);
	/* The kernel's test that the zero page was zeroed (its "sentinel"), and what is behind the header. */
	assert_int_equal(((u8 *)&params)[0x1ef], 0);
	assert_int_equal(((u8 *)&params)[0x26c], 0);
	assert_int_equal(((u8 *)&params)[0xfff], 0);
}

static void test_params_limits(void **state)
{
	struct linux_setup setup;

	(void)state;
#define LIMIT(field, value)                                                                                  \
	setup = plain_setup();                                                                               \
	setup.field = (value);                                                                               \
	assert_non_null(linux_build_params(&params, &image, &setup, &entry))
	LIMIT(params, GIB(4));
	LIMIT(params, 0x90010);
	LIMIT(load, GIB(4));
	LIMIT(cmdline_size, 2048);
	LIMIT(initrd_size, UINT64_MAX);

	setup = plain_setup();
	image.initrd_high = false;
	assert_non_null(linux_build_params(&params, &image, &setup, &entry));
	setup.initrd = 0x7ffff000;
	setup.initrd_size = 0x1000;
	assert_null(linux_build_params(&params, &image, &setup, &entry));
	setup.initrd_size++;
	assert_non_null(linux_build_params(&params, &image, &setup, &entry));
	setup.initrd_size = 0;
	assert_null(linux_build_params(&params, &image, &setup, &entry));
	assert_int_equal(params.header.ramdisk_image, 0);
	setup.cmdline = GIB(4);
	assert_non_null(linux_build_params(&params, &image, &setup, &entry));
}

static void test_params_large_map(void **state)
{
	static ALIGNED(8) u8 extra[LINUX_EXTRA_SIZE];
	const struct linux_setup_data *data = (void *)extra;
	struct linux_setup setup = plain_setup();

	(void)state;
	for (map.count = 0; map.count < MEMMAP_MAX; map.count++)
		map.entry[map.count] = (struct memmap_entry){map.count * MIB(2), MIB(1), MEMMAP_RAM};
	assert_non_null(linux_build_params(&params, &image, &setup, &entry));
	setup.extra = 0x98000;
	setup.extra_data = extra;
	assert_null(linux_build_params(&params, &image, &setup, &entry));
	assert_int_equal(params.e820_count, 128);
	assert_int_equal(params.e820[127].base, 127 * MIB(2));
	assert_int_equal(params.header.setup_data, 0x98000);
	assert_int_equal(data->next, 0);
	assert_int_equal(data->type, 1);
	assert_int_equal(data->len, 20 * (MEMMAP_MAX - 128));
	assert_int_equal(data->entry[0].base, 128 * MIB(2));
	assert_int_equal(data->entry[383].base, 511 * MIB(2));
	map.count = 128;
	assert_null(linux_build_params(&params, &image, &setup, &entry));
	assert_int_equal(params.header.setup_data, 0);
}

static void test_params_screen_and_efi(void **state)
{
	const struct boot_framebuffer fb = {
		.present = true,
		.address = 0x4080000000,
		.pitch = 7680,
		.width = 1920,
		.height = 1080,
		.bpp = 32,
		.red_pos = 16,
		.red_size = 8,
		.green_pos = 8,
		.green_size = 8,
		.blue_size = 8,
	};
	struct boot_framebuffer other = fb;
	struct linux_setup setup = plain_setup();

	(void)state;
	setup.framebuffer = &fb;
	setup.efi_system_table = 0x17f5eb018;
	setup.efi_memory_map = 0x99000;
	setup.efi_memory_map_size = 4800;
	setup.efi_desc_size = 48;
	setup.efi_desc_version = 1;
	assert_null(linux_build_params(&params, &image, &setup, &entry));
	assert_int_equal(params.screen.type, LINUX_VIDEO_EFI);
	assert_int_equal(params.screen.lfb_base, 0x80000000);
	assert_int_equal(params.screen.ext_lfb_base, 0x40);
	assert_int_equal(params.screen.capabilities, LINUX_VIDEO_64BIT_BASE);
	assert_int_equal(params.screen.lfb_size, 7680 * 1080);
	assert_int_equal(params.screen.lfb_linelength, 7680);
	assert_int_equal(params.screen.lfb_depth, 32);
	assert_int_equal(params.screen.reserved_size, 8);
	assert_int_equal(params.screen.reserved_pos, 24);
	assert_memory_equal(&params.efi.signature, "EL64", 4);
	assert_int_equal(params.efi.system_table, 0x7f5eb018);
	assert_int_equal(params.efi.system_table_high, 1);
	assert_int_equal(params.efi.memory_map, 0x99000);
	assert_int_equal(params.efi.memory_map_size, 4800);
	assert_int_equal(params.efi.desc_size, 48);

	setup.efi_system_table = 0;
	other.bpp = 24;
	setup.framebuffer = &other;
	assert_null(linux_build_params(&params, &image, &setup, &entry));
	assert_int_equal(params.screen.type, LINUX_VIDEO_VESA);
	assert_int_equal(params.screen.lfb_size, (7680 * 1080 + 65535) / 65536);
	assert_int_equal(params.screen.reserved_size, 0);
	other.pitch = 65536;
	assert_null(linux_build_params(&params, &image, &setup, &entry));
	assert_int_equal(params.screen.type, 0);
}

/* -- initrd -------------------------------------------------------------------------------------------- */

static char archive[8192];
static u32 used;

static void file(const char *name, const char *data, u32 size)
{
	used += sprintf(archive + used, "070701%08x%08x%08x%08x%08x%08x%08X%08x%08x%08x%08x%08x%08x", 1,
			0x81a4, 0, 0, 1, 0, size, 0, 0, 0, 0, (u32)strlen(name) + 1, 0);
	memcpy(archive + used, name, strlen(name) + 1);
	used = ALIGN_UP(used + strlen(name) + 1, 4);
	memcpy(archive + used, data, size);
	used = ALIGN_UP(used + size, 4);
}

static void begin(void)
{
	memset(archive, 0, sizeof(archive));
	used = 0;
}

static void test_initrd_cpio(void **state)
{
	(void)state;
	begin();
	file("init", "#!/bin/sh\nabcdefgh", 18);
	file("TRAILER!!!", "", 0);
	u32 whole = used;
	assert_null(linux_check_initrd(archive, whole));
	assert_null(linux_check_initrd(archive, whole + 512));
	for (u32 size = 0; size < whole - 1; size++) /* one byte of the end is padding */
		assert_non_null(linux_check_initrd(archive, size));
	archive[54] = 'g';
	assert_non_null(linux_check_initrd(archive, whole));
	archive[54] = 'f';
	assert_non_null(linux_check_initrd(archive, whole));
	archive[54] = '0';
	archive[94 + 7] = '0'; /* name of no bytes */
	assert_non_null(linux_check_initrd(archive, whole));
	archive[94 + 7] = '4'; /* name without its NUL */
	assert_non_null(linux_check_initrd(archive, whole));
}

/* Microcode in a plain archive, zeros, the real one compressed: what Debian builds. */
static void test_initrd_early(void **state)
{
	(void)state;
	begin();
	file("kernel/x86/microcode/AuthenticAMD.bin", "xx", 2);
	file("TRAILER!!!", "", 0);
	used = ALIGN_UP(used, 512);
	memcpy(archive + used, "\x28\xb5\x2f\xfd rest", 9);
	assert_null(linux_check_initrd(archive, used + 9));
	memcpy(archive + used, "\x28\xb5\x2f\xfe rest", 9);
	assert_non_null(linux_check_initrd(archive, used + 9));
	memcpy(archive + used + 1, "070701", 6); /* an archive has to be aligned */
	archive[used] = '\0';
	assert_non_null(linux_check_initrd(archive, used + 9));
}

static void test_initrd_magic(void **state)
{
	static const char magic[][8] = {"\x1f\x8b\x08",
					"\xfd"
					"7zXZ",
					"\x02\x21\x4c\x18",
					"BZh9",
					"\x5d",
					"\x89LZO"};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(magic); i++) {
		begin();
		memcpy(archive, magic[i], 8);
		assert_null(linux_check_initrd(archive, 8));
		assert_non_null(linux_check_initrd(archive, 1));
		archive[0] ^= 0x40;
		assert_non_null(linux_check_initrd(archive, 8));
	}
	begin();
	assert_non_null(linux_check_initrd(archive, sizeof(archive)));
	assert_non_null(linux_check_initrd(archive, 0));
}

/* -- real files, where the caller names some --------------------------------------------------------- */

static u8 *load(const char *name, size_t *size)
{
	FILE *in = fopen(name, "rb");

	assert_non_null(in);
	fseek(in, 0, SEEK_END);
	*size = ftell(in);
	rewind(in);
	u8 *data = malloc(*size);
	assert_int_equal(fread(data, 1, *size, in), *size);
	fclose(in);
	return data;
}

static void test_real_kernel(void **state)
{
	const char *name = getenv("NXT_TEST_KERNEL");
	size_t size;

	(void)state;
	if (!name)
		skip();
	u8 *data = load(name, &size);
	assert_null(linux_check_kernel(data, size, &image));
	print_message("%s: load at %#llx, %u bytes, checksum %s\n", image.release,
		      (unsigned long long)image.pref_address, image.init_size,
		      image.crc_checked ? "right" : "none");
	if (image.crc_checked) {
		data[image.kernel_offset + image.kernel_size / 2] ^= 0x10;
		assert_non_null(linux_check_kernel(data, size, &image));
	}
	free(data);
}

static void test_real_initrd(void **state)
{
	const char *name = getenv("NXT_TEST_INITRD");
	size_t size;

	(void)state;
	if (!name)
		skip();
	u8 *data = load(name, &size);
	assert_null(linux_check_initrd(data, size));
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel),		 cmocka_unit_test(test_kernel_without_checksum),
		cmocka_unit_test(test_kernel_header),	 cmocka_unit_test(test_place),
		cmocka_unit_test(test_params),		 cmocka_unit_test(test_params_limits),
		cmocka_unit_test(test_params_large_map), cmocka_unit_test(test_params_screen_and_efi),
		cmocka_unit_test(test_initrd_cpio),	 cmocka_unit_test(test_initrd_early),
		cmocka_unit_test(test_initrd_magic),	 cmocka_unit_test(test_real_kernel),
		cmocka_unit_test(test_real_initrd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
