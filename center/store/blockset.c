/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "center/store/blockset.h"

#include <errno.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, NXT_SHA256_SIZE);
}

int blockset_add(struct blockset *set, const struct nxt_index *index)
{
	size_t room = set->n + index->n_blocks, n = 0;
	uint8_t(*names)[NXT_SHA256_SIZE] = reallocarray(set->names, room, NXT_SHA256_SIZE);

	if (!names)
		return -ENOMEM;
	set->names = names;
	for (size_t i = 0; i < index->n_blocks; i++)
		if (!nxt_index_hole(index, i))
			memcpy(names[set->n++], index->names[i], NXT_SHA256_SIZE);
	qsort(names, set->n, NXT_SHA256_SIZE, compare);
	for (size_t i = 0; i < set->n; i++)
		if (!n || memcmp(names[n - 1], names[i], NXT_SHA256_SIZE))
			memmove(names[n++], names[i], NXT_SHA256_SIZE);
	set->n = n;
	return 0;
}

bool blockset_has(const struct blockset *set, const uint8_t name[NXT_SHA256_SIZE])
{
	return set->n && bsearch(name, set->names, set->n, NXT_SHA256_SIZE, compare);
}

void blockset_done(struct blockset *set)
{
	free(set->names);
}
