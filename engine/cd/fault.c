/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions that Engine makes in the control domain. */
#include "cd/cd.h"
#include "vendor.h"

void cd_fault_gp(struct cpu *cpu)
{
	vendor->inject(&cpu->cd, &(struct event){.type = EVENT_EXCEPTION, .vector = 13, .has_error = true});
}

void cd_fault_ud(struct cpu *cpu)
{
	vendor->inject(&cpu->cd, &(struct event){.type = EVENT_EXCEPTION, .vector = 6});
}
