/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/crc32.h"

#define POLYNOMIAL_REFLECTED 0xedb88320u

void crc32_init(struct crc32 *crc)
{
	for (u32 byte = 0; byte < 256; byte++) {
		u32 remainder = byte;

		for (u32 bit = 0; bit < 8; bit++)
			remainder = (remainder >> 1) ^ (remainder & 1 ? POLYNOMIAL_REFLECTED : 0);
		crc->table[byte] = remainder;
	}
}

u32 crc32_update(const struct crc32 *crc, u32 remainder, const void *data, u64 size)
{
	const u8 *bytes = data;

	for (u64 i = 0; i < size; i++)
		remainder = (remainder >> 8) ^ crc->table[(remainder ^ bytes[i]) & 0xff];
	return remainder;
}
