/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_PACK_H
#define NXT_PACK_H

#include <stdint.h>

#include "center/release/source.h"
#include "center/release/store.h"
#include "common/index.h"

struct pack_result {
	uint64_t stored_blocks; /* that were not there before */
	uint64_t stored_bytes;	/* of them, packed */
};

/*
 * Cuts the disk into blocks, puts those into the store that it does not have whole, and writes down their
 * names in the index, which is of the disk's size. With two threads: one reads while the other packs.
 * Tells its progress.
 */
int pack_disk(struct source *source, struct store *store, struct nxt_index *index, struct pack_result *ret,
	      struct nxt_error *error);

#endif
