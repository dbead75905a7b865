/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Delivery of interrupt messages (IPIs and MSIs) to the local APICs of one VM. */
#ifndef ENGINE_GUEST_LAPIC_IPI_H
#define ENGINE_GUEST_LAPIC_IPI_H

#include "guest/lapic.h"

/* The bit of a vCPU in a kick mask (abi/hypercall.h). */
static inline u64 kick_bit(u32 id)
{
	return BIT(id % NXT_KICK_BITS);
}

/*
 * Delivers msg to those of set[0 .. n - 1] that it names; set[i] is the local APIC with APIC ID i, or NULL if
 * there is none. The array may grow meanwhile (publish an entry with release order). src is the sender, which
 * is one of the set, or NULL for an MSI. May be called on any CPU.
 *
 * Returns how many took it. Sets in *kick (never clears) the kick_bit() of each local APIC, other than src,
 * that has something new to look at; it was set before this returns, so a kick that follows finds it. src
 * looks by itself before it enters the guest again.
 */
u32 lapic_deliver(struct lapic *const set[], u32 n, const struct lapic_msg *msg, struct lapic *src,
		  u64 *kick);

/*
 * Decodes an MSI (SDM 11.11): address bits 19:12 are the destination, whose bits 31:8 are address bits 63:40
 * (x2APIC format). Destination 0xff means all, also in x2APIC mode, as in KVM. Bits 31:20 are not looked at:
 * whoever routes the message knows that it is one, and QEMU sends only the offset from 0xfee00000.
 */
void lapic_msi_decode(u64 address, u32 data, struct lapic_msg *msg);

#endif
