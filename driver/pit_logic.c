// SPDX-License-Identifier: GPL-2.0-only
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "pit_logic.h"

#define NS_PER_S 1000000000u

/* How bytes of a counter go through its port: rw_mode (RW of the control word), read_state, write_state. */
enum byte_state {
	LATCH_COMMAND = 0, /* in a control word only */
	LOW = 1,
	HIGH = 2,
	WORD_LOW = 3, /* first the low byte, then ... */
	WORD_HIGH = 4,
};

static u64 elapsed(const struct kvm_pit_channel_state *c, s64 now)
{
	return now > c->count_load_time ? mul_u64_u32_div(now - c->count_load_time, PIT_HZ, NS_PER_S) : 0;
}

static u16 current_count(const struct kvm_pit_channel_state *c, s64 now)
{
	u64 ticks = elapsed(c, now);
	u32 phase;

	div64_u64_rem(ticks, c->count, &ticks);
	phase = ticks;
	switch (c->mode) {
	case 2:
		return c->count - phase;
	case 3: /* counts down by two, twice per period */
		div64_u64_rem(2 * (u64)phase, c->count, &ticks);
		return (c->count - (u32)ticks) & 0xfffe;
	default: /* goes on from 0xffff after the terminal count */
		return c->count - elapsed(c, now);
	}
}

static bool output(const struct kvm_pit_channel_state *c, s64 now)
{
	u64 ticks = elapsed(c, now), phase;

	div64_u64_rem(ticks, c->count, &phase);
	switch (c->mode) {
	case 0:
		return ticks >= c->count;
	case 1:
		return ticks < c->count;
	case 2: /* low during the last tick */
		return phase != c->count - 1;
	case 3:
		return phase < (c->count + 1) / 2;
	default: /* 4, 5: low for one tick */
		return ticks != c->count;
	}
}

static void start(struct pit *pit, u32 n, u32 count, s64 now)
{
	struct kvm_pit_channel_state *c = &pit->channel[n];

	/* Data sheet, "Mode Definitions": the largest count is 0. */
	c->count = count ? count : 0x10000;
	c->count_load_time = now;
	if (n == 0)
		pit->loaded = true;
}

static void latch_count(struct kvm_pit_channel_state *c, s64 now)
{
	/* A latched count stays until it is read (data sheet, "Counter Latch Command"). */
	if (c->count_latched)
		return;
	c->latched_count = current_count(c, now);
	c->count_latched = c->rw_mode;
}

static void latch_status(const struct pit *pit, struct kvm_pit_channel_state *c, s64 now)
{
	bool null_count = c == &pit->channel[0] && !pit->loaded;

	if (c->status_latched)
		return;
	c->status = output(c, now) << 7 | null_count << 6 | c->rw_mode << 4 | c->mode << 1 | c->bcd;
	c->status_latched = 1;
}

static void read_back(struct pit *pit, u8 value, s64 now)
{
	u32 n;

	for (n = 0; n < 3; n++) {
		if (!(value & 2 << n))
			continue;
		if (!(value & 0x20))
			latch_count(&pit->channel[n], now);
		if (!(value & 0x10))
			latch_status(pit, &pit->channel[n], now);
	}
}

/* Returns true if counter 0 stopped. */
static bool control(struct pit *pit, u8 value, s64 now)
{
	struct kvm_pit_channel_state *c;
	u32 n = value >> 6;

	if (n == 3) {
		read_back(pit, value, now);
		return false;
	}
	c = &pit->channel[n];
	if ((value >> 4 & 3) == LATCH_COMMAND) {
		latch_count(c, now);
		return false;
	}

	c->rw_mode = value >> 4 & 3;
	c->read_state = c->rw_mode;
	c->write_state = c->rw_mode;
	c->count_latched = 0;
	c->status_latched = 0;
	c->mode = value >> 1 & 7;
	if (c->mode > 5) /* modes 2 and 3 have two encodings each */
		c->mode -= 4;
	c->bcd = value & 1;
	/* It counts when it gets a count, not before. */
	if (n == 0)
		pit->loaded = false;
	return n == 0;
}

/* Returns true if the counter started. */
static bool write_count(struct pit *pit, u32 n, u8 value, s64 now)
{
	struct kvm_pit_channel_state *c = &pit->channel[n];

	switch (c->write_state) {
	case WORD_LOW:
		c->write_latch = value;
		c->write_state = WORD_HIGH;
		return false;
	case WORD_HIGH:
		start(pit, n, c->write_latch | value << 8, now);
		c->write_state = WORD_LOW;
		return true;
	case HIGH:
		start(pit, n, value << 8, now);
		return true;
	default:
		start(pit, n, value, now);
		return true;
	}
}

bool pit_write(struct pit *pit, u32 offset, u8 value, s64 now)
{
	if (offset == PIT_CONTROL)
		return control(pit, value, now);
	return write_count(pit, offset, value, now) && offset == 0;
}

static u8 read_latched(struct kvm_pit_channel_state *c)
{
	switch (c->count_latched) {
	case WORD_LOW:
		c->count_latched = WORD_HIGH;
		return c->latched_count;
	case HIGH:
	case WORD_HIGH:
		c->count_latched = 0;
		return c->latched_count >> 8;
	default:
		c->count_latched = 0;
		return c->latched_count;
	}
}

u8 pit_read(struct pit *pit, u32 offset, s64 now)
{
	struct kvm_pit_channel_state *c;

	if (offset == PIT_CONTROL) /* write-only */
		return 0;
	c = &pit->channel[offset];
	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	if (c->count_latched)
		return read_latched(c);
	switch (c->read_state) {
	case WORD_LOW:
		c->read_state = WORD_HIGH;
		return current_count(c, now);
	case WORD_HIGH:
		c->read_state = WORD_LOW;
		return current_count(c, now) >> 8;
	case HIGH:
		return current_count(c, now) >> 8;
	default:
		return current_count(c, now);
	}
}

void pit_speaker_write(struct pit *pit, u8 value, s64 now)
{
	struct kvm_pit_channel_state *c = &pit->channel[2];
	bool gate = value & 1;

	pit->speaker = value >> 1 & 1;
	/* Data sheet, "Gate Pin Operations Summary": a rising gate starts these modes again. */
	if (gate && !c->gate && (c->mode == 1 || c->mode == 2 || c->mode == 3 || c->mode == 5))
		c->count_load_time = now;
	c->gate = gate;
}

u8 pit_speaker_read(const struct pit *pit, s64 now)
{
	const struct kvm_pit_channel_state *c = &pit->channel[2];
	/* Bit 4 changes with each memory refresh, every 15 us on a PC: software may wait for that. */
	bool refresh = now >> 14 & 1;

	return c->gate | pit->speaker << 1 | refresh << 4 | output(c, now) << 5;
}

u64 pit_timer(const struct pit *pit, bool *periodic)
{
	const struct kvm_pit_channel_state *c = &pit->channel[0];

	*periodic = c->mode == 2 || c->mode == 3;
	/* Mode 5 needs a rising gate, and the gate of counter 0 is wired high. */
	if (!pit->loaded || c->mode == 5)
		return 0;
	return mul_u64_u32_div(c->count, NS_PER_S, PIT_HZ);
}

void pit_reset(struct pit *pit, s64 now)
{
	u32 n;

	memset(pit, 0, sizeof(*pit));
	for (n = 0; n < 3; n++) {
		pit->channel[n].mode = 3;
		pit->channel[n].gate = n != 2;
		pit->channel[n].rw_mode = WORD_LOW;
		pit->channel[n].read_state = WORD_LOW;
		pit->channel[n].write_state = WORD_LOW;
		start(pit, n, 0, now);
	}
	pit->loaded = false;
}

void pit_set_state(struct pit *pit, const struct kvm_pit_channel_state channel[3], s64 now)
{
	u32 n;

	for (n = 0; n < 3; n++) {
		struct kvm_pit_channel_state *c = &pit->channel[n];

		*c = channel[n];
		c->mode = c->mode > 5 ? 0 : c->mode;
		c->rw_mode &= 3;
		c->read_state = min_t(u8, c->read_state, WORD_HIGH);
		c->write_state = min_t(u8, c->write_state, WORD_HIGH);
		c->count_latched = min_t(u8, c->count_latched, WORD_HIGH);
		c->gate = !!c->gate;
		c->bcd = !!c->bcd;
		start(pit, n, c->count & 0xffff, now);
	}
}
