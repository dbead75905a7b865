/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Engine's own memory: one range of RAM, handed out once while booting and never given back. */
#ifndef ENGINE_BOOT_POOL_H
#define ENGINE_BOOT_POOL_H

#include "lib/types.h"

void pool_init(u64 base, u64 size);

/*
 * Zeroed, contiguous pages: their physical address. There are enough, as boot computed the size; else a
 * panic.
 */
u64 pool_alloc(u32 pages);
/* Aligned to its size (a power of two pages). */
u64 pool_alloc_aligned(u32 pages);
/* As they are: for what a warm reset keeps. */
u64 pool_alloc_dirty(u32 pages);

u64 pool_base(void);
u64 pool_size(void);
u64 pool_used(void);

#endif
