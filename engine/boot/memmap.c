/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/memmap.h"

#include "lib/string.h"

/* Types that only some firmware knows are memory to keep off, which is all that anybody needs to know. */
static u32 known_type(u32 type)
{
	return (type >= MEMMAP_RAM && type <= MEMMAP_UNUSABLE) || type == MEMMAP_PMEM ? type
										      : MEMMAP_RESERVED;
}

/* How restrictive a type is: where the firmware contradicts itself the higher one is believed. */
static int rank(u32 type)
{
	switch (type) {
	case MEMMAP_RAM:
		return 0;
	case MEMMAP_ACPI: /* RAM, once the tables have been read */
		return 1;
	case MEMMAP_PMEM:
		return 2;
	case MEMMAP_NVS:
		return 3;
	case MEMMAP_UNUSABLE:
		return 5;
	default:
		return 4;
	}
}

static u64 entry_end(const struct memmap_entry *entry)
{
	return entry->base + entry->size;
}

/* Index of the first entry that ends above the address. */
static u32 first_above(const struct memmap *map, u64 address)
{
	u32 i = 0;

	while (i < map->count && entry_end(&map->entry[i]) <= address)
		i++;
	return i;
}

static bool insert(struct memmap *map, u32 at, u64 base, u64 size, u32 type)
{
	if (map->count == MEMMAP_MAX)
		return false;
	memmove(&map->entry[at + 1], &map->entry[at], (map->count - at) * sizeof(map->entry[0]));
	map->entry[at] = (struct memmap_entry){.base = base, .size = size, .type = type};
	map->count++;
	return true;
}

/* Puts an entry border at the address, if an entry contains it. */
static bool split(struct memmap *map, u64 address)
{
	u32 i = first_above(map, address);
	struct memmap_entry *entry = &map->entry[i];

	if (i == map->count || entry->base >= address)
		return true;
	if (!insert(map, i + 1, address, entry_end(entry) - address, entry->type))
		return false;
	entry->size = address - entry->base;
	return true;
}

/* Makes one entry of neighbours that touch and have one type. */
static void merge(struct memmap *map)
{
	u32 kept = 0;

	for (u32 i = 1; i < map->count; i++) {
		struct memmap_entry *last = &map->entry[kept];
		const struct memmap_entry *next = &map->entry[i];

		if (entry_end(last) == next->base && last->type == next->type)
			last->size += next->size;
		else
			map->entry[++kept] = *next;
	}
	if (map->count)
		map->count = kept + 1;
}

/* Adds one range to the map: fills its gaps, and turns less restrictive entries into the type. */
static bool add(struct memmap *map, struct phys_range range, u32 type)
{
	/* With borders at both ends every entry lies either inside the range or outside it. */
	if (!split(map, range.start) || !split(map, range.end))
		return false;

	u64 at = range.start;
	for (u32 i = first_above(map, at); at < range.end; i++) {
		u64 next = range.end;

		if (i < map->count && map->entry[i].base < next)
			next = map->entry[i].base;
		if (at < next) {
			if (!insert(map, i, at, next - at, type))
				return false;
		} else if (rank(map->entry[i].type) < rank(type)) {
			map->entry[i].type = type;
		}
		at = entry_end(&map->entry[i]);
	}
	merge(map);
	return true;
}

const char *memmap_build(struct memmap *map, const struct memmap_entry *firmware, u32 count)
{
	map->count = 0;
	for (u32 i = 0; i < count; i++) {
		struct phys_range range = {firmware[i].base, entry_end(&firmware[i])};

		if (!firmware[i].size)
			continue;
		if (range.end < range.start)
			return "a memory map entry wraps around the address space";
		if (!add(map, range, known_type(firmware[i].type)))
			return "the memory map has too many entries";
	}
	return NULL;
}

const char *memmap_reserve(struct memmap *map, struct phys_range range)
{
	if (!memmap_is_ram(map, range))
		return "the range to reserve is not RAM";
	/* The range lies in one entry: at most two more come into being. */
	if (map->count + 2 > MEMMAP_MAX)
		return "the memory map has too many entries";
	add(map, range, MEMMAP_RESERVED);
	return NULL;
}

bool memmap_is_ram(const struct memmap *map, struct phys_range range)
{
	u32 i = first_above(map, range.start);

	/* Neighbours of one type are merged, so a range that is RAM lies in one entry. */
	return range.start < range.end && i < map->count && map->entry[i].type == MEMMAP_RAM &&
	       map->entry[i].base <= range.start && entry_end(&map->entry[i]) >= range.end;
}

u64 memmap_ram_size(const struct memmap *map)
{
	u64 size = 0;

	for (u32 i = 0; i < map->count; i++)
		if (map->entry[i].type == MEMMAP_RAM)
			size += map->entry[i].size;
	return size;
}

static const struct phys_range *find_busy(const struct phys_range *busy, u32 busy_count, u64 start, u64 end)
{
	for (u32 i = 0; i < busy_count; i++)
		if (busy[i].start < end && start < busy[i].end)
			return &busy[i];
	return NULL;
}

/*
 * The lowest or highest fitting place in [low, high). Each busy range in the way moves the candidate past it,
 * so this ends.
 */
static bool find_in(const struct memmap_request *request, u64 low, u64 high, const struct phys_range *busy,
		    u32 busy_count, u64 *address)
{
	while (low < high && high - low >= request->size) {
		u64 start = request->high ? ALIGN_DOWN(high - request->size, request->align)
					  : ALIGN_UP(low, request->align);

		/* Aligning up may also wrap around to 0. */
		if (start < low || start > high - request->size)
			return false;
		const struct phys_range *hit = find_busy(busy, busy_count, start, start + request->size);
		if (!hit) {
			*address = start;
			return true;
		}
		if (request->high)
			high = hit->start;
		else
			low = hit->end;
	}
	return false;
}

bool memmap_find(const struct memmap *map, const struct memmap_request *request,
		 const struct phys_range *busy, u32 busy_count, u64 *address)
{
	if (!request->size)
		return false;
	for (u32 n = 0; n < map->count; n++) {
		const struct memmap_entry *entry = &map->entry[request->high ? map->count - 1 - n : n];

		if (entry->type == MEMMAP_RAM &&
		    find_in(request, MAX(entry->base, request->min), MIN(entry_end(entry), request->max),
			    busy, busy_count, address))
			return true;
	}
	return false;
}
