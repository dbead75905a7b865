/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot/paging.h"
#include "cpu/asm.h"
#include "lib/layout.h"

#define PTE_PRESENT BIT(0)
#define PTE_WRITE BIT(1)
#define PTE_LARGE BIT(7)
#define PTE_NX BIT(63)

extern u64 engine_pml4[512], direct_pdpt[512];

static void flush(void)
{
	write_cr3(read_cr3());
}

void paging_map_all(void)
{
	/* The first four entries are entry.S's, in 2 MiB pages. */
	for (u64 i = 4; i < 512; i++)
		direct_pdpt[i] = i << 30 | PTE_LARGE | PTE_WRITE | PTE_PRESENT;
	/* Nothing is executed through the direct map. The identity map shares its tables, and is executed
	 * from. */
	engine_pml4[DIRECT_MAP_SLOT] |= PTE_NX;
	flush();
}

void paging_seal(void)
{
	engine_pml4[0] = 0;
	flush();
}
