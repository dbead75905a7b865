/* SPDX-License-Identifier: GPL-2.0-only */
/* What is asked of /dev/kvm itself, and what Engine says about this PC. */
#ifndef NXTOP_DRIVER_SYSTEM_H
#define NXTOP_DRIVER_SYSTEM_H

#include <linux/kvm.h>
#include <asm/mce.h>

#include "../abi/hypercall.h"

struct file;
struct nxt_vm;

#define NXT_MCE_BANKS 32		    /* as many as Engine and KVM have */
#define NXT_MCG_CAP (MCG_CTL_P | MCG_SER_P) /* what KVM_X86_SETUP_MCE may ask for, besides banks */
/* KVM_CAP_X86_DISABLE_EXITS: PAUSE never exits. */
#define NXT_DISABLE_EXITS (KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE)
/* KVM_CAP_DISABLE_QUIRKS2: of KVM's quirks, Engine has this one. */
#define NXT_QUIRKS KVM_X86_QUIRK_FIX_HYPERCALL_INSN
#define NXT_VCPU_PAGES 3 /* that user space maps of a vCPU: kvm_run, port data, the coalesced ring */

/* Filled by nxt_system_init(), constant afterwards. */
extern struct nxt_info_engine nxt_engine;

/* Reads what does not change while Engine runs. 0 or an errno. */
int nxt_system_init(void);
void nxt_system_exit(void);

/* One page of INFO; the page is the caller's, and is not read when it returns an errno. */
long nxt_info(enum nxt_info kind, void *page, u64 arg);

long nxt_dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
/* KVM_CHECK_EXTENSION; the answer is the same for every VM. */
long nxt_check_extension(long cap);

/* power.c */
int nxt_power_init(void);
void nxt_power_exit(void);

/* debugfs.c */
void nxt_debugfs_init(void);
void nxt_debugfs_exit(void);

#endif
