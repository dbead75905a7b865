// SPDX-License-Identifier: GPL-2.0-only
/* Who takes a guest's access to a port or to an address that is not memory. */
#include "internal.h"
#include "irqchip_priv.h"

static bool chip_write(struct nxt_irqchip *ic, enum nxt_bus bus, u64 addr, u32 len, const void *data)
{
	if (irqchip_mode(ic) != NXT_IRQCHIP_FULL)
		return false;
	if (bus == NXT_BUS_MMIO)
		return nxt_ioapic_write(ic, addr, len, data);
	return nxt_pic_write(ic, addr, len, data) || nxt_pit_write(ic, addr, len, data);
}

bool nxt_io_write(struct nxt_vm *vm, enum nxt_bus bus, u64 addr, u32 len, const void *data)
{
	struct nxt_irqchip *ic = vm->irqchip;

	return chip_write(ic, bus, addr, len, data) || nxt_ioeventfd_write(ic, bus, addr, len, data) ||
	       nxt_coalesced_write(ic, bus, addr, len, data);
}

bool nxt_io_read(struct nxt_vm *vm, enum nxt_bus bus, u64 addr, u32 len, void *data)
{
	struct nxt_irqchip *ic = vm->irqchip;

	if (irqchip_mode(ic) != NXT_IRQCHIP_FULL)
		return false;
	if (bus == NXT_BUS_MMIO)
		return nxt_ioapic_read(ic, addr, len, data);
	return nxt_pic_read(ic, addr, len, data) || nxt_pit_read(ic, addr, len, data);
}
