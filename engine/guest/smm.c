/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System management mode (AMD APM vol. 2, chapter 10). Engine has what must be right at once: when an SMI is
 * taken, which address space the vCPU sees, and what waits meanwhile. Saving and loading its registers is the
 * control domain's, between the exit and the next run. See docs/decisions/0013.
 */
#include "guest/vcpu.h"

#define OPCODE_RSM 0xaa

void vcpu_set_smm(struct vcpu *vcpu, bool on)
{
	vcpu->smm = on;
	WRITE_ONCE(vcpu->run->smm, on);
	vcpu->ctx.npt_root = vcpu->vm->npt[on].root;
	vcpu->cpu = ~0u; /* what its TLB tag stands for was the other space */
	vcpu->unbacked = ~0ULL;
	vcpu_intercept_exceptions(vcpu);
}

s64 vcpu_enter_smm(struct vcpu *vcpu)
{
	vcpu_take_events(vcpu, LAPIC_EVENT_SMI);
	vcpu->msrs.smi_count++;
	/* The handler's IRET ends that, as always (APM vol. 2, 10.3.3). */
	vcpu->smm_in_nmi = vcpu->nmi_masked;
	vcpu->nmi_masked = true;
	vendor->intercept_iret(&vcpu->ctx, true);
	vcpu_set_smm(vcpu, true);
	return NXT_EXIT_SMI;
}

s64 vcpu_rsm(struct vcpu *vcpu)
{
	if (!vcpu->smm) {
		vcpu_raise(vcpu, VECTOR_UD, false, 0);
		return CONTINUE;
	}
	if (!vcpu->smm_in_nmi) {
		vcpu->nmi_masked = false;
		vendor->intercept_iret(&vcpu->ctx, false);
	}
	vendor->set_shadow(&vcpu->ctx, false); /* of the instruction before RSM */
	vcpu_set_smm(vcpu, false);
	return NXT_EXIT_RSM;
}

bool vcpu_is_rsm(const struct insn *insn)
{
	return insn->encoding == INSN_LEGACY && insn->map == INSN_MAP_0F && insn->opcode == OPCODE_RSM;
}
