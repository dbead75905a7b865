/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cpu/reset.h"
#include "cpu/asm.h"
#include "mem/phys.h"

static struct acpi_fadt how;

void reset_init(const struct acpi_fadt *fadt)
{
	how = *fadt;
}

static void settle(void)
{
	for (u32 i = 0; i < 50000; i++)
		outb(0x80, 0);
}

void reset_pc(void)
{
	if (how.has_reset && how.reset.space == ACPI_SPACE_IO)
		outb((u16)how.reset.address, how.reset_value);
	else if (how.has_reset && how.reset.space == ACPI_SPACE_MEMORY)
		*(volatile u8 *)phys_to_virt(how.reset.address) = how.reset_value;
	settle();
	/* The reset control register of every PC chipset since PIIX: full reset. */
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	settle();
	outb(0x64, 0xfe);
	for (;;)
		__asm__ volatile("cli; hlt");
}
