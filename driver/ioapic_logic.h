/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The I/O APIC with 24 pins: the logic alone, no locks. Compiles in user space too, for its test.
 *
 * Reference: Intel 82093AA data sheet (290566). "Sent" is a message that left for the local APICs; "taken"
 * one that at least one of them accepted.
 */
#ifndef NXTOP_IOAPIC_LOGIC_H
#define NXTOP_IOAPIC_LOGIC_H

#include <linux/kvm.h>
#include <linux/types.h>

#define IOAPIC_PINS 24
#define IOAPIC_RTC 8 /* pin of the real-time clock */
#define IOAPIC_DEFAULT_BASE 0xfec00000ull
#define IOAPIC_LENGTH 0x100

/* Fields of a redirection table entry. */
#define IOAPIC_VECTOR 0xffull
#define IOAPIC_DELIVERY_SHIFT 8 /* 3 bits, as in an MSI's data */
#define IOAPIC_LOGICAL (1ull << 11)
#define IOAPIC_STATUS (1ull << 12)
#define IOAPIC_REMOTE_IRR (1ull << 14)
#define IOAPIC_LEVEL (1ull << 15)
#define IOAPIC_MASKED (1ull << 16)
#define IOAPIC_DEST_SHIFT 56

/* So many EOIs in a row that find the line still high are a storm: see ioapic_eoi_end(). */
#define IOAPIC_STORM 10000

struct ioapic {
	u64 base;
	u32 select; /* IOREGSEL */
	u32 id;
	u64 entry[IOAPIC_PINS];
	u32 lines;		     /* pins whose line is high */
	u32 delivered;		     /* of these, edges that were sent */
	u32 in_service;		     /* edges that were taken, and not ended yet */
	u8 sent_vector[IOAPIC_PINS]; /* of the message that set remote IRR or in_service */
	u32 eois[IOAPIC_PINS];	     /* in a row, with the line high */

	/* Sends an MSI; returns how many local APICs took it, or < 0. */
	int (*send)(struct ioapic *io, u64 address, u32 data);
};

/* Resets all but `send`. */
void ioapic_reset(struct ioapic *io);

/*
 * Drives a pin. Returns -1: not sent (masked, or waits for EOI), 0: coalesced or nobody took it, > 0: taken.
 * retries: the caller repeats what was coalesced. Then the clock's pin is not even driven while its interrupt
 * is in service, so that a guest which counts ticks gets them all, as with KVM.
 */
int ioapic_set_line(struct ioapic *io, u32 pin, bool level, bool retries);

/*
 * End of interrupt, in two steps between which the caller lets go of the lock and tells who drives the pins.
 * ioapic_eoi_begin() returns the mask of the pins that an EOI of the vector ends. ioapic_eoi_end() is for
 * each of them; it sends a level-triggered interrupt again whose line is high. It returns true in an
 * interrupt storm: not sent again, the caller calls ioapic_service() for the pin a while later.
 */
u32 ioapic_eoi_begin(struct ioapic *io, u8 vector);
bool ioapic_eoi_end(struct ioapic *io, u32 pin);

/* Sends the pin's interrupt if it is level-triggered, high, unmasked and not waiting for EOI. */
void ioapic_service(struct ioapic *io, u32 pin);

/* Register access at an offset from base. */
u32 ioapic_read(const struct ioapic *io, u32 offset);

struct ioapic_written {
	int service;  /* the pin for which the caller has to call ioapic_service(), or -1 */
	int unmasked; /* the pin that this write unmasked, or -1 */
};
struct ioapic_written ioapic_write(struct ioapic *io, u32 offset, u32 value);

void ioapic_get_state(const struct ioapic *io, struct kvm_ioapic_state *state);
/* Takes over any state, after making it one that the chip can be in, and sends what waits in it. */
void ioapic_set_state(struct ioapic *io, const struct kvm_ioapic_state *state);

#endif
