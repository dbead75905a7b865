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

struct moment {
	u64 tsc;
	u64 real;    /* ns since 1970 */
	bool stable; /* Linux tells the time by the TSC: then guests may too */
};

static struct moment moment_now(void)
{
	struct system_time_snapshot now;

	ktime_get_snapshot(&now);
	if (now.cs_id == CSID_X86_TSC)
		return (struct moment){.tsc = now.cycles,
				       .real = ktime_to_ns(now.real),
				       .stable = !check_tsc_unstable()};
	return (struct moment){.tsc = rdtsc(), .real = ktime_get_real_ns()};
}

static long set(struct nxt_vm *vm, const struct moment *now, u64 ns)
{
	u64 mask;
	long ret =
		nxt_hc_vm_set_clock(vm->id, now->tsc, ns, tsc_khz, now->stable ? NXT_CLOCK_STABLE : 0, &mask);

	if (!ret)
		nxt_vm_kick_mask(vm, mask);
	return ret;
}

long nxt_clock_init(struct nxt_vm *vm)
{
	struct moment now = moment_now();

	return set(vm, &now, 0);
}

long nxt_clock_get(struct nxt_vm *vm, struct kvm_clock_data __user *user)
{
	struct kvm_clock_data data = {};
	struct moment now = moment_now();
	long ret = nxt_hc_vm_get_clock(vm->id, now.tsc, &data.clock);

	if (ret < 0)
		return ret;
	/* As KVM: the other two are told only where the clock is worth it. */
	if (ret && now.stable) {
		data.flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_HOST_TSC | KVM_CLOCK_REALTIME;
		data.host_tsc = now.tsc;
		data.realtime = now.real;
	}
	return copy_to_user(user, &data, sizeof(data)) ? -EFAULT : 0;
}

long nxt_clock_set(struct nxt_vm *vm, const struct kvm_clock_data __user *user)
{
	struct kvm_clock_data data;
	struct moment now;

	if (copy_from_user(&data, user, sizeof(data)))
		return -EFAULT;
	if (data.flags & ~NXT_CLOCK_FLAGS)
		return -EINVAL;
	now = moment_now();
	/* The clock was right at `realtime`: it has gone on since. Never back, if the time of day did. */
	if ((data.flags & KVM_CLOCK_REALTIME) && now.real > data.realtime)
		data.clock += now.real - data.realtime;
	return set(vm, &now, data.clock);
}

void nxt_wall_clock(struct nxt_vcpu *vcpu)
{
	struct moment now = moment_now();

	WRITE_ONCE(vcpu->run->wall_clock.tsc, now.tsc);
	WRITE_ONCE(vcpu->run->wall_clock.ns, now.real);
	vcpu->unfinished = true;
}

long nxt_clock_stopped(struct nxt_vcpu *vcpu)
{
	u64 mask;

	/* No kick: the vCPU stands still, or is about to, and is to be told when it goes on. */
	return nxt_hc_vcpu_inject(vcpu->vm->id, vcpu->id, NXT_INJECT_STOPPED, &mask);
}
