/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the boot loader tells Engine: parses the multiboot2 information structure (Multiboot2
 * Specification 2.0, 3.6) into a struct boot_info. Strings and tables are copied, because the structure lies
 * in memory that is used for something else later; the EFI memory map, of unbounded size, is the one thing
 * that is not.
 */
#ifndef ENGINE_BOOT_MULTIBOOT2_H
#define ENGINE_BOOT_MULTIBOOT2_H

#include "boot/memmap.h"

#define MULTIBOOT2_LOADER_MAGIC 0x36d76289u /* in EAX at entry; EBX is the address of the structure */

#define BOOT_CMDLINE_MAX 2048 /* with the NUL: what Linux takes (COMMAND_LINE_SIZE) */
#define BOOT_MODULES_MAX 8
#define BOOT_MEMORY_MAX 256
#define BOOT_LOADER_MAX 64
#define BOOT_RSDP_MAX 36

struct boot_module {
	u64 start; /* physical, both below 4 GiB */
	u64 end;   /* first byte behind; > start */
	char cmdline[BOOT_CMDLINE_MAX];
};

struct boot_framebuffer {
	bool present; /* with type 1, direct RGB; text mode and palettes are not passed on */
	u64 address;
	u32 pitch; /* bytes per line */
	u32 width; /* pixels */
	u32 height;
	u8 bpp; /* bits per pixel: 15, 16, 24 or 32 */
	u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size; /* in bits */
};

struct boot_efi {
	u64 system_table; /* physical address of the 64-bit system table; 0: not started by 64-bit EFI */
	const void *memory_map; /* inside the multiboot2 structure; NULL: none */
	u32 memory_map_size;	/* bytes, a multiple of desc_size */
	u32 desc_size;
	u32 desc_version;
	bool boot_services; /* the loader has not left boot services */
};

struct boot_info {
	u32 size; /* bytes of the multiboot2 structure, which must not be overwritten while memory_map is used
		   */
	char cmdline[BOOT_CMDLINE_MAX]; /* Engine's; "" if there is none */
	char loader[BOOT_LOADER_MAX];	/* the boot loader's name, cut if need be; "" if there is none */
	u32 module_count;
	struct boot_module module[BOOT_MODULES_MAX]; /* in the order of the loader's configuration */
	u32 memory_count;
	struct memmap_entry memory[BOOT_MEMORY_MAX]; /* as the firmware said it: for memmap_build() */
	struct boot_framebuffer framebuffer;
	struct boot_efi efi;
	u32 rsdp_size; /* 0: none; 20: version 1; 36: version 2 */
	u8 rsdp[BOOT_RSDP_MAX];
};

/*
 * Parses the structure at mbi, of which `accessible` bytes can be read. Returns NULL, or the reason for
 * people why it cannot be used; info is undefined then. A tag of an unknown type is skipped. No memory map is
 * a reason.
 */
const char *multiboot2_parse(const void *mbi, u64 accessible, struct boot_info *info);

#endif
