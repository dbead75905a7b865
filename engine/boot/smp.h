/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting the other CPUs, at boot. */
#ifndef ENGINE_BOOT_SMP_H
#define ENGINE_BOOT_SMP_H

#include "cpu/cpu.h"

/*
 * Starts the CPU by INIT and SIPI through the trampoline page (below 1 MiB, scratch) and waits until it says
 * it is online: false if it does not within a second or so.
 */
bool smp_start(struct cpu *cpu, u64 trampoline);

/* What a started CPU runs; never returns. Set by boot. */
NORETURN void cpu_main(struct cpu *cpu);

#endif
