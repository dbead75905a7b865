/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions inside Engine (each a bug, but for the few that code expects), NMIs, and panics. */
#ifndef ENGINE_CPU_TRAP_H
#define ENGINE_CPU_TRAP_H

#include "lib/types.h"

/* What entry code in trap_entry.S saves. */
struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

/* Loads Engine's GDT and IDT on this CPU. */
void trap_init_cpu(void);

/*
 * rdmsr and wrmsr for values that somebody else chose: return false where the processor raises #GP.
 */
bool rdmsr_safe(u32 index, u64 *value);
bool wrmsr_safe(u32 index, u64 value);
bool xsetbv0_safe(u64 value);

/* Says why on every console, marks the log as a panicked boot's, stops the other CPUs, and stops. */
NORETURN void panic(const char *fmt, ...) PRINTF(1, 2);

#define check(condition)                                                                                     \
	do {                                                                                                 \
		if (__builtin_expect(!(condition), 0))                                                       \
			panic("assertion failed: %s, %s:%d", #condition, __FILE__, __LINE__);                \
	} while (0)

#endif
