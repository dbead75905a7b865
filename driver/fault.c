// SPDX-License-Identifier: GPL-2.0-only
/* Nested page faults: from a guest address to a page of the process, and into Engine's tables. */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "hypercall.h"
#include "internal.h"
#include "memory.h"

/* Pages of an aligned window, of which those that Linux has at hand are mapped with the wanted one. */
#define AROUND 32

struct fault {
	struct nxt_vcpu *vcpu;
	struct nxt_slot *slot;
	u64 gfn;
	unsigned long hva;
	bool write;	   /* the guest wants to */
	bool writable;	   /* Linux's page table allows it */
	struct page *page; /* with a reference */
	unsigned long seq; /* of invalidations, from before the page was looked up */
};

/* A page that Linux has merged with others of the same content, for as long as nobody writes to it. */
static bool is_merged(struct page *page)
{
	return folio_test_ksm(page_folio(page));
}

/*
 * Finds the page, and makes Linux provide it if need be. Wherever the guest may write, Linux is asked
 * for a page to write to also when the guest only reads: so the shared zero page and pages that await
 * copying are never mapped. But reading alone does not undo what was merged.
 */
static int find_page(struct fault *f)
{
	int flags = FOLL_HWPOISON | FOLL_INTERRUPTIBLE;
	long ret;

	f->writable = !(f->slot->flags & KVM_MEM_READONLY);
	if (get_user_pages_fast_only(f->hva, 1, f->writable ? FOLL_WRITE : 0, &f->page) == 1)
		return 0;
	if (!f->write && get_user_pages_fast_only(f->hva, 1, 0, &f->page) == 1) {
		if (is_merged(f->page)) {
			f->writable = false;
			return 0;
		}
		put_page(f->page);
	}
	ret = get_user_pages_unlocked(f->hva, 1, &f->page, flags | (f->writable ? FOLL_WRITE : 0));
	if (ret == -EFAULT && f->writable && !f->write) {
		f->writable = false;
		ret = get_user_pages_unlocked(f->hva, 1, &f->page, flags);
	}
	if (ret == 1)
		return 0;
	if (ret == -EHWPOISON) {
		/*
		 * As for a process that touches a broken page; the fault is tried again when the signal
		 * was seen.
		 */
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)f->hva, PAGE_SHIFT, current);
		return -EINTR;
	}
	return ret == -EINTR || ret == -ENOMEM ? ret : -EFAULT;
}

/*
 * Whether an invalidation that touches these pages is under way. It has unmapped them already, or is about
 * to, but Linux's page table may still have them: nothing may be mapped there until it is over. mmu_lock is
 * held, so none begins.
 */
static bool being_invalidated(const struct nxt_vm *vm, unsigned long hva, u64 npages)
{
	return vm->invalidate_count && hva < vm->invalidate_end &&
	       hva + (npages << PAGE_SHIFT) > vm->invalidate_start;
}

/*
 * Whether Linux maps the address with a large page. mmu_lock is held and no invalidation is under way,
 * so what is true stays true; interrupts are off so that the tables are not freed while they are read.
 */
static bool host_maps_large(struct mm_struct *mm, unsigned long hva)
{
	bool large = false;
	unsigned long flags;
	pgd_t pgd;
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	local_irq_save(flags);
	pgd = READ_ONCE(*pgd_offset(mm, hva));
	if (pgd_none(pgd))
		goto out;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (p4d_none(p4d) || !p4d_present(p4d))
		goto out;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	if (pud_none(pud) || !pud_present(pud))
		goto out;
	large = pud_leaf(pud);
	if (large)
		goto out;
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	large = pmd_present(pmd) && pmd_leaf(pmd);
out:
	local_irq_restore(flags);
	return large;
}

static bool can_be_large(const struct fault *f)
{
	const struct nxt_slot *slot = f->slot;
	u64 gfn = ALIGN_DOWN(f->gfn, NXT_CHUNK_FRAMES);
	unsigned long hva = f->hva - ((f->gfn - gfn) << PAGE_SHIFT);

	if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
		return false;
	if (gfn < slot->gfn || gfn + NXT_CHUNK_FRAMES > slot->gfn + slot->npages)
		return false;
	if ((f->gfn ^ (f->hva >> PAGE_SHIFT)) & (NXT_CHUNK_FRAMES - 1))
		return false;
	return !being_invalidated(f->vcpu->vm, hva, NXT_CHUNK_FRAMES) &&
	       host_maps_large(f->vcpu->vm->mm, hva);
}

static long map_list(struct nxt_vcpu *vcpu, u32 count)
{
	return nxt_hc_vm_map(vcpu->vm->id, page_to_pfn(virt_to_page(vcpu->map)), count);
}

static long map_large(struct fault *f)
{
	struct nxt_vcpu *vcpu = f->vcpu;
	long ret;

	vcpu->map[0] = (struct nxt_map){
		.gpa = ALIGN_DOWN(f->gfn, NXT_CHUNK_FRAMES) << PAGE_SHIFT,
		.pfn = ALIGN_DOWN(page_to_pfn(f->page), NXT_CHUNK_FRAMES),
		.flags = NXT_MAP_2M | (f->writable ? NXT_MAP_WRITE : 0),
	};
	ret = map_list(vcpu, 1);
	/* Linux must not think that it can drop the page: the guest writes without telling. */
	if (ret == 1 && f->writable)
		SetPageDirty(f->page);
	return ret;
}

/* Pages of a logged slot become writable when they are written, not before. */
static bool map_writable(const struct fault *f, bool write)
{
	return f->writable && (write || !(f->slot->flags & KVM_MEM_LOG_DIRTY_PAGES));
}

static void mark(struct fault *f, u64 gfn, struct page *page)
{
	SetPageDirty(page);
	if (f->slot->flags & KVM_MEM_LOG_DIRTY_PAGES)
		__set_bit(gfn - f->slot->gfn, f->slot->dirty);
}

/* Maps the page, and those after it that Linux has at hand: a guest that uses one will use the next. */
static long map_small(struct fault *f)
{
	struct nxt_vcpu *vcpu = f->vcpu;
	u64 end = min(ALIGN(f->gfn + 1, AROUND), f->slot->gfn + f->slot->npages);
	struct page *pages[AROUND];
	int i, more;
	long ret;

	pages[0] = f->page;
	more = end - f->gfn - 1;
	/* Beside a merged page others may be writable, and would be mapped read-only here. */
	if (is_merged(f->page) || being_invalidated(vcpu->vm, f->hva + PAGE_SIZE, more))
		more = 0;
	if (more)
		more = get_user_pages_fast_only(f->hva + PAGE_SIZE, more, f->writable ? FOLL_WRITE : 0,
						pages + 1);
	more = max(more, 0);

	for (i = 0; i <= more; i++)
		vcpu->map[i] = (struct nxt_map){
			.gpa = (f->gfn + i) << PAGE_SHIFT,
			.pfn = page_to_pfn(pages[i]),
			.flags = map_writable(f, i == 0 && f->write) ? NXT_MAP_WRITE : 0,
		};
	ret = map_list(vcpu, more + 1);
	for (i = 0; i < ret && i <= more; i++)
		if (map_writable(f, i == 0 && f->write))
			mark(f, f->gfn + i, pages[i]);
	for (i = 1; i <= more; i++)
		put_page(pages[i]);
	return ret;
}

static bool was_invalidated(const struct fault *f)
{
	const struct nxt_vm *vm = f->vcpu->vm;

	return being_invalidated(vm, f->hva, 1) || vm->invalidate_seq != f->seq;
}

/*
 * The number of entries mapped, or the error of the first; 0: Linux took the page back, look it up
 * again.
 */
static long map_page(struct fault *f)
{
	struct nxt_vm *vm = f->vcpu->vm;
	long ret = 0;

	spin_lock(&vm->mmu_lock);
	if (!was_invalidated(f)) {
		ret = -EEXIST;
		if (can_be_large(f))
			ret = map_large(f);
		/* Small pages are there already, or a frame near by cannot be shared. */
		if (ret < 0 && ret != -ENOMEM)
			ret = map_small(f);
	}
	spin_unlock(&vm->mmu_lock);
	return ret;
}

static int fault_in(struct fault *f, bool present)
{
	struct nxt_vm *vm = f->vcpu->vm;
	u32 chunks;
	long ret;

	f->seq = READ_ONCE(vm->invalidate_seq);
	smp_rmb(); /* the page is looked up after the number: pairs with mmu_lock in invalidate_end() */
	ret = find_page(f);
	if (ret)
		return ret;
	do {
		chunks = READ_ONCE(vm->chunk_count);
		ret = map_page(f);
	} while (ret == -ENOMEM && !(ret = nxt_vm_give(vm, chunks)));
	put_page(f->page);

	if (ret == -EEXIST) {
		if (present && !f->write)
			return 0; /* readable it was already, and more it cannot become */
		/*
		 * Another vCPU was faster, or the page is mapped read-only and has to become writable.
		 * What a TLB may hold must go before that.
		 */
		if (present && f->write)
			nxt_zap(vm, f->gfn, 1, true);
		return 1;
	}
	if (ret == -EPERM)
		pr_warn_ratelimited("nxtop: VM %u: frame 0x%lx is not this VM's to map\n", vm->id,
				    page_to_pfn(f->page));
	if (ret == -EPERM || ret == -EINVAL)
		return -EFAULT;
	return ret < 0 ? ret : 1;
}

int nxt_fault(struct nxt_vcpu *vcpu, u64 gpa, bool write, bool present)
{
	struct nxt_vm *vm = vcpu->vm;
	struct fault f = {.vcpu = vcpu, .gfn = gpa >> PAGE_SHIFT, .write = write};
	int idx = srcu_read_lock(&vm->srcu);
	int ret = 0;

	f.slot = nxt_slot_find(vm, f.gfn);
	if (f.slot && !(write && (f.slot->flags & KVM_MEM_READONLY))) {
		f.hva = nxt_slot_hva(f.slot, f.gfn);
		ret = fault_in(&f, present);
	}
	srcu_read_unlock(&vm->srcu, idx);
	return ret;
}

/* As far as it comes: user space is told what is left, and gets the error with the next call. */
static long pre_fault(struct nxt_vcpu *vcpu, struct kvm_pre_fault_memory *range)
{
	u64 space = READ_ONCE(vcpu->run->smm) ? NXT_GPA_SMM : 0; /* the one that the vCPU sees */
	u64 left = range->size;
	int ret = 0;

	while (range->size && !ret) {
		if (signal_pending(current))
			ret = -EINTR;
		else if (!(range->gpa & NXT_GPA_SMM))
			ret = nxt_fault(vcpu, range->gpa | space, false, false);
		if (!ret)
			ret = -ENOENT; /* no slot */
		if (ret != 1)
			break;
		range->gpa += PAGE_SIZE;
		range->size -= PAGE_SIZE;
		ret = 0;
		cond_resched();
	}
	return range->size == left ? ret : 0;
}

long nxt_pre_fault(struct nxt_vcpu *vcpu, struct kvm_pre_fault_memory __user *user)
{
	struct kvm_pre_fault_memory range;
	long ret;

	if (copy_from_user(&range, user, sizeof(range)))
		return -EFAULT;
	if (range.flags || !PAGE_ALIGNED(range.gpa) || !PAGE_ALIGNED(range.size) ||
	    range.gpa + range.size <= range.gpa)
		return -EINVAL;
	ret = pre_fault(vcpu, &range);
	return copy_to_user(user, &range, sizeof(range)) ? -EFAULT : ret;
}
