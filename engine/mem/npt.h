/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VM's nested page table: from guest-physical addresses (gpa, in bytes, below NPT_LIMIT) to frames.
 * Four levels; entries of 4 KiB (level 1) and 2 MiB (level 2).
 *
 * An entry is one of:
 *	absent		nothing there
 *	present		maps a frame (or 512) that frame_share() allowed
 *	zapped		was present; guests fault on it, but TLBs may still hold it, so its frames stay shared
 *	MMIO		no memory; tells the fault handler that the access is for a device
 *
 *	absent -> present (npt_map) -> zapped (npt_unmap) -> absent (npt_release)
 *	absent -> MMIO (npt_map) -> absent (npt_unmap)
 *
 * Invariant: the number of shares a frame has is the number of present and zapped entries that hold it, in
 * all tables. So what a TLB can still reach is still accounted to the VM.
 *
 * Locking: the caller lets in one writer (every function but npt_lookup) at a time for each VM. npt_lookup
 * takes no lock: entries change by single atomic operations, and pages that once were tables stay tables, of
 * the same level at the same place, until the VM is gone. The hardware is such a lock-free reader too, and
 * sets accessed and dirty bits; hence changes of present entries are atomic read-modify-writes.
 *
 * The caller flushes TLBs: after npt_unmap and npt_protect, before npt_release.
 */
#ifndef ENGINE_MEM_NPT_H
#define ENGINE_MEM_NPT_H

#include "lib/types.h"

#define NPT_LIMIT BIT(48) /* bytes of guest-physical space that four levels reach */

/* How the CPU wants entries. Bits 52 and 53 are software's in every format, present or not, and not used
 * here. */
struct npt_format {
	u64 table;    /* an entry that refers to a table, less its address; allows everything */
	u64 page;     /* a present, readable, executable, write-back page, less its address */
	u64 write;    /* added to page: may be written */
	u64 large;    /* added to page above level 1 */
	u64 rights;   /* every bit that must be 0 in an entry that is not present */
	u64 accessed; /* the hardware sets it when it uses the entry */
	u64 dirty;    /* the hardware sets it when it writes through the entry */
};

extern const struct npt_format npt_format_amd; /* AMD nested paging: APM vol. 2, 15.25 and 5.3 */
extern const struct npt_format npt_format_ept; /* Intel EPT with A/D bits on: SDM vol. 3C, 29.3 */

struct npt {
	const struct npt_format *format;
	u64 root;		   /* physical address of the level 4 table, for the CPU */
	u64 (*alloc)(void *owner); /* physical address of a zeroed page out of the VM's chunks, or 0 */
	void *owner;		   /* for alloc */
	u32 vm;			   /* id, for frame_share() */
	u64 destroyed;		   /* npt_destroy_step() has emptied all below this gpa */
	u64 present_4k;		   /* present entries now; read them with npt_present() */
	u64 present_2m;
};

/* Returns 0, or -NXT_ENOMEM. The table pages belong to the VM's chunks, and go when these are returned. */
int npt_init(struct npt *npt, const struct npt_format *format, u32 vm, u64 (*alloc)(void *owner),
	     void *owner);

/*
 * Maps one entry as struct nxt_map of the ABI asks; flags are NXT_MAP_*. Returns 0, or changes nothing and
 * returns -NXT_EINVAL (unknown flag, address not aligned or too high), -NXT_EEXIST (something is there, also
 * a zapped entry, or a table where 2 MiB were asked for), -NXT_ENOMEM (no page for a table: give a chunk and
 * repeat), -NXT_EPERM (frame_share refused). Work: at most 512 frames.
 */
int npt_map(struct npt *npt, u64 gpa, u64 pfn, u64 flags);

/*
 * The range calls: gpa is 4 KiB-aligned, npages counts 4 KiB. Each does a bounded amount of work and returns
 * how many pages from gpa on are done (>= 1, unless npages is 0), or -NXT_EINVAL. A 2 MiB entry that only
 * partly lies in the range is treated as a whole.
 */

/* Zaps present entries, removes MMIO marks. */
s64 npt_unmap(struct npt *npt, u64 gpa, u64 npages);

/*
 * Removes zapped entries and unshares their frames; leaves other entries alone. Only when no CPU can hold
 * translations from before the zapping, nor Engine a pfn that npt_lookup() returned before it.
 */
s64 npt_release(struct npt *npt, u64 gpa, u64 npages);

/* Makes present entries read-only; zaps a 2 MiB entry that only partly lies in the range. */
s64 npt_protect(struct npt *npt, u64 gpa, u64 npages);

/*
 * Whether a present entry of the range (at most 512 pages) was accessed since it was mapped or its mark was
 * last cleared: 1 or 0, or -NXT_EINVAL. Clears the marks if clear; TLBs may hide a new access until they are
 * flushed.
 */
int npt_age(struct npt *npt, u64 gpa, u64 npages, bool clear);

enum npt_state {
	NPT_ABSENT,
	NPT_ZAPPED,
	NPT_MMIO,
	NPT_PRESENT,
};

struct npt_mapping {
	u64 pfn;       /* frame of the 4 KiB page that holds gpa */
	bool writable; /* guests may write */
	u32 level;     /* 1: a 4 KiB entry, 2: a 2 MiB entry */
};

/*
 * What is at gpa; fills *mapping if present. Needs no lock. The frame stays the VM's only as long as nobody
 * can release it: the caller is inside VCPU_RUN (npt_release() waits for that) or holds the writers' lock.
 */
enum npt_state npt_lookup(const struct npt *npt, u64 gpa, struct npt_mapping *mapping);

/* How many entries of a size (level 1: 4 KiB, 2: 2 MiB) are present at this moment. Needs no lock. */
u64 npt_present(const struct npt *npt, u32 level);

/*
 * Takes the table apart, when no vCPU of the VM runs or will run: unshares all frames. Returns 0 when all is
 * done, -NXT_EAGAIN when there is more (each call does a bounded amount of work). Of the other functions only
 * npt_lookup may follow, until the chunks are returned; it finds nothing. Repeated after 0, it returns 0 and
 * touches no table.
 */
int npt_destroy_step(struct npt *npt);

#endif
