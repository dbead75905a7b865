/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the boot finds out and all others use. Boot itself stands above them all. */
#include "engine.h"
#include "cpu/cpu.h"
#include "vendor.h"

struct engine engine;
const struct vendor_ops *vendor;
struct cpu *cpus[CPUS_MAX];
u32 cpu_count;
