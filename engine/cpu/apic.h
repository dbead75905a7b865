/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The physical local APICs. They are the control domain's: Engine only starts CPUs at boot, sends NMIs, and
 * carries out the control domain's interrupt commands (AMD APM vol. 2, chapter 16).
 */
#ifndef ENGINE_CPU_APIC_H
#define ENGINE_CPU_APIC_H

#include "lib/types.h"

#define APIC_REG_ID 0x20
#define APIC_REG_ICR_LOW 0x300
#define APIC_REG_ICR_HIGH 0x310

#define ICR_MODE_SHIFT 8
#define ICR_MODE_MASK 7
#define ICR_MODE_NMI 4
#define ICR_MODE_INIT 5
#define ICR_MODE_STARTUP 6
#define ICR_LOGICAL BIT(11)
#define ICR_PENDING BIT(12)
#define ICR_ASSERT BIT(14)
#define ICR_LEVEL BIT(15)
#define ICR_SHORTHAND_SHIFT 18

/* Whether this CPU's APIC is in x2APIC mode now; the control domain may switch it. */
bool apic_is_x2(void);
u32 apic_self_id(void);

/* Registers in xAPIC mode, at the address that IA32_APIC_BASE holds. */
u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 value);

/*
 * Sends an interrupt command: low is ICR 31:0, to the APIC ID (physical mode). Leaves ICR_HIGH as the control
 * domain set it. Waits until the command is accepted.
 */
void apic_send(u32 apic_id, u32 low);
void apic_send_nmi(u32 apic_id);

/*
 * The control domain's own command goes to the wire: low is ICR 31:0. In x2APIC mode dest is ICR 63:32; in
 * xAPIC mode it is in ICR_HIGH already.
 */
void apic_pass_on(u32 dest, u32 low, bool x2apic);

#endif
