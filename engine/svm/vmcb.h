/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The virtual machine control block (AMD APM vol. 2, appendix B). */
#ifndef ENGINE_SVM_VMCB_H
#define ENGINE_SVM_VMCB_H

#include "lib/types.h"

struct vmcb_segment {
	u16 selector;
	u16 attr; /* 3:0 type, 4 S, 6:5 DPL, 7 P, 8 AVL, 9 L, 10 D/B, 11 G */
	u32 limit;
	u64 base;
};

struct vmcb {
	/* Control area. */
	u32 intercept_cr; /* 15:0 reads, 31:16 writes */
	u32 intercept_dr;
	u32 intercept_exceptions;
	u32 intercept1; /* INTERCEPT1_* */
	u32 intercept2; /* INTERCEPT2_* */
	u32 intercept3;
	u8 reserved1[0x03c - 0x018];
	u16 pause_threshold;
	u16 pause_count;
	u64 iopm_pa;
	u64 msrpm_pa;
	u64 tsc_offset;
	u32 asid;
	u32 tlb_control;
	u64 int_ctl; /* INT_CTL_*; in the high half: V_INTR_VECTOR */
	u64 int_state;
	u64 exit_code;
	u64 exit_info1;
	u64 exit_info2;
	u64 exit_int_info;
	u64 nested_ctl;
	u8 reserved2[0x0a8 - 0x098];
	u64 event_inj;
	u64 nested_cr3;
	u64 virt_ext;
	u32 clean;
	u32 reserved3;
	u64 next_rip;
	u8 insn_len; /* bytes fetched, with decode assists */
	u8 insn_bytes[15];
	u8 reserved4[0x400 - 0x0e0];

	/* State save area. */
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved5[0x4cb - 0x4a0];
	u8 cpl;
	u32 reserved6;
	u64 efer;
	u8 reserved7[0x548 - 0x4d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved8[0x5d8 - 0x580];
	u64 rsp;
	u8 reserved9[0x5f8 - 0x5e0];
	u64 rax, star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	u8 reserved10[0x668 - 0x648];
	u64 g_pat, dbgctl, br_from, br_to, lastexcp_from, lastexcp_to;
	u8 reserved11[0x1000 - 0x698];
};

_Static_assert(sizeof(struct vmcb) == 4096, "a VMCB is one page");
_Static_assert(offsetof(struct vmcb, int_ctl) == 0x060, "control area");
_Static_assert(offsetof(struct vmcb, next_rip) == 0x0c8, "control area");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "save area");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "save area");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "save area");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "save area");
_Static_assert(offsetof(struct vmcb, g_pat) == 0x668, "save area");

#define INTERCEPT_CR8_WRITE BIT(24)

#define INTERCEPT1_INTR BIT(0)
#define INTERCEPT1_NMI BIT(1)
#define INTERCEPT1_VINTR BIT(4)
#define INTERCEPT1_RDPMC BIT(15)
#define INTERCEPT1_CPUID BIT(18)
#define INTERCEPT1_RSM BIT(19)
#define INTERCEPT1_IRET BIT(20)
#define INTERCEPT1_INVD BIT(22)
#define INTERCEPT1_HLT BIT(24)
#define INTERCEPT1_INVLPGA BIT(26)
#define INTERCEPT1_IOIO BIT(27)
#define INTERCEPT1_MSR BIT(28)
#define INTERCEPT1_TASK_SWITCH BIT(29)
#define INTERCEPT1_SHUTDOWN BIT(31)
#define INTERCEPT2_VMRUN BIT(0)
#define INTERCEPT2_VMMCALL BIT(1)
#define INTERCEPT2_VMLOAD BIT(2)
#define INTERCEPT2_VMSAVE BIT(3)
#define INTERCEPT2_STGI BIT(4)
#define INTERCEPT2_CLGI BIT(5)
#define INTERCEPT2_SKINIT BIT(6)
#define INTERCEPT2_WBINVD BIT(9)
#define INTERCEPT2_MONITOR BIT(10)
#define INTERCEPT2_MWAIT BIT(11)
#define INTERCEPT2_XSETBV BIT(13)
#define INTERCEPT2_RDPRU BIT(14)

#define INT_CTL_TPR 0xffULL /* V_TPR: CR8 in 3:0 */
#define INT_CTL_IRQ BIT(8)
#define INT_CTL_PRIO_SHIFT 16
#define INT_CTL_PRIO (0xfULL << INT_CTL_PRIO_SHIFT)
#define INT_CTL_IGN_TPR BIT(20)
#define INT_CTL_INTR_MASKING BIT(24)
#define INT_CTL_VECTOR_SHIFT 32
#define INT_CTL_VECTOR (0xffULL << INT_CTL_VECTOR_SHIFT)

#define INT_STATE_SHADOW BIT(0)
#define NESTED_CTL_ENABLE BIT(0)

#define TLB_CONTROL_NONE 0
#define TLB_CONTROL_FLUSH_ALL 1

/* EVENTINJ and EXITINTINFO: 7:0 vector, 10:8 type, 11 error code valid, 31 valid, 63:32 error code. */
#define EVENT_TYPE_SHIFT 8
#define EVENT_TYPE_INTR 0
#define EVENT_TYPE_NMI 2
#define EVENT_TYPE_EXCEPTION 3
#define EVENT_TYPE_SOFT 4
#define EVENT_TYPE (7ULL << EVENT_TYPE_SHIFT)
#define EVENT_VECTOR 0xffULL
#define EVENT_HAS_ERROR BIT(11)
#define EVENT_VALID BIT(31)

/* Exit codes. */
#define VMEXIT_CR8_WRITE 0x018
#define VMEXIT_DR_FIRST 0x020
#define VMEXIT_DR_LAST 0x03f
#define VMEXIT_EXCEPTION_FIRST 0x040
#define VMEXIT_EXCEPTION_LAST 0x05f
#define VMEXIT_INTR 0x060
#define VMEXIT_NMI 0x061
#define VMEXIT_VINTR 0x064
#define VMEXIT_RDPMC 0x06f
#define VMEXIT_CPUID 0x072
#define VMEXIT_RSM 0x073
#define VMEXIT_IRET 0x074
#define VMEXIT_INVD 0x076
#define VMEXIT_PAUSE 0x077
#define VMEXIT_HLT 0x078
#define VMEXIT_INVLPGA 0x07a
#define VMEXIT_IOIO 0x07b
#define VMEXIT_MSR 0x07c
#define VMEXIT_TASK_SWITCH 0x07d
#define VMEXIT_SHUTDOWN 0x07f
#define VMEXIT_VMRUN 0x080
#define VMEXIT_VMMCALL 0x081
#define VMEXIT_VMLOAD 0x082
#define VMEXIT_VMSAVE 0x083
#define VMEXIT_STGI 0x084
#define VMEXIT_CLGI 0x085
#define VMEXIT_SKINIT 0x086
#define VMEXIT_WBINVD 0x089
#define VMEXIT_MONITOR 0x08a
#define VMEXIT_MWAIT 0x08b
#define VMEXIT_XSETBV 0x08d
#define VMEXIT_RDPRU 0x08e
#define VMEXIT_NPF 0x400
#define VMEXIT_INVALID ((u64)-1)

/* EXITINFO1 of a nested page fault. */
#define NPF_PRESENT BIT(0)
#define NPF_WRITE BIT(1)
#define NPF_FETCH BIT(4)
#define NPF_WALK BIT(33)

/* EXITINFO1 of an I/O exit. */
#define IOIO_IN BIT(0)
#define IOIO_STRING BIT(2)
#define IOIO_REP BIT(3)
#define IOIO_SIZE_SHIFT 4

#endif
