/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "boot/efimap.h"
#include "boot/multiboot2.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct boot_info info;
	static struct memmap map;
	struct memmap_request want = {.size = MIB(2), .align = MIB(2), .max = GIB(4)};
	u64 at;

	if (multiboot2_parse(data, size, &info) || memmap_build(&map, info.memory, info.memory_count))
		return 0;
	for (u32 i = 0; i < map.count; i++)
		if (!map.entry[i].size ||
		    (i && map.entry[i - 1].base + map.entry[i - 1].size > map.entry[i].base))
			abort();
	struct phys_range busy[BOOT_MODULES_MAX];
	for (u32 i = 0; i < info.module_count; i++)
		busy[i] = (struct phys_range){info.module[i].start, info.module[i].end};
	if (!memmap_find(&map, &want, busy, info.module_count, &at))
		return 0;
	struct phys_range range = {at, at + want.size};
	if (!memmap_is_ram(&map, range))
		abort();
	memmap_reserve(&map, range);
	if (info.efi.memory_map) {
		u32 capacity = info.efi.memory_map_size + EFIMAP_GROWTH * info.efi.desc_size;
		struct efimap efi = {malloc(capacity), info.efi.memory_map_size, capacity, info.efi.desc_size,
				     1};

		memcpy(efi.data, info.efi.memory_map, efi.size);
		efimap_reserve(&efi, range);
		free(efi.data);
	}
	return 0;
}
