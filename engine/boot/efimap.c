/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/efimap.h"

#include "lib/string.h"

/* UEFI 2.10, 7.2.3. Firmware may append fields, which is why desc_size exists: descriptors are copied whole.
 */
struct efi_descriptor {
	u32 type;
	u32 pad;
	u64 physical;
	u64 virtual;
	u64 pages;
	u64 attributes;
};

enum {
	EFI_RESERVED = 0,
	EFI_LOADER_CODE = 1,
	EFI_LOADER_DATA = 2,
	EFI_BOOT_CODE = 3,
	EFI_BOOT_DATA = 4,
	EFI_CONVENTIONAL = 7,
};

static bool is_free_after_boot(u32 type)
{
	return (type >= EFI_LOADER_CODE && type <= EFI_BOOT_DATA) || type == EFI_CONVENTIONAL;
}

static u8 *descriptor_at(const struct efimap *map, u32 index)
{
	return (u8 *)map->data + (u64)index * map->desc_size;
}

/* Descriptors are copied in and out, because firmware does not promise their alignment. */
static struct efi_descriptor get(const struct efimap *map, u32 index)
{
	struct efi_descriptor desc;

	memcpy(&desc, descriptor_at(map, index), sizeof(desc));
	return desc;
}

static void put(struct efimap *map, u32 index, const struct efi_descriptor *desc)
{
	memcpy(descriptor_at(map, index), desc, sizeof(*desc));
}

static u32 count(const struct efimap *map)
{
	return map->size / map->desc_size;
}

static bool is_sane(const struct efi_descriptor *desc)
{
	return desc->pages && desc->pages <= (UINT64_MAX >> PAGE_SHIFT) &&
	       desc->physical + (desc->pages << PAGE_SHIFT) > desc->physical;
}

static u64 desc_end(const struct efi_descriptor *desc)
{
	return desc->physical + (desc->pages << PAGE_SHIFT);
}

static bool overlaps(const struct efi_descriptor *desc, struct phys_range range)
{
	return is_sane(desc) && desc->physical < range.end && desc_end(desc) > range.start;
}

/*
 * True if descriptors of free memory describe the whole range, without holes and without overlapping one
 * another. cuts: how many of them (0 to 2) reach beyond the range.
 */
static bool survey(const struct efimap *map, struct phys_range range, u32 *cuts)
{
	u64 at = range.start;
	u32 touched = 0;

	*cuts = 0;
	for (u32 i = 0; i < count(map); i++) {
		struct efi_descriptor desc = get(map, i);

		if (!overlaps(&desc, range))
			continue;
		if (!is_free_after_boot(desc.type))
			return false;
		touched++;
		*cuts += (desc.physical < range.start) + (desc_end(&desc) > range.end);
	}
	/* Walk along the range from one descriptor to its neighbour; the map need not be sorted. */
	while (at < range.end) {
		struct efi_descriptor desc;
		u32 i = 0;

		for (; i < count(map); i++) {
			desc = get(map, i);
			if (overlaps(&desc, range) && MAX(desc.physical, range.start) == at)
				break;
		}
		if (i == count(map) || !touched--)
			return false;
		at = desc_end(&desc);
	}
	return touched == 0;
}

/* Parts descriptor index in two at the address, which lies inside it. There is room. */
static void split(struct efimap *map, u32 index, u64 address)
{
	struct efi_descriptor low = get(map, index);
	struct efi_descriptor high = low;

	memmove(descriptor_at(map, index + 1), descriptor_at(map, index),
		map->size - (u64)index * map->desc_size);
	map->size += map->desc_size;
	low.pages = (address - low.physical) >> PAGE_SHIFT;
	high.physical = address;
	high.pages -= low.pages;
	put(map, index, &low);
	put(map, index + 1, &high);
}

const char *efimap_reserve(struct efimap *map, struct phys_range range)
{
	u32 cuts;

	if (map->desc_size < sizeof(struct efi_descriptor) || map->size % map->desc_size ||
	    map->size > map->capacity)
		return "the EFI memory map has a bad size";
	if (range.start >= range.end || !IS_ALIGNED(range.start | range.end, PAGE_SIZE))
		return "the range to reserve is not made of pages";
	if (!survey(map, range, &cuts))
		return "the EFI memory map does not have the range to reserve as free memory";
	if ((u64)map->size + (u64)cuts * map->desc_size > map->capacity)
		return "the EFI memory map has no room for another descriptor";

	for (u32 i = 0; i < count(map); i++) {
		struct efi_descriptor desc = get(map, i);

		if (!overlaps(&desc, range))
			continue;
		if (desc.physical < range.start) {
			split(map, i, range.start);
			continue; /* with the upper part */
		}
		if (desc_end(&desc) > range.end) {
			split(map, i, range.end);
			desc = get(map, i);
		}
		desc.type = EFI_RESERVED;
		put(map, i, &desc);
	}
	return NULL;
}
