// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log. A page of a logged slot is mapped read-only until it is written; the fault marks it,
 * and maps it writable until the next KVM_GET_DIRTY_LOG. Marking and mapping are one step under
 * mmu_lock, taking marks and protecting another, so no write falls between. What a vCPU writes before it
 * notices the protection was written before user space can look.
 */
#include <linux/bitmap.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hypercall.h"
#include "internal.h"
#include "memory.h"

#define BATCH 512 /* pages that are handled with mmu_lock held; a multiple of BITS_PER_LONG */

static void protect(struct nxt_vm *vm, u64 gfn, u64 npages, bool may_sleep)
{
	while (npages && !READ_ONCE(vm->dead)) {
		long done = nxt_hc_vm_range(NXT_HC_VM_PROTECT, vm->id, gfn << PAGE_SHIFT, npages);

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

void nxt_dirty_start(struct nxt_vm *vm, const struct nxt_slot *slot)
{
	/*
	 * No large page lies across the slot's ends, so nothing is unmapped that would need releasing.
	 */
	protect(vm, slot->gfn, slot->npages, true);
	nxt_vm_kick_wait(vm);
}

/*
 * Moves the marks of npages (at most BATCH) pages to `to`, and protects the pages. True: there were
 * some.
 */
static bool take_marks(struct nxt_vm *vm, struct nxt_slot *slot, u64 at, u64 npages, unsigned long *to)
{
	unsigned long *from = slot->dirty + at / BITS_PER_LONG;
	u64 first, last;

	spin_lock(&vm->mmu_lock);
	bitmap_copy(to, from, npages);
	first = find_first_bit(to, npages);
	if (first < npages) {
		last = find_last_bit(to, npages);
		bitmap_zero(from, npages);
		protect(vm, slot->gfn + at + first, last - first + 1, false);
	}
	spin_unlock(&vm->mmu_lock);
	return first < npages;
}

static long get_log(struct nxt_vm *vm, struct nxt_slot *slot, void __user *user)
{
	size_t longs = BITS_TO_LONGS(slot->npages);
	unsigned long *marks = kvcalloc(longs, sizeof(*marks), GFP_KERNEL_ACCOUNT);
	bool any = false;
	long ret;
	u64 at;

	if (!marks)
		return -ENOMEM;
	for (at = 0; at < slot->npages; at += BATCH) {
		any |= take_marks(vm, slot, at, min_t(u64, slot->npages - at, BATCH),
				  marks + at / BITS_PER_LONG);
		cond_resched();
	}
	if (any) {
		nxt_vm_kick_wait(vm);
		/* A large page that lay across the end of a batch was unmapped. */
		nxt_release(vm, slot->gfn, slot->npages, true);
	}
	ret = copy_to_user(user, marks, longs * sizeof(*marks)) ? -EFAULT : 0;
	kvfree(marks);
	return ret;
}

long nxt_get_dirty_log(struct nxt_vm *vm, void __user *argp)
{
	struct kvm_dirty_log log;
	struct nxt_slots *slots;
	long ret = -ENOENT;
	u32 i;

	if (copy_from_user(&log, argp, sizeof(log)))
		return -EFAULT;
	if (!nxt_slot_id_ok(log.slot))
		return -EINVAL;
	mutex_lock(&vm->slots_lock);
	slots = nxt_slots(vm);
	for (i = 0; i < slots->count; i++)
		if (slots->slot[i]->id == log.slot && slots->slot[i]->dirty)
			ret = get_log(vm, slots->slot[i], log.dirty_bitmap);
	mutex_unlock(&vm->slots_lock);
	return ret;
}
