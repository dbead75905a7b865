/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cpu/apic.h"
#include "cpu/asm.h"
#include "cpu/msr.h"
#include "mem/phys.h"

#define POLL_LIMIT 1000000
#define MSR_X2APIC_ID 0x802

bool apic_is_x2(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC;
}

static volatile u32 *reg_at(u32 reg)
{
	return (volatile u32 *)((u8 *)phys_to_virt(rdmsr(MSR_APIC_BASE) & 0x000ffffffffff000) + reg);
}

u32 apic_read(u32 reg)
{
	return *reg_at(reg);
}

void apic_write(u32 reg, u32 value)
{
	*reg_at(reg) = value;
}

u32 apic_self_id(void)
{
	return apic_is_x2() ? (u32)rdmsr(MSR_X2APIC_ID) : apic_read(APIC_REG_ID) >> 24;
}

static void wait_accepted(void)
{
	for (u32 i = 0; i < POLL_LIMIT && (apic_read(APIC_REG_ICR_LOW) & ICR_PENDING); i++)
		pause();
}

static void send_x2(u32 dest, u32 low)
{
	/* Stores must be visible before the interrupt is: WRMSR to the ICR does not serialize. */
	mb();
	wrmsr(MSR_X2APIC_ICR, (u64)dest << 32 | low);
}

void apic_pass_on(u32 dest, u32 low, bool x2apic)
{
	if (x2apic)
		send_x2(dest, low);
	else
		apic_write(APIC_REG_ICR_LOW, low);
}

void apic_send(u32 apic_id, u32 low)
{
	u32 high;

	if (apic_is_x2()) {
		send_x2(apic_id, low);
		return;
	}
	wait_accepted();
	high = apic_read(APIC_REG_ICR_HIGH);
	apic_write(APIC_REG_ICR_HIGH, apic_id << 24);
	apic_write(APIC_REG_ICR_LOW, low);
	wait_accepted();
	apic_write(APIC_REG_ICR_HIGH, high);
}

void apic_send_nmi(u32 apic_id)
{
	apic_send(apic_id, ICR_MODE_NMI << ICR_MODE_SHIFT | ICR_ASSERT);
}
