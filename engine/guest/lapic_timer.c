/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The timer keeps one number, the guest TSC at which it fires next, and derives the current count from it
 * when asked. Conversions between the bus clock (1 GHz, or slower) and the TSC split off whole milliseconds
 * first, so that 64 bits suffice: for the slowest bus, the largest count and divider, and the fastest TSC as
 * well.
 */
#include "guest/lapic_timer.h"

#define NS_PER_MS 1000000u

/* Distances between TSC values are signed. */
_Static_assert((1ull << 32) * 128 / NS_PER_MS * NXT_APIC_BUS_NS_MAX < 1ull << 31, "no period overflows");

/* A shorter period would let a guest keep its CPU busy with nothing but timer work; KVM's default limit. */
#define MIN_PERIOD_NS 200000u

/* More missed periods than this (half a minute of the shortest) and the phase means nothing any more: start
 * over. */
#define MAX_MISSED (1u << 17)

#define LVT_MODE_SHIFT 17
enum timer_mode {
	ONE_SHOT = 0,
	PERIODIC = 1,
	TSC_DEADLINE = 2,
};

static enum timer_mode mode_of(u32 lvt)
{
	return lvt >> LVT_MODE_SHIFT & 3;
}

static enum timer_mode timer_mode(const struct lapic *l)
{
	return mode_of(lapic_reg(l, LAPIC_LVT_TIMER));
}

/* TDCR bits 3, 1, 0 are the power of two less one, modulo 8 (SDM 11.5.4, figure 11-10). */
static u32 divider(const struct lapic *l)
{
	u32 tdcr = lapic_reg(l, LAPIC_TDCR);

	return 1u << ((((tdcr & 3) | (tdcr >> 1 & 4)) + 1) & 7);
}

/* *rem: the millionths of a tick that the result leaves out. */
static u64 ns_to_tsc(const struct lapic_timer *t, u64 ns, u32 *rem)
{
	u64 part = ns % NS_PER_MS * t->tsc_khz;

	*rem = part % NS_PER_MS;
	return ns / NS_PER_MS * t->tsc_khz + part / NS_PER_MS;
}

/* Rounded up: a count that has not run out never reads 0. */
static u64 tsc_to_ns(const struct lapic_timer *t, u64 tsc)
{
	return tsc / t->tsc_khz * NS_PER_MS + (tsc % t->tsc_khz * NS_PER_MS + t->tsc_khz - 1) / t->tsc_khz;
}

static u64 count_to_ns(const struct lapic *l, u32 count)
{
	return (u64)count * divider(l) * l->timer.bus_ns;
}

static void set_period(struct lapic *l)
{
	u64 ns = count_to_ns(l, lapic_reg(l, LAPIC_TMICT));

	if (timer_mode(l) == PERIODIC)
		ns = MAX(ns, MIN_PERIOD_NS);
	l->timer.period = ns_to_tsc(&l->timer, ns, &l->timer.period_rem);
	l->timer.phase = 0;
}

void lapic_timer_stop(struct lapic *l)
{
	l->timer.armed = false;
	l->timer.deadline = 0;
}

void lapic_timer_start(struct lapic *l, u32 count, u64 now)
{
	lapic_reg_set(l, LAPIC_TMICT, count);
	lapic_timer_stop(l);
	if (!count)
		return;
	set_period(l);
	l->timer.deadline = now + l->timer.period;
	l->timer.armed = true;
}

void lapic_timer_resume(struct lapic *l, u32 remaining, u64 now)
{
	u32 count = lapic_reg(l, LAPIC_TMICT), rem;

	if (timer_mode(l) == TSC_DEADLINE || (timer_mode(l) == ONE_SHOT && !remaining)) {
		lapic_timer_stop(l);
		return;
	}
	lapic_timer_start(l, count, now);
	if (remaining && remaining < count)
		l->timer.deadline = now + ns_to_tsc(&l->timer, count_to_ns(l, remaining), &rem);
}

/*
 * The TSC deadline is an absolute value of the guest's TSC, so it compares as it stands; a count is a
 * distance, which may cross the TSC's wrap-around, since a guest can set its TSC to anything.
 */
static bool is_due(const struct lapic *l, u64 now)
{
	if (!l->timer.armed)
		return false;
	if (timer_mode(l) == TSC_DEADLINE)
		return now >= l->timer.deadline;
	return (s64)(now - l->timer.deadline) >= 0;
}

/* The next deadline is counted from the last one and not from now: late polls do not add up. */
static void next_period(struct lapic_timer *t, u64 now)
{
	u64 periods = (now - t->deadline) / t->period + 1;
	u64 phase = t->phase + periods * t->period_rem;

	if (periods > MAX_MISSED) {
		t->deadline = now + t->period;
		t->phase = 0;
		return;
	}
	t->deadline += periods * t->period + phase / NS_PER_MS;
	t->phase = phase % NS_PER_MS;
}

bool lapic_timer_poll(struct lapic *l, u64 now)
{
	if (!is_due(l, now))
		return false;
	if (timer_mode(l) == PERIODIC)
		next_period(&l->timer, now);
	else
		lapic_timer_stop(l);
	lapic_local(l, LAPIC_LVT_TIMER);
	return true;
}

/* A masked timer needs nobody's wake-up: what it did meanwhile is worked out when somebody looks. */
bool lapic_timer_deadline(const struct lapic *l, u64 *tsc)
{
	if (!l->timer.armed || !lapic_enabled(l) || lapic_reg(l, LAPIC_LVT_TIMER) & LAPIC_LVT_MASKED)
		return false;
	*tsc = l->timer.deadline;
	return true;
}

u32 lapic_timer_count(struct lapic *l, u64 now)
{
	u32 count = lapic_reg(l, LAPIC_TMICT);
	u64 left, ticks, tick;

	lapic_timer_poll(l, now);
	if (!l->timer.armed || timer_mode(l) == TSC_DEADLINE)
		return 0;
	left = MIN(l->timer.deadline - now, l->timer.period);
	tick = count_to_ns(l, 1);
	ticks = (tsc_to_ns(&l->timer, left) + tick - 1) / tick;
	return MIN(ticks, count);
}

/* Between a count and the TSC deadline the timer is disarmed; between one-shot and periodic it goes on
 * (SDM 11.5.4.1). */
void lapic_timer_set_lvt(struct lapic *l, u32 value, u64 now)
{
	enum timer_mode old = timer_mode(l);

	lapic_timer_poll(l, now);
	lapic_reg_set(l, LAPIC_LVT_TIMER, value);
	if ((old == TSC_DEADLINE) != (mode_of(value) == TSC_DEADLINE))
		lapic_timer_start(l, 0, now);
	else if (l->timer.armed && mode_of(value) == PERIODIC && old != PERIODIC)
		set_period(l);
}

int lapic_timer_set_bus(struct lapic *l, u64 ns)
{
	if (!ns || ns > NXT_APIC_BUS_NS_MAX)
		return -NXT_EINVAL;
	l->timer.bus_ns = (u32)ns;
	return 0;
}

void lapic_timer_set_divider(struct lapic *l, u32 value, u64 now)
{
	u32 remaining = lapic_timer_count(l, now);

	lapic_reg_set(l, LAPIC_TDCR, value);
	if (l->timer.armed && timer_mode(l) != TSC_DEADLINE)
		lapic_timer_resume(l, remaining, now);
}

int lapic_timer_set_khz(struct lapic *l, u64 khz, u64 now)
{
	u32 remaining;

	if (khz < LAPIC_TIMER_MIN_KHZ || khz > UINT32_MAX)
		return -NXT_EINVAL;
	remaining = lapic_timer_count(l, now);
	l->timer.tsc_khz = khz;
	if (l->timer.armed && timer_mode(l) != TSC_DEADLINE)
		lapic_timer_resume(l, remaining, now);
	return 0;
}

void lapic_timer_tsc_jump(struct lapic *l, u64 delta)
{
	if (l->timer.armed && timer_mode(l) != TSC_DEADLINE)
		l->timer.deadline += delta;
}

u64 lapic_tsc_deadline_read(struct lapic *l, u64 now)
{
	lapic_timer_poll(l, now);
	return timer_mode(l) == TSC_DEADLINE ? l->timer.deadline : 0;
}

void lapic_tsc_deadline_write(struct lapic *l, u64 deadline)
{
	if (!lapic_enabled(l) || timer_mode(l) != TSC_DEADLINE)
		return;
	l->timer.deadline = deadline;
	l->timer.armed = deadline != 0;
}
