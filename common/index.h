/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_INDEX_H
#define NXT_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/document.h"
#include "common/error.h"
#include "common/hex.h"

/* The list of a disk's blocks, in memory: at most 512 MiB, for a disk of 4 TiB. */
struct nxt_index {
	uint64_t disk_size; /* bytes */
	size_t n_blocks;
	uint8_t (*names)[NXT_SHA256_SIZE]; /* all zero: a hole */
};

/* An index of holes for a disk of 512 bytes to NXT_DISK_MAX, a multiple of 512. -EINVAL, -ENOMEM. */
int nxt_index_new(uint64_t disk_size, struct nxt_index **ret);
void nxt_index_free(struct nxt_index *index);
NXT_DEFINE_CLEANUP(struct nxt_index *, nxt_index_free)

bool nxt_index_hole(const struct nxt_index *index, size_t block);
/* NXT_BLOCK_SIZE, or less for the last block. */
size_t nxt_index_block_size(const struct nxt_index *index, size_t block);
/* Bytes in blocks that are no holes: the manifest's "filled". */
uint64_t nxt_index_filled(const struct nxt_index *index);

/* One zstd frame, for free(), and the index's name. -ENOMEM. */
int nxt_index_pack(const struct nxt_index *index, void **ret, size_t *ret_size,
		   char ret_name[NXT_SHA256_HEX]);

/* The most bytes that a packed index of this disk can have; a reader fetches no more. */
size_t nxt_index_packed_max(uint64_t disk_size);

/*
 * The reverse, for hostile bytes and a disk out of a verified manifest: length, name and filled must be as
 * that says. -E2BIG: over a limit. -EBADMSG: damaged, or not this disk's. -ENOMEM.
 */
int nxt_index_unpack(const void *packed, size_t packed_size, const struct nxt_disk *disk,
		     struct nxt_index **ret, struct nxt_error *error);

#endif
