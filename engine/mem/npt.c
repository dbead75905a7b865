/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nested page tables of VMs; npt.h states the rules. */
#include "mem/npt.h"

#include "abi/hypercall.h"
#include "mem/frames.h"
#include "mem/phys.h"

#define ADDRESS 0x000ffffffffff000ULL /* bits 51:12 of an entry, in every format */

/* Software's marks, in entries that are not present; the hardware ignores these bits there. */
#define ZAPPED BIT(52) /* the address, and large, are still those of the mapping */
#define MMIO BIT(53)

#define LEVELS 4
#define LEVEL_BITS 9

/*
 * The most that one range call does, in entries looked at and frames unshared: some tens of microseconds, for
 * which the control domain's interrupts wait.
 */
#define WORK_MAX 2048

const struct npt_format npt_format_amd = {
	.table = 0x7, /* P, W, U: nested accesses are all user accesses (APM vol. 2, 15.25.5) */
	.page = 0x5,  /* P, U; NX, PWT, PCD, PAT are 0: executable, PAT entry 0, which is write-back */
	.write = BIT(1),
	.large = BIT(7),
	.rights = 0x7,
	.accessed = BIT(5),
	.dirty = BIT(6),
};

const struct npt_format npt_format_ept = {
	.table = 0x7,	      /* R, W, X */
	.page = 0x5 | 6 << 3, /* R, X; memory type 6 is write-back, which the guest's PAT may lower */
	.write = BIT(1),
	.large = BIT(7),
	.rights = 0x7, /* W without R is a misconfiguration, so they go together (SDM vol. 3C, 29.3.3.1) */
	.accessed = BIT(8),
	.dirty = BIT(9),
};

/* Where a walk for a gpa ended: at an entry that is no table. */
struct slot {
	u64 *entry;
	u64 value;
	u32 level;
};

static u64 span_of(u32 level)
{
	return PAGE_SIZE << (LEVEL_BITS * (level - 1));
}

static u64 *entry_of(u64 table, u64 gpa, u32 level)
{
	u64 *entries = phys_to_virt(table);

	return &entries[gpa / span_of(level) & (BIT(LEVEL_BITS) - 1)];
}

static u64 load(const u64 *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

/* Release: whoever sees an entry that refers to a table also sees the table's zeroes. */
static void store(u64 *entry, u64 value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static struct slot find(const struct npt *npt, u64 gpa)
{
	struct slot slot = {.level = LEVELS};
	u64 table = npt->root;

	for (;; slot.level--) {
		slot.entry = entry_of(table, gpa, slot.level);
		slot.value = load(slot.entry);
		if (slot.level == 1 || slot.value == 0 || (slot.value & npt->format->large))
			return slot;
		table = slot.value & ADDRESS;
	}
}

static bool is_present(const struct npt *npt, u64 value)
{
	return value & npt->format->rights;
}

/* Entries that become present, or 1 less. One writes at a time, and npt_present() may read meanwhile. */
static void count(struct npt *npt, u32 level, u64 change)
{
	u64 *present = level == 1 ? &npt->present_4k : &npt->present_2m;

	WRITE_ONCE(*present, *present + change);
}

u64 npt_present(const struct npt *npt, u32 level)
{
	return level == 1 ? READ_ONCE(npt->present_4k) : READ_ONCE(npt->present_2m);
}

/* What one range call does to an entry that is not absent; whole: all of it lies in the range. Returns its
 * work. */
typedef u64 (*visit_fn)(struct npt *npt, struct slot slot, bool whole);

static void zap(struct npt *npt, struct slot slot)
{
	/* Only the hardware's accessed and dirty marks can have changed since the entry was read; they are
	 * dropped. */
	__atomic_exchange_n(slot.entry, (slot.value & (ADDRESS | npt->format->large)) | ZAPPED,
			    __ATOMIC_ACQ_REL);
	count(npt, slot.level, -1ULL);
}

static u64 drop(struct npt *npt, struct slot slot)
{
	u32 nframes = slot.level == 1 ? 1 : NXT_CHUNK_FRAMES;

	__atomic_exchange_n(slot.entry, 0, __ATOMIC_ACQ_REL);
	frame_unshare((slot.value & ADDRESS) >> PAGE_SHIFT, nframes, npt->vm);
	return nframes;
}

static u64 unmap_entry(struct npt *npt, struct slot slot, bool whole)
{
	(void)whole;
	if (slot.value & MMIO)
		store(slot.entry, 0);
	else if (is_present(npt, slot.value))
		zap(npt, slot);
	return 0;
}

static u64 release_entry(struct npt *npt, struct slot slot, bool whole)
{
	(void)whole;
	return slot.value & ZAPPED ? drop(npt, slot) : 0;
}

static u64 protect_entry(struct npt *npt, struct slot slot, bool whole)
{
	if (is_present(npt, slot.value)) {
		if (whole)
			__atomic_fetch_and(slot.entry, ~npt->format->write, __ATOMIC_ACQ_REL);
		else
			zap(npt, slot);
	}
	return 0;
}

static u64 destroy_entry(struct npt *npt, struct slot slot, bool whole)
{
	(void)whole;
	if (slot.value & MMIO) {
		store(slot.entry, 0);
		return 0;
	}
	if (is_present(npt, slot.value))
		count(npt, slot.level, -1ULL);
	return drop(npt, slot);
}

static bool bad_range(u64 gpa, u64 npages)
{
	return !IS_ALIGNED(gpa, PAGE_SIZE) || gpa > NPT_LIMIT || npages > (NPT_LIMIT - gpa) >> PAGE_SHIFT;
}

/* An absent entry is passed over at once, whatever it spans: holes are cheap. */
static s64 walk(struct npt *npt, u64 gpa, u64 npages, visit_fn visit)
{
	u64 end = gpa + (npages << PAGE_SHIFT);
	u64 at = gpa, work = 0;

	if (bad_range(gpa, npages))
		return -NXT_EINVAL;

	while (at < end && work < WORK_MAX) {
		struct slot slot = find(npt, at);
		u64 span = span_of(slot.level);
		u64 base = ALIGN_DOWN(at, span);

		work++;
		if (slot.value)
			work += visit(npt, slot, base >= gpa && base + span <= end);
		at = MIN(base + span, end);
	}
	return (s64)((at - gpa) >> PAGE_SHIFT);
}

int npt_init(struct npt *npt, const struct npt_format *format, u32 vm, u64 (*alloc)(void *owner), void *owner)
{
	*npt = (struct npt){.format = format, .alloc = alloc, .owner = owner, .vm = vm};
	npt->root = alloc(owner);
	return npt->root ? 0 : -NXT_ENOMEM;
}

/* The entry of the given level for gpa, with tables made where there are none. */
static int make_slot(struct npt *npt, u64 gpa, u32 level, struct slot *slot)
{
	u64 page;

	for (;;) {
		*slot = find(npt, gpa);
		if (slot->value || slot->level < level)
			return -NXT_EEXIST;
		if (slot->level == level)
			return 0;
		page = npt->alloc(npt->owner);
		if (!page)
			return -NXT_ENOMEM;
		store(slot->entry, page | npt->format->table);
	}
}

int npt_map(struct npt *npt, u64 gpa, u64 pfn, u64 flags)
{
	bool large = flags & NXT_MAP_2M;
	u32 nframes = large ? NXT_CHUNK_FRAMES : 1;
	struct slot slot;
	u64 value = large ? npt->format->large : 0;
	int ret;

	if (flags & ~(u64)(NXT_MAP_WRITE | NXT_MAP_2M | NXT_MAP_MMIO))
		return -NXT_EINVAL;
	if (gpa >= NPT_LIMIT || !IS_ALIGNED(gpa, nframes * PAGE_SIZE))
		return -NXT_EINVAL;

	ret = make_slot(npt, gpa, large ? 2 : 1, &slot);
	if (ret)
		return ret;

	if (flags & NXT_MAP_MMIO) {
		store(slot.entry, value | MMIO);
		return 0;
	}

	ret = frame_share(pfn, nframes, npt->vm, flags & NXT_MAP_WRITE);
	if (ret)
		return ret;
	value |= pfn << PAGE_SHIFT | npt->format->page;
	if (flags & NXT_MAP_WRITE)
		value |= npt->format->write;
	store(slot.entry, value);
	count(npt, slot.level, 1);
	return 0;
}

s64 npt_unmap(struct npt *npt, u64 gpa, u64 npages)
{
	return walk(npt, gpa, npages, unmap_entry);
}

s64 npt_release(struct npt *npt, u64 gpa, u64 npages)
{
	return walk(npt, gpa, npages, release_entry);
}

s64 npt_protect(struct npt *npt, u64 gpa, u64 npages)
{
	return walk(npt, gpa, npages, protect_entry);
}

int npt_age(struct npt *npt, u64 gpa, u64 npages, bool clear)
{
	u64 end = gpa + (npages << PAGE_SHIFT);
	int accessed = 0;

	if (bad_range(gpa, npages) || npages > NXT_CHUNK_FRAMES)
		return -NXT_EINVAL;

	while (gpa < end) {
		struct slot slot = find(npt, gpa);

		if (is_present(npt, slot.value) && (slot.value & npt->format->accessed)) {
			accessed = 1;
			if (clear)
				__atomic_fetch_and(slot.entry, ~npt->format->accessed, __ATOMIC_ACQ_REL);
		}
		gpa = ALIGN_DOWN(gpa, span_of(slot.level)) + span_of(slot.level);
	}
	return accessed;
}

enum npt_state npt_lookup(const struct npt *npt, u64 gpa, struct npt_mapping *mapping)
{
	struct slot slot;

	if (gpa >= NPT_LIMIT)
		return NPT_ABSENT;
	slot = find(npt, gpa);
	if (slot.value & ZAPPED)
		return NPT_ZAPPED;
	if (slot.value & MMIO)
		return NPT_MMIO;
	if (!is_present(npt, slot.value))
		return NPT_ABSENT;

	*mapping = (struct npt_mapping){
		.pfn = ((slot.value & ADDRESS) | (gpa & (span_of(slot.level) - 1))) >> PAGE_SHIFT,
		.writable = slot.value & npt->format->write,
		.level = slot.level,
	};
	return NPT_PRESENT;
}

int npt_destroy_step(struct npt *npt)
{
	s64 done = walk(npt, npt->destroyed, (NPT_LIMIT - npt->destroyed) >> PAGE_SHIFT, destroy_entry);

	npt->destroyed += (u64)done << PAGE_SHIFT;
	return npt->destroyed == NPT_LIMIT ? 0 : -NXT_EAGAIN;
}
