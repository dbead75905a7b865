/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The zero page, as far as Engine fills or reads it (Linux, Documentation/arch/x86/zero-page.rst and
 * boot.rst). The layouts are fixed by protocol; the assertions name the offsets.
 */
#ifndef ENGINE_BOOT_LINUX_PARAMS_H
#define ENGINE_BOOT_LINUX_PARAMS_H

#include "lib/types.h"

struct linux_screen_info {
	u8 unused0[7];
	u8 columns; /* of text mode */
	u8 unused1[6];
	u8 lines;
	u8 type; /* LINUX_VIDEO_* */
	u16 unused2;
	u16 lfb_width;
	u16 lfb_height;
	u16 lfb_depth;
	u32 lfb_base;
	u32 lfb_size; /* bytes; in 64 KiB units for LINUX_VIDEO_VESA */
	u32 unused3;
	u16 lfb_linelength;
	u8 red_size, red_pos, green_size, green_pos, blue_size, blue_pos, reserved_size, reserved_pos;
	u8 unused4[8];
	u32 capabilities;
	u32 ext_lfb_base; /* bits 63:32 of the base */
	u16 unused5;
} PACKED;

#define LINUX_VIDEO_VESA 0x23
#define LINUX_VIDEO_EFI 0x70
#define LINUX_VIDEO_64BIT_BASE BIT(1)

struct linux_efi_info {
	u32 signature; /* LINUX_EFI64_SIGNATURE */
	u32 system_table;
	u32 desc_size;
	u32 desc_version;
	u32 memory_map;
	u32 memory_map_size;
	u32 system_table_high;
	u32 memory_map_high;
} PACKED;

#define LINUX_EFI64_SIGNATURE 0x34364c45u /* "EL64" */

/* At 0x1f1 of a bzImage and of the zero page; version 2.12 and up. */
struct linux_setup_header {
	u8 setup_sects;
	u16 root_flags;
	u32 syssize; /* of the protected-mode part, in 16-byte units */
	u16 ram_size;
	u16 vid_mode;
	u16 root_dev;
	u16 boot_flag; /* LINUX_BOOT_FLAG */
	u8 jump_opcode;
	u8 jump_offset; /* the header ends this far behind the field */
	u32 magic;	/* LINUX_HEADER_MAGIC */
	u16 version;
	u32 realmode_switch;
	u16 start_sys_seg;
	u16 kernel_version; /* where the release text is, less 0x200 */
	u8 type_of_loader;
	u8 loadflags;
	u16 setup_move_size;
	u32 code32_start;
	u32 ramdisk_image;
	u32 ramdisk_size;
	u32 bootsect_kludge;
	u16 heap_end_ptr;
	u8 ext_loader_version;
	u8 ext_loader_type;
	u32 cmd_line_ptr;
	u32 initrd_addr_max;
	u32 kernel_alignment;
	u8 relocatable_kernel;
	u8 min_alignment;
	u16 xloadflags;
	u32 cmdline_size;
	u32 hardware_subarch;
	u64 hardware_subarch_data;
	u32 payload_offset;
	u32 payload_length;
	u64 setup_data;
	u64 pref_address;
	u32 init_size;
} PACKED;

#define LINUX_BOOT_FLAG 0xaa55
#define LINUX_HEADER_MAGIC 0x53726448u /* "HdrS" */
#define LINUX_LOADED_HIGH BIT(0)       /* of loadflags: the protected-mode part is not below 1 MiB */
#define LINUX_XLF_KERNEL_64 BIT(0)     /* of xloadflags */
#define LINUX_XLF_ABOVE_4G BIT(1)      /* initrd, command line and the zero page may lie above 4 GiB */
#define LINUX_LOADER_UNDEFINED 0xff    /* a loader without an assigned number */

struct linux_e820 {
	u64 base;
	u64 size;
	u32 type;
} PACKED;

/* A link in the list of data that does not fit in the zero page. */
struct linux_setup_data {
	u64 next;
	u32 type; /* LINUX_SETUP_E820 */
	u32 len;  /* of what follows */
	struct linux_e820 entry[];
} PACKED;

#define LINUX_SETUP_E820 1

struct linux_params {
	struct linux_screen_info screen;
	u8 unused0[0x70 - 0x40];
	u64 rsdp;
	u8 unused1[0xc0 - 0x78];
	u32 ext_ramdisk_image; /* bits 63:32 of each */
	u32 ext_ramdisk_size;
	u32 ext_cmd_line_ptr;
	u8 unused2[0x1c0 - 0xcc];
	struct linux_efi_info efi;
	u8 unused3[0x1e8 - 0x1e0];
	u8 e820_count;
	u8 unused4[0x1f1 - 0x1e9];
	union {
		struct linux_setup_header header;
		u8 header_bytes[0x290 - 0x1f1]; /* a later version's header may be longer, up to here */
	} PACKED;
	u8 unused5[0x2d0 - 0x290];
	struct linux_e820 e820[128];
	u8 unused6[0x1000 - 0xcd0];
} PACKED;

_Static_assert(sizeof(struct linux_screen_info) == 0x40, "screen_info has its size");
_Static_assert(offsetof(struct linux_screen_info, type) == 0x0f, "orig_video_isVGA");
_Static_assert(offsetof(struct linux_screen_info, lfb_base) == 0x18, "lfb_base");
_Static_assert(offsetof(struct linux_screen_info, lfb_linelength) == 0x24, "lfb_linelength");
_Static_assert(offsetof(struct linux_screen_info, capabilities) == 0x36, "capabilities");
_Static_assert(offsetof(struct linux_screen_info, ext_lfb_base) == 0x3a, "ext_lfb_base");
_Static_assert(sizeof(struct linux_efi_info) == 0x20, "efi_info has its size");
_Static_assert(sizeof(struct linux_e820) == 20, "an e820 entry has its size");
_Static_assert(sizeof(struct linux_params) == 0x1000, "the zero page is a page");
_Static_assert(offsetof(struct linux_params, rsdp) == 0x70, "acpi_rsdp_addr");
_Static_assert(offsetof(struct linux_params, ext_ramdisk_image) == 0xc0, "ext_ramdisk_image");
_Static_assert(offsetof(struct linux_params, efi) == 0x1c0, "efi_info");
_Static_assert(offsetof(struct linux_params, e820_count) == 0x1e8, "e820_entries");
_Static_assert(offsetof(struct linux_params, header) == 0x1f1, "hdr");
_Static_assert(offsetof(struct linux_params, header.boot_flag) == 0x1fe, "boot_flag");
_Static_assert(offsetof(struct linux_params, header.magic) == 0x202, "header");
_Static_assert(offsetof(struct linux_params, header.type_of_loader) == 0x210, "type_of_loader");
_Static_assert(offsetof(struct linux_params, header.code32_start) == 0x214, "code32_start");
_Static_assert(offsetof(struct linux_params, header.cmd_line_ptr) == 0x228, "cmd_line_ptr");
_Static_assert(offsetof(struct linux_params, header.xloadflags) == 0x236, "xloadflags");
_Static_assert(offsetof(struct linux_params, header.setup_data) == 0x250, "setup_data");
_Static_assert(offsetof(struct linux_params, header.init_size) == 0x260, "init_size");
_Static_assert(offsetof(struct linux_params, e820) == 0x2d0, "e820_table");

#endif
