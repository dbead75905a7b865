/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Four local APICs, whose IDs lie in several words of a set, under random register accesses, messages, time
 * and state restores. After each step the invariants below must hold; the sanitizers watch the rest. One step
 * is an opcode byte and what it takes from the input.
 */
#include <stdlib.h>
#include <string.h>

#include "guest/lapic.h"
#include "guest/lapic_ipi.h"
#include "guest/lapic_timer.h"

#define N 4u

static const u32 ids[N] = {0, 3, 100, NXT_MAX_VCPUS - 1};
static struct lapic lapics[N];
static struct lapic *all[NXT_MAX_VCPUS]; /* by ID */
static u64 now;

struct input {
	const u8 *at;
	size_t left;
};

static u64 take(struct input *in, size_t bytes)
{
	u64 value = 0;

	bytes = MIN(bytes, in->left);
	memcpy(&value, in->at, bytes);
	in->at += bytes;
	in->left -= bytes;
	return value;
}

static void expect(bool ok)
{
	if (!ok)
		abort();
}

static int top(const struct lapic *l, u32 bitmap)
{
	for (int v = 255; v >= 0; v--)
		if (lapic_reg(l, bitmap + v / 32 * 16) >> v % 32 & 1)
			return v;
	return -1;
}

static void check(struct lapic *l)
{
	u32 tpr = lapic_reg(l, LAPIC_TPR), ppr = lapic_reg(l, LAPIC_PPR);
	int isr = top(l, LAPIC_ISR), irr = top(l, LAPIC_IRR), pending = lapic_pending(l);
	u32 isr_class = isr < 0 ? 0 : isr >> 4;
	u64 tsc;

	expect(tpr <= 0xff && ppr <= 0xff);
	expect(ppr >> 4 == MAX(tpr >> 4, isr_class));
	expect(pending == -1 || (pending == irr && pending >= 16 && (u32)pending >> 4 > ppr >> 4));
	expect(pending >= 0 || irr < 0 || !lapic_enabled(l) || (u32)irr >> 4 <= ppr >> 4);
	expect(lapic_reg(l, LAPIC_ID) == (lapic_x2apic(l) ? l->id : l->id << 24));
	expect(lapic_reg(l, LAPIC_VERSION) == 0x50014);
	expect(!lapic_x2apic(l) || lapic_enabled(l));
	expect(lapic_timer_count(l, now) <= lapic_reg(l, LAPIC_TMICT));
	expect(!lapic_timer_poll(l, now)); /* the count has just polled: once is enough */
	if (lapic_timer_deadline(l, &tsc))
		expect(tsc > now || (s64)(tsc - now) > 0);
	for (u32 i = 0; i < LAPIC_PAGE_SIZE / 4; i++)
		expect(i % 4 == 0 || l->regs[i] == 0);
}

static void check_state(struct lapic *l)
{
	u8 before[LAPIC_PAGE_SIZE], after[LAPIC_PAGE_SIZE];
	struct lapic copy = *l;
	u32 slack = 1 + 2000000 / l->timer.tsc_khz, count, again;

	lapic_get_state(&copy, now, before);
	lapic_set_state(&copy, now, before);
	lapic_get_state(&copy, now, after);
	memcpy(&count, before + LAPIC_TMCCT, 4);
	memcpy(&again, after + LAPIC_TMCCT, 4);
	/* A count may lose what a tick of the slower clock hides; a periodic count of 0 starts over. */
	expect(!count || count - again <= slack);
	memcpy(after + LAPIC_TMCCT, before + LAPIC_TMCCT, 4);
	/* A one-shot count that rounds to nothing fires at once; do not compare what that raises. */
	if (again || !count)
		expect(!memcmp(before, after, sizeof(before)));
}

static void deliver(const struct lapic_msg *msg, struct lapic *src)
{
	u64 kick = 0, may = 0;
	u32 taken = lapic_deliver(all, NXT_MAX_VCPUS, msg, src, &kick);

	for (u32 i = 0; i < N; i++)
		may |= &lapics[i] == src ? 0 : kick_bit(ids[i]);
	expect(taken <= N && !(kick & ~may));
	expect((u32)__builtin_popcountll(kick) <= taken);
	expect(!msg->lowest || taken <= 1);
}

static void act_on(struct lapic *l, const struct lapic_actions *act)
{
	if (act->what & LAPIC_DO_IPI)
		deliver(&act->msg, l);
}

static void step(struct input *in)
{
	u8 op = take(in, 1);
	struct lapic *l = &lapics[op >> 6];
	struct lapic_actions act = {0};
	struct lapic_msg msg;
	u8 page[LAPIC_PAGE_SIZE];
	u64 value;
	u32 index;

	switch (op & 15) {
	case 0: /* the page is the caller's to route: there is none in x2APIC mode */
		index = take(in, 1) << 4;
		value = take(in, 4);
		if (lapic_x2apic(l))
			break;
		lapic_write(l, index, (u32)value, now, &act);
		act_on(l, &act);
		break;
	case 1:
		lapic_read(l, take(in, 2), now);
		break;
	case 2:
		index = LAPIC_MSR_FIRST + take(in, 1);
		if (!lapic_msr_write(l, index, take(in, 8), now, &act))
			act_on(l, &act);
		break;
	case 3:
		lapic_msr_read(l, LAPIC_MSR_FIRST + take(in, 1), now, &value);
		break;
	case 4: /* x2APIC and so on by short inputs */
		value = take(in, 1);
		lapic_base_write(l, LAPIC_BASE_DEFAULT | (value & 3) << 10, value & 4);
		break;
	case 5:
		lapic_base_write(l, take(in, 8), op & 16);
		break;
	case 6:
		value = take(in, 8);
		lapic_msi_decode(value, take(in, 4), &msg);
		deliver(&msg, NULL);
		break;
	case 7:
		now += take(in, 4);
		break;
	case 8:
		value = now;
		now = take(in, 8);
		for (u32 i = 0; i < N; i++)
			lapic_timer_tsc_jump(&lapics[i], now - value);
		break;
	case 9:
		lapic_tsc_deadline_write(l, now + take(in, 3));
		break;
	case 10:
		memset(page, take(in, 1), sizeof(page));
		value = MIN(in->left, sizeof(page));
		memcpy(page, in->at, value);
		in->at += value;
		in->left -= value;
		lapic_set_state(l, now, page);
		break;
	case 11:
		lapic_timer_set_khz(l, take(in, 4), now);
		break;
	case 12:
		lapic_cr8_set(l, take(in, 1) & 15);
		break;
	case 13:
		lapic_init_signal(l);
		break;
	case 14:
		check_state(l);
		break;
	case 15:
		lapic_take_events(l, take(in, 1));
		break;
	}
	for (u32 i = 0; i < N; i++) {
		int vector;

		l = &lapics[i];
		lapic_timer_poll(l, now);
		check(l);
		if ((op & 32) && (vector = lapic_pending(l)) >= 0) {
			lapic_accept(l, vector);
			check(l);
			lapic_eoi(l, &act);
			check(l);
		}
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = {data, size};
	struct lapic_actions act;

	now = 1000;
	for (u32 i = 0; i < N; i++) {
		all[ids[i]] = &lapics[i];
		lapic_reset(&lapics[i], ids[i], i == 0);
		lapic_set_features(&lapics[i], 40, true, true);
		lapic_write(&lapics[i], LAPIC_SVR, 0x1ff, now, &act);
	}
	for (u32 steps = 0; in.left && steps < 500; steps++)
		step(&in);
	return 0;
}
