/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The registers of a CPU on its way into and out of system management mode (AMD APM vol. 2, chapter 10): the
 * logic alone. Compiles in user space too, for its test.
 *
 * The save area always has the layout of processors with long mode, also if the guest's CPUID does not offer
 * that. Auto-halt restart and I/O instruction restart are not there, as with KVM: their fields are zero.
 */
#ifndef NXTOP_SMM_LOGIC_H
#define NXTOP_SMM_LOGIC_H

#include <linux/types.h>

#include "../abi/hypercall.h"

#define SMM_AREA 0xfe00 /* the save area, less SMBASE */

struct smm_segment {
	u16 selector;
	u16 attr; /* as struct nxt_segment has it, less NXT_SEG_UNUSABLE */
	u32 limit;
	u64 base;
};

/* Table 10-1. */
struct smm_area {
	struct smm_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 restart[0x2a];
	u8 reserved1[6];
	u64 efer;
	u8 svm[0x24];
	u32 revision;
	u32 smbase;
	u8 reserved2[0x44];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rsp, rbx, rdx, rcx, rax;
};

/* What of a CPU is saved, and what stays. */
struct smm_cpu {
	struct nxt_regs regs;
	struct nxt_sregs sregs;
	struct nxt_debugregs debugregs;
	u32 smbase;
};

void smm_save(struct smm_area *area, const struct smm_cpu *cpu);
/* The state that the handler starts with. */
void smm_enter(struct smm_cpu *cpu);
/* RSM. What is no state of a CPU is Engine's to refuse, where that looks. */
void smm_restore(struct smm_cpu *cpu, const struct smm_area *area);

#endif
