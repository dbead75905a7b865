/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control domain's nested page table: all of physical address space mapped to itself, less what is
 * hidden: Engine's memory and the chunks given to VMs. One for the machine.
 *
 * It starts with 1 GiB entries, which are split into 2 MiB entries where something is hidden and into 4 KiB
 * entries around the one page that can be protected. Split 1 GiB entries are not merged again.
 *
 * Hidden memory reads as 0xff, like an address where no device answers, so that a kernel that looks through
 * all memory (kdump copies that of its crashed predecessor) goes on; writes to it are nested page faults.
 *
 * All entries are write-back, which on AMD leaves the memory type to the MTRRs and the control domain's PAT
 * (APM vol. 2, 15.25.8). EPT ignores the MTRRs: before Intel is supported, entries here need their types.
 *
 * The CPU must support 1 GiB pages in nested tables. Addresses past bit 47 are out of reach of four levels
 * and fault.
 *
 * Locking: inside. Changes are single atomic stores, so CPUs may walk the table at any time. After hide and
 * protect the caller flushes the control domain's TLBs on every CPU; after show and unprotect stale entries
 * cost only an exit or a read of 0xff, but flush before the control domain is told that the memory is its own
 * again.
 */
#ifndef ENGINE_MEM_IDENTITY_H
#define ENGINE_MEM_IDENTITY_H

#include "lib/types.h"

struct npt_format;

/*
 * The number of pages that identity_init() wants for RAM that ends at ram_top (bytes) on a CPU with phys_bits
 * physical address bits. With so many, hiding below ram_top never runs out, nor does protecting one page
 * anywhere.
 */
u64 identity_tables_needed(u64 ram_top, u32 phys_bits);

/*
 * Builds the table in npages pages at pool (physical address, page-aligned; they become the table's for ever,
 * and are Engine's memory). Returns 0, or -NXT_ENOMEM. The caller then hides Engine's memory.
 */
int identity_init(const struct npt_format *format, u32 phys_bits, u64 pool, u64 npages);

/* Physical address of the top-level table. */
u64 identity_root(void);

/*
 * Hide makes [base, base + size) unreachable for the control domain, show makes it reachable again. Both are
 * multiples of 2 MiB. Return 0, or change nothing and return -NXT_EINVAL (not aligned, out of range, partly
 * hidden already or not hidden, or it holds the protected page) or -NXT_ENOMEM (hide only: above ram_top, and
 * the pool is empty).
 */
int identity_hide(u64 base, u64 size);
int identity_show(u64 base, u64 size);

/*
 * Makes the 4 KiB page at pa read-only: for the xAPIC's registers, where a write may send an interrupt. One
 * page at a time. Protecting the protected page again succeeds. Returns 0, or -NXT_EINVAL (not aligned, out
 * of range, hidden), -NXT_EBUSY (another page is protected) or -NXT_ENOMEM (needs a 1 GiB entry split, and
 * the pool is empty).
 */
int identity_protect_page(u64 pa);

/*
 * Makes it writable again, as a 2 MiB entry. Returns 0, or -NXT_EINVAL: it was not protected. Flush TLBs
 * before another page is protected: the table of 4 KiB entries is used again.
 */
int identity_unprotect_page(u64 pa);

#endif
