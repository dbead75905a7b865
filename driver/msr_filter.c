// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that user space keeps from a guest, or answers itself: KVM_X86_SET_MSR_FILTER,
 * KVM_CAP_X86_USER_SPACE_MSR, KVM_CAP_MSR_PLATFORM_INFO. Engine asks before each access while there is a
 * filter; without one it knows nothing of all this.
 */
#include <linux/kvm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/msr-index.h>

#include "internal.h"
#include "msr_filter.h"

struct msr_range {
	u32 flags; /* KVM_MSR_FILTER_READ, KVM_MSR_FILTER_WRITE */
	u32 base, count;
	unsigned long *bitmap; /* set: allowed */
};

struct nxt_msr_filter {
	bool allow; /* what no range is about */
	u32 count;
	struct msr_range range[KVM_MSR_FILTER_MAX_RANGES];
};

static void free_filter(struct nxt_msr_filter *filter)
{
	u32 i;

	if (!filter)
		return;
	for (i = 0; i < filter->count; i++)
		kfree(filter->range[i].bitmap);
	kfree(filter);
}

static int add_msr_range(struct nxt_msr_filter *filter, const struct kvm_msr_filter_range *from)
{
	size_t size = BITS_TO_LONGS(from->nmsrs) * sizeof(long);
	unsigned long *bitmap;

	if (!from->nmsrs)
		return 0;
	if (!from->flags || (from->flags & ~KVM_MSR_FILTER_RANGE_VALID_MASK))
		return -EINVAL;
	if (!size || size > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	bitmap = memdup_user((const void __user *)from->bitmap, size);
	if (IS_ERR(bitmap))
		return PTR_ERR(bitmap);
	filter->range[filter->count++] = (struct msr_range){
		.flags = from->flags,
		.base = from->base,
		.count = from->nmsrs,
		.bitmap = bitmap,
	};
	return 0;
}

/* NULL: it allows everything. */
static struct nxt_msr_filter *make_filter(const struct kvm_msr_filter *from)
{
	struct nxt_msr_filter *filter;
	int ret = 0;
	u32 i;

	if (from->flags & ~KVM_MSR_FILTER_VALID_MASK)
		return ERR_PTR(-EINVAL);
	filter = kzalloc(sizeof(*filter), GFP_KERNEL_ACCOUNT);
	if (!filter)
		return ERR_PTR(-ENOMEM);
	filter->allow = !(from->flags & KVM_MSR_FILTER_DEFAULT_DENY);
	for (i = 0; i < KVM_MSR_FILTER_MAX_RANGES && !ret; i++)
		ret = add_msr_range(filter, &from->ranges[i]);
	/* To deny everything is most likely a mistake, and KVM takes it for one. */
	if (!ret && !filter->count && !filter->allow)
		ret = -EINVAL;
	if (!ret && filter->count)
		return filter;
	free_filter(filter);
	return ERR_PTR(ret);
}

long nxt_msr_filter_set(struct nxt_vm *vm, const struct kvm_msr_filter __user *user)
{
	struct kvm_msr_filter *from = memdup_user(user, sizeof(*from));
	struct nxt_msr_filter *filter;

	if (IS_ERR(from))
		return PTR_ERR(from);
	filter = make_filter(from);
	kfree(from);
	if (IS_ERR(filter))
		return PTR_ERR(filter);

	mutex_lock(&vm->lock);
	filter = rcu_replace_pointer(vm->msr_filter, filter, lockdep_is_held(&vm->lock));
	mutex_unlock(&vm->lock);
	/* The old one ends here for everybody: who runs leaves, and looks at the new one on the way back. */
	nxt_vm_kick_wait(vm);
	synchronize_srcu_expedited(&vm->srcu);
	free_filter(filter);
	return 0;
}

void nxt_msr_filter_free(struct nxt_vm *vm)
{
	free_filter(rcu_dereference_protected(vm->msr_filter, 1));
}

long nxt_msr_exits_set(struct nxt_vm *vm, u64 reasons)
{
	if (reasons & ~(u64)KVM_MSR_EXIT_REASON_VALID_MASK)
		return -EINVAL;
	WRITE_ONCE(vm->msr_exits, reasons);
	return 0;
}

void nxt_msr_hide_platform_info(struct nxt_vm *vm, bool hide)
{
	WRITE_ONCE(vm->no_platform_info, hide);
	nxt_vm_kick_wait(vm);
}

u32 nxt_msr_run_flags(struct nxt_vm *vm)
{
	u32 flags = 0;

	if (rcu_access_pointer(vm->msr_filter) || READ_ONCE(vm->no_platform_info))
		flags |= NXT_RUN_ASK_MSR;
	if (READ_ONCE(vm->msr_exits) & (KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN))
		flags |= NXT_RUN_TELL_MSR;
	return flags;
}

static bool allowed(struct nxt_vm *vm, u32 index, u32 kind)
{
	const struct nxt_msr_filter *filter;
	bool answer = true;
	int idx = srcu_read_lock(&vm->srcu);
	u32 i;

	filter = srcu_dereference(vm->msr_filter, &vm->srcu);
	if (filter) {
		answer = filter->allow;
		for (i = 0; i < filter->count; i++) {
			const struct msr_range *range = &filter->range[i];

			if (index < range->base || index - range->base >= range->count ||
			    !(range->flags & kind))
				continue;
			answer = test_bit(index - range->base, range->bitmap);
			break;
		}
	}
	srcu_read_unlock(&vm->srcu, idx);
	return answer;
}

/* User space answers, if it wants to know of this; or else the guest gets #GP, which needs no flag. */
static int ask_user_space(struct nxt_vcpu *vcpu, u32 reason, u32 index, bool write)
{
	struct kvm_run *kvm_run = vcpu->kvm_run;
	struct nxt_run *run = vcpu->run;

	if (!(READ_ONCE(vcpu->vm->msr_exits) & reason))
		return 1;
	kvm_run->exit_reason = write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	kvm_run->msr.reason = reason;
	kvm_run->msr.error = 0;
	memset(kvm_run->msr.pad, 0, sizeof(kvm_run->msr.pad));
	kvm_run->msr.index = index;
	if (write)
		kvm_run->msr.data = READ_ONCE(run->msr.value);
	vcpu->answer = &kvm_run->msr.data;
	vcpu->answer_len = sizeof(kvm_run->msr.data);
	vcpu->msr_asked = true;
	return 0;
}

int nxt_msr_exit(struct nxt_vcpu *vcpu)
{
	struct nxt_run *run = vcpu->run;
	u32 index = READ_ONCE(run->msr.index);
	bool write = READ_ONCE(run->msr.write);

	vcpu->unfinished = true;
	switch (READ_ONCE(run->msr.reason)) {
	case NXT_MSR_ASKED:
		if (!allowed(vcpu->vm, index, write ? KVM_MSR_FILTER_WRITE : KVM_MSR_FILTER_READ))
			return ask_user_space(vcpu, KVM_MSR_EXIT_REASON_FILTER, index, write);
		if (index == MSR_PLATFORM_INFO && READ_ONCE(vcpu->vm->no_platform_info))
			return ask_user_space(vcpu, KVM_MSR_EXIT_REASON_INVAL, index, write);
		vcpu->run_flags |= NXT_RUN_MSR_GO;
		return 1;
	case NXT_MSR_UNKNOWN:
		return ask_user_space(vcpu, KVM_MSR_EXIT_REASON_UNKNOWN, index, write);
	default:
		return ask_user_space(vcpu, KVM_MSR_EXIT_REASON_INVAL, index, write);
	}
}
