/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NXTOP_DRIVER_MSR_FILTER_H
#define NXTOP_DRIVER_MSR_FILTER_H

#include <linux/types.h>

struct kvm_msr_filter;
struct nxt_vcpu;
struct nxt_vm;

/* KVM_X86_SET_MSR_FILTER: counts for every access that begins after it returned. 0 or an errno. */
long nxt_msr_filter_set(struct nxt_vm *vm, const struct kvm_msr_filter __user *user);
/* KVM_CAP_X86_USER_SPACE_MSR: KVM_MSR_EXIT_REASON_*, of which user space wants to hear. 0 or -EINVAL. */
long nxt_msr_exits_set(struct nxt_vm *vm, u64 reasons);
/* KVM_CAP_MSR_PLATFORM_INFO: the guest's reads of that MSR raise #GP, as on a processor without it. */
void nxt_msr_hide_platform_info(struct nxt_vm *vm, bool hide);
/* When no vCPU is left. */
void nxt_msr_filter_free(struct nxt_vm *vm);

/* What of all this Engine has to know for the next VCPU_RUN: NXT_RUN_*. */
u32 nxt_msr_run_flags(struct nxt_vm *vm);
/* NXT_EXIT_MSR; returns as nxt_exit_handle() does. */
int nxt_msr_exit(struct nxt_vcpu *vcpu);

#endif
