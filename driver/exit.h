/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NXTOP_DRIVER_EXIT_H
#define NXTOP_DRIVER_EXIT_H

struct nxt_vcpu;

/*
 * Does what an exit (NXT_EXIT_*, but for HALTED) asks for. 1: run on; 0: kvm_run says what user space
 * has to do; or an errno for KVM_RUN.
 */
int nxt_exit_handle(struct nxt_vcpu *vcpu, long reason);

/* smm.c: NXT_EXIT_SMI and NXT_EXIT_RSM; likewise. */
int nxt_smm_enter(struct nxt_vcpu *vcpu);
int nxt_smm_leave(struct nxt_vcpu *vcpu);

#endif
