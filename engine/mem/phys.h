/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How Engine reaches physical memory: through one direct map, which hosted tests replace by an array. */
#ifndef ENGINE_MEM_PHYS_H
#define ENGINE_MEM_PHYS_H

#include "lib/types.h"

#if __STDC_HOSTED__

/* A test's "physical memory"; physical address 0 is its first byte. The test owns it and sets this. */
extern u8 *test_memory;

static inline void *phys_to_virt(u64 pa)
{
	return test_memory + pa;
}

#else

/* The lowest canonical address of the upper half: all of a 47-bit physical space fits above it. */
#define DIRECT_MAP 0xffff800000000000ULL

static inline void *phys_to_virt(u64 pa)
{
	return (void *)(DIRECT_MAP + pa);
}

#endif

#endif
