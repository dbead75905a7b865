/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/multiboot2.h"

#ifndef TEST_CORPUS
#define TEST_CORPUS "tests/corpus"
#endif

static struct boot_info info;

/* -- what GRUB 2.06 really passes, on QEMU's q35, from SeaBIOS and from OVMF -------------------------- */

/* In a heap block of exactly its size, so that the sanitizer sees every byte too far. */
static void *load(const char *name, size_t *size)
{
	FILE *file = fopen(name, "rb");

	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	*size = ftell(file);
	rewind(file);
	void *data = malloc(*size);
	assert_int_equal(fread(data, 1, *size, file), *size);
	fclose(file);
	return data;
}

static void check_common(void)
{
	assert_string_equal(info.cmdline, "console=ttyS0 selftest");
	assert_non_null(strstr(info.loader, "GRUB 2.06"));
	assert_int_equal(info.module_count, 2);
	assert_string_equal(info.module[0].cmdline, "root=LABEL=NXTOP-ROOT rw console=tty0");
	assert_int_equal(info.module[0].end - info.module[0].start, 17);
	assert_string_equal(info.module[1].cmdline, "");
	assert_int_equal(info.module[1].end - info.module[1].start, 5000);
	assert_true(info.framebuffer.present);
	assert_int_equal(info.framebuffer.width, 800);
	assert_int_equal(info.framebuffer.height, 600);
	assert_int_equal(info.framebuffer.bpp, 24);
	assert_int_equal(info.framebuffer.red_pos, 16);
	assert_int_equal(info.framebuffer.green_pos, 8);
	assert_int_equal(info.framebuffer.blue_size, 8);
	assert_memory_equal(info.rsdp, "RSD PTR ", 8);
	assert_false(info.efi.boot_services);
}

static void test_grub_bios(void **state)
{
	size_t size;
	void *mbi = load(TEST_CORPUS "/multiboot2/grub-q35-bios.bin", &size);

	(void)state;
	assert_null(multiboot2_parse(mbi, size, &info));
	assert_int_equal(info.size, size);
	check_common();
	assert_int_equal(info.rsdp_size, 20);
	assert_int_equal(info.memory_count, 10);
	assert_int_equal(info.memory[0].base, 0);
	assert_int_equal(info.memory[0].size, 0x9fc00);
	assert_int_equal(info.memory[0].type, MEMMAP_RAM);
	assert_int_equal(info.framebuffer.address, 0xfd000000);
	assert_int_equal(info.efi.system_table, 0);
	assert_null(info.efi.memory_map);
	free(mbi);
}

static void test_grub_uefi(void **state)
{
	size_t size;
	void *mbi = load(TEST_CORPUS "/multiboot2/grub-q35-uefi.bin", &size);

	(void)state;
	assert_null(multiboot2_parse(mbi, size, &info));
	check_common();
	assert_int_equal(info.rsdp_size, 36);
	assert_int_equal(info.memory_count, 18);
	assert_int_equal(info.framebuffer.address, 0xc0000000);
	assert_int_equal(info.efi.system_table, 0x7f5eb018);
	assert_non_null(info.efi.memory_map);
	assert_int_equal(info.efi.desc_size, 48);
	assert_int_equal(info.efi.desc_version, 1);
	assert_int_equal(info.efi.memory_map_size, 6544 - 16);
	free(mbi);
}

/* Cut short anywhere, or with any byte changed, it may be refused but nothing worse. */
static void test_grub_damaged(void **state)
{
	size_t size;
	u8 *mbi = load(TEST_CORPUS "/multiboot2/grub-q35-bios.bin", &size);

	(void)state;
	for (size_t len = 0; len < size; len++) {
		u32 claim = len;
		u8 *part = malloc(len ? len : 1);

		memcpy(part, mbi, len);
		assert_non_null(multiboot2_parse(part, len, &info));
		if (len >= 4)
			memcpy(part, &claim, 4);
		assert_non_null(multiboot2_parse(part, len, &info));
		free(part);
	}
	for (size_t i = 0; i < size; i++) {
		mbi[i] ^= 0xff;
		multiboot2_parse(mbi, size, &info);
		mbi[i] ^= 0xff;
	}
	free(mbi);
}

/* -- handmade ------------------------------------------------------------------------------------------ */

static ALIGNED(8) u8 buf[16384];
static u32 used;

static void tag(u32 type, const void *body, u32 size)
{
	const u32 header[2] = {type, size + 8};

	memcpy(buf + used, header, 8);
	memcpy(buf + used + 8, body, size);
	used = ALIGN_UP(used + 8 + size, 8);
}

static void begin(void)
{
	memset(buf, 0, sizeof(buf));
	used = 8;
}

static const char *end(void)
{
	tag(0, "", 0);
	memcpy(buf, &used, 4);
	return multiboot2_parse(buf, used, &info);
}

static void memory(u32 stride, u32 count)
{
	static u32 body[2 + 6 * 300];

	body[0] = stride;
	body[1] = 0;
	for (u32 i = 0; i < count; i++) {
		u32 *entry = &body[2 + i * 6];

		entry[0] = i << 16;
		entry[2] = 0x1000;
		entry[4] = MEMMAP_RAM;
	}
	tag(6, body, 8 + count * 24);
}

static void test_memory(void **state)
{
	(void)state;
	begin();
	assert_non_null(end());
	begin();
	memory(24, 0);
	assert_non_null(end());
	begin();
	memory(24, BOOT_MEMORY_MAX);
	assert_null(end());
	assert_int_equal(info.memory_count, BOOT_MEMORY_MAX);
	assert_int_equal(info.memory[255].base, 255 << 16);
	assert_string_equal(info.cmdline, "");
	begin();
	memory(24, BOOT_MEMORY_MAX + 1);
	assert_non_null(end());
	begin();
	memory(24, 1);
	memory(24, 1);
	assert_non_null(end());
	static const u32 bad_stride[] = {0, 8, 16, 20, 25, 32, 0xfffffff8};
	for (u32 i = 0; i < ARRAY_SIZE(bad_stride); i++) {
		begin();
		memory(bad_stride[i], 1);
		assert_non_null(end());
	}
	/* Longer entries than ours are to be stepped over. */
	begin();
	memory(48, 2);
	assert_null(end());
	assert_int_equal(info.memory_count, 1);
}

static void test_texts(void **state)
{
	static u8 module[8 + BOOT_CMDLINE_MAX] = {[1] = 0x10, [5] = 0x20};

	(void)state;
	begin();
	memory(24, 1);
	tag(1, "no end", 6);
	assert_non_null(end());
	begin();
	memory(24, 1);
	tag(3, module, 8);
	assert_non_null(end());
	begin();
	memory(24, 1);
	memset(module + 8, 'x', BOOT_CMDLINE_MAX);
	tag(3, module, sizeof(module));
	assert_non_null(end());
	begin();
	memory(24, 1);
	module[sizeof(module) - 1] = '\0';
	tag(3, module, sizeof(module));
	tag(2, module + 8, BOOT_CMDLINE_MAX);
	assert_null(end());
	assert_int_equal(strlen(info.module[0].cmdline), BOOT_CMDLINE_MAX - 1);
	assert_int_equal(info.module[0].start, 0x1000);
	assert_int_equal(info.module[0].end, 0x2000);
	assert_int_equal(strlen(info.loader), BOOT_LOADER_MAX - 1);
}

static void test_modules(void **state)
{
	u32 module[3] = {0x2000, 0x1000, 0};

	(void)state;
	begin();
	memory(24, 1);
	tag(3, module, 12);
	assert_non_null(end());
	module[1] = 0x3000;
	for (u32 count = BOOT_MODULES_MAX; count <= BOOT_MODULES_MAX + 1; count++) {
		begin();
		memory(24, 1);
		for (u32 i = 0; i < count; i++)
			tag(3, module, 12);
		if (count == BOOT_MODULES_MAX)
			assert_null(end());
		else
			assert_non_null(end());
	}
}

/* A framebuffer that makes no sense is left out, and does not keep the PC from starting. */
static void test_framebuffer(void **state)
{
	const u8 good[30] = {0, 0, 0, 0xe0, 1, 0,  0, 0, 0, 0x10, 0, 0, 0, 4, 0,
			     0, 0, 3, 0,    0, 32, 1, 0, 0, 16,	  8, 8, 8, 0, 8};
	static const struct {
		u8 at, value;
	} bad[] = {{20, 8}, {21, 0}, {21, 2}, {24, 30}, {25, 0}, {9, 1}, {13, 0xff}, {10, 0xff}, {18, 0xff}};

	(void)state;
	begin();
	memory(24, 1);
	tag(8, good, sizeof(good));
	assert_null(end());
	assert_true(info.framebuffer.present);
	assert_int_equal(info.framebuffer.address, 0x1e0000000);
	assert_int_equal(info.framebuffer.pitch, 4096);
	assert_int_equal(info.framebuffer.width, 1024);
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		u8 body[30];

		memcpy(body, good, sizeof(body));
		body[bad[i].at] = bad[i].value;
		begin();
		memory(24, 1);
		tag(8, body, sizeof(body));
		assert_null(end());
		assert_false(info.framebuffer.present);
	}
}

static void test_efi(void **state)
{
	u8 map[8 + 80] = {40};

	(void)state;
	begin();
	memory(24, 1);
	tag(12, "\1\2\3\4\5\6\7\10", 8);
	tag(17, map, sizeof(map));
	tag(18, "", 0);
	assert_null(end());
	assert_int_equal(info.efi.system_table, 0x0807060504030201);
	assert_int_equal(info.efi.memory_map_size, 80);
	assert_true(info.efi.boot_services);
	static const u8 bad_size[] = {0, 8, 39, 41, 44, 48, 255};
	for (u32 i = 0; i < ARRAY_SIZE(bad_size); i++) {
		map[0] = bad_size[i];
		begin();
		memory(24, 1);
		tag(17, map, sizeof(map));
		assert_non_null(end());
	}
	begin();
	memory(24, 1);
	tag(12, "abcd", 4);
	assert_non_null(end());
	begin();
	memory(24, 1);
	tag(14, map, 19);
	assert_non_null(end());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grub_bios),    cmocka_unit_test(test_grub_uefi),
		cmocka_unit_test(test_grub_damaged), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_texts),	     cmocka_unit_test(test_modules),
		cmocka_unit_test(test_framebuffer),  cmocka_unit_test(test_efi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
