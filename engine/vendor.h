/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The contract between Engine and a processor vendor's virtualization: all that Engine asks of AMD's SVM, and
 * will ask of Intel's VMX. Nothing of a vendor's shows above this line: exits arrive as struct exit,
 * registers as the ABI's structs.
 *
 * A back end is one constant struct vendor_ops; the first whose `probe` says yes is used. Every function runs
 * on the CPU that it concerns, with GIF clear (or its equal: VMX root mode with interrupts and NMIs held
 * off).
 */
#ifndef ENGINE_VENDOR_H
#define ENGINE_VENDOR_H

#include "cpu/cpu.h"
#include "cpu/exit.h"
#include "mem/npt.h"

/* Events that enter a context with its next run. */
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
	/* Turns virtualization on for this CPU, and GIF off. */
	void (*cpu_enable)(struct cpu *cpu);

	/*
	 * Fills the control block of the control domain on this CPU; its registers
	 * follow by set_sregs.
	 */
	void (*cd_init)(struct context *ctx);
	/*
	 * An MSR of the back end's own, as the control domain sees it. False: it sees none there. Writes
	 * never change one.
	 */
	bool (*cd_read_msr)(u32 index, u64 *value);
	/* Fills the control block of a vCPU. */
	void (*vcpu_init)(struct context *ctx);

	/*
	 * Runs the context until it exits. The control domain's segment bases and syscall MSRs are in the CPU
	 * when a control domain context runs; load/unload exchange them for a vCPU's.
	 */
	void (*run)(struct context *ctx, struct exit *exit);
	void (*load)(struct context *cd, struct context *vcpu);
	void (*unload)(struct context *cd, struct context *vcpu);
	/*
	 * The control domain's segment bases and syscall MSRs go from its control block into the CPU, after a
	 * reset.
	 */
	void (*cd_load)(struct context *cd);
	/* And the other way, to look at them. Both for a loaded vCPU as well. */
	void (*cd_save)(struct context *cd);
	/* The physical NMI that is pending now is swallowed. */
	void (*consume_nmi)(void);
	/* Lets the CPU sleep until an NMI arrives, unless *flag is not 0 already. */
	void (*wait_for_nmi)(const u32 *flag);
	/* The HLT in it. The NMI handler steps over it, lest the CPU sleep through an NMI just before. */
	const char *sleep_hlt;

	/*
	 * An NMI is injected into the control domain, which exits with EXIT_IRET when it is done with it;
	 * that exit is turned off again by catch.
	 */
	void (*cd_pass_nmi)(struct context *ctx);
	void (*cd_catch_nmi)(struct context *ctx);

	/* State. set_sregs returns false, and changes nothing, if the processor would refuse it. */
	void (*get_sregs)(struct context *ctx, struct nxt_sregs *sregs);
	bool (*set_sregs)(struct context *ctx, const struct nxt_sregs *sregs);
	void (*get_paging)(const struct context *ctx, struct paging_state *paging);
	/* One of sregs' segments: 0 ES, 1 CS, 2 SS, 3 DS, 4 FS, 5 GS. */
	void (*get_segment)(const struct context *ctx, u32 segment, struct nxt_segment *out);
	/* MSRs that the hardware switches with the context. False: not one of them. */
	bool (*get_msr)(struct context *ctx, u32 index, u64 *value);
	bool (*set_msr)(struct context *ctx, u32 index, u64 value);
	u64 (*get_dr)(const struct context *ctx, u32 n); /* 6 and 7 */
	void (*set_dr)(struct context *ctx, u32 n, u64 value);
	/* Exit for all MSRs, or only for those that are not switched with the context. */
	void (*intercept_msrs)(struct context *ctx, bool all);
	void (*set_cr2)(struct context *ctx, u64 value);
	void (*intercept_dr)(struct context *ctx, bool on);
	void (*intercept_exceptions)(struct context *ctx, u32 mask); /* bit n: vector n */

	/* Events. pending: the event that an exit interrupted on its way in. */
	void (*inject)(struct context *ctx, const struct event *event);
	bool (*pending)(struct context *ctx, struct event *ret_event);
	bool (*irq_open)(const struct context *ctx);  /* IF set, no shadow, nothing being injected */
	u32 (*get_shadow)(const struct context *ctx); /* 1: STI or MOV SS shadow */
	void (*set_shadow)(struct context *ctx, bool on);
	/*
	 * Exit with IRQ_WINDOW when an interrupt of this priority class (vector >> 4; 16: any) can be taken,
	 * or with CR8 when the guest writes it; 0: do not. The guest's CR8 is set before.
	 */
	void (*want_window)(struct context *ctx, u32 priority);
	void (*intercept_hlt)(struct context *ctx, bool on); /* on at first */
	void (*intercept_iret)(struct context *ctx, bool on);
	u8 (*get_tpr)(const struct context *ctx); /* CR8 */
	void (*set_tpr)(struct context *ctx, u8 cr8);
	void (*set_tsc_offset)(struct context *ctx, u64 offset);
};

/* The back end in use; set once at boot. */
extern const struct vendor_ops *vendor;
extern const struct vendor_ops svm_ops;

#endif
