/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/pool.h"
#include "cpu/trap.h"
#include "lib/string.h"
#include "mem/phys.h"

static u64 base, size, used;

void pool_init(u64 pool_base_pa, u64 pool_bytes)
{
	base = pool_base_pa;
	size = pool_bytes;
	used = 0;
}

static u64 take(u64 bytes, u64 align)
{
	u64 at = ALIGN_UP(base + used, align);

	if (at + bytes > base + size)
		panic("Engine's memory of %lu KiB is too small: give a larger memory= option", size >> 10);
	used = at + bytes - base;
	return at;
}

u64 pool_alloc(u32 pages)
{
	u64 at = take(pages * PAGE_SIZE, PAGE_SIZE);

	memset(phys_to_virt(at), 0, pages * PAGE_SIZE);
	return at;
}

u64 pool_alloc_aligned(u32 pages)
{
	u64 at = take(pages * PAGE_SIZE, pages * PAGE_SIZE);

	memset(phys_to_virt(at), 0, pages * PAGE_SIZE);
	return at;
}

u64 pool_alloc_dirty(u32 pages)
{
	return take(pages * PAGE_SIZE, PAGE_SIZE);
}

u64 pool_base(void)
{
	return base;
}

u64 pool_size(void)
{
	return size;
}

u64 pool_used(void)
{
	return used;
}
