/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control domain's identity map; identity.h states the rules. */
#include "mem/identity.h"

#include "abi/hypercall.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "mem/npt.h"
#include "mem/phys.h"

#define ADDRESS 0x000ffffffffff000ULL /* bits 51:12 of an entry, in every format */
#define ENTRIES 512
#define SPAN_512G (ENTRIES * PAGE_1G)
#define NO_PAGE (~0ULL)

/* Pages beside the tables for memory: the top level, the void page and its table, the table of the protected
 * page. */
#define FIXED_PAGES 4

/* The protected page can lie above RAM, in a 1 GiB entry of its own. */
#define SPARE_PAGES 1

static struct {
	struct spinlock lock;
	const struct npt_format *format;
	u64 limit; /* bytes of physical address space */
	u64 root;
	u64 pool, pool_end; /* pages not used yet */
	u64 void_table;	    /* 512 times the page of 0xff, read-only: what hidden 2 MiB refer to */
	u64 page_table;	    /* the 2 MiB around the protected page, in 4 KiB entries */
	u64 protected;	    /* or NO_PAGE */
} map;

static u64 address_limit(u32 phys_bits)
{
	return MIN(BIT(phys_bits), NPT_LIMIT);
}

static u64 count_of(u64 bytes, u64 size)
{
	return (bytes + size - 1) / size;
}

u64 identity_tables_needed(u64 ram_top, u32 phys_bits)
{
	u64 limit = address_limit(phys_bits);

	return FIXED_PAGES + SPARE_PAGES + count_of(limit, SPAN_512G) +
	       count_of(MIN(ram_top, limit), PAGE_1G);
}

static u64 *entry_of(u64 table, u64 pa, u64 span)
{
	u64 *entries = phys_to_virt(table);

	return &entries[pa / span % ENTRIES];
}

static u64 load(const u64 *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

/* Release: a CPU that walks into a new table finds it filled. */
static void store(u64 *entry, u64 value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static u64 take_page(void)
{
	u64 page = map.pool;

	if (page == map.pool_end)
		return 0;
	map.pool += PAGE_SIZE;
	return page;
}

/* Entries for [base, base + 512 * span), each mapping its own address; extra is added to each. */
static void fill(u64 table, u64 base, u64 span, u64 extra)
{
	u64 *entries = phys_to_virt(table);
	u64 i;

	for (i = 0; i < ENTRIES; i++)
		store(&entries[i], (base + i * span) | map.format->page | map.format->write | extra);
}

static u64 *entry_1g(u64 pa)
{
	u64 table = load(entry_of(map.root, pa, SPAN_512G)) & ADDRESS;

	return entry_of(table, pa, PAGE_1G);
}

/* The 2 MiB entry for pa, or NULL where a 1 GiB entry maps it. */
static u64 *entry_2m(u64 pa)
{
	u64 value = load(entry_1g(pa));

	return value & map.format->large ? NULL : entry_of(value & ADDRESS, pa, PAGE_2M);
}

/* Splits the 1 GiB entry for pa if there is one. What is mapped stays the same, so TLBs need no flush. */
static int split(u64 pa)
{
	u64 table;

	if (entry_2m(pa))
		return 0;
	table = take_page();
	if (!table)
		return -NXT_ENOMEM;
	fill(table, ALIGN_DOWN(pa, PAGE_1G), PAGE_2M, map.format->large);
	store(entry_1g(pa), table | map.format->table);
	return 0;
}

static u64 shown(u64 pa)
{
	return ALIGN_DOWN(pa, PAGE_2M) | map.format->page | map.format->write | map.format->large;
}

static bool is_shown(u64 value)
{
	return value & map.format->large;
}

static bool is_hidden(u64 value)
{
	return !is_shown(value) && (value & ADDRESS) == map.void_table;
}

int identity_init(const struct npt_format *format, u32 phys_bits, u64 pool, u64 npages)
{
	u64 pa, page, table;
	u64 *entries;
	u32 i;

	memset(&map, 0, sizeof(map));
	map.format = format;
	map.limit = address_limit(phys_bits);
	map.pool = pool;
	map.pool_end = pool + npages * PAGE_SIZE;
	map.protected = NO_PAGE;
	if (npages < FIXED_PAGES + count_of(map.limit, SPAN_512G))
		return -NXT_ENOMEM;

	page = take_page();
	memset(phys_to_virt(page), 0xff, PAGE_SIZE);
	map.void_table = take_page();
	entries = phys_to_virt(map.void_table);
	for (i = 0; i < ENTRIES; i++)
		entries[i] = page | format->page;

	map.page_table = take_page();
	map.root = take_page();
	memset(phys_to_virt(map.root), 0, PAGE_SIZE);
	for (pa = 0; pa < map.limit; pa += SPAN_512G) {
		table = take_page();
		fill(table, pa, PAGE_1G, format->large);
		store(entry_of(map.root, pa, SPAN_512G), table | format->table);
	}
	return 0;
}

u64 identity_root(void)
{
	return map.root;
}

static bool bad_range(u64 base, u64 size)
{
	return !IS_ALIGNED(base | size, PAGE_2M) || base > map.limit || size > map.limit - base;
}

static int hide_locked(u64 base, u64 size)
{
	u64 pa;
	int ret;

	for (pa = base; pa < base + size; pa += PAGE_2M) {
		ret = split(pa);
		if (ret)
			return ret;
		if (!is_shown(load(entry_2m(pa))))
			return -NXT_EINVAL;
	}
	for (pa = base; pa < base + size; pa += PAGE_2M)
		store(entry_2m(pa), map.void_table | map.format->table);
	return 0;
}

static int show_locked(u64 base, u64 size)
{
	u64 pa, *entry;

	for (pa = base; pa < base + size; pa += PAGE_2M) {
		entry = entry_2m(pa);
		if (!entry || !is_hidden(load(entry)))
			return -NXT_EINVAL;
	}
	for (pa = base; pa < base + size; pa += PAGE_2M)
		store(entry_2m(pa), shown(pa));
	return 0;
}

static int protect_locked(u64 pa)
{
	u64 *entry;
	int ret;

	if (map.protected == pa)
		return 0;
	if (map.protected != NO_PAGE)
		return -NXT_EBUSY;
	ret = split(pa);
	if (ret)
		return ret;
	entry = entry_2m(pa);
	if (!is_shown(load(entry)))
		return -NXT_EINVAL;

	fill(map.page_table, ALIGN_DOWN(pa, PAGE_2M), PAGE_SIZE, 0);
	store(entry_of(map.page_table, pa, PAGE_SIZE), pa | map.format->page);
	store(entry, map.page_table | map.format->table);
	map.protected = pa;
	return 0;
}

int identity_hide(u64 base, u64 size)
{
	int ret;

	if (bad_range(base, size))
		return -NXT_EINVAL;
	spin_lock(&map.lock);
	ret = hide_locked(base, size);
	spin_unlock(&map.lock);
	return ret;
}

int identity_show(u64 base, u64 size)
{
	int ret;

	if (bad_range(base, size))
		return -NXT_EINVAL;
	spin_lock(&map.lock);
	ret = show_locked(base, size);
	spin_unlock(&map.lock);
	return ret;
}

int identity_protect_page(u64 pa)
{
	int ret;

	if (!IS_ALIGNED(pa, PAGE_SIZE) || pa >= map.limit)
		return -NXT_EINVAL;
	spin_lock(&map.lock);
	ret = protect_locked(pa);
	spin_unlock(&map.lock);
	return ret;
}

int identity_unprotect_page(u64 pa)
{
	int ret = -NXT_EINVAL;

	spin_lock(&map.lock);
	if (map.protected == pa && pa != NO_PAGE) {
		store(entry_2m(pa), shown(pa));
		map.protected = NO_PAGE;
		ret = 0;
	}
	spin_unlock(&map.lock);
	return ret;
}
