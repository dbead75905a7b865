/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ENGINE_CPU_RESET_H
#define ENGINE_CPU_RESET_H

#include "boot/acpi.h"

/* How this PC says it is reset; from the FADT, at boot. */
void reset_init(const struct acpi_fadt *fadt);

/* Resets the PC: ACPI's register, the chipset's, the keyboard controller's; then stops. */
NORETURN void reset_pc(void);

#endif
