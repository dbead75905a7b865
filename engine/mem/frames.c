/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ownership table; frames.h states its rules. Each row of the table there is one step function here. */
#include "mem/frames.h"

#include "abi/hypercall.h"
#include "lib/string.h"

/* A word: 31:28 kind, 27:20 VM id, 19:0 count. */
#define KIND_SHIFT 28
#define VM_SHIFT 20
#define VM_MASK 0xffu

_Static_assert(NXT_MAX_VMS <= VM_MASK, "VM ids fit in a word");

static struct {
	u32 *words;
	u64 count;
	struct frames_stats stats;
} table;

static u32 pack(struct frame frame)
{
	return (u32)frame.kind << KIND_SHIFT | frame.vm << VM_SHIFT | frame.count;
}

static struct frame unpack(u32 word)
{
	return (struct frame){
		.kind = (enum frame_kind)(word >> KIND_SHIFT),
		.vm = word >> VM_SHIFT & VM_MASK,
		.count = word & FRAME_COUNT_MAX,
	};
}

/* Makes *frame what it becomes, or returns false: refused. */
typedef bool (*step_fn)(struct frame *frame, u32 vm);

static bool add_holder(struct frame *frame)
{
	if (frame->count == FRAME_COUNT_MAX)
		return false;
	frame->count++;
	return true;
}

static void remove_holder(struct frame *frame)
{
	if (--frame->count == 0)
		*frame = (struct frame){.kind = FRAME_CONTROL};
}

static bool give(struct frame *frame, u32 vm)
{
	if (frame->kind != FRAME_CONTROL)
		return false;
	*frame = (struct frame){.kind = FRAME_GIVEN, .vm = vm};
	return true;
}

static bool take_back(struct frame *frame, u32 vm)
{
	if (frame->kind != FRAME_GIVEN || frame->vm != vm)
		return false;
	*frame = (struct frame){.kind = FRAME_CONTROL};
	return true;
}

static bool pin(struct frame *frame, u32 vm)
{
	(void)vm;
	if (frame->kind == FRAME_CONTROL)
		frame->kind = FRAME_PINNED;
	return frame->kind == FRAME_PINNED && add_holder(frame);
}

static bool unpin(struct frame *frame, u32 vm)
{
	(void)vm;
	if (frame->kind != FRAME_PINNED)
		return false;
	remove_holder(frame);
	return true;
}

static bool share_writable(struct frame *frame, u32 vm)
{
	if (frame->kind == FRAME_CONTROL)
		*frame = (struct frame){.kind = FRAME_SHARED, .vm = vm};
	return frame->kind == FRAME_SHARED && frame->vm == vm && add_holder(frame);
}

static bool share_read_only(struct frame *frame, u32 vm)
{
	if (frame->kind == FRAME_CONTROL)
		frame->kind = FRAME_SHARED_RO;
	if (frame->kind == FRAME_SHARED_RO)
		return add_holder(frame);
	return share_writable(frame, vm);
}

static bool unshare(struct frame *frame, u32 vm)
{
	if (frame->kind != FRAME_SHARED_RO && !(frame->kind == FRAME_SHARED && frame->vm == vm))
		return false;
	remove_holder(frame);
	return true;
}

static bool is_shared(enum frame_kind kind)
{
	return kind == FRAME_SHARED || kind == FRAME_SHARED_RO;
}

/* Adds what a step changed in the totals to *change (modulo 2^64, so -1 is fine). */
static void note(struct frames_stats *change, enum frame_kind from, enum frame_kind to)
{
	change->shared += (u64)is_shared(to) - (u64)is_shared(from);
	change->given += (u64)(to == FRAME_GIVEN) - (u64)(from == FRAME_GIVEN);
	change->pinned += (u64)(to == FRAME_PINNED) - (u64)(from == FRAME_PINNED);
}

static void account(const struct frames_stats *change)
{
	__atomic_fetch_add(&table.stats.shared, change->shared, __ATOMIC_RELAXED);
	__atomic_fetch_add(&table.stats.given, change->given, __ATOMIC_RELAXED);
	__atomic_fetch_add(&table.stats.pinned, change->pinned, __ATOMIC_RELAXED);
	__atomic_fetch_add(&table.stats.bad, change->bad, __ATOMIC_RELAXED);
}

static bool apply(u64 pfn, step_fn step, u32 vm, struct frames_stats *change)
{
	struct frame from, to;
	u32 *word, old;

	if (pfn >= table.count)
		return false;

	word = &table.words[pfn];
	old = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	do {
		from = to = unpack(old);
		if (!step(&to, vm))
			return false;
	} while (!__atomic_compare_exchange_n(word, &old, pack(to), false, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	note(change, from.kind, to.kind);
	return true;
}

/*
 * All or none: undo takes back exactly what step did, because each step adds one holder of its own and nobody
 * else's call can remove that.
 */
static int take(u64 pfn, u32 nframes, step_fn step, step_fn undo, u32 vm)
{
	struct frames_stats change = {0};
	int ret = 0;
	u32 i;

	if (!IS_ALIGNED(pfn, nframes))
		return -NXT_EINVAL;

	for (i = 0; i < nframes; i++) {
		if (!apply(pfn + i, step, vm, &change)) {
			ret = -NXT_EPERM;
			break;
		}
	}
	while (ret && i-- > 0)
		apply(pfn + i, undo, vm, &change);
	account(&change);
	return ret;
}

static void release(u64 pfn, u32 nframes, step_fn undo, u32 vm)
{
	struct frames_stats change = {0};
	u32 i;

	for (i = 0; i < nframes; i++) {
		if (!apply(pfn + i, undo, vm, &change))
			change.bad++;
	}
	account(&change);
}

void frames_init(u32 *words, u64 count)
{
	memset(words, 0, count * sizeof(*words));
	table.words = words;
	table.count = count;
	table.stats = (struct frames_stats){0};
}

void frames_set_range(u64 pfn, u64 nframes, enum frame_kind kind)
{
	u64 end = nframes < table.count ? MIN(pfn, table.count) + nframes : table.count;

	for (; pfn < MIN(end, table.count); pfn++)
		table.words[pfn] = pack((struct frame){.kind = kind});
}

int frame_give(u64 chunk_pfn, u32 vm)
{
	return take(chunk_pfn, NXT_CHUNK_FRAMES, give, take_back, vm);
}

void frame_take_back(u64 chunk_pfn, u32 vm)
{
	release(chunk_pfn, NXT_CHUNK_FRAMES, take_back, vm);
}

int frame_pin(u64 pfn)
{
	return take(pfn, 1, pin, unpin, 0);
}

void frame_unpin(u64 pfn)
{
	release(pfn, 1, unpin, 0);
}

int frame_share(u64 pfn, u32 nframes, u32 vm, bool writable)
{
	return take(pfn, nframes, writable ? share_writable : share_read_only, unshare, vm);
}

void frame_unshare(u64 pfn, u32 nframes, u32 vm)
{
	release(pfn, nframes, unshare, vm);
}

struct frame frame_read(u64 pfn)
{
	if (pfn >= table.count)
		return (struct frame){.kind = FRAME_NONE};
	return unpack(__atomic_load_n(&table.words[pfn], __ATOMIC_ACQUIRE));
}

struct frames_stats frames_stats(void)
{
	return (struct frames_stats){
		.shared = __atomic_load_n(&table.stats.shared, __ATOMIC_RELAXED),
		.given = __atomic_load_n(&table.stats.given, __ATOMIC_RELAXED),
		.pinned = __atomic_load_n(&table.stats.pinned, __ATOMIC_RELAXED),
		.bad = __atomic_load_n(&table.stats.bad, __ATOMIC_RELAXED),
	};
}
