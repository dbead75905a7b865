// SPDX-License-Identifier: GPL-2.0-only
/* The I/O APIC in the VM: who drives its pins, its page, its messages. The chip itself: ioapic_logic.c. */
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"
#include "ioapic_logic.h"
#include "irqchip_priv.h"

#define STORM_PAUSE (HZ / 100)

struct nxt_ioapic_dev {
	struct nxt_irqchip *ic;
	/*
	 * Held while messages are sent: an EOI may come back before the sender goes on, and must find the
	 * remote IRR that belongs to the message.
	 */
	spinlock_t lock;
	struct ioapic io;
	u8 sources[NXT_IOAPIC_PINS]; /* who drives the pin: bits of enum nxt_irq_source */
	struct delayed_work storm;   /* sends what was held back in an interrupt storm */
};

static int send_msi(struct ioapic *io, u64 address, u32 data)
{
	struct nxt_ioapic_dev *dev = container_of(io, struct nxt_ioapic_dev, io);

	return nxt_vm_msi(dev->ic->vm, address, data);
}

static void storm_over(struct work_struct *work)
{
	struct nxt_ioapic_dev *dev = container_of(work, struct nxt_ioapic_dev, storm.work);
	u32 pin;

	spin_lock_irq(&dev->lock);
	for (pin = 0; pin < NXT_IOAPIC_PINS; pin++)
		ioapic_service(&dev->io, pin);
	spin_unlock_irq(&dev->lock);
}

int nxt_ioapic_create(struct nxt_irqchip *ic)
{
	struct nxt_ioapic_dev *dev = kzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);

	BUILD_BUG_ON(NXT_IOAPIC_PINS != IOAPIC_PINS || IOAPIC_PINS != KVM_IOAPIC_NUM_PINS);
	if (!dev)
		return -ENOMEM;
	dev->ic = ic;
	spin_lock_init(&dev->lock);
	INIT_DELAYED_WORK(&dev->storm, storm_over);
	dev->io.send = send_msi;
	ioapic_reset(&dev->io);
	ic->ioapic = dev;
	return 0;
}

void nxt_ioapic_destroy(struct nxt_irqchip *ic)
{
	if (ic->ioapic)
		cancel_delayed_work_sync(&ic->ioapic->storm);
	kfree(ic->ioapic);
}

int nxt_ioapic_set_irq(struct nxt_irqchip *ic, u32 pin, enum nxt_irq_source source, bool level, bool retries)
{
	struct nxt_ioapic_dev *dev = ic->ioapic;
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&dev->lock, flags);
	if (level)
		dev->sources[pin] |= 1 << source;
	else
		dev->sources[pin] &= ~(1 << source);
	ret = ioapic_set_line(&dev->io, pin, dev->sources[pin], retries);
	spin_unlock_irqrestore(&dev->lock, flags);
	return ret;
}

void nxt_ioapic_eoi(struct nxt_vm *vm, u8 vector)
{
	struct nxt_irqchip *ic = vm->irqchip;
	struct nxt_ioapic_dev *dev;
	bool storm = false;
	u32 pins, pin;

	if (irqchip_mode(ic) != NXT_IRQCHIP_FULL)
		return;
	dev = ic->ioapic;

	spin_lock_irq(&dev->lock);
	pins = ioapic_eoi_begin(&dev->io, vector);
	spin_unlock_irq(&dev->lock);

	for (pin = 0; pins; pin++, pins >>= 1) {
		if (!(pins & 1))
			continue;
		/*
		 * First those who drive the line may lower it, with remote IRR still set: a line that they
		 * raise again meanwhile is only noted, and ioapic_eoi_end() sends it.
		 */
		nxt_irq_acked(ic, KVM_IRQCHIP_IOAPIC, pin);
		spin_lock_irq(&dev->lock);
		storm |= ioapic_eoi_end(&dev->io, pin);
		spin_unlock_irq(&dev->lock);
	}
	if (storm)
		schedule_delayed_work(&dev->storm, STORM_PAUSE);
}

void nxt_ioapic_get_state(struct nxt_irqchip *ic, struct kvm_ioapic_state *state)
{
	struct nxt_ioapic_dev *dev = ic->ioapic;

	spin_lock_irq(&dev->lock);
	ioapic_get_state(&dev->io, state);
	spin_unlock_irq(&dev->lock);
}

void nxt_ioapic_set_state(struct nxt_irqchip *ic, const struct kvm_ioapic_state *state)
{
	struct nxt_ioapic_dev *dev = ic->ioapic;

	spin_lock_irq(&dev->lock);
	ioapic_set_state(&dev->io, state);
	spin_unlock_irq(&dev->lock);
}

/* After a register write: what must not happen under the lock. */
static void after_write(struct nxt_ioapic_dev *dev, struct ioapic_written written)
{
	struct nxt_irqchip *ic = dev->ic;
	struct nxt_pit_dev *pit = irqchip_pit(ic);

	if (written.unmasked >= 0 && pit &&
	    nxt_chip_gsi(ic, KVM_IRQCHIP_IOAPIC, written.unmasked) == NXT_PIT_GSI)
		nxt_pit_forget(pit);

	if (written.service < 0)
		return;
	/*
	 * The line is high as far as we know, but of a resampled line we only know that it was: a guest that
	 * quiets its device between EOI and unmasking lowered it unseen. So let those who drive it look again
	 * before the guest gets an interrupt that it has handled already. If the line is still high they
	 * raise it again, which sends; and what others drive is sent below.
	 */
	nxt_irq_acked(ic, KVM_IRQCHIP_IOAPIC, written.service);
	spin_lock_irq(&dev->lock);
	ioapic_service(&dev->io, written.service);
	spin_unlock_irq(&dev->lock);
}

bool nxt_ioapic_write(struct nxt_irqchip *ic, u64 addr, u32 len, const void *data)
{
	struct ioapic_written written = {.service = -1, .unmasked = -1};
	struct nxt_ioapic_dev *dev = ic->ioapic;
	u32 value = 0;
	u64 offset;

	/* Registers are 32 bits wide; of 64 bits only the low half has a place to go (as in KVM). */
	memcpy(&value, data, min(len, 4u));

	spin_lock_irq(&dev->lock);
	offset = addr - dev->io.base;
	if (offset < IOAPIC_LENGTH)
		written = ioapic_write(&dev->io, offset, value);
	spin_unlock_irq(&dev->lock);

	after_write(dev, written);
	return offset < IOAPIC_LENGTH;
}

bool nxt_ioapic_read(struct nxt_irqchip *ic, u64 addr, u32 len, void *data)
{
	struct nxt_ioapic_dev *dev = ic->ioapic;
	u32 value = 0;
	u64 offset;

	spin_lock_irq(&dev->lock);
	offset = addr - dev->io.base;
	if (offset < IOAPIC_LENGTH)
		value = ioapic_read(&dev->io, offset);
	spin_unlock_irq(&dev->lock);
	if (offset >= IOAPIC_LENGTH)
		return false;

	memset(data, 0, len);
	memcpy(data, &value, min(len, 4u));
	return true;
}
