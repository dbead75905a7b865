// SPDX-License-Identifier: GPL-2.0-only
#include <linux/string.h>

#include "pic_logic.h"

#define NONE 8 /* no priority: lower than the lowest */

/* IRQ 0, 1, 2, 8 and 13 are edge-triggered, whatever ELCR says. */
static const u8 elcr_mask[2] = {0xf8, 0xde};

/*
 * The highest priority (0 is highest) of the lines in set, or NONE. priority_add is the line that has it now
 * (data sheet, "Automatic Rotation").
 */
static u32 top_priority(const struct kvm_pic_state *s, u8 set)
{
	u32 p;

	for (p = 0; p < NONE; p++)
		if (set & 1 << ((p + s->priority_add) & 7))
			break;
	return p;
}

/* The line whose request the chip passes on, or -1: unmasked, and above all that are in service. */
static int request(const struct kvm_pic_state *s, bool master)
{
	u8 in_service = s->isr;
	u32 p = top_priority(s, s->irr & ~s->imr);

	if (p == NONE)
		return -1;
	/* Special mask mode: a masked line in service holds nobody back. */
	if (s->special_mask)
		in_service &= ~s->imr;
	/*
	 * Special fully nested mode: a slave in service may interrupt again, with a higher priority of its
	 * own.
	 */
	if (s->special_fully_nested_mode && master)
		in_service &= ~(1 << PIC_CASCADE);
	if (p >= top_priority(s, in_service))
		return -1;
	return (p + s->priority_add) & 7;
}

/*
 * Recomputes what the outputs say. The cascade input follows the slave's output as a level, though it is an
 * edge input on paper: a real slave drops its output during the acknowledge, which makes the next edge.
 * Following the level is the same to software, and no edge can be missed.
 */
static void update(struct pic *pic)
{
	struct kvm_pic_state *m = &pic->chip[PIC_MASTER];

	if (request(&pic->chip[PIC_SLAVE], false) >= 0)
		m->irr |= 1 << PIC_CASCADE;
	else
		m->irr &= ~(1 << PIC_CASCADE);
	pic->output = request(m, true) >= 0;
}

static void note_acked(struct pic *pic, u32 chip, u8 lines)
{
	pic->acked |= chip == PIC_SLAVE ? lines << 8 : lines;
}

static void leave_service(struct pic *pic, u32 chip, u32 line)
{
	pic->chip[chip].isr &= ~(1 << line);
	note_acked(pic, chip, 1 << line);
}

/*
 * First acknowledge cycle: the request goes into service. A level-triggered line keeps requesting while it is
 * high.
 */
static void enter_service(struct pic *pic, u32 chip, u32 line)
{
	struct kvm_pic_state *s = &pic->chip[chip];

	s->isr |= 1 << line;
	if (!(s->elcr & 1 << line))
		s->irr &= ~(1 << line);
	if (s->auto_eoi) {
		if (s->rotate_on_auto_eoi)
			s->priority_add = (line + 1) & 7;
		leave_service(pic, chip, line);
	}
}

void pic_reset(struct pic *pic)
{
	memset(pic, 0, sizeof(*pic));
	pic->chip[PIC_MASTER].elcr_mask = elcr_mask[PIC_MASTER];
	pic->chip[PIC_SLAVE].elcr_mask = elcr_mask[PIC_SLAVE];
}

int pic_set_line(struct pic *pic, u32 line, bool level)
{
	struct kvm_pic_state *s = &pic->chip[line >> 3];
	u8 bit = 1 << (line & 7);
	int ret = 1;

	if (!level) {
		/* An edge stays latched when its line falls, so that a short pulse is not lost. */
		s->last_irr &= ~bit;
		if (s->elcr & bit)
			s->irr &= ~bit;
	} else {
		if (s->elcr & bit || !(s->last_irr & bit)) {
			ret = !(s->irr & bit);
			s->irr |= bit;
		}
		s->last_irr |= bit;
	}
	update(pic);
	return s->imr & bit ? -1 : ret;
}

u8 pic_ack(struct pic *pic)
{
	struct kvm_pic_state *m = &pic->chip[PIC_MASTER], *s = &pic->chip[PIC_SLAVE];
	int line = request(m, true), slave_line;
	u8 vector;

	if (line < 0) {
		/* Data sheet, "Interrupt Sequence": no request any more gives IR7, with no bit in the ISR. */
		vector = m->irq_base + 7;
	} else if (line != PIC_CASCADE) {
		enter_service(pic, PIC_MASTER, line);
		vector = m->irq_base + line;
	} else {
		/* update() ran since the last change, so the slave still has the request. */
		slave_line = request(s, false);
		enter_service(pic, PIC_MASTER, PIC_CASCADE);
		if (slave_line >= 0)
			enter_service(pic, PIC_SLAVE, slave_line);
		else
			slave_line = 7;
		vector = s->irq_base + slave_line;
	}
	update(pic);
	return vector;
}

/* ICW1. Data sheet, "Initialization Command Words 1 and 2". */
static void initialize(struct pic *pic, u32 chip, u8 icw1)
{
	struct kvm_pic_state *s = &pic->chip[chip];

	/*
	 * What was in service or latched will never be acknowledged: whoever waits for that must not wait
	 * forever.
	 */
	note_acked(pic, chip, s->isr | (s->irr & ~s->elcr));

	s->isr = 0;
	s->last_irr = 0; /* the edge sense circuit is reset */
	s->irr &= s->elcr;
	s->imr = 0;
	s->priority_add = 0;
	s->special_mask = 0;
	s->read_reg_select = 0;
	s->poll = 0;
	s->rotate_on_auto_eoi = 0;
	s->init4 = icw1 & 1;
	if (!s->init4) {
		s->special_fully_nested_mode = 0;
		s->auto_eoi = 0;
	}
	s->init_state = 1;
}

static void ocw2(struct pic *pic, u32 chip, u8 value)
{
	struct kvm_pic_state *s = &pic->chip[chip];
	u8 eoi_set = s->isr;
	u32 p, line = value & 7;

	switch (value >> 5) {
	case 0: /* rotate in automatic EOI mode: clear, set */
	case 4:
		s->rotate_on_auto_eoi = value >> 7;
		break;
	case 1: /* non-specific EOI, without and with rotation */
	case 5:
		/* In special mask mode it does not reach a masked line (data sheet, "Special Mask Mode"). */
		if (s->special_mask)
			eoi_set &= ~s->imr;
		p = top_priority(s, eoi_set);
		if (p == NONE)
			break;
		line = (p + s->priority_add) & 7;
		if (value >> 5 == 5)
			s->priority_add = (line + 1) & 7;
		leave_service(pic, chip, line);
		break;
	case 7: /* specific EOI, with and without rotation */
		s->priority_add = (line + 1) & 7;
		leave_service(pic, chip, line);
		break;
	case 3:
		leave_service(pic, chip, line);
		break;
	case 6: /* set priority */
		s->priority_add = (line + 1) & 7;
		break;
	}
}

static void ocw3(struct kvm_pic_state *s, u8 value)
{
	if (value & 0x04)
		s->poll = 1;
	if (value & 0x02)
		s->read_reg_select = value & 1;
	if (value & 0x40)
		s->special_mask = value >> 5 & 1;
}

static void write_data(struct pic *pic, u32 chip, u8 value)
{
	struct kvm_pic_state *s = &pic->chip[chip];
	u8 opened;

	switch (s->init_state) {
	case 0: /* OCW1 */
		opened = s->imr & ~value;
		pic->unmasked |= chip == PIC_SLAVE ? opened << 8 : opened;
		s->imr = value;
		break;
	case 1: /* ICW2 */
		s->irq_base = value & 0xf8;
		s->init_state = 2;
		break;
	case 2: /* ICW3: the cascade is wired, nothing to choose */
		s->init_state = s->init4 ? 3 : 0;
		break;
	case 3: /* ICW4 */
		s->special_fully_nested_mode = value >> 4 & 1;
		s->auto_eoi = value >> 1 & 1;
		s->init_state = 0;
		break;
	}
}

void pic_write(struct pic *pic, u32 chip, bool a0, u8 value)
{
	if (a0)
		write_data(pic, chip, value);
	else if (value & 0x10)
		initialize(pic, chip, value);
	else if (value & 0x08)
		ocw3(&pic->chip[chip], value);
	else
		ocw2(pic, chip, value);
	update(pic);
}

/* Data sheet, "Poll Command": the read is the acknowledge. */
static u8 poll(struct pic *pic, u32 chip)
{
	int line = request(&pic->chip[chip], chip == PIC_MASTER);

	pic->chip[chip].poll = 0;
	if (line < 0)
		return 0;
	enter_service(pic, chip, line);
	update(pic);
	return 0x80 | line;
}

u8 pic_read(struct pic *pic, u32 chip, bool a0)
{
	const struct kvm_pic_state *s = &pic->chip[chip];

	if (s->poll)
		return poll(pic, chip);
	if (a0)
		return s->imr;
	return s->read_reg_select ? s->isr : s->irr;
}

void pic_elcr_write(struct pic *pic, u32 chip, u8 value)
{
	struct kvm_pic_state *s = &pic->chip[chip];
	u8 new_level = value & elcr_mask[chip] & ~s->elcr;

	s->elcr = value & elcr_mask[chip];
	/* A request that was latched by an edge would stay for ever where only the level counts. */
	s->irr = (s->irr & ~new_level) | (s->last_irr & new_level);
	update(pic);
}

u8 pic_elcr_read(const struct pic *pic, u32 chip)
{
	return pic->chip[chip].elcr;
}

void pic_set_state(struct pic *pic, u32 chip, const struct kvm_pic_state *state)
{
	struct kvm_pic_state *s = &pic->chip[chip];

	*s = *state;
	s->priority_add &= 7;
	s->init_state &= 3;
	s->elcr_mask = elcr_mask[chip];
	s->elcr &= elcr_mask[chip];
	update(pic);
}
