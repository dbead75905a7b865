/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where things lie in Engine's address space. Shared with assembly. */
#ifndef ENGINE_LIB_LAYOUT_H
#define ENGINE_LIB_LAYOUT_H

/*
 * All physical memory is at DIRECT_MAP (mem/phys.h): the first entry of the upper half of the top-level
 * table.
 */
#define DIRECT_MAP_SLOT 256
/* The image: code and data as linked; see engine.lds. */
#define IMAGE_VIRT 0xffffffff80000000

/*
 * Each CPU has a block of this size, aligned to it: struct cpu at the bottom, the stack growing down from its
 * top.
 */
#define CPU_BLOCK_SHIFT 15
#define CPU_BLOCK_SIZE (1 << CPU_BLOCK_SHIFT)

#define SEL_CODE64 0x08
#define SEL_DATA 0x10
#define SEL_CODE32 0x18

#endif
