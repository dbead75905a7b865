/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The control domain: a stock kernel that owns the hardware, less what only Engine may have. */
#ifndef ENGINE_CD_CD_H
#define ENGINE_CD_CD_H

#include "cpu/cpu.h"
#include "cpu/exit.h"

/* Prepares this CPU's context: it waits for SIPI, as after INIT. */
void cd_init_cpu(struct cpu *cpu);

/*
 * The bootstrap CPU's state at the entry of Linux' 32-bit protocol: entry point, address of the boot
 * parameters.
 */
void cd_enter_linux(struct cpu *cpu, u32 entry, u32 params);

/* Runs the control domain on this CPU, for ever. */
NORETURN void cd_run(struct cpu *cpu);

/* icr.c: the control domain sends an interrupt command. Does what must not reach the wire; sends the rest. */
void cd_send_ipi(struct cpu *cpu, u32 dest, u32 low, bool x2apic);

/* apic.c: IA32_APIC_BASE is being written. False: #GP. */
bool cd_write_apic_base(struct cpu *cpu, u64 value);
/* apic.c: at boot: protects the xAPIC's registers if the firmware left the APICs in that mode. */
void cd_apic_init(void);
/* apic.c: a write to a page that is read-only or absent. */
void cd_memory_fault(struct cpu *cpu, const struct exit *exit);

/* cpuid.c: the leaf as the control domain sees it. */
void cd_cpuid(struct cpu *cpu);

/* msr.c: true if done, false: #GP. */
bool cd_read_msr(struct cpu *cpu, u32 index, u64 *value);
bool cd_write_msr(struct cpu *cpu, u32 index, u64 value);

/* fault.c: makes #GP(0), or #UD, the next thing that happens in the control domain. */
void cd_fault_gp(struct cpu *cpu);
void cd_fault_ud(struct cpu *cpu);

#endif
