// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coalesced I/O: writes to addresses where nothing happens at once go into a ring, which user space empties
 * when it gets control for another reason. The ring is one page of the VM that user space can write: an index
 * from it is read once and checked.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"
#include "irqchip_priv.h"

struct io_zone {
	struct list_head link;	   /* irqchip->zones; RCU, changed under irqchip->lock */
	struct io_zone *next_gone; /* of those that wait for their last readers */
	enum nxt_bus bus;
	u64 addr;
	u32 size;
};

int nxt_coalesced_init(struct nxt_irqchip *ic)
{
	INIT_LIST_HEAD(&ic->zones);
	spin_lock_init(&ic->ring_lock);
	ic->ring_page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	return ic->ring_page ? 0 : -ENOMEM;
}

void nxt_coalesced_destroy(struct nxt_irqchip *ic)
{
	struct io_zone *zone, *next;

	list_for_each_entry_safe(zone, next, &ic->zones, link)
		kfree(zone);
	/* Whoever still maps the page holds a reference of its own. */
	put_page(ic->ring_page);
}

struct page *nxt_coalesced_page(struct nxt_vm *vm)
{
	return vm->irqchip->ring_page;
}

static bool contains(const struct io_zone *zone, enum nxt_bus bus, u64 addr, u32 len)
{
	return zone->bus == bus && addr >= zone->addr && addr - zone->addr <= zone->size &&
	       len <= zone->size - (addr - zone->addr);
}

int nxt_coalesced_register(struct nxt_irqchip *ic, const struct kvm_coalesced_mmio_zone *args)
{
	struct io_zone *zone;
	int ret = 0;

	if (args->pio > 1)
		return -EINVAL;
	zone = kzalloc(sizeof(*zone), GFP_KERNEL_ACCOUNT);
	if (!zone)
		return -ENOMEM;
	zone->bus = args->pio ? NXT_BUS_PIO : NXT_BUS_MMIO;
	zone->addr = args->addr;
	zone->size = args->size;

	mutex_lock(&ic->lock);
	if (ic->zone_count < NXT_MAX_ZONES) {
		ic->zone_count++;
		list_add_tail_rcu(&zone->link, &ic->zones);
	} else {
		ret = -ENOSPC;
	}
	mutex_unlock(&ic->lock);
	if (ret)
		kfree(zone);
	return ret;
}

int nxt_coalesced_unregister(struct nxt_irqchip *ic, const struct kvm_coalesced_mmio_zone *args)
{
	enum nxt_bus bus = args->pio ? NXT_BUS_PIO : NXT_BUS_MMIO;
	struct io_zone *zone, *next, *gone = NULL;

	if (args->pio > 1)
		return -EINVAL;

	/* Every zone that holds the given range goes; that there is none is no error (both as KVM). */
	mutex_lock(&ic->lock);
	list_for_each_entry_safe(zone, next, &ic->zones, link) {
		if (contains(zone, bus, args->addr, args->size)) {
			list_del_rcu(&zone->link);
			ic->zone_count--;
			zone->next_gone = gone;
			gone = zone;
		}
	}
	mutex_unlock(&ic->lock);
	if (gone)
		synchronize_srcu_expedited(&ic->srcu);
	for (zone = gone; zone; zone = next) {
		next = zone->next_gone;
		kfree(zone);
	}
	return 0;
}

static bool ring_put(struct nxt_irqchip *ic, enum nxt_bus bus, u64 addr, u32 len, const void *data)
{
	struct kvm_coalesced_mmio_ring *ring = page_address(ic->ring_page);
	struct kvm_coalesced_mmio *entry;
	u32 last, next;
	bool room;

	spin_lock(&ic->ring_lock);
	last = READ_ONCE(ring->last);
	next = (last + 1) % KVM_COALESCED_MMIO_MAX;
	/*
	 * One entry stays empty, to tell a full ring from an empty one. A full ring goes to user space at
	 * once.
	 */
	room = last < KVM_COALESCED_MMIO_MAX && next != READ_ONCE(ring->first);
	if (room) {
		entry = &ring->coalesced_mmio[last];
		entry->phys_addr = addr;
		entry->len = len;
		memcpy(entry->data, data, len);
		entry->pio = bus == NXT_BUS_PIO;
		/* The entry before the index that shows it. */
		smp_store_release(&ring->last, next);
	}
	spin_unlock(&ic->ring_lock);
	return room;
}

bool nxt_coalesced_write(struct nxt_irqchip *ic, enum nxt_bus bus, u64 addr, u32 len, const void *data)
{
	struct io_zone *zone;
	bool found = false;
	int idx;

	if (len > sizeof_field(struct kvm_coalesced_mmio, data))
		return false;

	idx = srcu_read_lock(&ic->srcu);
	list_for_each_entry_srcu(zone, &ic->zones, link, srcu_read_lock_held(&ic->srcu)) {
		if (contains(zone, bus, addr, len)) {
			found = true;
			break;
		}
	}
	srcu_read_unlock(&ic->srcu, idx);
	return found && ring_put(ic, bus, addr, len, data);
}
