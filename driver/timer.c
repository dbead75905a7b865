// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC's timer. Engine has no timers: it tells the TSC value at which the guest's fires. Here
 * a Linux timer is set for that moment; its interrupt ends VCPU_RUN or wakes the sleeping vCPU, and
 * Engine sees the time itself.
 *
 * From Linux's interrupt to the guest's it is some way, and always about the same. So the alarm is set ahead
 * by that, as it was seen to be, and Engine waits for what is left of it.
 */
#include <linux/hrtimer.h>
#include <linux/math64.h>
#include <asm/tsc.h>

#include "internal.h"

static enum hrtimer_restart fire(struct hrtimer *timer)
{
	struct nxt_vcpu *vcpu = container_of(timer, struct nxt_vcpu, timer);

	/*
	 * Linux's clock and the TSC differ a little: if this came early, nxt_timer_update() sets the
	 * timer again.
	 */
	WRITE_ONCE(vcpu->timer_deadline, 0);
	WRITE_ONCE(vcpu->timer_near, true);
	nxt_vcpu_kick(vcpu);
	return HRTIMER_NORESTART;
}

/* Learns from a run that began at an alarm. What is far off had another reason, and is no lesson. */
static void learn(struct nxt_vcpu *vcpu)
{
	s64 early = READ_ONCE(vcpu->run->timer_early);

	if (early && early <= NXT_AWAIT_TICKS && early >= -NXT_AWAIT_TICKS)
		vcpu->timer_ahead = clamp(vcpu->timer_ahead - early / 8, 0, NXT_AWAIT_TICKS / 2);
}

void nxt_timer_init(struct nxt_vcpu *vcpu)
{
	hrtimer_init(&vcpu->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_PINNED_HARD);
	vcpu->timer.function = fire;
}

void nxt_timers_cancel(struct nxt_vm *vm)
{
	struct nxt_vcpu *vcpu;
	u32 id;

	nxt_for_each_vcpu(id, vcpu, vm)
		hrtimer_cancel(&vcpu->timer);
}

void nxt_timer_update(struct nxt_vcpu *vcpu)
{
	u64 deadline = READ_ONCE(vcpu->run->timer_deadline);
	u64 now, ticks, ns;

	learn(vcpu);
	if (deadline == READ_ONCE(vcpu->timer_deadline))
		return;
	now = rdtsc_ordered() + vcpu->timer_ahead;
	if (deadline && deadline <= now) {
		/*
		 * The usual case when a timer's own interrupt ended the run: Engine sees that the time has
		 * come when the vCPU enters again, which it only must not sleep before.
		 */
		WRITE_ONCE(vcpu->timer_near, true);
		WRITE_ONCE(vcpu->wake, true);
		return;
	}
	WRITE_ONCE(vcpu->timer_deadline, deadline);
	if (!deadline) {
		hrtimer_try_to_cancel(&vcpu->timer); /* a late one only wakes for nothing */
		return;
	}
	ticks = deadline - now;
	/*
	 * tsc_khz ticks are a million ns. A day at most, so that nothing overflows; then it is set
	 * again.
	 */
	ticks = min_t(u64, ticks, (u64)tsc_khz * 1000 * 86400);
	ns = mul_u64_u32_div(ticks, NSEC_PER_MSEC, tsc_khz);
	hrtimer_start(&vcpu->timer, ktime_add_ns(ktime_get(), ns), HRTIMER_MODE_ABS_PINNED_HARD);
}
