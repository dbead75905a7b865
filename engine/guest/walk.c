/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See walk.h. */
#include "guest/walk.h"

#define CR0_WP BIT(16)
#define CR0_PG BIT(31)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_LA57 BIT(12)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)
#define RFLAGS_AC BIT(18)

#define PTE_P BIT(0)
#define PTE_W BIT(1)
#define PTE_U BIT(2)
#define PTE_A BIT(5)
#define PTE_D BIT(6)
#define PTE_PS BIT(7)
#define PTE_NX BIT(63)
#define PTE_ADDR 0x000ffffffffff000ULL

/*
 * Tables may change under the walk; then it starts over, this often at most before the vCPU's thread has to
 * come again.
 */
#define WALK_RETRIES 16

enum format { FORMAT_32, FORMAT_PAE, FORMAT_LONG };

/* Marking the entries failed since one of them changed; never leaves this file. */
#define WALK_CHANGED 100

/* One walk: entries seen, from the top down, and what they allow together. */
struct trail {
	const struct walk_ops *ops;
	void *cpu;
	const struct walk_mode *mode;
	enum format format;
	u32 entry_size;
	u32 n;
	struct {
		u64 gpa;
		u64 entry;
	} at[5];
	u64 allowed; /* PTE_W and PTE_U, if all entries have them */
	bool nx;
};

static u64 bits_from(u32 low, u32 end)
{
	return low < end ? (~0ULL >> (64 - (end - low))) << low : 0;
}

static u8 maxphyaddr(const struct walk_mode *mode)
{
	return mode->maxphyaddr >= 32 && mode->maxphyaddr <= 52 ? mode->maxphyaddr : 52;
}

/*
 * Bits that must be 0 in an entry of this level (1 is the page table); leaf: it maps a page. SDM vol. 3,
 * 4.3 to 4.5.
 */
static u64 reserved_bits(const struct trail *t, u32 level, bool leaf)
{
	u64 bits;

	if (t->format == FORMAT_32) {
		/* A 4 MiB page has address bits 39:32 in its bits 20:13 (PSE-36). */
		if (leaf && level == 2)
			return BIT(21) | bits_from(MIN(maxphyaddr(t->mode), 40u) - 32 + 13, 21);
		return 0;
	}

	bits = bits_from(maxphyaddr(t->mode), 52);
	if (t->format == FORMAT_PAE)
		bits |= bits_from(52, 63);
	if (!(t->mode->efer & EFER_NXE))
		bits |= PTE_NX;
	if (leaf && level > 1)
		bits |= bits_from(13, 12 + 9 * (level - 1));
	if (level > 3 || (level == 3 && t->mode->no_1g))
		bits |= PTE_PS;
	return bits;
}

static bool is_leaf(const struct trail *t, u32 level, u64 entry)
{
	if (level == 1)
		return true;
	if (!(entry & PTE_PS) || level > 3)
		return false;
	return t->format != FORMAT_32 || (t->mode->cr4 & CR4_PSE);
}

static u64 leaf_address(const struct trail *t, u32 level, u64 entry, u64 linear, u64 page)
{
	u64 base = entry & PTE_ADDR;

	if (t->format == FORMAT_32 && level == 2)
		base = (entry & 0xffc00000) | ((entry >> 13) & 0xff) << 32;
	return (base & ~(page - 1)) | (linear & (page - 1));
}

/* The error code, without WALK_PRESENT and WALK_RESERVED. */
static u32 access_error(const struct walk_mode *mode, u32 access)
{
	u32 error = access & (WALK_WRITE | WALK_USER);

	/* The fetch bit exists only where fetches can be forbidden (SDM vol. 3, 4.7). */
	if ((access & WALK_FETCH) &&
	    ((mode->cr4 & CR4_SMEP) || ((mode->cr4 & CR4_PAE) && (mode->efer & EFER_NXE))))
		error |= WALK_FETCH;
	return error;
}

static enum walk_result page_fault(const struct walk_mode *mode, u32 access, u32 why, struct walk *out)
{
	out->error = access_error(mode, access) | why;
	return WALK_FAULT;
}

/* SDM vol. 3, 4.6.1. */
static bool permitted(const struct trail *t, u32 access)
{
	const struct walk_mode *mode = t->mode;
	bool user_page = t->allowed & PTE_U;

	if ((access & WALK_FETCH) && t->nx)
		return false;
	if (access & WALK_USER)
		return user_page && (!(access & WALK_WRITE) || (t->allowed & PTE_W));

	if ((access & WALK_WRITE) && !(t->allowed & PTE_W) && (mode->cr0 & CR0_WP))
		return false;
	if (user_page && (access & WALK_FETCH))
		return !(mode->cr4 & CR4_SMEP);
	if (user_page && (mode->cr4 & CR4_SMAP))
		return mode->rflags & RFLAGS_AC;
	return true;
}

/* Sets accessed bits, and the leaf's dirty bit for a write, in entries that still are what the walk saw. */
static int mark_entries(struct trail *t, u32 access, struct walk *out)
{
	for (u32 i = 0; i < t->n; i++) {
		u64 old = t->at[i].entry;
		u64 new = old | PTE_A;
		bool done = false;
		int rc;

		if (i == t->n - 1 && (access & WALK_WRITE))
			new |= PTE_D;
		if (new == old)
			continue;
		rc = t->ops->cmpxchg(t->cpu, t->at[i].gpa, old, new, t->entry_size, &done);
		if (!rc && !done)
			rc = WALK_CHANGED;
		if (rc) {
			out->gpa = t->at[i].gpa;
			return rc;
		}
	}
	return 0;
}

static int read_entry(struct trail *t, u64 gpa, u64 *entry, struct walk *out)
{
	int rc;

	*entry = 0;
	out->gpa = gpa;
	rc = t->ops->read(t->cpu, gpa, entry, t->entry_size);
	if (!rc) {
		t->at[t->n].gpa = gpa;
		t->at[t->n].entry = *entry;
		t->n++;
	}
	return rc;
}

/*
 * The top of a PAE walk. The four entries have no permissions and no accessed bit; a CPU keeps them in
 * registers, or (AMD with nested paging) reads them like others.
 */
static int pae_root(struct trail *t, u64 linear, u32 access, u64 *table, struct walk *out)
{
	u32 index = (linear >> 30) & 3;
	u64 entry = 0;
	int rc = 0;

	if (t->mode->pdptr) {
		entry = t->mode->pdptr[index];
	} else {
		out->gpa = (t->mode->cr3 & 0xffffffe0) + 8 * index;
		rc = t->ops->read(t->cpu, out->gpa, &entry, 8);
		if (rc)
			return rc;
	}
	if (!(entry & PTE_P))
		return page_fault(t->mode, access, 0, out);
	/*
	 * Bit 5, reserved by the book, is an accessed bit to walkers that treat this as any level (QEMU's
	 * does).
	 */
	if (entry & (bits_from(maxphyaddr(t->mode), 64) | bits_from(1, 3) | bits_from(6, 9)))
		return page_fault(t->mode, access, WALK_PRESENT | WALK_RESERVED, out);
	*table = entry & PTE_ADDR;
	return 0;
}

static int walk_tables(struct trail *t, u64 linear, u32 access, struct walk *out)
{
	u32 index_bits = t->format == FORMAT_32 ? 10 : 9;
	u32 level;
	u64 table, entry;
	int rc;

	t->n = 0;
	t->allowed = PTE_W | PTE_U;
	t->nx = false;
	if (t->format == FORMAT_PAE) {
		level = 2;
		rc = pae_root(t, linear, access, &table, out);
		if (rc)
			return rc;
	} else {
		level = t->format == FORMAT_32 ? 2 : t->mode->cr4 & CR4_LA57 ? 5 : 4;
		table = t->mode->cr3 & PTE_ADDR;
	}

	for (;; level--) {
		u32 shift = PAGE_SHIFT + index_bits * (level - 1);
		u64 index = (linear >> shift) & ((1u << index_bits) - 1);
		bool leaf;

		rc = read_entry(t, table + index * t->entry_size, &entry, out);
		if (rc)
			return rc;
		if (!(entry & PTE_P))
			return page_fault(t->mode, access, 0, out);
		leaf = is_leaf(t, level, entry);
		if (entry & reserved_bits(t, level, leaf))
			return page_fault(t->mode, access, WALK_PRESENT | WALK_RESERVED, out);
		t->allowed &= entry;
		t->nx |= t->format != FORMAT_32 && (entry & PTE_NX);
		if (leaf) {
			out->page = 1ULL << shift;
			out->gpa = leaf_address(t, level, entry, linear, out->page);
			break;
		}
		table = entry & PTE_ADDR;
	}

	out->user = t->allowed & PTE_U;
	out->write = (t->allowed & PTE_W) || (!(access & WALK_USER) && !(t->mode->cr0 & CR0_WP));
	if (!permitted(t, access))
		return page_fault(t->mode, access, WALK_PRESENT, out);
	return 0;
}

enum walk_result guest_walk(const struct walk_ops *ops, void *cpu, const struct walk_mode *mode, u64 linear,
			    u32 access, bool mark, struct walk *out)
{
	struct trail t = {.ops = ops, .cpu = cpu, .mode = mode};
	int rc;

	*out = (struct walk){0};
	/* LMA without PG cannot be (SDM vol. 3, 2.2.1), but whoever set the registers may not know. */
	if (!(mode->efer & EFER_LMA) || !(mode->cr0 & CR0_PG))
		linear &= 0xffffffff;
	if (!(mode->cr0 & CR0_PG)) {
		*out = (struct walk){.gpa = linear, .page = PAGE_SIZE, .write = true, .user = true};
		return WALK_OK;
	}

	t.format = mode->efer & EFER_LMA ? FORMAT_LONG : mode->cr4 & CR4_PAE ? FORMAT_PAE : FORMAT_32;
	t.entry_size = t.format == FORMAT_32 ? 4 : 8;
	for (u32 i = 0; i < WALK_RETRIES; i++) {
		rc = walk_tables(&t, linear, access, out);
		if (rc || !mark)
			return rc;
		rc = mark_entries(&t, access, out);
		if (rc != WALK_CHANGED)
			return rc;
	}
	/*
	 * Another vCPU changes the entry all the time: bounded work here, so the vCPU's thread comes again.
	 */
	return WALK_RESIDENT;
}
