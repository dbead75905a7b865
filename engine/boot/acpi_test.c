/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "boot/acpi_image.h"

#ifndef TEST_CORPUS
#define TEST_CORPUS "tests/corpus"
#endif

static u8 file[65536];
static struct acpi_image image;
static struct acpi_root root = {.memory = {image_map, &image}};
static struct acpi_madt madt;
static struct acpi_fadt fadt;

static void load(const char *name)
{
	FILE *in = fopen(name, "rb");

	assert_non_null(in);
	image_parse(&image, file, fread(file, 1, sizeof(file), in));
	fclose(in);
}

static const char *open_image(void)
{
	return acpi_open(&root, image.record[0].data, image.record[0].len);
}

/* -- the tables of QEMU's q35 with 4 CPUs, under SeaBIOS (RSDT) and OVMF (XSDT) ------------------------ */

static void check_q35(u32 entry_size, u64 dsdt)
{
	u32 len;

	assert_null(open_image());
	assert_int_equal(root.entry_size, entry_size);
	assert_null(acpi_read_madt(&root, &madt));
	assert_int_equal(madt.lapic, 0xfee00000);
	assert_true(madt.pic);
	assert_int_equal(madt.cpu_count, 4);
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(madt.cpu[i].apic_id, i);
		assert_true(madt.cpu[i].enabled);
	}
	assert_null(acpi_read_fadt(&root, &fadt));
	assert_true(fadt.has_reset);
	assert_int_equal(fadt.reset.space, ACPI_SPACE_IO);
	assert_int_equal(fadt.reset.address, 0xcf9);
	assert_int_equal(fadt.reset_value, 0xf);
	assert_int_equal(fadt.pm1a_control.space, ACPI_SPACE_IO);
	assert_int_equal(fadt.pm1a_control.address, 0x604);
	assert_int_equal(fadt.pm1b_control.address, 0);
	assert_int_equal(fadt.dsdt, dsdt);
	assert_int_equal(fadt.dsdt32, 0);
	assert_non_null(acpi_find(&root, "MCFG", 0, &len));
	assert_int_equal(len, 60);
	assert_null(acpi_find(&root, "MCFG", 1, &len));
	assert_null(acpi_find(&root, "DMAR", 0, &len));

	u8 *table = image_map(&image, dsdt, 8600);
	assert_non_null(table);
	assert_non_null(memmem(table, 8600, "\x08_S3_\x12", 6));
	assert_int_equal(acpi_hide_s3(&root), 1);
	assert_null(memmem(table, 8600, "_S3_", 4));
	assert_non_null(memmem(table, 8600, "\x08XS3_\x12", 6));
	assert_non_null(memmem(table, 8600, "\x08_S4_\x12", 6));
	assert_int_equal(acpi_checksum(table, 8600), 0);
	assert_int_equal(acpi_hide_s3(&root), 0);
}

static void test_q35_bios(void **state)
{
	(void)state;
	load(TEST_CORPUS "/acpi/qemu-q35-bios.bin");
	check_q35(4, 0x7ffe0040);
	assert_int_equal(fadt.facs, 0x7ffe0000);
}

static void test_q35_uefi(void **state)
{
	(void)state;
	load(TEST_CORPUS "/acpi/qemu-q35-uefi.bin");
	check_q35(8, 0x7f779000);
	assert_int_equal(fadt.facs, 0x7f7dc000);
}

/* -- handmade ------------------------------------------------------------------------------------------ */

static u8 memory[16][8192];

static void sum(u8 *table)
{
	u32 len;

	memcpy(&len, table + 4, 4);
	table[9] -= acpi_checksum(table, len);
}

/* Table number n lies at (n + 1) << 20; number 0 is the XSDT, and lists all that follow. */
static u8 *add(const char *signature, const void *body, u32 size)
{
	u32 n = image.count - 1;
	u32 len = 36 + size;
	u8 *table = memory[n];

	memset(table, 0, sizeof(memory[n]));
	memcpy(table, signature, 4);
	memcpy(table + 4, &len, 4);
	memcpy(table + 36, body, size);
	sum(table);
	image.record[image.count].address = (u64)(n + 1) << 20;
	image.record[image.count].len = len;
	image.record[image.count++].data = table;
	if (n) {
		u64 address = (u64)(n + 1) << 20;
		u32 end = 36 + n * 8;

		memcpy(memory[0] + end - 8, &address, 8);
		memcpy(memory[0] + 4, &end, 4);
		image.record[1].len = end;
		sum(memory[0]);
	}
	return table;
}

static void begin(void)
{
	static u8 rsdp[36];

	memcpy(rsdp, "RSD PTR \0xxxxxx\2", 16);
	memset(rsdp + 16, 0, 20);
	rsdp[26] = 0x10; /* the XSDT is at 1 MiB */
	rsdp[8] -= acpi_checksum(rsdp, 20);
	rsdp[32] -= acpi_checksum(rsdp, 36);
	image.count = 1;
	image.record[0].address = 0xe0000;
	image.record[0].len = 36;
	image.record[0].data = rsdp;
	add("XSDT", "", 0);
}

static void test_damage(void **state)
{
	u32 len;
	u8 *table;

	(void)state;
	begin();
	add("AAAA", "1", 1);
	table = add("AAAA", "2", 1);
	add("AAAA", "3", 1);
	assert_null(open_image());
	assert_memory_equal((u8 *)acpi_find(&root, "AAAA", 1, &len) + 36, "2", 1);
	table[36]++; /* checksum */
	assert_memory_equal((u8 *)acpi_find(&root, "AAAA", 1, &len) + 36, "3", 1);
	table[36]--;
	table[4] = 35; /* length */
	table[9] += 2;
	assert_memory_equal((u8 *)acpi_find(&root, "AAAA", 1, &len) + 36, "3", 1);
	table[4] = 37;
	table[6] = 1; /* reaches behind what is memory */
	assert_memory_equal((u8 *)acpi_find(&root, "AAAA", 1, &len) + 36, "3", 1);

	memory[0][36]++;
	assert_non_null(open_image());
	memory[0][36]--;
	assert_null(open_image());
	assert_non_null(acpi_open(&root, image.record[0].data, 19));
	image.record[0].data[33]++; /* only the extended checksum */
	assert_non_null(open_image());
	image.record[0].data[0]++;
	assert_non_null(open_image());
}

static void test_madt(void **state)
{
	static const u8 body[] = {
		0,    0,  0xe0, 0xfe, 0, 0, 0,	  0,				/* address, flags */
		0,    8,  0,	0,    1, 0, 0,	  0,				/* CPU 0 */
		0,    8,  1,	2,    0, 0, 0,	  0,				/* CPU 2, not there */
		0,    8,  1,	4,    2, 0, 0,	  0,				/* CPU 4, may come */
		0,    8,  1,	255,  1, 0, 0,	  0,				/* no CPU */
		1,    12, 0,	0,    0, 0, 0,	  0,	0, 0, 0, 0,		/* I/O APIC */
		5,    12, 0,	0,    0, 0, 0xd0, 0xfe, 1, 0, 0, 0,		/* address override */
		9,    16, 0,	0,    0, 1, 0,	  0,	1, 0, 0, 0, 0, 0, 0, 0, /* CPU 256 */
		9,    16, 0,	0,    0, 0, 0,	  0,	1, 0, 0, 0, 0, 0, 0, 0, /* CPU 0 again */
		0x80, 2,							/* unknown */
	};
	u8 bad[sizeof(body)];

	(void)state;
	begin();
	add("APIC", body, sizeof(body));
	assert_null(open_image());
	assert_null(acpi_read_madt(&root, &madt));
	assert_int_equal(madt.lapic, 0x1fed00000);
	assert_false(madt.pic);
	assert_int_equal(madt.cpu_count, 3);
	assert_int_equal(madt.cpu[1].apic_id, 4);
	assert_false(madt.cpu[1].enabled);
	assert_true(madt.cpu[1].online_capable);
	assert_int_equal(madt.cpu[2].apic_id, 256);

	for (u32 size = 0; size < 2; size++) {
		memcpy(bad, body, sizeof(bad));
		bad[9] = size;
		begin();
		add("APIC", bad, sizeof(bad));
		assert_null(open_image());
		assert_non_null(acpi_read_madt(&root, &madt));
	}
	begin();
	add("APIC", body, 15);
	assert_non_null(acpi_read_madt(&root, &madt));
	begin();
	add("APIC", body, 8);
	assert_null(open_image());
	assert_non_null(acpi_read_madt(&root, &madt));
}

static void test_many_cpus(void **state)
{
	static u8 body[8 + 16 * (ACPI_CPUS_MAX + 3)];

	(void)state;
	memset(body, 0, sizeof(body));
	for (u32 i = 0; i < ACPI_CPUS_MAX + 3; i++) {
		u8 *entry = body + 8 + i * 16;

		entry[0] = 9;
		entry[1] = 16;
		memcpy(entry + 4, &i, 4);
		entry[8] = 1;
	}
	begin();
	add("APIC", body, sizeof(body));
	assert_null(open_image());
	assert_null(acpi_read_madt(&root, &madt));
	assert_int_equal(madt.cpu_count, ACPI_CPUS_MAX);
	assert_int_equal(madt.cpu_lost, 3);
}

/* ACPI 1.0's FADT is short, has 32-bit fields only, and no reset register. */
static void test_old_fadt(void **state)
{
	u8 body[116 - 36] = {0};

	(void)state;
	body[40 - 36 + 2] = 0x40; /* DSDT at 4 MiB */
	body[64 - 36 + 1] = 0x4;
	body[89 - 36] = 2;
	body[112 - 36 + 1] = 4; /* claims to have a reset register */
	begin();
	add("FACP", body, sizeof(body));
	assert_null(open_image());
	assert_null(acpi_read_fadt(&root, &fadt));
	assert_false(fadt.has_reset);
	assert_int_equal(fadt.dsdt, MIB(4));
	assert_int_equal(fadt.pm1a_control.address, 0x400);
	assert_int_equal(fadt.pm1a_control.bit_width, 16);
	begin();
	add("FACP", body, sizeof(body) - 1);
	assert_null(open_image());
	assert_non_null(acpi_read_fadt(&root, &fadt));
}

static void test_hide_s3(void **state)
{
	u8 facp[148 - 36] = {0};
	u8 *dsdt, *old, *ssdt;

	(void)state;
	facp[140 - 36 + 2] = 0x30;
	facp[40 - 36 + 2] = 0x40; /* a second DSDT, in the 32-bit field */
	begin();
	add("FACP", facp, sizeof(facp));
	dsdt = add("DSDT", "xx\x08\\_S3_\x12yy\x08_S4_\x12\x08_S3_", 22);
	old = add("DSDT", "\x08_S3_\x12", 6);
	add("SSDT", "nothing", 7);
	ssdt = add("SSDT", "\x08_S3_\x12_S3_\x08", 11);
	assert_null(open_image());
	assert_int_equal(acpi_hide_s3(&root), 3);
	assert_memory_equal(dsdt + 36, "xx\x08\\XS3_\x12yy\x08_S4_\x12\x08_S3_", 22);
	assert_memory_equal(old + 36, "\x08XS3_\x12", 6);
	assert_memory_equal(ssdt + 36, "\x08XS3_\x12_S3_\x08", 11);
	assert_int_equal(acpi_checksum(dsdt, 36 + 22), 0);
	assert_int_equal(acpi_checksum(ssdt, 36 + 11), 0);
	assert_int_equal(acpi_hide_s3(&root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_q35_bios),  cmocka_unit_test(test_q35_uefi),
		cmocka_unit_test(test_damage),	  cmocka_unit_test(test_madt),
		cmocka_unit_test(test_many_cpus), cmocka_unit_test(test_old_fadt),
		cmocka_unit_test(test_hide_s3),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
