// SPDX-License-Identifier: GPL-2.0-only
#include <linux/entry-kvm.h>
#include <linux/kvm_host.h>

#include "work.h"

/*
 * The kernel exports this work for KVM's vCPUs alone, and uses the vCPU for one thing: when a signal is
 * pending, it writes so into it. Nobody reads that here, so all threads share one that stands for theirs.
 */
static struct kvm_run nowhere;
static struct kvm_vcpu stand_in = {.run = &nowhere};

void nxt_work_do(void)
{
	if (__xfer_to_guest_mode_work_pending())
		xfer_to_guest_mode_handle_work(&stand_in);
}

bool nxt_work_pending(void)
{
	xfer_to_guest_mode_prepare();
	return xfer_to_guest_mode_work_pending();
}
