/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The few MSRs that the control domain does not reach natively. */
#include "cd/cd.h"
#include "cpu/apic.h"
#include "cpu/asm.h"
#include "cpu/msr.h"
#include "cpu/trap.h"
#include "vendor.h"

/* EFER as the processor would take it (APM vol. 2, 3.1.7); LMA is not for software to set. */
static bool write_efer(struct cpu *cpu, u64 value)
{
	struct paging_state paging;

	vendor->get_paging(&cpu->cd, &paging);
	if ((paging.cr0 & CR0_PG) && ((value ^ paging.efer) & EFER_LME))
		return false;
	return vendor->set_msr(&cpu->cd, MSR_EFER, (value & ~EFER_LMA) | (paging.efer & EFER_LMA));
}

bool cd_read_msr(struct cpu *cpu, u32 index, u64 *value)
{
	if (index == MSR_EFER)
		return vendor->get_msr(&cpu->cd, index, value);
	return vendor->cd_read_msr(index, value);
}

bool cd_write_msr(struct cpu *cpu, u32 index, u64 value)
{
	switch (index) {
	case MSR_EFER:
		return write_efer(cpu, value);
	case MSR_APIC_BASE:
		return cd_write_apic_base(cpu, value);
	case MSR_X2APIC_ICR:
		if (!apic_is_x2())
			return false;
		cd_send_ipi(cpu, (u32)(value >> 32), (u32)value, true);
		return true;
	default: {
		u64 now;

		/* Locked. Writing what is there already is harmless, and firmware-minded drivers do it. */
		return rdmsr_safe(index, &now) && now == value;
	}
	}
}
