/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Placing the control domain's kernel, ready to be entered: with Engine beneath it, or without. */
#ifndef ENGINE_BOOT_CONTROL_H
#define ENGINE_BOOT_CONTROL_H

#include "boot/linux.h"
#include "boot/multiboot2.h"

#define CONTROL_BUSY_MAX (BOOT_MODULES_MAX + 4) /* one more than control_busy() fills */

/*
 * The ranges that are in use while booting and must not be written to: the first page, the boot loader's
 * modules and structure (at mbi), and Engine's image. Returns how many entries of busy, which has
 * CONTROL_BUSY_MAX, are filled.
 */
u32 control_busy(const struct boot_info *info, u64 mbi, struct phys_range image, struct phys_range *busy);

/*
 * Checks the two modules, kernel and initrd. Returns NULL, or the reason for people why they cannot be
 * started.
 */
const char *control_check(const struct boot_info *info);

/*
 * Copies the kernel to its place and builds what it is entered with. map: with Engine's memory reserved, as
 * the ranges in hidden are.
 */
const char *control_place(const struct boot_info *info, const struct memmap *map,
			  const struct phys_range *busy, u32 busy_count, const struct phys_range *hidden,
			  u32 hidden_count, struct linux_entry *entry);

#endif
