/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vCPU for tests of files that are not free of the kernel: what these use of internal.h, which stays out,
 * and of Linux. A test includes this, then the file itself, and plays the rest of the driver.
 */
#ifndef NXTOP_TESTS_TESTVCPU_H
#define NXTOP_TESTS_TESTVCPU_H

#define NXTOP_DRIVER_INTERNAL_H
#define __user

#include <errno.h>
#include <string.h>
#include <linux/types.h>
#include <linux/kvm.h>

#include "../abi/hypercall.h"
#include "irqchip.h"

struct nxt_vm;
struct kvm_pre_fault_memory; /* newer than some hosts' headers */

struct nxt_vcpu {
	struct nxt_vm *vm;
	struct nxt_run *run;
	void *state;
	struct nxt_map *map;
	struct kvm_run *kvm_run;
	void *pio_page;
	int cpu;
	bool unfinished;
	u32 answer_len;
	void *answer;
	u32 run_flags;
	bool pv_enforced;
	u32 cpuid_count;
	struct kvm_cpuid_entry2 *cpuid;
};

void nxt_wall_clock(struct nxt_vcpu *vcpu);

#endif
