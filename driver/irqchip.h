/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interrupt and I/O-bus half of the driver, as the rest of it sees it: PIC, I/O APIC, PIT, GSI routing,
 * irqfd, ioeventfd, coalesced I/O. The local APICs live in Engine; every interrupt of the I/O APIC, of an
 * irqfd or of KVM_SIGNAL_MSI travels to them as one MSI message (nxt_vm_msi), and the PIC's output is polled
 * by the vCPUs that take ExtINT (nxt_pic_pending, nxt_pic_ack), which are kicked when it rises.
 *
 * Lock order, outermost first, continuing the list in internal.h; what stands on one line is never held
 * together:
 *
 * 1. vm->lock: core's; creation of irqchip and PIT against creation of vCPUs.
 *
 * 2. irqchip->lock | pit->lock: mutexes. The first is for changes of routing, irqfds, ioeventfds and
 *    coalesced zones, the second for the PIT's registers.
 *
 * 3. irqchip->srcu: readers of those tables, that is interrupt sources and guest I/O. Updaters wait for
 *    them, so a reader takes no mutex of this list. Readers nest.
 *
 * 4. The wait queue lock of an eventfd: held by Linux around irqfd's wake function, irqs off. It takes 3.
 *    inside; that is no cycle, as SRCU readers never block and only 2. waits for them.
 *
 * 5. irqfds.lock | pic->lock | ioapic->lock | ring_lock: spinlocks; all but ring_lock with irqs off.
 *
 * 6. Whatever nxt_vm_msi() and the kicks take.
 *
 * Nothing signals an eventfd with one of the spinlocks held, because a signal runs wake functions, and
 * irqfd's takes them. From 3. on down everything may run in hard interrupt context, but guest I/O and ioctls.
 */
#ifndef NXTOP_IRQCHIP_H
#define NXTOP_IRQCHIP_H

#include <linux/types.h>

struct nxt_vm;
struct page;

enum nxt_irqchip_mode {
	NXT_IRQCHIP_NONE,  /* all chips, the local APIC's input included, are user space's */
	NXT_IRQCHIP_SPLIT, /* local APICs in Engine; PIC, I/O APIC, PIT in user space */
	NXT_IRQCHIP_FULL,  /* PIC and I/O APIC here, PIT after KVM_CREATE_PIT2 */
};

enum nxt_bus {
	NXT_BUS_PIO,
	NXT_BUS_MMIO,
};

/* Allocates vm->irqchip, in mode NONE; at VM creation. 0 or -ENOMEM. */
int nxt_irqchip_init(struct nxt_vm *vm);

/*
 * Stops every interrupt source and frees vm->irqchip; sleeps. The caller guarantees that no vCPU and no ioctl
 * of the VM runs any more, and keeps nxt_vm_msi and nxt_vm_kick_mask callable until it returns: an irqfd may
 * fire until then. Does nothing if nxt_irqchip_init failed or was not called.
 */
void nxt_irqchip_destroy(struct nxt_vm *vm);

enum nxt_irqchip_mode nxt_irqchip_mode(struct nxt_vm *vm);

/*
 * The VM ioctls of this half. Returns what KVM would, or -ENOTTY if cmd is none of them. Process context,
 * vm->lock not held. Takes KVM_CREATE_IRQCHIP, KVM_CREATE_PIT(2), KVM_{GET,SET}_IRQCHIP,
 * KVM_{GET,SET}_PIT(2), KVM_REINJECT_CONTROL, KVM_IRQ_LINE(_STATUS), KVM_SET_GSI_ROUTING, KVM_SIGNAL_MSI,
 * KVM_IRQFD, KVM_IOEVENTFD, KVM_(UN)REGISTER_COALESCED_MMIO.
 */
long nxt_irqchip_ioctl(struct nxt_vm *vm, unsigned int cmd, void __user *argp);

/*
 * KVM_ENABLE_CAP(KVM_CAP_SPLIT_IRQCHIP): reserved_pins is args[0]. vm->lock not held. 0, -EINVAL or -EEXIST.
 */
int nxt_irqchip_enable_split(struct nxt_vm *vm, u64 reserved_pins);

/* KVM_CHECK_EXTENSION for the capabilities of this half; 0 for any other number. */
int nxt_check_irq_extension(long cap);

/*
 * A guest's access to a port or to an address that is not memory. True: done here, user space need not know.
 * len is 1, 2, 4 or (MMIO) 1 .. 8 bytes; data holds or gets len bytes. Process context, irqs enabled.
 */
bool nxt_io_write(struct nxt_vm *vm, enum nxt_bus bus, u64 addr, u32 len, const void *data);
bool nxt_io_read(struct nxt_vm *vm, enum nxt_bus bus, u64 addr, u32 len, void *data);

/*
 * The PIC's output, for a vCPU whose local APIC lets ExtINT through; nxt_vm_kick_extint() is called when it
 * rises. nxt_pic_pending() is cheap and takes no lock. nxt_pic_ack() is the processor's interrupt
 * acknowledge: the vector, or -1 if there is no PIC. Call it only when the vector will be injected; if the
 * request went away meanwhile it returns the spurious vector (IRQ 7), as hardware does. Ask nxt_pic_pending()
 * again after it, and for a window if it says so: with automatic EOI there may be more, and the kick for that
 * comes before the guest is entered. Both: any context.
 */
bool nxt_pic_pending(struct nxt_vm *vm);
int nxt_pic_ack(struct nxt_vm *vm);

/*
 * Engine reported the EOI of a vector that came level-triggered (NXT_EXIT_EOI). Does nothing without an
 * in-kernel I/O APIC.
 */
void nxt_ioapic_eoi(struct nxt_vm *vm, u8 vector);

/* Whether user space wants KVM_EXIT_IOAPIC_EOI for the vector: only in split mode. */
bool nxt_split_wants_eoi(struct nxt_vm *vm, u8 vector);

/*
 * The VM's coalesced ring, to map at KVM_COALESCED_MMIO_PAGE_OFFSET of each vCPU; lives as long as
 * vm->irqchip.
 */
struct page *nxt_coalesced_page(struct nxt_vm *vm);

#endif
