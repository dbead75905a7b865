// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PIT in the VM: its ports, its timer, its interrupt. The counters themselves: pit_logic.c.
 *
 * Lost ticks: a guest that is not scheduled for a while misses ticks, and a guest that counts them runs late.
 * With reinjection (KVM_REINJECT_CONTROL, the default) each tick is owed until the guest ends its interrupt,
 * and each end sends the next that is owed. Every tick also pulses the line for itself; PIC and local APIC
 * latch one request at most, so that never gives more interrupts than ticks, and no acknowledgement that
 * fails to come can stop the clock.
 */
#include <linux/hrtimer.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"
#include "irqchip_priv.h"
#include "pit_logic.h"

#define PORT_COUNTERS 0x40
#define PORT_SPEAKER 0x61

/* A guest must not keep a CPU of the host busy with its ticks; as KVM's default. */
#define MIN_PERIOD_NS 200000
/* Ticks: more than that is no lateness to catch up with. */
#define MAX_OWED 100000

struct nxt_pit_dev {
	struct nxt_irqchip *ic;
	struct mutex lock; /* pit, flags, and the setting of the timer */
	struct pit pit;
	u32 flags; /* KVM_PIT_FLAGS_HPET_LEGACY */
	bool has_speaker;

	struct hrtimer timer;
	u64 period; /* ns; 0: one shot. Changes only while the timer is stopped */
	bool reinject;
	atomic_t owed;
};

static void pulse(struct nxt_pit_dev *dev)
{
	nxt_set_irq(dev->ic, NXT_SRC_PIT, NXT_PIT_GSI, true);
	nxt_set_irq(dev->ic, NXT_SRC_PIT, NXT_PIT_GSI, false);
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct nxt_pit_dev *dev = container_of(timer, struct nxt_pit_dev, timer);
	u64 ticks = 1;

	if (dev->period)
		ticks = hrtimer_forward_now(timer, ns_to_ktime(dev->period));
	if (READ_ONCE(dev->reinject) && atomic_read(&dev->owed) < MAX_OWED)
		atomic_add(min_t(u64, ticks, MAX_OWED), &dev->owed);
	pulse(dev);
	return dev->period ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

void nxt_pit_acked(struct nxt_pit_dev *dev)
{
	if (atomic_dec_if_positive(&dev->owed) > 0)
		pulse(dev);
}

void nxt_pit_forget(struct nxt_pit_dev *dev)
{
	atomic_set(&dev->owed, 0);
}

/*
 * Sets the timer as counter 0 has it. dev->lock held; the handler does not take it, so waiting for it is
 * safe.
 */
static void set_timer(struct nxt_pit_dev *dev)
{
	bool periodic;
	u64 first;

	lockdep_assert_held(&dev->lock);
	hrtimer_cancel(&dev->timer);
	nxt_pit_forget(dev);

	first = pit_timer(&dev->pit, &periodic);
	/* With the HPET in legacy mode the line is the HPET's. */
	if (!first || dev->flags & KVM_PIT_FLAGS_HPET_LEGACY)
		return;
	if (periodic)
		first = max_t(u64, first, MIN_PERIOD_NS);
	dev->period = periodic ? first : 0;
	hrtimer_start(&dev->timer, ns_to_ktime(dev->pit.channel[0].count_load_time + first),
		      HRTIMER_MODE_ABS);
}

int nxt_pit_create(struct nxt_irqchip *ic, u32 flags)
{
	struct nxt_pit_dev *dev;

	lockdep_assert_held(&ic->vm->lock);
	if (ic->pit)
		return -EEXIST;
	if (ic->mode != NXT_IRQCHIP_FULL)
		return -ENOENT;
	dev = kzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);
	if (!dev)
		return -ENOMEM;
	dev->ic = ic;
	mutex_init(&dev->lock);
	dev->has_speaker = flags & KVM_PIT_SPEAKER_DUMMY;
	dev->reinject = true;
	hrtimer_init(&dev->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	dev->timer.function = tick;
	pit_reset(&dev->pit, ktime_get_ns());
	smp_store_release(&ic->pit, dev);
	return 0;
}

void nxt_pit_destroy(struct nxt_irqchip *ic)
{
	if (ic->pit)
		hrtimer_cancel(&ic->pit->timer);
	kfree(ic->pit);
}

void nxt_pit_get_state(struct nxt_pit_dev *dev, struct kvm_pit_state2 *state)
{
	memset(state, 0, sizeof(*state));
	mutex_lock(&dev->lock);
	memcpy(state->channels, dev->pit.channel, sizeof(state->channels));
	state->flags = dev->flags;
	if (dev->pit.speaker)
		state->flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	mutex_unlock(&dev->lock);
}

void nxt_pit_set_state(struct nxt_pit_dev *dev, const struct kvm_pit_state2 *state)
{
	mutex_lock(&dev->lock);
	pit_set_state(&dev->pit, state->channels, ktime_get_ns());
	dev->pit.speaker = state->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	dev->flags = state->flags & KVM_PIT_FLAGS_HPET_LEGACY;
	set_timer(dev);
	mutex_unlock(&dev->lock);
}

void nxt_pit_set_reinject(struct nxt_pit_dev *dev, bool reinject)
{
	WRITE_ONCE(dev->reinject, reinject);
	nxt_pit_forget(dev);
}

static bool is_counter(u64 port, u32 len)
{
	return port >= PORT_COUNTERS && port + len <= PORT_COUNTERS + 4;
}

static bool is_speaker(const struct nxt_pit_dev *dev, u64 port, u32 len)
{
	return dev->has_speaker && port == PORT_SPEAKER && len == 1;
}

bool nxt_pit_write(struct nxt_irqchip *ic, u64 port, u32 len, const void *data)
{
	struct nxt_pit_dev *dev = irqchip_pit(ic);
	u8 value = *(const u8 *)data;

	if (!dev)
		return false;
	if (is_counter(port, len)) {
		mutex_lock(&dev->lock);
		if (pit_write(&dev->pit, port - PORT_COUNTERS, value, ktime_get_ns()))
			set_timer(dev);
		mutex_unlock(&dev->lock);
		return true;
	}
	if (is_speaker(dev, port, len)) {
		mutex_lock(&dev->lock);
		pit_speaker_write(&dev->pit, value, ktime_get_ns());
		mutex_unlock(&dev->lock);
		return true;
	}
	return false;
}

bool nxt_pit_read(struct nxt_irqchip *ic, u64 port, u32 len, void *data)
{
	struct nxt_pit_dev *dev = irqchip_pit(ic);
	u8 value;

	if (!dev)
		return false;
	if (is_counter(port, len)) {
		mutex_lock(&dev->lock);
		value = pit_read(&dev->pit, port - PORT_COUNTERS, ktime_get_ns());
		mutex_unlock(&dev->lock);
	} else if (is_speaker(dev, port, len)) {
		mutex_lock(&dev->lock);
		value = pit_speaker_read(&dev->pit, ktime_get_ns());
		mutex_unlock(&dev->lock);
	} else {
		return false;
	}
	memset(data, 0, len);
	*(u8 *)data = value;
	return true;
}
