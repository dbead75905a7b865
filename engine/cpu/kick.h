/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making another CPU look at its flags. A CPU that executes the control domain is sent an NMI, which it
 * intercepts; one that is inside Engine, or runs a guest, looks before it next enters the control domain.
 *
 * An NMI that Engine sent and one of the control domain's own that arrive together are one NMI: Engine takes
 * it as its own, and the control domain's is lost. Kicks happen only when memory is given or taken, and on
 * INIT.
 */
#ifndef ENGINE_CPU_KICK_H
#define ENGINE_CPU_KICK_H

#include "cpu/cpu.h"

/* Sends the NMI if the CPU executes the control domain. The caller has set the flag that it is to see. */
void kick(struct cpu *cpu);

/*
 * True if the NMI that is pending here is Engine's own: the caller swallows it, and then looks at its flags.
 */
bool kick_is_ours(const struct cpu *cpu);

/* Engine's NMI handler took an NMI on this CPU. */
void kick_took_nmi(void);

/* Every CPU drops its translations of the control domain's nested table before this returns. */
void kick_flush_cd(void);

/* For panics: every other CPU stops for good the next time Engine has it. */
void kick_stop_others(void);
bool kick_must_stop(void);
/* Index of this CPU, also before there are blocks. */
u32 kick_self_index(void);

#endif
