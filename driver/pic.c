// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PICs in the VM: who drives their lines, their ports, and whom they wake. The chips themselves:
 * pic_logic.c.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "internal.h"
#include "irqchip_priv.h"
#include "pic_logic.h"

struct nxt_pic_dev {
	struct nxt_irqchip *ic;
	spinlock_t lock;
	struct pic pic;
	u8 sources[NXT_PIC_PINS]; /* who drives the line: bits of enum nxt_irq_source */
};

int nxt_pic_create(struct nxt_irqchip *ic)
{
	struct nxt_pic_dev *dev = kzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);

	if (!dev)
		return -ENOMEM;
	dev->ic = ic;
	spin_lock_init(&dev->lock);
	pic_reset(&dev->pic);
	ic->pic = dev;
	return 0;
}

void nxt_pic_destroy(struct nxt_irqchip *ic)
{
	kfree(ic->pic);
}

/* What an operation left to do once the lock is released. */
struct pic_after {
	bool rose;
	u16 acked;
	u16 unmasked;
};

static struct pic_after pic_take_after(struct nxt_pic_dev *dev, bool output_before)
{
	struct pic_after after = {
		.rose = dev->pic.output && !output_before,
		.acked = dev->pic.acked,
		.unmasked = dev->pic.unmasked,
	};

	dev->pic.acked = 0;
	dev->pic.unmasked = 0;
	return after;
}

static u32 line_chip(u32 line)
{
	return line < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
}

/*
 * A rising output needs a kick: the vCPU that takes it may sleep or run. One that stays high does not: the
 * vCPU was kicked when it rose, and looks at nxt_pic_pending() each time before it sleeps or enters the
 * guest. The output is stored before the kick, so whoever is kicked sees it.
 */
static void pic_do_after(struct nxt_pic_dev *dev, struct pic_after after)
{
	u32 line;

	if (after.rose)
		nxt_vm_kick_extint(dev->ic->vm);
	for (line = 0; after.acked; line++, after.acked >>= 1)
		if (after.acked & 1)
			nxt_irq_acked(dev->ic, line_chip(line), line & 7);
	for (line = 0; after.unmasked; line++, after.unmasked >>= 1) {
		struct nxt_pit_dev *pit = irqchip_pit(dev->ic);

		if (pit && after.unmasked & 1 &&
		    nxt_chip_gsi(dev->ic, line_chip(line), line & 7) == NXT_PIT_GSI)
			nxt_pit_forget(pit);
	}
}

int nxt_pic_set_irq(struct nxt_irqchip *ic, u32 line, enum nxt_irq_source source, bool level)
{
	struct nxt_pic_dev *dev = ic->pic;
	struct pic_after after;
	unsigned long flags;
	bool output;
	int ret;

	spin_lock_irqsave(&dev->lock, flags);
	output = dev->pic.output;
	if (level)
		dev->sources[line] |= 1 << source;
	else
		dev->sources[line] &= ~(1 << source);
	ret = pic_set_line(&dev->pic, line, dev->sources[line]);
	after = pic_take_after(dev, output);
	spin_unlock_irqrestore(&dev->lock, flags);

	pic_do_after(dev, after);
	return ret;
}

bool nxt_pic_pending(struct nxt_vm *vm)
{
	struct nxt_irqchip *ic = vm->irqchip;

	return irqchip_mode(ic) == NXT_IRQCHIP_FULL && READ_ONCE(ic->pic->pic.output);
}

int nxt_pic_ack(struct nxt_vm *vm)
{
	struct nxt_irqchip *ic = vm->irqchip;
	struct nxt_pic_dev *dev;
	struct pic_after after;
	unsigned long flags;
	int vector;

	if (irqchip_mode(ic) != NXT_IRQCHIP_FULL)
		return -1;
	dev = ic->pic;
	spin_lock_irqsave(&dev->lock, flags);
	vector = pic_ack(&dev->pic);
	/*
	 * The output falls during the acknowledge; if it is up again, that is a rise for whoever else
	 * listens.
	 */
	after = pic_take_after(dev, false);
	spin_unlock_irqrestore(&dev->lock, flags);

	pic_do_after(dev, after);
	return vector;
}

void nxt_pic_get_state(struct nxt_irqchip *ic, u32 chip, struct kvm_pic_state *state)
{
	struct nxt_pic_dev *dev = ic->pic;

	spin_lock_irq(&dev->lock);
	*state = dev->pic.chip[chip == KVM_IRQCHIP_PIC_SLAVE ? PIC_SLAVE : PIC_MASTER];
	spin_unlock_irq(&dev->lock);
}

void nxt_pic_set_state(struct nxt_irqchip *ic, u32 chip, const struct kvm_pic_state *state)
{
	struct nxt_pic_dev *dev = ic->pic;
	struct pic_after after;

	spin_lock_irq(&dev->lock);
	pic_set_state(&dev->pic, chip == KVM_IRQCHIP_PIC_SLAVE ? PIC_SLAVE : PIC_MASTER, state);
	after = pic_take_after(dev, false);
	spin_unlock_irq(&dev->lock);
	pic_do_after(dev, after);
}

/* Which register a port is. */
enum pic_port { PIC_PORT_NONE, PIC_PORT_CHIP, PIC_PORT_ELCR };

static enum pic_port decode(u64 port, u32 len, u32 *chip)
{
	/* Each pair of ports is one range; an access that leaves it is not the PIC's. */
	if ((port & 1) + len > 2)
		return PIC_PORT_NONE;
	switch (port) {
	case 0x20:
	case 0x21:
		*chip = PIC_MASTER;
		return PIC_PORT_CHIP;
	case 0xa0:
	case 0xa1:
		*chip = PIC_SLAVE;
		return PIC_PORT_CHIP;
	case 0x4d0:
	case 0x4d1:
		*chip = port & 1 ? PIC_SLAVE : PIC_MASTER;
		return PIC_PORT_ELCR;
	}
	return PIC_PORT_NONE;
}

bool nxt_pic_write(struct nxt_irqchip *ic, u64 port, u32 len, const void *data)
{
	struct nxt_pic_dev *dev = ic->pic;
	struct pic_after after;
	enum pic_port what;
	bool output;
	u32 chip;

	what = decode(port, len, &chip);
	if (what == PIC_PORT_NONE)
		return false;
	/* The chips are on an 8-bit bus; KVM drops wider accesses too. */
	if (len != 1)
		return true;

	spin_lock_irq(&dev->lock);
	output = dev->pic.output;
	if (what == PIC_PORT_ELCR)
		pic_elcr_write(&dev->pic, chip, *(const u8 *)data);
	else
		pic_write(&dev->pic, chip, port & 1, *(const u8 *)data);
	after = pic_take_after(dev, output);
	spin_unlock_irq(&dev->lock);

	pic_do_after(dev, after);
	return true;
}

bool nxt_pic_read(struct nxt_irqchip *ic, u64 port, u32 len, void *data)
{
	struct nxt_pic_dev *dev = ic->pic;
	struct pic_after after;
	enum pic_port what;
	bool output;
	u32 chip;

	what = decode(port, len, &chip);
	if (what == PIC_PORT_NONE)
		return false;
	memset(data, 0, len);
	if (len != 1)
		return true;

	spin_lock_irq(&dev->lock);
	output = dev->pic.output;
	if (what == PIC_PORT_ELCR)
		*(u8 *)data = pic_elcr_read(&dev->pic, chip);
	else
		*(u8 *)data = pic_read(&dev->pic, chip, port & 1);
	after = pic_take_after(dev, output);
	spin_unlock_irq(&dev->lock);

	pic_do_after(dev, after);
	return true;
}
