// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of /dev/kvm. What guests can be offered comes from Engine; the rest says what this driver
 * does.
 */
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/msr.h>

#include "hypercall.h"
#include "internal.h"
#include "system.h"

struct nxt_info_engine nxt_engine;
static struct nxt_cpuid_list *cpuids; /* a page each */
static struct nxt_msr_list *msrs;

/* MSRs that say what the processor is, readable on /dev/kvm. Engine does not change them. */
static const u32 feature_msrs[] = {
	MSR_IA32_UCODE_REV,
};

long nxt_info(enum nxt_info kind, void *page, u64 arg)
{
	return nxt_hc_info(kind, page_to_pfn(virt_to_page(page)), arg);
}

int nxt_system_init(void)
{
	void *page = (void *)get_zeroed_page(GFP_KERNEL);
	int ret = -ENOMEM;

	cpuids = (void *)get_zeroed_page(GFP_KERNEL);
	msrs = (void *)get_zeroed_page(GFP_KERNEL);
	if (!page || !cpuids || !msrs)
		goto out;

	ret = nxt_info(NXT_INFO_ENGINE, page, 0);
	if (ret < 0)
		goto out;
	nxt_engine = *(struct nxt_info_engine *)page;
	ret = nxt_info(NXT_INFO_CPUID, cpuids, 0);
	if (ret < 0)
		goto out;
	ret = nxt_info(NXT_INFO_MSRS, msrs, 0);
	if (ret < 0)
		goto out;

	ret = -EPROTO;
	if (cpuids->count > NXT_CPUIDS_MAX || msrs->count > NXT_MSRS_MAX || nxt_engine.xsave_size > PAGE_SIZE)
		goto out;
	ret = 0;
out:
	free_page((unsigned long)page);
	if (ret)
		nxt_system_exit();
	return ret;
}

void nxt_system_exit(void)
{
	free_page((unsigned long)cpuids);
	free_page((unsigned long)msrs);
}

long nxt_check_extension(long cap)
{
	switch (cap) {
	case KVM_CAP_HLT:
	case KVM_CAP_USER_MEMORY:
	case KVM_CAP_USER_MEMORY2:
	case KVM_CAP_SET_TSS_ADDR:
	case KVM_CAP_EXT_CPUID:
	case KVM_CAP_NOP_IO_DELAY:
	case KVM_CAP_MP_STATE:
	case KVM_CAP_SYNC_MMU:
	case KVM_CAP_DESTROY_MEMORY_REGION_WORKS:
	case KVM_CAP_JOIN_MEMORY_REGIONS_WORKS:
	case KVM_CAP_READONLY_MEM:
	case KVM_CAP_USER_NMI:
	case KVM_CAP_SET_GUEST_DEBUG:
	case KVM_CAP_X86_ROBUST_SINGLESTEP:
	case KVM_CAP_SET_BOOT_CPU_ID:
	case KVM_CAP_SET_IDENTITY_MAP_ADDR:
	case KVM_CAP_INTERNAL_ERROR_DATA:
	case KVM_CAP_VCPU_EVENTS:
	case KVM_CAP_DEBUGREGS:
	case KVM_CAP_XSAVE:
	case KVM_CAP_GET_TSC_KHZ:
	case KVM_CAP_TSC_DEADLINE_TIMER:
	case KVM_CAP_CHECK_EXTENSION_VM:
	case KVM_CAP_ENABLE_CAP_VM:
	case KVM_CAP_IMMEDIATE_EXIT:
	case KVM_CAP_GET_MSR_FEATURES:
	case KVM_CAP_EXIT_ON_EMULATION_FAILURE:
	case KVM_CAP_PRE_FAULT_MEMORY:
	case KVM_CAP_KVMCLOCK_CTRL:
	case KVM_CAP_X86_USER_SPACE_MSR:
	case KVM_CAP_X86_MSR_FILTER:
	case KVM_CAP_MSR_PLATFORM_INFO:
	case KVM_CAP_VCPU_ATTRIBUTES:
	case KVM_CAP_BINARY_STATS_FD:
	case KVM_CAP_X86_APIC_BUS_CYCLES_NS: /* what it is at first */
	case KVM_CAP_ENFORCE_PV_FEATURE_CPUID:
	case KVM_CAP_X86_SMM:
	case KVM_CAP_GUEST_MEMFD:
	case KVM_CAP_VM_TYPES: /* bit 0: the default one */
		return 1;
	case KVM_CAP_MULTI_ADDRESS_SPACE:
		return NXT_SPACES;
	case KVM_CAP_X86_DISABLE_EXITS:
		return NXT_DISABLE_EXITS;
	case KVM_CAP_DISABLE_QUIRKS2:
		return NXT_QUIRKS;
	case KVM_CAP_SYNC_REGS:
		return KVM_SYNC_X86_VALID_FIELDS;
	case KVM_CAP_X2APIC_API:
		return KVM_X2APIC_API_USE_32BIT_IDS;
	case KVM_CAP_XCRS:
		return nxt_engine.xcr0 != 0;
	case KVM_CAP_NR_VCPUS:
		return min_t(u32, num_online_cpus(), NXT_MAX_VCPUS);
	case KVM_CAP_MAX_VCPUS:
	case KVM_CAP_MAX_VCPU_ID:
		return NXT_MAX_VCPUS;
	case KVM_CAP_NR_MEMSLOTS:
		return NXT_MEMSLOTS;
	case KVM_CAP_MCE:
		return NXT_MCE_BANKS;
	case KVM_CAP_ADJUST_CLOCK:
		return NXT_CLOCK_FLAGS;
	default:
		return nxt_check_irq_extension(cap);
	}
}

static long get_supported_cpuid(struct kvm_cpuid2 __user *user)
{
	u32 i, nent;

	if (get_user(nent, &user->nent))
		return -EFAULT;
	if (nent < cpuids->count)
		return -E2BIG;
	for (i = 0; i < cpuids->count; i++) {
		const struct nxt_cpuid *from = &cpuids->entry[i];
		struct kvm_cpuid_entry2 to = {
			.function = from->leaf,
			.index = from->subleaf,
			.flags = from->flags & NXT_CPUID_SUBLEAF ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
			.eax = from->eax,
			.ebx = from->ebx,
			.ecx = from->ecx,
			.edx = from->edx,
		};

		if (copy_to_user(&user->entries[i], &to, sizeof(to)))
			return -EFAULT;
	}
	return put_user(cpuids->count, &user->nent);
}

/*
 * KVM's protocol for both lists: the count is always written, the list only if there is room for all of
 * it.
 */
static long get_index_list(struct kvm_msr_list __user *user, u32 count, u32 (*index_of)(u32 i))
{
	u32 i, room;

	if (get_user(room, &user->nmsrs) || put_user(count, &user->nmsrs))
		return -EFAULT;
	if (room < count)
		return -E2BIG;
	for (i = 0; i < count; i++)
		if (put_user(index_of(i), &user->indices[i]))
			return -EFAULT;
	return 0;
}

static u32 saved_msr(u32 i)
{
	return msrs->msr[i].index;
}

static u32 feature_msr(u32 i)
{
	return feature_msrs[i];
}

static bool read_feature_msr(struct kvm_msr_entry *entry)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(feature_msrs); i++)
		if (feature_msrs[i] == entry->index)
			return !rdmsrl_safe(entry->index, &entry->data);
	return false;
}

/* Returns how many were read before the first that is not a feature MSR. */
static long get_feature_msrs(struct kvm_msrs __user *user)
{
	struct kvm_msr_entry entry;
	u32 i, count;

	if (get_user(count, &user->nmsrs))
		return -EFAULT;
	if (count > NXT_MSRS_MAX)
		return -E2BIG;
	for (i = 0; i < count; i++) {
		if (copy_from_user(&entry, &user->entries[i], sizeof(entry)))
			return -EFAULT;
		if (!read_feature_msr(&entry))
			break;
		if (put_user(entry.data, &user->entries[i].data))
			return -EFAULT;
	}
	return i;
}

static long get_mce_cap(u64 __user *user)
{
	return put_user((u64)NXT_MCG_CAP, user);
}

long nxt_dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case KVM_GET_API_VERSION:
		return arg ? -EINVAL : KVM_API_VERSION;
	case KVM_CREATE_VM:
		return nxt_vm_create_fd(arg);
	case KVM_CHECK_EXTENSION:
		return nxt_check_extension(arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : NXT_VCPU_PAGES * PAGE_SIZE;
	case KVM_GET_SUPPORTED_CPUID:
		return get_supported_cpuid(argp);
	case KVM_GET_MSR_INDEX_LIST:
		return get_index_list(argp, msrs->count, saved_msr);
	case KVM_GET_MSR_FEATURE_INDEX_LIST:
		return get_index_list(argp, ARRAY_SIZE(feature_msrs), feature_msr);
	case KVM_GET_MSRS:
		return get_feature_msrs(argp);
	case KVM_X86_GET_MCE_CAP_SUPPORTED:
		return get_mce_cap(argp);
	default:
		return -EINVAL;
	}
}
