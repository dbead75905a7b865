/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef NXTOP_DRIVER_STATS_H
#define NXTOP_DRIVER_STATS_H

#include "internal.h"

/* KVM_GET_STATS_FD. A file descriptor, which holds the VM, or an errno. */
long nxt_vm_stats_fd(struct nxt_vm *vm);
long nxt_vcpu_stats_fd(struct nxt_vcpu *vcpu);

/* An exit to the driver: NXT_EXIT_*. What Engine answers itself is in its own counters: debugfs.c. */
void nxt_stats_count(struct nxt_vcpu *vcpu, long reason);

#endif
