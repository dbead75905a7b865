/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUID in the control domain: the hardware's, without SVM and VMX, and with Engine's own leaves. */
#include "abi/hypercall.h"
#include "cd/cd.h"
#include "cpu/asm.h"
#include "cpu/msr.h"
#include "vendor.h"

void cd_cpuid(struct cpu *cpu)
{
	struct nxt_regs *regs = &cpu->cd.regs;
	u32 leaf = (u32)regs->rax;
	struct cpuid_regs r = cpuid(leaf, (u32)regs->rcx);
	struct paging_state paging;

	switch (leaf) {
	case 1:
		/* OSXSAVE mirrors CR4 of whoever asks: here Engine asked. */
		vendor->get_paging(&cpu->cd, &paging);
		r.ecx &= (u32) ~(BIT(27) | BIT(5) | BIT(6)); /* OSXSAVE, VMX, SMX */
		if (paging.cr4 & CR4_OSXSAVE)
			r.ecx |= (u32)BIT(27);
		break;
	case 7:
		/* OSPKE likewise. */
		if ((u32)regs->rcx == 0) {
			vendor->get_paging(&cpu->cd, &paging);
			r.ecx &= (u32)~BIT(4);
			if (paging.cr4 & BIT(22))
				r.ecx |= (u32)BIT(4);
		}
		break;
	case 0x80000001:
		r.ecx &= (u32) ~(BIT(2) | BIT(12)); /* SVM, SKINIT */
		break;
	case 0x8000000a:
		r = (struct cpuid_regs){0};
		break;
	case NXT_CPUID_BASE:
		r = (struct cpuid_regs){NXT_CPUID_BASE + 1, NXT_CPUID_EBX, NXT_CPUID_ECX, NXT_CPUID_EDX};
		break;
	case NXT_CPUID_BASE + 1:
		r = (struct cpuid_regs){.eax = NXT_ABI_VERSION};
		break;
	}
	regs->rax = r.eax;
	regs->rbx = r.ebx;
	regs->rcx = r.ecx;
	regs->rdx = r.edx;
}
