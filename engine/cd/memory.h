/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What cd/memory.c and cd/apic.c know of each other. */
#ifndef ENGINE_CD_MEMORY_H
#define ENGINE_CD_MEMORY_H

#include "cpu/cpu.h"

/* True for the register page of the local APICs, while they are in xAPIC mode. */
bool cd_is_apic(u64 pa);
u32 cd_apic_read(u32 reg);
void cd_apic_write(struct cpu *cpu, u32 reg, u32 value);

#endif
