/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two cascaded 8259A interrupt controllers, as on a PC with ELCR: the logic alone, no locks, no other chip.
 * The state of each is what KVM_GET_IRQCHIP shows of it. Compiles in user space too, for its test.
 *
 * References: Intel 8259A data sheet (231468); Intel 82371 (PIIX) for ELCR.
 */
#ifndef NXTOP_PIC_LOGIC_H
#define NXTOP_PIC_LOGIC_H

#include <linux/kvm.h>
#include <linux/types.h>

#define PIC_MASTER 0
#define PIC_SLAVE 1
#define PIC_CASCADE 2 /* the master's input that the slave's output feeds */

struct pic {
	struct kvm_pic_state chip[2];
	/* What the caller takes and clears, by line 0 .. 15: */
	u16 acked;    /* left the ISR, or lost their latched request to a reset */
	u16 unmasked; /* their IMR bit went from 1 to 0 */
	bool output;  /* the INT pin */
};

void pic_reset(struct pic *pic);

/* Drives line 0 .. 15. Returns -1: masked, 0: was requested already, 1: else. */
int pic_set_line(struct pic *pic, u32 line, bool level);

/* The processor's interrupt acknowledge: returns the vector. */
u8 pic_ack(struct pic *pic);

/* Register access: chip PIC_MASTER or PIC_SLAVE, a0 the low bit of the port. */
void pic_write(struct pic *pic, u32 chip, bool a0, u8 value);
u8 pic_read(struct pic *pic, u32 chip, bool a0);

void pic_elcr_write(struct pic *pic, u32 chip, u8 value);
u8 pic_elcr_read(const struct pic *pic, u32 chip);

/* Takes over any state, after making it one that the chip can be in. */
void pic_set_state(struct pic *pic, u32 chip, const struct kvm_pic_state *state);

#endif
