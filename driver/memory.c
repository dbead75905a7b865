// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots. Readers see either the old or the new array, whole; who changes it publishes a copy and
 * waits until no reader has the old one, then adjusts what Engine has mapped.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "memory.h"

#define MAX_PAGES ((1ul << 31) - 1)	    /* of one slot: KVM's limit */
#define MAX_GFN (1ull << (48 - PAGE_SHIFT)) /* a nested page table has four levels */

struct nxt_slots *nxt_slots(struct nxt_vm *vm)
{
	return srcu_dereference_check(vm->slots, &vm->srcu, lockdep_is_held(&vm->slots_lock));
}

static struct nxt_slots *slots_alloc(u32 count)
{
	struct nxt_slots *slots = kvzalloc(struct_size(slots, slot, count), GFP_KERNEL_ACCOUNT);

	if (slots)
		slots->count = count;
	return slots;
}

static void slot_free(struct nxt_slot *slot)
{
	if (slot)
		kvfree(slot->dirty);
	kfree(slot);
}

int nxt_slots_init(struct nxt_vm *vm)
{
	RCU_INIT_POINTER(vm->slots, slots_alloc(0));
	return rcu_access_pointer(vm->slots) ? 0 : -ENOMEM;
}

void nxt_slots_free(struct nxt_vm *vm)
{
	struct nxt_slots *slots = rcu_dereference_protected(vm->slots, true);
	u32 i;

	for (i = 0; slots && i < slots->count; i++)
		slot_free(slots->slot[i]);
	kvfree(slots);
}

struct nxt_slot *nxt_slot_find(struct nxt_vm *vm, u64 gfn)
{
	struct nxt_slots *slots = nxt_slots(vm);
	u32 low = 0, high = slots->count;

	while (low < high) {
		u32 middle = (low + high) / 2;
		struct nxt_slot *slot = slots->slot[middle];

		if (gfn < slot->gfn)
			high = middle;
		else if (gfn - slot->gfn >= slot->npages)
			low = middle + 1;
		else
			return slot;
	}
	return NULL;
}

static struct nxt_slot *find_id(struct nxt_slots *slots, u32 id)
{
	u32 i;

	for (i = 0; i < slots->count; i++)
		if (slots->slot[i]->id == id)
			return slots->slot[i];
	return NULL;
}

/* Whether the frames overlap a slot other than that with the id. */
static bool overlaps(struct nxt_slots *slots, u64 gfn, u64 npages, u32 id)
{
	u32 i;

	for (i = 0; i < slots->count; i++) {
		struct nxt_slot *slot = slots->slot[i];

		if (slot->id != id && gfn < slot->gfn + slot->npages && slot->gfn < gfn + npages)
			return true;
	}
	return false;
}

/*
 * Publishes the slots without `remove` and with `add`, either of which may be NULL, and returns when
 * nobody uses the slots from before. 0 or -ENOMEM.
 */
static int replace_slot(struct nxt_vm *vm, struct nxt_slot *remove, struct nxt_slot *add)
{
	struct nxt_slots *old = nxt_slots(vm);
	struct nxt_slots *new = slots_alloc(old->count + !!add - !!remove);
	u32 i, n = 0;

	if (!new)
		return -ENOMEM;
	for (i = 0; i < old->count; i++) {
		struct nxt_slot *slot = old->slot[i];

		if (slot == remove)
			continue;
		if (add && add->gfn < slot->gfn) {
			new->slot[n++] = add;
			add = NULL;
		}
		new->slot[n++] = slot;
	}
	if (add)
		new->slot[n] = add;
	rcu_assign_pointer(vm->slots, new);
	synchronize_srcu_expedited(&vm->srcu);
	kvfree(old);
	return 0;
}

bool nxt_slot_id_ok(u32 id)
{
	return id >> 16 < NXT_SPACES && (u16)id < NXT_MEMSLOTS;
}

/* The region's first frame; user space's address itself is below MAX_GFN. */
static u64 region_gfn(const struct kvm_userspace_memory_region *region)
{
	return region->guest_phys_addr >> PAGE_SHIFT | (region->slot >> 16 ? NXT_GFN_SMM : 0);
}

static struct nxt_slot *slot_alloc(const struct kvm_userspace_memory_region *region)
{
	struct nxt_slot *slot = kzalloc(sizeof(*slot), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return NULL;
	slot->gfn = region_gfn(region);
	slot->npages = region->memory_size >> PAGE_SHIFT;
	slot->hva = region->userspace_addr;
	slot->id = region->slot;
	slot->flags = region->flags;
	if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES) {
		slot->dirty = kvcalloc(BITS_TO_LONGS(slot->npages), sizeof(long), GFP_KERNEL_ACCOUNT);
		if (!slot->dirty) {
			kfree(slot);
			return NULL;
		}
	}
	return slot;
}

static int delete_slot(struct nxt_vm *vm, struct nxt_slot *old)
{
	int ret = replace_slot(vm, old, NULL);

	if (ret)
		return ret;
	nxt_zap(vm, old->gfn, old->npages, true);
	slot_free(old);
	return 0;
}

static int create_slot(struct nxt_vm *vm, struct nxt_slot *new)
{
	int ret = replace_slot(vm, NULL, new);

	/*
	 * From now on nobody can take the range for MMIO; whoever did leaves marks in Engine's tables.
	 */
	if (!ret && atomic_read(&vm->mmio_pages))
		nxt_zap(vm, new->gfn, new->npages, true);
	return ret;
}

static int move_slot(struct nxt_vm *vm, struct nxt_slot *old, struct nxt_slot *new)
{
	int ret = replace_slot(vm, old, NULL);

	if (ret)
		return ret;
	nxt_zap(vm, old->gfn, old->npages, true);
	ret = create_slot(vm, new);
	if (ret)
		WARN_ON_ONCE(replace_slot(vm, NULL, old)); /* as good as it gets without memory */
	else
		slot_free(old);
	return ret;
}

static int change_flags(struct nxt_vm *vm, struct nxt_slot *old, struct nxt_slot *new)
{
	int ret = replace_slot(vm, old, new);

	if (ret)
		return ret;
	if (new->flags & KVM_MEM_LOG_DIRTY_PAGES)
		nxt_dirty_start(vm, new);
	else
		nxt_zap(vm, new->gfn, new->npages, true); /* lets large pages come back */
	slot_free(old);
	return 0;
}

/* What KVM checks before it looks at the slots there are. */
static int check_region(const struct kvm_userspace_memory_region *region)
{
	u64 size = region->memory_size;

	if (region->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY))
		return -EINVAL;
	if (!PAGE_ALIGNED(size) || !PAGE_ALIGNED(region->guest_phys_addr) ||
	    !PAGE_ALIGNED(region->userspace_addr))
		return -EINVAL;
	if (region->userspace_addr != untagged_addr(region->userspace_addr) ||
	    !access_ok((void __user *)(unsigned long)region->userspace_addr, size))
		return -EINVAL;
	if (!nxt_slot_id_ok(region->slot))
		return -EINVAL;
	if (region->guest_phys_addr + size < region->guest_phys_addr || size >> PAGE_SHIFT > MAX_PAGES)
		return -EINVAL;
	return 0;
}

static int set_region(struct nxt_vm *vm, const struct kvm_userspace_memory_region *region)
{
	struct nxt_slots *slots = nxt_slots(vm);
	struct nxt_slot *old = find_id(slots, region->slot);
	u64 gfn = region_gfn(region);
	u64 npages = region->memory_size >> PAGE_SHIFT;
	struct nxt_slot *new;
	int ret;

	if (!npages)
		return old ? delete_slot(vm, old) : -EINVAL;
	if ((region->guest_phys_addr >> PAGE_SHIFT) + npages > MAX_GFN)
		return -EINVAL;
	if (old) {
		if (old->hva != region->userspace_addr || old->npages != npages ||
		    ((old->flags ^ region->flags) & KVM_MEM_READONLY))
			return -EINVAL;
		if (old->gfn == gfn && old->flags == region->flags)
			return 0;
	}
	if (overlaps(slots, gfn, npages, region->slot))
		return -EEXIST;

	new = slot_alloc(region);
	if (!new)
		return -ENOMEM;
	if (!old)
		ret = create_slot(vm, new);
	else if (old->gfn != gfn)
		ret = move_slot(vm, old, new);
	else
		ret = change_flags(vm, old, new);
	if (ret)
		slot_free(new);
	return ret;
}

long nxt_set_memory_region(struct nxt_vm *vm, unsigned int cmd, void __user *argp)
{
	struct kvm_userspace_memory_region region;
	long ret;

	/*
	 * The second version's struct begins with the first's; what follows is for flags that are
	 * refused.
	 */
	BUILD_BUG_ON(offsetofend(struct kvm_userspace_memory_region2, userspace_addr) != sizeof(region));
	if (copy_from_user(&region, argp, sizeof(region)))
		return -EFAULT;
	ret = check_region(&region);
	if (ret)
		return ret;
	mutex_lock(&vm->slots_lock);
	ret = set_region(vm, &region);
	mutex_unlock(&vm->slots_lock);
	return ret;
}

/* The part of it that lies in one page. */
static int access_page(struct nxt_vm *vm, u64 gpa, void *data, size_t len, bool write)
{
	u64 gfn = gpa >> PAGE_SHIFT;
	struct nxt_slot *slot = nxt_slot_find(vm, gfn);
	void __user *at;

	if (!slot || (write && (slot->flags & KVM_MEM_READONLY)))
		return -EFAULT;
	at = (void __user *)(nxt_slot_hva(slot, gfn) + offset_in_page(gpa));
	if (write ? copy_to_user(at, data, len) : copy_from_user(data, at, len))
		return -EFAULT;
	if (write && slot->dirty) {
		spin_lock(&vm->mmu_lock);
		__set_bit(gfn - slot->gfn, slot->dirty);
		spin_unlock(&vm->mmu_lock);
	}
	return 0;
}

static int guest_access(struct nxt_vm *vm, u64 gpa, void *data, size_t len, bool write)
{
	int idx = srcu_read_lock(&vm->srcu);
	size_t n;
	int ret = 0;

	for (; len && !ret; gpa += n, data += n, len -= n) {
		n = min_t(size_t, len, PAGE_SIZE - offset_in_page(gpa));
		ret = access_page(vm, gpa, data, n, write);
	}
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

int nxt_guest_read(struct nxt_vm *vm, u64 gpa, void *data, size_t len)
{
	return guest_access(vm, gpa, data, len, false);
}

int nxt_guest_write(struct nxt_vm *vm, u64 gpa, const void *data, size_t len)
{
	return guest_access(vm, gpa, (void *)data, len, true);
}
