/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The contract between Engine and a processor vendor's virtualization: all that Engine asks of AMD's SVM, and
 * will ask of Intel's VMX. Nothing of a vendor's shows above this line: exits arrive as struct exit,
 * registers as the ABI's structs.
 *
 * A back end is one constant struct vendor_ops; the first whose `probe` says yes is used. probe to cpu_init
 * run while booting, on the first CPU, with virtualization off. All others run with GIF clear (or its equal:
 * VMX root mode with interrupts and NMIs held off). Functions on the control domain's context run on its CPU.
 * Those on a vCPU run on any CPU, loaded or not, also before its first load; callers let one CPU at a time
 * have a vCPU. While a vCPU is loaded, functions on this CPU's control domain context work too.
 *
 * docs/porting.md says what lies above this line and does not fit VMX yet.
 */
#ifndef ENGINE_VENDOR_H
#define ENGINE_VENDOR_H

#include "cpu/cpu.h"
#include "cpu/exit.h"
#include "mem/npt.h"

/*
 * Events that enter a context with its next run. EVENT_SOFT: INT n, whose length is not known here: RIP is
 * pushed as it is.
 */
enum event_type { EVENT_NONE, EVENT_INTR, EVENT_NMI, EVENT_EXCEPTION, EVENT_SOFT };

struct event {
	enum event_type type;
	u8 vector;
	bool has_error;
	u32 error;
};

/* What a context's memory accesses go through: enough to walk its page tables. */
struct paging_state {
	u64 cr0, cr3, cr4, efer, rflags;
	u8 cpl;
};

struct vendor_ops {
	const char *name;
	const struct npt_format *npt;
	u8 hypercall; /* ModRM of the guest's instruction for it, 0F 01 /r */

	/* Is this processor of that kind at all? */
	bool (*probe)(void);
	/* Why virtualization cannot be used here, in words for people; NULL: it can. */
	const char *(*unusable)(void);
	/*
	 * Once, before any cpu_enable: tables that all CPUs share. alloc gives zeroed physical pages,
	 * contiguous.
	 */
	void (*init)(u64 (*alloc)(u32 pages));

	/* For each CPU, on the one that boots, before its cpu_enable: its memory. alloc as above. */
	void (*cpu_init)(const struct cpu *cpu, u64 (*alloc)(u32 pages));
	/*
	 * Turns virtualization on for this CPU, and GIF off. Sets cpu->asid_next to 2 and cpu->asid_count to
	 * the number of tags: guests get 2 to count - 1. Interrupts end a guest's run whatever the guest's
	 * IF; Engine itself never takes one.
	 */
	void (*cpu_enable)(struct cpu *cpu);

	/*
	 * Fills the control block of the control domain on this CPU; its registers follow by set_sregs. It
	 * exits for NMI (always), CPUID, INVD, a triple fault, the hypercall, the vendor's own instructions
	 * and nested faults; for writes of APIC_BASE and of the x2APIC's ICR, for EFER if the vendor keeps
	 * bits of its own there, and for MSRs that could turn virtualization off or open SMM's memory. For
	 * nothing else: not for interrupts, I/O, HLT, exceptions, control and debug registers. cd/cd.c
	 * panics if it does.
	 */
	void (*cd_init)(struct context *ctx);
	/*
	 * An MSR of the back end's own, as the control domain sees it. False: it sees none there. Writes
	 * never change one.
	 */
	bool (*cd_read_msr)(u32 index, u64 *value);
	/*
	 * Fills the control block of a vCPU; its asid, npt_root and registers follow. It exits for INTR, NMI,
	 * CPUID, HLT, RDPMC, RSM, INVD, WBINVD, XSETBV, MONITOR, MWAIT, all I/O, MSRs but those of get_msr,
	 * debug registers, task switches, triple faults, hypercalls, and #DB, #AC and #MC. Not for PAUSE,
	 * INVLPG, RDTSC, CR0, CR3 or CR4. PAT is 0x0007040600070406 afterwards; other MSRs, shadow, window
	 * and TSC offset are 0; IRET does not exit.
	 */
	void (*vcpu_init)(struct context *ctx);

	/*
	 * Runs the context until it exits. FS, GS, TR, LDTR, KERNEL_GS_BASE, STAR, LSTAR, CSTAR, SFMASK and
	 * SYSENTER_* are in the CPU while a context is loaded: the control domain's is, unless load has
	 * exchanged them for a vCPU's. When unload returns, no CPU holds anything of the vCPU: it may be
	 * loaded elsewhere next, or its pages be freed without a further call.
	 *
	 * What exits only because this vendor's processor has it so, run carries out itself, and enters
	 * again.
	 */
	void (*run)(struct context *ctx, struct exit *exit);
	void (*load)(struct context *cd, struct context *vcpu);
	void (*unload)(struct context *cd, struct context *vcpu);
	/*
	 * What load exchanges goes from the context's control block into the CPU. While it is loaded,
	 * get_sregs, get_segment and get_msr of these registers are stale until cd_save, and what set_sregs
	 * or set_msr wrote counts only after cd_load, and is lost without it. To change some: cd_save, set,
	 * cd_load.
	 */
	void (*cd_load)(struct context *cd);
	/* And the other way, to look at them. Both for a loaded vCPU as well. */
	void (*cd_save)(struct context *cd);
	/*
	 * The physical NMI that is pending now is swallowed. EXIT_NMI does not take it: until this is called,
	 * each run of any context on this CPU ends with EXIT_NMI at once, also the control domain's after a
	 * guest's. An NMI that comes while Engine executes counts as pending, up to the instruction that
	 * enters. Swallowing calls kick_took_nmi() (by the handler in cpu/trap.c, or itself): with nmi_on_way
	 * left set, no kick would be sent again.
	 */
	void (*consume_nmi)(void);
	/* Lets the CPU sleep until an NMI, or for no reason less long, unless *flag is not 0 already. */
	void (*wait_for_nmi)(const u32 *flag);
	/* The HLT in it. The NMI handler steps over it, lest the CPU sleep through an NMI just before. */
	const char *sleep_hlt;

	/*
	 * An NMI is injected into the control domain, which exits with EXIT_IRET when it is done with it;
	 * that exit is turned off again by catch.
	 */
	void (*cd_pass_nmi)(struct context *ctx);
	void (*cd_catch_nmi)(struct context *ctx);

	/*
	 * State. CR0, CR4 and EFER are as the guest wrote them. set_sregs returns false, and changes nothing,
	 * if the processor would refuse them together; RFLAGS is set apart, before or after, so what depends
	 * on it is EXIT_INVALID at the run. It asks for a flush where needed. apic_base, flags and pdptr are
	 * not looked at, nor filled by get_sregs: callers have the first from the local APIC.
	 */
	void (*get_sregs)(struct context *ctx, struct nxt_sregs *sregs);
	bool (*set_sregs)(struct context *ctx, const struct nxt_sregs *sregs);
	void (*get_paging)(const struct context *ctx, struct paging_state *paging);
	/* One of sregs' segments: 0 ES, 1 CS, 2 SS, 3 DS, 4 FS, 5 GS. */
	void (*get_segment)(const struct context *ctx, u32 segment, struct nxt_segment *out);
	/*
	 * STAR, LSTAR, CSTAR, SFMASK, KERNEL_GS_BASE, FS_BASE, GS_BASE, SYSENTER_*, EFER and PAT. False:
	 * another one, or a value of EFER that the processor lacks. Callers have checked that addresses are
	 * canonical and PAT's types valid, and set LMA.
	 */
	bool (*get_msr)(struct context *ctx, u32 index, u64 *value);
	bool (*set_msr)(struct context *ctx, u32 index, u64 value);
	/* 6 and 7: the context's own; each run exchanges both. Callers keep the bits that are fixed right. */
	u64 (*get_dr)(const struct context *ctx, u32 n);
	void (*set_dr)(struct context *ctx, u32 n, u64 value);
	/* Exit for all MSRs, or for all but those of get_msr, of which EFER and PAT exit even then. */
	void (*intercept_msrs)(struct context *ctx, bool all);
	void (*set_cr2)(struct context *ctx, u64 value);
	void (*intercept_dr)(struct context *ctx, bool on);
	/* Those that exit beside #DB, #AC and #MC, which always do. Bit n: vector n. Replaces the last. */
	void (*intercept_exceptions)(struct context *ctx, u32 mask);

	/*
	 * Events. inject: the next run delivers it, and forgets it; one at a time, the last call counts.
	 * pending, once after each run: takes the event whose delivery the exit broke off. False, with
	 * *ret_event as it was: none, or one that comes again by itself, as RIP still is at INT n, INT3, INTO
	 * or INT1.
	 */
	void (*inject)(struct context *ctx, const struct event *event);
	bool (*pending)(struct context *ctx, struct event *ret_event);
	bool (*irq_open)(const struct context *ctx);  /* IF set, no shadow, nothing being injected */
	u32 (*get_shadow)(const struct context *ctx); /* 1: STI or MOV SS shadow */
	void (*set_shadow)(struct context *ctx, bool on);
	/*
	 * Exit with IRQ_WINDOW as soon as IF is set, there is no shadow, and CR8 < priority (vector >> 4; 16:
	 * whatever CR8 is; NMIs and SMIs that wait use it). While CR8 >= priority only the guest's write of
	 * CR8 may exit: before it as CR8, or after it as IRQ_WINDOW. An exit at entry would come again for
	 * ever. 0: no exits. Holds until the next call.
	 */
	void (*want_window)(struct context *ctx, u32 priority);
	/* On at first. Off: the CPU sleeps in the guest until an exit, which leaves RIP behind HLT. */
	void (*intercept_hlt)(struct context *ctx, bool on);
	/*
	 * On: the guest's NMIs are masked, and it exits with IRET when it is about to end that. Holds until
	 * turned off. It may be on, in either order, when an NMI is injected, which must enter all the same.
	 */
	void (*intercept_iret)(struct context *ctx, bool on);
	/* CR8: set before each run, read after it, both while the vCPU is loaded. */
	u8 (*get_tpr)(const struct context *ctx);
	void (*set_tpr)(struct context *ctx, u8 cr8);
	void (*set_tsc_offset)(struct context *ctx, u64 offset);
};

/* The back end in use; set once at boot. */
extern const struct vendor_ops *vendor;
extern const struct vendor_ops svm_ops;

#endif
