// SPDX-License-Identifier: GPL-2.0-only
/*
 * Following Linux's page tables: when Linux takes a page away or changes it, Engine's mapping of it goes
 * first.
 *
 * An invalidation counts itself under mmu_lock before it unmaps. A fault that holds mmu_lock earlier has
 * mapped by then, and is unmapped; one that comes later sees the count, or the changed sequence number,
 * and drops what it looked up.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched.h>

#include "hypercall.h"
#include "internal.h"
#include "memory.h"

void nxt_unmap(struct nxt_vm *vm, u64 gfn, u64 npages, bool may_sleep)
{
	long done;

	while (npages && !READ_ONCE(vm->dead)) {
		done = nxt_hc_vm_range(NXT_HC_VM_UNMAP, vm->id, gfn << PAGE_SHIFT, npages);
		if (done <= 0 || done > npages) {
			WARN_ON_ONCE(!READ_ONCE(vm->dead));
			return;
		}
		gfn += done;
		npages -= done;
		if (may_sleep)
			cond_resched();
	}
}

void nxt_release(struct nxt_vm *vm, u64 gfn, u64 npages, bool may_sleep)
{
	long done;

	while (npages && !READ_ONCE(vm->dead)) {
		done = nxt_hc_vm_range(NXT_HC_VM_RELEASE, vm->id, gfn << PAGE_SHIFT, npages);
		if (done == -EAGAIN) {
			/* Somebody else unmapped something since, and a vCPU runs since before that. */
			nxt_vm_kick_wait(vm);
			continue;
		}
		if (done <= 0 || done > npages) {
			WARN_ON_ONCE(!READ_ONCE(vm->dead));
			return;
		}
		gfn += done;
		npages -= done;
		if (may_sleep)
			cond_resched();
	}
}

void nxt_zap(struct nxt_vm *vm, u64 gfn, u64 npages, bool may_sleep)
{
	nxt_unmap(vm, gfn, npages, may_sleep);
	nxt_vm_kick_wait(vm);
	nxt_release(vm, gfn, npages, may_sleep);
}

/* The part of the slot that lies in the host addresses [start, end). */
static bool intersect(const struct nxt_slot *slot, unsigned long start, unsigned long end, u64 *gfn,
		      u64 *npages)
{
	unsigned long last = slot->hva + (slot->npages << PAGE_SHIFT) - 1;

	if (end <= slot->hva || start > last)
		return false;
	start = max(start, slot->hva);
	end = min(end - 1, last);
	*gfn = slot->gfn + ((start - slot->hva) >> PAGE_SHIFT);
	*npages = (end >> PAGE_SHIFT) - (start >> PAGE_SHIFT) + 1;
	return true;
}

/* Zaps every guest page that stands for a host address in [start, end). */
static void zap_host_range(struct nxt_vm *vm, unsigned long start, unsigned long end, bool may_sleep)
{
	int idx = srcu_read_lock(&vm->srcu);
	struct nxt_slots *slots = nxt_slots(vm);
	bool any = false;
	u64 gfn, npages;
	u32 i;

	for (i = 0; i < slots->count; i++)
		if (intersect(slots->slot[i], start, end, &gfn, &npages)) {
			nxt_unmap(vm, gfn, npages, may_sleep);
			any = true;
		}
	if (any) {
		nxt_vm_kick_wait(vm);
		for (i = 0; i < slots->count; i++)
			if (intersect(slots->slot[i], start, end, &gfn, &npages))
				nxt_release(vm, gfn, npages, may_sleep);
	}
	srcu_read_unlock(&vm->srcu, idx);
}

static struct nxt_vm *vm_of(struct mmu_notifier *notifier)
{
	return container_of(notifier, struct nxt_vm, notifier);
}

static int invalidate_start(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct nxt_vm *vm = vm_of(notifier);

	spin_lock(&vm->mmu_lock);
	if (vm->invalidate_count++) {
		vm->invalidate_start = min(vm->invalidate_start, range->start);
		vm->invalidate_end = max(vm->invalidate_end, range->end);
	} else {
		vm->invalidate_start = range->start;
		vm->invalidate_end = range->end;
	}
	spin_unlock(&vm->mmu_lock);

	zap_host_range(vm, range->start, range->end, mmu_notifier_range_blockable(range));
	return 0;
}

static void invalidate_end(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct nxt_vm *vm = vm_of(notifier);

	spin_lock(&vm->mmu_lock);
	vm->invalidate_seq++;
	vm->invalidate_count--;
	spin_unlock(&vm->mmu_lock);
}

/*
 * Whether the guest used a page of the range; forgets that it did, if clear. No TLB is flushed: it is a
 * hint.
 */
static int age(struct nxt_vm *vm, unsigned long start, unsigned long end, bool clear)
{
	int idx = srcu_read_lock(&vm->srcu);
	struct nxt_slots *slots = nxt_slots(vm);
	int young = 0;
	u64 gfn, npages;
	u32 i;

	for (i = 0; i < slots->count; i++) {
		if (!intersect(slots->slot[i], start, end, &gfn, &npages))
			continue;
		while (npages && !READ_ONCE(vm->dead)) {
			u64 n = min_t(u64, npages, NXT_CHUNK_FRAMES);

			young |= nxt_hc_vm_age(vm->id, gfn << PAGE_SHIFT, n, clear) > 0;
			gfn += n;
			npages -= n;
		}
	}
	srcu_read_unlock(&vm->srcu, idx);
	return young;
}

static int clear_young(struct mmu_notifier *notifier, struct mm_struct *mm, unsigned long start,
		       unsigned long end)
{
	return age(vm_of(notifier), start, end, true);
}

static int test_young(struct mmu_notifier *notifier, struct mm_struct *mm, unsigned long address)
{
	return age(vm_of(notifier), address, address + 1, false);
}

/* The process ends, or the notifier goes: there is no memory any more. */
static void release(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	zap_host_range(vm_of(notifier), 0, ULONG_MAX, true);
}

static const struct mmu_notifier_ops ops = {
	.invalidate_range_start = invalidate_start,
	.invalidate_range_end = invalidate_end,
	.clear_flush_young = clear_young,
	.clear_young = clear_young,
	.test_young = test_young,
	.release = release,
};

int nxt_notifier_register(struct nxt_vm *vm)
{
	int ret;

	vm->notifier.ops = &ops;
	ret = mmu_notifier_register(&vm->notifier, vm->mm);
	if (ret)
		vm->notifier.ops = NULL;
	return ret;
}
