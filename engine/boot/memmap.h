/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The physical memory map: a sorted list of ranges that do not overlap, in a fixed-size array. Pure
 * functions; the caller owns every object. Addresses are physical, sizes in bytes.
 *
 * Functions that can fail return NULL, or the reason as a constant text for people.
 */
#ifndef ENGINE_BOOT_MEMMAP_H
#define ENGINE_BOOT_MEMMAP_H

#include "lib/types.h"

/* ACPI's address range types (ACPI 6.5, table 15.1), which multiboot2 and Linux' e820 use as well. */
enum memmap_type {
	MEMMAP_RAM = 1,
	MEMMAP_RESERVED = 2,
	MEMMAP_ACPI = 3,
	MEMMAP_NVS = 4,
	MEMMAP_UNUSABLE = 5,
	MEMMAP_PMEM = 7,
};

struct memmap_entry {
	u64 base;
	u64 size;
	u32 type; /* enum memmap_type; firmware's own list may have other numbers */
};

#define MEMMAP_MAX 512
struct memmap {
	u32 count;
	struct memmap_entry entry[MEMMAP_MAX];
};

struct phys_range {
	u64 start;
	u64 end; /* first byte behind */
};

/*
 * Builds the map from what firmware says, in any order and with overlaps: where entries overlap the most
 * restrictive type wins. A type that is not in enum memmap_type becomes MEMMAP_RESERVED. Empty entries are
 * dropped, neighbours of one type merged. Fails when an entry wraps around the address space or the result
 * does not fit; map is undefined then.
 */
const char *memmap_build(struct memmap *map, const struct memmap_entry *firmware, u32 count);

/* Makes a range that is RAM as a whole MEMMAP_RESERVED; anything else is refused and changes nothing. */
const char *memmap_reserve(struct memmap *map, struct phys_range range);

/* True if the whole range is RAM. An empty or inverted range is not. */
bool memmap_is_ram(const struct memmap *map, struct phys_range range);

/* Bytes of RAM in the map. */
u64 memmap_ram_size(const struct memmap *map);

/* What memmap_find looks for. */
struct memmap_request {
	u64 size;  /* > 0 */
	u64 align; /* power of two */
	u64 min;   /* the lowest address that may be used */
	u64 max;   /* the first address that may not; UINT64_MAX: no limit */
	bool high; /* the highest place rather than the lowest */
};

/* Finds RAM that touches none of the busy ranges (in any order). Stores the address; false: there is none. */
bool memmap_find(const struct memmap *map, const struct memmap_request *request,
		 const struct phys_range *busy, u32 busy_count, u64 *address);

#endif
