// SPDX-License-Identifier: GPL-2.0-only
/*
 * GSI routing: what a global system interrupt reaches. A GSI leads to pins of the chips (one of each at
 * most), or is one MSI. The table is never changed, only replaced; SRCU readers use the one that they found.
 */
#include <linux/bitmap.h>
#include <linux/slab.h>

#include "internal.h"
#include "irqchip_priv.h"

struct nxt_route {
	struct nxt_route *next; /* of the same GSI */
	bool msi;
	u32 chip, pin; /* KVM_IRQCHIP_*, pin within it */
	u64 address;
	u32 data;
};

struct nxt_routing {
	s32 gsi_of[KVM_NR_IRQCHIPS][KVM_IOAPIC_NUM_PINS]; /* the GSI that leads to a chip's pin, -1: none */
	DECLARE_BITMAP(eoi_vectors,
		       256); /* split mode: level-triggered, from a pin of user space's I/O APIC */
	struct nxt_route *routes;
	u32 gsis;
	struct nxt_route *first[]; /* by GSI */
};

static void routing_free(struct nxt_routing *table)
{
	if (table)
		kvfree(table->routes);
	kvfree(table);
}

static bool takes_level(u32 msi_data)
{
	return msi_data & 1 << 15;
}

/* The rules of KVM: one pin of each chip, or a single MSI. */
static bool conflicts(const struct nxt_route *first, const struct nxt_route *with)
{
	for (; first; first = first->next)
		if (first->msi || with->msi || first->chip == with->chip)
			return true;
	return false;
}

static int add_pin(struct nxt_irqchip *ic, struct nxt_routing *table, struct nxt_route *route,
		   const struct kvm_irq_routing_entry *e)
{
	u32 pins;

	switch (e->u.irqchip.irqchip) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		pins = NXT_PIC_PINS / 2;
		break;
	case KVM_IRQCHIP_IOAPIC:
		pins = NXT_IOAPIC_PINS;
		break;
	default:
		return -EINVAL;
	}
	if (irqchip_mode(ic) == NXT_IRQCHIP_SPLIT || e->flags || e->u.irqchip.pin >= pins)
		return -EINVAL;
	route->chip = e->u.irqchip.irqchip;
	route->pin = e->u.irqchip.pin;
	table->gsi_of[route->chip][route->pin] = e->gsi;
	return 0;
}

/* Without KVM_CAP_X2APIC_API the high half means nothing; with it, its low byte must be clear. */
static bool msi_address(struct nxt_irqchip *ic, u32 low, u32 high, u64 *ret_address)
{
	bool wide = READ_ONCE(ic->vm->wide_apic_ids);

	if (wide && (high & 0xff))
		return false;
	*ret_address = low | (wide ? (u64)high << 32 : 0);
	return true;
}

static int add_msi(struct nxt_irqchip *ic, struct nxt_routing *table, struct nxt_route *route,
		   const struct kvm_irq_routing_entry *e)
{
	/* The device id names a translation that x86 does not have. */
	if (e->flags & ~KVM_MSI_VALID_DEVID)
		return -EINVAL;
	route->msi = true;
	if (!msi_address(ic, e->u.msi.address_lo, e->u.msi.address_hi, &route->address))
		return -EINVAL;
	route->data = e->u.msi.data;
	if (e->gsi < ic->reserved_pins && takes_level(route->data))
		__set_bit(route->data & 0xff, table->eoi_vectors);
	return 0;
}

static int add_entry(struct nxt_irqchip *ic, struct nxt_routing *table, struct nxt_route *route,
		     const struct kvm_irq_routing_entry *e)
{
	struct nxt_route **link = &table->first[e->gsi];
	int ret;

	switch (e->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		ret = add_pin(ic, table, route, e);
		break;
	case KVM_IRQ_ROUTING_MSI:
		ret = add_msi(ic, table, route, e);
		break;
	default:
		ret = -EINVAL;
	}
	if (ret)
		return ret;
	if (conflicts(*link, route))
		return -EINVAL;
	route->next = *link;
	*link = route;
	return 0;
}

static struct nxt_routing *routing_build(struct nxt_irqchip *ic, const struct kvm_irq_routing_entry *entries,
					 u32 nr)
{
	struct nxt_routing *table;
	u32 i, gsis = 1;
	int ret;

	for (i = 0; i < nr; i++) {
		if (entries[i].gsi >= NXT_MAX_IRQ_ROUTES)
			return ERR_PTR(-EINVAL);
		gsis = max(gsis, entries[i].gsi + 1);
	}

	table = kvzalloc(struct_size(table, first, gsis), GFP_KERNEL_ACCOUNT);
	if (!table)
		return ERR_PTR(-ENOMEM);
	table->gsis = gsis;
	memset(table->gsi_of, 0xff, sizeof(table->gsi_of));
	ret = -ENOMEM;
	table->routes = kvcalloc(nr, sizeof(*table->routes), GFP_KERNEL_ACCOUNT);
	if (nr && !table->routes)
		goto fail;

	for (i = 0; i < nr; i++) {
		ret = add_entry(ic, table, &table->routes[i], &entries[i]);
		if (ret)
			goto fail;
	}
	return table;

fail:
	routing_free(table);
	return ERR_PTR(ret);
}

int nxt_routing_set(struct nxt_irqchip *ic, const struct kvm_irq_routing_entry *entries, u32 nr)
{
	struct nxt_routing *new, *old;

	new = routing_build(ic, entries, nr);
	if (IS_ERR(new))
		return PTR_ERR(new);

	mutex_lock(&ic->lock);
	old = rcu_replace_pointer(ic->routing, new, lockdep_is_held(&ic->lock));
	mutex_unlock(&ic->lock);
	/* Also tells user space: an interrupt after this goes the new way. */
	synchronize_srcu_expedited(&ic->srcu);
	routing_free(old);
	return 0;
}

int nxt_routing_default(struct nxt_irqchip *ic)
{
	struct kvm_irq_routing_entry *entries, *e;
	u32 pin;
	int ret;

	entries = kcalloc(NXT_IOAPIC_PINS + NXT_PIC_PINS, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	e = entries;
	for (pin = 0; pin < NXT_IOAPIC_PINS; pin++, e++) {
		e->gsi = pin;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e->u.irqchip.pin = pin;
	}
	for (pin = 0; pin < NXT_PIC_PINS; pin++, e++) {
		e->gsi = pin;
		e->type = KVM_IRQ_ROUTING_IRQCHIP;
		e->u.irqchip.irqchip = pin < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
		e->u.irqchip.pin = pin & 7;
	}
	ret = nxt_routing_set(ic, entries, e - entries);
	kfree(entries);
	return ret;
}

void nxt_routing_destroy(struct nxt_irqchip *ic)
{
	routing_free(rcu_dereference_protected(ic->routing, true));
}

static int drive(struct nxt_irqchip *ic, const struct nxt_route *route, enum nxt_irq_source source,
		 bool level, bool retries)
{
	if (route->msi)
		/* An MSI has no line that could fall. */
		return level ? nxt_vm_msi(ic->vm, route->address, route->data) : -1;
	switch (route->chip) {
	case KVM_IRQCHIP_PIC_MASTER:
		return nxt_pic_set_irq(ic, route->pin, source, level);
	case KVM_IRQCHIP_PIC_SLAVE:
		return nxt_pic_set_irq(ic, route->pin + 8, source, level);
	default:
		return nxt_ioapic_set_irq(ic, route->pin, source, level, retries);
	}
}

static int drive_gsi(struct nxt_irqchip *ic, enum nxt_irq_source source, u32 gsi, bool level, bool retries)
{
	const struct nxt_routing *table;
	const struct nxt_route *route;
	int idx, one, ret = -1;

	idx = srcu_read_lock(&ic->srcu);
	table = srcu_dereference(ic->routing, &ic->srcu);
	if (table && gsi < table->gsis) {
		for (route = table->first[gsi]; route; route = route->next) {
			one = drive(ic, route, source, level, retries);
			if (one >= 0)
				ret = max(ret, 0) + one;
		}
	}
	srcu_read_unlock(&ic->srcu, idx);
	return ret;
}

int nxt_set_irq(struct nxt_irqchip *ic, enum nxt_irq_source source, u32 gsi, bool level)
{
	return drive_gsi(ic, source, gsi, level, false);
}

int nxt_set_irq_retried(struct nxt_irqchip *ic, enum nxt_irq_source source, u32 gsi, bool level)
{
	return drive_gsi(ic, source, gsi, level, true);
}

int nxt_chip_gsi(struct nxt_irqchip *ic, u32 chip, u32 pin)
{
	const struct nxt_routing *table;
	int idx, gsi = -1;

	idx = srcu_read_lock(&ic->srcu);
	table = srcu_dereference(ic->routing, &ic->srcu);
	if (table)
		gsi = table->gsi_of[chip][pin];
	srcu_read_unlock(&ic->srcu, idx);
	return gsi;
}

void nxt_irq_acked(struct nxt_irqchip *ic, u32 chip, u32 pin)
{
	struct nxt_pit_dev *pit = irqchip_pit(ic);
	int idx, gsi;

	idx = srcu_read_lock(&ic->srcu);
	gsi = nxt_chip_gsi(ic, chip, pin);
	if (gsi == NXT_PIT_GSI && pit)
		nxt_pit_acked(pit);
	if (gsi >= 0)
		nxt_irqfds_resample(ic, gsi);
	srcu_read_unlock(&ic->srcu, idx);
}

bool nxt_split_wants_eoi(struct nxt_vm *vm, u8 vector)
{
	struct nxt_irqchip *ic = vm->irqchip;
	const struct nxt_routing *table;
	bool wants;
	int idx;

	if (irqchip_mode(ic) != NXT_IRQCHIP_SPLIT)
		return false;
	idx = srcu_read_lock(&ic->srcu);
	table = srcu_dereference(ic->routing, &ic->srcu);
	wants = table && test_bit(vector, table->eoi_vectors);
	srcu_read_unlock(&ic->srcu, idx);
	return wants;
}

int nxt_signal_msi(struct nxt_irqchip *ic, const struct kvm_msi *msi)
{
	u64 address;

	if (irqchip_mode(ic) == NXT_IRQCHIP_NONE || msi->flags)
		return -EINVAL;
	if (!msi_address(ic, msi->address_lo, msi->address_hi, &address))
		return -EINVAL;
	return nxt_vm_msi(ic->vm, address, msi->data);
}
