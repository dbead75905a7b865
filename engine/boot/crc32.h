/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CRC-32 with the polynomial 0x04c11db7, bits reflected: as gzip, zlib and the Linux kernel's build have it.
 */
#ifndef ENGINE_BOOT_CRC32_H
#define ENGINE_BOOT_CRC32_H

#include "lib/types.h"

struct crc32 {
	u32 table[256];
};

void crc32_init(struct crc32 *crc);

/* The remainder after size more bytes. Start with 0xffffffff; most formats invert the last result, Linux does
 * not. */
u32 crc32_update(const struct crc32 *crc, u32 remainder, const void *data, u64 size);

#endif
