/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC's vectors: those that wait (IRR), those in service (ISR), and which of them goes first. */
#include "guest/lapic.h"

#define ESR_RECEIVED_ILLEGAL_VECTOR BIT(6)

static u32 *bitmap_word(struct lapic *l, u32 bitmap, u8 vector)
{
	return &l->regs[(bitmap + vector / 32 * LAPIC_STRIDE) / 4];
}

static int highest(const struct lapic *l, u32 bitmap)
{
	for (int i = 7; i >= 0; i--) {
		u32 word = lapic_reg(l, bitmap + i * LAPIC_STRIDE);

		if (word)
			return i * 32 + 31 - __builtin_clz(word);
	}
	return -1;
}

/* SDM 11.8.3.1: the higher class of TPR and of the interrupt in service; TPR's subclass only if TPR wins. */
void lapic_update_ppr(struct lapic *l)
{
	int in_service = highest(l, LAPIC_ISR);
	u32 tpr = lapic_reg(l, LAPIC_TPR);
	u32 isr_class = in_service < 0 ? 0 : (u32)in_service & 0xf0;

	lapic_reg_set(l, LAPIC_PPR, (tpr & 0xf0) >= isr_class ? tpr : isr_class);
}

/*
 * TMR before IRR: whoever accepts the vector must see how it was triggered. The update of IRR is a full
 * barrier even if the bit was set: the receiver, when it takes the vector, sees all that the sender did
 * before.
 */
bool lapic_post(struct lapic *l, u8 vector, bool level)
{
	u32 *tmr = bitmap_word(l, LAPIC_TMR, vector), *irr = bitmap_word(l, LAPIC_IRR, vector);
	u32 bit = 1u << (vector % 32);

	if (!!(__atomic_load_n(tmr, __ATOMIC_RELAXED) & bit) != level) {
		if (level)
			__atomic_fetch_or(tmr, bit, __ATOMIC_RELAXED);
		else
			__atomic_fetch_and(tmr, ~bit, __ATOMIC_RELAXED);
	}
	return !(__atomic_fetch_or(irr, bit, __ATOMIC_SEQ_CST) & bit);
}

int lapic_highest_irr(const struct lapic *l)
{
	return highest(l, LAPIC_IRR);
}

int lapic_highest_isr(const struct lapic *l)
{
	return highest(l, LAPIC_ISR);
}

/* Vectors 0 .. 15, which only a state restore can set, have class 0 and never exceed PPR. */
int lapic_pending(const struct lapic *l)
{
	int vector = highest(l, LAPIC_IRR);

	if (vector < 0 || !lapic_enabled(l) || ((u32)vector & 0xf0) <= (lapic_reg(l, LAPIC_PPR) & 0xf0))
		return -1;
	return vector;
}

void lapic_accept(struct lapic *l, u8 vector)
{
	u32 bit = 1u << (vector % 32);
	u32 isr = LAPIC_ISR + vector / 32 * LAPIC_STRIDE;

	__atomic_fetch_and(bitmap_word(l, LAPIC_IRR, vector), ~bit, __ATOMIC_SEQ_CST);
	lapic_reg_set(l, isr, lapic_reg(l, isr) | bit);
	lapic_update_ppr(l);
}

void lapic_eoi(struct lapic *l, struct lapic_actions *out)
{
	int vector = highest(l, LAPIC_ISR);
	u32 word, bit;

	out->what = 0;
	if (vector < 0)
		return;
	word = vector / 32 * LAPIC_STRIDE;
	bit = 1u << (vector % 32);
	lapic_reg_set(l, LAPIC_ISR + word, lapic_reg(l, LAPIC_ISR + word) & ~bit);
	lapic_update_ppr(l);
	out->what = LAPIC_DO_CHECK;
	if (lapic_reg(l, LAPIC_TMR + word) & bit) {
		out->what |= LAPIC_DO_EOI;
		out->eoi_vector = vector;
	}
}

u8 lapic_cr8_get(const struct lapic *l)
{
	return lapic_reg(l, LAPIC_TPR) >> 4;
}

void lapic_cr8_set(struct lapic *l, u8 cr8)
{
	lapic_reg_set(l, LAPIC_TPR, (u32)(cr8 & 0xf) << 4);
	lapic_update_ppr(l);
}

void lapic_local(struct lapic *l, u32 lvt)
{
	u32 entry = lapic_reg(l, lvt);
	u8 vector = entry & LAPIC_LVT_VECTOR;

	if (!lapic_enabled(l) || !lapic_software_enabled(l) || entry & LAPIC_LVT_MASKED)
		return;
	if (vector < 16)
		l->esr |= ESR_RECEIVED_ILLEGAL_VECTOR;
	else
		lapic_post(l, vector, false);
}
