/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A physical CPU, and the part of a virtual CPU that the world switch handles.
 *
 * Engine runs with the global interrupt flag clear from the moment a CPU enables virtualization: no
 * interrupt, no NMI, no preemption. What another CPU wants of this one is a flag in struct cpu plus, if it
 * executes the control domain, an NMI to make it look (cpu/kick.h).
 */
#ifndef ENGINE_CPU_CPU_H
#define ENGINE_CPU_CPU_H

#include "abi/hypercall.h"
#include "cpu/exit.h"
#include "insn/emulate.h"
#include "lib/layout.h"
#include "lib/types.h"

#define CPUS_MAX 256

/*
 * A context that hardware can run: the control domain on one CPU, or a guest's vCPU. The back end keeps regs
 * in step with the hardware's own copy: above it, regs is always what the guest has.
 */
struct context {
	struct nxt_regs regs;
	void *hw; /* the back end's control block, one page */
	u64 hw_pa;
	u64 npt_root; /* physical address of the nested page table's root */
	/*
	 * Tag of its TLB entries. Given anew when the CPU, npt_root, or what is mapped has changed: at the
	 * first run with another tag or on another CPU nothing cached from npt_root may be used.
	 */
	u32 asid;
	bool flush; /* the next run drops the entries of all tags on this CPU, and clears this */
	bool guest; /* a vCPU; otherwise the control domain */
};

struct vcpu;

struct cpu {
	struct context cd; /* the control domain on this CPU */
	u32 index;
	u32 apic_id;
	void *fpu;     /* page for the control domain's FPU state while a guest runs */
	u32 asid_next; /* for guests; 0 and 1 are the host's and the control domain's */
	u32 asid_count;
	u32 asid_epoch;	   /* counts the times that all tags were given out again */
	bool flush_guests; /* that has happened, and their entries are still to be dropped */

	/* The control domain's, while a guest has the CPU; see guest/fpu.c. */
	u64 cd_xcr0, cd_tsc_aux, cd_xss, cd_spec_ctrl, cd_db[4];

	/* What others ask of this CPU; see cpu/kick.h. */
	u32 online;
	u32 in_cd;	  /* it executes the control domain, or is about to */
	u32 asleep;	  /* it waits for SIPI, and for the NMI that says so */
	u32 nmi_on_way;	  /* Engine sent an NMI that was not taken yet; any other is the control domain's */
	u32 flush_cd;	  /* nested table of the control domain changed: flush its TLB */
	u32 init_pending; /* the control domain sent INIT to this CPU */
	u32 sipi;	  /* 0: none; else 0x100 | vector */
	bool nmi_blocked; /* the control domain handles an NMI */
	bool nmi_waits;	  /* ... and another one came meanwhile */
	bool waits_for_sipi;
	struct insn_emul
		emul; /* an instruction of the control domain that Engine carries out; within one exit */

	u64 exits[EXIT_SOURCES][EXIT_KINDS];
};

_Static_assert(sizeof(struct cpu) < CPU_BLOCK_SIZE / 2, "half of the block is stack");

#if __STDC_HOSTED__

/* The CPU that a test plays; the test has it. */
struct cpu *this_cpu(void);

#else

/* This CPU: the stack lies in its block. Not while booting, on boot's own stack. */
static inline struct cpu *this_cpu(void)
{
	u64 sp;

	__asm__("mov %%rsp, %0" : "=r"(sp));
	return (struct cpu *)(sp & ~(u64)(CPU_BLOCK_SIZE - 1));
}

#endif

/* All CPUs that Engine has, by index; filled at boot, constant afterwards. */
extern struct cpu *cpus[CPUS_MAX];
extern u32 cpu_count;

#endif
