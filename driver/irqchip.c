// SPDX-License-Identifier: GPL-2.0-only
/* The irqchip's life, and its ioctls. Error codes and the order of the checks are KVM's. */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "irqchip_priv.h"

int nxt_irqchip_init(struct nxt_vm *vm)
{
	struct nxt_irqchip *ic;
	int ret;

	ic = kzalloc(sizeof(*ic), GFP_KERNEL_ACCOUNT);
	if (!ic)
		return -ENOMEM;
	ic->vm = vm;
	mutex_init(&ic->lock);
	nxt_irqfds_init(ic);
	ret = init_srcu_struct(&ic->srcu);
	if (ret)
		goto fail;
	ret = nxt_coalesced_init(ic);
	if (ret)
		goto fail_srcu;
	vm->irqchip = ic;
	return 0;

fail_srcu:
	cleanup_srcu_struct(&ic->srcu);
fail:
	kfree(ic);
	return ret;
}

void nxt_irqchip_destroy(struct nxt_vm *vm)
{
	struct nxt_irqchip *ic = vm->irqchip;

	if (!ic)
		return;
	/* First who drives lines, then what the lines lead to. */
	nxt_irqfds_destroy(ic);
	nxt_pit_destroy(ic);
	nxt_ioapic_destroy(ic);
	nxt_pic_destroy(ic);
	nxt_ioeventfds_destroy(ic);
	nxt_coalesced_destroy(ic);
	nxt_routing_destroy(ic);
	cleanup_srcu_struct(&ic->srcu);
	kfree(ic);
	vm->irqchip = NULL;
}

enum nxt_irqchip_mode nxt_irqchip_mode(struct nxt_vm *vm)
{
	return irqchip_mode(vm->irqchip);
}

/* vm->lock held. Before the mode says that they exist nobody looks for the chips. */
static int create_chips(struct nxt_irqchip *ic)
{
	int ret;

	ret = nxt_pic_create(ic);
	if (ret)
		return ret;
	ret = nxt_ioapic_create(ic);
	if (ret)
		goto fail_pic;
	ret = nxt_routing_default(ic);
	if (ret)
		goto fail_ioapic;
	smp_store_release(&ic->mode, NXT_IRQCHIP_FULL);
	return 0;

fail_ioapic:
	nxt_ioapic_destroy(ic);
	ic->ioapic = NULL;
fail_pic:
	nxt_pic_destroy(ic);
	ic->pic = NULL;
	return ret;
}

static long create_irqchip(struct nxt_vm *vm)
{
	struct nxt_irqchip *ic = vm->irqchip;
	int ret;

	mutex_lock(&vm->lock);
	if (ic->mode != NXT_IRQCHIP_NONE)
		ret = -EEXIST;
	else if (vm->vcpu_count)
		ret = -EINVAL;
	else
		ret = create_chips(ic);
	mutex_unlock(&vm->lock);
	return ret;
}

int nxt_irqchip_enable_split(struct nxt_vm *vm, u64 reserved_pins)
{
	struct nxt_irqchip *ic = vm->irqchip;
	int ret = 0;

	if (reserved_pins > NXT_MAX_IRQ_ROUTES)
		return -EINVAL;

	mutex_lock(&vm->lock);
	if (ic->mode != NXT_IRQCHIP_NONE || vm->vcpu_count) {
		ret = -EEXIST;
	} else {
		ic->reserved_pins = reserved_pins;
		smp_store_release(&ic->mode, NXT_IRQCHIP_SPLIT);
	}
	mutex_unlock(&vm->lock);
	return ret;
}

static long create_pit(struct nxt_vm *vm, const void __user *argp)
{
	struct kvm_pit_config config = {.flags = KVM_PIT_SPEAKER_DUMMY};
	long ret;

	if (argp && copy_from_user(&config, argp, sizeof(config)))
		return -EFAULT;
	mutex_lock(&vm->lock);
	ret = nxt_pit_create(vm->irqchip, config.flags);
	mutex_unlock(&vm->lock);
	return ret;
}

static int get_chip(struct nxt_irqchip *ic, struct kvm_irqchip *chip)
{
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		nxt_pic_get_state(ic, chip->chip_id, &chip->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		nxt_ioapic_get_state(ic, &chip->chip.ioapic);
		return 0;
	}
	return -EINVAL;
}

static int set_chip(struct nxt_irqchip *ic, const struct kvm_irqchip *chip)
{
	switch (chip->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		nxt_pic_set_state(ic, chip->chip_id, &chip->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		nxt_ioapic_set_state(ic, &chip->chip.ioapic);
		return 0;
	}
	return -EINVAL;
}

static long chip_state(struct nxt_irqchip *ic, void __user *argp, bool set)
{
	struct kvm_irqchip *chip;
	long ret;

	chip = memdup_user(argp, sizeof(*chip));
	if (IS_ERR(chip))
		return PTR_ERR(chip);
	if (irqchip_mode(ic) != NXT_IRQCHIP_FULL)
		ret = -ENXIO;
	else if (set)
		ret = set_chip(ic, chip);
	else
		ret = get_chip(ic, chip);
	if (!ret && !set && copy_to_user(argp, chip, sizeof(*chip)))
		ret = -EFAULT;
	kfree(chip);
	return ret;
}

/* size: of kvm_pit_state, or of kvm_pit_state2, which begins the same and goes on with flags. */
static long pit_get(struct nxt_irqchip *ic, void __user *argp, size_t size)
{
	struct nxt_pit_dev *pit = irqchip_pit(ic);
	struct kvm_pit_state2 state;

	BUILD_BUG_ON(offsetof(struct kvm_pit_state2, flags) != sizeof(struct kvm_pit_state));
	if (!pit)
		return -ENXIO;
	nxt_pit_get_state(pit, &state);
	return copy_to_user(argp, &state, size) ? -EFAULT : 0;
}

static long pit_set(struct nxt_irqchip *ic, const void __user *argp, size_t size)
{
	struct nxt_pit_dev *pit = irqchip_pit(ic);
	struct kvm_pit_state2 state;

	if (!pit)
		return -ENXIO;
	/* What the shorter state does not say stays as it is. */
	nxt_pit_get_state(pit, &state);
	if (copy_from_user(&state, argp, size))
		return -EFAULT;
	nxt_pit_set_state(pit, &state);
	return 0;
}

static long reinject_control(struct nxt_irqchip *ic, const void __user *argp)
{
	struct nxt_pit_dev *pit = irqchip_pit(ic);
	struct kvm_reinject_control control;

	if (copy_from_user(&control, argp, sizeof(control)))
		return -EFAULT;
	if (!pit)
		return -ENXIO;
	nxt_pit_set_reinject(pit, control.pit_reinject);
	return 0;
}

static long irq_line(struct nxt_irqchip *ic, void __user *argp, bool status)
{
	struct kvm_irq_level line;

	if (copy_from_user(&line, argp, sizeof(line)))
		return -EFAULT;
	if (irqchip_mode(ic) == NXT_IRQCHIP_NONE)
		return -ENXIO;
	/* Who asks for the status repeats what it calls coalesced. */
	line.status = status ? nxt_set_irq_retried(ic, NXT_SRC_USER, line.irq, line.level)
			     : nxt_set_irq(ic, NXT_SRC_USER, line.irq, line.level);
	return status && copy_to_user(argp, &line, sizeof(line)) ? -EFAULT : 0;
}

static long set_routing(struct nxt_irqchip *ic, const void __user *argp)
{
	const struct kvm_irq_routing __user *user = argp;
	struct kvm_irq_routing_entry *entries;
	struct kvm_irq_routing header;
	long ret;

	if (copy_from_user(&header, user, sizeof(header)))
		return -EFAULT;
	if (irqchip_mode(ic) == NXT_IRQCHIP_NONE || header.nr > NXT_MAX_IRQ_ROUTES || header.flags)
		return -EINVAL;
	if (!header.nr)
		return nxt_routing_set(ic, NULL, 0);
	entries = vmemdup_array_user(user->entries, header.nr, sizeof(*entries));
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	ret = nxt_routing_set(ic, entries, header.nr);
	kvfree(entries);
	return ret;
}

static long signal_msi(struct nxt_irqchip *ic, const void __user *argp)
{
	struct kvm_msi msi;

	if (copy_from_user(&msi, argp, sizeof(msi)))
		return -EFAULT;
	return nxt_signal_msi(ic, &msi);
}

static long irqfd(struct nxt_irqchip *ic, const void __user *argp)
{
	struct kvm_irqfd args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return nxt_irqfd(ic, &args);
}

static long ioeventfd(struct nxt_irqchip *ic, const void __user *argp)
{
	struct kvm_ioeventfd args;

	if (copy_from_user(&args, argp, sizeof(args)))
		return -EFAULT;
	return nxt_ioeventfd(ic, &args);
}

static long coalesced(struct nxt_irqchip *ic, const void __user *argp, bool add)
{
	struct kvm_coalesced_mmio_zone zone;

	if (copy_from_user(&zone, argp, sizeof(zone)))
		return -EFAULT;
	return add ? nxt_coalesced_register(ic, &zone) : nxt_coalesced_unregister(ic, &zone);
}

long nxt_irqchip_ioctl(struct nxt_vm *vm, unsigned int cmd, void __user *argp)
{
	struct nxt_irqchip *ic = vm->irqchip;

	switch (cmd) {
	case KVM_CREATE_IRQCHIP:
		return create_irqchip(vm);
	case KVM_CREATE_PIT: /* no argument */
		return create_pit(vm, NULL);
	case KVM_CREATE_PIT2:
		return argp ? create_pit(vm, argp) : -EFAULT;
	case KVM_GET_IRQCHIP:
		return chip_state(ic, argp, false);
	case KVM_SET_IRQCHIP:
		return chip_state(ic, argp, true);
	case KVM_GET_PIT:
		return pit_get(ic, argp, sizeof(struct kvm_pit_state));
	case KVM_SET_PIT:
		return pit_set(ic, argp, sizeof(struct kvm_pit_state));
	case KVM_GET_PIT2:
		return pit_get(ic, argp, sizeof(struct kvm_pit_state2));
	case KVM_SET_PIT2:
		return pit_set(ic, argp, sizeof(struct kvm_pit_state2));
	case KVM_REINJECT_CONTROL:
		return reinject_control(ic, argp);
	case KVM_IRQ_LINE:
		return irq_line(ic, argp, false);
	case KVM_IRQ_LINE_STATUS:
		return irq_line(ic, argp, true);
	case KVM_SET_GSI_ROUTING:
		return set_routing(ic, argp);
	case KVM_SIGNAL_MSI:
		return signal_msi(ic, argp);
	case KVM_IRQFD:
		return irqfd(ic, argp);
	case KVM_IOEVENTFD:
		return ioeventfd(ic, argp);
	case KVM_REGISTER_COALESCED_MMIO:
		return coalesced(ic, argp, true);
	case KVM_UNREGISTER_COALESCED_MMIO:
		return coalesced(ic, argp, false);
	}
	return -ENOTTY;
}

int nxt_check_irq_extension(long cap)
{
	switch (cap) {
	case KVM_CAP_IRQCHIP:
	case KVM_CAP_IRQ_INJECT_STATUS:
	case KVM_CAP_PIT:
	case KVM_CAP_PIT2:
	case KVM_CAP_PIT_STATE2:
	case KVM_CAP_REINJECT_CONTROL:
	case KVM_CAP_SPLIT_IRQCHIP:
	case KVM_CAP_SIGNAL_MSI:
	case KVM_CAP_IRQFD:
	case KVM_CAP_IRQFD_RESAMPLE:
	case KVM_CAP_IOEVENTFD:
	case KVM_CAP_IOEVENTFD_NO_LENGTH:
	case KVM_CAP_IOEVENTFD_ANY_LENGTH:
	case KVM_CAP_COALESCED_PIO:
		return 1;
	case KVM_CAP_IRQ_ROUTING:
		return NXT_MAX_IRQ_ROUTES;
	case KVM_CAP_COALESCED_MMIO:
		return KVM_COALESCED_MMIO_PAGE_OFFSET;
	}
	return 0;
}
