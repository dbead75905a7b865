/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the CPU does with a nested page table, for tests: written from the manuals, not from Engine's code. */
#ifndef ENGINE_MEM_WALKER_H
#define ENGINE_MEM_WALKER_H

#include <stdio.h>
#include <stdlib.h>

#include "lib/types.h"
#include "mem/phys.h"

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);              \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

struct nested_walk {
	bool present;
	bool writable;
	u64 pa;	    /* of the byte at gpa */
	u32 level;  /* of the leaf: 1, 2, 3 */
	u64 *entry; /* the leaf */
};

#define WALK_PHYS_BITS 40

/* AMD: APM vol. 2, 5.3 and 15.25. Intel: SDM vol. 3C, 29.3.2. Reserved bits and misconfigurations are
 * failures. */
static inline struct nested_walk walk_nested(bool ept, u64 root, u64 gpa)
{
	struct nested_walk walk = {.present = true, .writable = true, .level = 4};
	u64 table = root;

	for (;; walk.level--) {
		u32 shift = 12 + 9 * (walk.level - 1);
		u64 value, address;
		bool leaf;

		walk.entry = (u64 *)phys_to_virt(table) + (gpa >> shift & 511);
		value = *walk.entry;
		leaf = walk.level == 1 || (walk.level < 4 && (value >> 7 & 1));
		if (!(value & 7)) {
			walk.present = walk.writable = false;
			return walk;
		}
		address = value & 0x000ffffffffff000ULL;
		CHECK(address >> WALK_PHYS_BITS == 0);
		CHECK(value & 1);		  /* AMD: present; Intel: readable, else W alone */
		CHECK(value >> 2 & 1);		  /* AMD: user; Intel: executable */
		CHECK(ept || !(value >> 63 & 1)); /* AMD: NX */
		CHECK(walk.level != 4 || !(value >> 7 & 1));
		if (leaf) {
			CHECK(!(address & (BIT(shift) - 1)));
			CHECK(!ept || (value >> 3 & 7) == 6); /* write-back */
			CHECK(ept || !(value & 0x18));	      /* PAT entry 0 */
		} else {
			CHECK(!ept || !(value & 0xf8));
		}
		walk.writable = walk.writable && (value >> 1 & 1);
		if (leaf) {
			walk.pa = address | (gpa & (BIT(shift) - 1));
			return walk;
		}
		table = address;
	}
}

/* The guest uses what walk found: the CPU marks the entry. */
static inline void walk_access(bool ept, const struct nested_walk *walk, bool write)
{
	*walk->entry |= ept ? BIT(8) : BIT(5);
	if (write)
		*walk->entry |= ept ? BIT(9) : BIT(6);
}

#endif
