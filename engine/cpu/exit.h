/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why a context stopped, in words that every processor vendor shares. A back end fills this in; nothing above
 * looks further.
 */
#ifndef ENGINE_CPU_EXIT_H
#define ENGINE_CPU_EXIT_H

#include "lib/types.h"

#define EXIT_KIND_LIST(X)                                                                                    \
	X(INTR, "intr") /* a physical interrupt is pending */                                                \
	X(NMI, "nmi")	/* a physical NMI is pending */                                                      \
	X(CPUID, "cpuid")                                                                                    \
	X(MSR, "msr") /* msr */                                                                              \
	X(HYPERCALL, "hypercall")                                                                            \
	X(NPF, "npf") /* npf */                                                                              \
	X(IO, "io")   /* io */                                                                               \
	X(HLT, "hlt")                                                                                        \
	X(RSM, "rsm")                                                                                        \
	X(IRET, "iret")		    /* about to execute IRET */                                              \
	X(IRQ_WINDOW, "irq-window") /* an interrupt could be taken now */                                    \
	X(EXCEPTION, "exception")   /* exception: one that is intercepted; not yet delivered */              \
	X(SHUTDOWN, "shutdown")	    /* triple fault */                                                       \
	X(XSETBV, "xsetbv")                                                                                  \
	X(CACHE, "cache") /* INVD or WBINVD */                                                               \
	X(DR, "dr")	  /* first access to a debug register */                                             \
	X(CR8, "cr8")                                                                                        \
	X(TASK_SWITCH, "task-switch")                                                                        \
	X(UNDEFINED, "undefined") /* an instruction that this context does not have: #UD */                  \
	X(RDPMC, "rdpmc")                                                                                    \
	X(PAUSE, "pause")                                                                                    \
	X(INVALID, "invalid") /* the processor refused the state */                                          \
	X(UNKNOWN, "unknown")

enum exit_kind {
#define X(name, text) EXIT_##name,
	EXIT_KIND_LIST(X)
#undef X
		EXIT_KINDS
};

/* Whose exits a counter counts. */
enum exit_source { EXIT_FROM_CD, EXIT_FROM_VM, EXIT_SOURCES };

struct exit {
	enum exit_kind kind;
	/* Of the instruction at RIP, which exited before it was executed. 0: not known; IO's always is. */
	u8 insn_len;
	union {
		struct {
			bool write;
		} msr;
		struct {
			u64 gpa;
			bool write, fetch; /* write: also a walk that sets accessed bits */
			bool present;	   /* the entry is there, but lacks the right */
			bool walk;	   /* while reading the guest's own page tables */
		} npf;
		struct {
			u16 port;
			u8 size; /* 1, 2, 4 */
			bool in, string, rep;
		} io;
		struct {
			u8 vector;
			bool has_error;
			u32 error;
			u64 address; /* #PF */
			u64 dr6;     /* #DB */
		} exception;
		u64 code; /* INVALID, UNKNOWN: the hardware's number */
	};
};

/* The kind's name in logs and counters. */
const char *exit_name(enum exit_kind kind);

#endif
