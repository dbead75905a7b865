/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NXT_AGENT_IMAGE_H
#define NXT_AGENT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/index.h"
#include "pc/agent/state.h"

/*
 * A version of an image on its way to this PC, in images/<image>/: <version>.part is the disk,
 * <version>.map says which blocks of it were verified and are on the disk for good, <version>.index is the
 * plain index. Only when all blocks are there is it called <version>.raw, and never written again.
 */
struct image_part;

/* What stays free of the file system for everything else. */
#define IMAGE_SPACE_RESERVE (256ULL << 20)

/*
 * Begins, or goes on where it was cut off. `index` is the caller's, and must outlive it. Takes the space
 * for all blocks at once. -ENOSPC: there is not enough; the error says how much is missing.
 */
int image_part_open(struct state *state, const struct nxt_image *image, const struct nxt_index *index,
		    struct image_part **ret, struct nxt_error *error);
void image_part_free(struct image_part *part);
NXT_DEFINE_CLEANUP(struct image_part *, image_part_free)

const struct nxt_index *image_part_index(const struct image_part *part);
/* Whether a block is there, or is a hole. */
bool image_part_has(const struct image_part *part, size_t block);
/* Bytes of blocks that are there and that are no holes. */
uint64_t image_part_done(const struct image_part *part);

/* Puts a block whose name was checked, and remembers it; image_part_flush() makes it last. */
int image_part_put(struct image_part *part, size_t block, const void *data);
int image_part_flush(struct image_part *part);

/* Copies what other versions on this PC have, each block verified. How many blocks it copied. */
int image_part_copy_local(struct image_part *part, struct state *state);

/* All blocks are there: it becomes a version that workspaces can use. */
int image_part_finish(struct image_part *part, struct state *state);

/* A version that was finished, but not recorded, when the plug was pulled: records it. 1: it is so. */
int image_adopt(struct state *state, const struct nxt_image *image);

#endif
