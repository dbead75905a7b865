/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A processor's state after INIT (Intel SDM vol. 3, table 10-1), for the control domain's CPUs and for vCPUs.
 */
#ifndef ENGINE_CPU_INIT_STATE_H
#define ENGINE_CPU_INIT_STATE_H

#include "abi/hypercall.h"
#include "cpu/bits.h"
#include "lib/types.h"

#define INIT_DR6 0xffff0ff0
#define DR6_BS (1u << 14) /* a single step */
#define DR6_B0_3 0xfu	  /* breakpoints 0 to 3 */
#define INIT_DR7 0x400

/* Real mode, with CS as SIPI (vector << 8, vector << 12) or power-on (0xf000, 0xffff0000) sets it. */
static inline struct nxt_sregs init_sregs(u16 cs_selector, u64 cs_base)
{
	struct nxt_segment data = {.limit = 0xffff, .attr = 0x93};

	return (struct nxt_sregs){
		.cs = {.selector = cs_selector, .base = cs_base, .limit = 0xffff, .attr = 0x9b},
		.ds = data,
		.es = data,
		.fs = data,
		.gs = data,
		.ss = data,
		.tr = {.limit = 0xffff, .attr = 0x8b},
		.ldt = {.limit = 0xffff, .attr = 0x82},
		.gdt = {.limit = 0xffff},
		.idt = {.limit = 0xffff},
		.cr0 = CR0_CD | CR0_NW | CR0_ET,
	};
}

/* signature: CPUID 1 EAX, which RDX holds. */
static inline struct nxt_regs init_regs(u64 rip, u32 signature)
{
	return (struct nxt_regs){.rip = rip, .rflags = RFLAGS_FIXED, .rdx = signature};
}

#endif
