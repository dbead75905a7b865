/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_LIB_CPUID_H
#define ENGINE_LIB_CPUID_H

#include "lib/types.h"

/* What the CPUID instruction returns. */
struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

#endif
