/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory that a VM lives in: 2 MiB chunks that the control domain gave it (frame_give), handed out as
 * pages for its page tables and vCPUs. A VM can exhaust only its own chunks.
 *
 * The first page of each chunk is the allocator's; the other 511 are for use. Nobody but Engine can reach a
 * chunk, so what the allocator keeps inside it can be trusted. The caller lets in one CPU at a time for each
 * list.
 */
#ifndef ENGINE_MEM_CHUNK_H
#define ENGINE_MEM_CHUNK_H

#include "lib/types.h"

#define CHUNK_PAGES 511 /* that chunk_alloc_page() can get from one chunk */

/* Addresses are physical, 0 is none. Must not lie in its own chunks: chunk_pop() wipes them. */
struct chunk_list {
	u64 first; /* chunks in the order they came */
	u64 last;
	u64 current; /* pages that were never used are taken from here */
	u64 free;    /* pages that were used and freed */
	u64 pages;   /* pages in use now */
};

/* An empty list; {0} is one as well. */
void chunk_list_init(struct chunk_list *list);

/* Adds the chunk at physical address chunk (2 MiB-aligned, not 0), which has been given and hidden. */
void chunk_add(struct chunk_list *list, u64 chunk);

/* A zeroed page: its physical address, the caller's until freed or popped; 0 if the chunks are used up. */
u64 chunk_alloc_page(struct chunk_list *list);

/* The same for count pages in a row, which are never freed one by one. */
u64 chunk_alloc_pages(struct chunk_list *list, u64 count);

/* page came from chunk_alloc_page() of the same list, and is not used any more. */
void chunk_free_page(struct chunk_list *list, u64 page);

/*
 * Takes one chunk off the list, all pages that were ever used wiped: its physical address, or 0 when none is
 * left. For the VM's end: from the first call on, no page of the list may be used, allocated or freed.
 */
u64 chunk_pop(struct chunk_list *list);

#endif
