/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who owns each frame of memory. This table is Engine's isolation claim: no frame becomes reachable for
 * anybody (a guest, Engine on behalf of a hypercall, a VM's private chunk) but through a transition below.
 *
 * One 32-bit word for each 4 KiB frame: a kind, a VM id and a count. Every transition is one
 * compare-and-exchange of one word, so all CPUs may race without a lock.
 *
 *	kind		VM	count		who can reach the frame
 *	NONE		-	-		not RAM: nobody through this table
 *	ENGINE		-	-		Engine
 *	CONTROL		-	-		the control domain
 *	GIVEN		owner	-		Engine, for that VM: page tables, vCPU state
 *	PINNED		-	pins >= 1	the control domain, and Engine, which reads and writes it
 *	SHARED		owner	maps >= 1	the control domain, and one VM, which may write
 *	SHARED_RO	-	maps >= 1	the control domain, and any number of VMs, which only read
 *
 *	from		by				to
 *	CONTROL		frame_give(vm)			GIVEN(vm)
 *	GIVEN(vm)	frame_take_back(vm)		CONTROL
 *	CONTROL		frame_pin			PINNED(1)
 *	PINNED(n)	frame_pin			PINNED(n + 1)
 *	PINNED(n)	frame_unpin			PINNED(n - 1), CONTROL when n is 1
 *	CONTROL		frame_share(vm, writable)	SHARED(vm, 1)
 *	CONTROL		frame_share(vm, read-only)	SHARED_RO(1)
 *	SHARED(vm, n)	frame_share(vm, either)		SHARED(vm, n + 1)
 *	SHARED_RO(n)	frame_share(any, read-only)	SHARED_RO(n + 1)
 *	SHARED(vm, n)	frame_unshare(vm)		SHARED(vm, n - 1), CONTROL when n is 1
 *	SHARED_RO(n)	frame_unshare(any)		SHARED_RO(n - 1), CONTROL when n is 1
 *
 * Whatever is not in the list is refused. So a pinned frame cannot be shared and a shared one not pinned:
 * what Engine writes for a hypercall never lands in memory that a guest sees, and a guest cannot change a
 * page that Engine reads. Frames past the table's end, and frames that never were CONTROL, take part in
 * nothing.
 *
 * Invariants, for each frame at each moment:
 *   1. It has exactly one kind, hence one owner; NONE and ENGINE are final.
 *   2. At most one VM has writable mappings of it, and then no other VM has any.
 *   3. Its count is the number of holders: of calls to pin or share that succeeded and were not undone.
 *   4. It is GIVEN, or CONTROL again, only when nobody else holds it.
 * Why: (1) a word has one value, and no row leads from or to NONE and ENGINE. (2) A writable mapping needs a
 * successful frame_share(vm, writable), which leaves SHARED(vm); from there no row leads to another VM before
 * the count is 0, that is, before every mapping is gone. (3) Each row changes the count by the one holder
 * that the call adds or removes, overflow is refused, and compare-and-exchange loses no update. (4) The rows
 * to GIVEN start at CONTROL, and those to CONTROL at a count of 1, the caller's own. The duty left to
 * callers: each undoes only what it did, and only when no CPU can use the mapping any more (TLBs were
 * flushed).
 *
 * Calls on several frames take all or none. They are not atomic as a whole: another CPU that races for the
 * same frames may see some of them taken for a moment, and be refused. That harms only who races with itself.
 */
#ifndef ENGINE_MEM_FRAMES_H
#define ENGINE_MEM_FRAMES_H

#include "lib/types.h"

enum frame_kind {
	FRAME_NONE = 0,
	FRAME_ENGINE = 1,
	FRAME_CONTROL = 2,
	FRAME_GIVEN = 3,
	FRAME_PINNED = 4,
	FRAME_SHARED = 5,
	FRAME_SHARED_RO = 6,
};

/* The most holders that one frame can have; one more is refused. */
#define FRAME_COUNT_MAX ((1u << 20) - 1)

/* A frame's word, taken apart. Fields that the kind does not use are 0. */
struct frame {
	enum frame_kind kind;
	u32 vm;
	u32 count;
};

struct frames_stats {
	u64 shared; /* frames that are SHARED or SHARED_RO now */
	u64 given;  /* frames that are GIVEN now */
	u64 pinned; /* frames that are PINNED now */
	u64 bad; /* undo calls that matched nothing: each one is a bug in Engine, and left its frame held */
};

/*
 * Starts with every frame as NONE. words (owned by the caller, for ever) holds one word for each of the count
 * frames from physical address 0 on; the table itself must lie in frames that become ENGINE.
 */
void frames_init(u32 *words, u64 count);

/*
 * Marks frames as NONE, ENGINE or CONTROL, whatever they were. Only while booting, on one CPU, before any
 * other call. Frames past the table's end are skipped. Later calls win: mark RAM as CONTROL, then Engine's as
 * ENGINE.
 */
void frames_set_range(u64 pfn, u64 nframes, enum frame_kind kind);

/*
 * The calls that take return 0, or change nothing and return -NXT_EPERM (some frame is not the control
 * domain's to use in that way, or has too many holders) or -NXT_EINVAL (pfn is not aligned to the size).
 * Those that undo must match a call that succeeded; a frame where they do not stays as it is, and is counted
 * as bad. vm is a VM id.
 */

/*
 * Takes a chunk (512 frames, aligned) out of the control domain's memory, for a VM. Then the caller hides it
 * (identity_hide), flushes the control domain's TLBs on all CPUs, and only then trusts what is in it.
 */
int frame_give(u64 chunk_pfn, u32 vm);

/*
 * Returns a chunk to the control domain. The caller has scrubbed it and shown it (identity_show) before: in
 * the other order, somebody could give it away again between, and would find it reachable.
 */
void frame_take_back(u64 chunk_pfn, u32 vm);

/* Holds one frame of the control domain, so that Engine may read and write it. */
int frame_pin(u64 pfn);
void frame_unpin(u64 pfn);

/*
 * Allows one mapping of nframes (1, or 512 aligned) frames in a VM. Each successful call is undone by one
 * call of frame_unshare with the same frames and VM, after the mapping is gone from tables and TLBs.
 */
int frame_share(u64 pfn, u32 nframes, u32 vm, bool writable);
void frame_unshare(u64 pfn, u32 nframes, u32 vm);

/* What a frame is at this moment; NONE past the table's end. For diagnosis and tests: it can change at once.
 */
struct frame frame_read(u64 pfn);

struct frames_stats frames_stats(void);

#endif
