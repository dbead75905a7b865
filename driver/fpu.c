// SPDX-License-Identifier: GPL-2.0-only
/*
 * FPU and vector registers. Engine has them as an XSAVE area in the standard format, and so has
 * KVM_GET_XSAVE.
 */
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/fpu/types.h>

#include "internal.h"
#include "state.h"
#include "system.h"

int nxt_xsave_get(struct nxt_vcpu *vcpu, void __user *argp)
{
	int ret = nxt_state_get(vcpu, NXT_STATE_XSAVE);

	if (ret)
		return ret;
	memset(vcpu->state + nxt_engine.xsave_size, 0, sizeof(struct kvm_xsave) - nxt_engine.xsave_size);
	return copy_to_user(argp, vcpu->state, sizeof(struct kvm_xsave)) ? -EFAULT : 0;
}

int nxt_xsave_set(struct nxt_vcpu *vcpu, const void __user *argp)
{
	BUILD_BUG_ON(sizeof(struct kvm_xsave) != PAGE_SIZE);
	if (copy_from_user(vcpu->state, argp, sizeof(struct kvm_xsave)))
		return -EFAULT;
	return nxt_state_set(vcpu, NXT_STATE_XSAVE);
}

/* struct kvm_fpu holds the parts of the legacy area in another order. */
int nxt_fpu_get(struct nxt_vcpu *vcpu, struct kvm_fpu *fpu)
{
	const struct fxregs_state *area = vcpu->state;
	int ret = nxt_state_get(vcpu, NXT_STATE_XSAVE);

	if (ret)
		return ret;
	memcpy(fpu->fpr, area->st_space, sizeof(fpu->fpr));
	fpu->fcw = area->cwd;
	fpu->fsw = area->swd;
	fpu->ftwx = area->twd;
	fpu->last_opcode = area->fop;
	fpu->last_ip = area->rip;
	fpu->last_dp = area->rdp;
	memcpy(fpu->xmm, area->xmm_space, sizeof(fpu->xmm));
	fpu->mxcsr = area->mxcsr;
	return 0;
}

int nxt_fpu_set(struct nxt_vcpu *vcpu, const struct kvm_fpu *fpu)
{
	struct xregs_state *area = vcpu->state;
	int ret = nxt_state_get(vcpu, NXT_STATE_XSAVE);

	if (ret)
		return ret;
	memcpy(area->i387.st_space, fpu->fpr, sizeof(fpu->fpr));
	area->i387.cwd = fpu->fcw;
	area->i387.swd = fpu->fsw;
	area->i387.twd = fpu->ftwx;
	area->i387.fop = fpu->last_opcode;
	area->i387.rip = fpu->last_ip;
	area->i387.rdp = fpu->last_dp;
	memcpy(area->i387.xmm_space, fpu->xmm, sizeof(fpu->xmm));
	area->i387.mxcsr = fpu->mxcsr;
	/* XRSTOR takes from memory what this names, and the initial state of the rest. */
	area->header.xfeatures |= XFEATURE_MASK_FPSSE;
	return nxt_state_set(vcpu, NXT_STATE_XSAVE);
}

int nxt_xcrs_get(struct nxt_vcpu *vcpu, struct kvm_xcrs *xcrs)
{
	int ret;

	memset(xcrs, 0, sizeof(*xcrs));
	if (!nxt_engine.xcr0)
		return 0;
	ret = nxt_state_get(vcpu, NXT_STATE_XCR0);
	xcrs->nr_xcrs = 1;
	xcrs->xcrs[0].value = *(u64 *)vcpu->state;
	return ret;
}

int nxt_xcrs_set(struct nxt_vcpu *vcpu, const struct kvm_xcrs *xcrs)
{
	u32 i;

	if (!nxt_engine.xcr0 || xcrs->nr_xcrs > KVM_MAX_XCRS || xcrs->flags)
		return -EINVAL;
	for (i = 0; i < xcrs->nr_xcrs; i++)
		if (xcrs->xcrs[i].xcr == 0)
			return nxt_state_set_u64(vcpu, NXT_STATE_XCR0, xcrs->xcrs[i].value);
	return 0;
}
