/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See walk_memo.h. */
#include "guest/walk_memo.h"

#define RFLAGS_AC BIT(18)
/* Never the number of entries of a walk. */
#define SPOILT 0xff

static bool same_mode(const struct walk_mode *a, const struct walk_mode *b)
{
	return a->cr3 == b->cr3 && a->cr0 == b->cr0 && a->cr4 == b->cr4 && a->efer == b->efer &&
	       !((a->rflags ^ b->rflags) & RFLAGS_AC) && a->maxphyaddr == b->maxphyaddr &&
	       a->no_1g == b->no_1g;
}

bool walk_memo_find(const struct walk_memo *memo, u64 epoch, const struct walk_mode *mode, u64 linear,
		    u32 access, u64 *ret_gpa)
{
	if (!memo->valid || memo->epoch != epoch || memo->linear != (linear & PAGE_MASK) ||
	    memo->access != access || !same_mode(&memo->mode, mode))
		return false;
	/* From the top down, as the walk reads them. */
	for (u32 i = 0; i < memo->n; i++) {
		const void *at = memo->entry[i].at;
		u64 value = memo->size == 8 ? READ_ONCE(*(const u64 *)at) : READ_ONCE(*(const u32 *)at);

		if (value != memo->entry[i].value)
			return false;
	}
	*ret_gpa = memo->gpa | (linear & ~PAGE_MASK);
	return true;
}

void walk_memo_start(struct walk_memo *memo, u64 epoch, const struct walk_mode *mode, u64 linear, u32 access)
{
	memo->valid = false;
	memo->n = 0;
	memo->size = 8;
	memo->access = access;
	memo->epoch = epoch;
	memo->linear = linear & PAGE_MASK;
	memo->page = NULL;
	memo->mode = *mode;
}

void walk_memo_read(struct walk_memo *memo, const void *at, u64 value, u32 size)
{
	if (memo->n >= WALK_MEMO_ENTRIES) {
		memo->n = SPOILT;
		return;
	}
	memo->size = (u8)size;
	memo->entry[memo->n].at = at;
	memo->entry[memo->n].value = value;
	memo->n++;
}

void walk_memo_spoil(struct walk_memo *memo)
{
	memo->n = SPOILT;
}

void walk_memo_done(struct walk_memo *memo, u64 gpa)
{
	memo->gpa = gpa & PAGE_MASK;
	memo->valid = memo->n != SPOILT;
}
