// SPDX-License-Identifier: GPL-2.0-only
/* The vCPU's CPUID table: user space's choice, which Engine checks and answers from. */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "state.h"

static int to_engine(struct nxt_vcpu *vcpu, const struct kvm_cpuid_entry2 *entries, u32 count)
{
	struct nxt_cpuid_list *list = vcpu->state;
	u32 i;

	memset(list, 0, sizeof(*list));
	list->count = count;
	for (i = 0; i < count; i++)
		list->entry[i] = (struct nxt_cpuid){
			.leaf = entries[i].function,
			.subleaf = entries[i].index,
			.flags = entries[i].flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX ? NXT_CPUID_SUBLEAF : 0,
			.eax = entries[i].eax,
			.ebx = entries[i].ebx,
			.ecx = entries[i].ecx,
			.edx = entries[i].edx,
		};
	return nxt_state_set(vcpu, NXT_STATE_CPUID);
}

static bool same(const struct nxt_vcpu *vcpu, const struct kvm_cpuid_entry2 *entries, u32 count)
{
	u32 i;

	if (count != vcpu->cpuid_count)
		return false;
	for (i = 0; i < count; i++) {
		const struct kvm_cpuid_entry2 *a = &vcpu->cpuid[i], *b = &entries[i];

		if (a->function != b->function || a->index != b->index || a->flags != b->flags ||
		    a->eax != b->eax || a->ebx != b->ebx || a->ecx != b->ecx || a->edx != b->edx)
			return false;
	}
	return true;
}

long nxt_cpuid_set(struct nxt_vcpu *vcpu, struct kvm_cpuid2 __user *user)
{
	struct kvm_cpuid_entry2 *entries;
	u32 count;
	int ret;

	if (get_user(count, &user->nent))
		return -EFAULT;
	if (count > NXT_CPUIDS_MAX)
		return -E2BIG;
	entries = vmemdup_array_user(user->entries, count, sizeof(*entries));
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	/* A processor does not change under its operating system. */
	if (vcpu->has_run) {
		ret = same(vcpu, entries, count) ? 0 : -EINVAL;
		kvfree(entries);
		return ret;
	}
	ret = to_engine(vcpu, entries, count);
	if (ret) {
		kvfree(entries);
		return ret;
	}
	kvfree(vcpu->cpuid);
	vcpu->cpuid = entries;
	vcpu->cpuid_count = count;
	return 0;
}

long nxt_cpuid_get(struct nxt_vcpu *vcpu, struct kvm_cpuid2 __user *user)
{
	u32 room;

	if (get_user(room, &user->nent))
		return -EFAULT;
	if (room < vcpu->cpuid_count)
		return -E2BIG;
	if (copy_to_user(user->entries, vcpu->cpuid, vcpu->cpuid_count * sizeof(*vcpu->cpuid)))
		return -EFAULT;
	return put_user(vcpu->cpuid_count, &user->nent);
}
