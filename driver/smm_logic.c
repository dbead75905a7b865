// SPDX-License-Identifier: GPL-2.0-only
#include <linux/string.h>

#include "smm_logic.h"

#define CR0_PE (1ull << 0)
#define CR0_EM (1ull << 2)
#define CR0_TS (1ull << 3)
#define CR0_PG (1ull << 31)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define RFLAGS_FIXED 2
#define DR7_FIXED 0x400

#define SEG_PRESENT (1u << 7)
#define SEG_ATTR 0xf0ff
#define SEG_DATA 0x8093 /* present, writable and accessed data; limit in pages */

#define HANDLER_RIP 0x8000
#define REVISION 0x20064 /* SMBASE can be relocated; the 64-bit layout */

_Static_assert(sizeof(struct smm_area) == 0x200, "APM vol. 2, table 10-1");
_Static_assert(SMM_AREA + offsetof(struct smm_area, efer) == 0xfed0, "APM vol. 2, table 10-1");
_Static_assert(SMM_AREA + offsetof(struct smm_area, revision) == 0xfefc, "APM vol. 2, table 10-1");
_Static_assert(SMM_AREA + offsetof(struct smm_area, cr4) == 0xff48, "APM vol. 2, table 10-1");
_Static_assert(SMM_AREA + offsetof(struct smm_area, rax) == 0xfff8, "APM vol. 2, table 10-1");

/* What has the same name in the area as in the ABI. */
/* clang-format off */
#define FOR_EACH_REG(X) \
	X(rax) X(rbx) X(rcx) X(rdx) X(rsi) X(rdi) X(rsp) X(rbp) X(r8) X(r9) \
	X(r10) X(r11) X(r12) X(r13) X(r14) X(r15) X(rip) X(rflags)
#define FOR_EACH_CONTROL(X) X(cr0) X(cr3) X(cr4) X(efer)
/* clang-format on */

static void save_segment(struct smm_segment *to, const struct nxt_segment *from)
{
	to->selector = from->selector;
	to->attr = from->attr & SEG_ATTR;
	to->limit = from->limit;
	to->base = from->base;
}

static void restore_segment(struct nxt_segment *to, const struct smm_segment *from)
{
	*to = (struct nxt_segment){
		.base = from->base,
		.limit = from->limit,
		.attr = (from->attr & SEG_ATTR) | (from->attr & SEG_PRESENT ? 0 : NXT_SEG_UNUSABLE),
		.selector = from->selector,
	};
}

void smm_save(struct smm_area *area, const struct smm_cpu *cpu)
{
	const struct nxt_sregs *sregs = &cpu->sregs;

	memset(area, 0, sizeof(*area));
	save_segment(&area->es, &sregs->es);
	save_segment(&area->cs, &sregs->cs);
	save_segment(&area->ss, &sregs->ss);
	save_segment(&area->ds, &sregs->ds);
	save_segment(&area->fs, &sregs->fs);
	save_segment(&area->gs, &sregs->gs);
	save_segment(&area->ldtr, &sregs->ldt);
	save_segment(&area->tr, &sregs->tr);
	area->gdtr = (struct smm_segment){.limit = sregs->gdt.limit, .base = sregs->gdt.base};
	area->idtr = (struct smm_segment){.limit = sregs->idt.limit, .base = sregs->idt.base};
	area->revision = REVISION;
	area->smbase = cpu->smbase;
	area->dr6 = cpu->debugregs.dr6;
	area->dr7 = cpu->debugregs.dr7;
#define SAVE(reg) area->reg = cpu->regs.reg;
	FOR_EACH_REG(SAVE)
#undef SAVE
#define SAVE(reg) area->reg = sregs->reg;
	FOR_EACH_CONTROL(SAVE)
#undef SAVE
}

/* APM vol. 2, 10.3.2. General registers keep their values; those that are loaded by descriptor, too. */
void smm_enter(struct smm_cpu *cpu)
{
	const struct nxt_segment data = {.limit = 0xffffffff, .attr = SEG_DATA};
	struct nxt_sregs *sregs = &cpu->sregs;

	cpu->regs.rip = HANDLER_RIP;
	cpu->regs.rflags = RFLAGS_FIXED;
	cpu->debugregs.dr7 = DR7_FIXED;
	sregs->cs = sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->cs.selector = cpu->smbase >> 4;
	sregs->cs.base = cpu->smbase;
	sregs->idt = (struct nxt_dtable){0}; /* no exception before the handler has set it up */
	sregs->cr0 &= ~(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
	sregs->cr4 = 0;
	sregs->efer = 0;
}

void smm_restore(struct smm_cpu *cpu, const struct smm_area *area)
{
	struct nxt_sregs *sregs = &cpu->sregs;

	restore_segment(&sregs->es, &area->es);
	restore_segment(&sregs->cs, &area->cs);
	restore_segment(&sregs->ss, &area->ss);
	restore_segment(&sregs->ds, &area->ds);
	restore_segment(&sregs->fs, &area->fs);
	restore_segment(&sregs->gs, &area->gs);
	restore_segment(&sregs->ldt, &area->ldtr);
	restore_segment(&sregs->tr, &area->tr);
	sregs->gdt = (struct nxt_dtable){.limit = area->gdtr.limit, .base = area->gdtr.base};
	sregs->idt = (struct nxt_dtable){.limit = area->idtr.limit, .base = area->idtr.base};
	cpu->smbase = area->smbase;
	cpu->debugregs.dr6 = area->dr6;
	cpu->debugregs.dr7 = area->dr7;
#define RESTORE(reg) cpu->regs.reg = area->reg;
	FOR_EACH_REG(RESTORE)
#undef RESTORE
#define RESTORE(reg) sregs->reg = area->reg;
	FOR_EACH_CONTROL(RESTORE)
#undef RESTORE
	/* It follows from the others, whatever was written there. */
	sregs->efer &= ~EFER_LMA;
	if ((sregs->efer & EFER_LME) && (sregs->cr0 & CR0_PG))
		sregs->efer |= EFER_LMA;
}
