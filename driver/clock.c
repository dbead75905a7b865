// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's paravirtual clock. Engine keeps it, as a line over the TSC; this tells it where the line
 * starts, and what time of day it is.
 */
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <asm/tsc.h>

#include "hypercall.h"
#include "internal.h"

/* The TSC and the time of day at one moment. False: not quite, for Linux's own clock is not the TSC. */
static bool both_clocks(u64 *tsc, u64 *real)
{
	struct system_time_snapshot now;

	ktime_get_snapshot(&now);
	if (now.cs_id == CSID_X86_TSC) {
		*tsc = now.cycles;
		*real = ktime_to_ns(now.real);
		return true;
	}
	*tsc = rdtsc();
	*real = ktime_get_real_ns();
	return false;
}

static long set(struct nxt_vm *vm, u64 tsc, u64 ns)
{
	u64 stable = boot_cpu_has(X86_FEATURE_CONSTANT_TSC) && !check_tsc_unstable() ? NXT_CLOCK_STABLE : 0;
	u64 mask;
	long ret = nxt_hc_vm_set_clock(vm->id, tsc, ns, tsc_khz, stable, &mask);

	if (!ret)
		nxt_vm_kick_mask(vm, mask);
	return ret;
}

long nxt_clock_init(struct nxt_vm *vm)
{
	return set(vm, rdtsc(), 0);
}

long nxt_clock_get(struct nxt_vm *vm, struct kvm_clock_data __user *user)
{
	struct kvm_clock_data data = {};
	u64 tsc, real;
	bool exact = both_clocks(&tsc, &real);
	long ret = nxt_hc_vm_get_clock(vm->id, tsc, &data.clock);

	if (ret < 0)
		return ret;
	/* As KVM: the other two are told only where the clock is worth it. */
	if (ret && exact) {
		data.flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_HOST_TSC | KVM_CLOCK_REALTIME;
		data.host_tsc = tsc;
		data.realtime = real;
	}
	return copy_to_user(user, &data, sizeof(data)) ? -EFAULT : 0;
}

long nxt_clock_set(struct nxt_vm *vm, const struct kvm_clock_data __user *user)
{
	struct kvm_clock_data data;
	u64 tsc, real;

	if (copy_from_user(&data, user, sizeof(data)))
		return -EFAULT;
	if (data.flags & ~NXT_CLOCK_FLAGS)
		return -EINVAL;
	both_clocks(&tsc, &real);
	/* The clock was right at `realtime`: it has gone on since. Never back, if the time of day did. */
	if ((data.flags & KVM_CLOCK_REALTIME) && real > data.realtime)
		data.clock += real - data.realtime;
	return set(vm, tsc, data.clock);
}

void nxt_wall_clock(struct nxt_vcpu *vcpu)
{
	u64 tsc, real;

	both_clocks(&tsc, &real);
	WRITE_ONCE(vcpu->run->wall_clock.tsc, tsc);
	WRITE_ONCE(vcpu->run->wall_clock.ns, real);
	vcpu->unfinished = true;
}

long nxt_clock_stopped(struct nxt_vcpu *vcpu)
{
	u64 mask;

	/* No kick: the vCPU stands still, or is about to, and is to be told when it goes on. */
	return nxt_hc_vcpu_inject(vcpu->vm->id, vcpu->id, NXT_INJECT_STOPPED, &mask);
}
