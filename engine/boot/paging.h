/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Engine's own page tables, after entry.S made the first ones. */
#ifndef ENGINE_BOOT_PAGING_H
#define ENGINE_BOOT_PAGING_H

#include "lib/types.h"

/* Physical memory that the direct map reaches when paging_map_all() is done. */
#define DIRECT_MAP_SIZE GIB(512)

/* Maps all of DIRECT_MAP_SIZE; needs a processor with 1 GiB pages. Before, only 4 GiB are mapped. */
void paging_map_all(void);

/* The identity mapping of low memory was for booting: gone, address 0 faults. */
void paging_seal(void);

#endif
