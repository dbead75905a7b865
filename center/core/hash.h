/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CENTER_HASH_H
#define CENTER_HASH_H

#include <stdint.h>

/* FNV-1a: to spread texts that a client does not choose over buckets, and for nothing that has to be safe. */
static inline uint32_t text_hash(const char *text)
{
	uint32_t hash = 2166136261;

	while (*text)
		hash = (hash ^ (unsigned char)*text++) * 16777619;
	return hash;
}

#endif
