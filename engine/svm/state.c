/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A context's registers, between the VMCB and the ABI's structs. */
#include "svm/svm.h"
#include "cpu/msr.h"

static struct vmcb *vmcb_of(const struct context *ctx)
{
	return ctx->hw;
}

/* The VMCB packs the attributes' upper four bits next to the lower eight. */
static u32 attr_from_vmcb(const struct vmcb_segment *seg)
{
	return (u32)(seg->attr & 0xff) | (u32)(seg->attr & 0xf00) << 4 |
	       (seg->attr & BIT(7) ? 0 : NXT_SEG_UNUSABLE);
}

static u16 attr_to_vmcb(u32 attr)
{
	return attr & NXT_SEG_UNUSABLE ? 0 : (u16)((attr & 0xff) | (attr >> 4 & 0xf00));
}

static void get_segment(const struct vmcb_segment *from, struct nxt_segment *to)
{
	*to = (struct nxt_segment){
		.base = from->base,
		.limit = from->limit,
		.attr = attr_from_vmcb(from),
		.selector = from->selector,
	};
}

static void set_segment(struct vmcb_segment *to, const struct nxt_segment *from)
{
	to->base = from->base;
	to->limit = from->limit;
	to->attr = attr_to_vmcb(from->attr);
	to->selector = from->selector;
}

/* SVM keeps the DPL of SS apart. */
static u32 ss_attr(const struct vmcb *vmcb, u32 attr)
{
	return (attr & ~0x60u) | (u32)vmcb->cpl << 5;
}

void svm_get_sregs(struct context *ctx, struct nxt_sregs *s)
{
	const struct vmcb *vmcb = vmcb_of(ctx);

	get_segment(&vmcb->cs, &s->cs);
	get_segment(&vmcb->ds, &s->ds);
	get_segment(&vmcb->es, &s->es);
	get_segment(&vmcb->fs, &s->fs);
	get_segment(&vmcb->gs, &s->gs);
	get_segment(&vmcb->ss, &s->ss);
	get_segment(&vmcb->tr, &s->tr);
	get_segment(&vmcb->ldtr, &s->ldt);
	s->ss.attr = ss_attr(vmcb, s->ss.attr);
	/* Its busy bit is not kept reliably. */
	s->tr.attr |= 2;
	s->gdt = (struct nxt_dtable){.base = vmcb->gdtr.base, .limit = (u16)vmcb->gdtr.limit};
	s->idt = (struct nxt_dtable){.base = vmcb->idtr.base, .limit = (u16)vmcb->idtr.limit};
	s->cr0 = vmcb->cr0;
	s->cr2 = vmcb->cr2;
	s->cr3 = vmcb->cr3;
	s->cr4 = vmcb->cr4;
	s->cr8 = vmcb->int_ctl & 0xf;
	s->efer = vmcb->efer & ~EFER_SVME;
}

/*
 * What VMRUN would refuse (APM vol. 2, 15.5.1), or what would make the guest's mode a contradiction. An
 * inconsistent guest then is an error of the call, not an exit later.
 */
static bool sregs_valid(const struct nxt_sregs *s)
{
	if (s->cr0 >> 32 || (!(s->cr0 & CR0_CD) && (s->cr0 & CR0_NW)) || s->cr3 >> 52)
		return false;
	if ((s->cr0 & CR0_PG) && !(s->cr0 & CR0_PE))
		return false;
	if (s->efer & ~svm_tables.efer)
		return false;
	if ((s->efer & EFER_LME) && (s->cr0 & CR0_PG)) {
		if (!(s->cr4 & CR4_PAE) || !(s->efer & EFER_LMA))
			return false;
		/* CS.L and CS.D both set is a reserved combination. */
		if ((s->cs.attr & BIT(13)) && (s->cs.attr & BIT(14)))
			return false;
	} else if (s->efer & EFER_LMA) {
		return false;
	}
	return !(s->cr4 >> 32) && s->cr8 < 16;
}

bool svm_set_sregs(struct context *ctx, const struct nxt_sregs *s)
{
	struct vmcb *vmcb = vmcb_of(ctx);

	if (!sregs_valid(s))
		return false;
	set_segment(&vmcb->cs, &s->cs);
	set_segment(&vmcb->ds, &s->ds);
	set_segment(&vmcb->es, &s->es);
	set_segment(&vmcb->fs, &s->fs);
	set_segment(&vmcb->gs, &s->gs);
	set_segment(&vmcb->ss, &s->ss);
	set_segment(&vmcb->tr, &s->tr);
	set_segment(&vmcb->ldtr, &s->ldt);
	vmcb->cpl = (u8)(s->ss.attr >> 5 & 3);
	vmcb->gdtr.base = s->gdt.base;
	vmcb->gdtr.limit = s->gdt.limit;
	vmcb->idtr.base = s->idt.base;
	vmcb->idtr.limit = s->idt.limit;
	vmcb->cr0 = s->cr0 | CR0_ET;
	vmcb->cr2 = s->cr2;
	vmcb->cr3 = s->cr3;
	vmcb->cr4 = s->cr4;
	vmcb->efer = s->efer | EFER_SVME;
	svm_set_tpr(ctx, (u8)s->cr8);
	ctx->flush = true;
	return true;
}

void svm_get_paging(const struct context *ctx, struct paging_state *paging)
{
	const struct vmcb *vmcb = vmcb_of(ctx);

	*paging = (struct paging_state){
		.cr0 = vmcb->cr0,
		.cr3 = vmcb->cr3,
		.cr4 = vmcb->cr4,
		.efer = vmcb->efer & ~EFER_SVME,
		.rflags = ctx->regs.rflags,
		.cpl = vmcb->cpl,
	};
}

void svm_get_segment(const struct context *ctx, u32 segment, struct nxt_segment *out)
{
	const struct vmcb *vmcb = vmcb_of(ctx);
	const struct vmcb_segment *const order[] = {&vmcb->es, &vmcb->cs, &vmcb->ss,
						    &vmcb->ds, &vmcb->fs, &vmcb->gs};

	get_segment(order[segment], out);
	if (order[segment] == &vmcb->ss)
		out->attr = ss_attr(vmcb, out->attr);
}

static u64 *msr_field(const struct context *ctx, u32 index)
{
	struct vmcb *vmcb = vmcb_of(ctx);

	switch (index) {
	case MSR_STAR:
		return &vmcb->star;
	case MSR_LSTAR:
		return &vmcb->lstar;
	case MSR_CSTAR:
		return &vmcb->cstar;
	case MSR_SFMASK:
		return &vmcb->sfmask;
	case MSR_KERNEL_GS_BASE:
		return &vmcb->kernel_gs_base;
	case MSR_FS_BASE:
		return &vmcb->fs.base;
	case MSR_GS_BASE:
		return &vmcb->gs.base;
	case MSR_SYSENTER_CS:
		return &vmcb->sysenter_cs;
	case MSR_SYSENTER_ESP:
		return &vmcb->sysenter_esp;
	case MSR_SYSENTER_EIP:
		return &vmcb->sysenter_eip;
	case MSR_PAT:
		return &vmcb->g_pat;
	case MSR_EFER:
		return &vmcb->efer;
	default:
		return NULL;
	}
}

bool svm_get_msr(struct context *ctx, u32 index, u64 *value)
{
	const u64 *field = msr_field(ctx, index);

	if (!field)
		return false;
	*value = index == MSR_EFER ? *field & ~EFER_SVME : *field;
	return true;
}

bool svm_set_msr(struct context *ctx, u32 index, u64 value)
{
	u64 *field = msr_field(ctx, index);

	if (!field)
		return false;
	if (index == MSR_EFER) {
		if (value & ~svm_tables.efer)
			return false;
		/* Paging changes its meaning with these. */
		if ((*field ^ value) & (EFER_LME | EFER_NX))
			ctx->flush = true;
		value |= EFER_SVME;
	}
	*field = value;
	return true;
}

bool svm_cd_read_msr(u32 index, u64 *value)
{
	if (index != MSR_VM_CR)
		return false;
	/* What a processor says whose firmware locked SVM off. */
	*value = VM_CR_SVMDIS | VM_CR_LOCK;
	return true;
}

u64 svm_get_dr(const struct context *ctx, u32 n)
{
	return n == 6 ? vmcb_of(ctx)->dr6 : vmcb_of(ctx)->dr7;
}

void svm_set_dr(struct context *ctx, u32 n, u64 value)
{
	if (n == 6)
		vmcb_of(ctx)->dr6 = value;
	else
		vmcb_of(ctx)->dr7 = value;
}

void svm_set_cr2(struct context *ctx, u64 value)
{
	vmcb_of(ctx)->cr2 = value;
}

void svm_set_tsc_offset(struct context *ctx, u64 offset)
{
	vmcb_of(ctx)->tsc_offset = offset;
}
