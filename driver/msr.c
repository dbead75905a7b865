// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs, and the machine-check ioctls, which are about MSRs. Which MSRs there are, and what they take, is
 * Engine's.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/mce.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "internal.h"
#include "state.h"
#include "system.h"

long nxt_msrs_ioctl(struct nxt_vcpu *vcpu, struct kvm_msrs __user *user, bool set)
{
	struct nxt_msr_list *list = vcpu->state;
	u32 count;
	long ret;

	BUILD_BUG_ON(sizeof(struct kvm_msr_entry) != sizeof(struct nxt_msr));
	BUILD_BUG_ON(offsetof(struct kvm_msr_entry, data) != offsetof(struct nxt_msr, value));

	if (get_user(count, &user->nmsrs))
		return -EFAULT;
	if (count > NXT_MSRS_MAX) /* KVM's limit too */
		return -E2BIG;
	memset(list, 0, sizeof(*list));
	list->count = count;
	if (copy_from_user(list->msr, user->entries, count * sizeof(struct nxt_msr)))
		return -EFAULT;
	if (set)
		return nxt_state_set(vcpu, NXT_STATE_MSRS);
	ret = nxt_state_get(vcpu, NXT_STATE_MSRS);
	if (ret > 0 &&
	    copy_to_user(user->entries, list->msr, min_t(u32, ret, count) * sizeof(struct nxt_msr)))
		return -EFAULT;
	return ret;
}

/* Reads the MSRs into values. 0, or -EINVAL if Engine does not have them all. */
static int msrs_get(struct nxt_vcpu *vcpu, const u32 *index, u64 *values, u32 count)
{
	struct nxt_msr_list *list = vcpu->state;
	u32 i;

	memset(list, 0, sizeof(*list));
	list->count = count;
	for (i = 0; i < count; i++)
		list->msr[i].index = index[i];
	if (nxt_state_get(vcpu, NXT_STATE_MSRS) != count)
		return -EINVAL;
	for (i = 0; i < count; i++)
		values[i] = list->msr[i].value;
	return 0;
}

static int msrs_set(struct nxt_vcpu *vcpu, const u32 *index, const u64 *values, u32 count)
{
	struct nxt_msr_list *list = vcpu->state;
	u32 i;

	memset(list, 0, sizeof(*list));
	list->count = count;
	for (i = 0; i < count; i++)
		list->msr[i] = (struct nxt_msr){.index = index[i], .value = values[i]};
	return nxt_state_set(vcpu, NXT_STATE_MSRS) == count ? 0 : -EINVAL;
}

int nxt_smbase_get(struct nxt_vcpu *vcpu, u64 *smbase)
{
	const u32 index = MSR_IA32_SMBASE;

	return msrs_get(vcpu, &index, smbase, 1);
}

int nxt_smbase_set(struct nxt_vcpu *vcpu, u64 smbase)
{
	const u32 index = MSR_IA32_SMBASE;

	return msrs_set(vcpu, &index, &smbase, 1);
}

long nxt_setup_mce(struct nxt_vcpu *vcpu, u64 mcg_cap)
{
	const u32 index = MSR_IA32_MCG_CAP;

	return msrs_set(vcpu, &index, &mcg_cap, 1);
}

/* The guest has machine checks off, or handles one already: the processor shuts down. */
static long triple_fault(struct nxt_vcpu *vcpu)
{
	struct nxt_events *events = vcpu->state;
	long ret = nxt_state_get(vcpu, NXT_STATE_EVENTS);

	if (ret)
		return ret;
	events->triple_fault_pending = 1;
	return nxt_state_set(vcpu, NXT_STATE_EVENTS);
}

static long guest_cr4(struct nxt_vcpu *vcpu, u64 *cr4)
{
	long ret = nxt_state_get(vcpu, NXT_STATE_SREGS);

	*cr4 = ((struct nxt_sregs *)vcpu->state)->cr4;
	return ret;
}

/*
 * As a processor logs an error in a bank: Intel SDM vol. 3, "Machine-Check Global Control MSRs" and
 * "Overwrite rules".
 */
long nxt_set_mce(struct nxt_vcpu *vcpu, const struct kvm_x86_mce *mce)
{
	enum { CAP, STATUS, CTL, BANK_STATUS, BANK_ADDR, BANK_MISC, COUNT };
	u32 index[COUNT] = {
		[CAP] = MSR_IA32_MCG_CAP,
		[STATUS] = MSR_IA32_MCG_STATUS,
		[CTL] = MSR_IA32_MCx_CTL(mce->bank),
		[BANK_STATUS] = MSR_IA32_MCx_STATUS(mce->bank),
		[BANK_ADDR] = MSR_IA32_MCx_ADDR(mce->bank),
		[BANK_MISC] = MSR_IA32_MCx_MISC(mce->bank),
	};
	const u32 ctl_index = MSR_IA32_MCG_CTL;
	u64 value[COUNT], global_ctl, cr4;
	long ret;

	if (!(mce->status & MCI_STATUS_VAL))
		return -EINVAL;
	ret = msrs_get(vcpu, index, value, 1);
	if (ret || mce->bank >= (value[CAP] & MCG_BANKCNT_MASK))
		return -EINVAL;
	ret = msrs_get(vcpu, index, value, COUNT);
	if (ret)
		return ret;

	if (!(mce->status & MCI_STATUS_UC)) {
		/* A corrected error never replaces an uncorrected one. */
		if ((value[BANK_STATUS] & (MCI_STATUS_VAL | MCI_STATUS_UC)) ==
		    (MCI_STATUS_VAL | MCI_STATUS_UC)) {
			value[BANK_STATUS] |= MCI_STATUS_OVER;
			return msrs_set(vcpu, &index[BANK_STATUS], &value[BANK_STATUS], 1);
		}
	} else {
		/* Reporting that is off for all, or for this bank. */
		if ((value[CAP] & MCG_CTL_P) &&
		    (msrs_get(vcpu, &ctl_index, &global_ctl, 1) || global_ctl != ~0ull))
			return 0;
		if (value[CTL] != ~0ull)
			return 0;
		ret = guest_cr4(vcpu, &cr4);
		if (ret)
			return ret;
		if ((value[STATUS] & MCG_STATUS_MCIP) || !(cr4 & X86_CR4_MCE))
			return triple_fault(vcpu);
		value[STATUS] = mce->mcg_status;
	}

	value[BANK_STATUS] = mce->status | (value[BANK_STATUS] & MCI_STATUS_VAL ? MCI_STATUS_OVER : 0);
	value[BANK_ADDR] = mce->addr;
	value[BANK_MISC] = mce->misc;
	ret = msrs_set(vcpu, &index[STATUS], &value[STATUS], COUNT - STATUS);
	if (ret || !(mce->status & MCI_STATUS_UC))
		return ret;
	return nxt_exception_queue(vcpu, X86_TRAP_MC);
}
