/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU's state, between KVM's structs and Engine's. Everything here is called with vcpu->mutex held,
 * and passes through the vCPU's state page. Returns 0 (or what is said) or an errno.
 */
#ifndef NXTOP_DRIVER_STATE_H
#define NXTOP_DRIVER_STATE_H

#include <linux/kvm.h>

#include "../abi/hypercall.h"

struct nxt_vcpu;

/* state.c: one group of NXT_STATE_*, to or from vcpu->state. */
long nxt_state_get(struct nxt_vcpu *vcpu, enum nxt_state group);
long nxt_state_set(struct nxt_vcpu *vcpu, enum nxt_state group);
/* Likewise for what fits in 8 bytes. */
int nxt_state_set_u64(struct nxt_vcpu *vcpu, enum nxt_state group, u64 value);
int nxt_mp_set(struct nxt_vcpu *vcpu, enum nxt_mp_state state);
int nxt_cr8_set(struct nxt_vcpu *vcpu, u64 cr8);
/* KVM_RUN with KVM_CAP_SYNC_REGS: takes what kvm_run says is dirty, and leaves there what shall be valid. */
int nxt_sync_regs_in(struct nxt_vcpu *vcpu);
void nxt_sync_regs_out(struct nxt_vcpu *vcpu);
/* Which vCPU starts by itself, where that is not Engine's choice. For a new vCPU. */
int nxt_boot_state(struct nxt_vcpu *vcpu);
/* The ioctls of the state groups, or -ENOIOCTLCMD. */
long nxt_state_ioctl(struct nxt_vcpu *vcpu, unsigned int cmd, void __user *argp);

/* events.c: KVM_{GET,SET}_VCPU_EVENTS, KVM_SET_GUEST_DEBUG. */
int nxt_events_get(struct nxt_vcpu *vcpu, struct kvm_vcpu_events *events);
int nxt_events_set(struct nxt_vcpu *vcpu, const struct kvm_vcpu_events *events);
/* An exception without an error code, for the next entry. -EBUSY: there is one already. */
int nxt_exception_queue(struct nxt_vcpu *vcpu, u8 vector);
int nxt_guest_debug_set(struct nxt_vcpu *vcpu, const struct kvm_guest_debug *debug);

/* fpu.c */
int nxt_xsave_get(struct nxt_vcpu *vcpu, void __user *argp);
int nxt_xsave_set(struct nxt_vcpu *vcpu, const void __user *argp);
int nxt_fpu_get(struct nxt_vcpu *vcpu, struct kvm_fpu *fpu);
int nxt_fpu_set(struct nxt_vcpu *vcpu, const struct kvm_fpu *fpu);
int nxt_xcrs_get(struct nxt_vcpu *vcpu, struct kvm_xcrs *xcrs);
int nxt_xcrs_set(struct nxt_vcpu *vcpu, const struct kvm_xcrs *xcrs);

/* msr.c: KVM_{GET,SET}_MSRS return how many were taken before the first that was not. */
long nxt_msrs_ioctl(struct nxt_vcpu *vcpu, struct kvm_msrs __user *user, bool set);
/* Where SMM's handler and save area are. */
int nxt_smbase_get(struct nxt_vcpu *vcpu, u64 *smbase);
int nxt_smbase_set(struct nxt_vcpu *vcpu, u64 smbase);
long nxt_setup_mce(struct nxt_vcpu *vcpu, u64 mcg_cap);
long nxt_set_mce(struct nxt_vcpu *vcpu, const struct kvm_x86_mce *mce);

/* cpuid.c */
long nxt_cpuid_set(struct nxt_vcpu *vcpu, struct kvm_cpuid2 __user *user);
long nxt_cpuid_get(struct nxt_vcpu *vcpu, struct kvm_cpuid2 __user *user);

#endif
