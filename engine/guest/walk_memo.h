/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last walk of a guest's page tables, to be had again for less. It is no TLB: what it remembers counts
 * only while every entry that the walk read still is what it was, which each use looks at, in the guest's
 * memory. So the answer is always the one that the walk would give now, whoever changes the tables, and no
 * INVLPG needs to be seen.
 *
 * What it saves is finding those entries: their places in Engine's memory are remembered for as long as
 * nothing was taken away from the VM, which the VM's epoch tells (guest/vm.h). Read the epoch before the
 * look-ups that lead to a place, and again before each use: a place is then not released before the vCPU
 * leaves NXT_HC_VCPU_RUN.
 */
#ifndef ENGINE_GUEST_WALK_MEMO_H
#define ENGINE_GUEST_WALK_MEMO_H

#include "guest/walk.h"

#define WALK_MEMO_ENTRIES 5

struct walk_memo {
	bool valid;
	u8 n;	 /* entries */
	u8 size; /* of an entry: 4 or 8 */
	u32 access;
	u64 epoch;
	u64 linear; /* of the page, as is gpa */
	u64 gpa;
	const u8 *page; /* the memory at gpa, or NULL: not looked up */
	struct walk_mode mode;
	struct {
		const void *at;
		u64 value;
	} entry[WALK_MEMO_ENTRIES];
};

/* Is the answer for this access known, and still right? Then *ret_gpa is the address, with the offset. */
bool walk_memo_find(const struct walk_memo *memo, u64 epoch, const struct walk_mode *mode, u64 linear,
		    u32 access, u64 *ret_gpa);

/* A new walk begins; reads an entry; changes one, so that it is not worth remembering; has found gpa. */
void walk_memo_start(struct walk_memo *memo, u64 epoch, const struct walk_mode *mode, u64 linear, u32 access);
void walk_memo_read(struct walk_memo *memo, const void *at, u64 value, u32 size);
void walk_memo_spoil(struct walk_memo *memo);
void walk_memo_done(struct walk_memo *memo, u64 gpa);

#endif
