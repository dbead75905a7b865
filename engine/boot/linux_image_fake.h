/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hosted only: makes an image that looks like a kernel, for the unit test and for the fuzzer's seed. */
#ifndef ENGINE_BOOT_LINUX_IMAGE_FAKE_H
#define ENGINE_BOOT_LINUX_IMAGE_FAKE_H

#include <string.h>

#include "boot/crc32.h"
#include "boot/linux_params.h"

#define FAKE_PE 0x40
#define FAKE_SETUP (3 * 512)
#define FAKE_KERNEL 4096
#define FAKE_SIZE (FAKE_SETUP + FAKE_KERNEL)

/* Puts the checksum at the end, as the kernel's build does. */
static inline void fake_seal(u8 *image)
{
	struct crc32 crc;
	u32 remainder;

	crc32_init(&crc);
	remainder = crc32_update(&crc, 0xffffffff, image, FAKE_SIZE - 4);
	memcpy(image + FAKE_SIZE - 4, &remainder, 4);
}

static inline struct linux_setup_header *fake_header(u8 *image)
{
	return (struct linux_setup_header *)(image + 0x1f1);
}

static inline void fake_kernel(u8 *image, const char *release)
{
	const struct linux_setup_header header = {
		.setup_sects = FAKE_SETUP / 512 - 1,
		.syssize = FAKE_KERNEL / 16,
		.boot_flag = LINUX_BOOT_FLAG,
		.jump_opcode = 0xeb,
		.jump_offset = 0x26c - 0x202,
		.magic = LINUX_HEADER_MAGIC,
		.version = 0x020f,
		.kernel_version = 0x400 - 0x200,
		.loadflags = LINUX_LOADED_HIGH,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = MIB(2),
		.relocatable_kernel = 1,
		.xloadflags = LINUX_XLF_KERNEL_64 | LINUX_XLF_ABOVE_4G,
		.cmdline_size = 2047,
		.pref_address = MIB(16),
		.init_size = MIB(20),
		.setup_data = 0x1234,
	};
	const u32 pe = FAKE_PE;

	memset(image, 0, FAKE_SIZE);
	memcpy(image, "MZ", 2);
	memcpy(image + 0x3c, &pe, 4);
	memcpy(image + FAKE_PE, "PE\0", 4);
	memcpy(fake_header(image), &header, sizeof(header));
	strcpy((char *)image + 0x400, release);
	for (u32 i = 0; i < FAKE_KERNEL; i++)
		image[FAKE_SETUP + i] = i * 7;
	fake_seal(image);
}

#endif
