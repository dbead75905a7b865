/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is intercepted of the control domain (little) and of a guest (all that it must not reach). */
#include "svm/svm.h"
#include "lib/string.h"

/*
 * SVM's own instructions: VMRUN must be intercepted (APM vol. 2, 15.5.1); none is there for anybody but
 * Engine.
 */
#define INTERCEPT2_SVM                                                                                       \
	(INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL | INTERCEPT2_VMLOAD | INTERCEPT2_VMSAVE | INTERCEPT2_STGI |   \
	 INTERCEPT2_CLGI | INTERCEPT2_SKINIT)

struct svm_tables svm_tables;

static void init_common(struct context *ctx)
{
	struct vmcb *vmcb = ctx->hw;

	memset(vmcb, 0, sizeof(*vmcb));
	vmcb->nested_ctl = NESTED_CTL_ENABLE;
	vmcb->g_pat = 0x0007040600070406;
	vmcb->efer = EFER_SVME;
	vmcb->iopm_pa = svm_tables.iopm;
}

void svm_cd_init(struct context *ctx)
{
	struct vmcb *vmcb = ctx->hw;

	init_common(ctx);
	/* INVD would throw away what is in the caches, of Engine's memory as well. */
	vmcb->intercept1 = (u32)(INTERCEPT1_NMI | INTERCEPT1_CPUID | INTERCEPT1_INVD | INTERCEPT1_INVLPGA |
				 INTERCEPT1_MSR | INTERCEPT1_SHUTDOWN);
	vmcb->intercept2 = (u32)INTERCEPT2_SVM;
	vmcb->msrpm_pa = svm_tables.cd_msrpm;
}

/*
 * #DB and #AC are intercepted because a guest can make them recur without end inside the processor, where
 * nothing else ends its run (CVE-2015-8104, CVE-2015-5307); #MC because it belongs to the physical machine.
 */
#define VCPU_EXCEPTIONS (BIT(1) | BIT(17) | BIT(18))

void svm_vcpu_init(struct context *ctx)
{
	struct vmcb *vmcb = ctx->hw;

	init_common(ctx);
	vmcb->intercept1 =
		(u32)(INTERCEPT1_INTR | INTERCEPT1_NMI | INTERCEPT1_RDPMC | INTERCEPT1_CPUID |
		      INTERCEPT1_RSM | INTERCEPT1_INVD | INTERCEPT1_HLT | INTERCEPT1_INVLPGA |
		      INTERCEPT1_IOIO | INTERCEPT1_MSR | INTERCEPT1_TASK_SWITCH | INTERCEPT1_SHUTDOWN);
	vmcb->intercept2 = (u32)(INTERCEPT2_SVM | INTERCEPT2_WBINVD | INTERCEPT2_MONITOR | INTERCEPT2_MWAIT |
				 INTERCEPT2_XSETBV | INTERCEPT2_RDPRU);
	vmcb->intercept_exceptions = VCPU_EXCEPTIONS;
	vmcb->intercept_dr = 0xffffffff;
	vmcb->msrpm_pa = svm_tables.vm_msrpm;
	vmcb->int_ctl = INT_CTL_INTR_MASKING;
}

void svm_intercept_exceptions(struct context *ctx, u32 mask)
{
	((struct vmcb *)ctx->hw)->intercept_exceptions = (u32)(VCPU_EXCEPTIONS | mask);
}
