/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The instruction that a guest has just exited at, for exits that do not tell enough of it: SVM has decode
 * assists for some of them on some processors only.
 */
#include "guest/vcpu.h"

int vcpu_decode(struct vcpu *vcpu, const struct insn_ctx *ctx, struct insn *ret_insn, u64 *ret_gpa)
{
	enum insn_mode mode = insn_mode_of(ctx);
	u32 access = INSN_ACCESS_FETCH | (ctx->cpl == 3 ? INSN_ACCESS_USER : 0);
	struct insn_fault fault;
	struct nxt_segment cs;
	u8 bytes[INSN_MAX_LEN];
	u64 linear;
	int rc;

	vcpu_insn_ops.segment(vcpu, INSN_CS, &cs);
	linear = (mode == INSN_MODE_64 ? 0 : cs.base) + ctx->regs->rip;
	for (u32 n = 0; n < INSN_MAX_LEN; n++) {
		rc = vcpu_insn_ops.translate(vcpu, linear + n, access, ret_gpa, &fault);
		if (rc == INSN_MEM_OK)
			rc = vcpu_insn_ops.ram(vcpu, *ret_gpa, &bytes[n], 1, false);
		if (rc != INSN_MEM_OK)
			return rc;
		rc = insn_decode(ret_insn, bytes, n + 1, mode);
		if (rc != -NXT_EAGAIN)
			return rc ? INSN_MEM_FAULT : INSN_MEM_OK;
	}
	return INSN_MEM_FAULT;
}
