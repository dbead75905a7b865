// SPDX-License-Identifier: GPL-2.0-only
/* The vCPU's CPUID table: user space's choice, which Engine checks and answers from. */
#include <linux/kvm_para.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "state.h"

#define CPUID_1_ECX_OSXSAVE BIT(27)
#define CPUID_1_EDX_APIC BIT(9)
#define CPUID_7_ECX_OSPKE BIT(4)

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

/* Without what Engine answers by the vCPU's state: user space has an older or newer view of it. */
static struct kvm_cpuid_entry2 constant(const struct kvm_cpuid_entry2 *entry)
{
	struct kvm_cpuid_entry2 e = *entry;

	switch (e.function) {
	case 1:
		e.ecx &= ~CPUID_1_ECX_OSXSAVE;
		e.edx &= ~CPUID_1_EDX_APIC;
		break;
	case 7:
		e.ecx &= ~CPUID_7_ECX_OSPKE;
		break;
	case 0xd:
		if (e.index < 2)
			e.ebx = 0;
		break;
	}
	return e;
}

static bool same(const struct nxt_vcpu *vcpu, const struct kvm_cpuid_entry2 *entries, u32 count)
{
	u32 i;

	if (count != vcpu->cpuid_count)
		return false;
	for (i = 0; i < count; i++) {
		struct kvm_cpuid_entry2 a = constant(&vcpu->cpuid[i]), b = constant(&entries[i]);

		if (a.function != b.function || a.index != b.index || a.flags != b.flags || a.eax != b.eax ||
		    a.ebx != b.ebx || a.ecx != b.ecx || a.edx != b.edx)
			return false;
	}
	return true;
}

/*
 * Where a halt does not exit, no other vCPU is to wake this one by a hypercall: the feature goes, whatever
 * user space says, as with KVM.
 */
static void no_pv_unhalt(struct kvm_cpuid_entry2 *entries, u32 count)
{
	struct kvm_cpuid_entry2 *features = NULL;
	bool kvm = false;
	u32 i;

	for (i = 0; i < count; i++) {
		struct kvm_cpuid_entry2 *e = &entries[i];

		if (e->function == KVM_CPUID_SIGNATURE)
			kvm = !memcmp(&e->ebx, KVM_SIGNATURE, 12); /* EBX, ECX, EDX */
		else if (e->function == KVM_CPUID_FEATURES)
			features = e;
	}
	if (kvm && features)
		features->eax &= ~BIT(KVM_FEATURE_PV_UNHALT);
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

	if (READ_ONCE(vcpu->vm->native_hlt))
		no_pv_unhalt(entries, count);

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
	const struct nxt_cpuid_list *list = vcpu->state;
	u32 room, i;
	int ret;

	if (get_user(room, &user->nent))
		return -EFAULT;
	if (room < vcpu->cpuid_count)
		return -E2BIG;
	ret = nxt_state_get(vcpu, NXT_STATE_CPUID);
	if (ret)
		return ret;
	for (i = 0; i < vcpu->cpuid_count; i++) {
		struct kvm_cpuid_entry2 entry = vcpu->cpuid[i];

		entry.eax = list->entry[i].eax;
		entry.ebx = list->entry[i].ebx;
		entry.ecx = list->entry[i].ecx;
		entry.edx = list->entry[i].edx;
		if (copy_to_user(&user->entries[i], &entry, sizeof(entry)))
			return -EFAULT;
	}
	return put_user(vcpu->cpuid_count, &user->nent);
}
