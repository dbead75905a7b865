/* SPDX-License-Identifier: GPL-2.0-only */
/* What the irqchip's files share, and the rest of the driver does not see. Locks: irqchip.h. */
#ifndef NXTOP_IRQCHIP_PRIV_H
#define NXTOP_IRQCHIP_PRIV_H

#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "irqchip.h"

#define NXT_MAX_IRQ_ROUTES 4096 /* as KVM; also the number of GSIs */
#define NXT_MAX_ZONES 1000	/* coalesced zones of one VM; as KVM's limit of devices on a bus */
#define NXT_IOEVENTFD_HASH_BITS 6

#define NXT_PIC_PINS 16
#define NXT_IOAPIC_PINS 24

/* The PIT's output is wired to this GSI, wherever routing leads it. */
#define NXT_PIT_GSI 0

/*
 * Who drives a line. The sources of one GSI are wired together: the line is high while any of them drives it.
 */
enum nxt_irq_source {
	NXT_SRC_USER,	  /* KVM_IRQ_LINE, and irqfds without resampling */
	NXT_SRC_RESAMPLE, /* resampling irqfds, all together */
	NXT_SRC_PIT,
};

struct file;
struct nxt_ioapic_dev;
struct nxt_pic_dev;
struct nxt_pit_dev;
struct nxt_routing;

struct nxt_irqfds {
	spinlock_t lock;
	struct list_head active; /* changed under irqfds.lock; only a hang-up does so without irqchip->lock */
	struct list_head dead;	 /* their eventfd was closed; reap takes them apart. Under irqfds.lock */
	struct work_struct reap;
	struct list_head resamplers; /* RCU list (srcu); changed under irqchip->lock */
};

struct nxt_irqchip {
	struct nxt_vm *vm;
	struct mutex lock;
	struct srcu_struct srcu;

	/* Written once, under vm->lock, with release order after the chips exist. */
	enum nxt_irqchip_mode mode;
	struct nxt_pic_dev *pic;
	struct nxt_ioapic_dev *ioapic;
	struct nxt_pit_dev *pit; /* published by itself, with release order */
	u32 reserved_pins;	 /* split mode: GSIs below it are pins of user space's I/O APIC */

	struct nxt_routing __rcu *routing; /* NULL: no route at all */
	struct nxt_irqfds irqfds;

	struct hlist_head ioeventfds[1 << NXT_IOEVENTFD_HASH_BITS]; /* RCU (srcu), by address */

	struct list_head zones; /* RCU (srcu) */
	u32 zone_count;
	spinlock_t ring_lock; /* only one producer at a time in the ring */
	struct page *ring_page;
};

static inline enum nxt_irqchip_mode irqchip_mode(struct nxt_irqchip *ic)
{
	return smp_load_acquire(&ic->mode);
}

/* The PIT, or NULL while there is none. */
static inline struct nxt_pit_dev *irqchip_pit(struct nxt_irqchip *ic)
{
	return smp_load_acquire(&ic->pit);
}

/* -- routing.c ----------------------------------------------------------------------------------------- */

/*
 * Drives a GSI. Any context. Returns what KVM_IRQ_LINE_STATUS reports: < 0 ignored (masked, no route), 0
 * coalesced with an earlier one, > 0 delivered, to so many local APICs or chips.
 */
int nxt_set_irq(struct nxt_irqchip *ic, enum nxt_irq_source source, u32 gsi, bool level);
/* The same for one who repeats what was coalesced; see ioapic_set_line(). */
int nxt_set_irq_retried(struct nxt_irqchip *ic, enum nxt_irq_source source, u32 gsi, bool level);

/*
 * The guest ended the interrupt of a chip's pin, or a reset of the PIC dropped it. chip is KVM_IRQCHIP_*, pin
 * counts within it. Lowers and resamples what resamples, and lets the PIT go on. No spinlock of the irqchip
 * held.
 */
void nxt_irq_acked(struct nxt_irqchip *ic, u32 chip, u32 pin);

/* The GSI that leads to the chip's pin, or -1. Any context. */
int nxt_chip_gsi(struct nxt_irqchip *ic, u32 chip, u32 pin);

/* KVM_SET_GSI_ROUTING: takes over the entries (copied from user space). 0, -EINVAL, -ENOMEM. */
int nxt_routing_set(struct nxt_irqchip *ic, const struct kvm_irq_routing_entry *entries, u32 nr);
/* The routing that KVM_CREATE_IRQCHIP gives: GSI n to pin n of both PICs and the I/O APIC. */
int nxt_routing_default(struct nxt_irqchip *ic);
void nxt_routing_destroy(struct nxt_irqchip *ic);
/* KVM_SIGNAL_MSI: number of local APICs, or -errno. */
int nxt_signal_msi(struct nxt_irqchip *ic, const struct kvm_msi *msi);

/* -- pic.c --------------------------------------------------------------------------------------------- */

int nxt_pic_create(struct nxt_irqchip *ic);
void nxt_pic_destroy(struct nxt_irqchip *ic);
/* Line 0 .. 15; result as nxt_set_irq(). Any context. */
int nxt_pic_set_irq(struct nxt_irqchip *ic, u32 line, enum nxt_irq_source source, bool level);
/* chip: KVM_IRQCHIP_PIC_MASTER or _SLAVE. */
void nxt_pic_get_state(struct nxt_irqchip *ic, u32 chip, struct kvm_pic_state *state);
void nxt_pic_set_state(struct nxt_irqchip *ic, u32 chip, const struct kvm_pic_state *state);
/* Whether the access was the PIC's. */
bool nxt_pic_write(struct nxt_irqchip *ic, u64 port, u32 len, const void *data);
bool nxt_pic_read(struct nxt_irqchip *ic, u64 port, u32 len, void *data);

/* -- ioapic.c ------------------------------------------------------------------------------------------ */

int nxt_ioapic_create(struct nxt_irqchip *ic);
void nxt_ioapic_destroy(struct nxt_irqchip *ic);
int nxt_ioapic_set_irq(struct nxt_irqchip *ic, u32 pin, enum nxt_irq_source source, bool level, bool retries);
void nxt_ioapic_get_state(struct nxt_irqchip *ic, struct kvm_ioapic_state *state);
void nxt_ioapic_set_state(struct nxt_irqchip *ic, const struct kvm_ioapic_state *state);
bool nxt_ioapic_write(struct nxt_irqchip *ic, u64 addr, u32 len, const void *data);
bool nxt_ioapic_read(struct nxt_irqchip *ic, u64 addr, u32 len, void *data);

/* -- pit.c --------------------------------------------------------------------------------------------- */

/* vm->lock held. 0, -EEXIST, -ENOENT (no in-kernel irqchip), -ENOMEM. flags: KVM_PIT_SPEAKER_DUMMY. */
int nxt_pit_create(struct nxt_irqchip *ic, u32 flags);
void nxt_pit_destroy(struct nxt_irqchip *ic);
void nxt_pit_get_state(struct nxt_pit_dev *pit, struct kvm_pit_state2 *state);
void nxt_pit_set_state(struct nxt_pit_dev *pit, const struct kvm_pit_state2 *state);
void nxt_pit_set_reinject(struct nxt_pit_dev *pit, bool reinject);
/* The guest ended a tick's interrupt. Any context. */
void nxt_pit_acked(struct nxt_pit_dev *pit);
/* Ticks that are owed are forgotten: the guest unmasked the line, and did not want the earlier ones. */
void nxt_pit_forget(struct nxt_pit_dev *pit);
bool nxt_pit_write(struct nxt_irqchip *ic, u64 port, u32 len, const void *data);
bool nxt_pit_read(struct nxt_irqchip *ic, u64 port, u32 len, void *data);

/* -- irqfd.c ------------------------------------------------------------------------------------------- */

void nxt_irqfds_init(struct nxt_irqchip *ic);
void nxt_irqfds_destroy(struct nxt_irqchip *ic);
int nxt_irqfd(struct nxt_irqchip *ic, const struct kvm_irqfd *args);
/* Lowers the GSI's resampled line, and asks those who drive it to look again. srcu held for reading. */
void nxt_irqfds_resample(struct nxt_irqchip *ic, u32 gsi);

/* -- ioeventfd.c --------------------------------------------------------------------------------------- */

int nxt_ioeventfd(struct nxt_irqchip *ic, const struct kvm_ioeventfd *args);
void nxt_ioeventfds_destroy(struct nxt_irqchip *ic);
bool nxt_ioeventfd_write(struct nxt_irqchip *ic, enum nxt_bus bus, u64 addr, u32 len, const void *data);

/* -- coalesced.c --------------------------------------------------------------------------------------- */

int nxt_coalesced_init(struct nxt_irqchip *ic);
void nxt_coalesced_destroy(struct nxt_irqchip *ic);
int nxt_coalesced_register(struct nxt_irqchip *ic, const struct kvm_coalesced_mmio_zone *zone);
int nxt_coalesced_unregister(struct nxt_irqchip *ic, const struct kvm_coalesced_mmio_zone *zone);
bool nxt_coalesced_write(struct nxt_irqchip *ic, enum nxt_bus bus, u64 addr, u32 len, const void *data);

#endif
