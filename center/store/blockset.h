/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_BLOCKSET_H
#define CENTER_BLOCKSET_H

#include "common/index.h"

/* Names of blocks, each once: those of one or more indexes, without holes. Begin with {}. */
struct blockset {
	uint8_t (*names)[NXT_SHA256_SIZE]; /* sorted */
	size_t n;
};

int blockset_add(struct blockset *set, const struct nxt_index *index); /* -ENOMEM */
bool blockset_has(const struct blockset *set, const uint8_t name[NXT_SHA256_SIZE]);
void blockset_done(struct blockset *set);

#endif
