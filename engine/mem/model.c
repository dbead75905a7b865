/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The model; model.h says what for. Names with m_ are the model's own state and rules. */
#include "mem/model.h"

#include <string.h>
#include <sys/mman.h>

#include "abi/hypercall.h"
#include "mem/chunk.h"
#include "mem/frames.h"
#include "mem/identity.h"
#include "mem/npt.h"
#include "mem/walker.h"

#define CHUNKS 12
#define FRAMES (CHUNKS * 512)
#define RAM_TOP (CHUNKS * PAGE_2M)
#define VMS 3
#define REGIONS 4
#define STASH 16

/* Chunk 0 is Engine's, chunk 1 no RAM, chunk 2 half RAM; the others are the control domain's. */
#define HOLE_PFN 512
#define HOLE_FRAMES (512 + 256)

u8 *test_memory;

struct m_page {
	enum npt_state state;
	u64 pfn;
	bool writable;
	bool accessed;
};

/* 2 MiB of guest-physical space. */
struct m_region {
	bool table; /* a level 1 table is there */
	bool large; /* the pages are one entry */
	struct m_page page[512];
};

static const u64 region_gpa[REGIONS] = {0, PAGE_2M, PAGE_1G, NPT_LIMIT - PAGE_2M};
static const u8 region_l3[REGIONS] = {0, 0, 0, 1};
static const u8 region_l2[REGIONS] = {0, 0, 1, 2};

struct m_vm {
	enum { DEAD, ALIVE, DYING } life;
	u32 id;
	bool ept;
	struct npt npt;
	struct chunk_list chunks;
	u32 nchunks;
	u32 allowance; /* pages that npt may still get */
	bool l3[2], l2[3];
	struct m_region region[REGIONS];
	u64 stash[STASH];
	u32 stashed;
};

static struct {
	bool ept;
	u64 protected;
	struct m_vm vm[VMS];
	struct frame frame[FRAMES];
} m;

static u32 frame_words[FRAMES];

void model_start(bool ept)
{
	static const u32 ids[VMS] = {1, 2, NXT_MAX_VMS};
	u64 pages = identity_tables_needed(RAM_TOP, WALK_PHYS_BITS);
	u32 i;

	if (!test_memory) {
		test_memory = mmap(NULL, RAM_TOP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(test_memory != MAP_FAILED);
		memset(test_memory, 0x5a, RAM_TOP);
	}
	memset(&m, 0, sizeof(m));
	m.ept = ept;
	m.protected = ~0ULL;
	for (i = 0; i < VMS; i++) {
		m.vm[i].id = ids[i];
		m.vm[i].ept = i & 1;
	}
	for (i = 0; i < FRAMES; i++)
		m.frame[i].kind = i < 512 ? FRAME_ENGINE : i < 512 + HOLE_FRAMES ? FRAME_NONE : FRAME_CONTROL;

	frames_init(frame_words, FRAMES);
	frames_set_range(HOLE_PFN + HOLE_FRAMES, FRAMES, FRAME_CONTROL);
	frames_set_range(0, 512, FRAME_ENGINE);
	CHECK(identity_init(ept ? &npt_format_ept : &npt_format_amd, WALK_PHYS_BITS, PAGE_SIZE, pages) == 0);
	CHECK(identity_hide(0, PAGE_2M) == 0);
}

/* -- rules ---------------------------------------------------------------------------------------- */

static bool m_may_share(u64 pfn, u32 vm, bool writable)
{
	struct frame *frame = pfn < FRAMES ? &m.frame[pfn] : NULL;

	if (!frame)
		return false;
	if (frame->kind == FRAME_CONTROL)
		return true;
	if (frame->kind == FRAME_SHARED)
		return frame->vm == vm;
	return frame->kind == FRAME_SHARED_RO && !writable;
}

static void m_share(u64 pfn, u32 vm, bool writable)
{
	struct frame *frame = &m.frame[pfn];

	if (frame->kind == FRAME_CONTROL) {
		frame->kind = writable ? FRAME_SHARED : FRAME_SHARED_RO;
		frame->vm = writable ? vm : 0;
	}
	frame->count++;
}

static void m_let_go(u64 pfn)
{
	if (--m.frame[pfn].count == 0)
		m.frame[pfn] = (struct frame){.kind = FRAME_CONTROL};
}

static void check_frame(u64 pfn)
{
	struct frame real = frame_read(pfn);

	CHECK(real.kind == m.frame[pfn].kind);
	CHECK(real.vm == m.frame[pfn].vm);
	CHECK(real.count == m.frame[pfn].count);
}

/* The tables that a new entry lacks, made as far as the allowance goes. Returns whether it went far enough.
 */
static bool m_make_tables(struct m_vm *vm, u32 r, bool level1)
{
	bool *const need[3] = {&vm->l3[region_l3[r]], &vm->l2[region_l2[r]], &vm->region[r].table};
	u32 left = vm->allowance;
	u32 i;

	for (i = 0; i < (level1 ? 3u : 2u); i++) {
		if (*need[i])
			continue;
		if (left == 0)
			return false;
		left--;
		*need[i] = true;
	}
	return true;
}

static int m_map(struct m_vm *vm, u32 r, u32 index, u64 pfn, u64 flags)
{
	struct m_region *region = &vm->region[r];
	bool writable = flags & NXT_MAP_WRITE;
	u32 n = flags & NXT_MAP_2M ? 512 : 1;
	u32 i;

	if ((flags & ~7ULL) || index % n)
		return -NXT_EINVAL;
	if (region->large || (n == 512 && region->table))
		return -NXT_EEXIST;
	if (!m_make_tables(vm, r, n == 1))
		return -NXT_ENOMEM;
	if (region->page[index].state != NPT_ABSENT)
		return -NXT_EEXIST;
	if (!(flags & NXT_MAP_MMIO)) {
		if (pfn % n)
			return -NXT_EINVAL;
		for (i = 0; i < n; i++) {
			if (!m_may_share(pfn + i, vm->id, writable))
				return -NXT_EPERM;
		}
	}
	region->large = n == 512;
	for (i = 0; i < n; i++) {
		if (flags & NXT_MAP_MMIO) {
			region->page[index + i].state = NPT_MMIO;
			continue;
		}
		m_share(pfn + i, vm->id, writable);
		region->page[index + i] = (struct m_page){NPT_PRESENT, pfn + i, writable, false};
	}
	return 0;
}

enum range_op { UNMAP, RELEASE, PROTECT, DESTROY };

static void m_page_op(struct m_page *page, enum range_op op, bool whole)
{
	bool mapped = page->state == NPT_PRESENT || page->state == NPT_ZAPPED;

	if (op == DESTROY || (op == RELEASE && page->state == NPT_ZAPPED)) {
		if (mapped)
			m_let_go(page->pfn);
		*page = (struct m_page){0};
	} else if (op == UNMAP && page->state == NPT_MMIO) {
		*page = (struct m_page){0};
	} else if (page->state == NPT_PRESENT && (op == UNMAP || (op == PROTECT && !whole))) {
		page->state = NPT_ZAPPED;
		page->accessed = false;
	} else if (page->state == NPT_PRESENT && op == PROTECT) {
		page->writable = false;
	}
}

/* done of the npages that were asked for are done. */
static void m_range(struct m_vm *vm, enum range_op op, u64 gpa, u64 npages, u64 done)
{
	u32 r, i;

	for (r = 0; r < REGIONS; r++) {
		struct m_region *region = &vm->region[r];
		u64 base = region_gpa[r];
		bool touched = gpa < base + PAGE_2M && gpa + (done << PAGE_SHIFT) > base;
		bool whole = gpa <= base && gpa + (npages << PAGE_SHIFT) >= base + PAGE_2M;

		for (i = 0; i < 512 && touched; i++) {
			u64 at = base + i * PAGE_SIZE;

			if (region->large)
				m_page_op(&region->page[i], op, whole);
			else if (at >= gpa && at < gpa + (done << PAGE_SHIFT))
				m_page_op(&region->page[i], op, true);
		}
		if (region->page[0].state == NPT_ABSENT)
			region->large = false;
	}
}

/* -- operations ----------------------------------------------------------------------------------- */

static u64 alloc_table(void *owner)
{
	struct m_vm *vm = owner;

	if (vm->allowance == 0)
		return 0;
	vm->allowance--;
	return chunk_alloc_page(&vm->chunks);
}

static void op_give(struct m_vm *vm, u64 chunk, bool crooked)
{
	bool guarded = m.protected >> 21 == chunk;
	bool allowed = chunk < CHUNKS;
	int ret = frame_give(chunk * 512 + crooked, vm->id);
	u32 i;

	for (i = 0; i < 512 && allowed; i++)
		allowed = m.frame[chunk * 512 + i].kind == FRAME_CONTROL;
	CHECK(ret == (crooked ? -NXT_EINVAL : allowed ? 0 : -NXT_EPERM));
	if (ret)
		return;

	ret = identity_hide(chunk * PAGE_2M, PAGE_2M);
	CHECK(ret == (guarded ? -NXT_EINVAL : 0));
	if (ret) {
		frame_take_back(chunk * 512, vm->id);
		return;
	}
	for (i = 0; i < 512; i++)
		m.frame[chunk * 512 + i] = (struct frame){FRAME_GIVEN, vm->id, 0};
	chunk_add(&vm->chunks, chunk * PAGE_2M);
	vm->nchunks++;
	if (vm->life == DEAD) {
		vm->allowance = 1; /* for the root */
		CHECK(npt_init(&vm->npt, vm->ept ? &npt_format_ept : &npt_format_amd, vm->id, alloc_table,
			       vm) == 0);
		vm->life = ALIVE;
	}
}

static void op_map(struct m_vm *vm, u32 r, u32 index, u64 pfn, u64 flags)
{
	int expected = m_map(vm, r, index, pfn, flags);

	CHECK(npt_map(&vm->npt, region_gpa[r] + index * PAGE_SIZE, pfn, flags) == expected);
	if (expected != -NXT_EINVAL && pfn < FRAMES)
		check_frame(pfn);
}

static void op_range(struct m_vm *vm, enum range_op op, u64 gpa, u64 npages, bool to_end)
{
	u32 calls = 0;
	s64 done;

	do {
		done = op == UNMAP     ? npt_unmap(&vm->npt, gpa, npages)
		       : op == RELEASE ? npt_release(&vm->npt, gpa, npages)
				       : npt_protect(&vm->npt, gpa, npages);
		if (gpa % PAGE_SIZE || gpa / PAGE_SIZE + npages > NPT_LIMIT / PAGE_SIZE) {
			CHECK(done == -NXT_EINVAL);
			return;
		}
		CHECK(done > 0 && (u64)done <= npages);
		CHECK(++calls < 20);
		m_range(vm, op, gpa, npages, (u64)done);
		gpa += (u64)done * PAGE_SIZE;
		npages -= (u64)done;
	} while (to_end && npages);
}

static void op_age(struct m_vm *vm, u32 r, u32 index, u64 npages, bool clear)
{
	u64 gpa = region_gpa[r] + index * PAGE_SIZE;
	int ret = npt_age(&vm->npt, gpa, npages, clear);
	int expected = 0;
	u32 i, j;

	if (npages > 512 || gpa / PAGE_SIZE + npages > NPT_LIMIT / PAGE_SIZE) {
		CHECK(ret == -NXT_EINVAL);
		return;
	}
	for (i = 0; i < REGIONS; i++) {
		struct m_region *region = &vm->region[i];
		u64 base = region_gpa[i];

		for (j = 0; j < 512; j++) {
			u64 at = base + j * PAGE_SIZE;
			bool in_entry =
				region->large && gpa < base + PAGE_2M && gpa + npages * PAGE_SIZE > base;

			if (!in_entry && (at < gpa || at >= gpa + npages * PAGE_SIZE))
				continue;
			if (region->page[j].accessed)
				expected = 1;
			if (clear)
				region->page[j].accessed = false;
		}
	}
	CHECK(ret == expected);
}

static void op_touch(struct m_vm *vm, u32 r, u32 index, bool write)
{
	struct m_page *page = &vm->region[r].page[index];
	struct nested_walk walk = walk_nested(vm->ept, vm->npt.root, region_gpa[r] + index * PAGE_SIZE);

	CHECK(walk.present == (page->state == NPT_PRESENT));
	if (!walk.present || (write && !walk.writable))
		return;
	CHECK(walk.pa >> PAGE_SHIFT == page->pfn);
	walk_access(vm->ept, &walk, write);
	page->accessed = true;
}

static void op_pin(u64 pfn, bool pin)
{
	struct frame *frame = pfn < FRAMES ? &m.frame[pfn] : NULL;
	bool allowed = frame && (frame->kind == FRAME_CONTROL || frame->kind == FRAME_PINNED);

	if (pin) {
		CHECK(frame_pin(pfn) == (allowed ? 0 : -NXT_EPERM));
		if (allowed) {
			frame->kind = FRAME_PINNED;
			frame->count++;
		}
	} else if (frame && frame->kind == FRAME_PINNED) {
		frame_unpin(pfn);
		m_let_go(pfn);
	}
	if (frame)
		check_frame(pfn);
}

static void op_protect_page(u64 pfn, bool protect)
{
	u64 pa = pfn << PAGE_SHIFT;
	bool hidden = pfn < FRAMES && (m.frame[pfn].kind == FRAME_ENGINE || m.frame[pfn].kind == FRAME_GIVEN);
	int expected;

	if (protect) {
		expected = m.protected == pa	  ? 0
			   : m.protected != ~0ULL ? -NXT_EBUSY
			   : hidden		  ? -NXT_EINVAL
						  : 0;
		CHECK(identity_protect_page(pa) == expected);
		if (!expected)
			m.protected = pa;
	} else {
		CHECK(identity_unprotect_page(pa) == (m.protected == pa ? 0 : -NXT_EINVAL));
		if (m.protected == pa)
			m.protected = ~0ULL;
	}
}

static void op_stash(struct m_vm *vm, bool put)
{
	static const u8 zeroes[PAGE_SIZE];
	u64 page;

	if (!put && vm->stashed) {
		chunk_free_page(&vm->chunks, vm->stash[--vm->stashed]);
	} else if (put && vm->stashed < STASH) {
		page = chunk_alloc_page(&vm->chunks);
		CHECK(m.frame[page >> PAGE_SHIFT].kind == FRAME_GIVEN);
		CHECK(memcmp(phys_to_virt(page), zeroes, PAGE_SIZE) == 0);
		memset(phys_to_virt(page), 0xa5, PAGE_SIZE);
		vm->stash[vm->stashed++] = page;
	}
}

static void op_destroy(struct m_vm *vm)
{
	u64 before = vm->npt.destroyed;
	int ret = npt_destroy_step(&vm->npt);
	u64 done = (vm->npt.destroyed - before) / PAGE_SIZE;
	u64 chunk;
	u32 i;

	vm->life = DYING;
	m_range(vm, DESTROY, before, done, done);
	CHECK(ret == (vm->npt.destroyed == NPT_LIMIT ? 0 : -NXT_EAGAIN));
	if (ret)
		return;

	while ((chunk = chunk_pop(&vm->chunks))) {
		for (i = 0; i < 512; i++) {
			CHECK(*((u8 *)phys_to_virt(chunk) + i * PAGE_SIZE + 8) != 0xa5);
			CHECK(m.frame[(chunk >> PAGE_SHIFT) + i].vm == vm->id);
			m.frame[(chunk >> PAGE_SHIFT) + i] = (struct frame){.kind = FRAME_CONTROL};
		}
		CHECK(identity_show(chunk, PAGE_2M) == 0);
		frame_take_back(chunk >> PAGE_SHIFT, vm->id);
	}
	*vm = (struct m_vm){.id = vm->id, .ept = vm->ept};
}

/* Few places, so that operations meet: the first and the last of 512, now and then any. */
static u32 pick_index(u8 byte)
{
	if (byte < 128)
		return byte & 3;
	if (byte < 192)
		return 508 + (byte & 3);
	return byte * 2;
}

void model_op(const u8 op[MODEL_OP_BYTES])
{
	static const u64 sizes[] = {
		1, 2, 3, 4, 508, 511, 512, 513, 1024, PAGE_1G / PAGE_SIZE, NPT_LIMIT / PAGE_SIZE};
	struct m_vm *vm = &m.vm[op[1] % VMS];
	u32 r = op[2] % REGIONS;
	u32 index = pick_index(op[3]);
	u64 gpa = region_gpa[r] + index * PAGE_SIZE;
	u64 npages = sizes[op[6] % ARRAY_SIZE(sizes)];
	u64 pfn = (op[7] < 16 ? op[4] % (CHUNKS + 1) : op[4] & 7) * 512ULL + pick_index(op[5]);
	bool flag = op[7] & 1;

	switch (op[0] % 16) {
	case 0:
		return op_pin(pfn, op[7] % 4 == 0);
	case 1:
		return op_protect_page(flag ? pfn : m.protected >> PAGE_SHIFT, flag);
	case 2:
		if (vm->life == DEAD || (vm->life == ALIVE && vm->nchunks < 3 && op[7] < 16))
			op_give(vm, op[4] % (CHUNKS + 1), op[7] % 8 == 0);
		return;
	case 3:
		if (vm->life == DYING || (vm->life == ALIVE && op[7] == 0))
			op_destroy(vm);
		return;
	}
	if (vm->life != ALIVE)
		return;
	vm->allowance = op[7] & 4 ? 3 : op[7] >> 4 & 3;
	switch (op[0] % 16) {
	case 4:
		return op_stash(vm, flag);
	case 5:
	case 6:
		return op_range(vm, UNMAP, gpa + (op[7] == 0), npages, flag);
	case 7:
	case 8:
		return op_range(vm, RELEASE, gpa, npages, flag);
	case 9:
		return op_range(vm, PROTECT, gpa, npages, flag);
	case 10:
		return op_age(vm, r, index, npages, flag);
	case 11:
		return op_touch(vm, r, index, flag);
	case 12:
		/* Chunks and a region that other operations mostly spare, or 512 frames would never be free.
		 */
		if (op[7] < 224) {
			r = 2 + (r & 1);
			pfn = (8 + op[4] % 4) * 512;
		}
		return op_map(vm, r, 0, ALIGN_DOWN(pfn, 512), NXT_MAP_2M | (op[6] < 16 ? op[6] : op[6] & 1));
	default:
		if (op[7] < 224)
			r &= 1;
		return op_map(vm, r, index, pfn, op[6] < 16 ? op[6] : op[6] & 1);
	}
}

/* -- checks --------------------------------------------------------------------------------------- */

struct reach {
	u32 holders;
	u8 readers, writers; /* bit n: VM n */
};

static void check_vm(const struct m_vm *vm, u8 bit, struct reach *reach)
{
	u64 present[3] = {0}; /* pages, by the level of their entry */
	u32 r, i;

	for (r = 0; r < REGIONS; r++) {
		for (i = 0; i < 512; i++) {
			const struct m_page *page = &vm->region[r].page[i];
			u64 gpa = region_gpa[r] + i * PAGE_SIZE;
			struct nested_walk walk = walk_nested(vm->ept, vm->npt.root, gpa + 0x123);
			struct npt_mapping mapping;

			CHECK(npt_lookup(&vm->npt, gpa + 0x123, &mapping) == page->state);
			CHECK(walk.present == (page->state == NPT_PRESENT));
			if (page->state == NPT_PRESENT || page->state == NPT_ZAPPED)
				reach[page->pfn].holders++;
			if (!walk.present)
				continue;
			CHECK(walk.pa == (page->pfn << PAGE_SHIFT | 0x123) && mapping.pfn == page->pfn);
			CHECK(walk.writable == page->writable && mapping.writable == page->writable);
			CHECK(walk.level == mapping.level && (walk.level == 2) == vm->region[r].large);
			present[walk.level]++;
			reach[page->pfn].readers |= bit;
			if (walk.writable)
				reach[page->pfn].writers |= bit;
		}
	}
	CHECK(npt_present(&vm->npt, 1) == present[1] && npt_present(&vm->npt, 2) == present[2] / 512);
}

static void check_identity(u64 pfn)
{
	struct nested_walk walk = walk_nested(m.ept, identity_root(), pfn << PAGE_SHIFT);
	bool hidden = m.frame[pfn].kind == FRAME_ENGINE || m.frame[pfn].kind == FRAME_GIVEN;

	CHECK(walk.present);
	if (hidden) {
		CHECK(!walk.writable);
		CHECK(*(u64 *)phys_to_virt(walk.pa) == ~0ULL);
	} else {
		CHECK(walk.pa >> PAGE_SHIFT == pfn);
		CHECK(walk.writable == (m.protected != pfn << PAGE_SHIFT));
	}
}

void model_check(void)
{
	static struct reach reach[FRAMES];
	struct frames_stats stats = frames_stats();
	u64 shared = 0, given = 0, pinned = 0;
	u32 i;

	memset(reach, 0, sizeof(reach));
	for (i = 0; i < VMS; i++)
		if (m.vm[i].life != DEAD)
			check_vm(&m.vm[i], (u8)BIT(i), reach);
	for (i = 0; i < FRAMES; i++) {
		enum frame_kind kind = m.frame[i].kind;
		bool is_shared = kind == FRAME_SHARED || kind == FRAME_SHARED_RO;

		check_frame(i);
		check_identity(i);
		shared += is_shared;
		given += kind == FRAME_GIVEN;
		pinned += kind == FRAME_PINNED;
		CHECK(reach[i].holders == (is_shared ? m.frame[i].count : 0));
		CHECK((reach[i].writers & (reach[i].writers - 1)) == 0);
		CHECK(!reach[i].writers || reach[i].readers == reach[i].writers);
		CHECK(!reach[i].readers || is_shared);
	}
	CHECK(stats.shared == shared && stats.given == given && stats.pinned == pinned && stats.bad == 0);
}

void model_finish(void)
{
	u32 i;

	model_check();
	for (i = 0; i < VMS; i++)
		while (m.vm[i].life != DEAD)
			op_destroy(&m.vm[i]);
	for (i = 0; i < FRAMES; i++)
		while (m.frame[i].kind == FRAME_PINNED)
			op_pin(i, false);
	if (m.protected != ~0ULL)
		op_protect_page(m.protected >> PAGE_SHIFT, false);
	model_check();
	for (i = 0; i < FRAMES; i++)
		CHECK(m.frame[i].count == 0 && m.frame[i].kind <= FRAME_CONTROL);
}
