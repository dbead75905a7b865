/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control domain's access to its local APICs. In x2APIC mode only the ICR's MSR exits. In xAPIC mode the
 * register page is read-only in its nested table, because the ICR shares it with everything else: reads run
 * natively, writes arrive here.
 */
#include "cd/cd.h"
#include "cd/memory.h"
#include "cpu/apic.h"
#include "cpu/asm.h"
#include "cpu/msr.h"
#include "cpu/trap.h"
#include "lib/log.h"
#include "mem/identity.h"

#define BASE_ADDRESS 0x000ffffffffff000ULL

static u64 apic_page;

void cd_apic_init(void)
{
	apic_page = rdmsr(MSR_APIC_BASE) & BASE_ADDRESS;
	/* Protected in x2APIC mode too: the control domain may go back to xAPIC mode. */
	if (identity_protect_page(apic_page))
		panic("cannot protect the local APIC's page %lx", apic_page);
}

bool cd_is_apic(u64 pa)
{
	return (pa & PAGE_MASK) == apic_page && !apic_is_x2();
}

bool cd_write_apic_base(struct cpu *cpu, u64 value)
{
	(void)cpu;
	/* Only the mode may change: at another address the registers would be unprotected. */
	if ((value & BASE_ADDRESS) != apic_page)
		return false;
	return wrmsr_safe(MSR_APIC_BASE, value);
}

u32 cd_apic_read(u32 reg)
{
	return apic_read(reg & ~0xfu);
}

void cd_apic_write(struct cpu *cpu, u32 reg, u32 value)
{
	if (reg == APIC_REG_ICR_LOW)
		cd_send_ipi(cpu, apic_read(APIC_REG_ICR_HIGH) >> 24, value, false);
	else
		apic_write(reg, value);
}
